//! The circuit's transitions, and the reason of each.

use std::time::{Duration, Instant};

use resilience_actors::{BreakerSettings, EventKind, Mode, State};

use super::TICK;
use crate::{
    record::{Circuit, Record},
    support::now,
    world::World,
};

/// For products that are rounded otherwise.
pub(super) const ROUNDING: Duration = Duration::from_nanos(10);

/// A transition out of the epoch in the record.
#[derive(Debug)]
pub(super) struct Transition<'a> {
    pub(super) from: State,
    pub(super) to: State,
    pub(super) at: Instant,
    pub(super) cause: &'a str,
}

impl World {
    pub(super) fn circuit_changes(&self, record: &mut Record, kind: &EventKind) {
        let EventKind::Transition { from, to, epoch, cause, after, half_open_in, rejected } = kind
        else {
            return;
        };
        let before = record.circuit;
        let change = Transition { from: *from, to: *to, at: before.since + *after, cause };
        let reopenings = match (*from, *to) {
            (State::HalfOpen, State::Open) if before.mode == Mode::Auto => before.reopenings + 1,
            (_, State::Closed) => 0,
            _ => before.reopenings,
        };
        let open_time = open_time(record.breaker.now(), reopenings);
        let opens_by_itself = *to == State::Open && before.mode == Mode::Auto;
        let is_told = half_open_in.map(|told| told.abs_diff(open_time) <= ROUNDING);
        rule!(self, "No transition lies in the future": change.at <= now(); change);
        rule!(self, "A transition begins in the state in force": *from == before.state; change, before);
        rule!(self, "Each transition begins the next epoch": *epoch == before.epoch + 1; change, before, epoch);
        rule!(self, "Only a circuit that opens by itself tells when it will be half-open":
            is_told == opens_by_itself.then_some(true); change, half_open_in, open_time);
        self.change_is_justified(record, &change);
        if *from == State::HalfOpen {
            record.left_half_open = Some(change.at);
        }
        *record.totals.transitions.entry((from.into(), to.into())).or_default() += 1;
        record.totals.rejected_in_epochs += rejected;
        record.totals.digest(u128::from(*epoch) << 64 | after.as_nanos());
        let (state, since) = (*to, change.at);
        let open_time = half_open_in.unwrap_or(open_time);
        record.circuit = Circuit { state, epoch: *epoch, since, open_time, reopenings, ..before };
    }

    fn change_is_justified(&self, record: &mut Record, change: &Transition<'_>) {
        match (change.from, change.to) {
            _ if change.cause == "manual reset" || change.cause.ends_with("by hand") => {
                self.operator_changes(record.circuit.mode, change);
            }
            (State::Closed, State::Open) => self.trip_is_justified(record, change),
            (State::Open, State::HalfOpen) if change.cause.contains("probe") => {
                self.probes_succeeded(record, change);
            }
            (State::Open, State::HalfOpen) => self.open_time_is_over(record, change),
            (State::HalfOpen, State::Closed) => self.closing_is_justified(record, change),
            (State::HalfOpen, State::Open) => self.reopening_is_justified(record, change),
            _ => {
                rule!(self, "By itself a circuit goes from closed to open, from open to half-open, and from half-open \
                    to closed or open": false; change);
            }
        }
    }

    fn operator_changes(&self, mode: Mode, change: &Transition<'_>) {
        rule!(self, "A circuit that is forced open is open. One that is reset, enabled or disabled is closed":
            (change.to == State::Open) == (mode == Mode::ForcedOpen); change, mode);
        rule!(self, "A manual reset ends any other mode": change.cause != "manual reset" || mode == Mode::Auto;
            change, mode);
    }

    fn open_time_is_over(&self, record: &Record, change: &Transition<'_>) {
        let Circuit { since, open_time, .. } = record.circuit;
        let lasted = change.at - since;
        rule!(self, "An open circuit becomes half-open after its open time":
            lasted >= open_time && lasted <= open_time + TICK; change, lasted, open_time);
    }

    fn closing_is_justified(&self, record: &mut Record, change: &Transition<'_>) {
        let number = record.circuit.epoch;
        let threshold = record.breaker.now().success_threshold;
        let trials = record.epoch(number);
        rule!(self, "A half-open circuit closes after success_threshold successes":
            trials.successes() >= threshold as usize; change, trials);
    }

    fn reopening_is_justified(&self, record: &mut Record, change: &Transition<'_>) {
        let slow = Self::slow_calls(record, change.at);
        let epoch = record.circuit.epoch;
        let trials = record.epoch(epoch);
        if change.cause.starts_with("trial failed: took over") {
            rule!(self, "A trial that becomes slow has failed, if the breaker had a slow_rate when it began": slow > 0;
                change, trials);
        } else if change.cause.starts_with("trial failed") {
            rule!(self, "A failed trial reopens the circuit": trials.failures() > 0; change, trials);
        } else {
            let expired = trials.trials.iter().any(|trial| {
                trial.began + *trial.lease.start() <= change.at
                    && trial.ended.is_none_or(|ended| ended >= change.at)
            });
            rule!(self, "A trial that has not reported within its lease reopens the circuit": expired; change, trials);
        }
    }
}

/// The open time is `reset_timeout`. It grows by `reset_backoff` with each reopening, up to `reset_max`, and is
/// `reset_timeout` again once the circuit has closed.
pub(super) fn open_time(settings: &BreakerSettings, reopenings: i32) -> Duration {
    let grown = settings.reset_timeout.as_secs_f64() * settings.reset_backoff.powi(reopenings);
    Duration::from_secs_f64(grown.min(settings.reset_max.as_secs_f64()))
}
