//! `GET /metrics`, in Prometheus' text format 0.0.4.
//!
//! Numbers are kept where they arise, in atomics, and are read when Prometheus asks: counting costs
//! no lock and no message. Label values come from fixed sets (routes' patterns, known methods,
//! statuses), so that no client can make the answer grow.

mod families;
mod http;
mod process;

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpResponse, web};
use futures::future::{LocalBoxFuture, join_all, ready};
use prometheus::{IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder, core::Collector};

use crate::{ApiError, logging};
pub use families::{Families, Labels};
pub use http::{HttpMetrics, SECONDS};
pub(crate) use http::{Observe, UNMATCHED};

type Source = dyn Fn() -> LocalBoxFuture<'static, Families> + Send + Sync;

/// All that a process counts. Clones are the same.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    http: HttpMetrics,
    sources: Arc<Mutex<Vec<Arc<Source>>>>,
}

impl Metrics {
    /// What every service has: its HTTP requests, its process, and `build_info` with `version`.
    pub fn new(version: &str) -> Self {
        let metrics =
            Self { registry: Registry::new(), http: HttpMetrics::new(), sources: Arc::default() };
        for collector in metrics.http.collectors() {
            metrics.register(collector);
        }
        let help = "A constant 1, labeled with the version of the service.";
        match IntGaugeVec::new(Opts::new("build_info", help), &["version"]) {
            Ok(build) => {
                build.with_label_values(&[version]).set(1);
                metrics.register(Box::new(build));
            }
            Err(error) => log::error!("metrics: {error}"),
        }
        metrics.add_source(process::read);
        metrics.add_source(logging::tell);
        metrics
    }

    /// Adds a metric of the `prometheus` crate. One whose name is there already is left out, with a
    /// line in the log.
    pub fn register(&self, collector: Box<dyn Collector>) {
        if let Err(error) = self.registry.register(collector) {
            log::error!("metrics: {error}");
        }
    }

    /// Adds numbers that are kept elsewhere, and read each time that somebody asks.
    pub fn add_source(&self, source: impl Fn(&mut Families) + Send + Sync + 'static) {
        self.add_asking_source(move || {
            let mut families = Families::default();
            source(&mut families);
            Box::pin(ready(families))
        });
    }

    /// Adds numbers that somebody must be asked for, each time. It must not wait for long.
    pub fn add_asking_source(
        &self,
        source: impl Fn() -> LocalBoxFuture<'static, Families> + Send + Sync + 'static,
    ) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(source));
    }

    /// Requests, counted by [`endpoint`](crate::endpoint()).
    pub fn http(&self) -> &HttpMetrics {
        &self.http
    }

    /// Everything, in text format 0.0.4.
    ///
    /// # Errors
    /// A metric that the format cannot hold.
    pub async fn render(&self) -> Result<String, prometheus::Error> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = join_all(sources.iter().map(|source| source())).await;
        let mut families = Families::from(self.registry.gather());
        families.extend(read);
        TextEncoder::new().encode_to_string(&families.sorted())
    }
}

/// Answers `GET /metrics`.
pub(crate) async fn answer(metrics: web::Data<Metrics>) -> Result<HttpResponse, ApiError> {
    let text = metrics.render().await.map_err(|error| {
        log::error!("metrics: {error}");
        ApiError::internal("the metrics cannot be written")
    })?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}
