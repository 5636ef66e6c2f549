//! Typed settings, read through a lookup that tests can replace.
//!
//! A setting that is set must be valid: nothing is silently replaced by its default. Each method
//! reads one variable and remembers the value that takes effect, so that a service can print at
//! start what it really runs with.

use std::{
    env,
    ffi::OsString,
    fmt::{self, Display},
    ops::{Bound, RangeBounds, RangeInclusive},
    str::FromStr,
    time::Duration,
};

use crate::{
    auth::MAX_TOKEN,
    near_misses::{self, KnownNames},
    untrusted_text::shorten,
};

/// The most that an error or the summary shows of a value, in characters.
const MAX_SHOWN: usize = 200;

/// The variable that has the name of the pod.
pub(crate) const POD: &str = "HOSTNAME";

/// The longest name of a pod: that of a host name (RFC 1035, 2.3.4).
const MAX_POD: usize = 253;

/// What an error shows in place of a secret.
const HIDDEN: &str = "(hidden)";

/// A bound that a variable sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most there may be.
    pub value: usize,
    /// Somebody has set it: it is not the default.
    pub chosen: bool,
}

type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// A typed reader over a lookup of variables.
pub struct Settings<'a> {
    lookup: Box<Lookup<'a>>,
    /// The names of all variables that are set, where they can be listed.
    names: Vec<String>,
    effective: Vec<(&'static str, String)>,
}

impl Settings<'static> {
    /// Reads the environment of the process.
    pub fn from_env() -> Self {
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self { names: names.collect(), ..Self::new(|name| env::var_os(name)) }
    }
}

impl<'a> Settings<'a> {
    /// Reads through `lookup`, which returns `None` for an unset variable.
    pub fn new(lookup: impl Fn(&str) -> Option<OsString> + 'a) -> Self {
        Self { lookup: Box::new(lookup), names: Vec::new(), effective: Vec::new() }
    }

    /// Reads these names and values and nothing else, for tests. Of a name that is there twice, the
    /// first value holds.
    pub fn from_pairs(variables: &'a [(&'a str, &'a str)]) -> Self {
        let names = variables.iter().map(|(name, _)| (*name).to_owned());
        let lookup = |name: &str| {
            let set = variables.iter().find(|(variable, _)| *variable == name);
            set.map(|(_, value)| value.into())
        };
        Self { names: names.collect(), ..Self::new(lookup) }
    }

    /// A text. What it must be is for the caller to check, an empty one too.
    pub fn text(&mut self, name: &'static str, default: &str) -> Result<String, SettingError> {
        let value = self.raw(name)?.unwrap_or_else(|| default.to_owned());
        self.record(name, value.clone());
        Ok(value)
    }

    /// As [`text`](Self::text), or `None` if the variable is unset.
    pub fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, SettingError> {
        let value = self.raw(name)?;
        self.record_optional(name, value.as_ref());
        Ok(value)
    }

    /// `HOSTNAME`, the name of this pod; "local" if it is unset. Not a setting of ours but the
    /// system's: one that could not be sent in a header counts as unset, and does not stop the start.
    pub fn pod(&mut self) -> String {
        let name = self.raw(POD).ok().flatten();
        let usable = |name: &String| is_visible_ascii(name) && name.len() <= MAX_POD;
        let name = name.filter(usable).unwrap_or_else(|| "local".to_owned());
        self.record(POD, name.clone());
        name
    }

    /// A text that is shown nowhere. Set but empty, longer than [`MAX_TOKEN`], and anything but
    /// visible ASCII, is an error: it could not be sent in a header.
    pub fn secret(&mut self, name: &'static str) -> Result<Option<String>, SettingError> {
        let value = match (self.lookup)(name).map(OsString::into_string) {
            None => None,
            Some(Ok(value)) if is_visible_ascii(&value) && value.len() <= MAX_TOKEN => Some(value),
            Some(_) => {
                let allowed = format!("1 to {MAX_TOKEN} visible ASCII characters without spaces");
                return Err(SettingError::new(name, HIDDEN, allowed));
            }
        };
        let shown = if value.is_some() { "(set)" } else { "(unset)" };
        self.record(name, shown.to_owned());
        Ok(value)
    }

    /// A whole number within `allowed`.
    pub fn integer<T>(
        &mut self,
        name: &'static str,
        default: T,
        allowed: RangeInclusive<T>,
    ) -> Result<T, SettingError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let value = self.parse_integer(name, &allowed)?.unwrap_or(default);
        self.record(name, value.to_string());
        Ok(value)
    }

    /// A bound, as [`integer`](Self::integer).
    pub fn limit(
        &mut self,
        name: &'static str,
        default: usize,
        allowed: RangeInclusive<usize>,
    ) -> Result<Limit, SettingError> {
        let value = self.integer(name, default, allowed)?;
        Ok(Limit { value, chosen: (self.lookup)(name).is_some() })
    }

    /// A whole number within `allowed`, or `None` if the variable is unset.
    pub fn optional_integer<T>(
        &mut self,
        name: &'static str,
        allowed: RangeInclusive<T>,
    ) -> Result<Option<T>, SettingError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let value = self.parse_integer(name, &allowed)?;
        self.record_optional(name, value.as_ref());
        Ok(value)
    }

    /// A duration within `allowed`, which has an end. It is written as a decimal number of seconds without a
    /// unit; fractions are allowed.
    pub fn seconds(
        &mut self,
        name: &'static str,
        default: Duration,
        allowed: impl RangeBounds<Duration>,
    ) -> Result<Duration, SettingError> {
        let value = self.parse_seconds(name, &allowed)?.unwrap_or(default);
        self.record(name, value.as_secs_f64().to_string());
        Ok(value)
    }

    /// As [`seconds`](Self::seconds), or `None` if the variable is unset.
    pub fn optional_seconds(
        &mut self,
        name: &'static str,
        allowed: impl RangeBounds<Duration>,
    ) -> Result<Option<Duration>, SettingError> {
        let value = self.parse_seconds(name, &allowed)?;
        self.record_optional(name, value.map(|value| value.as_secs_f64()).as_ref());
        Ok(value)
    }

    /// A number within `allowed`.
    pub fn number(
        &mut self,
        name: &'static str,
        default: f64,
        allowed: RangeInclusive<f64>,
    ) -> Result<f64, SettingError> {
        let value = match self.raw(name)? {
            None => default,
            Some(text) => {
                text.parse().ok().filter(|value| allowed.contains(value)).ok_or_else(|| {
                    let hint = format!("a number from {} to {}", allowed.start(), allowed.end());
                    SettingError::new(name, text, hint)
                })?
            }
        };
        self.record(name, value.to_string());
        Ok(value)
    }

    /// One of the named `choices`; `default` is the name of one of them.
    pub fn choice<T: Clone>(
        &mut self,
        name: &'static str,
        default: &str,
        choices: &[(&'static str, T)],
    ) -> Result<T, SettingError> {
        let value = self.raw(name)?.unwrap_or_else(|| default.to_owned());
        let Some((_, choice)) = choices.iter().find(|(choice, _)| *choice == value) else {
            let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            return Err(SettingError::new(name, value, names.join(" or ")));
        };
        self.record(name, value);
        Ok(choice.clone())
    }

    /// The variables read so far with the values that took effect, in the order they were read.
    /// Secrets are "(set)" or "(unset)".
    pub fn effective(&self) -> &[(&'static str, String)] {
        &self.effective
    }

    /// [`effective`](Self::effective) as one line, `NAME=value NAME=value ...`, for the log.
    pub fn summary(&self) -> String {
        let pairs: Vec<String> = self
            .effective
            .iter()
            .map(|(name, value)| {
                let value = shorten(value, MAX_SHOWN);
                if value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"') {
                    format!("{name}={value:?}")
                } else {
                    format!("{name}={value}")
                }
            })
            .collect();
        pairs.join(" ")
    }

    /// One line for each variable that is set and is probably meant to be one of those read so far, but is none. No
    /// line shows a value.
    pub fn near_misses(&self, known: KnownNames<'_>) -> Vec<String> {
        let read: Vec<_> = self.effective.iter().map(|(name, _)| *name).collect();
        near_misses::find(&self.names, &read, known)
    }

    fn raw(&self, name: &'static str) -> Result<Option<String>, SettingError> {
        (self.lookup)(name)
            .map(OsString::into_string)
            .transpose()
            .map_err(|value| SettingError::new(name, value.to_string_lossy(), "UTF-8 text"))
    }

    fn parse_integer<T>(
        &self,
        name: &'static str,
        allowed: &RangeInclusive<T>,
    ) -> Result<Option<T>, SettingError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.raw(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) if allowed.contains(&value) => Ok(Some(value)),
            _ => Err(SettingError::new(
                name,
                text,
                format!("a whole number from {} to {}", allowed.start(), allowed.end()),
            )),
        }
    }

    fn parse_seconds(
        &self,
        name: &'static str,
        allowed: &impl RangeBounds<Duration>,
    ) -> Result<Option<Duration>, SettingError> {
        let Some(text) = self.raw(name)? else {
            return Ok(None);
        };
        // `f64` alone would also take "inf", "NaN", "1e3" and "-0".
        let decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let seconds = text.parse().ok().filter(|_| decimal);
        let value = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match value.filter(|value| allowed.contains(value)) {
            Some(value) => Ok(Some(value)),
            None => Err(SettingError::new(name, text, seconds_hint(allowed))),
        }
    }

    fn record(&mut self, name: &'static str, value: String) {
        self.effective.push((name, value));
    }

    fn record_optional<T: Display>(&mut self, name: &'static str, value: Option<&T>) {
        self.record(name, value.map_or_else(|| "(unset)".to_owned(), T::to_string));
    }
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("effective", &self.effective).finish_non_exhaustive()
    }
}

fn seconds_hint(allowed: &impl RangeBounds<Duration>) -> String {
    let seconds = |bound: Bound<&Duration>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => value.as_secs_f64(),
        Bound::Unbounded => f64::INFINITY,
    };
    let most = seconds(allowed.end_bound());
    match allowed.start_bound() {
        Bound::Excluded(least) => {
            let least = least.as_secs_f64();
            format!("a number of seconds, more than {least} and at most {most}, without a unit")
        }
        least => format!("a number of seconds from {} to {most}, without a unit", seconds(least)),
    }
}

fn is_visible_ascii(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic())
}

/// A setting whose value cannot be used. Its `Display` is one line for the person who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    variable: String,
    value: String,
    allowed: String,
}

impl SettingError {
    /// An error about `variable`, which has `value`, of which no more is kept than fits on a line or
    /// two; `allowed` completes the sentence "expected ...". Also for values that a core's own rules reject, and for settings that
    /// contradict each other.
    pub fn new(
        variable: impl Into<String>,
        value: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        let value = shorten(&value.into(), MAX_SHOWN).into_owned();
        Self { variable: variable.into(), value, allowed: allowed.into() }
    }

    /// The name of the variable.
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

impl Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `{:?}` keeps a value with line breaks or control characters on the one line.
        write!(f, "{}={:?} is not valid: expected {}", self.variable, self.value, self.allowed)
    }
}

impl std::error::Error for SettingError {}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "settings_props.rs"]
mod props;
