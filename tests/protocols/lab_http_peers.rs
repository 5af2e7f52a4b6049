//! The lab's web server before clients others wrote: what they sent is what it shows, and what it says is what they see.

use crate::support;
use netprimer::lab::http::{self, Lab, Options};
use netprimer::lab::tls::{Acceptor, Certificate, ca_pem};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::programs::{self, python, tool, works};

fn lab() -> Lab {
    http::start(Options::default()).unwrap()
}

fn secure() -> Lab {
    let tls = Some(Acceptor::new(Certificate::Good).unwrap());
    http::start(Options { tls, ..Options::default() }).unwrap()
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lab_http_{name}_{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("test.txt"), "Hello, 你好\n").unwrap();
        fs::write(path.join("ca.pem"), ca_pem().unwrap()).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Its status, its output, its errors.
type Ran = (i32, Vec<u8>, String);

/// A program of others: called with arguments, it gives its status and what it wrote.
fn peer(name: &'static str) -> Option<impl Fn(&[&str]) -> Ran> {
    tool(name)?;
    Some(move |args: &[&str]| ran(Command::new(name).args(args)))
}

fn ran(command: &mut Command) -> Ran {
    let left = programs::run(command, b"");
    (left.status, left.out, left.err)
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

#[test]
fn curl() {
    let Some(curl) = peer("curl") else { return };
    let (lab, folder) = (lab(), Folder::new("curl"));
    let ask = |args: &[&str]| {
        let (last, options) = args.split_last().unwrap();
        let url = if last.starts_with('/') { lab.url(last) } else { (*last).to_owned() };
        let common = ["-q", "-sS", "--noproxy", "*", "--max-time", "15"];
        let args: Vec<&str> = common.iter().chain(options).copied().chain([url.as_str()]).collect();
        let (status, out, err) = curl(&args);
        assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
        out
    };
    assert_eq!(parsed(&ask(&["/get?a=1&a=2"]))["args"], json!({"a": ["1", "2"]}));
    assert_eq!(
        parsed(&ask(&["-d", "k=v", "--data-urlencode", "n=你 好", "/post"]))["form"],
        json!({"k": "v", "n": "你 好"})
    );
    let file = format!("f=@{};type=text/x;filename=a\"b.txt", folder.path("test.txt"));
    let parts = parsed(&ask(&["-F", &file, "-F", "k=v;x", "/upload"]));
    assert_eq!(parts["files"], json!({"f": "Hello, 你好\n"}));
    assert_eq!(parts["form"], json!({"k": "v"}), "curl takes ;x for an option of its own");
    let put = parsed(&ask(&["-T", &folder.path("test.txt"), "/put"]));
    assert_eq!(put["data"], "Hello, 你好\n");
    let chunked = ask(&[
        "-H",
        "Transfer-Encoding: chunked",
        "-H",
        "Expect: 100-continue",
        "-T",
        &folder.path("test.txt"),
        "/put",
    ]);
    assert_eq!(parsed(&chunked)["data"], "Hello, 你好\n");
    assert_eq!(parsed(&ask(&["--compressed", "/gzip"]))["gzipped"], true);
    assert_eq!(ask(&["/chunked"]), "你好, in three chunks\n".as_bytes());
    assert_eq!(ask(&["--http1.0", "/chunked"]), "你好, in three chunks\n".as_bytes());
    assert_eq!(parsed(&ask(&["-L", "/redirect/5"]))["url"], lab.url("/get"));
    assert_eq!(parsed(&ask(&["-L", "-b", "", "/cookies/set?a=1"]))["cookies"], json!({"a": "1"}));
    assert_eq!(parsed(&ask(&["-u", "user:p w", "/basic-auth/user/p%20w"]))["authenticated"], true);
    assert!(ask(&["-I", "/bytes/77"]).windows(18).any(|w| w == b"Content-Length: 77"), "HEAD");
    let (one, two) = (lab.url("/bytes/5000"), lab.url("/get"));
    let before = lab.requests().last().unwrap().connection;
    ask(&["-o", &folder.path("one"), "-o", &folder.path("two"), &one, &two]);
    assert_eq!(fs::read(folder.path("one")).unwrap().len(), 5000);
    let after: Vec<u64> = lab.requests().iter().map(|request| request.connection).filter(|n| *n > before).collect();
    assert_eq!(after, [before + 1; 2], "both on one connection");
    for (path, wanted) in
        [("/wrong/cut", 18), ("/wrong/cut-chunked", 18), ("/wrong/bad-chunk", 56), ("/wrong/hang-up", 52)]
    {
        assert_eq!(curl(&["-q", "-sS", "--noproxy", "*", &lab.url(path)]).0, wanted, "{path}");
    }
    // Over TLS, with the lab's authority in a file; and not without.
    let lab = secure();
    let (status, out, err) =
        curl(&["-q", "-sS", "--noproxy", "*", "--cacert", &folder.path("ca.pem"), &lab.url("/get")]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(parsed(&out)["url"], lab.url("/get"));
    assert_eq!(curl(&["-q", "-sS", "--noproxy", "*", &lab.url("/get")]).0, 60);
    // An end that nothing marks over TLS is none of curl's business (OpenSSL 3's SSL_OP_IGNORE_UNEXPECTED_EOF); a length is.
    assert_eq!(
        curl(&["-q", "-sS", "--noproxy", "*", "--cacert", &folder.path("ca.pem"), &lab.url("/wrong/cut")]).0,
        18
    );
}

#[test]
fn wget() {
    let Some(wget) = peer("wget") else { return };
    let (lab, folder) = (lab(), Folder::new("wget"));
    let ask = |args: &[&str], path: &str| {
        let url = lab.url(path);
        let common = ["--no-config", "--no-proxy", "-q", "-T", "15", "-t", "2", "-O", "-"];
        wget(&common.iter().chain(args).copied().chain([url.as_str()]).collect::<Vec<_>>())
    };
    let get = parsed(&ask(&["--header", "X-A: 你"], "/get?q=1").1);
    assert_eq!((&get["args"]["q"], &get["headers"]["X-A"]), (&"1".into(), &"你".into()));
    assert_eq!(parsed(&ask(&["--post-data", "k=v&n=%E4%BD%A0"], "/post").1)["form"], json!({"k": "v", "n": "你"}));
    let put = ask(&["--method", "PUT", "--body-file", &folder.path("test.txt")], "/put");
    assert_eq!(parsed(&put.1)["form"], json!({"Hello, 你好\n": ""}), "wget calls every body a form");
    assert_eq!(parsed(&ask(&[], "/redirect/4").1)["url"], lab.url("/get"));
    assert_eq!(parsed(&ask(&[], "/cookies/set?a=1").1)["cookies"], json!({"a": "1"}));
    assert_eq!(parsed(&ask(&["--user", "me", "--password", "pw"], "/basic-auth/me/pw").1)["user"], "me");
    assert_eq!(ask(&[], "/chunked").1, "你好, in three chunks\n".as_bytes());
    assert_eq!(ask(&[], "/close").1, b"Hello\n");
    assert_eq!(ask(&[], "/bytes/100000").1.len(), 100_000);
    assert_eq!(ask(&[], "/status/404").0, 8, "wget's status for an error of the server");
    let gzip = ask(&["--compression=auto"], "/gzip");
    assert_eq!(parsed(&gzip.1)["gzipped"], true);
    let lab = secure();
    let args = ["--no-config", "--no-proxy", "-q", "-t", "1", "-O", "-", "--ca-certificate"];
    let over_tls = wget(&[&args[..], &[&folder.path("ca.pem"), &lab.url("/get")]].concat());
    assert_eq!(parsed(&over_tls.1)["url"], lab.url("/get"));
    assert_eq!(wget(&["--no-config", "--no-proxy", "-q", "-t", "1", "-O", "-", &lab.url("/get")]).0, 5);
}

fn text(value: &Value) -> Value {
    parsed(value.as_str().unwrap_or_else(|| panic!("no text: {value}")).as_bytes())
}

#[test]
fn python_urllib() {
    let lab = lab();
    let base = lab.url("");
    let Some(mut python) = python("lab_http.py") else { return };
    let (status, out, err) = ran(python.arg(&base));
    assert_eq!((status, err.as_str()), (0, ""));
    let seen = parsed(&out);
    let body = |name: &str| text(&seen[name]["body"]);
    assert!(seen["page"]["body"].as_str().unwrap().contains("<h1>Hello, 你好!</h1>"));
    assert_eq!(body("post")["form"], json!({"key": "value", "name": "你好 & co"}));
    assert_eq!(body("post")["url"], format!("{base}/post"));
    assert_eq!(body("get")["args"], json!({"a": ["1", "2"], "b": "你"}));
    assert_eq!(body("json")["json"], json!({"k": ["你好", 1]}));
    assert_eq!(body("put")["data"], "data:application/octet-stream;base64,cmF3IP8=");
    assert_eq!((&seen["delete"]["status"], &body("delete")["data"]), (&200.into(), &"".into()));
    assert_eq!(seen["redirect"]["url"], format!("{base}/get"));
    assert_eq!(seen["chunked"]["body"], "你好, in three chunks\n");
    assert_eq!((&seen["close"]["body"], &seen["drip"]["body"]), (&"Hello\n".into(), &"*****".into()));
    for name in ["gbk", "big5"] {
        assert!(seen[name]["body"].as_str().unwrap().contains("<p>你好，世界</p>"), "{name}");
    }
    assert_eq!(seen["cookies"]["cookies"], json!({"name": "value", "second": "2"}));
    assert_eq!(seen["cookies deleted"]["cookies"], json!({"name": "value"}));
    assert_eq!(seen["basic"], json!({"authenticated": true, "user": "user"}));
    assert_eq!(seen["404"]["status"], 404);
    assert_eq!((&seen["503"]["status"], &seen["503"]["retry"]), (&503.into(), &"3".into()));
    assert_eq!(seen["413"]["status"], 413, "heard although all of the body was sent first");
    assert_eq!((&seen["cut"], &seen["cut-chunked"]), (&"IncompleteRead".into(), &"IncompleteRead".into()));
    assert_eq!(seen["no-http"], "BadStatusLine");
}

#[test]
fn python_requests() {
    let Some(mut probe) = tool("python3") else { return };
    if !works(probe.args(["-c", "import requests"]), "the Python package requests") {
        return;
    }
    let folder = Folder::new("requests");
    for (lab, certificate) in [(lab(), None), (secure(), Some(folder.path("ca.pem")))] {
        let Some(mut python) = python("lab_requests.py") else { return };
        let (status, out, err) = ran(python.arg(lab.url("")).arg(folder.path("")).args(certificate));
        assert_eq!((status, err.as_str()), (0, ""));
        compare(&lab, &parsed(&out));
    }
}

fn compare(lab: &Lab, seen: &Value) {
    let body = |name: &str| text(&seen[name]["text"]);
    let base = lab.url("");
    let requests = lab.requests();
    // Field by field: what it says that it sent is what came, and what it was shown.
    for name in ["get", "agent", "form", "json", "file", "files", "delete", "patch", "head", "gzip", "by hand"] {
        let sent = &seen[name]["sent"];
        let target = sent["url"].as_str().unwrap().strip_prefix(&base).unwrap();
        let method = sent["method"].as_str().unwrap();
        let mut fields: Vec<(String, String)> = Vec::new();
        for (field, value) in sent["headers"].as_object().unwrap() {
            fields.push((field.to_ascii_lowercase(), value.as_str().unwrap().to_owned()));
        }
        fields.sort();
        let came = requests.iter().find(|request| {
            let mut own: Vec<(String, String)> =
                request.head.headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
            own.retain(|(name, _)| name != "host");
            own.sort();
            request.head.target == target && request.head.method == method && own == fields
        });
        let came = came.unwrap_or_else(|| panic!("{name}: nothing came as {sent}"));
        let latin: String = came.body.iter().copied().map(char::from).collect();
        assert_eq!(seen[name]["body"], latin, "{name}");
    }
    assert_eq!(body("get")["args"], json!({"key1": "value1", "key2": ["a b", "你好"]}));
    assert_eq!(body("agent")["headers"]["User-Agent"], "Mozilla/5.0");
    assert_eq!(body("form")["form"], json!({"key1": "value1", "key2": "你 好&"}));
    assert_eq!(body("json")["json"], json!({"key": "value", "你": [1, null]}));
    assert_eq!(body("json")["headers"]["Content-Type"], "application/json");
    assert_eq!(body("file")["files"], json!({"file": "Hello, 你好\n"}));
    assert_eq!(body("files")["files"], json!({"a": ["one\r\n", "data:application/x-thing;base64,/wA="]}));
    assert_eq!(body("files")["form"], json!({"f": ["1", "2"]}));
    assert_eq!(body("generator")["data"], "Hello, 你好");
    assert_eq!(body("generator")["headers"]["Transfer-Encoding"], "chunked");
    assert_eq!(body("patch")["data"], "text");
    assert_eq!((&seen["head"]["status"], &seen["head"]["text"]), (&200.into(), &"".into()));
    assert_eq!(seen["options"]["status"], 200);
    assert_eq!(body("gzip")["gzipped"], true);
    assert_eq!(
        (&seen["redirect"]["history"], &body("redirect")["url"]),
        (&json!([302, 302, 302]), &format!("{base}/get").into())
    );
    assert_eq!((&body("kept")["method"], &body("kept")["form"]), (&"POST".into(), &json!({"k": "v"})));
    assert_eq!((&body("changed")["method"], &body("changed")["form"]), (&"GET".into(), &json!({})));
    assert_eq!((&body("basic")["authenticated"], &seen["denied"]["status"]), (&true.into(), &401.into()));
    for (name, encoding) in [("gbk", "gbk"), ("big5", "big5")] {
        assert_eq!(seen[name]["encoding"], encoding);
        assert!(seen[name]["text"].as_str().unwrap().contains("<title>你好，世界</title>"), "{name}");
    }
    assert_eq!(
        seen["stream"]["text"]
            .as_str()
            .unwrap()
            .lines()
            .map(|line| parsed(line.as_bytes())["id"].clone())
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(body("by hand")["cookies"], json!({"name": "value"}));
    assert_eq!(body("by server")["cookies"], json!({"name": "value", "theirs": "1"}));
    assert_eq!((&body("retried")["attempt"], &seen["retries"]), (&3.into(), &2.into()));
    assert_eq!((&body("retry after")["attempt"], &body("retry after date")["attempt"]), (&2.into(), &2.into()));
    let noticed = ["silent", "loop", "cut-chunked", "to-file"].map(|name| seen[name].as_str().unwrap());
    assert_eq!(noticed, ["ReadTimeout", "TooManyRedirects", "ChunkedEncodingError", "InvalidSchema"]);
}
