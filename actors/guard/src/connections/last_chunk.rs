//! Finds the last chunk of a chunked body (RFC 9112, 7.1) without following its framing.

use memchr::memchr;

/// How much of what a last chunk begins with was seen: CRLF, zeros, and what may follow a chunk's size. Data that looks
/// the same is taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LastChunk {
    #[default]
    Nothing,
    Cr,
    CrLf,
    Zeros,
    /// All of it. What follows may be behind the body.
    Seen,
}

impl LastChunk {
    /// Goes on with the next bytes. Returns how many of them there are up to where the last chunk is seen, this byte
    /// included, and what is seen then.
    pub(crate) fn find(mut self, bytes: &[u8]) -> (usize, Self) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            self = match (self, byte) {
                (Self::Seen, _) => return (at - 1, Self::Seen),
                (Self::Cr, b'\n') => Self::CrLf,
                (Self::CrLf | Self::Zeros, b'0') => Self::Zeros,
                (Self::Zeros, b'\r' | b';' | b' ' | b'\t') => return (at, Self::Seen),
                (_, b'\r') => Self::Cr,
                _ => {
                    at += memchr(b'\r', &bytes[at..]).unwrap_or(bytes.len() - at);
                    Self::Nothing
                }
            };
        }
        (bytes.len(), self)
    }
}
