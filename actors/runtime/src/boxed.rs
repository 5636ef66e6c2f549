//! Boxes futures without a copy.

use std::pin::Pin;

/// Boxes the future that `make` returns, in the place where it stays. `Box::pin` copies a future into its box: also the
/// room for what it has yet to do, which is most of it.
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}
