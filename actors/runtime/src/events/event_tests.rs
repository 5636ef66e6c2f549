//! The JSON of events, to the letter.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::*;
use crate::{
    rejection::RejectionKind,
    report::CallId,
    state::{Mode, State},
};

fn json_of(kind: EventKind) -> Value {
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_370_400_123_999);
    serde_json::to_value(Event::new(17, time, "backend".into(), kind)).unwrap()
}

/// What every event has, and `fields`.
fn expected(fields: Value) -> Value {
    let mut all = json!({
        "sequence": 17, "time": "2026-11-22T18:00:00.123Z", "breaker": "backend",
    });
    let Value::Object(fields) = fields else { panic!("an object") };
    all.as_object_mut().unwrap().extend(fields);
    all
}

#[test]
fn each_event_kind_serialises_with_its_documented_fields() {
    let call = CallId::next();
    let (from, to) = (State::Closed, State::Open);
    let secs = Duration::from_secs_f64;
    let cause = || "status 500".to_owned();
    let opened = |half_open_in| EventKind::Transition {
        from,
        to,
        epoch: 1,
        cause: cause(),
        after: secs(12.5),
        half_open_in,
        rejected: 3,
    };
    let retry = |trace_id| EventKind::Retry {
        call,
        attempt: 1,
        max_attempts: 4,
        cause: cause(),
        wait: secs(1.05),
        trace_id,
    };
    let burst = |rejection| EventKind::RejectionBurst { rejection, count: 250, window: secs(1.0) };
    let cases = [
        (
            opened(Some(secs(30.0))),
            json!({"type": "transition", "from": "closed", "to": "open", "epoch": 1,
                "cause": "status 500", "after_seconds": 12.5, "half_open_in_seconds": 30.0,
                "rejected": 3}),
        ),
        (
            opened(None),
            json!({"type": "transition", "from": "closed", "to": "open", "epoch": 1,
                "cause": "status 500", "after_seconds": 12.5, "rejected": 3}),
        ),
        (
            burst(RejectionKind::CircuitOpen),
            json!({"type": "rejection-burst", "rejection": "circuit-open", "count": 250,
                "seconds": 1.0}),
        ),
        (
            burst(RejectionKind::TrialLimit),
            json!({"type": "rejection-burst", "rejection": "trial-limit", "count": 250,
                "seconds": 1.0}),
        ),
        (
            retry(None),
            json!({"type": "retry", "call": call, "attempt": 1, "max_attempts": 4,
                "cause": "status 500", "wait_seconds": 1.05}),
        ),
        (
            retry(Some("4bf9".into())),
            json!({"type": "retry", "call": call, "attempt": 1, "max_attempts": 4,
                "cause": "status 500", "wait_seconds": 1.05, "trace_id": "4bf9"}),
        ),
        (
            EventKind::RetryRefused {
                call,
                attempt: 2,
                max_attempts: 4,
                cause: cause(),
                trace_id: Some("4bf9".into()),
            },
            json!({"type": "retry-refused", "call": call, "attempt": 2, "max_attempts": 4,
                "cause": "status 500", "trace_id": "4bf9"}),
        ),
        (
            EventKind::Release { calls: 50, cause: "manual".into() },
            json!({"type": "release", "calls": 50, "cause": "manual"}),
        ),
        (EventKind::Reset { epoch: 4 }, json!({"type": "reset", "epoch": 4})),
        (
            EventKind::LeaseExpired { epoch: 4, lease: secs(5.0) },
            json!({"type": "lease-expired", "epoch": 4, "lease_seconds": 5.0}),
        ),
        (
            EventKind::Mode { from: Mode::Auto, to: Mode::ForcedOpen },
            json!({"type": "mode", "from": "auto", "to": "forced-open"}),
        ),
        (
            EventKind::Reconfigured {
                changes: vec!["fail_max 5 -> 3".into()],
                epoch: None,
                half_open_in: Some(secs(2.5)),
            },
            json!({"type": "reconfigured", "changes": ["fail_max 5 -> 3"],
                "half_open_in_seconds": 2.5}),
        ),
        (
            EventKind::Reconfigured {
                changes: vec!["window 100 calls -> 60 s".into()],
                epoch: Some(5),
                half_open_in: None,
            },
            json!({"type": "reconfigured", "changes": ["window 100 calls -> 60 s"], "epoch": 5}),
        ),
        (
            EventKind::CallsSkipped { of: EventType::Retry, count: 7 },
            json!({"type": "calls-skipped", "of": "retry", "count": 7}),
        ),
    ];
    for (kind, fields) in cases {
        assert_eq!(fields["type"], kind.event_type().to_string());
        assert_eq!(json_of(kind), expected(fields));
    }
}

#[test]
fn a_call_event_has_the_fields_of_its_service() {
    let fields = json!({"endpoint": "call-backend", "attempts": [{"outcome": "server_error"}]});
    let event = json_of(EventKind::Call(Fields::new(fields.clone())));
    let mut all = expected(fields);
    all["type"] = "call".into();
    assert_eq!(event, all);
}

#[test]
fn event_types_parse_from_their_names_only() {
    for known in EventType::ALL {
        assert_eq!(known.to_string().parse(), Ok(known));
    }
    assert!("Transition".parse::<EventType>().is_err());
}

#[test]
fn an_event_is_rendered_once_for_all_readers() {
    let event = Event::new(1, SystemTime::UNIX_EPOCH, "b".into(), EventKind::Reset { epoch: 1 });
    assert_eq!(event.rendered(|event| event.sequence.to_string().into()), "1");
    assert_eq!(event.rendered(|_| panic!("once is enough")), "1");
}
