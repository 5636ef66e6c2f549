//! `Retry-After` (RFC 9110, 10.2.3): a number of seconds, or a date.

use std::time::{Duration, SystemTime};

/// The wait from `now` on. Zero for a date that has passed, `None` if the value is invalid.
pub(super) fn parse(value: &str, now: SystemTime) -> Option<Duration> {
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
    fn a_number_that_overflows_is_the_longest_wait() {
        assert_eq!(parse_at_epoch("99999999999999999999999"), Some(u64::MAX));
    }
}

#[cfg(test)]
#[path = "retry_after_props.rs"]
mod props;
