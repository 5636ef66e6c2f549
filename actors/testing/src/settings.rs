//! What each setting must refuse, and with which words.

use std::fmt::Debug;

/// Values that no setting of numbers, names or addresses takes.
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

/// Panics unless each variable is refused with the hint that belongs to it, whether its value is out of range or
/// garbage.
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
