//! The registry of all metrics of a process.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{LocalBoxFuture, join_all, ready};
use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder, core::Collector};

use super::{families::Families, http_metrics::HttpMetrics, log_metrics, process};
use crate::telemetry::log_targets::METRICS;

type Source = dyn Fn() -> LocalBoxFuture<'static, Families> + Send + Sync;

/// All metrics of a process. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    http: HttpMetrics,
    sources: Arc<Mutex<Vec<Arc<Source>>>>,
}

impl Metrics {
    /// Creates the metrics that each service has: its HTTP requests, its process, its log, and `build_info` with
    /// `version`.
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
            Err(error) => log::error!(target: METRICS, "metrics: {error}"),
        }
        metrics.add_source(process::read);
        metrics.add_source(log_metrics::read);
        metrics
    }

    /// Adds a metric of the `prometheus` crate. If its name is taken, it is left out, and the log has a line.
    pub fn register(&self, collector: Box<dyn Collector>) {
        if let Err(error) = self.registry.register(collector) {
            log::error!(target: METRICS, "metrics: {error}");
        }
    }

    /// Adds metrics that `source` reads at each scrape.
    pub fn add_source(&self, source: impl Fn(&mut Families) + Send + Sync + 'static) {
        self.add_asking_source(move || {
            let mut families = Families::default();
            source(&mut families);
            Box::pin(ready(families))
        });
    }

    /// As [`add_source`](Self::add_source), for a source that must wait, such as for an actor's reply. A scrape waits
    /// for it, so the wait must be short.
    pub fn add_asking_source(
        &self,
        source: impl Fn() -> LocalBoxFuture<'static, Families> + Send + Sync + 'static,
    ) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(source));
    }

    /// The metrics of HTTP requests, which [`endpoint`](crate::endpoint()) counts.
    pub fn http(&self) -> &HttpMetrics {
        &self.http
    }

    /// Returns all metrics in text format 0.0.4.
    ///
    /// # Errors
    /// The format cannot hold a metric.
    pub async fn render(&self) -> Result<String, prometheus::Error> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = join_all(sources.iter().map(|source| source())).await;
        let mut families = Families::from(self.registry.gather());
        families.extend(read);
        TextEncoder::new().encode_to_string(&families.sorted())
    }
}
