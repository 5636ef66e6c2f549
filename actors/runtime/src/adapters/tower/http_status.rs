//! What HTTP responses say about the upstream.

use std::{error::Error, io, iter::successors};

use http::{HeaderName, Response, header};

use super::classify::Classify;
use crate::{
    adapters::http::{is_local_shortage, retry_after, verdict},
    outcome::{Outcome, Verdict},
};

/// By the status of an HTTP response: see [`verdict`](Self::verdict). An error of the client is a failure: see
/// [`failure`](Self::failure). Not for gRPC, which has its own status in a header or a trailer of a response with
/// status 200.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpStatus;

impl HttpStatus {
    /// What a response says, by its [status](crate::adapters::http::outcome_of). Its body is not read. A 429 and a 503
    /// are refusals, and have the wait that a valid [`Retry-After`](crate::adapters::http::retry_after) asks for. A 101
    /// and a 304 are successes: requests can ask for them.
    pub fn verdict<Body>(response: &Response<Body>) -> Verdict {
        let text = |name: HeaderName| response.headers().get(name)?.to_str().ok();
        let wait = || retry_after(text(header::RETRY_AFTER)?, text(header::DATE));
        let status = response.status().as_u16();
        if matches!(status, 101 | 304) {
            return Verdict { code: Some(status), ..Outcome::Success.into() };
        }
        verdict(status, if matches!(status, 429 | 503) { wait() } else { None })
    }

    /// What an error of the client says: a failure, unless this process
    /// [lacks](crate::adapters::http::is_local_shortage) file descriptors, memory or buffers, by an [`io::Error`] among
    /// the sources.
    pub fn failure(error: &(dyn Error + 'static)) -> Verdict {
        let is_shortage = successors(Some(error), |&error| error.source())
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .any(is_local_shortage);
        if is_shortage { Outcome::LocalShortage } else { Outcome::ServerError }.into()
    }
}

impl<Request, Body, E: Error + 'static> Classify<Request, Response<Body>, E> for HttpStatus {
    fn classify(&self, result: &Result<Response<Body>, E>) -> Verdict {
        match result {
            Ok(response) => Self::verdict(response),
            Err(error) => Self::failure(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect")]
    struct CannotConnect(#[source] io::Error);

    #[test]
    fn a_refusal_has_its_wait_in_seconds_or_by_a_date() {
        let date = "Thu, 01 Jan 2026 00:00:00 GMT";
        for (value, wait) in
            [("120", Some(120)), ("Thu, 01 Jan 2026 00:02:00 GMT", Some(120)), ("soon", None)]
        {
            for (status, expected) in [(429, wait), (503, wait), (500, None), (200, None)] {
                let response = Response::builder().status(status);
                let response = response.header(header::RETRY_AFTER, value);
                let response = response.header(header::DATE, date).body(()).unwrap();
                let told = HttpStatus::verdict(&response);
                assert_eq!(told.code, Some(status));
                assert_eq!(told.retry_after, expected.map(Duration::from_secs), "{status} {value}");
            }
        }
    }

    #[test]
    fn what_a_request_can_ask_for_is_a_success() {
        for (status, outcome) in
            [(101, Outcome::Success), (304, Outcome::Success), (302, Outcome::Redirect)]
        {
            let response = Response::builder().status(status).body(()).unwrap();
            let verdict = HttpStatus::verdict(&response);
            assert_eq!((verdict.outcome, verdict.code), (outcome, Some(status)));
        }
    }

    #[test]
    fn an_error_is_a_failure_unless_this_process_lacks_something() {
        let verdict = |code| {
            let failed = Err::<Response<()>, _>(CannotConnect(io::Error::from_raw_os_error(code)));
            Classify::<(), _, _>::classify(&HttpStatus, &failed).outcome
        };
        assert_eq!(verdict(libc::ECONNREFUSED), Outcome::ServerError);
        assert_eq!(verdict(libc::EMFILE), Outcome::LocalShortage);
    }
}
