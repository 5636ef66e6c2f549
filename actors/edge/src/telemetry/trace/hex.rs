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

/// The hexadecimal digits of a number, eight at a time in one word.
fn digits(number: u32) -> [u8; 8] {
    let mut nibbles = u64::from(number);
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles | nibbles << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in each byte from 10 on: adding 6 carries into its upper half.
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let after_nine = u64::from(b'a' - b'9' - 1);
    (nibbles + 0x3030_3030_3030_3030 + letters * after_nine).to_be_bytes()
}

/// Fills `into`, whose length is a multiple of eight, with the lowest hexadecimal digits of `number`.
pub(super) fn write_hex(number: u128, into: &mut [u8]) {
    let (parts, words) = (into.as_rchunks_mut::<8>().1, number.to_le_bytes());
    for (part, word) in parts.iter_mut().rev().zip(words.as_chunks::<4>().0) {
        *part = digits(u32::from_le_bytes(*word));
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
