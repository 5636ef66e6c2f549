//! What a permit says to the state machine.

/// Permission to make one attempt, as the state machine knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The epoch that gave it. Reports on tickets of older epochs change nothing.
    pub(crate) epoch: u64,
    /// The number of the trial, if it was given while half-open.
    pub(crate) trial: Option<u64>,
}

/// What an attempt says about the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    Success,
    Failure {
        /// What went wrong, for the log.
        cause: String,
        /// Value of the epoch's success counter when it happened.
        successes: u64,
    },
    /// Says nothing: frees the trial's permit and leaves the counts alone.
    Neutral,
}
