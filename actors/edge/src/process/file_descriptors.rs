//! Divides the process's file descriptors among connections and calls, and keeps some free.
//!
//! A process without a free descriptor can accept no connection, not even for a probe, and can open none to an
//! upstream.

use crate::{
    config::{common_settings::CommonSettings, number_settings::Limit},
    telemetry::log_targets::FILE_DESCRIPTORS,
};

/// Number of descriptors kept for other uses: log, listener, name look-ups, `/proc`.
const SPARE: usize = 64;

/// Number of descriptors that a worker's event loop needs.
const PER_WORKER: usize = 4;

/// Maximum number of connections beyond `MAX_CONNECTIONS` whose first bytes are read, because they may be probes.
const MAX_SCREENED: usize = 512;

/// The requested maximums of everything that needs descriptors.
#[derive(Debug, Clone, Copy)]
pub struct CapacityRequest {
    /// Connections to this service at a time (`MAX_CONNECTIONS`).
    pub connections: Limit,
    /// Number of descriptors for each such connection.
    pub per_connection: usize,
    /// Calls to an upstream at a time (`MAX_CALLS`), with a connection each; 0 for none.
    pub calls: Limit,
    /// Bodies that are passed on after the end of their calls (`MAX_STREAMS`), with a connection to an upstream each; 0
    /// for none.
    pub streams: Limit,
    /// Number of descriptors for anything else in the service.
    pub other: usize,
}

/// The maximums that the file descriptors allow, each at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Connections to this service.
    pub connections: usize,
    /// Connections beyond `connections` whose first bytes are read, and as many again that are closing.
    pub screened: usize,
    /// Calls to the upstream.
    pub calls: usize,
    /// Bodies that are passed on.
    pub streams: usize,
    /// Idle connections to the upstream, all workers together.
    pub idle: usize,
}

impl CapacityRequest {
    /// Requests `MAX_CONNECTIONS` connections with `per_connection` descriptors each, no calls and no streams.
    pub fn for_connections(common: &CommonSettings, per_connection: usize) -> Self {
        let none = Limit { value: 0, chosen: false };
        let connections = common.max_connections;
        Self { connections, per_connection, calls: none, streams: none, other: 0 }
    }

    /// Raises the soft limit of open files to the hard limit, and divides the descriptors. Logs each maximum that has
    /// to be lowered: as a warning if the variable is set, at info if it is a default.
    pub fn grant(self, workers: usize) -> Capacity {
        let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
            log::warn!(
                target: FILE_DESCRIPTORS,
                "cannot find out how many files may be open: {error}"
            );
            u64::MAX
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let capacity = self.divide(limit, workers);
        self.log_lowered(limit, workers, capacity);
        capacity
    }

    fn log_lowered(self, limit: usize, workers: usize, capacity: Capacity) {
        let taken = self.taken(workers);
        if limit <= taken {
            log::warn!(
                target: FILE_DESCRIPTORS,
                "only {limit} files may be open: probes may fail, and calls too; raise the limit (ulimit -n) to {} \
                 or more",
                2 * taken
            );
        }
        let maximums = [
            ("MAX_CONNECTIONS", self.connections, capacity.connections, "connections"),
            ("MAX_CALLS", self.calls, capacity.calls, "calls"),
            ("MAX_STREAMS", self.streams, capacity.streams, "streamed bodies"),
        ];
        for (name, Limit { value, chosen }, granted, what) in maximums {
            if granted < value {
                let level = if chosen { log::Level::Warn } else { log::Level::Info };
                log::log!(
                    target: FILE_DESCRIPTORS,
                    level,
                    "at most {limit} files may be open: at most {granted} {what} at a time, not {name}={value}"
                );
            }
        }
    }

    /// Number of descriptors that neither connections to this service nor calls may use.
    fn taken(self, workers: usize) -> usize {
        SPARE + self.other + PER_WORKER.saturating_mul(workers)
    }

    /// Divides `limit` descriptors.
    fn divide(self, limit: usize, workers: usize) -> Capacity {
        let Self { connections, per_connection, calls, streams, .. } = self;
        let available = limit.saturating_sub(self.taken(workers));
        // Twice: connections whose first bytes are read, and refused ones that have time to read the 503.
        let screened = MAX_SCREENED.min(available / 8 / per_connection).max(1);
        let available = available.saturating_sub(2 * screened * per_connection);
        let served = connections.value;
        // Each worker has its own pool of idle connections, which can grow to the number of calls.
        let idle = calls.value.saturating_mul(workers);
        let all =
            served.saturating_mul(per_connection).saturating_add(calls.value.saturating_add(idle));
        if all.saturating_add(streams.value) <= available {
            let (calls, streams) = (calls.value, streams.value);
            return Capacity { connections: served, screened, calls, streams, idle };
        }
        let half = if calls.value == 0 { available } else { available / 2 };
        let served = served.min(half / per_connection).max(1);
        let rest = available.saturating_sub(served * per_connection);
        let streams = streams.value.min(rest / 4);
        let rest = rest - streams;
        let calls = calls.value.min((rest * 2 / 3).max(1));
        let idle = idle.min(rest.saturating_sub(calls));
        Capacity { connections: served, screened, calls, streams, idle }
    }
}

#[cfg(test)]
#[path = "file_descriptors_tests.rs"]
mod tests;
