//! Control by hand, and other settings at run time.

use actix_web::test::TestRequest;
use resilience_actors::{Mode, State};
use serde_json::{Value, json};

use crate::{fail, support::lab, with_file};

const FILE: &str = r#"
[upstreams.a]
url = "http://a"
[upstreams.b]
url = "http://b"
retry_max_attempts = 2
breaker_trial_lease = 30
[[upstreams.b.routes]]
path = "/reports"
attempt_timeout = 20
call_deadline = 60
"#;

fn patch(name: &str, settings: &Value) -> TestRequest {
    let path = format!("/api/upstreams/{name}/settings");
    TestRequest::patch().uri(&path).set_payload(settings.to_string())
}

#[actix_web::test]
async fn the_upstream_of_that_name_is_controlled_and_no_other() {
    let lab = lab(with_file(FILE, &[])).await;
    let breaker = |name: &str| lab.gateway.find(name).unwrap().breaker().clone();
    let act = async |act: &str| {
        let answer = lab.post(&format!("/api/upstreams/a/{act}"), "").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        breaker("a").state_and_mode()
    };
    assert_eq!(act("force-open").await, (State::Open, Mode::ForcedOpen));
    assert_eq!(act("disable").await, (State::Closed, Mode::Disabled));
    assert_eq!(act("enable").await, (State::Closed, Mode::Auto));
    fail(&lab.gateway.find("a").unwrap(), 5).await;
    assert_eq!(breaker("a").state(), State::Open);
    assert_eq!(act("reset").await, (State::Closed, Mode::Auto));
    for other in [&breaker("b"), &lab.breaker] {
        assert_eq!(other.inspect().await.unwrap().epoch, lab.breaker().await.epoch);
        assert_eq!(other.counts().transitions.iter().map(|t| t.count).sum::<u64>(), 0);
    }
    assert_eq!(lab.post("/api/upstreams/backend/force-open", "").await.status, 200);
    assert_eq!(lab.breaker.state_and_mode(), (State::Open, Mode::ForcedOpen));
}

#[actix_web::test]
async fn the_settings_of_one_upstream_change() {
    let lab = lab(with_file(FILE, &[])).await;
    let answer =
        lab.send(patch("b", &json!({ "breaker_fail_max": 1, "attempt_timeout": 2 }))).await;
    assert_eq!(
        (answer.status, &answer.body["breaker_fail_max"]),
        (200, &json!(1)),
        "{}",
        answer.text
    );
    assert_eq!(answer.body["retry_max_attempts"], 2);
    assert_eq!(lab.get("/api/upstreams/b/settings").await.body, answer.body);
    assert_eq!(lab.get("/api/upstreams/a/settings").await.body["breaker_fail_max"], 5);
    assert_eq!(lab.get("/api/circuit-breaker/settings").await.body["breaker_fail_max"], 5);
    let b = lab.gateway.find("b").unwrap();
    assert_eq!(b.upstream().config().attempt_timeout.unwrap().as_secs(), 2);
    fail(&b, 1).await;
    assert_eq!(b.breaker().state(), State::Open);
    let lost = lab.send(patch("b", &json!({ "breaker_fail_max": null }))).await.body;
    assert_eq!((&lost["breaker_fail_max"], &lost["attempt_timeout"]), (&json!(5), &json!(2)));
}

#[actix_web::test]
async fn a_route_keeps_its_own_settings_and_gets_the_changes_of_the_others() {
    let lab = lab(with_file(FILE, &[])).await;
    let b = lab.gateway.find("b").unwrap();
    let of_route = || b.upstream().config().variants[0].clone();
    assert_eq!(of_route().retry.unwrap().max_attempts, 2);
    let changed =
        lab.send(patch("b", &json!({ "retry_max_attempts": 7, "attempt_timeout": 2 }))).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(of_route().retry.unwrap().max_attempts, 7);
    assert_eq!(of_route().attempt_timeout.unwrap().as_secs(), 20);

    let refused = lab.send(patch("b", &json!({ "breaker_trial_lease": 10 }))).await;
    let expected = "with the settings of routes[0]: BREAKER_TRIAL_LEASE=\"10\" is not valid: expected no less than \
                    ATTEMPT_TIMEOUT=20";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(expected)));
    assert_eq!(b.breaker().inspect().await.unwrap().settings.trial_lease.as_secs(), 30);
}
