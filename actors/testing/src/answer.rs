//! One HTTP answer.

use std::time::Duration;

use serde_json::Value;

/// An HTTP answer, from a socket or from an application in this process.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body. Bytes that are not UTF-8 are replaced.
    pub text: String,
    /// The body as JSON; null if it is not JSON.
    pub body: Value,
    /// Time from the request to the end of the answer.
    pub took: Duration,
}

impl Answer {
    pub(crate) fn new(
        status: u16,
        headers: Vec<(String, String)>,
        body: &[u8],
        took: Duration,
    ) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let body = serde_json::from_slice(body).unwrap_or_default();
        Self { status, headers, text, body, took }
    }

    /// The first header with this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// True if the server announces that it closes the connection.
    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }

    /// Panics if the body is not JSON.
    #[track_caller]
    #[must_use]
    pub fn must_be_json(self) -> Self {
        assert!(!self.body.is_null() || self.text == "null", "not JSON: {self:?}");
        self
    }

    /// Panics unless this is a JSON error with this `error` and with `says` in its `message`.
    #[track_caller]
    pub fn assert_error(&self, status: u16, error: &str, says: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["error"], error, "{self:?}");
        let message = self.body["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && message.contains(says), "{says:?} is not in {self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
    }

    /// The whole number with this name in the body. Panics if there is none.
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        self.body[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {self:?}"))
    }

    /// The value of a metric without labels, if this is an answer of `/metrics`.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let value = self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{}", self.text)).parse().unwrap()
    }
}
