//! Errors of connections: their text, and which of them are no fault of the upstream.

use std::io::{self, ErrorKind};

/// Describes an error of a connection. Leaves out the system's error number for the two most common errors.
pub fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset => "connection reset".into(),
        _ => error.to_string(),
    }
}

/// True if this process or its machine lacks file descriptors, memory or buffers:
/// [`Outcome::LocalShortage`](crate::Outcome::LocalShortage).
///
/// A lack of local ports (`EADDRNOTAVAIL`) is not recognized: an address without a route fails with the same error.
pub fn is_local_shortage(error: &io::Error) -> bool {
    let errors = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];
    error.raw_os_error().is_some_and(|code| errors.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lack_of_descriptors_memory_or_buffers_is_a_shortage_and_other_errors_are_not() {
        let is_shortage = |code| is_local_shortage(&io::Error::from_raw_os_error(code));
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS] {
            assert!(is_shortage(code), "{}", io::Error::from_raw_os_error(code));
        }
        for code in [libc::ECONNREFUSED, libc::ETIMEDOUT, libc::EHOSTUNREACH, libc::EADDRNOTAVAIL] {
            assert!(!is_shortage(code), "{}", io::Error::from_raw_os_error(code));
        }
        assert!(!is_local_shortage(&io::Error::other("words")));
    }
}
