//! Fault injection: which attempts get a fault, and what becomes of them.

use std::time::Instant;

use resilience_actors::{AttemptRecord, CallId, Chaos, InjectedFault, Outcome, PolicySnapshot};

use super::{TICK, attempts::Told};
use crate::{
    record::{Admitted, Attempt, AttemptId, Call, Faults, Record, UpstreamRecord},
    support::now,
    world::World,
};

impl World {
    /// An attempt begins with a fault.
    pub(crate) fn fault_is_injected(&self, call: CallId, number: u32, fault: InjectedFault) {
        let admitted = self.record.borrow().admitted;
        rule!(self, "A fault is injected into an attempt that begins": admitted.is_some_and(|it| it.number == number);
            call, number, admitted);
        let Some(Admitted { call, number, hedge }) = admitted else { return };
        let deadline = self.deadline_to_pass_on(call);
        let id = self.attempt_begins(Told { call, number, hedge, deadline });
        self.fault_may_be_injected(id, fault);
        let outcome = match fault {
            InjectedFault::Failure => Outcome::ServerError,
            InjectedFault::Panic => Outcome::Panicked,
            InjectedFault::Delay => return,
        };
        self.operation_ends(id, Some(outcome.into()), false);
    }

    fn fault_may_be_injected(&self, id: AttemptId, fault: InjectedFault) {
        let record = &mut *self.record.borrow_mut();
        *record.totals.faults.entry(fault.into()).or_default() += 1;
        record.totals.digest(u128::from(id.call) << 64 | (fault as u128));
        let Some(call) = record.calls.get_mut(&id.call) else { return };
        let chaos = chaos_of(&record.upstreams[call.request.lab], call);
        let has_share = chaos.as_ref().is_some_and(|chaos| share(chaos, fault) > 0.0);
        rule!(self, "A fault is injected only while fault injection is on, and only one that it has a share of":
            has_share; call, fault, chaos);
        let Faults { attempts, failures, delays, panics } =
            &mut record.upstreams[call.request.lab].faults;
        *attempts += 1;
        *match fault {
            InjectedFault::Failure => failures,
            InjectedFault::Delay => delays,
            InjectedFault::Panic => panics,
        } += 1;
        let Some(attempt) = call.attempts.get_mut(id.position) else { return };
        attempt.fault = Some(fault);
        if let Some(chaos) = chaos.filter(|_| fault == InjectedFault::Delay) {
            attempt.delayed_until = Some(now() + chaos.chaos_delay);
        }
    }

    /// An attempt reaches the upstream: it begins now, or was delayed.
    pub(crate) fn attempt_arrives(&self, told: Told) -> AttemptId {
        if self.record.borrow().admitted.is_some() {
            let id = self.attempt_begins(told);
            self.fault_may_be_absent(id);
            return id;
        }
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        let delayed = record.calls.get_mut(&told.call).and_then(|call| delayed_attempt(call, told));
        rule!(self, "Only an attempt that was just admitted or was delayed reaches the upstream":
            delayed.is_some(); told);
        let Some((id, due)) = delayed else { return AttemptId { call: told.call, position: 0 } };
        rule!(self, "A delayed attempt reaches the upstream after the delay, and no later":
            (due..=due + TICK).contains(&now()); told, due);
        id
    }

    fn fault_may_be_absent(&self, id: AttemptId) {
        let record = &mut *self.record.borrow_mut();
        let Some(call) = record.calls.get(&id.call) else { return };
        let Some(chaos) = chaos_of(record.upstream_of(call), call) else { return };
        let all: f64 = FAULTS.map(|fault| share(&chaos, fault)).iter().sum();
        let all_get_one = all >= 1.0;
        rule!(self, "Each attempt gets a fault if the shares sum to 1": !all_get_one; call, chaos);
        record.upstreams[call.request.lab].faults.attempts += 1;
    }

    /// An observer is told that an attempt has ended. Of an attempt that is delayed until then, the upstream learns
    /// nothing.
    pub(crate) fn attempt_has_ended(&self, call: CallId, ended: &AttemptRecord) {
        let delayed = {
            let record = self.record.borrow();
            let Some(call) = record.call_of(call) else { return };
            let is_it = |attempt: &Attempt| {
                attempt.delayed_until.is_some()
                    && attempt.ended.is_none()
                    && (attempt.number, attempt.hedge) == (ended.number, ended.hedge)
                    && attempt.began == call.started + ended.start
            };
            let position = call.attempts.iter().position(is_it);
            position.map(|position| AttemptId { call: call.number(), position })
        };
        if let Some(id) = delayed {
            self.operation_ends(id, None, false);
        }
    }

    pub(super) fn faults_add_up(&self, record: &Record, policies: &[PolicySnapshot]) {
        for (seen, policies) in record.upstreams.iter().zip(policies) {
            let Some(chaos) = policies.chaos else { continue };
            let counted = Faults {
                attempts: chaos.attempts,
                failures: chaos.failures,
                delays: chaos.delays,
                panics: chaos.panics,
            };
            rule!(self, "Each attempt at an upstream with fault injection counts once, and so does each fault":
                counted == seen.faults; counted, seen.faults);
        }
    }
}

/// What fault injection does to attempts of a call: nothing unless it was on when the call began, and is still.
fn chaos_of(upstream: &UpstreamRecord, call: &Call) -> Option<Chaos> {
    let chaos = upstream.settings.now().chaos.clone();
    chaos.filter(|chaos| chaos.is_on() && upstream.shares(call, |eras| eras.chaos))
}

const FAULTS: [InjectedFault; 3] =
    [InjectedFault::Failure, InjectedFault::Delay, InjectedFault::Panic];

fn share(chaos: &Chaos, fault: InjectedFault) -> f64 {
    match fault {
        InjectedFault::Failure => chaos.chaos_failure_rate,
        InjectedFault::Delay => chaos.chaos_delay_rate,
        InjectedFault::Panic => chaos.chaos_panic_rate,
    }
}

/// A delayed attempt of the call that reaches the upstream now, and when it should.
fn delayed_attempt(call: &mut Call, told: Told) -> Option<(AttemptId, Instant)> {
    let number = call.number();
    let mut attempts = call.attempts.iter_mut().enumerate();
    let (position, attempt) = attempts.find(|(_, attempt)| {
        let waits = attempt.delayed_until.is_some() && attempt.ended.is_none();
        waits && (attempt.number, attempt.hedge) == (told.number, told.hedge)
    })?;
    Some((AttemptId { call: number, position }, attempt.delayed_until.take()?))
}
