//! A backend with one fault.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// Mean length of a bad period, in seconds. In it, every call fails.
const BURST: f64 = 1.0;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Each call fails with the same probability: how the lab's backend draws with `FAILURE_RATE`.
    Steady,
    /// Good and bad periods of random length. The rate is the share of the bad periods.
    Bursts,
    /// A call is never answered, with the same probability for each.
    Hang,
    /// A call is answered late, with the same probability for each.
    Slow,
}

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Bursts => "bursts",
            Self::Hang => "hang",
            Self::Slow => "slow",
        }
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Answered at once.
    Good,
    /// Fails at once.
    Fails,
    /// Never answered.
    Hangs,
    /// Answered late.
    Slow,
}

/// Decides the fate of each call.
#[derive(Debug)]
pub(crate) struct Backend {
    fault: Fault,
    rate: f64,
    rng: StdRng,
    bad: bool,
    /// End of the current period, in seconds.
    until: f64,
}

impl Backend {
    pub(crate) fn new(fault: Fault, rate: f64, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let bad = rng.random::<f64>() < rate;
        let mut backend = Self { fault, rate, rng, bad, until: 0.0 };
        backend.until = backend.draw_period();
        backend
    }

    /// The fate of a call that begins at this time after the begin of the fault.
    pub(crate) fn call(&mut self, at: Duration) -> Fate {
        let meets_fault = match self.fault {
            Fault::Bursts => self.is_bad(at.as_secs_f64()),
            _ => self.rng.random::<f64>() < self.rate,
        };
        match self.fault {
            _ if !meets_fault => Fate::Good,
            Fault::Steady | Fault::Bursts => Fate::Fails,
            Fault::Hang => Fate::Hangs,
            Fault::Slow => Fate::Slow,
        }
    }

    fn is_bad(&mut self, at: f64) -> bool {
        if self.rate >= 1.0 {
            return true;
        }
        while self.until <= at {
            self.bad = !self.bad;
            self.until += self.draw_period();
        }
        self.bad
    }

    /// The length of a period, exponentially distributed.
    fn draw_period(&mut self) -> f64 {
        let mean = if self.bad { BURST } else { BURST * (1.0 - self.rate) / self.rate };
        -mean * (1.0 - self.rng.random::<f64>()).ln()
    }
}
