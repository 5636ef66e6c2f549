//! Request bodies. A small one is held, so that its request can be sent more than once. Any other is streamed, once.

mod receive;
mod streamed;

use std::sync::Arc;

use bytes::Bytes;

pub use self::{receive::CHUNKED_TIME, streamed::StreamedBody};
use super::quota::{Quota, Share};

/// The limits of bodies. Clones share what is used of them.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    /// `RETRY_BODY_BYTES`: maximum size in bytes of a body that is held.
    pub retry_body_bytes: usize,
    /// `REPLAY_BYTES`: the bytes of all held bodies together.
    pub replay: Quota,
    /// `MAX_STREAMS`: the bodies that are streamed at a time.
    pub streams: Quota,
}

/// The body of a request from a caller. `S` is the rest of the stream that it comes from.
#[derive(Debug)]
pub enum RequestBody<S> {
    /// All of it: the request can be sent again.
    Held(HeldBody),
    /// The request can be sent once.
    Streaming(StreamedBody<S>),
}

/// A complete body. It counts as held until its last clone is dropped, so each attempt needs a clone of its own.
#[derive(Debug, Clone)]
pub struct HeldBody {
    bytes: Bytes,
    /// `None` if there are no bytes.
    _share: Option<Arc<Share>>,
}

impl HeldBody {
    fn empty() -> Self {
        Self { bytes: Bytes::new(), _share: None }
    }

    /// `share` is of as many units as there are bytes.
    fn new(bytes: Bytes, share: Share) -> Self {
        Self { bytes, _share: Some(Arc::new(share)) }
    }

    /// The bytes. Empty if the request has no body.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}
