//! The policies of an upstream now, and how their settings change.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;

use super::Upstream;
use crate::{
    breaker::{BreakerConfig, BreakerSettings, BreakerStopped},
    changes::changes,
    config::InvalidConfig,
    observe::Observation,
    options::CallOptions,
    policies::{Common, Policies},
    settings::{CallConfig, CallSettings},
};

/// The policies that calls begin with.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) common: Arc<Common>,
    policies: ArcSwap<Policies>,
    /// Locked while the policies change.
    reconfiguring: Mutex<Reconfiguring>,
    /// Held by the one change that concerns the breaker too.
    turn: tokio::sync::Mutex<()>,
}

/// The changes of settings that are under way.
#[derive(Debug, Default)]
struct Reconfiguring {
    /// The settings that the breaker is about to have, if they change.
    next_breaker: Option<BreakerConfig>,
    /// The policies before and after each change that observers have not been told of.
    untold: VecDeque<[Arc<Policies>; 2]>,
    /// Observers are being told of a change.
    telling: bool,
}

impl Current {
    pub(super) fn new(common: Common, config: CallConfig) -> Self {
        let policies = Arc::new(Policies::none(common).with(config));
        let common = Arc::clone(&policies.common);
        let (reconfiguring, turn) = Default::default();
        Self { common, policies: ArcSwap::new(policies), reconfiguring, turn }
    }

    /// With the policies of `before` and other settings. Tells the observers of the change.
    pub(super) fn after(before: &Self, config: CallConfig) -> Self {
        let (old, common) = (before.load(), Arc::clone(&before.common));
        let (reconfiguring, turn) = Default::default();
        let current = Self { common, policies: ArcSwap::new(old), reconfiguring, turn };
        current.change(&mut current.reconfiguring(), config);
        current.tell();
        current
    }

    /// The policies of a call that begins now.
    pub(super) fn load(&self) -> Arc<Policies> {
        self.policies.load_full()
    }

    /// The policies of a call that begins now with these options. Takes no reference: the future of a call would keep
    /// what it refers to.
    pub(super) fn load_for(&self, options: CallOptions) -> Arc<Policies> {
        let policies = self.load();
        let variant =
            options.variant.and_then(|index| policies.variants.get(usize::from(index)).cloned());
        variant.unwrap_or(policies)
    }

    fn reconfiguring(&self) -> MutexGuard<'_, Reconfiguring> {
        self.reconfiguring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the policies, if the settings differ.
    fn change(&self, reconfiguring: &mut Reconfiguring, config: CallConfig) {
        let old = self.load();
        if old.config == config {
            return;
        }
        let new = Arc::new(old.with(config));
        self.policies.store(Arc::clone(&new));
        old.give_way_to(&new);
        reconfiguring.untold.push_back([old, new]);
    }

    /// Tells the observers of the changes, in the order of the changes. Does nothing if they are being told of a
    /// change, on this thread or another one: the loop that tells them goes on with the next change. No lock is held
    /// while they run, because they may change settings themselves.
    fn tell(&self) {
        while let Some(change) = self.next_to_tell() {
            let _telling = Telling(self);
            self.tell_of(&change);
        }
    }

    fn next_to_tell(&self) -> Option<[Arc<Policies>; 2]> {
        let reconfiguring = &mut *self.reconfiguring();
        if reconfiguring.telling {
            return None;
        }
        let change = reconfiguring.untold.pop_front();
        reconfiguring.telling = change.is_some();
        change
    }

    fn tell_of(&self, [old, new]: &[Arc<Policies>; 2]) {
        let (upstream, changes) = (&self.common.name, &*changes(&old.config, &new.config));
        self.common.observers.tell(&Observation::CallsReconfigured { upstream, changes });
        new.tell_chaos(old.config.chaos_if_on());
    }
}

/// Observers are being told of a change, until this is dropped. A panic must not silence later changes.
struct Telling<'a>(&'a Current);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.reconfiguring().telling = false;
    }
}

/// The settings that the breaker is about to have. Forgotten at the end of the change, also if its thread ends halfway.
struct NextBreaker<'a>(&'a Current);

impl Drop for NextBreaker<'_> {
    fn drop(&mut self) {
        self.0.reconfiguring().next_breaker = None;
    }
}

/// Why the settings of an upstream were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconfigureError {
    /// A setting breaks its rule.
    #[error(transparent)]
    Invalid(#[from] InvalidConfig),
    /// The breaker's actor is gone.
    #[error(transparent)]
    Stopped(#[from] BreakerStopped),
}

/// Checks the settings of calls beside those of the breaker.
pub(super) fn check(config: &CallConfig, breaker: &BreakerConfig) -> Result<(), InvalidConfig> {
    let of_variants = config.variants.iter().map(|variant| variant.attempt_timeout);
    let mut timeouts = [config.attempt_timeout].into_iter().chain(of_variants).flatten();
    timeouts.try_for_each(|timeout| breaker.check_timeout(timeout))
}

impl Upstream {
    /// Changes how calls are made, while calls are made. A call keeps the settings that it began with, to its end.
    ///
    /// What the policies have counted stays: places and tokens that are taken, retries, results, latencies, and who
    /// waits. The limits that calls share change at once for all of them: the number of places, the length of the
    /// queue, the rate and its burst, and the retry budget. With more places or a higher rate, attempts that wait are
    /// admitted at once or earlier; with fewer places, none is taken away; with a lower rate, attempts whose token
    /// comes too late are rejected. A policy that is switched on begins anew. One that is switched off admits what
    /// waits for it. Fault injection changes and ends at once for all calls, and begins with new ones.
    ///
    /// Does nothing if the settings are the same. Observers are told of one change at a time, in the order of the
    /// changes. This method does not wait for a thread that is telling them of a change: that thread tells them of this
    /// change too, maybe after this method has returned.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use resilience_actors::{CallSettings, Upstream};
    /// # actix::System::new().block_on(async {
    /// # let payments = Upstream::builder("payments").start().unwrap();
    /// let settings = CallSettings { attempt_timeout: Some(Duration::from_secs(2)), ..payments.config().into() };
    /// payments.reconfigure(settings)?;
    /// # Ok::<(), resilience_actors::InvalidConfig>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// A setting breaks its rule, or does not fit the breaker's: see [`BreakerConfig::check_timeout`]. Nothing is
    /// changed then.
    pub fn reconfigure(&self, settings: CallSettings) -> Result<(), InvalidConfig> {
        let config = CallConfig::try_from(settings)?;
        {
            let reconfiguring = &mut *self.current.reconfiguring();
            if let Some(breaker) = self.breaker() {
                check(&config, &breaker.config())?;
            }
            reconfiguring
                .next_breaker
                .as_ref()
                .map_or(Ok(()), |breaker| check(&config, breaker))?;
            self.current.change(reconfiguring, config);
        }
        self.current.tell();
        Ok(())
    }

    /// Changes how calls are made, as [`reconfigure`](Self::reconfigure) does, and the settings of the circuit breaker,
    /// as [`Breaker::reconfigure`](crate::Breaker::reconfigure) does. The two are checked together; other upstreams
    /// that share the breaker are not checked. Runs to its end also if the future is dropped. Observers may be told of
    /// the change of the calls on another thread, and after this future is ready: see
    /// [`reconfigure`](Self::reconfigure).
    ///
    /// # Errors
    /// A setting breaks its rule, there is no breaker, or the breaker's actor is gone. Nothing is changed then.
    ///
    /// # Panics
    /// On a thread that runs neither an actix system nor a tokio `LocalSet`.
    pub async fn reconfigure_with_breaker(
        &self,
        calls: CallSettings,
        breaker: BreakerSettings,
    ) -> Result<(), ReconfigureError> {
        let calls = CallConfig::try_from(calls)?;
        let settings = BreakerConfig::try_from(breaker)?;
        check(&calls, &settings)?;
        let Some(breaker) = self.breaker().cloned() else {
            let fail_max = settings.fail_max;
            return Err(InvalidConfig::beside("fail_max", fail_max, &["breaker"]).into());
        };
        let upstream = self.clone();
        let changing = actix_rt::spawn(async move {
            let _turn = upstream.current.turn.lock().await;
            let current = &upstream.current;
            current.reconfiguring().next_breaker = Some(settings.clone());
            let next = NextBreaker(current);
            breaker.reconfigure(settings).await?;
            current.change(&mut current.reconfiguring(), calls);
            drop(next);
            current.tell();
            Ok(())
        });
        changing.await.unwrap_or(Err(ReconfigureError::Stopped(BreakerStopped)))
    }
}
