//! An upstream with other settings, beside the one with the settings so far.

use std::sync::Arc;

use super::{
    Upstream,
    current::{Current, ReconfigureError, check},
};
use crate::{
    breaker::{BreakerConfig, BreakerSettings},
    config::InvalidConfig,
    settings::{CallConfig, CallSettings},
};

impl Upstream {
    /// The same upstream with other settings: calls through the returned handle follow them, and calls through this one
    /// keep the settings that they had. So what a caller has looked up for a call, such as its
    /// [variant](crate::CallOptions::variant), fits the settings that the call gets.
    ///
    /// Both share the breaker, whose settings change for both, and what the policies have counted, as after
    /// [`reconfigure_with_breaker`](Self::reconfigure_with_breaker). The limits that calls share change at once for
    /// both. Change no settings of this handle afterwards: they would change those limits back.
    ///
    /// # Errors
    /// A setting breaks its rule, there is no breaker, or the breaker's actor is gone. Nothing is changed then.
    pub async fn successor(
        &self,
        calls: CallSettings,
        breaker: BreakerSettings,
    ) -> Result<Self, ReconfigureError> {
        let calls = CallConfig::try_from(calls)?;
        let settings = BreakerConfig::try_from(breaker)?;
        check(&calls, &settings)?;
        let Some(breaker) = self.breaker() else {
            let fail_max = settings.fail_max;
            return Err(InvalidConfig::beside("fail_max", fail_max, &["breaker"]).into());
        };
        breaker.reconfigure(settings).await?;
        Ok(Self { current: Arc::new(Current::after(&self.current, calls)) })
    }
}
