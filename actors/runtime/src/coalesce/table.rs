//! The shared calls in flight, and their callers. Pure: it knows neither tasks nor channels.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    hash::Hash,
};

use super::CoalesceSnapshot;

/// The shared calls in flight by key. `W` gives a caller the answer. `S` stops the call when it is dropped.
pub(super) struct Table<K, W, S> {
    flights: HashMap<K, Flight<W, S>>,
    /// Number of the last caller.
    last: u64,
    coalesced: u64,
}

/// A shared call.
pub(super) struct Flight<W, S> {
    /// The number of its first caller.
    number: u64,
    /// In order of arrival. Never empty.
    callers: BTreeMap<u64, W>,
    _stop: S,
}

/// A caller of a shared call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) flight: u64,
    caller: u64,
}

impl<K, W, S> Default for Table<K, W, S> {
    fn default() -> Self {
        Self { flights: HashMap::new(), last: 0, coalesced: 0 }
    }
}

impl<K: Eq + Hash, W, S> Table<K, W, S> {
    /// Adds a caller to the call of `key`. If there is none, `begin` begins one.
    pub(super) fn join(&mut self, key: K, waiting: W, begin: impl FnOnce() -> S) -> Ticket {
        self.last += 1;
        let caller = self.last;
        let flight = match self.flights.entry(key) {
            Entry::Occupied(flight) => {
                self.coalesced += 1;
                flight.into_mut()
            }
            Entry::Vacant(free) => {
                let callers = BTreeMap::new();
                free.insert(Flight { number: caller, callers, _stop: begin() })
            }
        };
        flight.callers.insert(caller, waiting);
        Ticket { flight: flight.number, caller }
    }

    /// Takes a caller out. Returns the call if this was its last caller: it is to be dropped, and the next caller
    /// begins another one. Changes nothing if the call has ended.
    pub(super) fn leave(&mut self, key: &K, ticket: Ticket) -> Option<Flight<W, S>> {
        let flight = self.flights.get_mut(key)?;
        flight.callers.remove(&ticket.caller);
        if flight.callers.is_empty() { self.flights.remove(key) } else { None }
    }

    /// Ends a call, and returns its callers in order of arrival: none if they have left.
    pub(super) fn end(&mut self, key: &K, flight: u64) -> BTreeMap<u64, W> {
        let in_flight = self.flights.get(key).is_some_and(|other| other.number == flight);
        let ended = if in_flight { self.flights.remove(key) } else { None };
        ended.map(|flight| flight.callers).unwrap_or_default()
    }
}

impl<K, W, S> Table<K, W, S> {
    pub(super) fn snapshot(&self) -> CoalesceSnapshot {
        let callers = self.flights.values().map(|flight| flight.callers.len()).sum();
        CoalesceSnapshot { in_flight: self.flights.len(), callers, coalesced: self.coalesced }
    }
}

#[cfg(test)]
#[path = "table_model_tests.rs"]
mod model_tests;

#[cfg(test)]
mod tests {
    use super::*;

    /// Callers are letters, and calls say nothing when they are stopped.
    type Letters = Table<&'static str, char, ()>;

    #[track_caller]
    fn begins(table: &mut Letters, key: &'static str, caller: char) -> Ticket {
        let mut begun = false;
        let ticket = table.join(key, caller, || begun = true);
        assert!(begun, "{caller} shares a call");
        ticket
    }

    #[track_caller]
    fn shares(table: &mut Letters, key: &'static str, caller: char) -> Ticket {
        table.join(key, caller, || panic!("{caller} begins a call"))
    }

    fn ended(table: &mut Letters, key: &'static str, ticket: Ticket) -> String {
        table.end(&key, ticket.flight).into_values().collect()
    }

    fn counts(table: &Letters) -> [u64; 3] {
        let CoalesceSnapshot { in_flight, callers, coalesced } = table.snapshot();
        [in_flight as u64, callers as u64, coalesced]
    }

    #[test]
    fn callers_of_one_key_share_a_call_until_it_ends() {
        let mut table = Letters::default();
        let first = begins(&mut table, "x", 'a');
        begins(&mut table, "y", 'b');
        shares(&mut table, "x", 'c');
        shares(&mut table, "x", 'd');
        assert_eq!(counts(&table), [2, 4, 2]);
        assert_eq!(ended(&mut table, "x", first), "acd");
        begins(&mut table, "x", 'e');
        assert_eq!(counts(&table), [2, 2, 2]);
    }

    #[test]
    fn a_call_is_given_up_with_its_last_caller_also_if_that_is_not_its_first() {
        let mut table = Letters::default();
        let first = begins(&mut table, "x", 'a');
        let second = shares(&mut table, "x", 'b');
        assert!(table.leave(&"x", first).is_none());
        let third = shares(&mut table, "x", 'c');
        assert!(table.leave(&"x", second).is_none());
        assert!(table.leave(&"x", third).is_some());
        assert_eq!(counts(&table), [0, 0, 2]);
        begins(&mut table, "x", 'd');
    }

    #[test]
    fn what_is_said_of_an_earlier_call_changes_nothing_for_the_next_one() {
        let mut table = Letters::default();
        let old = begins(&mut table, "x", 'a');
        assert_eq!(ended(&mut table, "x", old), "a");
        let new = begins(&mut table, "x", 'b');
        assert!(table.leave(&"x", old).is_none());
        assert_eq!(ended(&mut table, "x", old), "");
        assert_eq!(ended(&mut table, "x", new), "b");
    }
}
