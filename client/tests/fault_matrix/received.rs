//! What a caller receives.

use std::io::ErrorKind;

use resilience_testing::{Answer, http::Connection};

/// A caller leaves after this many bytes of an answer that goes on.
const ENDLESS: usize = 100_000;

/// How the body of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As its head says.
    Whole,
    /// Its connection ends before it does.
    CutOff,
    /// Not before the caller leaves.
    Never,
}

/// An answer to a call.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) attempts: u64,
    pub(crate) end: End,
    /// The message, if the client itself says what is wrong.
    pub(crate) message: String,
    /// The body, without the framing of its chunks.
    text: String,
    /// True if a successful answer may lack the marker: it is passed on as it is.
    is_passed_on: bool,
}

impl Received {
    /// The answer of an endpoint that calls the lab's backend.
    pub(crate) fn from_lab(answer: &Answer, attempts: u64) -> Self {
        let answer = answer.clone().must_be_json();
        let response = &answer.body["backend_response"];
        let message = response["message"].as_str().unwrap_or_default().to_owned();
        let (status, text) = (answer.status, response.to_string());
        Self { status, attempts, end: End::Whole, message, text, is_passed_on: false }
    }

    /// Reads what the gateway answers, until it closes the connection.
    pub(crate) fn from_gateway(connection: &mut Connection) -> Self {
        let head = connection.head();
        let attempts = head.header("x-resilience-attempts").unwrap().parse().unwrap();
        let (body, has_ended) = read_all(connection);
        let (end, text) = match (has_ended, head.header("transfer-encoding")) {
            (false, _) => (End::Never, body),
            (true, Some(_)) => without_chunks(&body),
            (true, None) => {
                let is_bodyless = matches!(head.status, 204 | 304);
                let length = head.header("content-length").filter(|_| !is_bodyless);
                let length = length.map_or(0, |length| length.parse().unwrap());
                (if body.len() == length { End::Whole } else { End::CutOff }, body)
            }
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let message = json["message"].as_str().unwrap_or_default().to_owned();
        Self { status: head.status, attempts, end, message, text, is_passed_on: true }
    }

    /// True if it is the server's correct answer to a call with this marker.
    pub(crate) fn is_good(&self, id: &str) -> bool {
        let body = format!(r#"{{"id":"{id}"}}"#);
        (self.status, self.attempts, self.end) == (200, 1, End::Whole) && self.text == body
    }

    /// Panics if it may be the answer to a call without this marker.
    #[track_caller]
    pub(crate) fn must_be_that_of(&self, id: &str) {
        let mut markers = self.text.split(r#""id":""#).skip(1).peekable();
        let has_marker = markers.peek().is_some();
        let is_own = markers.all(|rest| {
            // It may be cut off.
            let told: String = rest.chars().take(id.len()).collect();
            told == id || rest.len() < id.len() && id.starts_with(rest)
        });
        let is_marked = has_marker || self.is_passed_on || self.status != 200;
        let is_own = is_own && is_marked && !self.text.contains("stale");
        assert!(is_own, "the answer of another call than {id}: {self:?}");
    }
}

/// Reads until the connection ends. False if that does not happen.
fn read_all(connection: &mut Connection) -> (Vec<u8>, bool) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while bytes.len() < ENDLESS {
        match connection.read(&mut buffer) {
            Ok(0) => return (bytes, true),
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::WouldBlock, "nothing arrives any more");
                return (bytes, true);
            }
        }
    }
    (bytes, false)
}

/// The data of chunks, and whether the last chunk is there.
fn without_chunks(mut rest: &[u8]) -> (End, Vec<u8>) {
    let mut data = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|bytes| bytes == b"\r\n") else {
            return (End::CutOff, data);
        };
        let size = str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return (if rest == b"\r\n" { End::Whole } else { End::CutOff }, data);
        }
        data.extend_from_slice(&rest[..size.min(rest.len())]);
        let Some(next) = rest.get(size + 2..) else { return (End::CutOff, data) };
        rest = next;
    }
}
