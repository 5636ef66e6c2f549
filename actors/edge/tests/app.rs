//! The stack of `app`, as a client sees it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{AUTHORIZATION, CONTENT_LENGTH},
    },
    test::{TestRequest, init_service},
};
use resilience_testing::app::answer;
use serde::Deserialize;
use serde_json::json;
use service_edge::{AdminToken, Drain, JsonBody, Metrics, Routes, app, endpoint};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    cups: u32,
}

fn routes(routes: &mut Routes<'_>) {
    async fn order(JsonBody(order): JsonBody<Order>) -> HttpResponse {
        HttpResponse::Ok().json(json!({ "cups": order.cups }))
    }
    async fn panic_later() -> HttpResponse {
        tokio::task::yield_now().await;
        panic!("after a wait")
    }
    fn panic_at_once(_: HttpRequest) -> std::future::Ready<HttpResponse> {
        panic!("before there is a future")
    }
    async fn pass(request: HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(
            json!({ "method": request.method().as_str(), "target": request.uri().to_string() }),
        )
    }
    routes
        .service(endpoint("/cups").get(HttpResponse::Ok, |it| it).put(order, |it| it))
        .service(endpoint("/panic-later").get(panic_later, |it| it))
        .service(endpoint("/panic-at-once").get(panic_at_once, |it| it))
        .service(endpoint("/pass/{name}{rest:(/.*)?}").any(pass, |it| it));
}

#[actix_web::test]
async fn unknown_path_is_404_for_every_method() {
    let service = init_service(app(Drain::new(), None, Metrics::new("1"), routes)).await;
    for method in [Method::GET, Method::POST, Method::DELETE] {
        for path in ["/", "/cup", "/cups/", "/cups/1", "/%ff", "/..%2f"] {
            let request = TestRequest::with_uri(path).method(method.clone());
            answer(&service, request.to_request()).await.assert_error(404, "Not Found", "");
        }
    }
}

#[actix_web::test]
async fn a_wrong_method_is_405_with_the_allowed_methods() {
    let service = init_service(app(Drain::new(), None, Metrics::new("1"), routes)).await;
    for (path, method, allow) in [
        ("/cups", Method::DELETE, "GET, HEAD, PUT, OPTIONS"),
        ("/panic-later", Method::PUT, "GET, HEAD, OPTIONS"),
        ("/ready", Method::POST, "GET, HEAD, OPTIONS"),
    ] {
        let request = TestRequest::with_uri(path).method(method);
        let answer = answer(&service, request.to_request()).await;
        answer.assert_error(405, "Method Not Allowed", "");
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

#[actix_web::test]
async fn options_lists_the_allowed_methods_without_a_token_and_calls_no_handler() {
    let token = AdminToken::new("s3cret");
    let service = init_service(app(Drain::new(), Some(token), Metrics::new("1"), routes)).await;
    for (path, allow) in [
        ("/cups", "GET, HEAD, PUT, OPTIONS"),
        ("/panic-at-once", "GET, HEAD, OPTIONS"),
        ("/ready", "GET, HEAD, OPTIONS"),
        ("*", "GET, HEAD, POST, PUT, OPTIONS"),
    ] {
        let request = TestRequest::with_uri(path).method(Method::OPTIONS).set_payload("not json");
        let answer = answer(&service, request.to_request()).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{path}");
        assert_eq!(answer.header("allow"), Some(allow));
        assert_eq!(answer.header("content-length"), None, "{path}");
    }
    for (method, path) in [(Method::OPTIONS, "/"), (Method::OPTIONS, "/cup"), (Method::GET, "*")] {
        let request = TestRequest::with_uri(path).method(method);
        answer(&service, request.to_request()).await.assert_error(404, "Not Found", "");
    }
}

#[actix_web::test]
async fn head_is_answered_as_get() {
    let service = init_service(app(Drain::new(), None, Metrics::new("1"), routes)).await;
    let request = TestRequest::with_uri("/cups").method(Method::HEAD);
    assert_eq!(answer(&service, request.to_request()).await.status, 200);
}

#[actix_web::test]
async fn an_endpoint_for_any_method_gets_them_as_they_are_and_without_a_token() {
    let token = Some(AdminToken::new("s3cret"));
    let service = init_service(app(Drain::new(), token, Metrics::new("1"), routes)).await;
    for target in ["/pass/a", "/pass/a/", "/pass/a/b%2Fc//d?e=%20", "/pass/a?x"] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            let request = TestRequest::with_uri(target).method(method.parse().unwrap());
            let answer = answer(&service, request.to_request()).await;
            let expected = json!({ "method": method, "target": target });
            assert_eq!((answer.status, answer.body), (200, expected));
        }
    }
    for method in [Method::CONNECT, Method::TRACE] {
        let request = TestRequest::with_uri("/pass/a/b").method(method).to_request();
        let answer = answer(&service, request).await;
        answer.assert_error(405, "Method Not Allowed", "does not take");
        let allow = answer.header("allow");
        assert_eq!(allow, Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
}

#[actix_web::test]
async fn bodies_are_optional_bounded_and_strict() {
    let service = init_service(app(Drain::new(), None, Metrics::new("1"), routes)).await;
    let put = || TestRequest::put().uri("/cups");

    let without = answer(&service, put().to_request()).await;
    assert_eq!((without.status, without.body), (200, json!({ "cups": 0 })));

    let as_curl_sends = put()
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(r#"{"cups": 2}"#);
    let curled = answer(&service, as_curl_sends.to_request()).await;
    assert_eq!((curled.status, curled.body), (200, json!({ "cups": 2 })));

    let unknown = put().set_payload(r#"{"mugs": 2}"#).to_request();
    answer(&service, unknown).await.assert_error(400, "Bad Request", "");

    let large = put().set_payload(vec![b' '; 10_000_000]).to_request();
    answer(&service, large).await.assert_error(413, "Payload Too Large", "");

    let announced = put().insert_header((CONTENT_LENGTH, "10000000")).to_request();
    answer(&service, announced).await.assert_error(413, "Payload Too Large", "");
}

#[actix_web::test]
async fn a_request_without_the_token_is_refused_before_its_body_is_read() {
    let token = AdminToken::new("s3cret");
    let service = init_service(app(Drain::new(), Some(token), Metrics::new("1"), routes)).await;
    let put = || TestRequest::put().uri("/cups").set_payload("not json");

    let stranger = answer(&service, put().to_request()).await;
    stranger.assert_error(401, "Unauthorized", "");
    assert_eq!(stranger.header("www-authenticate"), Some("Bearer"));

    let admin = put().insert_header((AUTHORIZATION, "Bearer s3cret"));
    answer(&service, admin.to_request()).await.assert_error(400, "Bad Request", "");
}

#[actix_web::test]
async fn a_panic_is_a_500_whose_body_hides_the_reason() {
    let service = init_service(app(Drain::new(), None, Metrics::new("1"), routes)).await;
    for path in ["/panic-later", "/panic-at-once"] {
        let failed = answer(&service, TestRequest::with_uri(path).to_request()).await;
        failed.assert_error(500, "Internal Server Error", "");
        assert!(!failed.body.to_string().contains("wait"), "{}", failed.body);
        let next = answer(&service, TestRequest::with_uri("/cups").to_request()).await;
        assert_eq!(next.status, 200);
    }
}

#[actix_web::test]
async fn ready_answers_503_once_the_shutdown_has_begun() {
    let drain = Drain::new();
    let service = init_service(app(drain.clone(), None, Metrics::new("1"), routes)).await;
    let ready = || TestRequest::with_uri("/ready").to_request();

    let before = answer(&service, ready()).await;
    assert_eq!((before.status, before.body), (200, json!({ "status": "ready" })));

    drain.begin();
    let after = answer(&service, ready()).await;
    after.assert_error(503, "Service Unavailable", "");
    assert_eq!(after.body["status"], "draining");
    let other = answer(&service, TestRequest::with_uri("/cups").to_request()).await;
    assert_eq!(other.status, 200);
}
