//! `PRIORITY_HEADER`: the less important requests are rejected first.

use std::{thread::sleep, time::Duration};

use actix_web::test::TestRequest;
use futures::future::join_all;
use resilience_testing::server::{Server, ok};
use serde_json::json;

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";
const HEADER: &str = "X-Request-Priority";

/// A call of this priority.
fn with(level: &str) -> TestRequest {
    TestRequest::get().uri(CALL).insert_header((HEADER, level))
}

/// A backend that answers after this time.
fn backend(after: Duration) -> Server {
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            sleep(after);
            peer.say(ok("{}"));
        }
    })
}

#[actix_web::test]
async fn a_more_important_request_takes_the_place_of_another_in_the_queue() {
    let backend = backend(Duration::from_millis(200));
    let limited =
        [("CONCURRENCY_MAX", "1"), ("CONCURRENCY_QUEUE", "1"), ("PRIORITY_HEADER", HEADER)];
    let lab = lab(config(&backend.url(), &limited)).await;
    let calls = ["2", "0", "3"].map(|level| lab.send(with(level)));
    let answers = join_all(calls).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 503, 200]);

    let shown = &lab.get("/api/stats").await.body["policies"]["concurrency"]["priorities"];
    assert_eq!(shown["rejected"], json!([1, 0, 0, 0]));
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"client_priority_rejections_total{name="backend",priority="0"} 1"#,
            r#"client_priority_rejections_total{name="backend",priority="3"} 0"#,
            r#"client_priority_rejection_share{name="backend"} 0"#,
        ],
    );
}

#[actix_web::test]
async fn a_priority_that_is_none_is_a_bad_request() {
    let backend = backend(Duration::ZERO);
    let settings = [("CONCURRENCY_MAX", "9"), ("PRIORITY_HEADER", HEADER)];
    let lab = lab(config(&backend.url(), &settings)).await;
    let refused = lab.send(with("4")).await;
    assert_eq!((refused.status, refused.body["error"].as_str()), (400, Some("Bad Request")));
    assert_eq!(
        refused.body["message"],
        "the header x-request-priority must be one whole number from 0 to 3, the most important"
    );
    assert_eq!((lab.send(with("3")).await.status, lab.get(CALL).await.status), (200, 200));
    assert_eq!(backend.requests(), 2);
}

#[actix_web::test]
async fn without_the_setting_the_header_means_nothing() {
    let backend = backend(Duration::ZERO);
    let lab = lab(config(&backend.url(), &[])).await;
    assert_eq!(lab.send(with("high")).await.status, 200);
}
