//! `backend-service`: answers, fails, stalls and throttles on purpose.
//!
//! | module | role |
//! |---|---|
//! | [`plan`] | the fault plan: rates, delay and sequence, validated (pure) |
//! | [`rate`] | a probability (pure) |
//! | [`faults`] | decides the outcome of each request, and counts outcomes (pure) |
//! | [`actor`] | owns plan and counters for all workers |
//! | [`answer`] | plays an outcome: answers, delays, hangs, resets |
//! | [`reset`] | resets a connection instead of answering |
//! | [`metrics`] | the metrics of `GET /metrics` |
//! | [`routes`] | the endpoints, which forward to the actor |
//! | [`config`] | the settings |

use std::io;

use service_edge::{Drain, Metrics, Routes, Server};

use crate::{actor::FaultActor, config::Config, metrics::FaultMetrics};

pub mod actor;
pub mod answer;
pub mod config;
pub mod faults;
pub mod metrics;
pub mod plan;
pub mod rate;
pub mod reset;
pub mod routes;

/// The service's name in answers and log lines.
pub const SERVICE: &str = "backend-service";

/// Serves until a signal ends the process.
///
/// # Errors
///
/// The server cannot listen on its address, or the fault actor died.
pub async fn run(config: Config) -> io::Result<()> {
    log::info!("{SERVICE} {}: {}", env!("CARGO_PKG_VERSION"), config.summary);
    for near_miss in &config.near_misses {
        log::warn!("{near_miss}");
    }
    let (drain, metrics) = (Drain::new(), Metrics::new(env!("CARGO_PKG_VERSION")));
    let counted = FaultMetrics::new(&metrics);
    let faults = FaultActor::start_alone(config.plan, config.fault_seed, drain.clone(), counted);
    let answers = config.answers;
    Server::new(SERVICE, &config.common, drain, metrics)
        .on_connect(reset::remember_socket)
        .run(move |routes: &mut Routes<'_>| {
            routes::configure(routes, faults.clone(), answers.clone());
        })
        .await
}
