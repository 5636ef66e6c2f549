//! Leave to make one attempt, and the duty to say how it went.

use std::sync::Arc;

use actix::Addr;
use tokio::sync::oneshot;

use super::{
    actor::BreakerActor,
    epoch::{Epoch, Phase},
    letter::Letter,
    messages::Judge,
    state::{Report, Ticket},
};
use crate::outcome::CallKind;

/// Leave to make one attempt on the upstream.
///
/// Say how the attempt went by [`success`](Self::success), [`failure`](Self::failure) or
/// [`neutral`](Self::neutral). A permit that is dropped unreported goes back as neutral, so a
/// panic, a cancelled future or a lost reply cannot leak one. Reports on a permit from before a
/// transition change nothing.
///
/// Await the reports: when they return, the published state takes them into account, and nobody's
/// next call sees a state older than its own result. A report that has been begun stands, also if
/// nobody waits for its end.
#[must_use = "a permit that is dropped at once goes back unused"]
#[derive(Debug)]
pub struct Permit {
    epoch: Arc<Epoch>,
    trial: Option<u64>,
    /// Nothing is owed any more.
    reported: bool,
}

impl Permit {
    pub(crate) fn new(epoch: Arc<Epoch>, trial: Option<u64>) -> Self {
        Self { epoch, trial, reported: false }
    }

    /// Whether this is one of the limited trials of a half-open circuit.
    pub fn is_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// The number of the epoch that gave it.
    pub fn epoch(&self) -> u64 {
        self.epoch.number
    }

    /// The upstream answered as it should. In closed state: one atomic add, nothing to wait for.
    pub async fn success(mut self) {
        if self.is_trial() {
            self.tell(Report::Success).await;
        } else {
            self.reported = true;
            self.epoch.count_success();
        }
    }

    /// The upstream failed; `cause` goes into the log if this opens the circuit.
    pub async fn failure(self, cause: impl Into<String>) {
        let successes = self.epoch.successes();
        self.tell(Report::Failure { cause: cause.into(), successes }).await;
    }

    /// The attempt says nothing about the upstream.
    pub async fn neutral(self) {
        if self.is_trial() {
            self.tell(Report::Neutral).await;
        }
        // Dropped, it is neutral anyway.
    }

    /// A failure of now that may yet turn out not to count.
    pub(crate) fn pending_failure(self, cause: String) -> PendingFailure {
        PendingFailure { cause, successes: self.epoch.successes(), permit: self }
    }

    async fn tell(mut self, report: Report) {
        // Not `send`: that takes its message back if nobody waits for it any more, and with it the
        // report on a trial, whose permit would be taken until its lease ran out.
        let (done, told) = oneshot::channel();
        if let Some((actor, judge)) = self.judge(report, Some(done)) {
            actor.do_send(judge);
            // An error means that the actor is gone, and with it all that the report could change.
            let _ = told.await;
        }
    }

    fn post(&mut self, report: Report) {
        if let Some((actor, judge)) = self.judge(report, None) {
            actor.do_send(judge);
        }
    }

    /// The report as a message, counted, and whom to send it to: nobody, if it can change nothing.
    /// Whoever sends it has done the permit's duty.
    fn judge(
        &mut self,
        report: Report,
        done: Option<oneshot::Sender<()>>,
    ) -> Option<(Addr<BreakerActor>, Letter<Judge>)> {
        self.reported = true;
        self.epoch.home.tally.count(match report {
            Report::Success => CallKind::Successful,
            Report::Failure { .. } => CallKind::Failed,
            Report::Neutral => CallKind::Ignored,
        });
        let ticket = Ticket { epoch: self.epoch.number, trial: self.trial.take() };
        if self.epoch.phase == Phase::Disabled {
            return None;
        }
        let actor = self.epoch.home.actor.get().and_then(actix::WeakAddr::upgrade)?;
        Some((actor, Letter::new(&self.epoch.home, Judge { ticket, report, done })))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        if self.trial.is_some() {
            self.post(Report::Neutral);
        } else {
            self.epoch.home.tally.count(CallKind::Ignored);
        }
    }
}

/// A failure that counts only if nothing repairs it. Dropped, it does not count.
#[derive(Debug)]
pub(crate) struct PendingFailure {
    permit: Permit,
    cause: String,
    successes: u64,
}

impl PendingFailure {
    /// It counts, and nobody waits for the breaker to know. Unless a success has come after it:
    /// then it is part of no current streak, and the breaker, which learns of successes only
    /// through failures, could not tell.
    pub(crate) fn count(mut self) {
        let Self { permit, cause, successes } = &mut self;
        if permit.epoch.successes() == *successes {
            let cause = std::mem::take(cause);
            permit.post(Report::Failure { cause, successes: *successes });
        } else {
            permit.reported = true;
            permit.epoch.home.tally.count(CallKind::Failed);
        }
    }
}
