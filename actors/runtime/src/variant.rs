//! Calls of one upstream that are made in another way than its others.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{hedge::Hedge, retry::Retry};

/// The settings of calls that [choose](crate::CallOptions::variant) them, in place of those of the
/// [`CallSettings`](crate::CallSettings) to which the variant belongs.
///
/// All other settings are the upstream's. So are its circuit breaker, its limits, its retry budget, and all counts.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::{CallOptions, CallSettings, CallVariant, Retry, Upstream};
/// # actix::System::new().block_on(async {
/// let reports = CallVariant { attempt_timeout: Some(Duration::from_secs(60)), ..CallVariant::default() };
/// let settings = CallSettings {
///     retry: Some(Retry::default()),
///     attempt_timeout: Some(Duration::from_secs(3)),
///     variants: vec![reports],
///     ..CallSettings::default()
/// };
/// let upstream = Upstream::builder("shop").settings(settings).start()?;
/// let options = CallOptions::new().variant(0); // 60 s and no retries
/// # let _ = (upstream, options);
/// # Ok::<(), resilience_actors::InvalidConfig>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallVariant {
    /// As [`CallSettings::retry`](crate::CallSettings::retry).
    pub retry: Option<Retry>,
    /// As [`CallSettings::attempt_timeout`](crate::CallSettings::attempt_timeout).
    #[serde(with = "crate::seconds::optional")]
    pub attempt_timeout: Option<Duration>,
    /// As [`CallSettings::call_deadline`](crate::CallSettings::call_deadline).
    #[serde(with = "crate::seconds::optional")]
    pub call_deadline: Option<Duration>,
    /// As [`CallSettings::hedge`](crate::CallSettings::hedge). Hedges of all calls are counted together.
    pub hedge: Option<Hedge>,
}
