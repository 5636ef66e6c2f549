//! What each optional policy buys, measured on a simulated upstream.
//!
//! ```text
//! cargo run -p resilience-actors --example policies                              # small experiments, as tables
//! cargo run --release -p resilience-actors --example policies -- hedging --csv   # one of docs/experiments.md
//! ```
//!
//! The policies are the real ones. The clock is tokio's paused clock and the random numbers are seeded, so the output
//! does not depend on the machine.

mod adaptive;
mod coalesce;
mod hedging;
mod lab;
mod probes;
mod quiet_period;
mod retry_storm;
mod stale;
mod table;
mod throttle;

use clap::{Parser, ValueEnum};
use lab::Size;
use table::Table;

/// Measures what each optional policy buys.
#[derive(Parser)]
struct Arguments {
    /// Run this experiment only
    experiment: Option<Experiment>,
    /// Measure as much as docs/experiments.md shows, and print CSV in place of tables
    #[arg(long)]
    csv: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Experiment {
    /// Limit and latency while an upstream loses half of its capacity, with a fixed and an adaptive limit
    Adaptive,
    /// Latency in front of an upstream with slow answers, with and without hedging
    Hedging,
    /// Time from an upstream's return to the closed circuit, with and without probes
    Probes,
    /// Requests to an upstream that asks for no calls, with and without a quiet period
    QuietPeriod,
    /// Load on an upstream during an outage and afterwards, with and without a retry budget
    RetryStorm,
    /// Answers during an outage, with and without a fallback
    Stale,
    /// Requests and latency, with and without coalescing
    Coalesce,
    /// Answers and refusals of an upstream with too many calls, with and without throttling
    Throttle,
}

impl Experiment {
    fn run(self, size: Size) -> Table {
        match self {
            Self::Adaptive => adaptive::run(size),
            Self::Hedging => hedging::run(size),
            Self::Probes => probes::run(size),
            Self::QuietPeriod => quiet_period::run(),
            Self::RetryStorm => retry_storm::run(size),
            Self::Stale => stale::run(),
            Self::Coalesce => coalesce::run(size),
            Self::Throttle => throttle::run(size),
        }
    }
}

fn main() {
    let arguments = Arguments::parse();
    let all = Experiment::value_variants();
    let chosen = arguments.experiment.as_ref().map_or(all, std::slice::from_ref);
    let size = if arguments.csv { Size::Full } else { Size::Small };
    for experiment in chosen {
        let table = experiment.run(size);
        print!("{}", if arguments.csv { table.csv() } else { table.text() });
    }
}
