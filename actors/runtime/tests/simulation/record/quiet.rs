//! Quiet periods, one for each upstream.

use std::time::{Duration, Instant};

use crate::support::now;

/// The last quiet period of an upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quiet {
    /// When the last answer that lengthened it came.
    pub(crate) since: Instant,
    /// It ends no earlier than this.
    pub(crate) least: Instant,
    /// It has ended by then.
    pub(crate) most: Instant,
}

impl Quiet {
    /// An answer asks for quiet. The period is up to a tenth longer than asked for.
    pub(crate) fn after(before: Option<Self>, asked: Duration) -> Self {
        let (least, most) = (now() + asked, now() + asked.mul_f64(1.1));
        match before {
            Some(before) if before.least >= least => before,
            Some(before) => Self { since: now(), least, most: most.max(before.most) },
            None => Self { since: now(), least, most },
        }
    }
}
