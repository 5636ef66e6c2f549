//! What all requests of a layer and of its clones have in common.

use crate::upstream::Upstream;

#[derive(Debug)]
pub(super) struct SharedByLayer<C> {
    pub(super) upstream: Upstream,
    pub(super) classifier: C,
}
