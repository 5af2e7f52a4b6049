//! Our HTTP clients against servers that others wrote: Python's `http.server`, nginx and httpbin.

use crate::support;
use netprimer::Error;
use netprimer::http::{self, Client, CloseReason, Framing, Method, Refused, Request};
use netprimer::web::{Next, Session};
use std::error::Error as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::{fs, process};
use support::LIMIT;
use support::programs::{self, Running};

/// A folder with files to serve, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("netprimer-{name}-{}", process::id()));
        fs::create_dir_all(path.join("www/folder")).unwrap();
        fs::write(path.join("www/hello.txt"), "你好\n").unwrap();
        fs::write(path.join("www/folder/index.html"), "index").unwrap();
        fs::write(path.join("www/empty"), "").unwrap();
        fs::write(path.join("www/big"), big()).unwrap();
        fs::write(path.join("www/page.shtml"), "before <!--# echo var=\"request_method\" --> after").unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn big() -> Vec<u8> {
    (0..3_000_000u32).map(|n| (n % 251) as u8).collect()
}

fn python(what: &str, folder: &Folder) -> Option<Running> {
    let mut command = programs::python("http_peer.py")?;
    Some(Running::server(command.arg(what).current_dir(folder.0.join("www"))))
}

#[test]
fn files_from_python() {
    let folder = Folder::new("python-files");
    let Some(server) = python("files", &folder) else { return };
    let url = |path: &str| format!("http://{}{path}", server.addr());
    assert_eq!(http::get(&url("/hello.txt")).unwrap().text().unwrap(), "你好\n");
    let mut client = Client::new();
    assert_eq!(client.get(&url("/empty")).unwrap().bytes().unwrap(), b"");
    assert_eq!(client.reusable(), Err(CloseReason::TheyAsked), "it speaks HTTP/1.0");
    let response = client.get(&url("/folder")).unwrap();
    assert_eq!((response.url.target(), response.redirects), ("/folder/", 1));
    assert_eq!(response.text().unwrap(), "index");
    let head = client.send(&Request::new(Method::Head, &url("/big"))).unwrap();
    assert_eq!(
        (head.status, head.headers.get("content-length"), head.body.framing()),
        (200, Some("3000000"), Framing::None)
    );
    drop(head);
    let error = client.get(&url("/none")).unwrap().error_for_status().unwrap_err();
    let status = error.source().and_then(|cause| cause.downcast_ref::<Refused>()).map(|refused| refused.status);
    assert_eq!(status, Some(404));
    assert_eq!(client.send(&Request::new(Method::Post, &url("/")).body("x")).unwrap().status, 501);

    let path = folder.0.join("copy");
    assert_eq!(
        client.get(&url("/big")).unwrap().save(&path, |_, all| assert_eq!(all, Some(3_000_000))).unwrap(),
        3_000_000
    );
    assert!(fs::read(&path).unwrap() == big());
}

#[test]
fn what_python_understands_of_us() {
    let folder = Folder::new("python-echo");
    let Some(server) = python("echo", &folder) else { return };
    let url = |path: &str| format!("http://{}{path}", server.addr());
    let odd = [("key 1", "A & B=C"), ("你", "好+\r\n%41"), ("empty", "")];
    let read = "[('key 1', 'A & B=C'), ('你', '好+\\r\\n%41'), ('empty', '')]";
    let mut client = Client::new();
    for method in [Method::Get, Method::Post, Method::Put, Method::Delete, Method::Patch, Method::Options] {
        for path in ["/echo", "/chunked"] {
            let mut request = Request::new(method, &url(path)).query(&odd).basic_auth("me", "你好:");
            if method != Method::Get {
                request = request.form(&odd);
            }
            let response = client.send(&request).unwrap();
            assert_eq!(response.body.framing() == Framing::Chunked, path == "/chunked");
            let text = response.text().unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[0], format!("{} {path}", method.as_str()));
            assert_eq!(lines[1], format!("query {read}"));
            assert_eq!(lines[2], "authorization Basic bWU65L2g5aW9Og==");
            assert_eq!(lines[3], format!("form {}", if method == Method::Get { "[]" } else { read }));
            assert_eq!(client.reusable(), Ok(()), "{method:?} {path}");
        }
    }
    let head = client.send(&Request::new(Method::Head, &url("/echo"))).unwrap();
    assert_eq!((head.status, head.text().unwrap().as_str()), (200, ""));
    assert_eq!(client.reusable(), Ok(()));
    for (status, then) in
        [(301, "GET /echo"), (302, "GET /echo"), (303, "GET /echo"), (307, "POST /echo"), (308, "POST /echo")]
    {
        let post = Request::new(Method::Post, &url(&format!("/redirect/{status}?a=b"))).body("again");
        let text = client.send(&post).unwrap().text().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[1]), (then, "query [('a', 'b')]"), "{status}");
        assert_eq!(lines[4], if status < 304 { "body \"\"" } else { "body \"again\"" });
    }
    let long = "x".repeat(2_000_000);
    let text = client.send(&Request::new(Method::Put, &url("/echo")).body(long.clone())).unwrap().text().unwrap();
    assert!(text.ends_with(&format!("body \"{long}\"")));
}

struct Nginx {
    url: String,
    _running: Running,
}

/// nginx with a configuration and folders of its own, as one process that ends with the test.
fn nginx(folder: &Folder) -> Option<Nginx> {
    programs::tool("nginx")?;
    // It cannot be asked for a free port, so we find one; should somebody take it in between, we find another.
    (0..5).find_map(|_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = folder.0.display();
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|what| format!("{what}_temp_path {own}/{what};\n")).concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {own}/pid;\nerror_log stderr notice;\nevents {{}}\nhttp {{\n{temporary}access_log off;\n\
             server {{\nlisten 127.0.0.1:{port};\nroot {own}/www;\ncharset utf-8;\ndefault_type text/html;\nclient_max_body_size 100k;\n\
             location ~ shtml$ {{ ssi on; }}\nlocation = /there {{ return 307 /hello.txt; }}\nlocation = /loop {{ return 302 /loop; }}\n\
             location = /three {{ keepalive_requests 3; return 200 three; }}\nlocation = /nothing {{ return 204; }}\n}}\n}}\n"
        );
        let path = folder.0.join("nginx.conf");
        fs::write(&path, config).unwrap();
        let mut command = programs::tool("nginx")?;
        command.arg("-p").arg(&folder.0).arg("-c").arg(&path).args(["-e", "stderr"]);
        let running = Running::start(&mut command);
        // It says so once it listens; where it cannot, it ends.
        assert!(running.within(LIMIT, |said| said.ended() || said.err.text().contains(" OS: ")), "nginx says nothing");
        let listens = running.said(|said| said.err.text().contains(" OS: "));
        listens.then(|| Nginx { url: format!("http://127.0.0.1:{port}"), _running: running })
    })
    .map(Some)
    .expect("nginx listens at the fifth port at the latest")
}

#[test]
fn everyday_turns_with_nginx() {
    let folder = Folder::new("nginx");
    let Some(server) = nginx(&folder) else { return };
    let url = |path: &str| format!("{}{path}", server.url);
    let mut client = Client::new();
    for _ in 0..100 {
        assert_eq!(client.get(&url("/hello.txt")).unwrap().text().unwrap(), "你好\n");
        assert_eq!(client.reusable(), Ok(()));
    }
    let page = client.get(&url("/page.shtml")).unwrap();
    assert_eq!((page.body.framing(), page.text().unwrap().as_str()), (Framing::Chunked, "before GET after"));
    assert_eq!(client.get(&url("/nothing")).unwrap().body.framing(), Framing::None);
    let head = client.send(&Request::new(Method::Head, &url("/big"))).unwrap();
    assert_eq!(head.headers.get("Content-Length"), Some("3000000"));
    assert_eq!(head.bytes().unwrap(), b"");
    assert_eq!(client.get(&url("/there")).unwrap().url.target(), "/hello.txt");
    assert_eq!(client.get(&url("/folder")).unwrap().text().unwrap(), "index", "its redirect names host and port");
    assert!(matches!(client.get(&url("/loop")), Err(Error::Protocol(_))));
    assert_eq!(client.get(&url("/%E4%BD%A0")).unwrap().status, 404);
    assert_eq!(client.reusable(), Ok(()));
    assert_eq!(client.send(&Request::new(Method::Delete, &url("/big"))).unwrap().status, 405);
    // It answers after the head and closes while we still send.
    let put = Request::new(Method::Put, &url("/hello.txt")).body(vec![0; 4 << 20]);
    match client.send(&put) {
        Ok(response) => assert_eq!(response.status, 413),
        Err(error) => assert!(matches!(error, Error::Io(..) | Error::Closed(_)), "{error:?}"),
    }

    let path = folder.0.join("copy");
    let mut told = 0;
    assert_eq!(client.get(&url("/big")).unwrap().save(&path, |done, _| told = done).unwrap(), 3_000_000);
    assert_eq!(told, 3_000_000);
    assert!(fs::read(&path).unwrap() == big());
}

#[test]
fn nginx_ends_connections_and_nobody_notices() {
    let folder = Folder::new("nginx-ends");
    let Some(server) = nginx(&folder) else { return };
    let mut client = Client::new();
    let mut reasons = Vec::new();
    for _ in 0..6 {
        assert_eq!(client.get(&format!("{}/three", server.url)).unwrap().text().unwrap(), "three");
        reasons.push(client.reusable());
    }
    let closed = Err(CloseReason::TheyAsked);
    assert_eq!(reasons, [Ok(()), Ok(()), closed, Ok(()), Ok(()), closed]);
}

#[test]
fn sessions_with_nginx() {
    let folder = Folder::new("nginx-web");
    let Some(server) = nginx(&folder) else { return };
    let session = Session::new();
    let get = |path: &str| session.get(&format!("{}{path}", server.url)).send();
    let text = |path: &str| get(path).unwrap().text().unwrap();
    for _ in 0..50 {
        assert_eq!(text("/hello.txt"), "你好\n");
    }
    assert_eq!(text("/page.shtml"), "before GET after");
    assert_eq!((get("/nothing").unwrap().status().as_u16(), text("/nothing")), (204, String::new()));
    assert!(get("/big").unwrap().bytes().unwrap() == big());
    assert_eq!(session.head(&format!("{}/big", server.url)).send().unwrap().headers()["content-length"], "3000000");
    let moved = get("/folder").unwrap();
    assert_eq!((moved.url().target(), moved.history().len()), ("/folder/", 2));
    assert!(matches!(get("/loop").unwrap_err().cause, Error::Protocol(_)));
    assert_eq!(get("/%E4%BD%A0").unwrap().status(), 404);
    // Every third answer ends the connection, and says so: nothing is sent twice.
    for _ in 0..7 {
        let mut three = get("/three").unwrap();
        assert_eq!(three.text().unwrap(), "three");
        assert!(three.history().iter().all(|attempt| attempt.next != Some(Next::Replay)));
    }
}

#[test]
fn the_pages_of_httpbin_by_hand() {
    let Some(mut command) = programs::python_with("httpbin", "web_server.py") else { return };
    let server = Running::server(command.args(["httpbin", "HTTP/1.1"]));
    let url = |path: &str| format!("http://{}{path}", server.addr());
    let mut client = Client::new();
    let mut text = |request: Request| client.send(&request).unwrap().text().unwrap();
    let get = |path: &str| Request::new(Method::Get, &url(path));
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    assert_eq!(json(text(get("/get").query(&[("名", "你 好&")])))["args"]["名"], "你 好&");
    let post = Request::new(Method::Post, &url("/post"));
    assert_eq!(json(text(post.form(&[("a", "1+1"), ("b", "你")])))["form"]["b"], "你");
    for method in [Method::Put, Method::Patch, Method::Delete] {
        let path = format!("/{}", method.as_str().to_lowercase());
        assert_eq!(json(text(Request::new(method, &url(&path)).body("x")))["data"], "x");
    }
    assert_eq!(json(text(get("/redirect/3")))["url"], url("/get"));
    assert_eq!(json(text(get("/absolute-redirect/2")))["url"], url("/get"));
    assert_eq!(text(get("/stream/3")).lines().count(), 3);
    assert!(text(get("/basic-auth/me/pw").basic_auth("me", "pw")).contains("true"));
    assert_eq!(json(text(get("/cookies").header("Cookie", "a=1; b=2")))["cookies"]["b"], "2");
    assert_eq!(client.get(&url("/basic-auth/me/pw")).unwrap().status, 401);
    let refused = client.get(&url("/status/418")).unwrap().error_for_status().unwrap_err();
    assert!(refused.source().is_some_and(|cause| cause.is::<Refused>()), "{refused:?}");
    let stream = client.get(&url("/stream-bytes/5000?chunk_size=100")).unwrap();
    assert_eq!((stream.body.framing(), stream.bytes().unwrap().len()), (Framing::Chunked, 5000));
    assert_eq!(client.get(&url("/bytes/3000")).unwrap().bytes().unwrap().len(), 3000);
    let error = client.get(&url("/gzip")).unwrap().text().unwrap_err();
    assert!(error.to_string().contains("compressed"), "we asked for none: {error}");
    assert!(matches!(client.get(&url("/redirect/11")), Err(Error::TooLong(_, 10))));
}
