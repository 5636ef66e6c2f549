//! The body of a request, as far as it can be known without parsing it, and how much of it may be read at once.
//!
//! actix-http decodes all requests in the bytes that it gets, and a request of 24 bytes may take 5 KiB when decoded. So
//! what may be requests is read in small steps. A large body in such steps would take ten times the CPU time.

use super::last_chunk::LastChunk;

/// Number of bytes read before the task yields: the size of most heads.
pub(crate) const READ_STEP: usize = 512;

/// As [`READ_STEP`], for bytes that surely belong to a body that a handler reads.
const BODY_STEP: usize = 32 * 1024;

/// A body, until a handler has read it to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnreadBody {
    /// Its length is known. `left` bytes are to be received: too many until those that came with the head have reached
    /// the handler, which is before anything else is read. `unread` bytes have not reached it.
    Sized { left: u64, unread: u64 },
    /// It is chunked. `handed_out` bytes of it have reached the handler.
    Chunked { handed_out: u64, last_chunk: LastChunk },
}

impl UnreadBody {
    /// A body of this length of which nothing has been read.
    pub(crate) fn sized(length: u64) -> Self {
        Self::Sized { left: length, unread: length }
    }

    /// A chunked body of which nothing has been read.
    pub(crate) fn chunked() -> Self {
        Self::Chunked { handed_out: 0, last_chunk: LastChunk::default() }
    }

    /// Number of bytes to read before the task yields.
    pub(super) fn read_step(self) -> usize {
        match self {
            Self::Sized { left, .. } => {
                usize::try_from(left).unwrap_or(usize::MAX).clamp(READ_STEP, BODY_STEP)
            }
            Self::Chunked { .. } if self.may_look_ahead() => BODY_STEP,
            Self::Chunked { .. } => READ_STEP,
        }
    }

    /// True if the bytes to come are those of a chunked body until its last chunk can be seen in them.
    ///
    /// The beginning of a body comes with its head, and is not seen here. It is at most [`READ_STEP`] long, so once
    /// more has reached the handler, the last chunk was not in it.
    pub(super) fn may_look_ahead(self) -> bool {
        matches!(self, Self::Chunked { handed_out, last_chunk }
            if handed_out > READ_STEP as u64 && last_chunk != LastChunk::Seen)
    }

    /// The number of the next bytes that may be read at once without reading what follows the body.
    pub(super) fn length_in(self, ahead: &[u8]) -> usize {
        match self {
            Self::Sized { .. } => ahead.len(),
            Self::Chunked { last_chunk, .. } => last_chunk.find(ahead).0,
        }
    }

    /// Counts bytes that were received.
    pub(super) fn received(self, bytes: &[u8]) -> Self {
        match self {
            Self::Sized { left, unread } => {
                Self::Sized { left: left.saturating_sub(bytes.len() as u64), unread }
            }
            Self::Chunked { handed_out, last_chunk } => {
                Self::Chunked { handed_out, last_chunk: last_chunk.find(bytes).1 }
            }
        }
    }

    /// Counts bytes that have reached the handler.
    pub(super) fn handed_out(self, bytes: usize) -> Self {
        match self {
            Self::Sized { left, unread } => {
                let unread = unread.saturating_sub(bytes as u64);
                Self::Sized { left: left.min(unread), unread }
            }
            Self::Chunked { handed_out, last_chunk } => {
                Self::Chunked { handed_out: handed_out.saturating_add(bytes as u64), last_chunk }
            }
        }
    }
}

#[cfg(test)]
#[path = "unread_body_tests.rs"]
mod tests;
