//! Properties of the typed readers: each accepts exactly what its documentation says, and refuses anything else with
//! one short line.

use std::{ffi::OsString, fmt, ops::Bound, os::unix::ffi::OsStringExt as _, time::Duration};

use proptest::prelude::*;

use super::{SettingError, Settings, text_settings::MAX_POD};

/// Maximum of the durations in these tests.
const MOST: Duration = Duration::from_secs(10_000_000);

/// Values that people, scripts and programs with errors put into a variable.
pub(super) fn values() -> impl Strategy<Value = OsString> {
    prop_oneof![
        any::<String>().prop_map(OsString::from),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(OsString::from_vec),
        "[-+ ]?[0-9]{0,25}([.,][0-9]{0,25})?([eE][-+]?[0-9]{1,3})?[ smh%]?"
            .prop_map(OsString::from),
        "[٠-٩०-९０-９]{1,5}".prop_map(OsString::from),
        prop::sample::select(&STRANGE[..]).prop_map(OsString::from),
        (1_usize..200_000).prop_map(|digits| "9".repeat(digits).into()),
        (1_usize..200_000).prop_map(|letters| "x\n".repeat(letters).into()),
        (1_usize..400).prop_map(|zeros| format!("0.{}1", "0".repeat(zeros)).into()),
    ]
}

const STRANGE: [&str; 23] = [
    "",
    " ",
    "inf",
    "-inf",
    "+inf",
    "nan",
    "-NaN",
    "infinity",
    "1e308",
    "1e309",
    "-0",
    "+0",
    "-0.0",
    "1e-400",
    "0x10",
    "1_000",
    "1e7",
    "10000000",
    "10000001",
    "18446744073709551615",
    "18446744073709551616",
    ".",
    "5.",
];

/// Settings in which each variable has this value.
fn all(value: &OsString) -> Settings<'_> {
    Settings::new(move |_| Some(value.clone()))
}

/// The value, if it is UTF-8 and `is_so` holds for it.
fn of_form(value: &OsString, is_so: impl Fn(&str) -> bool) -> Option<&str> {
    value.to_str().filter(|text| is_so(text))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// True if the number `whole` is at most `bound`. Compares digits, since `whole` may not fit into an integer.
fn at_most(whole: &str, bound: &str) -> bool {
    let whole = whole.trim_start_matches('0');
    whole.len() < bound.len() || whole.len() == bound.len() && whole <= bound
}

/// The error must be one short line that names the variable and says what is allowed.
fn assert_refusal(error: &SettingError) -> Result<(), TestCaseError> {
    let line = error.to_string();
    prop_assert!(line.starts_with("X="), "{}", line);
    prop_assert!(line.contains(" is not valid: expected "), "{}", line);
    prop_assert!(line.len() < 4_000, "{} bytes", line.len());
    prop_assert!(!line.contains(char::is_control), "{}", line);
    let debugged = format!("{error:?}");
    prop_assert!(debugged.len() < 8_000, "{} bytes", debugged.len());
    Ok(())
}

/// `read` must return `expected`, or refuse the value if `expected` is `None`. The summary must be one short line.
fn assert_read<T: PartialEq + fmt::Debug>(
    value: &OsString,
    read: impl Fn(&mut Settings<'_>) -> Result<T, SettingError>,
    expected: Option<T>,
) -> Result<(), TestCaseError> {
    let mut settings = all(value);
    match read(&mut settings) {
        Ok(read) => prop_assert_eq!(Some(read), expected),
        Err(error) => {
            assert_refusal(&error)?;
            prop_assert!(expected.is_none(), "{:?} is refused: {}", value, error);
        }
    }
    let summary = settings.summary();
    prop_assert!(summary.len() < 4_000 && !summary.contains(char::is_control), "{}", summary);
    Ok(())
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn whole_numbers_are_digits_within_their_range(value in values()) {
        let whole = of_form(&value, |text| digits(text.strip_prefix('+').unwrap_or(text)));
        let whole = whole.map(|text| text.strip_prefix('+').unwrap_or(text));
        let byte = whole.filter(|text| at_most(text, "255")).map(|text| {
            text.bytes().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'))
        });
        let byte = byte.filter(|number| *number > 0);
        assert_read(&value, |settings| settings.integer("X", 7_u32, 1..=255), byte)?;
        assert_read(&value, |settings| settings.optional_integer("X", 1_u32..=255), byte.map(Some))?;
        let longest = whole.filter(|text| at_most(text, "18446744073709551615"));
        let read = all(&value).integer("X", 7_u64, 0..=u64::MAX);
        prop_assert_eq!(read.is_ok(), longest.is_some(), "{:?}", value);
    }

    #[test]
    fn seconds_are_decimals_up_to_the_bound(value in values()) {
        let decimal = of_form(&value, |text| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            (digits(whole) || digits(fraction)) && (whole.is_empty() || digits(whole))
                && (fraction.is_empty() || digits(fraction))
        });
        let (whole, fraction) = decimal.map_or(("", ""), |text| text.split_once('.').unwrap_or((text, "")));
        let past_the_bound = !at_most(whole, "10000000")
            || !at_most(whole, "9999999") && fraction.bytes().take(7).any(|digit| digit != b'0');
        match all(&value).seconds("X", Duration::ZERO, Duration::ZERO..=MOST) {
            Ok(read) => {
                prop_assert!(decimal.is_some() && !past_the_bound, "{:?} is {:?}", value, read);
                let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
                let whole = whole.trim_start_matches('0').parse().unwrap_or(0);
                let exact = Duration::new(whole, nanos.parse().unwrap());
                // The parser goes through an f64.
                prop_assert!(read.abs_diff(exact) <= Duration::from_nanos(2), "{:?} is {:?}", value, read);
            }
            Err(error) => {
                assert_refusal(&error)?;
                prop_assert!(decimal.is_none() || past_the_bound, "{:?}: {}", value, error);
            }
        }
    }

    #[test]
    fn a_formatted_duration_parses_to_the_same_value(nanos in 0..=10_000_000_000_000_000_u64) {
        let duration = Duration::from_nanos(nanos);
        let value = OsString::from(format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos()));
        let read = all(&value).optional_seconds("X", Duration::ZERO..=MOST).unwrap().unwrap();
        prop_assert!(read.abs_diff(duration) <= Duration::from_nanos(2), "{:?} is {:?}", value, read);
    }

    #[test]
    fn numbers_are_within_their_range(value in values(), number in any::<f64>()) {
        for value in [value, number.to_string().into()] {
            let expected = value.to_str().and_then(|text| text.parse().ok()).filter(|n: &f64| (-1.0..=1e9).contains(n));
            assert_read(&value, |settings| settings.number("X", 1.0, -1.0..=1e9), expected)?;
            let share = (Bound::Excluded(0.0), Bound::Included(1.0));
            let expected = expected.filter(|number| *number > 0.0 && *number <= 1.0);
            assert_read(&value, |settings| settings.optional_number("X", share), expected.map(Some))?;
        }
    }

    #[test]
    fn any_valid_text_is_read_unchanged(value in values()) {
        let expected = of_form(&value, |_| true).map(str::to_owned);
        assert_read(&value, |settings| settings.text("X", "default"), expected.clone())?;
        assert_read(&value, |settings| settings.optional_text("X"), expected.map(Some))?;
        let choices = [("5.", 5), ("inf", 1)];
        let expected = choices.iter().find(|(name, _)| value == *name).map(|(_, choice)| *choice);
        assert_read(&value, |settings| settings.choice("X", "inf", &choices), expected)?;
    }

    #[test]
    fn secrets_are_shown_nowhere(value in prop_oneof![values(), "[!-~]{6,40}".prop_map(OsString::from)]) {
        let usable = |text: &str| !text.is_empty() && text.len() <= 1024 && text.bytes().all(|b| (0x21..0x7f).contains(&b));
        let expected = of_form(&value, usable).map(str::to_owned);
        assert_read(&value, |settings| settings.secret("X"), expected.map(Some))?;
        let mut settings = all(&value);
        let told = match settings.secret("X") {
            Ok(_) => format!("{settings:?} {}", settings.summary()),
            Err(error) => format!("{error:?} {error}"),
        };
        if let Some(text) = value.to_str().filter(|text| text.len() > 5) {
            prop_assert!(!told.contains(text), "{}", told);
        }
    }

    #[test]
    fn a_pod_name_is_a_valid_header_value(value in values()) {
        let pod = all(&value).pod();
        prop_assert!((1..=MAX_POD).contains(&pod.len()));
        prop_assert!(actix_web::http::header::HeaderValue::from_str(&pod).is_ok());
    }
}

#[test]
fn a_very_long_value_makes_a_short_error() {
    let value = OsString::from("9".repeat(1_000_000));
    let error = all(&value).integer("X", 1_u16, 0..=9).unwrap_err();
    let line = error.to_string();
    assert!(line.len() < 400, "{} bytes", line.len());
    assert!(line.contains("(999800 characters left out)"), "{line}");
    assert!(line.ends_with("expected a whole number from 0 to 9"), "{line}");
    let mut settings = all(&value);
    settings.text("X", "a").unwrap();
    assert!(settings.summary().len() < 400);
}

#[test]
fn a_pod_name_that_is_not_a_valid_header_value_is_treated_as_unset() {
    for strange in ["", "a\nb", "a b", "pöd", &"x".repeat(254)] {
        let value = OsString::from(strange);
        let mut settings = all(&value);
        assert_eq!(
            (settings.pod().as_str(), settings.summary().as_str()),
            ("local", "HOSTNAME=local")
        );
    }
}
