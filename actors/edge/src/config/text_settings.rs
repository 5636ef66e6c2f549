//! Settings that are texts: free texts, choices, secrets and the name of the pod.

use std::ffi::OsString;

use super::{
    admin_token::MAX_TOKEN,
    setting_error::SettingError,
    settings::{Settings, UNSET},
};

/// The variable that has the name of the pod. The system sets it.
pub(super) const POD: &str = "HOSTNAME";

/// Maximum length of a pod's name in bytes: that of a host name (RFC 1035, 2.3.4).
pub(super) const MAX_POD: usize = 253;

/// An error shows this in place of a secret.
const HIDDEN: &str = "(hidden)";

impl Settings<'_> {
    /// Reads a text. The caller checks it; it may be empty.
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

    /// Reads `HOSTNAME`, the name of this pod; "local" if it is unset. The system sets this variable, so a value that
    /// no header can have counts as unset and is no error.
    pub fn pod(&mut self) -> String {
        let name = self.raw(POD).ok().flatten();
        let usable = |name: &String| is_visible_ascii(name) && name.len() <= MAX_POD;
        let name = name.filter(usable).unwrap_or_else(|| "local".to_owned());
        self.record(POD, name.clone());
        name
    }

    /// Reads a text that neither the summary nor an error shows. A value that no header can have is an error: an empty
    /// one, one longer than [`MAX_TOKEN`], and one with anything but visible ASCII.
    pub fn secret(&mut self, name: &'static str) -> Result<Option<String>, SettingError> {
        let value = match self.raw_os(name).map(OsString::into_string) {
            None => None,
            Some(Ok(value)) if is_visible_ascii(&value) && value.len() <= MAX_TOKEN => Some(value),
            Some(_) => {
                let allowed = format!("1 to {MAX_TOKEN} visible ASCII characters without spaces");
                return Err(SettingError::new(name, HIDDEN, allowed));
            }
        };
        let shown = if value.is_some() { "(set)" } else { UNSET };
        self.record(name, shown.to_owned());
        Ok(value)
    }

    /// Reads one of the named `choices`; `default` is the name of one of them.
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
}

fn is_visible_ascii(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic())
}
