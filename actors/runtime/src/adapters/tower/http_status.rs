//! What HTTP responses say about the upstream.

use ::http::{HeaderMap, HeaderName, Response, header};

use super::{super::http, classify::Classify};
use crate::outcome::{Outcome, Verdict};

/// By the status of an HTTP response: see [`verdict`](Self::verdict). An error is a failure. Not for gRPC, which has its
/// own status in a header or a trailer of a response with status 200.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpStatus;

impl HttpStatus {
    /// What a response says by its status: see [`outcome_of`](http::outcome_of). Its body is not read. 429 and 503 are
    /// refusals, and have the wait that their `Retry-After` asks for: see [`retry_after`](http::retry_after).
    pub fn verdict<Body>(response: &Response<Body>) -> Verdict {
        let (status, headers) = (response.status().as_u16(), response.headers());
        let verdict = http::verdict(status, None);
        let wait = text(headers, header::RETRY_AFTER).filter(|_| verdict.refused);
        let wait = wait.and_then(|wait| http::retry_after(wait, text(headers, header::DATE)));
        Verdict { retry_after: wait, ..verdict }
    }
}

impl<Request, Body, Error> Classify<Request, Response<Body>, Error> for HttpStatus {
    fn classify(&self, result: &Result<Response<Body>, Error>) -> Verdict {
        result.as_ref().map_or_else(|_| Outcome::ServerError.into(), Self::verdict)
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(code: u16, headers: &[(HeaderName, &str)]) -> Response<()> {
        let response = Response::builder().status(code);
        let add = |response: ::http::response::Builder, (name, value): &(HeaderName, &str)| {
            response.header(name, *value)
        };
        headers.iter().fold(response, add).body(()).unwrap()
    }

    #[test]
    fn the_status_decides_on_the_outcome() {
        for (code, outcome, refused) in [
            (204, Outcome::Success, false),
            (404, Outcome::ClientError, false),
            (429, Outcome::Throttled, true),
            (503, Outcome::ServerError, true),
        ] {
            let verdict = HttpStatus::verdict(&response(code, &[]));
            assert_eq!(verdict, Verdict { code: Some(code), refused, ..outcome.into() });
        }
        let failed = Err::<Response<()>, _>("connection refused");
        let verdict = Classify::<(), _, _>::classify(&HttpStatus, &failed);
        assert_eq!(verdict, Outcome::ServerError.into());
    }

    #[test]
    fn a_refusal_says_when_to_come_back_in_seconds_or_by_a_date() {
        let date = (header::DATE, "Thu, 01 Jan 2026 00:00:00 GMT");
        for (value, wait) in [
            ("120", Some(120)),
            ("Thu, 01 Jan 2026 00:02:00 GMT", Some(120)),
            ("soon", None),
        ] {
            for (code, expected) in [(429, wait), (503, wait), (500, None), (200, None)] {
                let answer = response(code, &[(header::RETRY_AFTER, value), date.clone()]);
                let told = HttpStatus::verdict(&answer).retry_after.map(|wait| wait.as_secs());
                assert_eq!(told, expected, "{code} {value:?}");
            }
        }
    }
}
