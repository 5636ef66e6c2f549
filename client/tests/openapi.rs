//! The OpenAPI document has each endpoint, as it is registered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use actix_web::{http::Method, test::TestRequest};
use resilience_testing::{
    access::{TOKEN, registered_paths},
    openapi::{assert_methods, assert_whole, methods},
};
use serde_json::json;
use support::{config, lab};

#[actix_web::test]
async fn each_registered_endpoint_is_in_the_document_with_its_methods() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    let document = lab.get("/openapi.json").await.body;
    assert_whole(&document);
    let documented = methods(&document);
    let mut paths = registered_paths(env!("CARGO_MANIFEST_DIR"));
    assert!(paths.contains("/api/call-backend") && paths.contains("/docs"), "{paths:?}");
    // The files of the dashboard share a path, and the tail of the gateway's has a form.
    assert!(documented.contains_key("/dashboard/{file}"));
    paths.retain(|path| !path.starts_with("/dashboard/"));
    assert!(paths.remove("/upstreams/{path}*"));
    let passed_on = &documented["/upstreams/{name}/{path}"];
    assert_eq!(
        passed_on.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        "DELETE GET HEAD OPTIONS PATCH POST PUT"
    );
    for path in paths {
        assert!(documented.contains_key(path.as_str()), "{path} is not in the document");
    }
    assert_methods(&document, async |path| {
        let path = path.replace("{name}", "backend").replace("{file}", "app.js");
        let request = TestRequest::with_uri(&path).method(Method::OPTIONS);
        let answer = lab.open(request).await;
        answer.headers().get("allow").unwrap().to_str().unwrap().to_owned()
    })
    .await;
}

#[actix_web::test]
async fn the_document_says_which_requests_need_the_token() {
    for (variables, expected) in [
        (&[][..], json!([{}, { "admin_token": [] }])),
        (&[("ADMIN_TOKEN", TOKEN)], json!([{ "admin_token": [] }])),
    ] {
        let lab = lab(config("http://127.0.0.1:1", variables)).await;
        let answer = lab.get("/openapi.json").await;
        assert!(!answer.text.contains(TOKEN));
        for (path, item) in answer.body["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let changes = !path.starts_with("/upstreams/") && method != "get";
                let access = if changes { &expected } else { &operation["security"] };
                assert_eq!(operation["security"], *access, "{method} {path}");
                let guarded = changes || path.starts_with("/upstreams/");
                assert_eq!(operation["responses"]["401"].is_object(), guarded, "{method} {path}");
                assert_eq!(operation["security"].is_array(), guarded, "{method} {path}");
            }
        }
    }
}

#[actix_web::test]
async fn keys_of_bodies_are_those_of_the_types() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    let document = lab.get("/openapi.json").await.body;
    let schemas = &document["components"]["schemas"];
    let request = &schemas["StressRequest"];
    assert_eq!(request["properties"]["num_requests"]["maximum"], 10_000);
    assert_eq!(request["additionalProperties"], false);
    assert_eq!(schemas["State"]["enum"], json!(["closed", "open", "half-open"]));
    assert_eq!(
        schemas["HedgeSnapshot"]["properties"]["delay_seconds"]["type"],
        json!(["number", "null"])
    );
    // A part of other schemas, whose own properties it must allow.
    assert_eq!(schemas["BreakerSettings"].get("additionalProperties"), None);
}
