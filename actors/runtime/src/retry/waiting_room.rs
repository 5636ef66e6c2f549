//! The calls that wait, in the order in which they are due.

use std::{collections::BTreeMap, time::Instant};

use crate::report::CallId;

/// An ordered set of deadlines with what is due at each. Adding and removing cost O(log n).
#[derive(Debug)]
pub(crate) struct WaitingRoom<T>(BTreeMap<Place, T>);

/// The place of a call in the order: when the call is due, and its number.
pub(crate) type Place = (Instant, CallId);

impl<T> Default for WaitingRoom<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> WaitingRoom<T> {
    /// When the earliest is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.0.first_key_value().map(|(&(due, _), _)| due)
    }

    pub(crate) fn insert(&mut self, place: Place, item: T) {
        self.0.insert(place, item);
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        self.0.remove(&place)
    }

    /// The earliest of what is due at `now`. What is due at the same time comes in order of id.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.0.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// Takes out what is `wanted`, in the order in which it is due.
    pub(crate) fn take(&mut self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        self.0.extract_if(.., |_, item| wanted(item)).map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{RngExt as _, SeedableRng, rngs::SmallRng};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_hundred_thousand_waiting_calls_are_returned_in_due_order() {
        let (start, mut rng) = (start(), SmallRng::seed_from_u64(1));
        let mut queue = WaitingRoom::default();
        let mut expected = Vec::new();
        for _ in 0..100_000 {
            let due = start + Duration::from_millis(rng.random_range(0..60_000));
            let id = CallId::next();
            queue.insert((due, id), (due, id));
            expected.push((due, id));
        }
        expected.sort_unstable();
        assert_eq!(queue.next_due(), Some(expected[0].0));
        // Half of it by the clock, then all the rest.
        let mut popped = Vec::new();
        for until in [30_000, 60_000] {
            let now = start + Duration::from_millis(until);
            while let Some(item) = queue.pop_due(now) {
                assert!(item.0 <= now);
                popped.push(item);
            }
        }
        assert_eq!(popped, expected);
        assert!(queue.0.is_empty());
    }

    #[test]
    fn an_entry_is_not_returned_before_it_is_due() {
        let (start, mut queue) = (start(), WaitingRoom::default());
        queue.insert((start + Duration::from_secs(1), CallId::next()), "later");
        assert_eq!(queue.pop_due(start), None);
        assert_eq!(queue.pop_due(start + Duration::from_secs(1)), Some("later"));
    }

    #[test]
    fn removed_entries_are_not_returned_again() {
        let (now, mut queue) = (start(), WaitingRoom::default());
        let places: Vec<_> = (0..4).map(|_| (now, CallId::next())).collect();
        for (item, &place) in places.iter().enumerate() {
            queue.insert(place, item);
        }
        assert_eq!(queue.remove(places[1]), Some(1));
        assert_eq!(queue.remove(places[1]), None);
        assert_eq!(queue.take(|item| *item > 0), [2, 3]);
        assert_eq!((queue.pop_due(now), queue.remove(places[2])), (Some(0), None));
        assert!(queue.0.is_empty());
    }
}
