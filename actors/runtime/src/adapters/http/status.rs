//! Statuses and methods.

use std::time::Duration;

use crate::outcome::{Outcome, Verdict};

/// What the status of a usable response says about the upstream. [`Outcome`] has what follows from each.
///
/// A 1xx and a number from 600 on are no final responses, so they are unusable. So is a 2xx whose body cannot be used,
/// which its status does not say.
pub fn outcome_of(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Success,
        300..=399 => Outcome::Redirect,
        408 | 425 => Outcome::Transient,
        429 => Outcome::Throttled,
        400..=499 => Outcome::ClientError,
        501 => Outcome::Unsupported,
        500..=599 => Outcome::ServerError,
        _ => Outcome::Unusable,
    }
}

/// The verdict on a usable response with this status and, if it has one, this valid `Retry-After`.
pub fn verdict(status: u16, retry_after: Option<Duration>) -> Verdict {
    let refused = matches!(status, 429 | 503);
    Verdict { outcome: outcome_of(status), code: Some(status), refused, retry_after }
}

/// True if a request with this method may be repeated (RFC 9110, 9.2.2).
pub fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_the_outcome_of_the_table() {
        for (statuses, outcome) in [
            (&[200, 204, 299][..], Outcome::Success),
            (&[301, 304, 399], Outcome::Redirect),
            (&[408, 425], Outcome::Transient),
            (&[429], Outcome::Throttled),
            (&[400, 404, 499], Outcome::ClientError),
            (&[501], Outcome::Unsupported),
            (&[500, 502, 503, 504, 599], Outcome::ServerError),
            (&[0, 100, 101, 199, 600, 999], Outcome::Unusable),
        ] {
            for status in statuses {
                assert_eq!(outcome_of(*status), outcome, "{status}");
            }
        }
    }

    #[test]
    fn an_overloaded_upstream_refuses_with_429_and_503() {
        for status in [200, 404, 429, 500, 502, 503] {
            assert_eq!(verdict(status, None).refused, [429, 503].contains(&status), "{status}");
        }
    }

    #[test]
    fn methods_are_compared_exactly() {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            assert!(is_idempotent(method), "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT", "get", ""] {
            assert!(!is_idempotent(method), "{method}");
        }
    }
}
