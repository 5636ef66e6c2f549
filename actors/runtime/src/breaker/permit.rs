//! The permission to make one attempt, and the obligation to report its result.

use std::{sync::Arc, task::Poll};

use futures::{FutureExt as _, future::poll_fn};
use tokio::sync::oneshot;

use super::{
    letter::Letter,
    messages::Judge,
    published::{Phase, Published},
    state::{Report, Ticket},
};
use crate::outcome::CallKind;

/// The permission to make one attempt on the upstream.
///
/// Report the result with [`success`](Self::success), [`failure`](Self::failure) or [`neutral`](Self::neutral).
/// Dropping a permit reports neutral, so a panic, a cancelled future or a lost reply cannot leak a permit. A report on
/// a permit from before a transition does not change the state.
///
/// Calling one of these methods sends the report at once. The returned future is ready when the published state
/// reflects the report. A caller that awaits it never sees a state older than its own result.
#[must_use = "a permit that is dropped at once goes back unused"]
#[derive(Debug)]
pub struct Permit<'a> {
    /// Borrowed, because cloning the `Arc` would make threads contend for its reference count.
    published: &'a Arc<Published>,
    ticket: Ticket,
    duty: Duty,
}

/// Whether the permit must still be reported. `usize`-wide to avoid a store-forwarding stall when the permit is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Duty {
    Owed,
    Done,
}

impl<'a> Permit<'a> {
    #[inline]
    pub(crate) fn new(published: &'a Arc<Published>, ticket: Ticket) -> Self {
        Self { published, ticket, duty: Duty::Owed }
    }

    /// True if the attempt is a trial of a half-open circuit.
    #[inline]
    pub fn is_trial(&self) -> bool {
        self.ticket.trial.is_some()
    }

    /// The number of the epoch in which the permit was granted.
    pub fn epoch(&self) -> u64 {
        self.ticket.epoch
    }

    /// Reports a success. In closed state this is one atomic add, and the returned future is ready at once.
    #[inline]
    pub fn success(mut self) -> impl Future<Output = ()> + use<> {
        self.duty = Duty::Done;
        taken_into_account(if self.is_trial() {
            tell(self.published, self.ticket, Report::Success)
        } else {
            self.published.count_success(self.ticket.epoch);
            None
        })
    }

    /// Reports a failure of the upstream. The log shows `cause` if this failure opens the circuit.
    pub fn failure<C: Into<String>>(mut self, cause: C) -> impl Future<Output = ()> + use<C> {
        let successes = self.published.successes.read();
        let report = Report::Failure { cause: cause.into(), successes };
        self.duty = Duty::Done;
        taken_into_account(tell(self.published, self.ticket, report))
    }

    /// Reports that the attempt says nothing about the upstream.
    pub fn neutral(mut self) -> impl Future<Output = ()> + use<> {
        taken_into_account(if self.is_trial() {
            self.duty = Duty::Done;
            tell(self.published, self.ticket, Report::Neutral)
        } else {
            // Dropping the permit reports neutral.
            None
        })
    }

    /// Converts the permit into a failure that happened now, and may be counted later.
    pub(crate) fn pending_failure(mut self, cause: String) -> PendingFailure {
        self.duty = Duty::Done;
        let successes = self.published.successes.read();
        PendingFailure { cause, successes, grant: Grant::new(self.published, self.ticket) }
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.duty == Duty::Owed {
            give_back(self.published, self.ticket);
        }
    }
}

/// A permit that owns its reference to the published state: in the actor's reply, or in a waiting call. Dropping it
/// reports neutral, unless [`accept`](Self::accept) has taken the ticket.
#[derive(Debug)]
pub(crate) struct Grant {
    published: Arc<Published>,
    ticket: Ticket,
    /// True until `accept` passes the obligation to report on.
    owed: bool,
}

impl Grant {
    pub(crate) fn new(published: &Arc<Published>, ticket: Ticket) -> Self {
        Self { published: Arc::clone(published), ticket, owed: true }
    }

    /// Returns the ticket. The caller must report on it.
    pub(crate) fn accept(mut self) -> Ticket {
        self.owed = false;
        self.ticket
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.owed {
            give_back(&self.published, self.ticket);
        }
    }
}

/// A failure that counts unless a later attempt of its call succeeds. If it is dropped, it counts as neutral.
#[derive(Debug)]
pub(crate) struct PendingFailure {
    grant: Grant,
    cause: String,
    successes: u64,
}

impl PendingFailure {
    /// Reports the failure at the position among the results that it had when it happened. The returned future is ready
    /// when the published state reflects it.
    ///
    /// If another call has succeeded since, the failure belongs to no current streak: it is counted in the statistics
    /// and not sent. The actor learns of successes only from later failures, and would add this failure to the streak.
    pub(crate) fn count(self) -> impl Future<Output = ()> + use<> {
        let Self { grant, cause, successes } = self;
        let published = Arc::clone(&grant.published);
        let ticket = grant.accept();
        taken_into_account(if published.successes.read() == successes {
            tell(&published, ticket, Report::Failure { cause, successes })
        } else {
            published.tally.count(CallKind::Failed);
            None
        })
    }
}

// The functions below take fields by value and never a reference to the permit, so that the compiler can keep the
// permit in registers.

/// Sends a report. Returns a receiver that is ready when the actor has handled the report, or `None` if the report
/// cannot change the state.
fn tell(
    published: &Arc<Published>,
    ticket: Ticket,
    report: Report,
) -> Option<oneshot::Receiver<()>> {
    // `Addr::send` would withdraw the message if its future were dropped. A trial's permit would then stay taken
    // until its lease ends.
    let (done, told) = oneshot::channel();
    judge(published, ticket, report, Some(done)).then_some(told)
}

#[inline]
fn taken_into_account(mut told: Option<oneshot::Receiver<()>>) -> impl Future<Output = ()> {
    poll_fn(move |context| match &mut told {
        // An error means that the actor is gone: the report can change nothing.
        Some(told) => told.poll_unpin(context).map(|_| ()),
        None => Poll::Ready(()),
    })
}

fn give_back(published: &Arc<Published>, ticket: Ticket) {
    if ticket.trial.is_some() {
        judge(published, ticket, Report::Neutral, None);
    } else {
        published.tally.count(CallKind::Ignored);
    }
}

/// Counts a report and sends it to the actor. Returns false if the report is not sent, because it can change nothing.
fn judge(
    published: &Arc<Published>,
    ticket: Ticket,
    report: Report,
    done: Option<oneshot::Sender<()>>,
) -> bool {
    published.tally.count(match report {
        Report::Success => CallKind::Successful,
        Report::Failure { .. } => CallKind::Failed,
        Report::Neutral => CallKind::Ignored,
    });
    // A disabled circuit ignores all reports, those of older epochs included.
    if published.phase() == Phase::Disabled {
        return false;
    }
    let Some(actor) = published.actor.get().and_then(actix::WeakAddr::upgrade) else {
        return false;
    };
    actor.do_send(Letter::new(published, Judge { ticket, report, done }));
    true
}
