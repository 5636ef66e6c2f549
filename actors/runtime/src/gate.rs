//! Gates: what may refuse a call or an attempt before it is made.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{outcome::Outcome, panics::contained, rejection::Rejection};

/// Decides whether an attempt may be made, and learns how it went.
///
/// The circuit breaker is asked first, then the gates that were added with
/// [`UpstreamBuilder::gate`](crate::UpstreamBuilder::gate), in their order. Each pass that a gate gives is settled or
/// dropped exactly once, also if the attempt panics. A gate must not block.
pub trait Gate: Send + Sync + 'static {
    /// Admits an attempt and returns a pass, a number of the gate's own choice; or says why not.
    ///
    /// # Errors
    /// The rejection that the caller gets: see [`Rejection::by_gate`].
    fn admit(&self, now: Instant) -> Result<u64, Rejection>;

    /// The attempt with this pass has ended.
    fn settle(&self, pass: u64, sample: &Sample);

    /// The attempt with this pass was not made, or says nothing. The default does nothing.
    fn dropped(&self, pass: u64) {
        let _ = pass;
    }
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: Duration,
    /// True if its call tries again.
    pub retried: bool,
}

/// A gate's permission, which is dropped if it is not settled.
pub(crate) struct Pass {
    /// `None` once the pass is settled.
    gate: Option<Arc<dyn Gate>>,
    pass: u64,
}

impl Pass {
    pub(crate) fn take(gate: Arc<dyn Gate>, now: Instant) -> Result<Self, Rejection> {
        let pass = contained(|| gate.admit(now)).unwrap_or_else(|| {
            Err(Rejection::by_gate("gate", "the gate panicked", Duration::from_secs(1)))
        })?;
        Ok(Self { pass, gate: Some(gate) })
    }

    pub(crate) fn settle(mut self, sample: &Sample) {
        if let Some(gate) = self.gate.take() {
            contained(|| gate.settle(self.pass, sample));
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            contained(|| gate.dropped(self.pass));
        }
    }
}

/// Admits an attempt through all of `gates`, or through none.
pub(crate) fn pass_all(gates: &[Arc<dyn Gate>], now: Instant) -> Result<Vec<Pass>, Rejection> {
    gates.iter().map(|gate| Pass::take(Arc::clone(gate), now)).collect()
}
