//! Metrics of the requests of one route.

use std::{
    cell::{OnceCell, RefCell},
    time::Duration,
};

use prometheus::{Histogram, IntCounter};

use super::http_metrics::{HttpMetrics, METHODS};

/// One route's series on one worker. Each is looked up once, because a look-up hashes all labels under a lock.
pub(crate) struct RouteMetrics {
    path: String,
    metrics: HttpMetrics,
    durations: [OnceCell<Histogram>; METHODS.len()],
    requests: RefCell<Vec<(usize, u16, IntCounter)>>,
}

impl RouteMetrics {
    pub(crate) fn new(path: String, metrics: HttpMetrics) -> Self {
        Self { path, metrics, durations: Default::default(), requests: RefCell::default() }
    }

    /// Counts the beginning of a request.
    pub(crate) fn begin(&self) {
        self.metrics.in_flight.inc();
    }

    /// Counts the end of a request, which took `elapsed`. `method` is its `method_index`.
    pub(crate) fn end(&self, method: usize, status: u16, elapsed: Duration) {
        self.metrics.in_flight.dec();
        let labels = [METHODS[method], self.path.as_str()];
        self.durations[method]
            .get_or_init(|| self.metrics.durations.with_label_values(&labels))
            .observe(elapsed.as_secs_f64());
        let mut requests = self.requests.borrow_mut();
        let known = requests.iter().find(|(m, s, _)| (*m, *s) == (method, status));
        if let Some((_, _, counter)) = known {
            counter.inc();
            return;
        }
        let status_text = status.to_string();
        let labels = [METHODS[method], self.path.as_str(), status_text.as_str()];
        let counter = self.metrics.requests.with_label_values(&labels);
        counter.inc();
        requests.push((method, status, counter));
    }
}
