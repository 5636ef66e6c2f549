//! Names of variables that resemble settings.

use service_edge::KnownNames;

/// The settings of the backend, which may share the client's environment.
pub const BACKEND_SETTINGS: [&str; 6] = [
    "FAILURE_RATE",
    "SLOW_RESPONSE_RATE",
    "SLOW_RESPONSE_DELAY",
    "TRANSIENT_FAILURE_RATE",
    "TRANSIENT_RETRY_AFTER",
    "FAULT_SEED",
];

pub(crate) const KNOWN_NAMES: KnownNames<'_> = KnownNames {
    prefixes: &[
        "BREAKER_",
        "RETRY_",
        "CONCURRENCY_",
        "PRIORITY_",
        "HEDGE_",
        "RATE_",
        "THROTTLE_",
        "FALLBACK_",
        "CHAOS_",
    ],
    of_others: &BACKEND_SETTINGS,
};
