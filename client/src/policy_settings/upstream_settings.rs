//! The settings of one upstream. Those of the lab's backend are variables of the environment; those of other upstreams
//! are keys of a file, which are read as if they were variables.

use std::{collections::BTreeMap, ffi::OsString, time::Duration};

use resilience_actors::DURATIONS;
use service_edge::{SettingError, Settings};

use super::{
    fallback,
    policies::{Fixed, Policies},
};
use crate::{
    fallback::StaleLimits,
    transport::{ConnectionSettings, tls::TlsConfig},
};

/// What is set, by the names of the variables.
pub(super) type Variables = BTreeMap<&'static str, OsString>;

/// Values in place of those of others, by the names of the variables. `None`: the variable is not set.
pub(crate) type Overrides = BTreeMap<&'static str, Option<String>>;

/// The settings of one upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamSettings {
    /// The settings of the policies that can change at run time.
    pub policies: Policies,
    /// `CONNECT_TIMEOUT`: maximum time to resolve the name, and again to connect to each of its addresses.
    pub connect_timeout: Duration,
    /// `POOL_MAX_AGE`: maximum age of a connection that a request may use.
    pub pool_max_age: Duration,
    /// `POOL_IDLE_TIMEOUT`: maximum time without a request after which a request may use a connection.
    pub pool_idle_timeout: Duration,
    /// `FALLBACK` and `FALLBACK_*`: the limits of stale answers, if they are on.
    pub fallback: Option<StaleLimits>,
    /// `COALESCE`: identical requests in flight share a call.
    pub coalesce: bool,
    /// The variables of the settings that cannot change at run time, with their effective values.
    others: Vec<(&'static str, String)>,
    /// The variables of the policies that are set.
    pub(super) given: Variables,
    pub(super) fixed: Fixed,
}

impl UpstreamSettings {
    /// Reads them. The settings `CHAOS_*` are refused unless there is an admin token.
    ///
    /// # Errors
    /// The first variable whose value is not valid or contradicts another variable.
    pub(crate) fn read(
        settings: &mut Settings<'_>,
        has_admin_token: bool,
    ) -> Result<Self, SettingError> {
        let policies = Policies::read(settings)?;
        let read = settings.effective().len();
        let connect_timeout =
            settings.seconds("CONNECT_TIMEOUT", Duration::from_secs(1), DURATIONS)?;
        let fixed = Fixed { connect_timeout, has_admin_token };
        policies.check(fixed)?;
        let pool_max_age = settings.seconds("POOL_MAX_AGE", Duration::from_secs(75), DURATIONS)?;
        let pool_idle_timeout =
            settings.seconds("POOL_IDLE_TIMEOUT", Duration::from_secs(15), DURATIONS)?;
        let fallback = fallback::read(settings)?;
        let coalesce = settings.choice("COALESCE", "off", &[("off", false), ("on", true)])?;
        let others = settings.effective()[read..].to_vec();
        let names = policies.effective.iter().map(|(name, _)| *name);
        let given = names.filter_map(|name| Some((name, settings.given(name)?))).collect();
        Ok(Self {
            policies,
            connect_timeout,
            pool_max_age,
            pool_idle_timeout,
            fallback,
            coalesce,
            others,
            given,
            fixed,
        })
    }

    /// How connections to the upstream are made. `tls` is `None` for plain HTTP.
    pub(crate) fn connections(&self, tls: Option<TlsConfig>) -> ConnectionSettings {
        ConnectionSettings {
            connect_timeout: self.connect_timeout,
            tls,
            max_age: self.pool_max_age,
            idle_timeout: self.pool_idle_timeout,
        }
    }

    /// All variables with their effective values, in the order in which they were read.
    pub fn effective(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.policies.effective.iter().chain(&self.others)
    }
}
