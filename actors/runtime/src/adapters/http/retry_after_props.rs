//! Any value of `Retry-After`, compared with dates from a second implementation.

use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// A moment in all three forms (RFC 9110, 5.6.7), by counting the days from 1970 on. Two digits make a
/// year of 1970 to 2069.
fn written(seconds: u64) -> [String; 3] {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    let weekday = DAYS[(days % 7) as usize];
    let (mut year, mut left) = (1970, days);
    let by = |year: u64, number| year.is_multiple_of(number);
    let leap = |year: u64| by(year, 4) && (!by(year, 100) || by(year, 400));
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    let (day, name) = (left + 1, MONTHS[month]);
    [
        format!("{}, {day:02} {name} {year} {time} GMT", &weekday[..3]),
        format!("{weekday}, {day:02}-{name}-{:02} {time} GMT", year % 100),
        format!("{} {name} {day:2} {time} {year}", &weekday[..3]),
    ]
}

/// 2070-01-01. A year of two digits means 1970 to 2069.
const YEARS_OF_TWO_DIGITS: u64 = 3_155_760_000;

proptest! {
    #![proptest_config(crate::props::config())]

    #[test]
    fn a_date_is_the_time_until_it_or_zero(then in 0..YEARS_OF_TWO_DIGITS, now in 0..YEARS_OF_TWO_DIGITS) {
        let wait = Duration::from_secs(then.saturating_sub(now));
        for value in written(then) {
            let read = parse(&value, UNIX_EPOCH + Duration::from_secs(now));
            prop_assert_eq!(read, Some(wait), "{}", value);
        }
    }

    #[test]
    fn digits_are_seconds(seconds: u64, blanks in "[ \\t]{0,3}") {
        let value = format!("{blanks}{seconds}{blanks}");
        prop_assert_eq!(parse(&value, UNIX_EPOCH), Some(Duration::from_secs(seconds)));
    }

    #[test]
    fn any_other_value_is_parsed_without_a_panic(
        value in prop_oneof![
            any::<String>(),
            "[-+]?[0-9]{0,30}([.,eE][0-9]{0,3})?",
            "(Mon|Thu|Fri), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|UTC)",
            (1_usize..50_000).prop_map(|digits| "9".repeat(digits)),
        ],
        now in 0..YEARS_OF_TWO_DIGITS,
    ) {
        let read = parse(&value, UNIX_EPOCH + Duration::from_secs(now));
        let trimmed = value.trim();
        if !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
            prop_assert!(read.is_some(), "{}", value);
        } else if !trimmed.ends_with("GMT") && !trimmed.contains(':') {
            prop_assert_eq!(read, None, "{}", value);
        }
    }
}

#[test]
fn an_invalid_date_is_ignored() {
    for value in [
        "Fri, 30 Feb 2024 00:00:00 GMT",
        "Mon, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 1970 24:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:60 GMT",
        "Thu, 01 Jan 1970 00:00:00 UTC",
        "Thu, 01 Jan 1970 00:00:00",
        "Thu, 01 Jan 10000 00:00:00 GMT",
        "\u{ff11}\u{ff12}",
    ] {
        assert_eq!(parse(value, UNIX_EPOCH), None, "{value}");
    }
}
