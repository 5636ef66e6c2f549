//! Finds the last chunk of a chunked body (RFC 9112, 7.1) without following its framing.

use memchr::memmem;

/// How much of what a last chunk begins with was seen: CRLF, zeros, and what may follow a chunk's size. Data that looks
/// the same is taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LastChunk {
    #[default]
    Nothing,
    Cr,
    CrLf,
    Zeros,
}

impl LastChunk {
    /// Goes on with the next bytes. Returns the number of bytes up to where a last chunk is seen, this byte included.
    /// What follows may be behind the body.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            *self = match (*self, byte) {
                (Self::Cr, b'\n') => Self::CrLf,
                (Self::CrLf | Self::Zeros, b'0') => Self::Zeros,
                (Self::Zeros, b'\r' | b';' | b' ' | b'\t') => {
                    *self = if *byte == b'\r' { Self::Cr } else { Self::Nothing };
                    return Some(at);
                }
                (_, b'\r') => Self::Cr,
                _ => {
                    at += next_beginning(&bytes[at..]);
                    Self::Nothing
                }
            };
        }
        None
    }
}

/// Where the next last chunk may begin.
fn next_beginning(bytes: &[u8]) -> usize {
    memmem::find(bytes, b"\r\n0").unwrap_or_else(|| {
        let begun = [&b"\r\n"[..], b"\r"].into_iter().find(|end| bytes.ends_with(end));
        bytes.len() - begun.map_or(0, <[u8]>::len)
    })
}
