//! Callers, and tasks that use permits without an upstream. Each may leave at any time, by being dropped.

use std::{cell::Cell, panic::resume_unwind, rc::Rc, time::Duration};

use resilience_actors::{CallKind, CallOptions};

use super::steps::PermitEnd;
use crate::{
    record::{CallNumber, Fallback, Permit, PermitNumber, Request, Route},
    rules::Report,
    support::Lab,
    upstream::{Answer, SimulatedCall},
    world::World,
};

pub(super) async fn call(world: Rc<World>, lab: Lab<()>, request: Request, route: Route) {
    let limit_was_reached = world.limit.in_use() >= world.limit.max();
    let call = world.record.borrow().new_call(request, route);
    let options = CallOptions::numbered(call.id).priority(request.priority);
    world.record.borrow_mut().call_starts(call);
    let caller = Caller { world: &world, call: request.call };
    let options = request.time_left.map_or(options, |time| options.time_left(time));
    let (upstream, options) = match route {
        Route::Protected => (&lab.protected, options),
        Route::BreakerOnly => (&lab.protected, options.without_retries()),
        Route::Bare => (&lab.bare, options),
    };
    let operation = SimulatedCall { world: Rc::clone(&world), request };
    let Some(fallback) = request.fallback else {
        let report: Report = upstream.run_with(options, operation).await;
        return world.call_is_answered(caller.call, &report, limit_was_reached);
    };
    let asked = Cell::new(None);
    let ask = |report: &Report| {
        asked.set(Some(report.clone()));
        answer_of(fallback, request.call)
    };
    let report = upstream.run_or(options, operation, ask).await;
    let asked = asked.take();
    world.fallback_is_over(request.call, fallback, asked.as_ref(), &report);
    let of_call = asked.as_ref().unwrap_or(&report);
    world.call_is_answered(caller.call, of_call, limit_was_reached);
}

fn answer_of(fallback: Fallback, call: CallNumber) -> Option<Answer> {
    match fallback {
        Fallback::Answers => Some(Answer::of_fallback(call)),
        Fallback::HasNone => None,
        Fallback::Panics => resume_unwind(Box::new("as planned")),
    }
}

struct Caller<'a> {
    world: &'a World,
    call: CallNumber,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.world.broken("No caller's task panics", "");
        }
        self.world.follow_events();
        self.world.record.borrow_mut().caller_leaves(self.call);
    }
}

/// Asks the breaker for a permit, and holds it.
pub(super) async fn permit(world: Rc<World>, hold: Duration, end: PermitEnd) {
    let mut asker = Asker { world: &world, answered: false };
    let admitted = world.breaker.admit().await;
    asker.answered = true;
    let permit = match admitted {
        Ok(permit) => permit,
        Err(rejection) => return world.permit_is_refused(&rejection),
    };
    let seen = Permit { epoch: permit.epoch(), trial: permit.is_trial() };
    let holder = PermitHolder { world: &world, permit: world.permit_is_granted(seen) };
    if !hold.is_zero() {
        tokio::time::sleep(hold).await;
    }
    match end {
        PermitEnd::Success => {
            holder.reports(CallKind::Successful);
            permit.success().await;
        }
        PermitEnd::Failure => {
            holder.reports(CallKind::Failed);
            permit.failure("status 500").await;
        }
        PermitEnd::Neutral => {
            holder.reports(CallKind::Ignored);
            permit.neutral().await;
        }
        PermitEnd::Drop => drop(permit),
    }
}

struct Asker<'a> {
    world: &'a World,
    answered: bool,
}

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.world.with_totals(|totals| totals.left += 1);
        }
    }
}

struct PermitHolder<'a> {
    world: &'a World,
    permit: PermitNumber,
}

impl PermitHolder<'_> {
    fn reports(&self, kind: CallKind) {
        self.world.record.borrow_mut().permit_ends(self.permit, kind);
    }
}

impl Drop for PermitHolder<'_> {
    fn drop(&mut self) {
        self.reports(CallKind::Ignored);
    }
}
