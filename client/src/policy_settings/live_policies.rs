//! The settings of the policies in force. They are those of the environment, with the changes since the start on top.

use std::{ffi::OsString, sync::Arc};

use arc_swap::ArcSwap;
use resilience_actors::ReconfigureError;
use serde_json::{Map, Value};
use service_edge::{SettingError, Settings};
use tokio::sync::Mutex;

use super::{
    calls::Calls,
    known_names::KNOWN_NAMES,
    policies::{Fixed, Policies},
    upstream_settings::{Overrides, UpstreamSettings, Variables},
    variable_value::as_variable,
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
    /// What each route sets.
    routes: Vec<Overrides>,
    fixed: Fixed,
}

/// The values in place of those of the environment.
type Changes = Overrides;

/// Why the settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The caller's fault.
    #[error("{0}")]
    Refused(String),
    /// The runtime did not take them.
    #[error(transparent)]
    NotTaken(#[from] ReconfigureError),
    /// The upstream was removed meanwhile.
    #[error("no upstream has this name any more")]
    Gone,
}

impl From<SettingError> for ChangeError {
    fn from(error: SettingError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl LivePolicies {
    /// The settings of the policies of an upstream.
    pub fn new(upstream: &UpstreamSettings) -> Self {
        Self::with_routes(upstream, [])
    }

    /// The settings of the policies of an upstream with routes. Each route is what it sets, with the calls that follow.
    pub(crate) fn with_routes(
        upstream: &UpstreamSettings,
        routes: impl IntoIterator<Item = (Overrides, Calls)>,
    ) -> Self {
        let UpstreamSettings { policies, given, fixed, .. } = upstream;
        let (routes, calls) = routes.into_iter().unzip();
        let in_force = ArcSwap::from_pointee(Policies { routes: calls, ..policies.clone() });
        let (at_start, changes) = (given.clone(), Mutex::default());
        Self(Arc::new(Shared { in_force, at_start, changes, routes, fixed: *fixed }))
    }

    /// The settings in force.
    pub fn load(&self) -> Arc<Policies> {
        self.0.in_force.load_full()
    }

    /// Changes settings by the names of their variables in lower case. A number, a text or `true` (which is `on`) is
    /// the variable's value. `false`: as if the variable were not set. `null`: the value at the start.
    ///
    /// Earlier changes stay. `apply` puts the new settings in force; if it fails, nothing has changed.
    ///
    /// # Errors
    /// A name is not that of a policy's setting, a value is not valid or contradicts another setting, or `apply`
    /// failed.
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
        let known: Vec<_> = in_force.effective.iter().map(|(name, _)| *name).collect();
        for (key, value) in asked {
            let name = known.iter().find(|name| name.to_lowercase() == key);
            let name = name.ok_or_else(|| unknown(&key, &known))?;
            match &value {
                Value::Null => drop(changes.remove(name)),
                value => drop(changes.insert(name, as_variable(name, value)?)),
            }
        }
        Ok(changes)
    }

    /// Reads the settings as at the start.
    fn read(&self, changes: &Changes) -> Result<Policies, ChangeError> {
        let mut policies = self.read_with(&[changes])?;
        for (number, route) in self.0.routes.iter().enumerate() {
            let read = self.read_with(&[route, changes]);
            let of_route = read.map_err(|error| {
                ChangeError::Refused(format!("with the settings of routes[{number}]: {error}"))
            })?;
            policies.routes.push(of_route.calls);
        }
        Ok(policies)
    }

    /// Reads the settings with these overrides, the first of which win.
    fn read_with(&self, overrides: &[&Overrides]) -> Result<Policies, SettingError> {
        let Shared { at_start, fixed, .. } = &*self.0;
        let mut settings = Settings::new(|name| {
            match overrides.iter().find_map(|overrides| overrides.get(name)) {
                Some(value) => value.clone().map(OsString::from),
                None => at_start.get(name).cloned(),
            }
        });
        let policies = Policies::read(&mut settings)?;
        policies.check(*fixed)?;
        Ok(policies)
    }
}

/// Maximum number of characters of a name in an error.
const MAX_NAME: usize = 64;

fn unknown(key: &str, known: &[&str]) -> ChangeError {
    // A longer key resembles no name. Comparing it would take long.
    let key: String = key.chars().take(MAX_NAME).collect();
    let near = KNOWN_NAMES.near_miss(&key.to_uppercase(), known);
    let near =
        near.map_or_else(String::new, |name| format!(": did you mean {}?", name.to_lowercase()));
    ChangeError::Refused(format!(
        "only settings of policies can be changed, as GET shows them, and {key} is none{near}"
    ))
}

#[cfg(test)]
#[path = "live_policies_tests.rs"]
mod tests;
