mod props;
mod refusals;
mod routes;
mod schema;

use std::{ffi::OsString, io, path::Path, time::Duration};

use actix_web::http::Method;
use resilience_actors::{ConcurrencyMax, Window};
use resilience_testing::certificates::Authority;
use service_edge::AdminToken;

use super::*;
use crate::{
    gateway::endpoints::{EjectionSettings, EndpointsConfig},
    transport::ConnectionSettings,
};

/// The variables and files to which the texts of these tests refer.
fn sources() -> Sources<'static> {
    Sources {
        variable: &|name| match name {
            "TOKEN" => Some(OsString::from("hunter2")),
            "SPACES" => Some(OsString::from("hunter 2")),
            _ => None,
        },
        file: &|path: &Path| match path.to_str() {
            Some("key") => Ok(b"k3y\r\n".to_vec()),
            Some("binary") => Ok(vec![0xff]),
            Some("none") => Err(io::ErrorKind::NotFound.into()),
            _ => std::fs::read(path),
        },
        folder: Path::new(""),
        has_admin_token: false,
    }
}

fn read(text: &str) -> Result<Vec<UpstreamConfig>, Vec<String>> {
    let located = parse(text, &sources());
    located.map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The path of a file with this text.
fn pem_file(name: &str, text: &str) -> String {
    let file = std::env::temp_dir().join(format!("upstreams-{name}-{}.pem", std::process::id()));
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The only upstream of a text.
fn one(text: &str) -> UpstreamConfig {
    let mut upstreams = read(text).unwrap();
    assert_eq!(upstreams.len(), 1, "{text}");
    upstreams.remove(0)
}

const EXAMPLE: &str = r#"
[upstreams.backend]                 # the lab's: what the environment makes of it when there is no file
url = "http://backend-service:5000"

[upstreams.payments]
url = "https://payments.internal:8443"
breaker_failure_rate = 0.5          # settings are those of the environment, in lower case; times are seconds
breaker_window = "60s"
retry_max_attempts = 3
attempt_timeout = 2.0
call_deadline = 10.0
concurrency_max = 100

[[upstreams.payments.routes]]       # the first that fits
methods = ["POST"]
path = "/charges"                   # a prefix
retry_max_attempts = 1
"#;

#[test]
fn the_example_is_read_whole() {
    let upstreams = read(EXAMPLE).unwrap();
    let [backend, payments] = &upstreams[..] else { panic!("{upstreams:?}") };
    assert_eq!(backend.name.as_str(), "backend");
    assert_eq!(backend.url.to_string(), "http://backend-service:5000");
    let defaults = crate::Config::read(&mut Settings::from_pairs(&[])).unwrap();
    assert_eq!(backend.settings.policies, *defaults.policies.load(), "the built-in defaults");
    assert_eq!(backend.body_idle_timeout, Duration::from_secs(30));

    assert_eq!(payments.name.as_str(), "payments");
    assert!(payments.url.is_https() && payments.connections.tls.is_some());
    let policies = &payments.settings.policies;
    assert_eq!(policies.breaker.failure_rate, Some(0.5));
    assert_eq!(policies.breaker.window, Window::Time(Duration::from_secs(60)));
    assert_eq!(policies.calls.retry.max_attempts, 3);
    assert_eq!(policies.calls.attempt_timeout, Duration::from_secs(2));
    assert_eq!(policies.calls.call_deadline, Duration::from_secs(10));
    let concurrency = policies.calls.concurrency.as_ref().map(|limit| limit.concurrency_max);
    assert_eq!(concurrency, Some(ConcurrencyMax::Fixed(100)));
    let [route] = &payments.routes[..] else { panic!("{:?}", payments.routes) };
    assert_eq!(route.methods, Some(vec![Method::POST]));
    assert_eq!((route.path.as_str(), route.idempotent), ("/charges", false));
    assert_eq!(route.calls.retry.max_attempts, 1);
    assert_eq!(route.calls.attempt_timeout, Duration::from_secs(2), "as the upstream's");
}

#[test]
fn numbers_texts_and_booleans_are_the_values_of_variables() {
    let upstream = one(r#"
        [upstreams.p]
        url = "http://a:1/"
        breaker_reset_timeout = "2.5"
        breaker_fail_max = 0x10
        connect_timeout = 0.5
        pool_max_age = 20
        rate_limit = "10/s"
        throttle = true
        hedge_after = false
    "#);
    let settings = &upstream.settings;
    assert_eq!(upstream.url.to_string(), "http://a:1");
    assert_eq!(settings.policies.breaker.reset_timeout, Duration::from_millis(2_500));
    assert_eq!(settings.policies.breaker.fail_max, 16);
    let ConnectionSettings { connect_timeout, max_age, idle_timeout, tls } = &*upstream.connections;
    assert_eq!(*connect_timeout, Duration::from_millis(500));
    assert_eq!((max_age.as_secs(), idle_timeout.as_secs()), (20, 15));
    assert!(tls.is_none());
    let calls = &settings.policies.calls;
    assert!(calls.rate.is_some() && calls.throttle.is_some() && calls.hedge.is_none());
}

#[test]
fn an_upstream_has_one_endpoint_or_several() {
    let upstream = one("[upstreams.p]\nurl = \"http://a:1\"");
    let EndpointsConfig { urls, all, ejection } = &upstream.endpoints;
    assert_eq!((urls, *all), (&vec![upstream.url.clone()], false));
    assert_eq!(*ejection, EjectionSettings::default());

    let upstream = one(r#"
        [upstreams.p]
        url = ["https://a:1", "https://b", "https://[::1]:7"]
        endpoints = "all"
        eject_consecutive_failures = 0
        eject_failure_rate_gap = 0.2
        eject_min_calls = 7
        eject_base_time = 2
        eject_max_time = "2.5"
        eject_max_share = 1
    "#);
    let EndpointsConfig { urls, all, ejection } = &upstream.endpoints;
    let urls: Vec<_> = urls.iter().map(ToString::to_string).collect();
    assert_eq!(urls, ["https://a:1", "https://b", "https://[::1]:7"]);
    assert_eq!((upstream.url.to_string().as_str(), *all), ("https://a:1", true));
    let expected = EjectionSettings {
        consecutive_failures: 0,
        failure_rate_gap: 0.2,
        min_calls: 7,
        base_time: Duration::from_secs(2),
        max_time: Duration::from_millis(2_500),
        max_share: 1.0,
    };
    assert_eq!(*ejection, expected);
}

#[test]
fn secrets_stand_in_files_and_variables_and_are_shown_nowhere() {
    let identity = Authority::new().issue(&["p.internal"]);
    let (certificate, key) =
        (pem_file("shown", &identity.pem), pem_file("hidden", &identity.key_pem));
    let text = format!(
        r#"
        [upstreams.p]
        url = "https://p"
        token = {{ env = "TOKEN" }}
        [upstreams.p.headers]
        Authorization = "Bearer l1teral"
        X-Key = {{ file = "key" }}
        X-Shown = "a b"
        [upstreams.p.tls]
        ca_file = "{certificate}"
        client_certificate_file = "{certificate}"
        client_key_file = "{key}"
        server_name = "p.internal"
    "#
    );
    let upstream = one(&text);
    assert_eq!(upstream.token, Some(AdminToken::new("hunter2")));
    let header = |name: &str| {
        let (_, value) = upstream.headers.iter().find(|(other, _)| *other == name).unwrap();
        (value.to_str().unwrap(), value.is_sensitive())
    };
    assert_eq!(header("authorization"), ("Bearer l1teral", true));
    assert_eq!(header("x-key"), ("k3y", true), "without the line break at the end of the file");
    assert_eq!(header("x-shown"), ("a b", false));
    assert_eq!(upstream.tls.server_name.as_deref(), Some("p.internal"));
    assert_eq!(upstream.tls.client_key_file.as_deref(), Some(Path::new(&key)));
    assert!(upstream.connections.tls.is_some());

    let shown = show(std::slice::from_ref(&upstream));
    assert!(shown.contains("token = \"(hidden)\"\n") && shown.contains("\"x-shown\" = \"a b\"\n"));
    for text in [shown, format!("{upstream:?}")] {
        let key = &identity.key_pem.lines().nth(1).unwrap()[..16];
        for secret in ["hunter2", "l1teral", "k3y", "BEGIN", key] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[test]
fn what_is_shown_is_a_file_with_the_same_settings() {
    let ca = pem_file("again", &Authority::new().pem());
    let text = r#"
        [upstreams.a]
        url = "https://a:1/"
        body_idle_timeout = 0.5
        priority_header = "X-Priority"
        concurrency_max = "auto"
        breaker_window = "60s"
        breaker_probe = "/health?x"
        rate_limit = "10/s"
        retry_jitter = 0.05
        tls = { server_name = "s", ca_file = "CA" }
        headers = { x-a = "quote \" and \\", x-b = "" }
        routes = [{ methods = ["GET", "PURGE"], hedge_after = "p95" }, { path = "/x", idempotent = true }]
        [upstreams.b]
        url = ["http://b", "http://[::1]:1"]
        endpoints = "all"
        eject_consecutive_failures = 3
        eject_failure_rate_gap = 0.25
        eject_min_calls = 7
        eject_base_time = 0.5
        eject_max_time = 2
        eject_max_share = 0.2
    "#;
    let upstreams = read(&text.replace("CA", &ca)).unwrap();
    let shown = show(&upstreams);
    let again = read(&shown).unwrap();
    assert_eq!(show(&again), shown);
    for (upstream, again) in upstreams.iter().zip(&again) {
        assert_eq!(again.settings.policies, upstream.settings.policies);
        assert_eq!((&again.url, &again.endpoints), (&upstream.url, &upstream.endpoints));
        let headers = |of: &UpstreamConfig| {
            let header = |name: &str| of.headers.iter().find(|(other, _)| *other == name).is_some();
            (of.headers.iter().count(), header("x-a"), header("x-b"))
        };
        assert_eq!(headers(again), headers(upstream));
        assert_eq!(again.tls, upstream.tls);
        // Each shown route sets all its settings itself.
        let routes = |of: &UpstreamConfig| -> Vec<_> {
            let mut routes = of.routes.clone();
            routes.iter_mut().for_each(|route| route.given.clear());
            routes
        };
        assert_eq!(routes(again), routes(upstream));
    }
}

#[test]
fn settings_that_chaos_needs_are_those_of_the_process() {
    let text = "[upstreams.p]\nurl = \"http://p\"\nchaos_failure_rate = 0.1";
    assert!(parse(text, &Sources { has_admin_token: true, ..sources() }).is_ok());
}

#[test]
fn the_settings_of_an_upstream_can_change_at_run_time() {
    let upstream = one("[upstreams.p]\nurl = \"http://p\"\nretry_max_attempts = 7");
    let live = crate::policy_settings::LivePolicies::new(&upstream.settings);
    assert_eq!(*live.load(), upstream.settings.policies);
}

#[test]
fn a_panic_of_the_reader_is_an_error_of_the_file() {
    let path = std::env::temp_dir().join(format!("panics-{}.toml", std::process::id()));
    std::fs::write(&path, "[upstreams.p]\nurl = \"http://p\"\ntoken = { env = \"T\" }").unwrap();
    let Loaded { upstreams, contents } = load(&path, &Settings::new(|_| panic!("oops")), false);
    let error = upstreams.unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}: reading the file panicked: a bug of client-service", path.display())
    );
    assert!(!contents.have_changed(), "it is told once");
    std::fs::remove_file(path).unwrap();
}
