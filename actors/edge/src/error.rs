//! Every refusal is JSON: `{"error": "<reason phrase>", "message": "<what happened>"}`.

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    },
};
use serde_json::{Value, json};

use crate::untrusted_text::short_line;

/// The longest message, in characters: it may quote what a client sent.
const MAX_MESSAGE: usize = 600;

/// An answer that is not the one asked for, with a body that says why.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    headers: HeaderMap,
}

impl ApiError {
    /// An error of any status; prefer the constructors below where one fits. The message is put on
    /// one line, and cut in its middle if it is long: it may quote what a client sent.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = short_line(&message.into(), MAX_MESSAGE);
        Self { status, message, headers: HeaderMap::new() }
    }

    /// 400: the request itself is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: the admin token is missing or wrong.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 404: no such path.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 405: the path is there, but not for this method. RFC 9110 wants an `Allow` header with it.
    pub fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    /// 408: the request's body did not arrive in time.
    pub fn request_timeout(message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, message)
    }

    /// 413: the request's body is over the limit.
    pub fn payload_too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// 415: the request's body is encoded in a way that is not understood.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// 429: too many requests.
    pub fn too_many_requests(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    /// 500: our own fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 503: not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// Sets a header of the answer. A value that no header can have is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets `Retry-After`, in whole seconds, rounded up: a client that obeys is never early.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(RETRY_AFTER, seconds.to_string())
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened, as the client will read it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The headers that the answer carries beside the usual ones.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The whole answer as bytes, for where there is no [`HttpResponse`] to be had. It says that the
    /// connection closes.
    pub(crate) fn last_words(&self) -> Vec<u8> {
        let body = self.body().to_string();
        let (status, length) = (self.status, body.len());
        let mut head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n"
        )
        .into_bytes();
        for (name, value) in &self.headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        [head.as_slice(), b"\r\n", body.as_bytes()].concat()
    }

    fn body(&self) -> Value {
        json!({ "error": Self::reason(self.status), "message": self.message })
    }

    /// The `error` of a body: the status's reason phrase, such as "Bad Request".
    pub fn reason(status: StatusCode) -> &'static str {
        status.canonical_reason().unwrap_or("Error")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in &self.headers {
            response.insert_header(header);
        }
        response.json(self.body())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn answer_has_status_reason_and_message() {
        let error =
            ApiError::unavailable("the circuit is open").retry_after(Duration::from_secs(7));
        let response = error.error_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get("retry-after").unwrap(), "7");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/json");
        let body = to_bytes(response.into_body()).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            json!({ "error": "Service Unavailable", "message": "the circuit is open" })
        );
    }

    #[test]
    fn last_words_are_a_whole_answer() {
        let error = ApiError::unavailable("full").retry_after(Duration::from_secs(1));
        let words = String::from_utf8(error.last_words()).unwrap();
        let body = r#"{"error":"Service Unavailable","message":"full"}"#;
        let expected = format!(
            "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nretry-after: 1\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(words, expected);
    }

    #[test]
    fn retry_after_is_rounded_up() {
        for (millis, header) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2")] {
            let error = ApiError::unavailable("").retry_after(Duration::from_millis(millis));
            assert_eq!(error.headers().get(RETRY_AFTER).unwrap(), header);
        }
    }

    #[test]
    fn message_that_quotes_too_much_is_cut_and_stays_on_one_line() {
        let sent = "x\n".repeat(500_000);
        let error = ApiError::bad_request(format!("{sent} is not valid: expected a number"));
        assert!(error.message().len() < 2_000, "{}", error.message().len());
        assert!(error.message().ends_with(" is not valid: expected a number"), "{error}");
        assert!(!error.message().contains(char::is_control), "{error}");
    }

    #[test]
    fn header_value_that_cannot_be_sent_is_left_out() {
        let error = ApiError::bad_request("").with_header(RETRY_AFTER, "1\r\nX: y");
        assert!(error.headers().is_empty());
    }
}
