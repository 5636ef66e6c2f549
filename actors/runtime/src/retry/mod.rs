//! The retry scheduler.
//!
//! Transient failures go away when one tries again, and trying again at once, or together with
//! everybody else, makes a failing upstream worse. So a failed call waits, longer each time
//! (exponential backoff), for a time that differs from call to call (jitter; see Brooker,
//! *Exponential Backoff and Jitter*, AWS Architecture Blog, 2015).
//!
//! **A call belongs to the scheduler from its first attempt to its answer.** Each attempt is a
//! task of its own, which asks the breaker for a permit, runs the [`Transport`](crate::Transport)
//! within the attempt's timeout, and reports. A call that is to be tried again goes back to the
//! actor, which keeps waiting calls in order of their due time behind *one* timer. (A timer per
//! waiting call would be polled at each message: with 10 000 of them a round trip takes 0.4 ms.)
//!
//! When the circuit opens the breaker tells every scheduler, and calls that wait are answered at
//! once: nobody waits on an open circuit.

/// A line of the log, with the trace of its call as the key `trace_id` where there is one.
macro_rules! traced {
    ($level:expr, $trace:expr, $($line:tt)+) => {
        match $trace.as_deref() {
            Some(trace) => log::log!($level, trace_id = trace; $($line)+),
            None => log::log!($level, $($line)+),
        }
    };
}

mod actor;
mod attempt;
mod backoff;
mod config;
mod decision;
mod handle;
mod messages;
mod queue;

pub use config::{BreakerScope, RetryConfig, RetrySettings};
pub use handle::Scheduler;
