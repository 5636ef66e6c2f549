//! The client's metrics. They have resilience4j's names where it has such metrics, so that its dashboards work. Counts
//! of the runtime are read at each scrape.

mod policies;
mod window;

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use prometheus::{Histogram, HistogramOpts, HistogramVec};
use resilience_actors::{AttemptRecord, Breaker, CallKind, CallLimit, Mode, State, Upstream};
use service_edge::{
    Metrics,
    metrics::{Families, SECONDS},
};
use tokio::time::timeout;

use crate::{
    events::EventStreams,
    gateway::upstreams::GatewayUpstreams,
    stats::{Stats, Tally},
    upstreams::Upstreams,
};

/// Maximum time to wait for the snapshot of the breaker's actor.
const PATIENCE: Duration = Duration::from_secs(1);

/// Durations of attempts and waits.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    calls: HistogramVec,
    successful: Histogram,
    failed: Histogram,
    ignored: Histogram,
    waits: Histogram,
}

impl CallMetrics {
    /// Registers the metrics.
    #[expect(clippy::expect_used, reason = "names and labels are constant, and a test sees them")]
    pub fn new(metrics: &Metrics, breaker: &str) -> Self {
        let calls = HistogramOpts::new(
            "resilience4j_circuitbreaker_calls_seconds",
            "Attempts through the circuit breaker by kind, whether or not their caller was still there.",
        )
        .buckets(SECONDS.to_vec());
        let calls = HistogramVec::new(calls, &["name", "kind"]).expect("valid names");
        let waits = HistogramOpts::new(
            "client_retry_wait_seconds",
            "Waits between the attempts of calls that were answered.",
        )
        .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 15.0, 30.0]);
        let waits = Histogram::with_opts(waits).expect("a valid name");
        metrics.register(Box::new(calls.clone()));
        metrics.register(Box::new(waits.clone()));
        Self::of(calls, waits, breaker)
    }

    /// The metrics of another circuit breaker.
    pub fn named(&self, breaker: &str) -> Self {
        Self::of(self.calls.clone(), self.waits.clone(), breaker)
    }

    fn of(calls: HistogramVec, waits: Histogram, breaker: &str) -> Self {
        let kind = |kind: CallKind| calls.with_label_values(&[breaker, kind.into()]);
        Self {
            successful: kind(CallKind::Successful),
            failed: kind(CallKind::Failed),
            ignored: kind(CallKind::Ignored),
            calls,
            waits,
        }
    }

    /// Counts an attempt through the circuit breaker when it ends.
    pub fn attempt_ended(&self, attempt: &AttemptRecord) {
        let of_kind = match attempt.outcome.kind() {
            CallKind::Successful => &self.successful,
            CallKind::Failed => &self.failed,
            CallKind::Ignored => &self.ignored,
        };
        of_kind.observe(attempt.elapsed.as_secs_f64());
    }

    /// Counts the waits of a call that was answered.
    pub fn call_ended(&self, attempts: &[AttemptRecord]) {
        for wait in attempts.iter().filter_map(|attempt| attempt.wait) {
            self.waits.observe(wait.as_secs_f64());
        }
    }
}

/// What is read of an upstream at each scrape.
struct Observed {
    upstream: Upstream,
    breaker: Breaker,
    tally: Arc<Tally>,
}

/// Registers the metrics whose values are read at each scrape.
pub fn add_sources(
    metrics: &Metrics,
    upstreams: &Upstreams,
    gateway: &GatewayUpstreams,
    stats: &Arc<Stats>,
    streams: &EventStreams,
) {
    let (breaker, limit) = (upstreams.breaker(), upstreams.limit());
    let lab = Observed {
        upstream: upstreams.protected().clone(),
        breaker: breaker.clone(),
        tally: Arc::clone(&stats.resilient),
    };
    let of_gateway = gateway.iter().map(|upstream| Observed {
        upstream: upstream.upstream().clone(),
        breaker: upstream.breaker().clone(),
        tally: Arc::clone(upstream.tally()),
    });
    let all: Arc<[Observed]> = [lab].into_iter().chain(of_gateway).collect();
    let (seen, lab, stats) = (Arc::clone(&all), upstreams.clone(), Arc::clone(stats));
    metrics.add_source(move |families| {
        for observed in &*seen {
            policies::add(families, &observed.upstream);
            circuit(families, &observed.breaker);
            retries(families, observed);
        }
        policies::add_of_lab(families, &lab, &stats);
        overload(families, &seen);
    });
    let (seen, limit, streams) = (breaker.clone(), limit.clone(), streams.clone());
    metrics.add_source(move |families| process(families, &seen, &limit, &streams));
    metrics.add_asking_source(move || {
        let all = Arc::clone(&all);
        Box::pin(async move {
            let asked = all.iter().map(|observed| timeout(PATIENCE, observed.breaker.inspect()));
            let mut families = Families::default();
            for (observed, answer) in all.iter().zip(join_all(asked).await) {
                if let Ok(Ok(snapshot)) = answer {
                    window::add(&mut families, &observed.breaker, &snapshot);
                }
            }
            families
        })
    });
}

const STATES: [State; 3] = [State::Closed, State::Open, State::HalfOpen];

/// The state's name in resilience4j's metrics.
fn state_label(state: State, mode: Mode) -> &'static str {
    match (mode, state) {
        (Mode::ForcedOpen, _) => "forced_open",
        (Mode::Disabled, _) => "disabled",
        (Mode::Auto, State::Closed) => "closed",
        (Mode::Auto, State::Open) => "open",
        (Mode::Auto, State::HalfOpen) => "half_open",
    }
}

fn circuit(families: &mut Families, breaker: &Breaker) {
    let (name, counts) = (&**breaker.name(), breaker.counts());
    let (state, mode) = breaker.state_and_mode();
    let current = state_label(state, mode);
    for state in ["closed", "open", "half_open", "forced_open", "disabled"] {
        families.gauges(
            "resilience4j_circuitbreaker_state",
            "The states of the circuit breaker: 1 for the one that it is in.",
            [(&[("name", name), ("state", state)][..], f64::from(u8::from(state == current)))],
        );
    }
    families.counters(
        "resilience4j_circuitbreaker_not_permitted_calls_total",
        "Calls that the circuit breaker rejected.",
        [(
            &[("name", name), ("kind", "not_permitted")][..],
            number(counts.not_permitted.by_circuit()),
        )],
    );
    // All series exist from the start, with 0.
    for (from, to) in STATES.into_iter().flat_map(|from| STATES.map(|to| (from, to))) {
        let counted = counts.transitions.iter().find(|t| (t.from, t.to) == (from, to));
        let labels = [("name", name), ("from", label(from)), ("to", label(to))];
        families.counters(
            "resilience4j_circuitbreaker_transitions_total",
            "Transitions of the circuit breaker. A transition from a state to itself was made by hand.",
            [(&labels[..], number(counted.map_or(0, |t| t.count)))],
        );
    }
}

fn label(state: State) -> &'static str {
    state_label(state, Mode::Auto)
}

fn overload(families: &mut Families, all: &[Observed]) {
    let overloaded = |observed: &Observed| observed.breaker.counts().not_permitted.overloaded;
    families.counter(
        "client_overload_rejections_total",
        "Calls rejected because MAX_CALLS calls were in flight or waiting.",
        number(all.iter().map(overloaded).sum()),
    );
}

fn retries(families: &mut Families, Observed { breaker, tally, .. }: &Observed) {
    let (name, counts) = (&**breaker.name(), breaker.counts().retries);
    for (kind, count) in [
        ("successful_without_retry", counts.successful_without_retry),
        ("successful_with_retry", counts.successful_with_retry),
        ("failed_without_retry", counts.failed_without_retry),
        ("failed_with_retry", counts.failed_with_retry),
    ] {
        families.counters(
            "resilience4j_retry_calls_total",
            "Calls that were answered, by how they ended and whether they were retried.",
            [(&[("name", name), ("kind", kind)][..], number(count))],
        );
    }
    families.counters(
        "client_retry_attempts_total",
        "Attempts after the first.",
        [(&[("name", name)][..], number(tally.counts().retry_attempts))],
    );
}

fn process(families: &mut Families, breaker: &Breaker, limit: &CallLimit, streams: &EventStreams) {
    for (name, help, value) in [
        ("client_calls_in_flight", "Calls in flight or waiting.", limit.in_use()),
        ("client_calls_waiting", "Calls that wait for their next attempt.", limit.waiting()),
        ("client_calls_max", "Maximum number of calls in flight or waiting.", limit.max()),
        ("client_event_streams", "Open streams of events.", streams.open()),
    ] {
        families.gauge(name, help, number(value as u64));
    }
    families.gauges(
        "client_mailbox_depth",
        "Messages in an actor's mailbox.",
        [(&[("actor", "breaker")][..], number(breaker.mailbox_depth() as u64))],
    );
    for (of, count) in breaker.events().recorded() {
        families.counters(
            "client_events_total",
            "Events by type, including those that the event log only counted.",
            [(&[("type", of.into())][..], number(count))],
        );
    }
}

/// Prometheus's numbers are doubles, which are exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
fn number(count: u64) -> f64 {
    count as f64
}
