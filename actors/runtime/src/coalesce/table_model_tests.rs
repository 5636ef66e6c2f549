//! The table against a plain list of callers.

use std::rc::Rc;

use proptest::{prelude::*, test_runner::TestCaseResult};

use super::*;
use crate::props::config;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Caller {
    key: u8,
    /// The number of the first caller of its call.
    call: u64,
    number: u64,
}

/// The rule in words. A caller shares the call of its key that is in flight, and begins one if there is none. A call
/// ends with its answer, or when its last caller has left.
#[derive(Debug, Default)]
struct Naive {
    /// In order of arrival.
    callers: Vec<Caller>,
    coalesced: u64,
}

impl Naive {
    fn join(&mut self, key: u8, number: u64) -> Caller {
        let shared = self.callers.iter().find(|other| other.key == key);
        self.coalesced += u64::from(shared.is_some());
        let caller = Caller { key, call: shared.map_or(number, |other| other.call), number };
        self.callers.push(caller);
        caller
    }

    /// True if the caller's call ends.
    fn leave(&mut self, caller: Caller) -> bool {
        let was_there = self.callers.contains(&caller);
        self.callers.retain(|other| *other != caller);
        was_there && self.callers.iter().all(|other| other.call != caller.call)
    }

    fn end(&mut self, call: u64) -> Vec<u64> {
        let (ended, others) = self.callers.iter().partition(|caller| caller.call == call);
        self.callers = others;
        let ended: Vec<Caller> = ended;
        ended.iter().map(|caller| caller.number).collect()
    }

    fn calls(&self) -> usize {
        self.callers.iter().filter(|caller| self.is_first(caller)).count()
    }

    fn is_first(&self, caller: &Caller) -> bool {
        self.callers.iter().find(|other| other.call == caller.call) == Some(caller)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Join(u8),
    /// One of the callers so far leaves, whether or not it is still there.
    Leave(usize),
    /// The call of one of the callers so far is answered, whether or not it is in flight.
    End(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8).prop_map(Step::Join),
        2 => (0..50_usize).prop_map(Step::Leave),
        1 => (0..50_usize).prop_map(Step::End),
    ]
}

#[derive(Default)]
struct Both {
    table: Table<u8, u64, Rc<()>>,
    naive: Naive,
    callers: Vec<Caller>,
    /// Each call in flight has a clone.
    alive: Rc<()>,
}

impl Both {
    fn take(&mut self, step: &Step) -> TestCaseResult {
        let Self { table, naive, callers, alive } = self;
        match *step {
            Step::Join(key) => {
                let caller = naive.join(key, callers.len() as u64 + 1);
                let mut begins = false;
                let ticket = table.join(key, caller.number, || {
                    begins = true;
                    Rc::clone(alive)
                });
                callers.push(caller);
                prop_assert_eq!(begins, caller.call == caller.number);
                prop_assert_eq!(ticket, ticket_of(caller));
            }
            Step::Leave(which) => {
                let Some(&caller) = callers.get(which) else { return Ok(()) };
                let ends = table.leave(&caller.key, ticket_of(caller)).is_some();
                prop_assert_eq!(ends, naive.leave(caller));
            }
            Step::End(which) => {
                let Some(&Caller { key, call, .. }) = callers.get(which) else { return Ok(()) };
                let ended: Vec<_> = table.end(&key, call).into_values().collect();
                prop_assert_eq!(ended, naive.end(call));
            }
        }
        let in_flight = naive.calls();
        let expected = CoalesceSnapshot {
            in_flight,
            callers: naive.callers.len(),
            coalesced: naive.coalesced,
        };
        prop_assert_eq!(table.snapshot(), expected);
        prop_assert_eq!(Rc::strong_count(alive), in_flight + 1, "calls that are not stopped");
        Ok(())
    }
}

fn ticket_of(caller: Caller) -> Ticket {
    Ticket { flight: caller.call, caller: caller.number }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn callers_share_the_calls_that_a_plain_list_would_give_them(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut both = Both::default();
        for step in &steps {
            both.take(step)?;
        }
    }
}
