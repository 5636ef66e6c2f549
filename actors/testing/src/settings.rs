//! Checks that settings refuse invalid values, and checks the errors.

use std::fmt::Debug;

/// Values that no setting of a number, a name or an address accepts.
const GARBAGE: [&str; 2] = ["", "gar/bage"];

/// Panics unless `read`, given one of these variables and nothing else, fails with an error that names the variable and
/// its value.
#[track_caller]
pub fn assert_each_is_named<T: Debug>(
    read: impl Fn(&[(&str, &str)]) -> Result<T, String>,
    bad: &[(&str, &str)],
) {
    for (variable, value) in bad {
        let error = read(&[(variable, value)]).unwrap_err();
        assert!(error.starts_with(&format!("{variable}={value:?} ")), "{error}");
    }
}

/// Panics unless each variable is refused with its hint, for values out of range and for malformed values.
#[track_caller]
pub fn assert_hints<T: Debug>(
    read: impl Fn(&[(&str, &str)]) -> Result<T, String>,
    variables: &[(&str, &[&str], &str)],
) {
    for (variable, out_of_range, hint) in variables {
        for value in out_of_range.iter().chain(&GARBAGE) {
            let error = read(&[(variable, value)]).unwrap_err();
            assert_eq!(error.split_once("expected ").unwrap().1, *hint, "{variable}={value}");
        }
    }
}
