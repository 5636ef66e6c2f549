//! Errors of connections, and their text.

use std::io::{self, ErrorKind};

pub(super) fn timed_out(what: String) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, what)
}

/// Describes an error of a connection. Leaves out the system's error number for the two most common errors.
pub(super) fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset => "connection reset".into(),
        _ => error.to_string(),
    }
}
