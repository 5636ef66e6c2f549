//! The breaker's published state: what callers read instead of asking the actor.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix::WeakAddr;
use arc_swap::ArcSwap;

use super::{actor::BreakerActor, transition::State};

/// What callers need to know of the state while an epoch lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen,
}

impl Phase {
    pub(crate) fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen => State::HalfOpen,
        }
    }
}

/// The time between two transitions. All but its success counter never changes.
#[derive(Debug)]
pub(crate) struct Epoch {
    pub(crate) number: u64,
    pub(crate) phase: Phase,
    /// Only grows. Relaxed order is enough: a caller who starts after another was answered is
    /// ordered behind it by whatever told it so, and between calls that overlap either order is a
    /// true one.
    successes: AtomicU64,
    /// Where reports go. Weak, so that the published state does not keep its own writer alive.
    pub(crate) actor: Arc<OnceLock<WeakAddr<BreakerActor>>>,
}

impl Epoch {
    pub(crate) fn count_success(&self) {
        self.successes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn successes(&self) -> u64 {
        self.successes.load(Ordering::Relaxed)
    }
}

/// The current epoch. Written by the breaker's actor alone, read by everybody.
#[derive(Debug)]
pub(crate) struct Published {
    epoch: ArcSwap<Epoch>,
    actor: Arc<OnceLock<WeakAddr<BreakerActor>>>,
}

impl Published {
    /// Closed, in epoch 0.
    pub(crate) fn new() -> Self {
        let actor = Arc::new(OnceLock::new());
        let first = Self::epoch_of(0, Phase::Closed, &actor);
        Self { epoch: ArcSwap::from_pointee(first), actor }
    }

    /// Says which actor takes the reports. Called once, before anybody can have a permit.
    pub(crate) fn connect(&self, actor: WeakAddr<BreakerActor>) {
        if self.actor.set(actor).is_err() {
            log::error!("circuit_breaker: a second actor claims a published state");
        }
    }

    pub(crate) fn current(&self) -> Arc<Epoch> {
        self.epoch.load_full()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.epoch.load().phase
    }

    pub(crate) fn publish(&self, number: u64, phase: Phase) {
        self.epoch.store(Arc::new(Self::epoch_of(number, phase, &self.actor)));
    }

    fn epoch_of(number: u64, phase: Phase, actor: &Arc<OnceLock<WeakAddr<BreakerActor>>>) -> Epoch {
        Epoch { number, phase, successes: AtomicU64::new(0), actor: Arc::clone(actor) }
    }
}
