//! The header that tells a service how much time its caller has.
//!
//! As gRPC's `grpc-timeout`, it holds the time that is left, not an instant, so that the clocks of the machines may
//! differ (<https://grpc.io/docs/guides/deadlines/>).

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName},
};

use super::ApiError;

/// The name of the header. Its value is a decimal number of seconds, more than 0 and at most [`MAX_DEADLINE`].
pub const REQUEST_DEADLINE: HeaderName = HeaderName::from_static("x-request-deadline");

/// Maximum time that a caller can name: 30 days.
pub const MAX_DEADLINE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The time that the caller of a request has left for it, as an extractor. `None` if it did not say.
///
/// # Errors
/// 400 if the header is there and is not one valid number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestDeadline(pub Option<Duration>);

impl FromRequest for RequestDeadline {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.headers()).map(Self))
    }
}

fn read(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let mut values = headers.get_all(REQUEST_DEADLINE);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match value.to_str().ok().and_then(parse) {
        Some(time) if values.next().is_none() => Ok(Some(time)),
        _ => Err(ApiError::bad_request(format!(
            "X-Request-Deadline is {value:?}, but must be given once, as a decimal number of seconds, more than 0 and \
             at most {}",
            MAX_DEADLINE.as_secs()
        ))),
    }
}

fn parse(text: &str) -> Option<Duration> {
    // `f64` also reads signs, exponents, and words such as "inf".
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = text.parse().ok().filter(|seconds| decimal && *seconds > 0.0)?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    (time <= MAX_DEADLINE).then_some(time)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn time_left(values: &[&str]) -> Result<Option<Duration>, String> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((REQUEST_DEADLINE, *value));
        }
        let read = read(request.to_http_request().headers());
        read.map_err(|error| format!("{} {}", error.status().as_u16(), error.message()))
    }

    #[test]
    fn a_decimal_number_of_seconds_is_the_time_left() {
        assert_eq!(time_left(&[]), Ok(None));
        for (text, millis) in [("1", 1_000), ("0.25", 250), (".5", 500), ("2592000", 2_592_000_000)]
        {
            assert_eq!(time_left(&[text]), Ok(Some(Duration::from_millis(millis))));
        }
    }

    #[test]
    fn other_values_are_bad_requests_that_name_the_value_and_what_is_allowed() {
        for text in
            ["", "0", "0.0", "-1", "+1", "1e3", "inf", "NaN", "1s", "1,5", "1.2.3", "2592000.1"]
        {
            let expected = format!(
                "400 X-Request-Deadline is {text:?}, but must be given once, as a decimal number of seconds, more \
                 than 0 and at most 2592000"
            );
            assert_eq!(time_left(&[text]), Err(expected));
        }
        assert!(time_left(&["1", "1"]).is_err());
    }
}
