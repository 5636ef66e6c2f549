//! Measures how soon each trip opens the circuit, in front of backends that fail, hang or become slow.
//!
//! ```text
//! cargo run -p resilience-actors --example trip_curves           # a small table
//! cargo run -p resilience-actors --example trip_curves -- --csv  # all points of docs/trips.md
//! ```
//!
//! The breaker is the real one. The clock is tokio's paused clock and the random numbers are seeded, so the output does
//! not depend on the machine.

mod backend;
mod measure;
mod points;
mod run;

use std::error::Error;

use clap::Parser;
use measure::{Measured, measure_all};
use points::{Point, Study};

/// Measures how soon each trip opens the circuit.
#[derive(Parser)]
struct Arguments {
    /// Print all points of docs/trips.md as CSV, in place of a small table
    #[arg(long)]
    csv: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    if Arguments::parse().csv {
        print_csv(&Study::full().points()?);
    } else {
        print_table(&Study::small().points()?);
    }
    Ok(())
}

fn print_table(points: &[Point]) {
    println!(
        "Calls until the circuit opens, 10 calls/s, each call fails at the rate: median of 20 runs"
    );
    for (point, measured) in points.iter().zip(measure_all(points)) {
        let calls = measured.calls(0.5).map_or("never".to_owned(), |calls| calls.to_string());
        println!("{:<34} {:>4.0} % {calls:>6}", point.trip, point.rate * 100.0);
    }
}

/// An empty cell: not every run opened, or not enough of them for that quantile.
fn print_csv(points: &[Point]) {
    println!(
        "fault,trip,calls_per_second,rate,runs,opened,calls_mean,calls_median,calls_q90,\
         seconds_median,seconds_q90,calls_watched"
    );
    for (point, measured) in points.iter().zip(measure_all(points)) {
        println!("{}", csv_line(point, &measured));
    }
}

fn csv_line(point: &Point, measured: &Measured) -> String {
    let seconds = |share| measured.seconds(share).map(|seconds| format!("{seconds:.2}"));
    let calls = |share| measured.calls(share).map(|calls| calls.to_string());
    let optional = [
        measured.mean_calls().map(|calls| format!("{calls:.1}")),
        calls(0.5),
        calls(0.9),
        seconds(0.5),
        seconds(0.9),
    ];
    format!(
        "{},{},{},{},{},{},{},{}",
        point.fault.name(),
        point.trip,
        point.calls_per_second,
        point.rate,
        point.runs,
        measured.opened(),
        optional.map(Option::unwrap_or_default).join(","),
        measured.calls_watched(),
    )
}
