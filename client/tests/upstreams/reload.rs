//! Other contents of the file while the service runs.

use std::{fs, process::Command, sync::Arc};

use actix_web::test::TestRequest;
use client_service::gateway::upstreams::GatewayUpstream;
use resilience_actors::{Mode, State};
use serde_json::{Value, json};

use crate::{
    fail, file,
    support::{self, Lab, assert_lines},
};

/// A lab whose file has this text, and the path of the file.
macro_rules! lab_of {
    ($text:expr) => {{
        let path = file("toml", $text);
        let config = support::config("http://127.0.0.1:9", &[("CONFIG", path.as_str())]);
        (support::lab(config).await, path)
    }};
}

impl<S> Lab<S> {
    /// Writes the file, and reads it as after a change.
    async fn change(&self, path: &str, text: &str) {
        fs::write(path, text).unwrap();
        self.reloader.lock().await.as_mut().unwrap().reload_if_changed().await;
    }

    fn names(&self) -> Vec<String> {
        self.gateway.iter().map(|upstream| upstream.name().to_owned()).collect()
    }
}

const A: &str = "[upstreams.a]\nurl = \"http://a\"\n";
const B: &str = "[upstreams.b]\nurl = \"http://b\"\n";

#[actix_web::test]
async fn upstreams_come_and_go_and_those_that_stay_are_the_same() {
    let (lab, path) = lab_of!(A);
    let a = lab.gateway.find("a").unwrap();
    lab.change(&path, &[A, B].concat()).await;
    assert_eq!(lab.names(), ["a", "b"]);
    assert!(Arc::ptr_eq(&a, &lab.gateway.find("a").unwrap()));
    assert_eq!(lab.get("/api/upstreams/b").await.status, 200);
    lab.change(&path, B).await;
    assert_eq!(lab.names(), ["b"]);
    assert_eq!(lab.get("/api/upstreams/a").await.status, 404);
    let gone = lab.get("/upstreams/a/x").await;
    assert_eq!((gone.status, &gone.body["message"]), (404, &json!("there is no upstream a")));
}

#[actix_web::test]
async fn other_settings_keep_the_circuit_and_another_url_does_not() {
    let (lab, path) = lab_of!(A);
    let force_open = lab.post("/api/upstreams/a/force-open", "").await;
    assert_eq!(force_open.status, 200);
    lab.change(&path, &format!("{A}breaker_fail_max = 1\nretry_max_attempts = 7")).await;
    let changed = lab.gateway.find("a").unwrap();
    assert_eq!(changed.breaker().state_and_mode(), (State::Open, Mode::ForcedOpen));
    let (retry, fail_max) = (changed.upstream().config().retry.clone(), changed.breaker().config());
    assert_eq!((retry.unwrap().max_attempts, fail_max.fail_max), (7, 1));

    lab.change(&path, "[upstreams.a]\nurl = \"http://elsewhere\"").await;
    let moved = lab.gateway.find("a").unwrap();
    assert_eq!(moved.breaker().state_and_mode(), (State::Closed, Mode::Auto));
}

#[actix_web::test]
async fn the_counts_of_an_upstream_at_another_url_begin_anew() {
    let (lab, path) = lab_of!(A);
    let failures = "resilience4j_circuitbreaker_calls_seconds_count{kind=\"failed\",name=\"a\"}";
    fail(&lab.gateway.find("a").unwrap(), 2).await;
    assert_lines(&lab.text("/metrics").await, &[format!("{failures} 2")]);
    lab.change(&path, "[upstreams.a]\nurl = \"http://elsewhere\"").await;
    assert_lines(&lab.text("/metrics").await, &[format!("{failures} 0")]);
}

#[actix_web::test]
async fn a_call_that_has_found_its_upstream_keeps_the_settings_of_its_route() {
    let route = |path: &str, attempts: u32| {
        format!("[[upstreams.a.routes]]\npath = \"{path}\"\nretry_max_attempts = {attempts}\n")
    };
    let (lab, path) = lab_of!(&[A, &route("/x", 2), &route("/y", 3)].concat());
    let before = lab.gateway.find("a").unwrap();
    lab.change(&path, &[A, &route("/y", 9)].concat()).await;
    let after = lab.gateway.find("a").unwrap();
    let attempts = |upstream: &GatewayUpstream| {
        let variants = upstream.upstream().config().variants.clone();
        variants.iter().map(|variant| variant.retry.clone().unwrap().max_attempts).collect()
    };
    let both: [Vec<u32>; 2] = [attempts(&before), attempts(&after)];
    assert_eq!(both, [vec![2, 3], vec![9]]);
}

#[actix_web::test]
async fn changes_by_hand_stay_until_the_file_has_other_policies() {
    let (lab, path) = lab_of!(A);
    let patch = TestRequest::patch()
        .uri("/api/upstreams/a/settings")
        .set_payload(r#"{"breaker_fail_max":2}"#);
    assert_eq!(lab.send(patch).await.status, 200);
    let fail_max =
        async || lab.get("/api/upstreams/a/settings").await.body["breaker_fail_max"].clone();
    lab.change(&path, &format!("{A}token = \"t\"")).await;
    assert!(lab.gateway.find("a").unwrap().token().is_some());
    assert_eq!(fail_max().await, 2);
    lab.change(&path, &format!("{A}token = \"t\"\nretry_max_attempts = 2")).await;
    assert_eq!(fail_max().await, 5);
}

#[actix_web::test]
async fn a_file_with_an_error_changes_nothing_and_is_told() {
    let (lab, path) = lab_of!(A);
    lab.change(
        &path,
        &format!("{B}breaker_fail_max = -1\ncolour = 1\ntoken = {{ env = \"NONE\" }}"),
    )
    .await;
    assert_eq!(lab.names(), ["a"]);
    let seen = lab.get("/api/upstreams").await.body["config"].clone();
    assert_eq!(seen["path"], path);
    // Without the value: no token is asked for.
    let expected = format!(
        "{path}:3:20: upstreams.b.breaker_fail_max is not valid: expected a whole number from 0 to 1000000 (2 more: \
         client-service check {path})"
    );
    assert_eq!(seen["error"], expected);
    let of = |ok: u32, failed: u32, successful: u32| {
        [
            format!("client_config_reloads_total{{result=\"ok\"}} {ok}"),
            format!("client_config_reloads_total{{result=\"failed\"}} {failed}"),
            format!("client_config_last_reload_successful {successful}"),
        ]
    };
    assert_lines(&lab.text("/metrics").await, &of(0, 1, 0));

    // It is told once.
    lab.reloader.lock().await.as_mut().unwrap().reload_if_changed().await;
    assert_lines(&lab.text("/metrics").await, &of(0, 1, 0));
    lab.change(&path, B).await;
    assert_eq!(lab.get("/api/upstreams").await.body["config"]["error"], Value::Null);
    assert_lines(&lab.text("/metrics").await, &of(1, 1, 1));
    fs::remove_file(&path).unwrap();
    lab.reloader.lock().await.as_mut().unwrap().reload_if_changed().await;
    let error = lab.get("/api/upstreams").await.body["config"]["error"].clone();
    assert!(error.as_str().unwrap().contains("cannot be read"), "{error}");
    assert_eq!(lab.names(), ["b"]);
}

#[actix_web::test]
async fn the_actor_and_the_series_of_an_upstream_end_with_it() {
    let (lab, path) = lab_of!(&[A, B].concat());
    let a = lab.gateway.find("a").unwrap();
    // An open circuit has a timer.
    fail(&a, 5).await;
    assert_eq!(a.breaker().state(), State::Open);
    let stopped = a.breaker().stopped();
    assert!(lab.text("/metrics").await.contains("name=\"a\""));
    lab.change(&path, B).await;
    let metrics = lab.text("/metrics").await;
    assert!(!metrics.contains("name=\"a\""), "{metrics}");
    assert!(metrics.contains("name=\"b\""));
    let mut stopped = Box::pin(stopped);
    assert!(futures::poll!(&mut stopped).is_pending(), "a call could still have it");
    drop(a);
    stopped.await;
    assert!(!lab.drain.is_draining(), "this is no death");
}

#[actix_web::test]
async fn a_file_that_cannot_be_opened_without_waiting_is_refused() {
    let secret = file("secret", "s3cret");
    let (lab, path) = lab_of!(&format!("{A}token = {{ file = {secret:?} }}"));
    for fifo in [&secret, &path] {
        fs::remove_file(fifo).unwrap();
        assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
        lab.reloader.lock().await.as_mut().unwrap().reload_if_changed().await;
        let error = lab.get("/api/upstreams").await.body["config"]["error"].clone();
        assert!(error.as_str().unwrap().ends_with(": it is not a regular file"), "{error}");
        assert!(lab.gateway.find("a").unwrap().token().is_some());
    }
}

#[actix_web::test]
async fn if_the_actor_of_one_upstream_is_gone_no_other_changes() {
    let (lab, path) = lab_of!(&[A, B].concat());
    let (a, b) = (lab.gateway.find("a").unwrap(), lab.gateway.find("b").unwrap());
    b.breaker().stop();
    b.breaker().stopped().await;
    let other = "breaker_fail_max = 1\n";
    lab.change(&path, &[A, other, B, other].concat()).await;
    assert_eq!(a.breaker().config().fail_max, 5);
    assert!(Arc::ptr_eq(&a, &lab.gateway.find("a").unwrap()));
    let error = lab.get("/api/upstreams").await.body["config"]["error"].clone();
    assert!(error.is_string(), "{error}");
    // What asks nothing of that actor is still possible.
    lab.change(&path, &[A, other].concat()).await;
    assert_eq!((a.breaker().config().fail_max, lab.names()), (1, vec!["a".to_owned()]));
}

#[actix_web::test]
async fn without_a_file_there_is_nothing_to_reload() {
    let lab = support::lab(support::config("http://127.0.0.1:9", &[])).await;
    assert!(lab.reloader.lock().await.is_none());
    assert_eq!(lab.get("/api/upstreams").await.body.get("config"), None);
    assert!(!lab.text("/metrics").await.contains("client_config_"));
}
