//! The rule of the concurrency limit: a number of places, and a bounded queue in order of arrival.
//!
//! The rule is that of resilience4j's and Envoy's bulkheads: a limit, a maximum of pending attempts, a longest wait.

use std::collections::BTreeMap;

/// Number of an attempt in the queue. Later arrivals have higher numbers.
pub(super) type Ticket = u64;

/// Places, and what waits for one. `W` wakes an attempt that waits.
#[derive(Debug)]
pub(super) struct Places<W> {
    max: usize,
    max_queued: usize,
    in_use: usize,
    queue: BTreeMap<Ticket, W>,
    next_ticket: Ticket,
}

/// No place is free, and the queue is full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<W> Places<W> {
    pub(super) fn new(max: usize, max_queued: usize) -> Self {
        Self { max, max_queued, in_use: 0, queue: BTreeMap::new(), next_ticket: 0 }
    }

    /// Takes a place, unless an earlier arrival waits for one. True if it did.
    pub(super) fn take(&mut self) -> bool {
        let free = self.in_use < self.max && self.queue.is_empty();
        self.in_use += usize::from(free);
        free
    }

    /// Joins the end of the queue.
    pub(super) fn join(&mut self, wake: W) -> Result<Ticket, Full> {
        if self.queue.len() >= self.max_queued {
            return Err(Full);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.queue.insert(ticket, wake);
        Ok(ticket)
    }

    /// Leaves the queue. Does nothing if the attempt was given a place.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.queue.remove(&ticket);
    }

    /// Gives a place back. Returns what waited longest, if the place is now its own.
    pub(super) fn give_back(&mut self) -> Option<W> {
        let next = if self.in_use > self.max { None } else { self.queue.pop_first() };
        if next.is_none() {
            self.in_use -= 1;
        }
        next.map(|(_, wake)| wake)
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn in_use(&self) -> usize {
        self.in_use
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_the_queue_is_bounded() {
        let mut places = Places::new(2, 1);
        assert_eq!([places.take(), places.take(), places.take()], [true, true, false]);
        assert_eq!(places.join("a"), Ok(0));
        assert_eq!(places.join("b"), Err(Full));
        assert_eq!((places.in_use(), places.queued()), (2, 1));
    }

    #[test]
    fn a_place_goes_to_the_earliest_arrival_and_no_later_one_overtakes_it() {
        let mut places = Places::new(1, 3);
        assert!(places.take());
        for waiting in ["a", "b", "c"] {
            places.join(waiting).unwrap();
        }
        assert_eq!(places.give_back(), Some("a"));
        assert!(!places.take(), "the place is in use, and others wait");
        assert_eq!([places.give_back(), places.give_back()], [Some("b"), Some("c")]);
        assert_eq!((places.give_back(), places.in_use()), (None, 0));
        assert!(places.take());
    }

    #[test]
    fn an_attempt_that_leaves_the_queue_is_given_no_place() {
        let mut places = Places::new(1, 2);
        assert!(places.take());
        let first = places.join("a").unwrap();
        places.join("b").unwrap();
        places.leave(first);
        places.leave(first);
        assert_eq!(places.join("c"), Ok(2), "its place in the queue is free");
        assert_eq!(places.give_back(), Some("b"));
    }

    #[test]
    fn a_limit_of_one_and_no_queue_reject_at_once() {
        let mut places = Places::<()>::new(1, 0);
        assert!(places.take());
        assert_eq!(places.join(()), Err(Full));
        assert_eq!(places.give_back(), None);
        assert_eq!(places.in_use(), 0);
    }
}
