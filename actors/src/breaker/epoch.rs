//! The breaker's published state: what callers read instead of asking the actor.

use std::{
    sync::{OnceLock, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use actix::WeakAddr;

use super::{
    actor::BreakerActor,
    tally::{Counts, EpochCounts, Tally},
    transition::{Mode, State},
};
use crate::sync::{Arc, ArcSwap, AtomicU64, Mutex};

/// What callers need to know of the state while an epoch lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen,
    ForcedOpen { retry_after: Duration },
    Disabled,
}

impl Phase {
    pub(crate) fn state(self) -> State {
        match self {
            Self::Closed | Self::Disabled => State::Closed,
            Self::Open { .. } | Self::ForcedOpen { .. } => State::Open,
            Self::HalfOpen => State::HalfOpen,
        }
    }

    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Closed | Self::Open { .. } | Self::HalfOpen => Mode::Auto,
            Self::ForcedOpen { .. } => Mode::ForcedOpen,
            Self::Disabled => Mode::Disabled,
        }
    }
}

/// What all epochs of one breaker share.
#[derive(Debug, Default)]
pub(crate) struct Home {
    /// Where reports go. Weak, so that the published state does not keep its own writer alive.
    pub(crate) actor: OnceLock<WeakAddr<BreakerActor>>,
    pub(crate) tally: Tally,
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
    pub(crate) home: Arc<Home>,
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
    pub(crate) home: Arc<Home>,
    past: Mutex<Past>,
}

/// The successes of epochs that are over, for whoever adds up all of them: a permit may report to
/// its epoch long after that has ended.
#[derive(Debug, Default)]
struct Past {
    /// Of epochs that no permit is left of.
    settled: u64,
    /// Those of which one may be left.
    open: Vec<Arc<Epoch>>,
}

impl Past {
    fn settle(&mut self) {
        let Self { settled, open } = self;
        // Not published any more, so nobody can come by another permit.
        open.retain_mut(|epoch| match Arc::get_mut(epoch) {
            Some(epoch) => {
                *settled += epoch.successes();
                false
            }
            None => true,
        });
    }

    fn successes(&self) -> u64 {
        self.settled + self.open.iter().map(|epoch| epoch.successes()).sum::<u64>()
    }
}

impl Published {
    /// Closed, in epoch 0.
    pub(crate) fn new() -> Self {
        let home = Arc::new(Home::default());
        let first = Self::epoch_of(0, Phase::Closed, &home);
        Self { epoch: ArcSwap::from_pointee(first), home, past: Mutex::default() }
    }

    /// Says which actor takes the reports. Called once, before anybody can have a permit.
    pub(crate) fn connect(&self, actor: WeakAddr<BreakerActor>) {
        if self.home.actor.set(actor).is_err() {
            log::error!("circuit_breaker: a second actor claims a published state");
        }
    }

    pub(crate) fn current(&self) -> Arc<Epoch> {
        self.epoch.load_full()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.epoch.load().phase
    }

    /// Begins an epoch, and tells of it by `tell`. First published, then told: a scheduler that still
    /// reads the old state will find the message behind whatever it does because of it.
    pub(crate) fn publish(&self, number: u64, phase: Phase, tell: impl FnOnce()) {
        let next = Arc::new(Self::epoch_of(number, phase, &self.home));
        {
            let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            past.open.push(self.epoch.swap(next));
            past.settle();
        }
        tell();
    }

    /// What has been counted up to now. The lock keeps an epoch from ending, and so from being
    /// counted twice or not at all, while they are added up.
    pub(crate) fn counts(&self) -> Counts {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.settle();
        let current = self.epoch.load();
        let epoch = EpochCounts { number: current.number, successful: current.successes() };
        self.home.tally.counts(past.successes() + epoch.successful, epoch)
    }

    fn epoch_of(number: u64, phase: Phase, home: &Arc<Home>) -> Epoch {
        Epoch { number, phase, successes: AtomicU64::new(0), home: Arc::clone(home) }
    }
}
