//! Errors as JSON: `{"error": "<reason phrase>", "message": "<what happened>"}`.

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

/// Maximum length of a message in characters. A message may quote what a client sent.
const MAX_MESSAGE: usize = 600;

/// A response that reports an error, with a JSON body that says why.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    headers: HeaderMap,
}

impl ApiError {
    /// Creates an error of any status; prefer the constructors below where one fits. A message may quote what a client
    /// sent, so it becomes one line, and a long one is cut in its middle.
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

    /// 404: the path does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 405: the path does not take this method. RFC 9110 demands an `Allow` header with it.
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

    /// 415: the encoding of the request's body is not supported.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// 429: too many requests.
    pub fn too_many_requests(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    /// 500: an error of the service.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 503: the service cannot answer now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// 504: the time for the request is over.
    pub fn gateway_timeout(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, message)
    }

    /// Sets a header of the response. Does nothing if `value` is not valid in a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sets `Retry-After` in whole seconds, rounded up so that a client that obeys is never early.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(RETRY_AFTER, seconds.to_string())
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message that the client reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The headers that the response has in addition to the usual ones.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn body(&self) -> Value {
        json!({ "error": Self::reason(self.status), "message": self.message })
    }

    /// The `error` of a JSON body: the status's reason phrase, such as "Bad Request".
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
#[path = "api_error_tests.rs"]
mod tests;
