//! How reports reach the actor.
//!
//! The functions take a permit's fields by value and never a reference to the permit, so that the compiler can keep the
//! permit in registers.

use std::task::Poll;

use futures::{FutureExt as _, future::poll_fn};
use tokio::sync::oneshot;

use super::{
    messages::ReportResult,
    published::Published,
    report::{Report, Ticket},
    state::Phase,
};
use crate::outcome::CallKind;

/// Sends a report. Returns a receiver that is ready when the actor has handled the report, or `None` if the report
/// cannot change the state.
pub(crate) fn tell(
    published: &Published,
    ticket: Ticket,
    report: Report,
) -> Option<oneshot::Receiver<()>> {
    // `Addr::send` would withdraw the message if its future were dropped. A trial's permit would then stay taken
    // until its lease ends.
    let (done, told) = oneshot::channel();
    send(published, ticket, report, Some(done)).then_some(told)
}

/// Ready when the actor has handled the report.
#[inline]
pub(crate) fn taken_into_account(
    mut told: Option<oneshot::Receiver<()>>,
) -> impl Future<Output = ()> {
    poll_fn(move |context| match &mut told {
        // An error means that the actor is gone: the report can change nothing.
        Some(told) => told.poll_unpin(context).map(|_| ()),
        None => Poll::Ready(()),
    })
}

/// Reports neutral on a permit that was not reported on.
pub(crate) fn give_back(published: &Published, ticket: Ticket) {
    if ticket.trial.is_some() {
        send(published, ticket, Report::Neutral, None);
    } else {
        published.tally.count(CallKind::Ignored);
    }
}

/// Counts a report and sends it to the actor. Returns false if the report is not sent, because it can change nothing.
fn send(
    published: &Published,
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
    published.send(ReportResult { ticket, report, done })
}
