//! Calls that several callers share.

use std::collections::BTreeMap;

use super::CallNumber;

/// The number of an upstream, and what its calls ask for.
pub(crate) type ShareKey = (usize, u8);

/// Number of a shared call in its episode.
pub(crate) type ShareNumber = u64;

/// The shared calls, by their key.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    pub(crate) in_flight: BTreeMap<ShareKey, Share>,
    /// The calls of those that were answered.
    pub(crate) answered: BTreeMap<ShareNumber, CallNumber>,
    /// Calls whose callers have all left.
    pub(crate) given_up: Vec<CallNumber>,
    /// Callers that joined an earlier one.
    pub(crate) joined: u64,
    begun: ShareNumber,
}

/// A shared call in flight.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) number: ShareNumber,
    pub(crate) callers: usize,
    /// None before it has begun.
    pub(crate) call: Option<CallNumber>,
}

impl Shares {
    /// A caller joins the shared call of its key, or begins one.
    pub(crate) fn joins(&mut self, key: ShareKey) -> ShareNumber {
        if let Some(share) = self.in_flight.get_mut(&key) {
            share.callers += 1;
            self.joined += 1;
            return share.number;
        }
        self.begun += 1;
        self.in_flight.insert(key, Share { number: self.begun, callers: 1, call: None });
        self.begun
    }

    /// A caller leaves. With the last one, the shared call ends.
    pub(crate) fn leaves(&mut self, key: ShareKey, number: ShareNumber) {
        let Some(share) = self.of(key, number) else { return };
        share.callers -= 1;
        if share.callers == 0 {
            let call = share.call;
            self.in_flight.remove(&key);
            self.given_up.extend(call);
        }
    }

    /// A shared call is answered.
    pub(crate) fn ends(&mut self, key: ShareKey, number: ShareNumber, call: CallNumber) {
        if self.of(key, number).is_some() {
            self.in_flight.remove(&key);
        }
        self.answered.insert(number, call);
    }

    pub(crate) fn of(&mut self, key: ShareKey, number: ShareNumber) -> Option<&mut Share> {
        self.in_flight.get_mut(&key).filter(|share| share.number == number)
    }
}
