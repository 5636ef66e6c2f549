use std::{cell::RefCell, time::Duration};

use log::{Log, Metadata, Record};
use serde_json::json;

use super::*;
use crate::config::Config;

fn policies(variables: &[(&str, &str)]) -> LivePolicies {
    Config::read(&mut Settings::from_pairs(variables)).unwrap().policies
}

/// Changes the settings. Returns what `apply` was asked for, or the error.
async fn change(live: &LivePolicies, asked: Value) -> Result<Policies, String> {
    let Value::Object(asked) = asked else { panic!("{asked} is no object") };
    let mut applied = None;
    let apply = async |policies: &Policies| {
        applied = Some(policies.clone());
        Ok(())
    };
    live.change(asked, apply).await.map_err(|error| error.to_string())?;
    let applied = applied.unwrap();
    assert_eq!(*live.load(), applied);
    Ok(applied)
}

#[tokio::test]
async fn numbers_texts_and_booleans_are_the_values_of_the_variables() {
    let live = policies(&[]);
    let asked = json!({
        "breaker_fail_max": 3, "attempt_timeout": 2.5, "retry_jitter": "0", "concurrency_max": "auto",
        "throttle": true,
    });
    let Policies { breaker, calls, .. } = change(&live, asked).await.unwrap();
    assert_eq!((breaker.fail_max, calls.attempt_timeout), (3, Duration::from_millis(2_500)));
    assert!(calls.retry.jitter == 0.0 && calls.concurrency.is_some() && calls.throttle.is_some());
    let off = json!({ "throttle": false, "concurrency_max": false });
    let Policies { calls, .. } = change(&live, off).await.unwrap();
    assert!(calls.concurrency.is_none() && calls.throttle.is_none());
}

#[tokio::test]
async fn changes_add_up_and_null_is_the_value_at_the_start() {
    let at_start = [("BREAKER_FAIL_MAX", "7"), ("RATE_LIMIT", "5/s")];
    let live = policies(&at_start);
    change(&live, json!({ "breaker_fail_max": 3 })).await.unwrap();
    let both = change(&live, json!({ "rate_limit": false })).await.unwrap();
    assert_eq!((both.breaker.fail_max, both.calls.rate), (3, None));
    let back = change(&live, json!({ "breaker_fail_max": null, "rate_limit": null })).await;
    assert_eq!(back.unwrap(), *policies(&at_start).load());
}

#[tokio::test]
async fn errors_are_those_of_the_start_and_change_nothing() {
    let live = policies(&[("CONNECT_TIMEOUT", "0.5")]);
    let before = live.load();
    for (asked, says) in [
        (
            json!({ "retry_max_attempts": 2, "breaker_fail_max": -1 }),
            "BREAKER_FAIL_MAX=\"-1\" is not valid: expected a whole number from 0 to 1000000",
        ),
        (
            json!({ "attempt_timeout": 0.2 }),
            "CONNECT_TIMEOUT=\"0.5\" is not valid: expected no more than ATTEMPT_TIMEOUT=0.2",
        ),
        (
            json!({ "breaker_trial_lease": 2 }),
            "BREAKER_TRIAL_LEASE=\"2\" is not valid: expected no less than ATTEMPT_TIMEOUT=3",
        ),
        (
            json!({ "rate_burst": 2 }),
            "RATE_BURST=\"2\" is not valid: expected RATE_LIMIT to be set",
        ),
        (
            json!({ "breaker_window": [1] }),
            "BREAKER_WINDOW=\"[1]\" is not valid: expected a number, a string, a boolean or null",
        ),
        (
            json!({ "breaker_fail_maxx": 1 }),
            "only settings of policies can be changed, as GET shows them, and breaker_fail_maxx is none: did you \
             mean breaker_fail_max?",
        ),
        (
            json!({ "BREAKER_FAIL_MAX": 1 }),
            "only settings of policies can be changed, as GET shows them, and BREAKER_FAIL_MAX is none",
        ),
        (
            json!({ "port": 1 }),
            "only settings of policies can be changed, as GET shows them, and port is none",
        ),
    ] {
        assert_eq!(change(&live, asked).await.unwrap_err(), says);
        assert_eq!(live.load(), before);
    }
}

#[tokio::test]
async fn settings_that_are_not_applied_are_not_in_force() {
    let live = policies(&[]);
    let asked = Map::from_iter([("breaker_fail_max".to_owned(), json!(3))]);
    let stopped = resilience_actors::BreakerStopped;
    let error = live.change(asked, async |_: &Policies| Err(stopped.into())).await;
    assert!(matches!(error, Err(ChangeError::NotTaken(_))), "{error:?}");
    assert_eq!(live.load().breaker.fail_max, 5);
    assert_eq!(change(&live, json!({})).await.unwrap().breaker.fail_max, 5);
}

/// Keeps the log lines of each thread.
struct Lines;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn a_change_that_the_runtime_does_not_know_is_one_log_line() {
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let live = policies(&[("CONCURRENCY_MAX", "7")]);
    for (asked, line) in [
        (json!({ "breaker_fail_max": 3, "concurrency_max": 9 }), None),
        (
            json!({ "breaker_probe": "/health" }),
            Some(
                "breaker_probe none -> /health, breaker_probe_interval none -> 1, \
                 breaker_probe_successes none -> 2",
            ),
        ),
        // The defaults, and the timeout of calls, of which the runtime tells.
        (json!({ "breaker_probe_interval": 1, "breaker_probe_successes": 2 }), None),
        (json!({ "attempt_timeout": 2 }), None),
        (
            json!({ "breaker_probe_interval": 2.5, "priority_header": "X-Important" }),
            Some("breaker_probe_interval 1 -> 2.5, priority_header none -> x-important"),
        ),
        (json!({ "priority_header": "x-important" }), None),
        (json!({ "breaker_probe_successes": 3 }), Some("breaker_probe_successes 2 -> 3")),
        (
            json!({
                "breaker_probe": null, "breaker_probe_interval": null, "breaker_probe_successes": null,
                "priority_header": false,
            }),
            Some(
                "breaker_probe /health -> none, breaker_probe_interval 2.5 -> none, \
                 breaker_probe_successes 3 -> none, priority_header x-important -> none",
            ),
        ),
    ] {
        change(&live, asked).await.unwrap();
        let line = line.map(|line| format!("client: reconfigured ({line})"));
        assert_eq!(LINES.take(), line.as_slice());
    }
}
