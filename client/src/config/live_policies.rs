//! The settings of the policies in force. They are those of the environment, with the changes since the start on top.

use std::{collections::BTreeMap, ffi::OsString, sync::Arc};

use arc_swap::ArcSwap;
use resilience_actors::ReconfigureError;
use serde_json::{Map, Value};
use service_edge::{SettingError, Settings};
use tokio::sync::Mutex;

use super::{
    KNOWN_NAMES,
    policies::{Fixed, Policies},
};

/// The settings of the policies in force. Clones share them.
#[derive(Debug, Clone)]
pub struct LivePolicies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    in_force: ArcSwap<Policies>,
    /// What the environment sets.
    at_start: Variables,
    /// Locked while the settings change.
    changes: Mutex<Changes>,
    fixed: Fixed,
}

type Variables = BTreeMap<&'static str, OsString>;

/// The values in place of those of the environment. `None`: the variable is not set.
type Changes = BTreeMap<&'static str, Option<String>>;

/// Why the settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The caller's fault.
    #[error("{0}")]
    Refused(String),
    /// The runtime did not take them.
    #[error(transparent)]
    NotTaken(#[from] ReconfigureError),
}

impl From<SettingError> for ChangeError {
    fn from(error: SettingError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl LivePolicies {
    /// The settings that `settings` was read for.
    pub(super) fn new(policies: Policies, fixed: Fixed, settings: &Settings<'_>) -> Self {
        let names = policies.effective.iter().map(|(name, _)| *name);
        let at_start = names.filter_map(|name| Some((name, settings.given(name)?))).collect();
        let (in_force, changes) = (ArcSwap::from_pointee(policies), Mutex::default());
        Self(Arc::new(Shared { in_force, at_start, changes, fixed }))
    }

    /// The settings in force.
    pub fn load(&self) -> Arc<Policies> {
        self.0.in_force.load_full()
    }

    /// Changes settings by the names of their variables in lower case. A number, a text or `true` (which is `on`) is the
    /// variable's value. `false`: as if the variable were not set. `null`: the value at the start.
    ///
    /// Earlier changes stay. `apply` puts the new settings in force; if it fails, nothing has changed.
    ///
    /// # Errors
    /// A name is not that of a policy's setting, a value is not valid or contradicts another setting, or `apply` failed.
    pub async fn change(
        &self,
        asked: Map<String, Value>,
        apply: impl AsyncFnOnce(&Policies) -> Result<(), ReconfigureError>,
    ) -> Result<(), ChangeError> {
        let mut changes = self.0.changes.lock().await;
        let next = self.with(&changes, asked)?;
        let policies = self.read(&next)?;
        apply(&policies).await?;
        *changes = next;
        let own_changes = policies.own_changes(&self.load());
        if !own_changes.is_empty() {
            log::info!("client: reconfigured ({})", own_changes.join(", "));
        }
        self.0.in_force.store(Arc::new(policies));
        Ok(())
    }

    fn with(&self, changes: &Changes, asked: Map<String, Value>) -> Result<Changes, ChangeError> {
        let mut changes = changes.clone();
        let in_force = self.load();
        for (key, value) in asked {
            let mut known = in_force.effective.iter().map(|(name, _)| *name);
            let name = known.find(|name| name.to_lowercase() == key);
            let name = name.ok_or_else(|| unknown(&key))?;
            match value {
                Value::Null => drop(changes.remove(name)),
                Value::Bool(false) => drop(changes.insert(name, None)),
                value => drop(changes.insert(name, Some(text(name, value)?))),
            }
        }
        Ok(changes)
    }

    /// Reads the settings as at the start.
    fn read(&self, changes: &Changes) -> Result<Policies, SettingError> {
        let Shared { at_start, fixed, .. } = &*self.0;
        let mut settings = Settings::new(|name| match changes.get(name) {
            Some(value) => value.clone().map(OsString::from),
            None => at_start.get(name).cloned(),
        });
        let policies = Policies::read(&mut settings)?;
        policies.check(*fixed)?;
        Ok(policies)
    }
}

/// The value as the variable would be written.
fn text(name: &str, value: Value) -> Result<String, ChangeError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(true) => Ok("on".to_owned()),
        other => {
            let allowed = "a number, a string, a boolean or null";
            Err(SettingError::new(name, other.to_string(), allowed).into())
        }
    }
}

/// Maximum number of characters of a name in an error.
const MAX_NAME: usize = 64;

fn unknown(key: &str) -> ChangeError {
    // A longer key resembles no name. Comparing it would take long.
    let key: String = key.chars().take(MAX_NAME).collect();
    let upper = key.to_uppercase();
    let set = [(upper.as_str(), "")];
    let mut settings = Settings::from_pairs(&set);
    // The defaults are valid.
    let _ = Policies::read(&mut settings);
    let near = settings.near_misses(KNOWN_NAMES).into_iter().next();
    let near = near.and_then(|line| Some(line.split_once(": ")?.1.to_lowercase()));
    let near = near.map_or_else(String::new, |question| format!(": {question}"));
    ChangeError::Refused(format!(
        "only settings of policies can be changed, as GET shows them, and {key} is none{near}"
    ))
}

#[cfg(test)]
#[path = "live_policies_tests.rs"]
mod tests;
