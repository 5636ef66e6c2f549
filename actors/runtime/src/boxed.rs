//! Boxes futures without a copy.

use std::pin::Pin;

/// Builds the future in its heap allocation. `Box::pin` would copy it there, with the space for its later states.
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}
