//! The rules of the design, each as one sentence and one condition.
//!
//! A function here stands for something that happens: a call is answered, an attempt begins, an event is recorded. It
//! first checks the rules about it, then enters it into the record. The rules are stated from what callers and the
//! upstream see. They use nothing of the runtime but what it shows, so that they cannot repeat its mistakes.
//!
//! Timers have a resolution of one millisecond. Hence "at most" allows one [`TICK`] more.

/// Checks a rule: a sentence, a condition, and the facts to show if the condition is false.
macro_rules! rule {
    ($world:expr, $sentence:literal: $holds:expr $(; $($fact:expr),+)?) => {
        if !$holds {
            let facts: &[String] = &[$($(format!("\n  {} = {:?}", stringify!($fact), $fact)),+)?];
            $world.broken($sentence, &facts.concat());
        }
    };
}
pub(crate) use rule;

mod answers;
mod at_the_end;
mod attempts;
mod budget;
mod changes;
mod counts;
mod events;
mod fallback;
mod faults;
mod hedges;
mod inspection;
mod outcomes;
mod places;
mod probes;
mod quiet;
mod rates;
mod rejections;
mod repeats;
mod results;
mod settled;
mod shared;
mod transitions;
mod trials;
mod trips;
mod turns;
mod waits;

use std::time::Duration;

pub(crate) use attempts::Told;
use resilience_actors::CallReport;

use crate::{support::NoAnswer, upstream::Answer};

/// The resolution of timers.
pub(crate) const TICK: Duration = Duration::from_millis(1);

pub(crate) type Report = CallReport<Answer, NoAnswer>;
