//! How many files the process may have open: each connection is one.

use crate::connections::Room;

/// Kept for all that is no connection: the log, the listener, `/proc`.
const OTHER_FILES: u64 = 64;

/// How many connections without a place are listened to at a time, if there are files for them: one of
/// them may be a probe.
const DOORWAY: usize = 512;

/// Raises the process's limit of open files as far as it may, and says how many of `wanted` connections fit. A
/// connection counts twice: the client calls the backend for it, the backend keeps a second handle of it.
/// Without files left nobody could connect at all, neither probes to us nor we to anybody.
pub(crate) fn make_room(wanted: usize) -> Room {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        log::warn!("cannot find out how many files may be open: {error}");
        u64::MAX
    });
    let room = fitting(wanted, limit);
    if room.places < wanted {
        log::warn!(
            "at most {limit} files may be open: at most {} connections, not MAX_CONNECTIONS={wanted}",
            room.places
        );
    }
    room
}

fn fitting(wanted: usize, limit: u64) -> Room {
    let files = usize::try_from(limit.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    let doorway = DOORWAY.min(files / 8).max(1);
    let places = wanted.min((files.saturating_sub(2 * doorway) / 2).max(1));
    Room { places, doorway }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_connections_than_files_for_them() {
        for (wanted, limit, places, doorway) in [
            (10_000, 1_048_576, 10_000, 512),
            (10_000, u64::MAX, 10_000, 512),
            (10_000, 20_000, 9_456, 512),
            (100, 1024, 100, 120),
            (10_000, 1024, 360, 120),
            (10_000, 10, 1, 1),
        ] {
            assert_eq!(fitting(wanted, limit), Room { places, doorway }, "{wanted} of {limit}");
        }
    }
}
