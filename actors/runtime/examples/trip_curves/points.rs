//! What is measured: which trips, in front of which backends.

use std::time::Duration;

use resilience_actors::{Breaker, BreakerConfig, BreakerSettings, InvalidConfig};

use crate::backend::Fault;

/// Failure rates of a backend that its users call healthy.
const HEALTHY: [f64; 3] = [0.001, 0.01, 0.05];
const FAULTY: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// One point of one curve.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) trip: &'static str,
    pub(crate) config: BreakerConfig,
    pub(crate) fault: Fault,
    /// Share of the calls that meet the fault.
    pub(crate) rate: f64,
    pub(crate) calls_per_second: u32,
    pub(crate) runs: u64,
    /// Length of a run in which the circuit does not open, in calls.
    pub(crate) limit: u32,
}

/// A set of points.
#[derive(Debug)]
pub(crate) struct Study {
    runs: u64,
    limit: u32,
    /// Fault, rates, calls per second, trips.
    curves: Vec<(Fault, Vec<f64>, u32, Trips)>,
}

type Trips = Vec<(&'static str, BreakerSettings)>;

impl Study {
    /// A few points that are measured within seconds.
    pub(crate) fn small() -> Self {
        let curves = vec![(Fault::Steady, vec![0.3, 0.5, 1.0], 10, failure_trips())];
        Self { runs: 20, limit: 2_000, curves }
    }

    /// All points of docs/trips.md.
    pub(crate) fn full() -> Self {
        let all_rates = || [&HEALTHY[..], &FAULTY[..]].concat();
        let mut curves = vec![
            (Fault::Steady, all_rates(), 10, failure_trips()),
            (Fault::Bursts, all_rates(), 10, failure_trips()),
            (Fault::Hang, FAULTY.to_vec(), 10, slow_trips()),
            (Fault::Slow, all_rates(), 10, slow_trips()),
        ];
        for calls_per_second in [1, 100] {
            curves.push((Fault::Steady, vec![1.0], calls_per_second, failure_trips()));
            curves.push((Fault::Hang, vec![1.0], calls_per_second, slow_trips()));
        }
        Self { runs: 100, limit: 10_000, curves }
    }

    pub(crate) fn points(self) -> Result<Vec<Point>, InvalidConfig> {
        let Self { runs, limit, curves } = self;
        let mut points = Vec::new();
        for (fault, rates, calls_per_second, trips) in curves {
            for (trip, settings) in trips {
                let config = BreakerConfig::try_from(settings)?;
                points.extend(rates.iter().map(|&rate| {
                    let config = config.clone();
                    Point { trip, config, fault, rate, calls_per_second, runs, limit }
                }));
            }
        }
        Ok(points)
    }
}

fn failure_trips() -> Trips {
    let minute = Duration::from_secs(60);
    vec![
        ("5 in a row", Breaker::consecutive(5)),
        ("50 % of 100 calls", Breaker::failure_rate(0.5).over_calls(100)),
        ("20 % of 100 calls", Breaker::failure_rate(0.2).over_calls(100)),
        ("50 % of 60 s", Breaker::failure_rate(0.5).over(minute)),
        ("50 % of 60 s or 10 in a row", Breaker::failure_rate(0.5).over(minute).or_consecutive(10)),
    ]
}

/// A call is slow after 1 s.
fn slow_trips() -> Trips {
    let slow_rate = || Breaker::slow_rate(0.5, Duration::from_secs(1));
    vec![
        ("5 in a row", Breaker::consecutive(5)),
        ("50 % of 100 calls", Breaker::failure_rate(0.5).over_calls(100)),
        ("slow 50 % of 100 calls", slow_rate().over_calls(100)),
        ("slow 50 % of 10 s", slow_rate().over(Duration::from_secs(10))),
        ("slow 50 % of 100 calls or 5 in a row", slow_rate().over_calls(100).or_consecutive(5)),
    ]
}
