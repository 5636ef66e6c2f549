//! The breaker's published state: what callers read instead of asking the actor.

use std::{
    sync::{OnceLock, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use actix::WeakAddr;

use super::{
    actor::BreakerActor,
    successes::Successes,
    tally::{Counts, EpochCounts, Tally},
    transition::{Mode, State},
};
use crate::{
    clock,
    outcome::CallKind,
    sync::{AtomicU64, Mutex},
};

/// What callers need to know of the state while an epoch lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen,
    ForcedOpen,
    Disabled,
}

impl Phase {
    pub(crate) fn state(self) -> State {
        match self {
            Self::Closed | Self::Disabled => State::Closed,
            Self::Open { .. } | Self::ForcedOpen => State::Open,
            Self::HalfOpen => State::HalfOpen,
        }
    }

    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Closed | Self::Open { .. } | Self::HalfOpen => Mode::Auto,
            Self::ForcedOpen => Mode::ForcedOpen,
            Self::Disabled => Mode::Disabled,
        }
    }

    /// Whether every call passes.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Closed | Self::Disabled)
    }

    fn code(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open { .. } => 1,
            Self::HalfOpen => 2,
            Self::ForcedOpen => 3,
            Self::Disabled => 4,
        }
    }
}

/// The low bits of the published word say which phase it is, the others are the epoch's number.
const PHASE_BITS: u32 = 3;

/// The current epoch, and what is counted. The epoch is written by the breaker's actor alone, and
/// read by everybody.
#[derive(Debug)]
pub(crate) struct Published {
    /// Unique among the breakers of the process.
    pub(crate) id: u64,
    /// The epoch's number and phase. Grows with each transition.
    word: AtomicU64,
    /// When the last opening ends, in nanoseconds after `start`. Written before the word: who reads
    /// it behind an older opening's word is told to come back later, which is true by then.
    open_until: AtomicU64,
    start: Instant,
    /// How long callers are sent away by a circuit that was opened by hand.
    pub(crate) reset_timeout: Duration,
    pub(crate) successes: Successes,
    /// The successes of epochs that are over. The lock keeps an epoch from ending, and so from being
    /// counted twice or not at all, while somebody adds them up.
    settled: Mutex<u64>,
    /// Where reports go. Weak, so that the published state does not keep its own writer alive.
    pub(crate) actor: OnceLock<WeakAddr<BreakerActor>>,
    pub(crate) tally: Tally,
}

impl Published {
    /// Closed, in epoch 0.
    pub(crate) fn new(reset_timeout: Duration) -> Self {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            word: AtomicU64::default(),
            open_until: AtomicU64::default(),
            start: clock::now(),
            reset_timeout,
            successes: Successes::default(),
            settled: Mutex::default(),
            actor: OnceLock::new(),
            tally: Tally::default(),
        }
    }

    /// Says which actor takes the reports. Called once, before anybody can have a permit.
    pub(crate) fn connect(&self, actor: WeakAddr<BreakerActor>) {
        if self.actor.set(actor).is_err() {
            log::error!("circuit_breaker: a second actor claims a published state");
        }
    }

    /// The epoch's number and phase.
    #[inline]
    pub(crate) fn current(&self) -> (u64, Phase) {
        let word = self.word.load(Ordering::Acquire);
        let phase = match word & ((1 << PHASE_BITS) - 1) {
            0 => Phase::Closed,
            1 => {
                let until = Duration::from_nanos(self.open_until.load(Ordering::Relaxed));
                Phase::Open { until: self.start + until }
            }
            2 => Phase::HalfOpen,
            3 => Phase::ForcedOpen,
            _ => Phase::Disabled,
        };
        (word >> PHASE_BITS, phase)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.current().1
    }

    /// Begins an epoch, and tells of it by `tell`. First published, then told: a scheduler that still
    /// reads the old state will find the message behind whatever it does because of it.
    pub(crate) fn publish(&self, number: u64, phase: Phase, tell: impl FnOnce()) {
        if let Phase::Open { until } = phase {
            let until = until.saturating_duration_since(self.start).as_nanos();
            // 584 years.
            let until = u64::try_from(until).unwrap_or(u64::MAX);
            self.open_until.store(until, Ordering::Relaxed);
        }
        {
            let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
            // Before the word: who is admitted by the new epoch finds that its successes are counted.
            *settled += self.successes.begin(number);
            self.word.store(number << PHASE_BITS | phase.code(), Ordering::Release);
        }
        tell();
    }

    /// Counts a success of `epoch`, which may be over.
    #[inline]
    pub(crate) fn count_success(&self, epoch: u64) {
        if !self.successes.count(epoch) {
            self.tally.count(CallKind::Successful);
        }
    }

    /// What has been counted up to now.
    pub(crate) fn counts(&self) -> Counts {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = EpochCounts { number: self.current().0, successful: self.successes.read() };
        self.tally.counts(*settled + epoch.successful, epoch)
    }
}
