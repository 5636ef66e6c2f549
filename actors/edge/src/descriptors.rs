//! Divides the process's file descriptors among connections and calls, and keeps some free.
//!
//! A process without a free descriptor can accept no connection, not even for a probe, and can open none to an
//! upstream.

use crate::{CommonSettings, config::Limit, connections::limits::ConnectionLimits};

/// Number of descriptors kept for other uses: log, listener, name look-ups, `/proc`.
const SPARE: usize = 64;

/// Number of descriptors that a worker's event loop needs.
const PER_WORKER: usize = 4;

/// Maximum number of connections beyond `MAX_CONNECTIONS` whose first bytes are read, because they may be probes.
const DOORWAY: usize = 512;

/// The wanted maximums of everything that needs descriptors.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Connections to this service at a time (`MAX_CONNECTIONS`).
    pub connections: Limit,
    /// Number of descriptors for each such connection.
    pub per_connection: usize,
    /// Calls to an upstream at a time (`MAX_CALLS`), with a connection each; 0 for none.
    pub calls: Limit,
    /// Number of descriptors for anything else in the service.
    pub other: usize,
}

impl Wanted {
    /// Wants `MAX_CONNECTIONS` connections with `per_connection` descriptors each, and no calls.
    pub fn for_connections(common: &CommonSettings, per_connection: usize) -> Self {
        let none = Limit { value: 0, chosen: false };
        Self { connections: common.max_connections, per_connection, calls: none, other: 0 }
    }

    /// Raises the soft limit of open files to the hard limit, and divides the descriptors. Logs each maximum that has
    /// to be lowered: as a warning if the variable is set, at info if it is a default.
    pub fn share(self, workers: usize) -> Shares {
        let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
            log::warn!("cannot find out how many files may be open: {error}");
            u64::MAX
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let shares = self.of(limit, workers);
        if limit <= self.taken(workers) {
            log::warn!(
                "only {limit} files may be open: probes may fail, and calls too; raise the limit (ulimit -n) to {} \
                 or more",
                2 * self.taken(workers)
            );
        }
        let clamped = [
            ("MAX_CONNECTIONS", self.connections, shares.room.served, "connections"),
            ("MAX_CALLS", self.calls, shares.calls, "calls"),
        ];
        for (name, Limit { value, chosen }, granted, what) in clamped {
            if granted < value {
                let level = if chosen { log::Level::Warn } else { log::Level::Info };
                log::log!(
                    level,
                    "at most {limit} files may be open: at most {granted} {what} at a time, not {name}={value}"
                );
            }
        }
        shares
    }

    /// Number of descriptors that neither connections to this service nor calls may use.
    fn taken(self, workers: usize) -> usize {
        SPARE + self.other + PER_WORKER.saturating_mul(workers)
    }

    /// Divides `limit` descriptors.
    fn of(self, limit: usize, workers: usize) -> Shares {
        let Self { connections, per_connection, calls, .. } = self;
        let available = limit.saturating_sub(self.taken(workers));
        // Twice: connections whose first bytes are read, and refused ones that are given time to read the 503.
        let doorway = DOORWAY.min(available / 8 / per_connection).max(1);
        let available = available.saturating_sub(2 * doorway * per_connection);
        let places = connections.value;
        // Each worker has its own pool of idle connections, which can grow to the number of calls.
        let idle = calls.value.saturating_mul(workers);
        let all =
            places.saturating_mul(per_connection).saturating_add(calls.value.saturating_add(idle));
        if all <= available {
            return Shares {
                room: ConnectionLimits { served: places, screened: doorway },
                calls: calls.value,
                idle,
            };
        }
        let half = if calls.value == 0 { available } else { available / 2 };
        let places = places.min(half / per_connection).max(1);
        let rest = available.saturating_sub(places * per_connection);
        let granted = calls.value.min((rest * 2 / 3).max(1));
        let idle = idle.min(rest.saturating_sub(granted));
        Shares {
            room: ConnectionLimits { served: places, screened: doorway },
            calls: granted,
            idle,
        }
    }
}

/// The maximums that the file descriptors allow, each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    pub(crate) room: ConnectionLimits,
    /// Calls to the upstream.
    pub calls: usize,
    /// Idle connections to the upstream, all workers together.
    pub idle: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(value: usize) -> Limit {
        Limit { value, chosen: false }
    }

    fn wanted(connections: usize, per_connection: usize, calls: usize) -> Wanted {
        let (connections, calls) = (limit(connections), limit(calls));
        Wanted { connections, per_connection, calls, other: 32 }
    }

    /// Number of descriptors in use when every maximum is reached.
    fn used(wanted: Wanted, shares: Shares, workers: usize) -> usize {
        let Shares { room, calls, idle } = shares;
        let connections = room.served + 2 * room.screened;
        connections * wanted.per_connection + calls + idle + wanted.other + PER_WORKER * workers
    }

    #[test]
    fn with_many_files_everything_is_granted() {
        let shares = wanted(10_000, 1, 10_000).of(1_048_576, 2);
        let room = ConnectionLimits { served: 10_000, screened: 512 };
        assert_eq!(shares, Shares { room, calls: 10_000, idle: 20_000 });
        let all = wanted(usize::MAX / 8, 1, usize::MAX / 8).of(usize::MAX, 2);
        assert_eq!(all.room.served, usize::MAX / 8);
    }

    #[test]
    fn sixty_four_files_are_left_when_everything_is_used() {
        for (files, workers) in [
            (300, 2),
            (1_024, 2),
            (1_024, 128),
            (4_096, 16),
            (20_000, 2),
            (65_536, 2),
            (1_048_576, 1_024),
        ] {
            for (connections, per_connection, calls) in
                [(10_000, 1, 10_000), (10_000, 2, 0), (50, 1, 10_000), (10_000, 1, 20)]
            {
                let wanted = wanted(connections, per_connection, calls);
                let shares = wanted.of(files, workers);
                let used = used(wanted, shares, workers);
                assert!(used + SPARE <= files, "{files} files: {used} used, {shares:?}");
                assert!(shares.room.served > 0 && (calls == 0 || shares.calls > 0), "{shares:?}");
            }
        }
    }

    #[test]
    fn what_one_side_does_not_want_the_other_gets() {
        let few_calls = wanted(10_000, 1, 20).of(1_024, 2);
        assert_eq!((few_calls.calls, few_calls.idle), (20, 40));
        let few_connections = wanted(50, 1, 10_000).of(1_024, 2);
        assert_eq!(few_connections.room.served, 50);
        assert!(few_connections.calls > 400, "{few_connections:?}");
    }

    #[test]
    fn where_nothing_fits_there_is_one_of_each() {
        let shares = wanted(10_000, 2, 10_000).of(10, 2);
        assert_eq!(
            shares,
            Shares { room: ConnectionLimits { served: 1, screened: 1 }, calls: 1, idle: 0 }
        );
    }
}
