//! The rule of the concurrency limit: a number of places, and a bounded queue. More important attempts come first, in
//! order of arrival among the equally important. If more important ones always wait, the others get no place.
//!
//! The rule is that of resilience4j's and Envoy's bulkheads: a limit, a maximum of pending attempts, a longest wait.

use std::{cmp::Reverse, collections::BTreeMap};

use super::priority::Priority;

/// Where an attempt is in the queue: the lowest is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    importance: Reverse<Priority>,
    /// Later arrivals have higher numbers.
    number: u64,
}

impl Ticket {
    pub(super) fn importance(self) -> Priority {
        self.importance.0
    }
}

/// Places, and what waits for one. `W` wakes an attempt that waits.
#[derive(Debug)]
pub(super) struct Places<W> {
    max: usize,
    max_queued: usize,
    in_use: usize,
    queue: BTreeMap<Ticket, W>,
    next_number: u64,
}

/// The queue is full, and no attempt in it is less important.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<W> Places<W> {
    pub(super) fn new(max: usize, max_queued: usize) -> Self {
        Self { max, max_queued, in_use: 0, queue: BTreeMap::new(), next_number: 0 }
    }

    /// True if a place is free, and none waits for it.
    pub(super) fn is_free(&self) -> bool {
        self.in_use < self.max && self.queue.is_empty()
    }

    /// Takes a place, unless an earlier arrival waits for one. True if it did.
    pub(super) fn take(&mut self) -> bool {
        let free = self.is_free();
        self.in_use += usize::from(free);
        free
    }

    /// Joins the queue behind all that are as important. If the queue is full and its last is less important, takes the
    /// place of that one, and returns what waited there.
    pub(super) fn join(
        &mut self,
        importance: Priority,
        wake: W,
    ) -> Result<(Ticket, Option<W>), Full> {
        let displaced = if self.queue.len() < self.max_queued {
            None
        } else {
            let last = self.queue.last_entry().ok_or(Full)?;
            if last.key().importance() >= importance {
                return Err(Full);
            }
            Some(last.remove())
        };
        let ticket = Ticket { importance: Reverse(importance), number: self.next_number };
        self.next_number += 1;
        self.queue.insert(ticket, wake);
        Ok((ticket, displaced))
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

    /// Changes the number of places. Returns what waited longest and has a place now. If there are fewer places than
    /// before, those in use stay in use.
    pub(super) fn set_max(&mut self, max: usize) -> Vec<W> {
        self.max = max;
        let free = max.saturating_sub(self.in_use).min(self.queue.len());
        self.in_use += free;
        (0..free).filter_map(|_| self.queue.pop_first()).map(|(_, wake)| wake).collect()
    }

    /// Changes the length of the queue. If it is shorter than before, attempts in it stay there.
    pub(super) fn set_max_queued(&mut self, max_queued: usize) {
        self.max_queued = max_queued;
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn max_queued(&self) -> usize {
        self.max_queued
    }

    pub(super) fn in_use(&self) -> usize {
        self.in_use
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
#[path = "places_model_tests.rs"]
mod model_tests;

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins with the default priority.
    fn join<W>(places: &mut Places<W>, wake: W) -> Result<Ticket, Full> {
        places.join(Priority::Normal, wake).map(|(ticket, _)| ticket)
    }

    #[test]
    fn places_are_limited_and_the_queue_is_bounded() {
        let mut places = Places::new(2, 1);
        assert_eq!([places.take(), places.take(), places.take()], [true, true, false]);
        assert!(join(&mut places, "a").is_ok());
        assert_eq!(join(&mut places, "b"), Err(Full));
        assert_eq!((places.in_use(), places.queued()), (2, 1));
    }

    #[test]
    fn a_place_goes_to_the_earliest_arrival_and_no_later_one_overtakes_it() {
        let mut places = Places::new(1, 3);
        assert!(places.take());
        for waiting in ["a", "b", "c"] {
            join(&mut places, waiting).unwrap();
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
        let first = join(&mut places, "a").unwrap();
        join(&mut places, "b").unwrap();
        places.leave(first);
        places.leave(first);
        assert!(join(&mut places, "c").is_ok(), "its place in the queue is free");
        assert_eq!(places.give_back(), Some("b"));
    }

    #[test]
    fn more_places_go_to_the_queue_and_fewer_take_none_away() {
        let mut places = Places::new(1, 3);
        assert!(places.take());
        for waiting in ["a", "b", "c"] {
            join(&mut places, waiting).unwrap();
        }
        assert_eq!(places.set_max(3), ["a", "b"]);
        assert_eq!(places.set_max(2), [""; 0]);
        assert_eq!((places.in_use(), places.queued()), (3, 1));
        assert_eq!(places.give_back(), None, "one more than the limit was in use");
        assert_eq!(places.give_back(), Some("c"));
        assert_eq!(places.set_max(9), [""; 0]);
        assert_eq!(places.in_use(), 2);
    }

    #[test]
    fn a_limit_of_one_and_no_queue_reject_at_once() {
        let mut places = Places::<()>::new(1, 0);
        assert!(places.take());
        assert_eq!(join(&mut places, ()), Err(Full));
        assert_eq!(places.give_back(), None);
        assert_eq!(places.in_use(), 0);
    }

    #[test]
    fn the_more_important_come_first_and_displace_the_last_of_a_full_queue() {
        let mut places = Places::new(1, 3);
        assert!(places.take());
        for (importance, waiting) in
            [(Priority::Low, "a"), (Priority::Normal, "b"), (Priority::Normal, "c")]
        {
            assert_eq!(places.join(importance, waiting).unwrap().1, None);
        }
        assert_eq!(places.join(Priority::Low, "d"), Err(Full), "it is not more important than a");
        assert_eq!(places.join(Priority::High, "e").unwrap().1, Some("a"));
        assert_eq!(places.join(Priority::Normal, "f"), Err(Full));
        let served = [places.give_back(), places.give_back(), places.give_back()];
        assert_eq!(served, [Some("e"), Some("b"), Some("c")]);
    }
}
