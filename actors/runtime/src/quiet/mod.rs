//! The quiet period: an upstream that asks one call to wait is left alone by all.
//!
//! An overloaded upstream answers with a time to stay away: HTTP's `Retry-After` (RFC 9110, section 10.2.3) with a
//! 503, or with a 429 (RFC 6585, section 4). The header speaks of the client, not of the one request that got it. A
//! call that waits by itself helps little: the other calls, of all threads, go on, and each has to be told.
//!
//! So the first answer that asks for it begins a quiet period of the whole upstream. Until its end no attempt begins:
//! new calls are rejected at once with the time that is left, and calls that would retry wait at least as long. The
//! period is bounded, because one wrong answer must not keep an upstream without calls for days. It is longer by a
//! small random time, so that processes that were told the same do not return together.

mod period;
mod rule;
mod settings;

pub(crate) use period::Quiet;
pub use period::QuietSnapshot;
pub(crate) use rule::asked;
pub use settings::QuietPeriod;
