//! How reports reach the actor.
//!
//! The functions take a permit's fields by value and never a reference to the permit, so that the compiler can keep the
//! permit in registers.

use std::{task::Poll, time::Instant};

use futures::{FutureExt as _, future::poll_fn};
use tokio::sync::oneshot;

use super::{
    messages::ReportResult,
    phase::Phase,
    published::Published,
    report::{Failure, Report, Ticket},
};
use crate::{clock, outcome::CallKind};

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

/// Counts and reports a failure.
pub(crate) fn fail(
    published: &Published,
    ticket: Ticket,
    failure: Failure,
    slow: bool,
) -> Option<oneshot::Receiver<()>> {
    // A slow call counts where it became slow.
    if !slow {
        published.counters.failure(ticket.epoch);
    }
    tell(published, ticket, Report::Failure(failure))
}

/// Counts and reports a success that is more than a number: of a trial, of a slow call, or the first of a slice of
/// time.
#[cold]
pub(crate) fn succeed(
    published: &Published,
    ticket: Ticket,
    slow: bool,
    now: Option<Instant>,
) -> Option<oneshot::Receiver<()>> {
    if ticket.trial.is_some() {
        return tell(published, ticket, Report::Success);
    }
    if published.in_force.is_sliced()
        && let Some(moment) = published.begin_slice(ticket.epoch, now.unwrap_or_else(clock::now))
    {
        send(published, ticket, Report::SliceBegan(moment), None);
    }
    if slow {
        published.count_slow_success(ticket.epoch);
    } else {
        published.count_success(ticket.epoch);
    }
    None
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
pub(crate) fn send(
    published: &Published,
    ticket: Ticket,
    report: Report,
    done: Option<oneshot::Sender<()>>,
) -> bool {
    match report {
        Report::Success => published.tally.count(CallKind::Successful),
        Report::Failure(_) => published.tally.count(CallKind::Failed),
        Report::Neutral => published.tally.count(CallKind::Ignored),
        // The end of the call counts.
        Report::Slow(_) | Report::SliceBegan(_) | Report::WaitsForCaller => {}
    }
    // A disabled circuit ignores all reports, those of older epochs included.
    if published.phase() == Phase::Disabled {
        return false;
    }
    published.send(ReportResult { ticket, report, done })
}
