//! A form with files (`multipart/form-data`, RFC 7578), as the page of a browser sends it.
//!
//! ```text
//! --boundary\r\n
//! Content-Disposition: form-data; name="file"; filename="report.txt"\r\n
//! Content-Type: text/plain\r\n
//! \r\n
//! ... the bytes of the file ...\r\n
//! --boundary--\r\n
//! ```
//!
//! May use: error.

use crate::error::{Error, Result};
use std::io::Read;
use std::path::{Path, PathBuf};
use ureq::unversioned::multipart::{Form as Parts, Part};

/// Fields and files to send with [`Request::multipart`](super::Request::multipart).
///
/// ```
/// use netprimer::web::Form;
/// let form = Form::new().text("title", "你好").bytes("file", "hello.txt", "text/plain", "Hello");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<(String, Content)>);

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Bytes { name: String, kind: String, bytes: Vec<u8> },
    File(PathBuf),
}

impl Form {
    /// An empty form.
    pub fn new() -> Form {
        Form::default()
    }

    /// Adds a field.
    pub fn text(mut self, field: &str, value: &str) -> Form {
        self.0.push((quoted(field), Content::Text(value.to_owned())));
        self
    }

    /// Adds what is in memory as a file of this name and media type.
    pub fn bytes(mut self, field: &str, name: &str, kind: &str, bytes: impl Into<Vec<u8>>) -> Form {
        let (name, kind, bytes) = (quoted(name), kind.to_owned(), bytes.into());
        self.0.push((quoted(field), Content::Bytes { name, kind, bytes }));
        self
    }

    /// Adds a file. It is read when the request is made, and closed.
    pub fn file(mut self, field: &str, path: impl AsRef<Path>) -> Form {
        self.0.push((quoted(field), Content::File(path.as_ref().to_owned())));
        self
    }

    /// The paths of the files, for an error.
    fn files(&self) -> Vec<String> {
        let path = |(_, content): &(_, Content)| match content {
            Content::File(path) => Some(path.display().to_string()),
            _ => None,
        };
        self.0.iter().filter_map(path).collect()
    }

    /// The media type with its boundary, and the bytes.
    pub(super) fn encode(&self) -> Result<(String, Vec<u8>)> {
        let mut parts = Parts::new();
        for (field, content) in &self.0 {
            let part = match content {
                Content::Text(value) => Part::text(value),
                Content::Bytes { name, kind, bytes } => Part::bytes(bytes)
                    .file_name(name)
                    .mime_str(kind)
                    .map_err(|_| Error::Invalid(format!("\"{}\" is no media type", kind.escape_debug()).into()))?,
                Content::File(path) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    let phase = format!("read {}", path.display());
                    Part::file(path).map_err(Error::io(phase))?.file_name(&quoted(&name))
                }
            };
            parts = parts.part(field, part);
        }
        let kind = format!("multipart/form-data; boundary={}", parts.boundary());
        let mut bytes = Vec::new();
        // Which of them it was the package does not say: a folder opens as a file does, and fails here.
        parts.read_to_end(&mut bytes).map_err(Error::io(format!("read {}", self.files().join(", "))))?;
        Ok((kind, bytes))
    }
}

/// A name between quotes: what could end them or the line is percent-encoded, as browsers do (WHATWG HTML, section
/// "Multipart form data"). ureq leaves that to us.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
