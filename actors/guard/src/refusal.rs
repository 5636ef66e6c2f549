//! The responses by which the server itself refuses a request.

use actix_http::{ConnectionType, Response, StatusCode, body::BoxBody};
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};

const JSON: &str = "application/json";

/// `Retry-After` of a refused connection, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// Why the server refuses a request. The response has a JSON body, `{"error": ..., "message": ...}`, and closes the
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 503: `max` connections are served already.
    TooManyConnections { max: usize },
    /// 408: the head did not arrive in time.
    HeadTooSlow,
    /// 431: the head has more than `max` bytes.
    HeadTooLarge { max: usize },
    /// 431: the head has more headers than actix-http takes.
    TooManyHeaders,
    /// 400: the head cannot be read.
    InvalidHead,
    /// 400: a request before it is the last one of its connection.
    AfterLast,
}

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TooManyConnections { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::HeadTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::HeadTooLarge { .. } | Self::TooManyHeaders => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::InvalidHead | Self::AfterLast => StatusCode::BAD_REQUEST,
        }
    }

    fn message(self) -> String {
        match self {
            Self::TooManyConnections { max } => {
                format!("all {max} connections are in use; try again in {RETRY_AFTER_SECONDS} s")
            }
            Self::HeadTooSlow => "the request's head did not arrive in time".to_owned(),
            Self::HeadTooLarge { max } => format!("the request's head is over {max} bytes"),
            Self::TooManyHeaders => "the request has more than 96 headers".to_owned(),
            Self::InvalidHead => "the request's head is not valid HTTP/1.1".to_owned(),
            Self::AfterLast => {
                "an earlier request has ended this connection (Connection: close or HTTP/1.0)"
                    .to_owned()
            }
        }
    }

    /// No reason phrase and no message contains a character that JSON escapes.
    fn body(self) -> String {
        let error = self.status().canonical_reason().unwrap_or("Error");
        format!("{{\"error\":\"{error}\",\"message\":\"{}\"}}", self.message())
    }

    fn retry_after(self) -> Option<&'static str> {
        matches!(self, Self::TooManyConnections { .. }).then_some(RETRY_AFTER_SECONDS)
    }

    /// The complete response, for code below actix-http.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let (status, body) = (self.status(), self.body());
        let retry_after = self.retry_after();
        let retry_after =
            retry_after.map_or_else(String::new, |wait| format!("retry-after: {wait}\r\n"));
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: {JSON}\r\ncontent-length: {length}\r\n\
             {retry_after}\r\n{body}"
        )
        .into_bytes()
    }

    /// The response, for code above actix-http.
    pub(crate) fn to_response(self) -> Response<BoxBody> {
        let mut response = Response::with_body(self.status(), BoxBody::new(self.body()));
        response.head_mut().set_connection_type(ConnectionType::Close);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        if let Some(wait) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(wait));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_complete_response_that_closes_the_connection() {
        let bytes = Refusal::TooManyConnections { max: 7 }.to_bytes();
        let expected = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
                        content-type: application/json\r\ncontent-length: 90\r\nretry-after: 1\r\n\r\n\
                        {\"error\":\"Service Unavailable\",\"message\":\"all 7 connections are in use; try again in 1 s\"}";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        assert!(!Refusal::InvalidHead.to_bytes().windows(12).any(|part| part == b"retry-after:"));
    }
}
