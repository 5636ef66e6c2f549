//! Sums over an episode.

use std::{collections::BTreeMap, fmt};

use resilience_actors::RejectionKind;

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) steps: u64,
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    pub(crate) hedges: u64,
    /// Faults that were injected, by kind.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Calls that were answered because their time was over.
    pub(crate) short_of_time: u64,
    /// Callers that left before they were answered, and tasks that left before they were given a permit.
    pub(crate) left: u64,
    /// Callers that left while no attempt was in flight. The answer may have been on its way.
    pub(crate) left_between_attempts: u64,
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// Answered calls with retries, by whether they succeeded and whether they were retried.
    pub(crate) answered: [[u64; 2]; 2],
    /// Rejections that callers got, by kind.
    pub(crate) rejected: [u64; RejectionKind::ALL.len()],
    /// Rejections that events of bursts tell of, by kind.
    pub(crate) rejected_in_bursts: [u64; RejectionKind::ALL.len()],
    /// Rejections that events of transitions tell of.
    pub(crate) rejected_in_epochs: u64,
    pub(crate) transitions: BTreeMap<(&'static str, &'static str), u64>,
    /// How often each trip opened the circuit.
    pub(crate) trips: BTreeMap<&'static str, u64>,
    /// How often probes made the circuit half-open.
    pub(crate) probed: u64,
    /// Calls that were rejected by a concurrency limit that follows latency.
    pub(crate) rejected_by_adaptive_limits: u64,
    /// Calls that lost their place in a queue to more important ones.
    pub(crate) displaced: u64,
    /// Callers that shared the call of an earlier one.
    pub(crate) shared: u64,
    /// Calls that were answered by their fallbacks.
    pub(crate) fell_back: u64,
    /// Answers of fallbacks that observers were told of.
    pub(crate) fallbacks_told: u64,
    /// Retries that the retry budget refused.
    pub(crate) retries_refused: u64,
    pub(crate) released: u64,
    /// Retries that have an event of their own.
    pub(crate) retries: u64,
    /// Retries that an event only counts.
    pub(crate) retries_skipped: u64,
    /// Changes of settings that events tell of.
    pub(crate) changes_told: u64,
    /// Changes of settings that were rejected.
    pub(crate) changes_rejected: u64,
    /// Hash of everything that was seen. Two episodes of one seed have the same.
    pub(crate) digest: u64,
}

impl Totals {
    /// Takes a value into the digest (FNV-1a).
    pub(crate) fn digest(&mut self, seen: u128) {
        for byte in seen.to_le_bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Adds what the summary of all episodes shows.
    pub(crate) fn add(&mut self, episode: Self) {
        self.steps += episode.steps;
        self.calls += episode.calls;
        self.attempts += episode.attempts;
        self.hedges += episode.hedges;
        self.short_of_time += episode.short_of_time;
        self.retries_refused += episode.retries_refused;
        self.left += episode.left;
        self.probed += episode.probed;
        self.rejected_by_adaptive_limits += episode.rejected_by_adaptive_limits;
        self.displaced += episode.displaced;
        self.shared += episode.shared;
        self.fell_back += episode.fell_back;
        self.changes_told += episode.changes_told;
        self.changes_rejected += episode.changes_rejected;
        for (kind, times) in episode.rejected.into_iter().enumerate() {
            self.rejected[kind] += times;
        }
        for (fault, times) in episode.faults {
            *self.faults.entry(fault).or_default() += times;
        }
        for (transition, times) in episode.transitions {
            *self.transitions.entry(transition).or_default() += times;
        }
        for (trip, times) in episode.trips {
            *self.trips.entry(trip).or_default() += times;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, calls, left, attempts, hedges, .. } = self;
        write!(
            f,
            "{steps} steps: {calls} calls ({left} left early), {attempts} attempts ({hedges} hedges), "
        )?;
        let Self { transitions, trips, probed, .. } = self;
        write!(
            f,
            "transitions {transitions:?}, opened by {trips:?}, half-open by probes {probed} times, "
        )?;
        for kind in RejectionKind::ALL {
            write!(f, "{} calls rejected by {kind:?}, ", self.rejected[kind as usize])?;
        }
        let Self { rejected_by_adaptive_limits, displaced, shared, fell_back, .. } = self;
        write!(
            f,
            "{rejected_by_adaptive_limits} by adaptive limits, {displaced} displaced, {shared} callers shared a call, \
             {fell_back} fallbacks answered, "
        )?;
        let Self { retries_refused, short_of_time, faults, .. } = self;
        write!(
            f,
            "{retries_refused} retries refused by a budget, {short_of_time} calls out of time, faults {faults:?}, "
        )?;
        let Self { changes_told, changes_rejected, .. } = self;
        write!(f, "settings changed {changes_told} times, {changes_rejected} changes rejected")
    }
}
