//! The breaker's published state, which callers read instead of asking the actor.

use std::{
    sync::{OnceLock, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use actix::WeakRecipient;

use super::{
    config::BreakerConfig,
    counted::{Counted, Depth},
    counters::{Counters, Totals},
    epoch_number::{EpochNumber, number},
    in_force::InForce,
    messages::ReportResult,
    phase::Phase,
    report::CountersAt,
    tally::{Counts, EpochCounts, Tally},
};
use crate::{
    outcome::CallKind,
    slices::{Slices, nanos},
    sync::{AtomicU64, Mutex},
};

/// Number of low bits of the published word that hold the phase. The other bits hold the epoch's number.
const PHASE_BITS: u32 = 3;

/// The current epoch and the counters. Only the breaker's actor writes the epoch.
#[derive(Debug)]
pub(crate) struct Published {
    /// Unique among the breakers of the process.
    pub(crate) id: u64,
    /// The epoch's number and phase. Grows with each transition.
    word: AtomicU64,
    /// When the last opening ends, in nanoseconds after `start`. Written before the word: a reader that still reads an
    /// older opening's word gets the end of a later one, which is correct by then.
    open_until: AtomicU64,
    start: Instant,
    /// The newest slice in which a result of the epoch was counted. Raised before the result is counted.
    last_slice: EpochNumber,
    pub(crate) in_force: InForce,
    pub(crate) counters: Counters,
    /// The successes of epochs that are over. The lock keeps an epoch from ending while a reader adds up the successes,
    /// so that each is counted once.
    settled: Mutex<u64>,
    /// Where reports go. Weak, so that the published state does not keep its own writer alive.
    reports: OnceLock<WeakRecipient<Counted<ReportResult>>>,
    /// Messages on their way to the actor.
    pub(crate) depth: Depth,
    pub(crate) tally: Tally,
}

impl Published {
    /// Closed, in epoch 0.
    pub(crate) fn new(config: &BreakerConfig, start: Instant) -> Self {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            word: AtomicU64::default(),
            open_until: AtomicU64::default(),
            start,
            last_slice: EpochNumber::default(),
            in_force: InForce::new(config),
            counters: Counters::default(),
            settled: Mutex::default(),
            reports: OnceLock::new(),
            depth: Depth::default(),
            tally: Tally::default(),
        }
    }

    /// Sets where reports go. Called once, before the first permit is given.
    pub(crate) fn connect(&self, reports: WeakRecipient<Counted<ReportResult>>) {
        if self.reports.set(reports).is_err() {
            log::error!("circuit_breaker: a second actor claims a published state");
        }
    }

    /// Sends a report to the actor. False if the actor is gone.
    pub(crate) fn send(&self, report: ReportResult) -> bool {
        let Some(actor) = self.reports.get().and_then(WeakRecipient::upgrade) else {
            return false;
        };
        actor.do_send(self.depth.counted(report));
        true
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

    /// Publishes a new epoch, and then calls `tell`. In this order, a scheduler that acts on the old state gets the
    /// message afterwards.
    pub(crate) fn publish(&self, epoch: u64, phase: Phase, tell: impl FnOnce()) {
        if let Phase::Open { until } = phase {
            self.open_until(until);
        }
        {
            let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
            // Before the word, so that a call of the new epoch finds lanes and slices that count for it.
            *settled += self.counters.begin(epoch);
            self.last_slice.begin(epoch);
            self.word.store(epoch << PHASE_BITS | code(phase), Ordering::Release);
        }
        tell();
    }

    /// Sets when the opening ends that is published, or is about to be.
    pub(crate) fn open_until(&self, until: Instant) {
        let until = nanos(until.saturating_duration_since(self.start));
        self.open_until.store(until, Ordering::Relaxed);
    }

    /// Counts a success of `epoch`, which may be over.
    #[inline]
    pub(crate) fn count_success(&self, epoch: u64) {
        if !self.counters.success(epoch) {
            self.tally.count(CallKind::Successful);
        }
    }

    /// Counts a slow success of `epoch`, which may be over.
    pub(crate) fn count_slow_success(&self, epoch: u64) {
        if !self.counters.slow_success(epoch) {
            self.tally.count(CallKind::Successful);
        }
    }

    /// The counters now, for display.
    pub(crate) fn look(&self, at: Instant) -> CountersAt {
        // Read after the counters, so that everything they count came in this slice or before it.
        self.moment(at, || number(self.last_slice.word()))
    }

    /// The counters now, for the sender of a report of `epoch`. Later results may belong to this slice. What it returns
    /// means nothing if that epoch is over: the report will change nothing.
    pub(crate) fn enter_slice(&self, epoch: u64, at: Instant) -> CountersAt {
        let slice = self.slices().map_or(0, |slices| slices.of(at));
        self.moment(at, || self.raise(epoch, slice).unwrap_or_default())
    }

    /// The counters now, if a new slice of `epoch` begins at `at`.
    pub(crate) fn begin_slice(&self, epoch: u64, at: Instant) -> Option<CountersAt> {
        let slice = self.slices()?.of(at);
        // Most successes begin no slice, and a reading of the counters costs more than this.
        self.last_slice.update(epoch, |_| None).filter(|&last| last < slice)?;
        let moment = self.enter_slice(epoch, at);
        (moment.last_slice < slice).then_some(moment)
    }

    fn slices(&self) -> Option<Slices> {
        self.in_force.slices(self.start)
    }

    /// Makes `slice` the last slice of `epoch`, unless a later one is, and returns the one before. None if the epoch is
    /// over.
    fn raise(&self, epoch: u64, slice: u64) -> Option<u64> {
        self.last_slice.update(epoch, |last| (last < slice).then_some(slice))
    }

    fn moment(&self, at: Instant, last_slice: impl FnOnce() -> u64) -> CountersAt {
        let Totals { successes, not_slow } = self.counters.read();
        let last_slice = if self.in_force.is_sliced() { last_slice() } else { 0 };
        CountersAt { at, successes, not_slow, last_slice }
    }

    /// The counts since the start.
    pub(crate) fn counts(&self) -> Counts {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch =
            EpochCounts { number: self.current().0, successful: self.counters.read().successes };
        self.tally.counts(*settled + epoch.successful, epoch)
    }
}

/// The phase as the bits that [`Published::current`] decodes.
fn code(phase: Phase) -> u64 {
    match phase {
        Phase::Closed => 0,
        Phase::Open { .. } => 1,
        Phase::HalfOpen => 2,
        Phase::ForcedOpen => 3,
        Phase::Disabled => 4,
    }
}
