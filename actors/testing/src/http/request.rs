//! One request.

/// A request as it is sent. `From<&str>` takes its method and target.
#[derive(Debug, Clone)]
pub struct Request {
    line: String,
    host: String,
    headers: Vec<u8>,
    body: Vec<u8>,
}

impl Request {
    /// `line` is the method and the target, for example `GET /health`. Neither needs to be valid.
    pub fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), host: "test".into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Sets the `Host` header. Default: `test`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Adds headers: whole lines, each with its CRLF.
    #[must_use]
    pub fn headers(mut self, lines: impl AsRef<[u8]>) -> Self {
        self.headers.extend_from_slice(lines.as_ref());
        self
    }

    /// Asks the server to close the connection after its answer (`Connection: close`).
    #[must_use]
    pub fn close(self) -> Self {
        self.headers("connection: close\r\n")
    }

    /// Sets the body. `Content-Length` is sent unless the body is empty and the method needs none.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of the request.
    pub fn bytes(&self) -> Vec<u8> {
        let Self { line, host, headers, body } = self;
        let needs_length =
            ["POST ", "PUT ", "PATCH "].iter().any(|method| line.starts_with(method));
        let length = if needs_length || !body.is_empty() {
            format!("content-length: {}\r\n", body.len())
        } else {
            String::new()
        };
        let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\n{length}");
        [head.as_bytes(), headers, b"\r\n", body].concat()
    }
}

impl From<&str> for Request {
    fn from(line: &str) -> Self {
        Self::new(line)
    }
}

impl From<String> for Request {
    fn from(line: String) -> Self {
        Self::new(line)
    }
}
