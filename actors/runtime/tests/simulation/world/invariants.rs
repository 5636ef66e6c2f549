//! What holds when all that can happen at an instant has happened, and what holds at the end.

use std::collections::BTreeMap;

use resilience_actors::{EventType, Mode, RejectionKind, State};

use super::{Notes, Rules, Said, TICK, Totals, World, hold};
use crate::support::now;

impl World {
    /// What holds at any time, when all that can happen at this instant has happened.
    pub(crate) fn holds(&self) {
        self.follow_events();
        let notes = &mut *self.notes.borrow_mut();
        let (now, breaker, Rules { breaker: rules, retry, .. }) =
            (now(), self.breaker(), &self.rules);
        let (state, mode, counts) = (breaker.state(), breaker.mode(), breaker.counts());
        let place = &notes.place;
        let told = (place.state, place.mode, place.epoch);
        let shown = (state, mode, counts.epoch.number);
        hold!(self, told == shown, "events say {told:?}, published is {shown:?}");
        let depth = breaker.mailbox_depth();
        hold!(self, depth == 0, "{depth} messages on their way");

        // Calls.
        let alive = notes.calls.len();
        let waiting = notes.calls.values().filter(|call| !call.in_flight()).count();
        let (in_use, marked) = (self.limit.in_use(), self.limit.waiting());
        hold!(self, in_use == alive, "{in_use} calls under the limit, {alive} are alive");
        hold!(self, marked == waiting, "{marked} calls are said to wait, {waiting} do");
        hold!(self, in_use <= self.limit.max(), "{in_use} calls at a time");
        hold!(
            self,
            state != State::Open || waiting == 0,
            "{waiting} calls wait on an open circuit"
        );
        for (token, call) in &notes.calls {
            let late = now > call.started + retry.call_deadline + TICK;
            hold!(self, !late, "call {token} has no answer: {call:?}");
            let may_wait = call.in_flight() || (call.retries() && !call.left);
            hold!(self, may_wait, "call {token} waits: {call:?}");
        }

        // The circuit.
        let lasts = now - place.since;
        let by_itself = mode == Mode::Auto;
        if state == State::Open && by_itself {
            hold!(self, lasts < place.open_time + TICK, "open for {lasts:?}, not {place:?}");
        }
        let said = notes.epochs.entry(place.epoch).or_default();
        if state == State::HalfOpen {
            hold!(self, said.bad == 0, "half-open after a failed trial: {said:?}");
            hold!(self, said.good < rules.success_threshold, "half-open after {said:?}");
            let most = rules.half_open_max_calls as usize;
            hold!(self, said.in_flight() <= most, "more trials than {most}: {said:?}");
            for trial in said.trials.iter().filter(|trial| trial.until.is_none()) {
                let held = now - trial.since;
                hold!(
                    self,
                    held < rules.trial_lease + TICK,
                    "a trial outlives its lease: {trial:?}"
                );
            }
        }
        self.counts_add_up(notes);
        // Earlier epochs have nothing more to justify.
        let epoch = notes.place.epoch;
        notes.epochs.retain(|of, said| *of + 1 >= epoch || said.in_flight() > 0);
    }

    fn counts_add_up(&self, notes: &Notes) {
        let (counts, totals) = (self.breaker().counts(), &notes.totals);
        let (left, left_between) = (totals.left, totals.left_between);
        let Totals { successful, failed, ignored, .. } = *totals;
        hold!(self, counts.successful == successful, "{counts:?}, not {successful} successes");
        hold!(self, counts.failed == failed, "{counts:?}, not {failed} failures");
        // A caller who leaves may leave a permit unused.
        let fits = (ignored..=ignored + left).contains(&counts.ignored);
        hold!(self, fits, "{counts:?}, {ignored} ignored, {left} left");
        let refused = counts.not_permitted;
        let by_kind = [
            refused.circuit_open,
            refused.trial_limit,
            refused.released,
            refused.overloaded,
            refused.stopped,
        ];
        for (kind, (counted, (&seen, &told))) in RejectionKind::ALL
            .into_iter()
            .zip(by_kind.into_iter().zip(totals.refused.iter().zip(&totals.bursts)))
        {
            let fits = (seen..=seen + left_between).contains(&counted);
            hold!(self, fits, "{counted} rejections {kind:?} are counted, {seen} were met");
            hold!(self, told <= counted, "{told} rejections {kind:?} are told, of {counted}");
        }
        let released = totals.released;
        hold!(self, refused.released == released, "{refused:?}, events released {released}");
        let in_epochs = totals.rejected_in_epochs;
        let by_circuit = refused.circuit_open + refused.trial_limit;
        hold!(self, in_epochs <= by_circuit, "{in_epochs} rejections told, {refused:?}");
        let transitions = counts.transitions.iter();
        let transitions: BTreeMap<_, _> =
            transitions.map(|count| ((count.from.into(), count.to.into()), count.count)).collect();
        let seen = &totals.transitions;
        hold!(self, transitions == *seen, "{transitions:?} are counted, events say {seen:?}");

        let retries = counts.retries;
        let counted = [
            [retries.failed_without_retry, retries.failed_with_retry],
            [retries.successful_without_retry, retries.successful_with_retry],
        ];
        for (counted, seen) in counted.as_flattened().iter().zip(totals.answered.as_flattened()) {
            let fits = (*seen..=seen + left_between).contains(counted);
            hold!(self, fits, "{retries:?}, callers were answered {:?}", totals.answered);
        }
    }

    /// What the breaker says of itself is what can be seen from outside.
    pub(crate) async fn inspected(&self) {
        let Ok(seen) = self.breaker().inspect().await else {
            return self.fault("the breaker is gone".into());
        };
        self.follow_events();
        let notes = self.notes.borrow();
        let place = &notes.place;
        let same = (seen.state, seen.mode, seen.epoch) == (place.state, place.mode, place.epoch);
        hold!(self, same, "{seen:?}, events say {place:?}");
        let opened =
            notes.totals.transitions.iter().filter(|((from, to), _)| from != to && *to == "open");
        let opened: u64 = opened.map(|(_, times)| times).sum();
        hold!(self, seen.open_count == opened, "{seen:?}, events opened {opened} times");
        if place.state == State::Closed {
            let most = self.rules.breaker.fail_max;
            hold!(
                self,
                seen.fail_counter < most.max(1),
                "closed after {} failures",
                seen.fail_counter
            );
        }
        if place.state == State::HalfOpen {
            let in_flight = notes.epochs.get(&place.epoch).map_or(0, Said::in_flight);
            hold!(
                self,
                seen.trials_in_flight == in_flight,
                "{} trials in flight, seen {in_flight}: {:?}",
                seen.trials_in_flight,
                notes.epochs.get(&place.epoch)
            );
        }
    }

    /// What holds when everybody has gone, and all bursts are over.
    pub(crate) fn adds_up_at_last(&self) {
        self.holds();
        let notes = self.notes.borrow();
        let (totals, counts) = (&notes.totals, self.breaker().counts());
        let in_use = (self.limit.in_use(), self.limit.waiting());
        hold!(self, in_use == (0, 0), "{in_use:?} calls at the end");
        hold!(self, notes.permits.is_empty(), "permits at the end: {:?}", notes.permits);
        let refused = counts.not_permitted;
        let told = &totals.bursts;
        let bursts =
            [refused.circuit_open, refused.trial_limit, 0, refused.overloaded, refused.stopped];
        hold!(self, told.starts_with(&bursts), "bursts told {told:?}, of {refused:?}");
        let recorded = self.breaker().events().recorded();
        let retries =
            recorded.iter().find(|(of, _)| *of == EventType::Retry).map(|(_, count)| *count);
        let seen = totals.retries + totals.retries_skipped;
        hold!(self, retries == Some(seen), "{retries:?} retries, {seen} told");
        if self.rules.leavers {
            return;
        }
        hold!(self, totals.left == 0, "somebody left");
    }
}
