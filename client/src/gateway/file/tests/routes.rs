use std::time::Duration;

use actix_web::http::Method;

use super::{
    super::route,
    one, read,
    refusals::{refused, refused_in_p},
};

#[test]
fn a_route_fits_by_method_and_path_and_has_settings_on_top_of_the_upstreams() {
    let upstream = one(r#"
        [upstreams.p]
        url = "http://p"
        retry_max_attempts = 7
        hedge_after = 0.5
        [[upstreams.p.routes]]
        methods = ["POST", "PATCH"]
        path = "/charges"
        hedge_after = false
        [[upstreams.p.routes]]
        idempotent = true
        retry_base_delay = 2
    "#);
    let [charges, rest] = &upstream.routes[..] else { panic!("{:?}", upstream.routes) };
    assert!(charges.fits(&Method::POST, "/charges/7") && charges.fits(&Method::PATCH, "/charges"));
    assert!(!charges.fits(&Method::GET, "/charges") && !charges.fits(&Method::POST, "/chargesX"));
    assert!(rest.fits(&Method::GET, "/") && rest.idempotent && !charges.idempotent);
    assert_eq!((charges.calls.retry.max_attempts, &charges.calls.hedge), (7, &None));
    assert_eq!(rest.calls.retry.base_delay, Duration::from_secs(2));
    assert!(rest.calls.hedge.is_some());
    assert_eq!(rest.effective.len(), route::SETTINGS.len(), "{:?}", rest.effective);
}

#[test]
fn keys_of_a_route() {
    refused_in_p("routes = [1]", &["3:11: upstreams.p.routes[0] is an integer: expected a table"]);
    refused_in_p(
        "routes = 1",
        &[
            "3:10: upstreams.p.routes is an integer: expected a list of tables, [[upstreams.p.routes]]",
        ],
    );
    refused_in_p(
        "[[upstreams.p.routes]]\nmethods = [\"get\", \"TRACE\", 1]\npath = \"charges\"\nidempotent = 1",
        &[
            "4:12: upstreams.p.routes[0].methods=\"get\" is not valid: expected a method in capital letters, but CONNECT \
         and TRACE",
            "4:19: upstreams.p.routes[0].methods=\"TRACE\" is not valid: expected a method in capital letters, but CONNECT \
         and TRACE",
            "4:28: upstreams.p.routes[0].methods is an integer: expected a method in capital letters, but CONNECT and TRACE",
            "5:8: upstreams.p.routes[0].path=\"charges\" is not valid: expected a path such as /charges, without a query, a \
         slash at its end, and segments that are empty, . or ..",
            "6:14: upstreams.p.routes[0].idempotent is an integer: expected true or false",
        ],
    );
    refused_in_p(
        "[[upstreams.p.routes]]\nmethods = []",
        &["4:11: upstreams.p.routes[0].methods is not a list of one or more methods"],
    );
    refused_in_p(
        "[[upstreams.p.routes]]\nattempt_timeout = 0.5\nretry_max_atempts = 1",
        &[
            "4:19: upstreams.p.routes[0].connect_timeout=\"1\" is not valid: expected no more than attempt_timeout=0.5",
            "5:1: upstreams.p.routes[0].retry_max_atempts is unknown: did you mean retry_max_attempts?",
        ],
    );
}

#[test]
fn settings_of_the_whole_upstream_in_a_route() {
    let of_upstream =
        ["breaker_fail_max", "rate_limit", "retry_budget", "pool_max_age", "connect_retries"];
    for key in of_upstream {
        let errors =
            read(&format!("[upstreams.p]\nurl = \"http://p\"\nroutes = [{{ {key} = 1 }}]"))
                .unwrap_err();
        let expected = format!(
            "3:13: upstreams.p.routes[0].{key} is a setting of the whole upstream: a route can have \
             retry_max_attempts, retry_base_delay, retry_backoff, retry_multiplier, retry_max_delay, retry_jitter, \
             retry_jitter_mode, attempt_timeout, call_deadline, hedge_after, hedge_max"
        );
        assert_eq!(errors, [expected]);
    }
}

#[test]
fn more_routes_than_a_request_should_look_at() {
    let routes = |count: usize| {
        let route = |number| format!("{{ path = \"/{number}\" }}");
        format!("routes = [{}]", (0..count).map(route).collect::<Vec<_>>().join(", "))
    };
    refused_in_p(
        &routes(1_001),
        &["3:10: upstreams.p.routes is a list of 1001: expected at most 1000"],
    );
}

#[test]
fn routes_that_no_request_reaches() {
    let routes = |routes: &[&str]| {
        let routes: String =
            routes.iter().map(|route| format!("[[upstreams.p.routes]]\n{route}\n")).collect();
        format!("[upstreams.p]\nurl = \"http://p\"\n{routes}")
    };
    let (get, post) = ("methods = [\"GET\"]", "methods = [\"POST\"]\npath = \"/a\"");
    let both = "methods = [\"GET\", \"POST\"]\npath = \"/a/b\"";
    refused(
        &routes(&[get, post, both]),
        &[
            "8:1: upstreams.p.routes[2] is never used: routes[0] and routes[1] fit all its requests before it",
        ],
    );
    refused(
        &routes(&["path = \"/a\"", both]),
        &["5:1: upstreams.p.routes[1] is never used: routes[0] fits all its requests before it"],
    );
    refused(
        &routes(&["path = \"x\"", "", ""]),
        &[
            "4:8: upstreams.p.routes[0].path=\"x\" is not valid: expected a path such as /charges, without a query, a \
             slash at its end, and segments that are empty, . or ..",
            "7:1: upstreams.p.routes[2] is never used: routes[1] fits all its requests before it",
        ],
    );
    for reached in [
        &[both, get, post][..],
        &[get, "path = \"/a\""],
        &["path = \"/a\"", "path = \"/ab\""],
        &["path = \"/a/b\"", "path = \"/a\"", ""],
    ] {
        assert!(read(&routes(reached)).is_ok(), "{reached:?}");
    }
}
