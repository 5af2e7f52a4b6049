//! HTTP with a package: POST, with a form, with JSON, and with a file.
//!
//! On the wire: a head whose `Content-Type` says how the body is to be read. A form is `name=value&name=value` (WHATWG URL,
//! section "application/x-www-form-urlencoded"), JSON is RFC 8259, a form with files is cut into parts (RFC 7578).

#[path = "lesson/http.rs"]
mod http;
mod lesson;

use clap::{Arg, value_parser};
use http::{read_json, show};
use lesson::Args;
use netprimer::lab::http::Lab;
use netprimer::web::{Form, Request, Session};
use netprimer::{Error, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::{env, fs};

fn main() -> ExitCode {
    let value = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("this is no JSON: {error}"));
    let more = [
        http::pairs("data", "Send a form with this field; may be repeated"),
        Arg::new("json")
            .long("json")
            .value_name("JSON")
            .value_parser(value)
            .help("Send this as JSON")
            .conflicts_with_all(["data", "file"]),
        Arg::new("file").long("file").value_name("PATH").value_parser(value_parser!(PathBuf)).help("Send this file"),
    ];
    lesson::tool("Sends something to a web server.", http::args().into_iter().chain(more), run)
}

fn run(args: &Args) -> Result<()> {
    let session = Session::with(http::options(args));
    let chosen = args.target_or(http::start)?;
    let Some(lab) = chosen.server else { return send(&session, &chosen.address, args) };
    match args.get_one::<String>("page") {
        Some(path) => send(&session, &lab.url(path), args),
        None if ["data", "json", "file"].iter().any(|name| args.contains_id(name)) => {
            send(&session, &lab.url("/post"), args)
        }
        None => tour(&session, &lab),
    }
}

/// What the usual Python listing does: a form, JSON, and a file.
fn tour(session: &Session, lab: &Lab) -> Result<()> {
    let url = lab.url("/post");
    tell("form", &form(session, &url)?["form"]);
    tell("JSON", &as_json(session, &url)?["json"]);
    let file = TestFile::new()?;
    let answer = upload(session, &url, &file.path);
    drop(file); // before we print: who closes our output ends us at once
    tell("file", &answer?["files"]);
    Ok(())
}

/// `requests.post(url, data=data)`, `response.json()`.
fn form(session: &Session, url: &str) -> Result<Value> {
    let data = [("key1", "value1"), ("key2", "value2")];
    read_json(&mut session.post(url).form(&data).send()?)
}

/// `requests.post(url, json=json_data)`, `response.json()`.
fn as_json(session: &Session, url: &str) -> Result<Value> {
    let data = json!({"key": "value"});
    read_json(&mut session.post(url).json(&data).send()?)
}

/// `requests.post(url, files={'file': open('test.txt', 'rb')})`. Here the file is closed before anything is sent.
fn upload(session: &Session, url: &str, path: &Path) -> Result<Value> {
    let form = Form::new().file("file", path);
    read_json(&mut session.post(url).multipart(&form).send()?)
}

fn tell(what: &str, seen: &Value) {
    show(&format!("the server saw the {what} {seen}"));
}

/// What the command line asks for.
fn send(session: &Session, url: &str, args: &Args) -> Result<()> {
    let mut answer = with_body(session.post(url), args).send()?;
    println!("{} -> {}", answer.url(), answer.status());
    show(&answer.text()?);
    Ok(())
}

fn with_body<'s>(request: Request<'s>, args: &Args) -> Request<'s> {
    let fields = http::given(args, "data");
    if let Some(value) = args.get_one::<Value>("json") {
        return request.json(value);
    }
    match args.get_one::<PathBuf>("file") {
        None => request.form(&fields),
        Some(path) => {
            let form = fields.iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
            request.multipart(&form.file("file", path))
        }
    }
}

/// A file to send, in a folder of its own; both are removed when it is dropped.
struct TestFile {
    path: PathBuf,
}

impl TestFile {
    fn new() -> Result<TestFile> {
        let folder = env::temp_dir().join(format!("netprimer-{}", process::id()));
        // A folder that is there already is somebody else's: an error.
        fs::create_dir(&folder).map_err(Error::io(format!("make the folder {}", folder.display())))?;
        let file = TestFile { path: folder.join("test.txt") };
        fs::write(&file.path, "Hello, 你好\n").map_err(Error::io(format!("write {}", file.path.display())))?;
        Ok(file)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.path.parent().map(fs::remove_dir);
    }
}
