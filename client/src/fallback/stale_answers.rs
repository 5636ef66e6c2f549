//! The last good answers, bounded in bytes and in age. Pure: takes `now`.

use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::StaleSnapshot;

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleLimits {
    /// `FALLBACK_MAX_AGE`: an older answer is not given.
    pub max_age: Duration,
    /// `FALLBACK_MAX_BYTES`: maximum size of all kept bodies together.
    pub max_bytes: usize,
}

/// The last good answer to each request.
#[derive(Debug)]
pub struct StaleAnswers {
    limits: StaleLimits,
    /// The least recently used one first.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    request: &'static str,
    body: Box<RawValue>,
    at: Instant,
}

impl StaleAnswers {
    /// Keeps nothing yet.
    pub fn new(limits: StaleLimits) -> Self {
        Self { limits, kept: Vec::new() }
    }

    /// Keeps `body`, which arrived at `now`, in place of an earlier answer to `request`. Drops the least recently used
    /// answers if there is no room, and this one if it is larger than all room.
    pub fn keep(&mut self, request: &'static str, body: Box<RawValue>, now: Instant) {
        let max_age = self.limits.max_age;
        self.kept.retain(|kept| kept.request != request && age(kept, now) <= max_age);
        let Some(room) = self.limits.max_bytes.checked_sub(size(&body)) else { return };
        while self.bytes() > room {
            self.kept.remove(0);
        }
        self.kept.push(Kept { request, body, at: now });
    }

    /// The kept answer to `request`, and its age at `now`. `None` if it is too old.
    pub fn get(&mut self, request: &str, now: Instant) -> Option<(Box<RawValue>, Duration)> {
        let kept = self.kept.remove(self.kept.iter().position(|kept| kept.request == request)?);
        let age = age(&kept, now);
        if age > self.limits.max_age {
            return None;
        }
        let body = kept.body.clone();
        self.kept.push(kept);
        Some((body, age))
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(|kept| size(&kept.body)).sum()
    }

    pub(super) fn snapshot(&self) -> StaleSnapshot {
        let StaleLimits { max_bytes, .. } = self.limits;
        StaleSnapshot { answers: self.kept.len(), bytes: self.bytes(), max_bytes }
    }
}

fn age(kept: &Kept, now: Instant) -> Duration {
    now.saturating_duration_since(kept.at)
}

fn size(body: &RawValue) -> usize {
    body.get().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(max_bytes: usize) -> (StaleAnswers, Instant) {
        let limits = StaleLimits { max_age: Duration::from_secs(60), max_bytes };
        (StaleAnswers::new(limits), Instant::now())
    }

    /// A body of this many bytes.
    fn body(bytes: usize) -> Box<RawValue> {
        RawValue::from_string("1".repeat(bytes)).unwrap()
    }

    fn kept(answers: &mut StaleAnswers, now: Instant) -> [Option<usize>; 3] {
        ["a", "b", "c"].map(|request| {
            answers.kept.iter().find(|kept| kept.request == request)?;
            answers.get(request, now).map(|(body, _)| size(&body))
        })
    }

    #[test]
    fn the_last_answer_to_a_request_is_given_with_its_age() {
        let (mut answers, start) = answers(100);
        assert!(answers.get("a", start).is_none());
        answers.keep("a", body(1), start);
        answers.keep("a", body(2), start + Duration::from_secs(1));
        let (given, age) = answers.get("a", start + Duration::from_secs(11)).unwrap();
        assert_eq!((size(&given), age), (2, Duration::from_secs(10)));
        assert!(answers.get("b", start).is_none());
        assert_eq!(answers.bytes(), 2);
    }

    #[test]
    fn an_answer_that_is_too_old_is_dropped() {
        let (mut answers, start) = answers(100);
        answers.keep("a", body(1), start);
        assert!(answers.get("a", start + Duration::from_secs(60)).is_some());
        assert!(answers.get("a", start + Duration::from_millis(60_001)).is_none());
        answers.keep("b", body(1), start);
        answers.keep("c", body(1), start + Duration::from_secs(61));
        let snapshot = StaleSnapshot { answers: 1, bytes: 1, max_bytes: 100 };
        assert_eq!(answers.snapshot(), snapshot);
    }

    #[test]
    fn the_least_recently_used_answers_make_room() {
        let (mut answers, start) = answers(10);
        answers.keep("a", body(4), start);
        answers.keep("b", body(4), start);
        answers.get("a", start).unwrap();
        answers.keep("c", body(4), start);
        assert_eq!(kept(&mut answers, start), [Some(4), None, Some(4)]);
        answers.keep("b", body(10), start);
        assert_eq!(kept(&mut answers, start), [None, Some(10), None]);
        assert_eq!(answers.bytes(), 10);
    }

    #[test]
    fn an_answer_larger_than_all_room_is_not_kept_and_neither_is_the_one_before_it() {
        let (mut answers, start) = answers(10);
        answers.keep("a", body(4), start);
        answers.keep("b", body(4), start);
        answers.keep("a", body(11), start);
        assert_eq!(kept(&mut answers, start), [None, Some(4), None]);
    }
}
