//! Writes complete lines to a stream that may be full or broken.

use std::{
    io::{ErrorKind, Write},
    thread,
    time::Duration,
};

/// Maximum number of bytes in one write, unless a single line is longer. Writes of up to `PIPE_BUF` bytes (4096 on
/// Linux) to a pipe are atomic, so lines of several processes in one pipe do not mix.
pub(super) const WRITE_BYTES: usize = 4096;

/// Time between two attempts to write to a non-blocking stderr that is full.
const FULL: Duration = Duration::from_millis(10);

/// Writes complete lines. Returns the number of lines that were lost because a write failed.
pub(super) fn write_lines(out: &mut impl Write, mut lines: &[u8]) -> u64 {
    while !lines.is_empty() {
        let (some, rest) = lines.split_at(some_lines(lines));
        if let Err(unwritten) = write_all(out, some) {
            return count_lines(unwritten) + count_lines(rest);
        }
        lines = rest;
    }
    0
}

/// Length in bytes of the complete lines that fit into one write, or of the first line if it is longer.
fn some_lines(lines: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let fitting = &lines[..lines.len().min(WRITE_BYTES)];
    let end = fitting.iter().rposition(is_end).or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

/// As [`Write::write_all`], but waits while a non-blocking `out` is full. The error contains the unwritten bytes.
fn write_all<'a>(out: &mut impl Write, mut bytes: &'a [u8]) -> Result<(), &'a [u8]> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(bytes),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(FULL),
            Err(_) => return Err(bytes),
        }
    }
    Ok(())
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_write_holds_whole_lines_only() {
        let long = [vec![b'x'; 5000], vec![b'\n']].concat();
        assert_eq!(some_lines(&[b"a\nb\n", long.as_slice()].concat()), 4);
        assert_eq!(some_lines(&[long.as_slice(), b"a\n"].concat()), 5001);
        assert_eq!(some_lines(b"a\nb"), 2);
        assert_eq!(some_lines(b"no end"), 6);
    }
}
