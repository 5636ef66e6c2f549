//! Changes of the settings at run time.

use std::time::{Duration, Instant};

use resilience_actors::{
    BreakerSettings, CallSettings, Mode, State, Upstream, Window, breaker::Reconfigured,
};

use super::transitions::{ROUNDING, open_time};
use crate::{
    record::{Call, Record},
    support::{Settings, now},
    world::World,
};

/// What a rejected change must leave alone.
#[derive(Debug, PartialEq)]
pub(crate) struct SettingsInForce {
    calls: CallSettings,
    breaker: BreakerSettings,
    /// Number of changes so far.
    changes: usize,
}

impl World {
    pub(crate) fn in_force(&self, lab: usize) -> SettingsInForce {
        let record = self.record.borrow();
        let changes = record.upstreams[lab].settings.changes() + record.breaker.changes();
        let breaker = (**self.breaker.config()).clone();
        SettingsInForce { calls: self.upstream(lab).config().into(), breaker, changes }
    }

    fn upstream(&self, lab: usize) -> Upstream {
        self.upstreams.borrow()[lab].clone()
    }

    /// The settings of an upstream's calls were changed.
    pub(crate) fn change_is_made(&self, lab: usize, settings: &Settings, valid: bool) {
        let (record, asked) = (self.record.borrow(), CallSettings::from(settings.clone()));
        let in_force = self.upstream(lab).config();
        rule!(self, "A change is in force when it returns": *in_force == asked; in_force, asked);
        rule!(self, "Settings that break a rule, or do not fit the breaker's, are rejected":
            valid && fit(settings, record.breaker.now()); settings);
        rule!(self, "A change to the same settings is not told, and any other is":
            record.upstreams[lab].asked_now.is_none(); settings);
    }

    /// A change of the settings of an upstream's calls was rejected.
    pub(crate) fn change_is_rejected(
        &self,
        lab: usize,
        settings: &Settings,
        valid: bool,
        before: &SettingsInForce,
    ) {
        let after = self.in_force(lab);
        rule!(self, "A rejected change changes nothing": *before == after; before, after);
        let record = &mut *self.record.borrow_mut();
        let mut breakers = record.breaker_asked.iter().chain([&**record.breaker.now()]);
        rule!(self, "Only settings that break a rule, or do not fit the breaker's, are rejected":
            !valid || breakers.any(|breaker| !fit(settings, breaker)); settings);
        record.upstreams[lab].asked_now = None;
        record.totals.changes_rejected += 1;
    }

    /// Changes that were asked for at this instant have returned.
    pub(crate) fn changes_have_returned(
        &self,
        asked: Instant,
        breaker: &BreakerSettings,
        calls: Option<(usize, &Settings)>,
    ) {
        let record = self.record.borrow();
        rule!(self, "A change of the breaker is in force when it returns, or was until a later one":
            record.breaker.since(asked).any(|it| it == breaker); breaker);
        let Some((lab, calls)) = calls else { return };
        let calls = CallSettings::from(calls.clone());
        let mut settings = record.upstreams[lab].settings.since(asked);
        rule!(self, "A change of both is in force when it returns, or was until a later one":
            settings.any(|it| CallSettings::from(it.clone()) == calls); calls);
    }

    /// An observer is told that the settings of an upstream's calls have changed.
    pub(crate) fn calls_are_changed(&self, lab: usize) {
        self.follow_events();
        let in_force = self.upstream(lab).config();
        let record = &mut *self.record.borrow_mut();
        record.limits.extend(self.upstream(lab).concurrency());
        let waiting = |call: &&Call| call.request.lab == lab && !call.in_flight();
        let waiting = record.calls.values().filter(waiting).count();
        let upstream = &mut record.upstreams[lab];
        let asked = upstream.asked_now.take().or_else(|| upstream.asked.pop_front());
        let is_asked_for = |asked: &Settings| CallSettings::from(asked.clone()) == *in_force;
        rule!(self, "The settings of calls change only to those asked for, in the order in which they were":
            asked.as_ref().is_some_and(is_asked_for); asked, in_force);
        if let Some(asked) = asked {
            upstream.change(asked, waiting);
        }
    }

    /// An observer is told that the settings of the breaker have changed.
    pub(crate) fn breaker_is_changed(&self, change: &Reconfigured) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        let (before, after) = (record.breaker.now().clone(), (*change.after).clone());
        rule!(self, "A change begins with the settings in force": *change.before == *before; change);
        let asked = record.breaker_asked.iter().position(|asked| *asked == after);
        rule!(self, "The settings of the breaker change only to those asked for": asked.is_some(); change);
        asked.map(|asked| record.breaker_asked.remove(asked));
        let anew = windows(&before) != windows(&after);
        let is_closed = record.circuit.state == State::Closed && record.circuit.mode == Mode::Auto;
        let epoch = (is_closed && anew).then_some(record.circuit.epoch + 1);
        rule!(self, "Other windows of a closed circuit begin empty, in a new epoch, and nothing else begins one":
            change.epoch == epoch; change, epoch);
        self.open_time_changes(record, change, &after);
        if let Some(epoch) = change.epoch {
            (record.circuit.epoch, record.circuit.since) = (epoch, now());
        }
        record.breaker.change(after);
    }

    fn open_time_changes(
        &self,
        record: &mut Record,
        change: &Reconfigured,
        after: &BreakerSettings,
    ) {
        let circuit = &mut record.circuit;
        let open_time = open_time(after, circuit.reopenings);
        let is_open = circuit.state == State::Open && circuit.mode == Mode::Auto;
        let left = (circuit.since + open_time).saturating_duration_since(now());
        let told = change.half_open_in.map_or_else(
            || !is_open || circuit.open_time.abs_diff(open_time) <= ROUNDING,
            |told| is_open && told.abs_diff(left) <= ROUNDING,
        );
        rule!(self, "The open time, from the opening on, becomes that of the new settings": told; change, circuit, open_time);
        let lasted = now() - circuit.since;
        // If the new one is over, the circuit becomes half-open now.
        circuit.open_time = if is_open { open_time.max(lasted) } else { open_time };
    }

    pub(super) fn settings_are_in_force(&self, record: &Record) {
        let breaker = self.breaker.config();
        rule!(self, "The settings of the breaker in force are those of the last change":
            **breaker == **record.breaker.now(); breaker, record.breaker.now());
        for (upstream, seen) in self.upstreams.borrow().iter().zip(&record.upstreams) {
            let (in_force, last) =
                (upstream.config(), CallSettings::from((**seen.settings.now()).clone()));
            rule!(self, "The settings of calls in force are those of the last change": *in_force == last; in_force, last);
        }
    }
}

/// Whether a trial has time for an attempt, and an attempt time to become slow.
fn fit(calls: &Settings, breaker: &BreakerSettings) -> bool {
    let timeout = calls.attempt_timeout;
    breaker.trial_lease >= timeout && breaker.slow_call.is_none_or(|slow_call| slow_call < timeout)
}

/// What the windows of a closed circuit count.
fn windows(settings: &BreakerSettings) -> (Option<Window>, [bool; 3], Option<Duration>) {
    let trips = [
        settings.failure_rate.is_some(),
        settings.failures.is_some(),
        settings.slow_rate.is_some(),
    ];
    (trips.contains(&true).then_some(settings.window), trips, settings.slow_call)
}
