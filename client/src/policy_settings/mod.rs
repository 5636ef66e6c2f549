//! The settings of the policies of an upstream. The ranges are the runtime's. This module names their variables, and
//! refuses settings that contradict each other.
//!
//! The environment sets those of the lab's backend, and a file those of other upstreams.

mod breaker;
mod calls;
mod chaos;
mod concurrency;
mod fallback;
mod hedge;
mod known_names;
mod live_policies;
mod names;
mod policies;
mod priority;
mod probe;
mod rate;
mod retry;
mod retry_after;
mod retry_budget;
mod throttle;
mod upstream_settings;
mod variable_value;

pub use self::{
    calls::Calls,
    known_names::BACKEND_SETTINGS,
    live_policies::{ChangeError, LivePolicies},
    policies::Policies,
    probe::HealthProbe,
    upstream_settings::UpstreamSettings,
};
pub(crate) use self::{
    known_names::KNOWN_NAMES, names::needs, upstream_settings::Overrides,
    variable_value::as_variable,
};
