//! What a caller says about one call.

use crate::{limit::Priority, report::CallId};

/// What a caller says about one call. By default: a number of its own, and all policies of the upstream.
///
/// ```
/// # use resilience_actors::{CallId, CallOptions};
/// let id = CallId::next();
/// let options = CallOptions::new().id(id).without_retries();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CallOptions {
    pub(crate) id: CallId,
    pub(crate) retries: bool,
    pub(crate) priority: Priority,
}

impl CallOptions {
    /// The defaults, with the next number.
    pub fn new() -> Self {
        Self { id: CallId::next(), retries: true, priority: Priority::default() }
    }

    /// Sets the call's number, which the caller knows from the beginning: one of [`CallId::next`], used for one call.
    pub fn id(self, id: CallId) -> Self {
        Self { id, ..self }
    }

    /// Makes one attempt, whatever its result. An attempt that does not reach the upstream is still repeated.
    pub fn without_retries(self) -> Self {
        Self { retries: false, ..self }
    }

    /// Says how important the call is, default [`Priority::Normal`]. Matters if the limit on attempts in flight has
    /// [priorities](crate::Concurrency::priorities).
    pub fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self::new()
    }
}
