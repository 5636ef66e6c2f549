//! The metrics of requests in `GET /metrics`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::time::Duration;

use actix_web::{
    HttpResponse,
    dev::Service as _,
    http::Method,
    test::{TestRequest, init_service, try_call_service},
};
use resilience_testing::app::answer;
use service_edge::{ApiError, Drain, Metrics, Routes, app, endpoint, metrics::Families};

fn routes(routes: &mut Routes<'_>) {
    async fn refuse() -> Result<HttpResponse, ApiError> {
        Err(ApiError::unavailable("not now"))
    }
    async fn hang() -> HttpResponse {
        std::future::pending().await
    }
    async fn panic_later() -> HttpResponse {
        tokio::task::yield_now().await;
        panic!("after a wait")
    }
    fn panic_at_once(_: actix_web::HttpRequest) -> std::future::Ready<HttpResponse> {
        panic!("before there is a future")
    }
    routes
        .service(
            endpoint("/cups/{name}")
                .get(HttpResponse::Ok, |it| it)
                .put(HttpResponse::NoContent, |it| it),
        )
        .service(endpoint("/refuse").get(refuse, |it| it))
        .service(endpoint("/hang").get(hang, |it| it))
        .service(endpoint("/panic-later").get(panic_later, |it| it))
        .service(endpoint("/panic-at-once").get(panic_at_once, |it| it));
}

#[actix_web::test]
async fn requests_are_counted_by_route_method_and_status_even_if_they_panic_or_are_dropped() {
    let service = init_service(app(Drain::new(), None, Metrics::new("1.2.3"), routes)).await;
    for (method, path) in [
        ("GET", "/cups/a"),
        ("GET", "/cups/b"),
        ("HEAD", "/cups/c"),
        ("PUT", "/cups/a"),
        ("DELETE", "/cups/a"),
        ("OPTIONS", "/cups/a"),
        ("OPTIONS", "*"),
        ("BREW", "/cups/a"),
        ("GET", "/refuse"),
        ("GET", "/panic-later"),
        ("GET", "/panic-at-once"),
        ("GET", "/nowhere"),
        ("GET", "/else%77here"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = TestRequest::with_uri(path).method(method).to_request();
        let _ = try_call_service(&service, request).await;
    }
    let left = service.call(TestRequest::with_uri("/hang").to_request());
    assert!(tokio::time::timeout(Duration::from_millis(10), left).await.is_err());

    let told = answer(&service, TestRequest::with_uri("/metrics").to_request()).await;
    assert_eq!(told.header("content-type"), Some("text/plain; version=0.0.4"));
    let text = told.text;
    for (labels, count) in [
        (r#"method="GET",path="/cups/{name}",status="200""#, 2),
        (r#"method="HEAD",path="/cups/{name}",status="200""#, 1),
        (r#"method="PUT",path="/cups/{name}",status="204""#, 1),
        (r#"method="DELETE",path="/cups/{name}",status="405""#, 1),
        (r#"method="OPTIONS",path="/cups/{name}",status="204""#, 1),
        (r#"method="OPTIONS",path="*",status="204""#, 1),
        (r#"method="other",path="/cups/{name}",status="405""#, 1),
        (r#"method="GET",path="/refuse",status="503""#, 1),
        (r#"method="GET",path="/panic-later",status="500""#, 1),
        (r#"method="GET",path="/panic-at-once",status="500""#, 1),
        (r#"method="GET",path="/hang",status="499""#, 1),
        (r#"method="GET",path="unmatched",status="404""#, 2),
    ] {
        let line = format!("http_requests_total{{{labels}}} {count}");
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    for line in [
        r#"http_request_duration_seconds_count{method="GET",path="/cups/{name}"} 2"#,
        r#"http_request_duration_seconds_bucket{method="GET",path="/cups/{name}",le="+Inf"} 2"#,
        // The scrape itself.
        "http_requests_in_flight 1",
        r#"build_info{version="1.2.3"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("nowhere") && !text.contains("BREW"), "what clients choose is no label");
}

#[actix_web::test]
async fn metrics_of_other_sources_are_read_at_each_scrape() {
    let metrics = Metrics::new("1");
    metrics.add_source(|families: &mut Families| {
        families.gauge("cups", "Cups on the shelf.", 3.0);
        for (size, count) in [("small", 1.0), ("large", 2.0)] {
            families.counters("cups_sold_total", "Cups sold.", [(&[("size", size)][..], count)]);
        }
    });
    metrics.add_asking_source(|| {
        Box::pin(async {
            tokio::task::yield_now().await;
            let mut families = Families::default();
            families.counter("asked_total", "Questions.", 1.0);
            families.gauges("nothing", "Has no series.", []);
            families
        })
    });
    let text = metrics.render().await.unwrap();
    let sold = "# HELP cups_sold_total Cups sold.\n# TYPE cups_sold_total counter\n\
        cups_sold_total{size=\"small\"} 1\ncups_sold_total{size=\"large\"} 2\n";
    assert!(text.contains(sold), "{text}");
    assert!(text.contains("# TYPE cups gauge\ncups 3\n"), "{text}");
    assert!(text.contains("# TYPE asked_total counter\nasked_total 1\n"), "{text}");
    assert!(!text.contains("nothing"), "{text}");
}
