//! Coalescing: callers of one key share one call.

use resilience_actors::SharedCallLost;

use crate::{
    record::{CallNumber, Record, ShareKey, ShareNumber},
    world::World,
};

impl World {
    /// A shared call begins, for the callers that have joined it.
    pub(crate) fn shared_call_begins(&self, key: ShareKey, number: ShareNumber, call: CallNumber) {
        let shares = &mut self.record.borrow_mut().shares;
        match shares.of(key, number) {
            Some(share) => {
                rule!(self, "A shared call is made once": share.call.is_none(); key, share);
                share.call = Some(call);
            }
            // All its callers have left before it began.
            None => shares.given_up.push(call),
        }
    }

    /// A caller is answered by the call of its key.
    pub(crate) fn sharer_is_answered(
        &self,
        number: ShareNumber,
        answer: Result<CallNumber, SharedCallLost>,
    ) {
        let record = self.record.borrow();
        let call = record.shares.answered.get(&number).copied();
        rule!(self, "A caller gets the answer of the call that it shares":
            call.is_some() && answer == call.ok_or(SharedCallLost); number, answer, call);
    }

    pub(super) fn shares_have_settled(&self, record: &mut Record) {
        let (now, shares) = (self.coalescer.snapshot(), &mut record.shares);
        let callers: usize = shares.in_flight.values().map(|share| share.callers).sum();
        rule!(self, "Callers of one key share one call, until it ends or all have left":
            (now.in_flight, now.callers, now.coalesced) == (shares.in_flight.len(), callers, shares.joined);
            now, shares);
        for call in shares.given_up.drain(..) {
            let goes_on = record.calls.get(&call).is_some_and(|call| !call.abandoned);
            rule!(self, "A shared call is given up with its last caller": !goes_on; call);
        }
        for share in shares.in_flight.values() {
            let goes_on = share.call.and_then(|call| record.calls.get(&call));
            rule!(self, "A shared call goes on while one of its callers is there":
                goes_on.is_some_and(|call| !call.abandoned); share);
        }
    }
}
