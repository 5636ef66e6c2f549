//! Tests of the typed readers.

use std::{
    ffi::OsString,
    fmt,
    ops::{Bound, RangeInclusive},
    os::unix::ffi::OsStringExt as _,
    time::Duration,
};

use super::{SettingError, Settings};

const UP_TO_A_DAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);
const SHARES: (Bound<f64>, Bound<f64>) = (Bound::Excluded(0.0), Bound::Included(1.0));

/// Settings in which `X` has this value, or none.
fn with(value: Option<&str>) -> Settings<'static> {
    let value = value.map(OsString::from);
    Settings::new(move |name| value.clone().filter(|_| name == "X"))
}

fn refused<T: fmt::Debug>(result: Result<T, SettingError>) -> String {
    let line = result.unwrap_err().to_string();
    assert!(line.starts_with("X="), "{line}");
    assert!(!line.contains(char::is_control), "{line}");
    line
}

#[test]
fn unset_variables_take_their_defaults() {
    let mut settings = with(None);
    assert_eq!(settings.text("X", "a").unwrap(), "a");
    assert_eq!(settings.secret("X").unwrap(), None);
    assert_eq!(settings.integer("X", 7_u32, 0..=9).unwrap(), 7);
    assert_eq!(settings.optional_integer("X", 0_u64..=9).unwrap(), None);
    let default = Duration::from_millis(1500);
    assert_eq!(settings.seconds("X", default, UP_TO_A_DAY).unwrap(), default);
    assert_eq!(settings.optional_seconds("X", UP_TO_A_DAY).unwrap(), None);
    assert!((settings.number("X", 0.3, 0.0..=1.0).unwrap() - 0.3).abs() < f64::EPSILON);
    assert_eq!(settings.optional_number("X", SHARES).unwrap(), None);
    let choices = [("call", 1), ("attempt", 2)];
    assert_eq!(settings.choice("X", "attempt", &choices).unwrap(), 2);
}

#[test]
fn the_error_names_the_variable_the_value_and_the_allowed_values() {
    let mut settings = with(Some("http"));
    let error = settings.integer("X", 5000_u16, 0..=u16::MAX).unwrap_err();
    assert_eq!(
        error.to_string(),
        "X=\"http\" is not valid: expected a whole number from 0 to 65535"
    );
    assert_eq!(error.variable(), "X");
}

#[test]
fn a_text_is_read_unchanged() {
    for value in ["b", ""] {
        assert_eq!(with(Some(value)).text("X", "a").unwrap(), value);
        assert_eq!(with(Some(value)).optional_text("X").unwrap().unwrap(), value);
    }
}

#[test]
fn integer_must_be_whole_and_within_its_range() {
    for (value, expected) in [("1", 1), ("9", 9), ("007", 7)] {
        assert_eq!(with(Some(value)).integer("X", 5_u32, 1..=9), Ok(expected));
    }
    for value in ["", "0", "10", "-1", "1.5", " 1", "1 ", "0x1", "one", "99999999999999999999"] {
        refused(with(Some(value)).integer("X", 5_u32, 1..=9));
        refused(with(Some(value)).optional_integer("X", 1_usize..=9));
    }
    assert_eq!(
        with(Some("18446744073709551615")).optional_integer("X", 0..=u64::MAX),
        Ok(Some(u64::MAX))
    );
}

#[test]
fn seconds_are_decimal_without_a_unit() {
    for (value, millis) in
        [("0", 0), ("5", 5000), ("0.25", 250), (".5", 500), ("86400", 86_400_000)]
    {
        let expected = Duration::from_millis(millis);
        assert_eq!(with(Some(value)).seconds("X", Duration::ZERO, UP_TO_A_DAY), Ok(expected));
        assert_eq!(with(Some(value)).optional_seconds("X", UP_TO_A_DAY), Ok(Some(expected)));
    }
    let long = "9".repeat(400);
    for value in
        ["", "5s", "NaN", "inf", "-1", "-0", "1e3", "86400.1", &long, "1,5", "1.2.3", ".", " 1"]
    {
        let line = refused(with(Some(value)).seconds("X", Duration::ZERO, UP_TO_A_DAY));
        assert!(line.ends_with("expected a number of seconds from 0 to 86400, without a unit"));
        refused(with(Some(value)).optional_seconds("X", UP_TO_A_DAY));
    }
}

#[test]
fn a_range_that_excludes_its_start_is_described_as_such() {
    let positive = (Bound::Excluded(Duration::ZERO), Bound::Included(Duration::from_millis(1500)));
    let expected = "expected a number of seconds, more than 0 and at most 1.5, without a unit";
    for value in ["0", "0.0", "1.6", "soon"] {
        let line = refused(with(Some(value)).seconds("X", Duration::ZERO, positive));
        assert!(line.ends_with(expected), "{line}");
    }
    let most = Duration::from_millis(1500);
    assert_eq!(with(Some("1.5")).seconds("X", Duration::ZERO, positive), Ok(most));
}

#[test]
fn number_must_be_within_its_range() {
    for (value, expected) in [("-0.5", -0.5), ("2", 2.0), ("1e-1", 0.1)] {
        assert_eq!(with(Some(value)).number("X", 1.0, -0.5..=2.0), Ok(expected));
    }
    for value in ["", "NaN", "inf", "-infinity", "30%", "1e999", "2.1", "-0.6"] {
        let line = refused(with(Some(value)).number("X", 1.0, -0.5..=2.0));
        assert!(line.ends_with("expected a number from -0.5 to 2"), "{line}");
    }
}

#[test]
fn a_share_is_above_zero_and_at_most_one() {
    for (value, expected) in [("0.5", 0.5), ("1", 1.0), ("1e-9", 1e-9)] {
        let read = with(Some(value)).optional_number("X", SHARES);
        assert_eq!(read, Ok(Some(expected)));
    }
    for value in ["", "0", "-0.0", "NaN", "1.1", "50%"] {
        let line = refused(with(Some(value)).optional_number("X", SHARES));
        assert!(line.ends_with("expected a number more than 0 and at most 1"), "{line}");
    }
}

#[test]
fn choice_must_be_one_of_the_names() {
    let choices = [("call", 1), ("attempt", 2)];
    assert_eq!(with(Some("call")).choice("X", "attempt", &choices), Ok(1));
    for value in ["", "Call", "both"] {
        let line = refused(with(Some(value)).choice("X", "call", &choices));
        assert!(line.ends_with("expected call or attempt"), "{line}");
    }
}

#[test]
fn secret_is_never_shown() {
    let mut settings = with(Some("hunter2"));
    assert_eq!(settings.secret("X").unwrap().as_deref(), Some("hunter2"));
    assert_eq!(settings.summary(), "X=(set)");
    for value in ["", "hunter 2", "hunter\n2", "hünter2"] {
        let error = with(Some(value)).secret("X").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("nter"), "{error:?}");
        refused::<()>(Err(error));
    }
    let mut settings = Settings::new(|_| Some(OsString::from_vec(b"hunter\xff".to_vec())));
    let error = settings.secret("X").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
}

#[test]
fn value_that_is_not_utf8_is_refused() {
    let mut settings = Settings::new(|_| Some(OsString::from_vec(b"a\xff".to_vec())));
    refused(settings.text("X", "a"));
    refused(settings.number("X", 1.0, 0.0..=1.0));
}

#[test]
fn a_value_with_line_breaks_makes_a_one_line_error() {
    refused(with(Some("1\nLISTENING\u{1b}[2J")).integer("X", 1_u16, 0..=9));
    let mut settings = with(Some("a\nb c"));
    settings.text("X", "a").unwrap();
    assert_eq!(settings.summary(), "X=\"a\\nb c\"");
}

#[test]
fn the_summary_lists_the_effective_values_in_order() {
    let mut settings = Settings::new(|name| (name == "PORT").then(|| "80".into()));
    settings.text("HOST", "::").unwrap();
    settings.integer("PORT", 5000_u16, 0..=u16::MAX).unwrap();
    settings.secret("ADMIN_TOKEN").unwrap();
    settings.seconds("DELAY", Duration::from_millis(1500), UP_TO_A_DAY).unwrap();
    settings.optional_seconds("RETRY_AFTER", UP_TO_A_DAY).unwrap();
    assert_eq!(
        settings.summary(),
        "HOST=:: PORT=80 ADMIN_TOKEN=(unset) DELAY=1.5 RETRY_AFTER=(unset)"
    );
}
