//! The body of a request, as far as it can be known without parsing it, and how much of it may be read at once.
//!
//! actix-http decodes all requests in the bytes that it gets, and a request of 24 bytes may take 5 KiB when decoded. So
//! what may be requests is read in small steps. A large body in such steps would take ten times the CPU time.

use super::last_chunk::LastChunk;

/// Number of bytes read before the task yields: the size of most heads.
pub(crate) const READ_STEP: usize = 512;

/// As [`READ_STEP`], for bytes that surely belong to a body that a handler reads. actix-http's buffer grows to this
/// size. Smaller steps cost more: each of them wakes the peer and the handler.
const BODY_STEP: usize = 128 * 1024;

/// A body, until a handler has read it to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnreadBody {
    /// Its length is known. `left` bytes are to be received: too many until those that came with the head have reached
    /// the handler, which is before anything else is read. `unread` bytes have not reached it.
    Sized { left: u64, unread: u64 },
    /// It is chunked.
    Chunked(Chunks),
}

/// A chunked body. Its beginning comes with its head, and is not seen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Chunks {
    /// Number of bytes that were received after its beginning.
    received: u64,
    /// Number of bytes of data that have reached the handler.
    handed_out: u64,
    last_chunk: LastChunk,
    /// `received` at the end of the latest possible last chunk.
    seen_at: Option<u64>,
}

impl UnreadBody {
    /// A body of this length of which nothing has been read.
    pub(crate) fn sized(length: u64) -> Self {
        Self::Sized { left: length, unread: length }
    }

    /// A chunked body of which nothing has been read.
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Chunks::default())
    }

    /// Number of bytes to read before the task yields.
    pub(super) fn read_step(self) -> usize {
        match self {
            Self::Sized { left, .. } => size(left).clamp(READ_STEP, BODY_STEP),
            Self::Chunked(chunks) if chunks.has_end_ahead() => BODY_STEP,
            Self::Chunked { .. } => READ_STEP,
        }
    }

    /// Maximum number of bytes to read at once, if `step` bytes are to be read before the task yields. More where the
    /// body surely goes on: a read that fills the buffer is the cheapest.
    pub(super) fn read_at_once(self, step: usize) -> usize {
        match self {
            Self::Sized { left, .. } => size(left).max(step),
            Self::Chunked(chunks) if chunks.has_end_ahead() => usize::MAX,
            Self::Chunked { .. } => step,
        }
    }

    /// Counts received bytes. Returns how many of them actix-http may read now. Does not count the rest, which may
    /// follow the body.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Sized { left, .. } => {
                *left = left.saturating_sub(bytes.len() as u64);
                bytes.len()
            }
            Self::Chunked(chunks) => chunks.receive(bytes),
        }
    }

    /// Counts bytes that have reached the handler.
    pub(super) fn hand_out(&mut self, bytes: usize) {
        match self {
            Self::Sized { left, unread } => {
                *unread = unread.saturating_sub(bytes as u64);
                *left = (*left).min(*unread);
            }
            Self::Chunked(chunks) => chunks.hand_out(bytes),
        }
    }
}

impl Chunks {
    /// True if the last chunk is to come, and can be seen when it comes.
    ///
    /// The beginning of the body is at most [`READ_STEP`] long, so once more has reached the handler, the last chunk
    /// was not in it.
    fn has_end_ahead(self) -> bool {
        self.handed_out > READ_STEP as u64 && self.seen_at.is_none()
    }

    fn receive(&mut self, bytes: &[u8]) -> usize {
        let only_to_end = self.has_end_ahead();
        let mut at = 0;
        while let Some(length) = self.last_chunk.find(&bytes[at..]) {
            at += length;
            self.seen_at = Some(self.received + at as u64);
            if only_to_end {
                self.received += at as u64;
                return at;
            }
        }
        self.received += bytes.len() as u64;
        bytes.len()
    }

    fn hand_out(&mut self, bytes: usize) {
        self.handed_out = self.handed_out.saturating_add(bytes as u64);
        // The handler has more data than can precede that point, so it was data.
        let goes_on = |seen: u64| self.handed_out > seen + READ_STEP as u64;
        if self.seen_at.is_some_and(goes_on) {
            self.seen_at = None;
        }
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "unread_body_tests.rs"]
mod tests;
