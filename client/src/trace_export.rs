//! Sends the spans of the process to an OpenTelemetry collector: OTLP over HTTP, in JSON.
//!
//! By hand: OpenTelemetry's own exporter adds 30 crates, with an HTTP client of its own that blocks and so needs a
//! thread.
//!
//! An actor sends a batch each second, and the next at once after a full one. A batch that the collector does not
//! accept is lost and counted. It is not sent again: while the collector is away, repeats would only push newer spans
//! out of the queue.

use std::{rc::Rc, time::Duration};

use actix::prelude::*;
use serde_json::{Value, json};
use service_edge::Metrics;
use tokio::time::{Instant, timeout};

use crate::{
    config::TraceExport,
    metrics::number,
    traces::{
        self,
        queue::Queue,
        span::{Span, attributes},
    },
    transport::CollectorTransport,
};

/// The path of OTLP for traces.
const PATH: &str = "/v1/traces";

/// Time between batches, if no whole one waits.
const PERIOD: Duration = Duration::from_secs(1);

/// Maximum number of spans in a batch.
const BATCH: usize = 512;

/// Maximum time for a batch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Minimum time between two log lines about batches that were not accepted.
const QUIET: Duration = Duration::from_secs(60);

/// Maximum time for the last batch, when the process ends.
const LAST_BATCH: Duration = Duration::from_secs(2);

/// A running export.
#[derive(Debug)]
pub struct Export(Addr<Exporter>);

/// Starts the export, and its metric. `pod` is the name of this instance.
pub fn start(export: &TraceExport, pod: &str, metrics: &Metrics) -> Export {
    let queue = traces::start(export.share);
    metrics.add_source(|families| {
        for (result, spans) in [("sent", queue.sent()), ("dropped", queue.dropped())] {
            families.counters(
                "client_trace_spans_total",
                "Spans for the collector of traces: accepted by it, or lost because it was slow or away.",
                [(&[("result", result)][..], number(spans))],
            );
        }
    });
    Export(Exporter::start(queue, export, pod))
}

impl Export {
    /// Sends what is left, for at most 2 s.
    pub async fn flush(self) {
        // An actor that is gone has nothing to send, and what is left after this time is lost.
        drop(timeout(LAST_BATCH, self.0.send(Flush)).await);
    }
}

/// Sends spans to a collector.
struct Exporter {
    queue: &'static Queue,
    transport: Rc<CollectorTransport>,
    resource: Value,
    sending: bool,
    complained: Option<Instant>,
}

impl Exporter {
    /// Starts the actor on this thread.
    fn start(queue: &'static Queue, export: &TraceExport, pod: &str) -> Addr<Self> {
        let transport = CollectorTransport::new(&export.connections, export.collector.join(PATH));
        let transport = Rc::new(transport);
        let resource = attributes(&[
            ("service.name", export.service.as_str().into()),
            ("service.version", env!("CARGO_PKG_VERSION").into()),
            ("service.instance.id", pod.into()),
        ]);
        let exporter = Self { queue, transport, resource, sending: false, complained: None };
        Actor::start(exporter)
    }

    fn send_batch(&mut self, context: &mut Context<Self>) {
        if self.sending {
            return;
        }
        let spans = self.queue.take(BATCH);
        if spans.is_empty() {
            return;
        }
        self.sending = true;
        let sent = send(Rc::clone(&self.transport), body(&self.resource, &spans));
        context.spawn(sent.into_actor(self).map(move |sent, exporter, context| {
            exporter.sending = false;
            exporter.queue.count(spans.len(), sent.is_ok());
            if let Err(reason) = sent {
                exporter.complain(spans.len(), &reason);
            } else if spans.len() == BATCH {
                exporter.send_batch(context);
            }
        }));
    }

    fn complain(&mut self, spans: usize, reason: &str) {
        let recently = self.complained.is_some_and(|at| at.elapsed() < QUIET);
        if !recently {
            self.complained = Some(Instant::now());
            log::warn!("traces: {spans} spans are lost: {reason}; further losses are counted");
        }
    }
}

async fn send(transport: Rc<CollectorTransport>, body: String) -> Result<(), String> {
    match timeout(PATIENCE, transport.send(body)).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer of the collector within {}s", PATIENCE.as_secs())),
    }
}

/// An `ExportTraceServiceRequest`.
fn body(resource: &Value, spans: &[Span]) -> String {
    let scope = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
    let spans: Value = spans.iter().map(Span::as_otlp).collect();
    json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": scope, "spans": spans }],
        }],
    })
    .to_string()
}

impl Actor for Exporter {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(PERIOD, Self::send_batch);
    }
}

/// Sends what is in the queue, at most one batch. Answered when it is sent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Flush;

impl Handler<Flush> for Exporter {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        let (queue, spans) = (self.queue, self.queue.take(BATCH));
        let sent = send(Rc::clone(&self.transport), body(&self.resource, &spans));
        Box::pin(async move {
            if !spans.is_empty() {
                queue.count(spans.len(), sent.await.is_ok());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use resilience_testing::server::{Server, ok};
    use service_edge::{Settings, TraceContext};

    use super::*;
    use crate::{Config, traces::span::Kind};

    #[actix_web::test]
    async fn what_is_left_is_sent_before_the_end() {
        let collector = Server::answering(ok("{}"));
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let config = Config::read(&mut Settings::from_pairs(&variables)).unwrap();
        let queue: &Queue = Box::leak(Box::new(Queue::new(0.0)));
        let export = Export(Exporter::start(queue, &config.traces.unwrap(), "pod"));
        let span = Span::new(Kind::Server, TraceContext::mint(), None, "GET /".to_owned());
        queue.push(span.answered(200));
        export.flush().await;
        assert_eq!(collector.requests(), 1);
    }
}
