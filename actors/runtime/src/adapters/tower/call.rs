//! The life of one request: admitted, made, settled.

use std::{fmt::Display, pin::pin, sync::Arc, time::Duration};

use tower_service::Service;

use super::{classify::Classify, in_progress::InProgress, shared::SharedByLayer};
use crate::{
    admission::{Admission, Asking, Caller, Denied, admit},
    attempt::{self, run_within},
    call::{make_known_if_slow, settle},
    clock,
    gate::Sample,
    outcome::{Outcome, Verdict},
    panics::contained,
    report::CallError,
    retry::decision::{Effect, Step, effect},
    upstream::enter,
};

/// A caller that owns the future of its call, and leaves by dropping it.
struct Present;

impl Caller for Present {
    fn has_left(&self) -> bool {
        false
    }

    fn leaves(&mut self) -> impl Future<Output = ()> {
        std::future::pending()
    }
}

/// Makes one request through the policies.
#[expect(clippy::manual_async_fn, reason = "an async fn's future stores its arguments twice")]
pub(super) fn make<S, C, Request>(
    shared: Arc<SharedByLayer<C>>,
    inner: S,
    request: Request,
) -> impl Future<Output = Result<S::Response, CallError<S::Error>>>
where
    S: Service<Request, Error: Display>,
    C: Classify<Request, S::Response, S::Error>,
{
    async move {
        let SharedByLayer { upstream, classifier } = &*shared;
        let options = contained(|| classifier.options(&request)).unwrap_or_default();
        // Before the clock is read: the policies may have been changed after that.
        let policies = upstream.policies(options);
        let started = clock::now();
        let entered = enter(&policies, started, options);
        let mut call = InProgress::new(&policies, options, started);
        let place = match entered {
            Ok(place) => place,
            Err(rejection) => return call.rejected(rejection),
        };
        if options.deadline(started) == Some(started) {
            return call.ended(Err(CallError::DeadlineExceeded(Duration::ZERO)));
        }
        let deadline = call.deadlines.earliest();
        let asking = Asking { priority: options.priority, deadline, now: started };
        let admission = match admit(&policies, asking, &mut Present).await {
            Ok(admission) => admission,
            Err(Denied::Rejected(rejection)) => return call.rejected(policies.spread(rejection)),
            // Cannot happen: `Present` never says that it has left.
            Err(Denied::CallerLeft) => return call.ended(Err(CallError::Lost)),
        };
        let result = attempt(&mut call, admission, classifier, inner, request).await;
        // Free the place before the caller, which may make its next call at once, has the answer.
        drop(place);
        call.ended(result)
    }
}

/// Makes the attempt, and settles with the gates.
#[expect(clippy::manual_async_fn, reason = "an async fn's future stores its arguments twice")]
fn attempt<S, C, Request>(
    call: &mut InProgress<'_>,
    mut admission: Admission<'_>,
    classifier: &C,
    mut inner: S,
    request: Request,
) -> impl Future<Output = Result<S::Response, CallError<S::Error>>>
where
    S: Service<Request, Error: Display>,
    C: Classify<Request, S::Response, S::Error>,
{
    async move {
        let (policies, trial) = (call.policies, admission.is_trial());
        let times = call.attempt_begins(admission.at);
        let (result, mut verdict) = {
            let run = pin!(async {
                let result = inner.call(request).await;
                let verdict = classifier.classify(&result);
                (result.map_err(CallError::Transport), verdict)
            });
            let timed_out = |time| (CallError::TimedOut(time), Outcome::TimedOut);
            let run = pin!(run_within(&times, |due| due, run, timed_out));
            let (permit, began) = (admission.permit.as_mut(), times.began);
            make_known_if_slow(policies, permit, began, |slow| slow, run).await
        };
        let elapsed = call.attempt_ended(&verdict);
        let now = times.began + elapsed;
        policies.heed(call.id, call.priority, now, &mut verdict);
        let Verdict { outcome, .. } = verdict;
        let effect = effect(policies.config.scope, outcome, trial, Step::Finish);
        // Not in the closure: the response may not be `Sync`, so nothing may borrow it across an await.
        let failed = effect == Effect::Failure;
        let cause = if failed { attempt::cause(&result, &verdict) } else { String::new() };
        let sample = Sample { outcome, elapsed, retried: false };
        if let Some(permit) = admission.settle(&sample) {
            settle(&mut None, permit, effect, now, || cause.clone()).await;
        }
        drop(admission);
        result
    }
}
