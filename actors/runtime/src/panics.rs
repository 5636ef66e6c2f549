//! Code of users must not end a call or an actor with its panics.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs `run`. Returns `None` if it panics; the panic hook has logged it.
pub(crate) fn contained<R>(run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run)).map_err(discard).ok()
}

/// Drops the payload of a caught panic. Its type is the user's, so its `Drop` may panic too.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics when it is dropped, with another one as the payload, this many times.
    struct PanicsWhenDropped(u8);

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            if let Some(left) = self.0.checked_sub(1) {
                panic_any(Self(left));
            }
        }
    }

    #[test]
    fn a_panic_whose_payload_panics_when_it_is_dropped_is_contained() {
        let ended = catch_unwind(|| contained(|| panic_any(PanicsWhenDropped(2))));
        // A payload that got here would panic in the harness of the tests.
        assert_eq!(ended.map_err(std::mem::forget), Ok(None::<()>));
        assert_eq!(contained(|| 1), Some(1));
    }
}
