//! `backend-service`: answers, fails, stalls and throttles on purpose.
//!
//! | module | role |
//! |---|---|
//! | [`plan`] | what goes wrong, and how often: validated as a whole (pure) |
//! | [`faults`] | decides what happens to each request, and counts it (pure) |
//! | [`actor`] | the one owner of both, for all workers |
//! | [`answer`] | plays what was drawn: answers, delays, hangs, resets |
//! | [`reset`] | a TCP reset instead of an answer |
//! | [`metrics`] | what is counted for `GET /metrics` |
//! | [`routes`] | the endpoints, which forward to the actor |
//! | [`config`] | the settings |

use std::io;

use actix_web::web::ServiceConfig;
use service_edge::{Drain, Metrics, Server};

use crate::{actor::FaultActor, config::Config, metrics::FaultMetrics};

pub mod actor;
pub mod answer;
pub mod config;
pub mod faults;
pub mod metrics;
pub mod plan;
pub mod reset;
pub mod routes;

/// The service's name in its answers and its log.
pub const SERVICE: &str = "backend-service";

/// Serves until the process is asked to end.
///
/// # Errors
///
/// The address cannot be listened on, or the fault actor died.
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
        .run(move |routes: &mut ServiceConfig| {
            routes::configure(routes, faults.clone(), answers.clone());
        })
        .await
}
