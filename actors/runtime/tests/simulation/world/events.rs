//! What the event log has to say, and whether it fits what came before.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use resilience_actors::{EventKind, EventType, Mode, State, Window};

use super::{Notes, Place, Rules, TICK, World, hold};
use crate::support::now;

impl World {
    /// Reads what the log has to say, and whether it fits.
    pub(crate) fn follow_events(&self) {
        let notes = &mut *self.notes.borrow_mut();
        let mut events = VecDeque::new();
        loop {
            let batch = self.breaker().events().since(notes.newest_event, 100);
            hold!(self, !batch.missed, "events are gone unread");
            events.extend(batch.events);
            let Some(event) = events.pop_front() else { return };
            for event in std::iter::once(event).chain(events.drain(..)) {
                let (sequence, expected) = (event.sequence, notes.newest_event + 1);
                hold!(self, sequence == expected, "event {sequence} instead of {expected}");
                notes.newest_event = sequence;
                self.follow(notes, &event.kind);
            }
        }
    }

    fn follow(&self, notes: &mut Notes, kind: &EventKind) {
        match kind {
            EventKind::Transition { from, to, epoch, cause, after, half_open_in, rejected } => {
                let at = notes.place.since + *after;
                hold!(self, *from == notes.place.state, "{kind:?} in {:?}", notes.place);
                hold!(self, *epoch == notes.place.epoch + 1, "{kind:?} in {:?}", notes.place);
                hold!(self, at <= now(), "{kind:?} is not over yet");
                let by_itself = *to == State::Open && notes.place.mode == Mode::Auto;
                let Rules { breaker, .. } = &self.rules;
                let open_time = match (*from, *to) {
                    (State::HalfOpen, State::Open) if by_itself => {
                        notes.place.open_time.mul_f64(breaker.reset_backoff).min(breaker.reset_max)
                    }
                    (_, State::Closed) => breaker.reset_timeout,
                    _ => notes.place.open_time,
                };
                let reset = by_itself.then_some(open_time);
                hold!(self, *half_open_in == reset, "{kind:?}, {open_time:?}");
                self.is_justified(notes, at, (*from, *to), cause);
                if *from == State::HalfOpen {
                    notes.left_half_open = Some(at);
                }
                if by_itself && *from == State::Closed {
                    *notes.totals.trips.entry(trip(cause)).or_default() += 1;
                }
                *notes.totals.transitions.entry((from.into(), to.into())).or_default() += 1;
                notes.totals.rejected_in_epochs += rejected;
                notes.totals.digest(u128::from(*epoch) << 64 | after.as_nanos());
                let mode = notes.place.mode;
                notes.place = Place { state: *to, mode, epoch: *epoch, since: at, open_time };
            }
            EventKind::RejectionBurst { rejection, count, window } => {
                let within = *window <= Duration::from_secs(1) && *count > 0;
                hold!(self, within, "{kind:?}");
                notes.totals.bursts[*rejection as usize] += count;
            }
            EventKind::Retry { attempt, max_attempts, .. } => {
                hold!(self, attempt < max_attempts, "{kind:?}");
                notes.totals.retries += 1;
            }
            EventKind::Release { calls, .. } => {
                hold!(self, *calls > 0, "{kind:?}");
                notes.totals.released += *calls as u64;
            }
            EventKind::Reset { epoch } => {
                hold!(self, *epoch == notes.place.epoch + 1, "{kind:?} in {:?}", notes.place);
            }
            EventKind::LeaseExpired { epoch, lease } => {
                let lease_is = self.rules.breaker.trial_lease;
                let fits = *epoch == notes.place.epoch && *lease == lease_is;
                hold!(self, fits, "{kind:?} in {:?}", notes.place);
            }
            EventKind::Mode { from, to } => {
                hold!(
                    self,
                    *from == notes.place.mode && from != to,
                    "{kind:?} in {:?}",
                    notes.place
                );
                notes.place.mode = *to;
            }
            EventKind::CallsSkipped { of, count } => {
                hold!(self, *of == EventType::Retry, "{kind:?}");
                notes.totals.retries_skipped += count;
            }
            EventKind::Call(_) => self.fault("nobody records calls here".into()),
        }
    }

    /// The table of transitions, and that there is a reason for this one.
    fn is_justified(&self, notes: &mut Notes, at: Instant, way: (State, State), cause: &str) {
        let Rules { breaker, .. } = &self.rules;
        let (epoch, open_time) = (notes.place.epoch, notes.place.open_time);
        let slow = breaker.slow_call.map_or(0, |slow| {
            notes.calls.values().filter(|call| call.is_slow(epoch, at, slow)).count()
        });
        let said = notes.epochs.entry(epoch).or_default();
        let slow = slow + said.slow as usize;
        let open_for = at - notes.place.since;
        let justified = match way {
            _ if cause == "manual reset" => {
                way.1 == State::Closed && notes.place.mode == Mode::Auto
            }
            _ if cause.ends_with("by hand") => match notes.place.mode {
                Mode::Auto | Mode::Disabled => way.1 == State::Closed,
                Mode::ForcedOpen => way.1 == State::Open,
            },
            (State::Closed, State::Open) if trip(cause) == FAILURE_RATE => {
                let begin = match breaker.window {
                    Window::Calls(_) => None,
                    Window::Time(time) => at.checked_sub(time),
                };
                let failed = said.failed_at.iter().filter(|&&failed| begin <= Some(failed));
                enough(failed.count(), breaker.failure_rate, breaker.min_calls)
            }
            (State::Closed, State::Open) if trip(cause) == SLOW_RATE => {
                enough(slow, breaker.slow_rate, breaker.min_calls)
            }
            (State::Closed, State::Open) => {
                cause.starts_with(&format!("{} consecutive failures", breaker.fail_max))
                    && said.bad >= breaker.fail_max
            }
            (State::Open, State::HalfOpen) => open_for >= open_time && open_for <= open_time + TICK,
            (State::HalfOpen, State::Closed) => said.good >= breaker.success_threshold,
            (State::HalfOpen, State::Open) if cause.starts_with("trial failed: took over") => {
                breaker.slow_rate.is_some() && slow > 0
            }
            (State::HalfOpen, State::Open) if cause.starts_with("trial failed") => said.bad > 0,
            (State::HalfOpen, State::Open) => said.trials.iter().any(|trial| {
                let over = trial.since + breaker.trial_lease <= at;
                over && trial.until.is_none_or(|until| until >= at)
            }),
            _ => false,
        };
        hold!(self, justified, "{way:?} because of \"{cause}\" in {:?}, {said:?}", notes.place);
    }
}

const FAILURE_RATE: &str = "failure rate";
const SLOW_RATE: &str = "slow rate";

/// The trip that gives this reason.
fn trip(cause: &str) -> &'static str {
    if cause.contains(" failed, last: ") {
        FAILURE_RATE
    } else if cause.contains(" took over ") {
        SLOW_RATE
    } else {
        "consecutive"
    }
}

/// So many results can be this share of `min_calls` calls.
fn enough(marked: usize, share: Option<f64>, min_calls: u32) -> bool {
    share.is_some_and(|share| marked as f64 >= share * f64::from(min_calls))
}
