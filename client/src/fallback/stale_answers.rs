//! The last good answers, bounded in bytes and in age. Pure: takes `now`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::StaleSnapshot;

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleLimits {
    /// `FALLBACK_MAX_AGE`: an older answer is not given.
    pub max_age: Duration,
    /// `FALLBACK_MAX_BYTES`: maximum size of all kept answers together.
    pub max_bytes: usize,
}

/// The last good answer `A` to each request `K`.
#[derive(Debug)]
pub struct StaleAnswers<K, A> {
    limits: StaleLimits,
    kept: BTreeMap<K, Kept<A>>,
    /// The requests, those with the oldest answers first.
    oldest: BTreeMap<Arrival, K>,
    /// Size of all kept answers together.
    bytes: usize,
    /// Number of the last answer.
    last: u64,
}

/// When an answer arrived, and its number: two can arrive at the same instant.
type Arrival = (Instant, u64);

#[derive(Debug)]
struct Kept<A> {
    answer: A,
    size: usize,
    at: Arrival,
}

impl<K: Ord + Clone, A: Clone> StaleAnswers<K, A> {
    /// Keeps nothing yet.
    pub fn new(limits: StaleLimits) -> Self {
        let (kept, oldest) = (BTreeMap::new(), BTreeMap::new());
        Self { limits, kept, oldest, bytes: 0, last: 0 }
    }

    /// Keeps `answer`, which arrived at `at`, in place of an earlier answer to `request`. Drops the oldest answers if
    /// there is no room, and this one if its `size` in bytes is more than all room. Changes nothing if a later answer
    /// is kept.
    pub fn keep(&mut self, request: K, answer: A, size: usize, at: Instant) {
        if self.kept.get(&request).is_some_and(|kept| kept.at.0 > at) {
            return;
        }
        self.forget(&request);
        let StaleLimits { max_age, max_bytes } = self.limits;
        let Some(room) = max_bytes.checked_sub(size) else { return };
        while let Some(((arrived, _), oldest)) = self.oldest.first_key_value()
            && (self.bytes > room || age(*arrived, at) > max_age)
        {
            self.forget(&oldest.clone());
        }
        self.last += 1;
        let at = (at, self.last);
        self.bytes += size;
        self.oldest.insert(at, request.clone());
        self.kept.insert(request, Kept { answer, size, at });
    }

    /// The kept answer to `request`, and its age at `now`. `None` if it is too old.
    pub fn get(&mut self, request: &K, now: Instant) -> Option<(A, Duration)> {
        let kept = self.kept.get(request)?;
        let (answer, age) = (kept.answer.clone(), age(kept.at.0, now));
        if age > self.limits.max_age {
            self.forget(request);
            return None;
        }
        Some((answer, age))
    }

    /// Drops the kept answer to `request`.
    pub fn forget(&mut self, request: &K) {
        if let Some(kept) = self.kept.remove(request) {
            self.oldest.remove(&kept.at);
            self.bytes -= kept.size;
        }
    }

    /// Drops the kept answers to `first` and to the requests that follow it, as long as they are alike.
    pub fn forget_all(&mut self, first: &K, alike: impl Fn(&K) -> bool) {
        let requests: Vec<K> = self
            .kept
            .range(first..)
            .map(|(key, _)| key)
            .take_while(|key| alike(key))
            .cloned()
            .collect();
        for request in requests {
            self.forget(&request);
        }
    }

    pub(crate) fn snapshot(&self) -> StaleSnapshot {
        let StaleLimits { max_bytes, .. } = self.limits;
        StaleSnapshot { answers: self.kept.len(), bytes: self.bytes, max_bytes }
    }
}

fn age(arrived: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(arrived)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer is a number.
    type Answers = StaleAnswers<&'static str, u32>;

    fn answers(max_bytes: usize) -> (Answers, Instant) {
        let limits = StaleLimits { max_age: Duration::from_secs(60), max_bytes };
        (StaleAnswers::new(limits), Instant::now())
    }

    fn kept(answers: &mut Answers, now: Instant) -> [Option<u32>; 3] {
        ["a", "b", "c"].map(|request| answers.get(&request, now).map(|(answer, _)| answer))
    }

    fn snapshot(answers: &Answers) -> (usize, usize) {
        let StaleSnapshot { answers, bytes, .. } = answers.snapshot();
        (answers, bytes)
    }

    #[test]
    fn the_last_answer_to_a_request_is_given_with_its_age() {
        let (mut answers, start) = answers(100);
        assert!(answers.get(&"a", start).is_none());
        answers.keep("a", 1, 1, start);
        answers.keep("a", 2, 2, start + Duration::from_secs(1));
        answers.keep("a", 3, 3, start);
        let given = answers.get(&"a", start + Duration::from_secs(11));
        assert_eq!(given, Some((2, Duration::from_secs(10))), "the last one, not the last told");
        assert!(answers.get(&"b", start).is_none());
        assert_eq!(snapshot(&answers), (1, 2));
    }

    #[test]
    fn an_answer_that_is_too_old_is_dropped() {
        let (mut answers, start) = answers(100);
        answers.keep("a", 1, 1, start);
        assert!(answers.get(&"a", start + Duration::from_secs(60)).is_some());
        assert!(answers.get(&"a", start + Duration::from_millis(60_001)).is_none());
        answers.keep("b", 1, 1, start);
        answers.keep("c", 1, 1, start + Duration::from_secs(61));
        assert_eq!(snapshot(&answers), (1, 1));
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let (mut answers, start) = answers(10);
        answers.keep("a", 1, 4, start);
        answers.keep("b", 2, 4, start);
        answers.keep("a", 3, 4, start);
        answers.keep("c", 4, 4, start);
        assert_eq!(kept(&mut answers, start), [Some(3), None, Some(4)]);
        answers.keep("b", 5, 10, start);
        assert_eq!(kept(&mut answers, start), [None, Some(5), None]);
        assert_eq!(snapshot(&answers), (1, 10));
    }

    #[test]
    fn an_answer_larger_than_all_room_is_not_kept_and_neither_is_the_one_before_it() {
        let (mut answers, start) = answers(10);
        answers.keep("a", 1, 4, start);
        answers.keep("b", 2, 4, start);
        answers.keep("a", 3, 11, start);
        assert_eq!(kept(&mut answers, start), [None, Some(2), None]);
    }

    #[test]
    fn answers_to_one_request_or_to_all_alike_are_forgotten() {
        let (mut answers, start) = answers(10);
        for request in ["a", "b", "c"] {
            answers.keep(request, 1, 1, start);
        }
        answers.forget_all(&"a", |request| *request < "c");
        assert_eq!(kept(&mut answers, start), [None, None, Some(1)]);
        answers.forget(&"c");
        assert_eq!(snapshot(&answers), (0, 0));
    }
}
