//! The retry scheduler.
//!
//! Transient failures go away when one tries again, and trying again at once, or together with
//! everybody else, makes a failing upstream worse. So a failed call waits, longer each time
//! (exponential backoff), for a time that differs from call to call (jitter; see Brooker,
//! *Exponential Backoff and Jitter*, AWS Architecture Blog, 2015).
//!
//! Calls that wait for their next attempt wait behind *one* timer, the scheduler's, in order of their due time. (A timer
//! for each would be polled at each message: with 10 000 of them a round trip takes 0.4 ms.)
//!
//! When the circuit opens, the breaker tells every scheduler, and the calls that wait are answered at once.

pub(crate) mod backoff;
pub(crate) mod current_thread;
pub(crate) mod decision;
pub(crate) mod scheduler;
mod settings;
mod waiting_room;

pub use current_thread::schedulers_died;
pub use settings::Retry;
