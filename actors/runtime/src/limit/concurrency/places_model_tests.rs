//! The places against a plain list that is searched for the first and the last of the queue.

use proptest::{prelude::*, test_runner::TestCaseResult};

use super::*;
use crate::props::config;

/// The rule in words. The queue is served while fewer than `max` places are in use: the most important first, and
/// equally important ones in order of arrival. A full queue loses its last for a more important one.
#[derive(Debug)]
struct Naive {
    max: usize,
    max_queued: usize,
    in_use: usize,
    /// Importance and number of each attempt, in order of arrival.
    queue: Vec<(Priority, u32)>,
}

impl Naive {
    fn enter(&mut self) -> bool {
        let free = self.in_use < self.max && self.queue.is_empty();
        self.in_use += usize::from(free);
        free
    }

    fn join(&mut self, importance: Priority, number: u32) -> Result<Option<u32>, Full> {
        let mut displaced = None;
        if self.queue.len() == self.max_queued {
            let lowest = self.queue.iter().map(|(importance, _)| *importance).min().ok_or(Full)?;
            let last = self.queue.iter().rposition(|(importance, _)| *importance == lowest);
            let last = last.filter(|_| lowest < importance).ok_or(Full)?;
            displaced = Some(self.queue.remove(last).1);
        }
        self.queue.push((importance, number));
        Ok(displaced)
    }

    fn serve(&mut self) -> Vec<u32> {
        let mut served = Vec::new();
        while self.in_use < self.max
            && let Some(highest) = self.queue.iter().map(|(importance, _)| *importance).max()
            && let Some(first) =
                self.queue.iter().position(|(importance, _)| *importance == highest)
        {
            served.push(self.queue.remove(first).1);
            self.in_use += 1;
        }
        served
    }
}

#[derive(Debug, Clone)]
enum Step {
    Enter(Priority),
    GiveBack,
    /// One that was in the queue leaves it, whether or not it is still there.
    Leave(usize),
    SetMax(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::sample::select(&Priority::ALL[..]).prop_map(Step::Enter),
        3 => Just(Step::GiveBack),
        1 => (0..50_usize).prop_map(Step::Leave),
        1 => (1..6_usize).prop_map(Step::SetMax),
    ]
}

struct Both {
    places: Places<u32>,
    naive: Naive,
    tickets: Vec<(Ticket, u32)>,
}

impl Both {
    fn take(&mut self, number: u32, step: &Step) -> TestCaseResult {
        let Self { places, naive, tickets } = self;
        match *step {
            Step::Enter(importance) => {
                let free = naive.enter();
                prop_assert_eq!(places.take(), free);
                if !free {
                    let joined = places.join(importance, number);
                    tickets.extend(joined.as_ref().ok().map(|(ticket, _)| (*ticket, number)));
                    let displaced = joined.map(|(_, displaced)| displaced);
                    prop_assert_eq!(displaced, naive.join(importance, number));
                }
            }
            Step::GiveBack if naive.in_use > 0 => {
                naive.in_use -= 1;
                prop_assert_eq!(places.give_back(), naive.serve().first().copied());
            }
            Step::GiveBack => {}
            Step::Leave(which) => {
                if let Some((ticket, number)) = tickets.get(which % tickets.len().max(1)) {
                    places.leave(*ticket);
                    naive.queue.retain(|(_, queued)| queued != number);
                }
            }
            Step::SetMax(max) => {
                naive.max = max;
                prop_assert_eq!(places.set_max(max), naive.serve());
            }
        }
        prop_assert_eq!((places.in_use(), places.queued()), (naive.in_use, naive.queue.len()));
        Ok(())
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn places_go_to_those_that_a_plain_list_would_serve(
        max in 1..6_usize,
        max_queued in 0..6_usize,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let naive = Naive { max, max_queued, in_use: 0, queue: Vec::new() };
        let mut both = Both { places: Places::new(max, max_queued), naive, tickets: Vec::new() };
        for (number, step) in (0..).zip(&steps) {
            both.take(number, step)?;
        }
    }
}
