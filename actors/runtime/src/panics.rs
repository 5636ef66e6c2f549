//! Code of users must not end a call or an actor with its panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `run`. Returns `None` if it panics; the panic hook has logged it.
pub(crate) fn contained<R>(run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}
