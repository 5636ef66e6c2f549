//! What the lock of the concurrency limit protects: places, and the rules that change which attempts get them.

use rand::rngs::SmallRng;

use super::{
    gradient::Gradient,
    places::Places,
    priority::Priority,
    settings::{Concurrency, ConcurrencyMax},
    shedder::Shedder,
    snapshot::{ConcurrencySnapshot, PrioritySnapshot},
    window::count,
};
use crate::clock;

/// The limit now. `W` wakes an attempt that waits.
#[derive(Debug)]
pub(super) struct Now<W> {
    pub(super) places: Places<W>,
    /// `None` if the limit is fixed.
    pub(super) adaptive: Option<Gradient>,
    /// `None` if all attempts are alike.
    pub(super) priorities: Option<Priorities>,
    /// For priorities.
    rng: SmallRng,
}

#[derive(Debug)]
pub(super) struct Priorities {
    shedder: Shedder,
    /// By level.
    rejected: [u64; 4],
}

impl<W> Now<W> {
    pub(super) fn new(settings: &Concurrency, rng: SmallRng) -> Self {
        let (max, adaptive) = match settings.concurrency_max {
            ConcurrencyMax::Fixed(max) => (max, None),
            ConcurrencyMax::Adaptive { floor, ceiling } => {
                let gradient = Gradient::new(floor..=ceiling);
                (gradient.limit(), Some(gradient))
            }
        };
        let places = Places::new(max, settings.concurrency_queue);
        let mut now = Self { places, adaptive, priorities: None, rng };
        now.set_priorities(settings.concurrency_priorities);
        now
    }

    /// Changes the settings. Returns what waited and has a place now.
    pub(super) fn change(&mut self, settings: &Concurrency) -> Vec<W> {
        let (places, adaptive) = (&mut self.places, &mut self.adaptive);
        let max = match settings.concurrency_max {
            ConcurrencyMax::Fixed(max) => {
                *adaptive = None;
                max
            }
            ConcurrencyMax::Adaptive { floor, ceiling } => {
                let now = || Gradient::after(floor..=ceiling, places.max());
                let gradient = adaptive.get_or_insert_with(now);
                gradient.set_range(floor..=ceiling);
                gradient.limit()
            }
        };
        places.set_max_queued(settings.concurrency_queue);
        let woken = places.set_max(max);
        self.set_priorities(settings.concurrency_priorities);
        woken
    }

    /// Lets every attempt have a place. Returns what waited.
    pub(super) fn switch_off(&mut self) -> Vec<W> {
        self.adaptive = None;
        self.set_priorities(false);
        self.places.set_max(usize::MAX)
    }

    fn set_priorities(&mut self, on: bool) {
        if !on {
            self.priorities = None;
        } else if self.priorities.is_none() {
            self.priorities = Some(Priorities { shedder: Shedder::new(), rejected: [0; 4] });
        }
    }

    pub(super) fn snapshot(&self) -> ConcurrencySnapshot {
        let Self { places, adaptive, priorities, .. } = self;
        ConcurrencySnapshot {
            max: places.max(),
            in_flight: places.in_use(),
            queued: places.queued(),
            max_queued: places.max_queued(),
            adaptive: adaptive.as_ref().map(Gradient::snapshot),
            priorities: priorities.as_ref().map(|priorities| PrioritySnapshot {
                rejection_share: priorities.shedder.share(),
                rejected: priorities.rejected,
            }),
        }
    }

    /// True if an attempt is rejected for the sake of more important ones. If attempts can wait, none is rejected so
    /// while a place is free.
    pub(super) fn is_shed(&mut self, priority: Priority) -> bool {
        let Self { places, priorities: Some(Priorities { shedder, rejected }), rng, .. } = self
        else {
            return false;
        };
        let max_queued = places.max_queued();
        let fill = count(places.queued()) / count(max_queued.max(1));
        let passes = shedder.arrives(priority, fill, clock::now(), rng);
        let sheds = !passes && (max_queued == 0 || !places.is_free());
        if sheds {
            shedder.shed();
            rejected[usize::from(priority.level())] += 1;
        }
        sheds
    }

    /// An attempt got no place.
    pub(super) fn lost(&mut self, priority: Priority) {
        if let Some(Priorities { shedder, rejected, .. }) = &mut self.priorities {
            shedder.lost();
            rejected[usize::from(priority.level())] += 1;
        }
    }
}
