//! The settings that a table sets.

use std::{collections::BTreeMap, ffi::OsString, ops::Range};

use serde_json::Value;
use service_edge::{SettingError, Settings};
use toml::de::DeValue;

use super::{
    super::reader::{Reader, Section},
    known::{in_keys, key_of, named_in, variable_of},
};
use crate::policy_settings::{Overrides, as_variable};

/// The settings that a table sets, by the names of their variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    settings: BTreeMap<&'static str, Setting>,
    /// Those whose values have types that are not allowed.
    refused: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct Setting {
    /// As the variable would be written. `None`: as if it were not set.
    text: Option<String>,
    at: Range<usize>,
}

impl Given {
    /// Takes the settings among the keys of a table. Other keys are left.
    pub(crate) fn read(section: &Section<'_>, reader: &mut Reader<'_>) -> Self {
        let mut given = Self::default();
        for (key, value) in section.table {
            let Some(name) = variable_of(key.get_ref()) else { continue };
            let variable = json(value.get_ref()).map(|value| as_variable(name, &value));
            match variable {
                Some(Ok(text)) => {
                    given.settings.insert(name, Setting { text, at: value.span() });
                }
                _ => {
                    given.refused.push(name);
                    let key = section.key(key.get_ref());
                    reader.refuse_type(&key, value, "a number, a string or a boolean");
                }
            }
        }
        given
    }

    /// These settings without all but the named ones.
    pub(crate) fn only(mut self, names: &[&str]) -> Self {
        self.settings.retain(|name, _| names.contains(name));
        self
    }

    /// These settings, to be put on top of others.
    pub(crate) fn overrides(&self) -> Overrides {
        self.settings.iter().map(|(name, setting)| (*name, setting.text.clone())).collect()
    }

    /// The value of a variable, where these settings are on top of `others`.
    fn over(&self, others: &Self, name: &str) -> Option<OsString> {
        let setting = self.settings.get(name).or_else(|| others.settings.get(name))?;
        setting.text.clone().map(OsString::from)
    }

    /// Parses these settings on top of those of `others`, which are valid. Records each error in these.
    pub(crate) fn parse_over<T>(
        &self,
        others: &Self,
        section: &Section<'_>,
        reader: &mut Reader<'_>,
        parse: impl Fn(&mut Settings<'_>) -> Result<T, SettingError>,
    ) -> Option<T> {
        let mut left = self.clone();
        let mut removed: Vec<String> = self.refused.iter().map(|name| (*name).to_owned()).collect();
        loop {
            let error = match parse(&mut Settings::new(|name| left.over(others, name))) {
                Ok(parsed) => return removed.is_empty().then_some(parsed),
                Err(error) => error,
            };
            let names = named_in(&error);
            // What contradicts a removed setting may be right beside the right value of that.
            if !names.iter().any(|name| removed.iter().any(|other| other == name)) {
                let at = names.iter().find_map(|name| self.settings.get(*name));
                let at = at.map_or(&section.span, |setting| &setting.at);
                let key = section.key(&key_of(error.variable()));
                reader.refuse(at, &key, error.value(), in_keys(error.allowed()));
            }
            // To find further errors.
            let name = names.into_iter().find(|name| left.settings.remove(*name).is_some())?;
            removed.push(name.to_owned());
        }
    }
}

fn json(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(boolean) => Some((*boolean).into()),
        DeValue::Float(float) => Some(float.as_str().parse::<f64>().ok()?.into()),
        DeValue::Integer(integer) => {
            let whole = i128::from_str_radix(integer.as_str(), integer.radix()).ok()?;
            serde_json::Number::from_i128(whole).map(Value::Number)
        }
        _ => None,
    }
}
