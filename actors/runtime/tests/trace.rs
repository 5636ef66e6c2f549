//! The trace id of a call, in log lines and in events.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{
    borrow::Cow,
    cell::Cell,
    convert::Infallible,
    sync::{Mutex, OnceLock},
};

use log::{
    Log, Metadata, Record,
    kv::{self, Key, Value, VisitSource},
};
use resilience_actors::{
    Attempt, Breaker, BreakerConfig, CallId, EventKind, EventLog, Operation, Outcome, RetryBudget,
    Upstream, Verdict,
};
use support::{closed, paused, without_jitter};

/// Keeps each log line with its keys.
#[derive(Default)]
struct Lines(Mutex<Vec<(String, Vec<String>)>>);

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        struct Keys(Vec<String>);
        impl<'kvs> VisitSource<'kvs> for Keys {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
                self.0.push(format!("{key}={value}"));
                Ok(())
            }
        }
        let mut keys = Keys(Vec::new());
        record.key_values().visit(&mut keys).unwrap();
        self.0.lock().unwrap().push((record.args().to_string(), keys.0));
    }

    fn flush(&self) {}
}

/// The log lines about a call, with their keys.
fn lines(call: CallId) -> Vec<(String, Vec<String>)> {
    let about = format!("call {call}");
    let all = logger().0.lock().unwrap();
    let ours = |line: &str| {
        let rest = line.split_once(&about).map(|(_, rest)| rest);
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    all.iter().filter(|(line, _)| ours(line)).cloned().collect()
}

fn logger() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(Lines::default)
}

/// Fails once, then succeeds.
struct Once {
    fails: Cell<bool>,
    trace: Option<&'static str>,
}

impl Operation for Once {
    type Answer = ();
    type Error = Infallible;

    async fn run(&self, _: Attempt<'_>) -> Result<(), Infallible> {
        Ok(())
    }

    fn classify(&self, _: &Result<(), Infallible>) -> Verdict {
        if self.fails.replace(false) { Outcome::ServerError } else { Outcome::Success }.into()
    }

    fn trace_id(&self) -> Option<Cow<'_, str>> {
        assert_ne!(self.trace, Some("panics"), "as planned");
        self.trace.map(Cow::Borrowed)
    }
}

/// Makes a call with this trace id that is retried once. Returns its log lines, and the trace id of its retry event.
fn retried(trace: Option<&'static str>) -> (Vec<(String, Vec<String>)>, Option<String>) {
    let _ = log::set_logger(logger());
    log::set_max_level(log::LevelFilter::Debug);
    paused(async move {
        let breaker = closed();
        let upstream =
            Upstream::builder("backend").breaker(breaker.clone()).retry(without_jitter());
        let once = Once { fails: Cell::new(true), trace };
        let report = upstream.start().unwrap().run(once).await;
        assert!(report.result.is_ok(), "{report:?}");
        let kind = breaker.events().since(0, 1).events[0].kind.clone();
        let EventKind::Retry { trace_id, .. } = kind else { panic!("{kind:?}") };
        (lines(report.id), trace_id)
    })
}

#[test]
fn log_lines_of_a_call_carry_its_trace_id_as_a_key() {
    let (lines, trace_id) = retried(Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(lines.len(), 2);
    assert!(lines[0].0.ends_with(" attempt 1/4: ServerError; next attempt in 1.000s"), "{lines:?}");
    assert!(lines[1].0.ends_with(" succeeded; attempts: 2, 1.000s, circuit closed"), "{lines:?}");
    for (_, keys) in lines {
        assert_eq!(keys, ["trace_id=4bf92f3577b34da6a3ce929d0e0e4736"]);
    }
    assert_eq!(trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[test]
fn log_lines_of_a_call_without_a_trace_id_have_no_key() {
    let (lines, trace_id) = retried(None);
    assert!(lines.iter().all(|(_, keys)| keys.is_empty()) && lines.len() == 2, "{lines:?}");
    assert_eq!(trace_id, None);
}

#[test]
fn the_line_of_a_refused_retry_carries_the_trace_id_too() {
    let _ = log::set_logger(logger());
    log::set_max_level(log::LevelFilter::Debug);
    let lines = paused(async {
        let upstream = Upstream::builder("backend").retry(without_jitter());
        // One retry in ten seconds.
        let upstream = upstream.retry_budget(RetryBudget::share(0.0).min_per_second(0.1));
        let upstream = upstream.start().unwrap();
        let call = || upstream.run(Once { fails: Cell::new(true), trace: Some("4bf9") });
        call().await;
        lines(call().await.id)
    });
    let line = " attempt 1/4: ServerError; not retried, the retry budget is spent";
    assert!(lines[0].0.ends_with(line), "{lines:?}");
    assert_eq!((lines.len(), &lines[0].1), (2, &vec!["trace_id=4bf9".to_owned()]));
}

#[test]
fn a_panic_in_trace_id_costs_only_the_trace_id() {
    let (lines, trace_id) = retried(Some("panics"));
    assert!(lines.iter().all(|(_, keys)| keys.is_empty()) && lines.len() == 2, "{lines:?}");
    assert_eq!(trace_id, None);
}

#[test]
fn lines_of_calls_begin_with_the_upstream_s_name_if_those_of_its_circuit_do() {
    let _ = log::set_logger(logger());
    log::set_max_level(log::LevelFilter::Debug);
    let lines = |events: Option<EventLog>| {
        paused(async move {
            let config = BreakerConfig::default();
            let breaker = match events {
                Some(events) => Breaker::start_recording(config, events),
                None => Breaker::start(config),
            };
            let upstream = Upstream::builder("payments").breaker(breaker).retry(without_jitter());
            let once = Once { fails: Cell::new(true), trace: Some("4bf9") };
            lines(upstream.start().unwrap().run(once).await.id)
        })
    };
    let named = lines(Some(EventLog::new("payments", 10)));
    let begins = |(line, _): &(String, _)| line.starts_with("upstream payments: retry: call ");
    assert!(named.len() == 2 && named.iter().all(begins), "{named:?}");
    let unnamed = lines(None);
    let begins = |(line, _): &(String, _)| line.starts_with("retry: call ");
    assert!(unnamed.len() == 2 && unnamed.iter().all(begins), "{unnamed:?}");
}
