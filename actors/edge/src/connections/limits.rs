//! The maximum numbers of connections.

/// The maximum numbers of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// Maximum number of connections served at a time (`MAX_CONNECTIONS`).
    pub(crate) served: usize,
    /// Maximum number of connections beyond `served` whose first bytes are read, because they may be probes. As many
    /// again may be closing: they were refused and have time to read the 503.
    pub(crate) screened: usize,
}
