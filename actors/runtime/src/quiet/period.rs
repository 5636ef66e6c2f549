//! The quiet period that all threads share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::Rng;
use serde::Serialize;

use super::{rule::end, settings::QuietPeriod};
use crate::{
    clock,
    rejection::{Rejection, RejectionKind},
};

/// The quiet period of one upstream.
#[derive(Debug)]
pub(crate) struct Quiet {
    settings: QuietPeriod,
    /// Shared with the quiet period of other settings.
    periods: Arc<Periods>,
}

/// The quiet periods so far.
#[derive(Debug)]
struct Periods {
    start: Instant,
    /// When the last quiet period ends, in nanoseconds after `start`. 0: there was none.
    until: AtomicU64,
    count: AtomicU64,
}

/// A [`QuietPeriod`] at one moment. Durations serialise as seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuietSnapshot {
    /// How long the upstream is left alone from now on; 0 if it is not.
    #[serde(rename = "left_seconds", serialize_with = "crate::seconds::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub left: Duration,
    /// The longest time that an answer can ask for.
    #[serde(rename = "max_seconds", serialize_with = "crate::seconds::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub max: Duration,
    /// Number of quiet periods so far.
    pub periods: u64,
}

impl Quiet {
    /// Not quiet, at `start`.
    pub(crate) fn new(settings: QuietPeriod, start: Instant) -> Self {
        let (until, count) = Default::default();
        Self { settings, periods: Arc::new(Periods { start, until, count }) }
    }

    /// The same periods with other settings. One that has begun keeps its end.
    pub(crate) fn with(&self, settings: QuietPeriod) -> Self {
        Self { settings, periods: Arc::clone(&self.periods) }
    }

    /// The rejection of an attempt, while the upstream is to be left alone. Reads no clock if it has never asked for
    /// that.
    pub(crate) fn rejection(&self) -> Option<Rejection> {
        let until = self.until()?;
        let left = until.saturating_duration_since(clock::now());
        (!left.is_zero()).then(|| Rejection::new(RejectionKind::QuietPeriod, left))
    }

    /// Takes in that an answer asks for a quiet period. Returns how long it lasts, if it begins with this answer.
    pub(crate) fn begin(
        &self,
        now: Instant,
        asked: Duration,
        rng: &mut impl Rng,
    ) -> Option<Duration> {
        let end = end(now, asked, self.settings.retry_after_max, self.until(), rng)?;
        let Periods { start, until, count } = &*self.periods;
        let nanos = end.saturating_duration_since(*start).as_nanos();
        // Saturates after 584 years.
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        let before = until.fetch_max(nanos, Ordering::Relaxed);
        let begins = *start + Duration::from_nanos(before) <= now;
        begins.then(|| {
            count.fetch_add(1, Ordering::Relaxed);
            end - now
        })
    }

    /// How long the upstream is to be left alone from `now` on.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.until().map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    pub(crate) fn snapshot(&self) -> QuietSnapshot {
        QuietSnapshot {
            left: self.left(clock::now()),
            max: self.settings.retry_after_max,
            periods: self.periods.count.load(Ordering::Relaxed),
        }
    }

    /// When the last quiet period ends or has ended.
    fn until(&self) -> Option<Instant> {
        let until = self.periods.until.load(Ordering::Relaxed);
        (until > 0).then(|| self.periods.start + Duration::from_nanos(until))
    }
}
