//! Many runs of each point, on all processors.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    points::Point,
    run::{Ended, play},
};

/// How the runs of a point ended, the earliest opening first and those that did not open last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured(Vec<Ended>);

impl Measured {
    fn new(mut runs: Vec<Ended>) -> Self {
        runs.sort_by_key(|run| (!run.opened, run.calls, run.after));
        Self(runs)
    }

    pub(crate) fn opened(&self) -> usize {
        self.0.iter().filter(|run| run.opened).count()
    }

    /// Calls of all runs.
    pub(crate) fn calls_watched(&self) -> u64 {
        self.0.iter().map(|run| u64::from(run.calls)).sum()
    }

    /// Calls that began until the circuit opened. None if there is a run in which it did not.
    #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
    pub(crate) fn mean_calls(&self) -> Option<f64> {
        let runs = self.0.len();
        (self.opened() == runs).then(|| self.calls_watched() as f64 / runs as f64)
    }

    /// Calls that began until the circuit opened: no more than this in this share of the runs. None if it opened in
    /// fewer of them.
    pub(crate) fn calls(&self, share: f64) -> Option<u32> {
        self.quantile(share).map(|run| run.calls)
    }

    /// The same in seconds.
    pub(crate) fn seconds(&self, share: f64) -> Option<f64> {
        self.quantile(share).map(|run| run.after.as_secs_f64())
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a small number"
    )]
    fn quantile(&self, share: f64) -> Option<&Ended> {
        let place = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(place.saturating_sub(1)).filter(|run| run.opened)
    }
}

/// What was measured at each point, in their order.
pub(crate) fn measure_all(points: &[Point]) -> Vec<Measured> {
    let next = AtomicUsize::new(0);
    let measured = Mutex::new(vec![Measured::default(); points.len()]);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(point) = points.get(number) else { break };
            let runs = measure(point);
            measured.lock().unwrap_or_else(PoisonError::into_inner)[number] = runs;
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    measured.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::expect_used, reason = "a runtime without sockets cannot fail to start")]
fn measure(point: &Point) -> Measured {
    let system = actix::System::with_tokio_rt(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().expect("a runtime starts")
    });
    system.block_on(async {
        let mut runs = Vec::new();
        for seed in 0..point.runs {
            // The seed is the run's number: trips and rates are compared with the same random numbers.
            runs.push(play(point, seed).await);
        }
        Measured::new(runs)
    })
}
