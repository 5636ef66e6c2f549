//! The attempts of one turn: one, or with hedging several side by side.

use std::{
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{Either, LocalBoxFuture},
    stream::FuturesUnordered,
};
use tokio::sync::oneshot;

use super::{in_progress::Call, settle};
use crate::{
    admission::{Admission, admit_at_once},
    attempt::{self, Context, Ended, ResultOf},
    breaker::{Breaker, PendingFailure, Permit},
    caller_waits::CallerWaits,
    chaos::InjectedFault,
    clock::{self, until, within_extended},
    deadline::Deadlines,
    gate::Sample,
    hedge::Hedging,
    limit::Priority,
    observe::{Observation, about},
    operation::{Operation, ReportOf},
    outcome::{CallKind, Outcome, Verdict},
    panics::contained,
    policies::Policies,
    report::{AttemptRecord, CallId},
    retry::decision::{Step, effect},
};

/// An attempt that has ended, and what it still holds.
pub(super) struct Landed<'a, O: Operation> {
    pub(super) admission: Admission<'a>,
    pub(super) record: AttemptRecord,
    /// Without the time that the attempt has waited for its caller, which says nothing about the upstream.
    pub(super) sample: Sample,
    pub(super) result: ResultOf<O>,
    pub(super) verdict: Verdict,
    pub(super) idempotent: bool,
}

/// What the attempts of a turn have in common.
struct Turn<'a, 'c, O> {
    policies: &'a Policies,
    call: CallId,
    priority: Priority,
    operation: &'c O,
    /// 1 for the first turn.
    number: u32,
    started: Instant,
    deadlines: Deadlines,
}

impl<O> Clone for Turn<'_, '_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Turn<'_, '_, O> {}

/// How an attempt is made.
#[derive(Debug, Clone, Copy)]
struct Manner {
    hedge: bool,
    fresh_connection: bool,
    at_once: bool,
}

/// Makes the admitted attempt, and its hedges. Returns the attempt that decides on the turn: the first good one, or the
/// last to end.
pub(super) fn land<'a: 'c, 'c, O: Operation>(
    policies: &'a Policies,
    call: &'c mut Call<O>,
    admission: Admission<'a>,
) -> impl Future<Output = Landed<'a, O>> {
    let deadlines = call.deadlines(policies);
    let Call { id, priority, operation, started, attempts, pending, reply, retries, .. } = call;
    let last = attempts.last();
    let number = last.map_or(0, |last| last.number).saturating_add(1);
    let blamed = last.is_some_and(|last| last.outcome.blames_connection());
    let trial = admission.is_trial();
    let manner = Manner { hedge: false, fresh_connection: trial || blamed, at_once: number == 1 };
    let (call, priority, started) = (*id, *priority, *started);
    let turn = Turn { policies, call, priority, operation, number, started, deadlines };
    match &policies.hedging {
        Some(hedging) if !trial && *retries => {
            let mut race = Race {
                turn,
                hedging,
                reply,
                flights: FuturesUnordered::new(),
                begun: Vec::new(),
                retry_after: None,
            };
            let began = admission.at;
            race.begin(admission, manner);
            // Boxed to keep the future small for turns without hedging.
            Either::Right(Box::pin(race.run(began, attempts, pending)))
        }
        _ => Either::Left(turn.fly(admission, manner)),
    }
}

impl<'a, 'c, O: Operation> Turn<'a, 'c, O> {
    /// Makes one attempt.
    #[expect(clippy::manual_async_fn, reason = "an async fn's future stores its arguments twice")]
    fn fly(
        self,
        mut admission: Admission<'a>,
        Manner { hedge, fresh_connection, at_once }: Manner,
    ) -> impl Future<Output = Landed<'a, O>> {
        async move {
            let Self { policies, call, number, started, deadlines, .. } = self;
            let began = admission.at;
            policies.common.observers.tell(&Observation::Admitted { call, attempt: number, hedge });
            let waits = &CallerWaits::default();
            let context = Context {
                call,
                number,
                hedge,
                fresh_connection,
                at_once,
                started,
                began,
                deadlines,
                waits,
            };
            let Ended { result, mut verdict, idempotent, injected } = {
                let mut attempt = pin!(attempt::make(policies, self.operation, context));
                let (extended, permit) = (|due| waits.extend(due), admission.permit.as_mut());
                match permit.as_deref().and_then(Permit::lease) {
                    None => make_known_if_slow(policies, permit, began, extended, attempt).await,
                    // Boxed to keep the future small for attempts that are no trials.
                    Some(lease) => {
                        let has_waited = || !waits.total().is_zero();
                        let attempt = lease.watch(began, has_waited, attempt.as_mut());
                        let mut attempt = Box::pin(attempt);
                        let attempt = attempt.as_mut();
                        Box::pin(make_known_if_slow(policies, permit, began, extended, attempt))
                            .await
                    }
                }
            };
            let record = self.ended(hedge, began, &verdict, injected);
            policies.heed(call, self.priority, began + record.elapsed, &mut verdict);
            let elapsed = record.elapsed.saturating_sub(waits.total());
            let sample = Sample { outcome: record.outcome, elapsed, retried: false };
            Landed { admission, record, sample, result, verdict, idempotent }
        }
    }

    /// Tells the observers of the end of an attempt. Before the breaker learns of it, so that a transition follows its
    /// cause.
    fn ended(
        &self,
        hedge: bool,
        began: Instant,
        verdict: &Verdict,
        injected: Option<InjectedFault>,
    ) -> AttemptRecord {
        let Verdict { outcome, code, .. } = *verdict;
        let (start, elapsed) = (began - self.started, clock::now() - began);
        let number = self.number;
        let wait = None;
        let record = AttemptRecord { number, hedge, outcome, code, start, elapsed, wait, injected };
        about(self.operation, self.call, |call| {
            self.policies
                .common
                .observers
                .tell(&Observation::AttemptEnded { call, attempt: &record });
        });
        record
    }
}

/// Waits for an attempt, and tells the breaker when the attempt becomes slow. `extended` moves that instant by now.
pub(crate) async fn make_known_if_slow<T>(
    policies: &Policies,
    permit: Option<&mut Permit<'_>>,
    began: Instant,
    extended: impl Fn(Instant) -> Instant,
    mut attempt: Pin<&mut impl Future<Output = T>>,
) -> T {
    let slow_after = policies.common.breaker.as_ref().and_then(Breaker::slow_after);
    if let (Some(permit), Some(slow_after)) = (permit, slow_after) {
        // Boxed to keep the future small for attempts without a trip for slow calls.
        let slow = began + slow_after;
        let ended = Box::pin(within_extended(began, slow, extended, attempt.as_mut())).await;
        if let Some(ended) = ended {
            return ended;
        }
        permit.slow();
    }
    attempt.await
}

/// An attempt and its hedges. The first good one wins. The others are cancelled, and say nothing about the upstream.
struct Race<'a, 'c, O: Operation> {
    turn: Turn<'a, 'c, O>,
    hedging: &'a Hedging,
    /// Closed when the caller has left.
    reply: &'c oneshot::Sender<ReportOf<O>>,
    flights: FuturesUnordered<LocalBoxFuture<'c, Landed<'a, O>>>,
    /// Of each attempt in flight: whether it is a hedge, and when it began.
    begun: Vec<(bool, Instant)>,
    /// The longest wait that an answer of this turn has asked for.
    retry_after: Option<Duration>,
}

impl<'a: 'c, 'c, O: Operation> Race<'a, 'c, O> {
    fn begin(&mut self, admission: Admission<'a>, manner: Manner) {
        self.begun.push((manner.hedge, admission.at));
        self.flights.push(self.turn.fly(admission, manner).boxed_local());
    }

    async fn run(
        mut self,
        began: Instant,
        attempts: &mut Vec<AttemptRecord>,
        pending: &mut Option<Box<PendingFailure>>,
    ) -> Landed<'a, O> {
        let mut hedges = 0;
        let mut next = self.next_hedge(began);
        loop {
            let landed = match next {
                Some(due) => until(due, self.flights.select_next_some()).await,
                None => Some(self.flights.select_next_some().await),
            };
            let Some(mut landed) = landed else {
                let now = clock::now();
                if let Some(admission) = self.admit_hedge(now) {
                    self.begin(
                        admission,
                        Manner { hedge: true, fresh_connection: false, at_once: false },
                    );
                }
                hedges += 1;
                next = self.next_hedge(now).filter(|_| hedges < self.hedging.max());
                continue;
            };
            self.lands(&landed.record);
            self.retry_after = self.retry_after.max(landed.verdict.retry_after);
            let good = landed.record.outcome.kind() == CallKind::Successful;
            if good && landed.record.hedge {
                self.hedging.count_won();
            }
            if good || self.flights.is_empty() {
                landed.verdict.retry_after = self.retry_after;
                self.cancel_others(attempts);
                return landed;
            }
            // A failure that is not repeated at once is for the retries to repair.
            next = None;
            self.settle_failed(landed, attempts, pending).await;
        }
    }

    fn next_hedge(&self, from: Instant) -> Option<Instant> {
        self.hedging.delay().map(|delay| from + delay)
    }

    fn admit_hedge(&self, now: Instant) -> Option<Admission<'a>> {
        let Turn { policies, call, priority, operation, number, deadlines, .. } = self.turn;
        let is_over = deadlines.earliest().is_some_and(|deadline| now >= deadline);
        let idempotent = contained(|| operation.is_idempotent()).unwrap_or(false);
        if !idempotent || is_over || self.reply.is_closed() {
            return None;
        }
        let admission = admit_at_once(policies, priority, now)?;
        self.hedging.count_made();
        about(operation, call, |call| {
            policies.common.observers.tell(&Observation::Hedged { call, attempt: number });
        });
        Some(admission)
    }

    fn lands(&mut self, record: &AttemptRecord) {
        let began = self.turn.started + record.start;
        let this = (record.hedge, began);
        if let Some(at) = self.begun.iter().position(|other| *other == this) {
            self.begun.swap_remove(at);
        }
        if !record.hedge && record.outcome.kind() == CallKind::Successful {
            self.hedging.record(record.elapsed);
        }
    }

    fn cancel_others(mut self, attempts: &mut Vec<AttemptRecord>) {
        self.flights.clear();
        for (hedge, began) in std::mem::take(&mut self.begun) {
            let record = self.turn.ended(hedge, began, &Outcome::Cancelled.into(), None);
            if !hedge {
                self.hedging.record(record.elapsed);
            }
            attempts.push(record);
        }
    }

    /// Settles an attempt that failed while another one of the turn, which may repair it, is in flight.
    async fn settle_failed(
        &self,
        landed: Landed<'a, O>,
        attempts: &mut Vec<AttemptRecord>,
        pending: &mut Option<Box<PendingFailure>>,
    ) {
        let Landed { mut admission, record, sample, result, verdict, .. } = landed;
        let AttemptRecord { outcome, start, elapsed, .. } = record;
        if let Some(permit) = admission.settle(&Sample { retried: true, ..sample }) {
            let scope = self.turn.policies.config.scope;
            let effect = effect(scope, outcome, false, Step::Retry { wait: Duration::ZERO });
            let cause = || attempt::cause(&result, &verdict);
            let ended = self.turn.started + start + elapsed;
            settle(pending, permit, effect, ended, cause).await;
        }
        drop(admission);
        attempts.push(record);
    }
}
