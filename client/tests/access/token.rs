//! The admin token: which requests need it.

use std::collections::BTreeSet;

use actix_web::{
    http::{
        Method,
        header::{AUTHORIZATION, HeaderValue},
    },
    test::TestRequest,
};
use resilience_testing::{
    access::{TOKEN, changes_that_need_the_token, registered_paths},
    server::{Server, ok},
};

use crate::{
    FAULTS,
    support::{config, lab},
};

/// The paths of all endpoints in the sources of the service and of its edge.
fn registered() -> BTreeSet<String> {
    let mut paths = registered_paths(env!("CARGO_MANIFEST_DIR"));
    for known in ["/health", "/ready", FAULTS, "/api/stress-test", "/dashboard/app.js", "/"] {
        assert!(paths.contains(known), "{known} is not found in the sources: {paths:?}");
    }
    // Upstreams decide what a request that is passed on changes, and who may make it.
    assert!(paths.remove("/upstreams/{path}*"), "{paths:?}");
    // The name of an upstream that there is.
    paths.iter().map(|path| path.replace("{name}", "backend")).collect()
}

#[actix_web::test]
async fn every_changing_request_needs_the_token() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("ADMIN_TOKEN", TOKEN)])).await;
    let ask = async |method: &str, path: &str, authorization: &[Vec<u8>]| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = TestRequest::with_uri(path).method(method).set_payload("not json");
        let with = |request: TestRequest, value: &Vec<u8>| {
            request.append_header((AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()))
        };
        lab.send(authorization.iter().fold(request, with)).await
    };
    let changes = changes_that_need_the_token(TOKEN, &registered(), ask).await;
    let expected = [
        "POST /api/circuit-breaker/disable",
        "POST /api/circuit-breaker/enable",
        "POST /api/circuit-breaker/force-open",
        "POST /api/circuit-breaker/reset",
        "PATCH /api/circuit-breaker/settings",
        "POST /api/stress-test",
        "PUT /api/backend/faults",
        "POST /api/upstreams/backend/disable",
        "POST /api/upstreams/backend/enable",
        "POST /api/upstreams/backend/force-open",
        "POST /api/upstreams/backend/reset",
        "PATCH /api/upstreams/backend/settings",
    ];
    assert_eq!(changes, expected.map(str::to_owned).into(), "docs/endpoints.md names these");
    assert_eq!(upstream.connections(), 0);
    let breaker = lab.breaker().await;
    assert_eq!((breaker.open_count, breaker.fail_counter), (0, 0));

    let token_in_the_query = format!("/api/circuit-breaker/reset?access_token={TOKEN}");
    assert_eq!(lab.post(&token_in_the_query, "").await.status, 401);
    for change in changes {
        let (method, path) = change.split_once(' ').unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let admin = TestRequest::with_uri(path).method(method);
        let admin = admin.insert_header((AUTHORIZATION, format!("Bearer {TOKEN}")));
        assert_eq!(lab.send(admin).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn reading_changes_nothing_and_needs_no_token() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("ADMIN_TOKEN", TOKEN)])).await;
    let before = lab.get("/api/circuit-breaker").await.body;
    for path in registered() {
        let answer = lab.open(TestRequest::get().uri(&path)).await;
        assert!([200, 405].contains(&answer.status().as_u16()), "{path}: {}", answer.status());
    }
    let after = lab.get("/api/circuit-breaker").await.body;
    for path in registered() {
        let options = TestRequest::with_uri(&path).method(Method::OPTIONS).set_payload("{}");
        let answer = lab.open(options).await;
        assert_eq!(answer.status(), 204, "{path}");
        let allow = answer.headers().get("allow").unwrap().to_str().unwrap();
        assert!(allow.ends_with(", OPTIONS"), "{path}: {allow}");
    }
    let asked = upstream.requests();
    let after_probes = lab.get("/api/circuit-breaker").await.body;
    assert_eq!(upstream.requests(), asked);
    assert_eq!(before["mode"], after_probes["mode"]);
    for kept in ["state", "mode", "epoch"] {
        assert_eq!(before[kept], after[kept], "{kept}");
    }
}
