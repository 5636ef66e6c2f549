//! The OpenAPI document has each endpoint, as it is registered.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

mod support;

use resilience_testing::{
    access::registered_paths,
    http::Request,
    openapi::{assert_methods, assert_whole, methods},
};
use support::start;

#[actix_web::test]
async fn each_registered_endpoint_is_in_the_document_with_its_methods() {
    let backend = start(&[]);
    let document = backend.get("/openapi.json").body;
    assert_whole(&document);
    let documented = methods(&document);
    let paths = registered_paths(env!("CARGO_MANIFEST_DIR"));
    assert!(paths.contains("/api/faults") && paths.contains("/docs"), "{paths:?}");
    for path in paths {
        assert!(documented.contains_key(path.as_str()), "{path} is not in the document");
    }
    assert_methods(&document, async |path| {
        let answer = backend.ask(Request::new(format!("OPTIONS {path}")));
        answer.header("allow").unwrap().to_owned()
    })
    .await;
}
