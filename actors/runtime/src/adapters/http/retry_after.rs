//! `Retry-After` (RFC 9110, 10.2.3): a number of seconds, or a date.

use std::time::{Duration, SystemTime};

use crate::clock;

/// The wait that the value of a `Retry-After` asks for, zero for a date that has passed. A date is compared with
/// `date`, the value of the response's own `Date`, because this process's clock may be wrong; without a valid `date`
/// with this process's clock.
///
/// Returns `None` if the value is invalid.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    parse(value, date.unwrap_or_else(clock::date))
}

/// The whole seconds to send in a `Retry-After`: `wait` rounded up, so that a client that obeys does not come back too
/// early.
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// The wait from `now` on. Zero for a date that has passed, `None` if the value is invalid.
fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is longer than any wait.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_at_epoch(value: &str) -> Option<u64> {
        parse(value, SystemTime::UNIX_EPOCH).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_all_three_forms_of_dates_are_understood() {
        assert_eq!(parse_at_epoch("120"), Some(120));
        assert_eq!(parse_at_epoch(" 0 "), Some(0));
        assert_eq!(parse_at_epoch("Thu, 01 Jan 1970 00:02:00 GMT"), Some(120));
        assert_eq!(parse_at_epoch("Thursday, 01-Jan-70 00:02:00 GMT"), Some(120));
        assert_eq!(parse_at_epoch("Thu Jan  1 00:02:00 1970"), Some(120));
    }

    #[test]
    fn what_is_sent_is_never_shorter_than_the_wait() {
        for (millis, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (30_999, 31)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis} ms");
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn a_past_date_means_no_wait() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!(parse("Thu, 01 Jan 1970 00:02:00 GMT", now), Some(Duration::ZERO));
    }

    #[test]
    fn an_invalid_value_is_ignored() {
        for value in ["", " ", "-1", "+5", "1.5", "soon", "1e3", "Thu, 99 Jan 1970 00:00:00 GMT"] {
            assert_eq!(parse_at_epoch(value), None, "{value:?}");
        }
    }

    #[test]
    fn a_date_is_compared_with_that_of_the_response_if_it_has_one() {
        let value = "Thu, 01 Jan 2099 00:02:00 GMT";
        let read = retry_after(value, Some("Thu, 01 Jan 2099 00:00:00 GMT"));
        assert_eq!(read, Some(Duration::from_secs(120)));
        for date in [None, Some("today")] {
            assert!(retry_after(value, date).unwrap() > Duration::from_secs(1_000_000));
        }
    }

    #[test]
    fn a_number_that_overflows_is_the_longest_wait() {
        assert_eq!(parse_at_epoch("99999999999999999999999"), Some(u64::MAX));
    }
}

#[cfg(test)]
#[path = "retry_after_props.rs"]
mod props;
