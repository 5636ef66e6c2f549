//! An upstream with moods.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{Attempt, Operation, Outcome, Verdict};
use tokio::time::sleep;

use super::settings::{SLOW_CALL, millis};
use crate::support::NoAnswer;

/// What the upstream does most of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    Down,
    Slow,
    Refusing,
}

impl Mood {
    pub(super) const ALL: [Self; 8] = [
        Self::Good,
        Self::Good,
        Self::Good,
        Self::Good,
        Self::Down,
        Self::Slow,
        Self::Slow,
        Self::Refusing,
    ];
}

/// The mood that the upstream is in, for all threads.
#[derive(Debug, Clone, Default)]
pub(super) struct CurrentMood(Arc<AtomicUsize>);

impl CurrentMood {
    pub(super) fn get(&self) -> Mood {
        Mood::ALL[self.0.load(Ordering::Relaxed)]
    }

    /// Sets one of [`Mood::ALL`].
    pub(super) fn set(&self, number: usize) {
        self.0.store(number, Ordering::Relaxed);
    }
}

/// Answers, fails, hangs or panics at random, and as its mood says.
pub(super) struct Moody {
    pub(super) rng: Rc<RefCell<SmallRng>>,
    pub(super) mood: CurrentMood,
}

impl Operation for Moody {
    type Answer = Verdict;
    type Error = NoAnswer;

    async fn run(&self, _: Attempt<'_>) -> Result<Verdict, NoAnswer> {
        let mood = self.mood.get();
        let (draw, micros) = {
            let rng = &mut *self.rng.borrow_mut();
            (rng.random_range(0..1_000), rng.random_range(0..4_000))
        };
        let slow = if mood == Mood::Slow { SLOW_CALL } else { Duration::ZERO };
        sleep(slow + Duration::from_micros(micros)).await;
        let refused = Verdict { retry_after: Some(millis(3)), ..Outcome::Throttled.into() };
        match (draw, mood) {
            (0..3, _) => std::panic::resume_unwind(Box::new("in a bad mood")),
            (3..10, _) => std::future::pending().await,
            (10..20, _) => Err(NoAnswer),
            (20..50, _) | (_, Mood::Down) => Ok(Outcome::ServerError.into()),
            (50..52, _) | (_, Mood::Refusing) => Ok(refused),
            _ => Ok(Outcome::Success.into()),
        }
    }

    fn classify(&self, result: &Result<Verdict, NoAnswer>) -> Verdict {
        result.unwrap_or_else(|NoAnswer| Outcome::Unreachable.into())
    }
}
