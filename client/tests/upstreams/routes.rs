//! Requests of a route have its settings.

use actix_web::http::{Method, header::HeaderMap};
use resilience_actors::{CallOptions, Priority};

use crate::{Failing, support::lab, with_file};

const FILE: &str = r#"
[upstreams.p]
url = "http://p"
retry_max_attempts = 3
retry_base_delay = 0.001
retry_max_delay = 0.001
priority_header = "X-Priority"
concurrency_max = 100
[[upstreams.p.routes]]
methods = ["POST"]
path = "/charges"
retry_max_attempts = 1
[[upstreams.p.routes]]
path = "/charges"
retry_max_attempts = 2
idempotent = true
"#;

#[actix_web::test]
async fn the_first_route_that_fits_decides() {
    let lab = lab(with_file(FILE, &[])).await;
    let p = lab.gateway.find("p").unwrap();
    let attempts =
        async |options: CallOptions| p.upstream().run_with(options, Failing).await.attempts.len();
    for (method, path, expected, idempotent) in [
        (Method::POST, "/charges/7", 1, false),
        (Method::GET, "/charges", 2, true),
        (Method::GET, "/chargesx", 3, false),
        (Method::POST, "/", 3, false),
    ] {
        let route = p.options(&method, path);
        assert_eq!(route.idempotent, idempotent, "{method} {path}");
        assert_eq!(attempts(route.options).await, expected, "{method} {path}");
    }
}

#[actix_web::test]
async fn the_priority_is_read_from_the_header_that_the_file_names() {
    let lab = lab(with_file(FILE, &[])).await;
    let p = lab.gateway.find("p").unwrap();
    let mut headers = HeaderMap::new();
    assert_eq!(p.priority(&headers).unwrap(), Priority::Normal);
    headers.insert("x-priority".parse().unwrap(), "3".parse().unwrap());
    assert_eq!(p.priority(&headers).unwrap(), Priority::ALL[3]);
    headers.insert("x-priority".parse().unwrap(), "high".parse().unwrap());
    assert!(p.priority(&headers).is_err());
}
