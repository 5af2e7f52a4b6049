//! Sessions beside `requests` and before the servers of Python: the same calls send the same, and the same answers mean the same.

use crate::{site, support};
use netprimer::lab::http::{self as lab, Lab};
use netprimer::retry::Policy;
use netprimer::web::{Form, Options, Response, Session};
use serde_json::{Value, json};
use site::{Asked, site};
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, UNIX_EPOCH};
use support::programs::{Running, python, python_with, run};

/// A folder with a file, that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("web_{name}_{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("test.txt"), "Hello, 你好\r\n").unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lab() -> Lab {
    lab::start(lab::Options::default()).unwrap()
}

fn json(mut response: Response) -> Value {
    serde_json::from_str(&response.text().unwrap()).unwrap()
}

/// The server for the calls below: cookies and redirects, and else 200.
fn answer(asked: &Asked) -> Vec<u8> {
    let target = asked.head.target.as_str();
    let (status, fields) = match target.strip_prefix("/go/") {
        Some(status) => (format!("{status} There"), "Location: ../there?x=1\r\n"),
        None => {
            let fields = match target {
                "/cookies/set" => {
                    "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=\"2\"; HttpOnly\r\nSet-Cookie: c=3; Path=/other\r\n\
                     Set-Cookie: d=4; Domain=example.com\r\nSet-Cookie: e=5; Max-Age=100\r\n"
                }
                "/cookies/delete" => "Set-Cookie: a=; Path=/; Max-Age=0\r\n",
                _ => "",
            };
            ("200 OK".to_owned(), fields)
        }
    };
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes()
}

/// What of a request must be the same whoever sent it.
fn same(asked: &Asked) -> Value {
    let kind = asked.field("content-type").unwrap_or_default();
    let boundary = kind.split_once("boundary=").map_or("no boundary", |(_, boundary)| boundary);
    let body = String::from_utf8_lossy(&asked.body).replace(boundary, "B");
    let mut cookies: Vec<_> = asked.field("cookie").map_or(Vec::new(), |list| list.split("; ").collect());
    cookies.sort_unstable();
    json!({
        "line": format!("{} {}", asked.head.method, asked.head.target),
        "kind": kind.replace(boundary, "B"),
        // JSON may be written in more than one way.
        "body": serde_json::from_str::<Value>(&body).unwrap_or(Value::String(body)),
        "length": asked.field("content-length").is_some(),
        "chunked": asked.field("transfer-encoding"),
        "cookies": cookies,
        "authorization": asked.field("authorization"),
        "course": asked.field("x-course"),
        "host": asked.field("host").is_some(),
    })
}

#[test]
fn the_calls_of_requests_send_the_same() {
    let Some(mut script) = python_with("requests", "web_requests.py") else { return };
    let (theirs, mine, folder) = (site(None, answer), site(None, answer), Folder::new("calls"));
    let left = run(script.arg(theirs.url("")).arg(&folder.0), b"");
    assert_eq!(left.status, 0, "{}", left.err);

    let mut session = Session::new();
    session.set_header("X-Course", "netprimer").unwrap();
    let url = |path: &str| mine.url(path);
    let sent = |request: netprimer::web::Request<'_>| drop(request.send().unwrap());
    sent(session.get(&url("/get")).query("key1", "value1").query("key2", "a b&c").query("名", "你好~*'()"));
    sent(session.get(&url("/get?a=b")).query("c", "d/e?f"));
    sent(session.post(&url("/form")).form(&[("user name", "张三"), ("x", "1+1=2&3"), ("empty", "")]));
    sent(session.post(&url("/json")).json(&json!({"name": "你好", "list": [1, null, 1.5]})));
    sent(
        session
            .post(&url("/file"))
            .multipart(&Form::new().text("title", "你好").file("file", folder.0.join("test.txt"))),
    );
    sent(session.put(&url("/put")).body(*b"\0raw"));
    sent(session.delete(&url("/delete")));
    sent(session.head(&url("/head")));
    sent(session.post(&url("/empty")));
    sent(session.get(&url("/auth")).basic_auth("user", "pass:word"));
    for path in ["/cookies/set", "/cookies/later", "/cookies/delete", "/cookies/later"] {
        sent(session.get(&url(path)));
    }
    for status in [301, 302, 303, 307, 308] {
        let place = url(&format!("/go/{status}"));
        sent(session.post(&place).form(&[("a", "b")]));
        sent(session.get(&place));
        if status > 302 {
            sent(session.put(&place).body("x"));
        }
    }
    let (theirs, mine) = (theirs.asked(), mine.asked());
    let lines = |asked: &[Asked]| asked.iter().map(Asked::line).collect::<Vec<_>>();
    assert_eq!(theirs.len(), mine.len(), "{:#?}\n{:#?}", lines(&theirs), lines(&mine));
    for (n, (theirs, mine)) in theirs.iter().zip(&mine).enumerate() {
        let (mut theirs, mut mine) = (same(theirs), same(mine));
        // Without a body, requests announces one of no bytes for DELETE, too. RFC 9110 section 8.6 leaves that open.
        if mine["line"] == "DELETE /delete" {
            (theirs["length"], mine["length"]) = (Value::Null, Value::Null);
        }
        assert_eq!(mine, theirs, "call {n}");
    }

    // The words of urllib3, and its numbers.
    let said: Value = serde_json::from_slice(&left.out).unwrap();
    let policy = Policy { total: 8, backoff_factor: 2.0, ..Policy::default() };
    let pauses: Vec<f64> = policy.delays().map(|pause| pause.as_secs_f64()).collect();
    let theirs: Vec<f64> = said["pauses"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
    assert_eq!(pauses, theirs);
    let later = Policy { retry_after_max: 21_600.0, ..Policy::default() };
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for (text, seconds) in said["told"].as_object().unwrap() {
        let ours = later.retry_after(text, now).map(|pause| pause.as_secs_f64());
        assert_eq!(ours, seconds.as_f64(), "{text}");
    }
    let policy = Policy { statuses: vec![500], ..Policy::default() };
    for (case, wanted) in said["wants"].as_object().unwrap() {
        let parts: Vec<&str> = case.split(' ').collect();
        let told = (parts[2] == "True").then_some(Duration::ZERO);
        assert_eq!(Value::Bool(policy.wants(parts[0], parts[1].parse().unwrap(), told)), *wanted, "{case}");
    }
}

/// Pages of the lab that say nothing of who asks, or as JSON, of which the same is kept for everybody.
const PAGES: &str = "\
GET /chunked
GET /close
GET /drip?numbytes=5&duration=0&delay=0
GET /bytes/0
GET /encoding/gbk
GET /encoding/big5
GET /encoding/utf8
GET /stream/3
GET /gzip
HEAD /bytes/10
GET /status/404
GET /status/418
GET /redirect/3
GET /redirect-to?url=/chunked
GET /cookies/set?sid=31d4&x=y
GET /cookies
GET /cookies/delete?sid
GET /cookies/set/z/1
GET /response-headers?X-A=1&X-A=2
DELETE /anything?a=1
";

/// What must be the same whoever was answered.
fn answered(mut seen: Value, base: &str) -> Value {
    seen["url"] = seen["url"].as_str().unwrap().replace(base, "").into();
    for one in seen["history"].as_array_mut().unwrap() {
        one[1] = one[1].as_str().unwrap().replace(base, "").into();
    }
    let fields = seen["fields"].as_object_mut().unwrap();
    for changes in ["date", "content-length", "content-encoding"] {
        fields.remove(changes); // ureq takes the last two away with the compression; the bodies say the same
    }
    let text = seen["text"].as_str().unwrap().replace(base, "");
    let own = ["args", "form", "files", "json", "data", "url", "cookies", "gzipped", "method", "X-A"];
    seen["text"] = match serde_json::from_str::<serde_json::Map<String, Value>>(&text) {
        Ok(told) => told.into_iter().filter(|(name, _)| own.contains(&name.as_str())).collect(),
        Err(_) if text.contains("\"id\"") => text.lines().count().into(), // lines of JSON, each with all fields
        Err(_) => text.into(),
    };
    seen
}

#[test]
fn what_requests_gets_we_get() {
    let Some(mut script) = python_with("requests", "web_gets.py") else { return };
    let (theirs, mine, folder) = (lab(), lab(), Folder::new("gets"));
    let left = run(script.arg(theirs.url("")).arg(&folder.0), PAGES.as_bytes());
    assert_eq!(left.status, 0, "{}", left.err);
    let seen: Vec<Value> = serde_json::from_slice(&left.out).unwrap();

    let session = Session::new();
    let file = Form::new().text("title", "你好").file("file", folder.0.join("test.txt"));
    let to = |status: u16| session.post(&mine.url(&format!("/redirect-to?url=/anything&status_code={status}")));
    let calls = PAGES.lines().map(|line| {
        let (method, path) = line.split_once(' ').unwrap();
        session.request(method, &mine.url(path))
    });
    let calls = calls.chain([
        session.post(&mine.url("/post")).multipart(&file),
        to(307).form(&[("a", "b")]),
        to(303).json(&json!({"a": "b"})),
    ]);
    let mut count = 0;
    for (request, theirs_seen) in calls.zip(&seen) {
        let what = format!("{request:?}");
        let mut response = request.send().unwrap();
        let mut fields = serde_json::Map::new();
        for (name, value) in response.headers() {
            let value = value.to_str().unwrap();
            let all = fields
                .get(name.as_str())
                .map_or(value.to_owned(), |before| format!("{}, {value}", before.as_str().unwrap()));
            fields.insert(name.to_string(), all.into());
        }
        let history = response.history();
        let before: Vec<Value> =
            history[..history.len() - 1].iter().map(|one| json!([one.outcome.as_ref().unwrap(), one.url])).collect();
        let ours = json!({
            "status": response.status().as_u16(),
            "url": response.url().to_string(),
            "history": before,
            "fields": fields,
            "text": response.text().unwrap(),
            "cookies": session.cookies(),
        });
        assert_eq!(answered(ours, &mine.url("")), answered(theirs_seen.clone(), &theirs.url("")), "{what}");
        count += 1;
    }
    assert_eq!((count, seen.len()), (PAGES.lines().count() + 3, count));
}

#[test]
fn files_from_the_server_of_python() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let Some(mut command) = python("web_server.py") else { return };
        let folder = Folder::new(&version.replace(['/', '.'], "_"));
        let server = Running::server(command.args(["files", version]).current_dir(&folder.0));
        let base = format!("http://{}", server.addr());
        let session = Session::new();
        let mut file = session.get(&format!("{base}/test.txt")).send().unwrap();
        assert_eq!((file.status().as_u16(), file.text().unwrap().as_str()), (200, "Hello, 你好\r\n"));
        assert!(session.get(&format!("{base}/")).send().unwrap().text().unwrap().contains("test.txt"));
        assert_eq!(session.get(&format!("{base}/none")).send().unwrap().status(), 404);
        assert_eq!(session.head(&format!("{base}/test.txt")).send().unwrap().text().unwrap(), "");
        assert_eq!(session.post(&format!("{base}/test.txt")).form(&[("a", "b")]).send().unwrap().status(), 501);
        drop(server);
    }
}

#[test]
fn the_pages_of_httpbin() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let Some(mut command) = python_with("httpbin", "web_server.py") else { return };
        let server = Running::server(command.args(["httpbin", version]));
        let url = |path: &str| format!("http://{}{path}", server.addr());
        let (mut session, folder) = (Session::with(Options::default()), Folder::new(&format!("bin_{}", &version[7..])));
        session.pause_with(drop);
        let get = |path: &str| session.get(&url(path)).send().unwrap();
        assert_eq!(
            json(session.get(&url("/get")).query("名", "你 好&").send().unwrap())["args"],
            json!({"名": "你 好&"})
        );
        assert_eq!(
            json(session.post(&url("/post")).form(&[("a", "1+1"), ("b", "你")]).send().unwrap())["form"],
            json!({"a": "1+1", "b": "你"})
        );
        let sent = json!({"k": [1, "你好"]});
        assert_eq!(json(session.post(&url("/post")).json(&sent).send().unwrap())["json"], sent);
        let form = Form::new().text("title \"x\"", "你好").file("file", folder.0.join("test.txt"));
        let back = json(session.post(&url("/post")).multipart(&form).send().unwrap());
        assert_eq!(back["files"]["file"], "Hello, 你好\r\n");
        assert_eq!(back["form"].as_object().unwrap().values().collect::<Vec<_>>(), ["你好"]);
        assert_eq!(json(get("/cookies/set?sid=31d4&x=y"))["cookies"], json!({"sid": "31d4", "x": "y"}));
        assert_eq!(json(get("/cookies/delete?sid"))["cookies"], json!({"x": "y"}));
        assert_eq!(get("/redirect/3").history().len(), 4);
        assert_eq!(get("/absolute-redirect/2").history().len(), 3);
        assert_eq!(json(get("/gzip"))["gzipped"], true);
        assert_eq!(get("/stream/3").text().unwrap().lines().count(), 3);
        assert_eq!(get("/stream-bytes/5000?chunk_size=100").bytes().unwrap().len(), 5000);
        assert_eq!(get("/bytes/3000").bytes().unwrap().len(), 3000);
        assert!(get("/xml").text().unwrap().starts_with("<?xml"));
        assert_eq!(get("/status/418").status(), 418);
        assert_eq!(
            session.get(&url("/basic-auth/user/passwd")).basic_auth("user", "passwd").send().unwrap().status(),
            200
        );
        assert_eq!(get("/basic-auth/user/passwd").status(), 401);
        for method in ["PUT", "PATCH", "DELETE"] {
            let path = format!("/{}", method.to_lowercase());
            assert_eq!(json(session.request(method, &url(&path)).body("x").send().unwrap())["data"], "x");
        }
        session.mount("http://", Policy { total: 2, statuses: vec![503], ..Policy::default() });
        assert_eq!(session.get(&url("/status/503")).send().unwrap().history().len(), 3);
        drop(server);
    }
}
