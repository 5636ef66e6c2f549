//! The permission that the actor gives, on its way to the caller.

use actix::Message;

use super::{published::Published, report::Ticket, reporting::give_back};
use crate::{rejection::Rejection, sync::Arc};

/// Asks the actor for permission to make an attempt, where the published state alone cannot give it.
#[derive(Message)]
#[rtype(result = "Result<Grant, Rejection>")]
pub(crate) struct Acquire;

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

    pub(crate) fn published(&self) -> &Arc<Published> {
        &self.published
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.ticket.epoch
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
