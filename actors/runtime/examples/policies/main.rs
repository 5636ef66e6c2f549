//! What each optional policy buys, measured on a simulated upstream.
//!
//! ```text
//! cargo run -p resilience-actors --example policies                    # all experiments, as tables
//! cargo run -p resilience-actors --example policies -- hedging --csv   # the data of one, for docs/experiments.md
//! ```
//!
//! The policies are the real ones. The clock is tokio's paused clock and the random numbers are seeded, so the output
//! does not depend on the machine.

mod hedging;
mod lab;
mod probes;
mod quiet_period;
mod table;

use clap::{Parser, ValueEnum};
use table::Table;

/// Measures what each optional policy buys.
#[derive(Parser)]
struct Arguments {
    /// Run this experiment only
    experiment: Option<Experiment>,
    /// Print CSV in place of tables
    #[arg(long)]
    csv: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Experiment {
    /// Latency in front of an upstream with slow answers, with and without hedging
    Hedging,
    /// Time from an upstream's return to the closed circuit, with and without probes
    Probes,
    /// Requests to an upstream that asks for no calls, with and without a quiet period
    QuietPeriod,
}

impl Experiment {
    fn run(self) -> Table {
        match self {
            Self::Hedging => hedging::run(),
            Self::Probes => probes::run(),
            Self::QuietPeriod => quiet_period::run(),
        }
    }
}

fn main() {
    let arguments = Arguments::parse();
    let all = Experiment::value_variants();
    let chosen = arguments.experiment.as_ref().map_or(all, std::slice::from_ref);
    for experiment in chosen {
        let table = experiment.run();
        print!("{}", if arguments.csv { table.csv() } else { table.text() });
    }
}
