//! What the requests of a layer have in common.

use crate::upstream::Upstream;

/// What all requests of a layer and of its clones have in common.
#[derive(Debug)]
pub(super) struct Guard<C> {
    pub(super) upstream: Upstream,
    pub(super) classifier: C,
}
