//! The optional policies of an upstream at one moment.

use serde::Serialize;

use crate::{
    limit::{ConcurrencyLimit, ConcurrencySnapshot},
    policies::Policies,
};

/// The state of an upstream's optional policies. Those that are off are absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PolicySnapshot {
    /// The limit on attempts in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencySnapshot>,
}

impl PolicySnapshot {
    pub(crate) fn of(policies: &Policies) -> Self {
        Self { concurrency: policies.concurrency.as_ref().map(ConcurrencyLimit::snapshot) }
    }

    /// True if none of these policies is on.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
