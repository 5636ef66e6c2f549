//! Hexadecimal digits of trace headers.
//!
//! Written by hand: `hex` also reads upper case, which is not valid here (`context_props.rs`), and `write!` takes 400
//! ns for a header, this 25 ns.

use std::{fmt, str};

/// Parses at most 32 hexadecimal digits. Only lower case is valid, as the specification demands.
pub(super) fn parse_hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// The two hexadecimal digits of each byte.
const DIGITS: [[u8; 2]; 256] = {
    let (mut pairs, mut byte) = ([[0; 2]; 256], 0);
    while byte < 256 {
        pairs[byte] = [b"0123456789abcdef"[byte >> 4], b"0123456789abcdef"[byte & 0xf]];
        byte += 1;
    }
    pairs
};

/// Fills `into`, whose length is even, with the lowest hexadecimal digits of `number`.
pub(super) fn write_hex(number: u128, into: &mut [u8]) {
    let bytes = number.to_be_bytes();
    let bytes = &bytes[bytes.len() - into.len() / 2..];
    for (pair, byte) in into.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = DIGITS[usize::from(*byte)];
    }
}

/// Shows the lowest `DIGITS` hexadecimal digits of a number.
pub(super) struct Hex<const DIGITS: usize>(pub(super) u128);

impl<const DIGITS: usize> fmt::Display for Hex<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [b'0'; DIGITS];
        write_hex(self.0, &mut digits);
        f.write_str(str::from_utf8(&digits).unwrap_or_default())
    }
}
