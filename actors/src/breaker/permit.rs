//! Leave to make one attempt, and the duty to say how it went.

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

/// Leave to make one attempt on the upstream.
///
/// Say how the attempt went by [`success`](Self::success), [`failure`](Self::failure) or
/// [`neutral`](Self::neutral). A permit that is dropped unreported goes back as neutral, so a
/// panic, a cancelled future or a lost reply cannot leak one. Reports on a permit from before a
/// transition change nothing.
///
/// The report is made by the call itself. Await what it returns: then the published state takes the
/// report into account, and nobody's next call sees a state older than its own result.
#[must_use = "a permit that is dropped at once goes back unused"]
#[derive(Debug)]
pub struct Permit<'a> {
    /// Borrowed: threads that count owners of one thing wait for each other.
    published: &'a Arc<Published>,
    ticket: Ticket,
    duty: Duty,
}

/// To say how the attempt went. As wide as its neighbours: where a byte has just been written, a
/// processor stalls over the word around it, and permits are moved as soon as they are made.
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

    /// Whether this is one of the limited trials of a half-open circuit.
    #[inline]
    pub fn is_trial(&self) -> bool {
        self.ticket.trial.is_some()
    }

    /// The number of the epoch that gave it.
    pub fn epoch(&self) -> u64 {
        self.ticket.epoch
    }

    /// The upstream answered as it should. In closed state: one atomic add, nothing to wait for.
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

    /// The upstream failed; `cause` goes into the log if this opens the circuit.
    pub fn failure<C: Into<String>>(mut self, cause: C) -> impl Future<Output = ()> + use<C> {
        let successes = self.published.successes.read();
        let report = Report::Failure { cause: cause.into(), successes };
        self.duty = Duty::Done;
        taken_into_account(tell(self.published, self.ticket, report))
    }

    /// The attempt says nothing about the upstream.
    pub fn neutral(mut self) -> impl Future<Output = ()> + use<> {
        taken_into_account(if self.is_trial() {
            self.duty = Duty::Done;
            tell(self.published, self.ticket, Report::Neutral)
        } else {
            // Dropped, it is neutral anyway.
            None
        })
    }

    /// A failure of now that may yet turn out not to count.
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

/// What a permit stands for, where nobody can lend it the published state: on its way from the actor,
/// or in a call that waits. Dropped, it goes back.
#[derive(Debug)]
pub(crate) struct Grant {
    published: Arc<Published>,
    ticket: Ticket,
    /// Nobody else has the duty yet.
    owed: bool,
}

impl Grant {
    pub(crate) fn new(published: &Arc<Published>, ticket: Ticket) -> Self {
        Self { published: Arc::clone(published), ticket, owed: true }
    }

    /// The ticket, with the duty to report on it.
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

/// A failure that counts unless a later attempt of its call is a success. Dropped, it does not count.
#[derive(Debug)]
pub(crate) struct PendingFailure {
    grant: Grant,
    cause: String,
    successes: u64,
}

impl PendingFailure {
    /// Reports the failure, at the position among the results that it had when it happened. Await what this
    /// returns to have the published state take it into account.
    ///
    /// If a success came after it, it is part of no current streak. The actor learns of successes only through
    /// failures and would take it for part of the streak, so it is counted and not sent.
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

// All that follows takes what it needs by value, not the permit: one whose address is known to
// nobody stays in registers.

/// Makes a report, and returns what becomes ready when it has been taken into account: nothing, if it
/// can change nothing.
fn tell(
    published: &Arc<Published>,
    ticket: Ticket,
    report: Report,
) -> Option<oneshot::Receiver<()>> {
    // Not `send`: that takes its message back if nobody waits for it any more, and with it the
    // report on a trial, whose permit would be taken until its lease ran out.
    let (done, told) = oneshot::channel();
    judge(published, ticket, report, Some(done)).then_some(told)
}

#[inline]
fn taken_into_account(mut told: Option<oneshot::Receiver<()>>) -> impl Future<Output = ()> {
    poll_fn(move |context| match &mut told {
        // An error means that the actor is gone, and with it all that the report could change.
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

/// Counts a report, and sends it to the actor. False if it can change nothing and is not sent.
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
    // A disabled circuit takes no report, its own ones nor those of older epochs.
    if published.phase() == Phase::Disabled {
        return false;
    }
    let Some(actor) = published.actor.get().and_then(actix::WeakAddr::upgrade) else {
        return false;
    };
    actor.do_send(Letter::new(published, Judge { ticket, report, done }));
    true
}
