//! The series of each upstream.

use crate::{
    Failing, fail,
    support::{assert_lines, lab},
    with_file,
};

const FILE: &str = r#"
[upstreams.p]
url = "http://p"
breaker_fail_max = 2
concurrency_max = 7
[upstreams.q]
url = "http://q"
hedge_after = 1
"#;

#[actix_web::test]
async fn each_series_with_a_name_is_there_for_each_upstream_once() {
    let lab = lab(with_file(FILE, &[])).await;
    fail(&lab.gateway.find("p").unwrap(), 2).await;
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"resilience4j_circuitbreaker_state{name="p",state="open"} 1"#,
            r#"resilience4j_circuitbreaker_state{name="q",state="closed"} 1"#,
            r#"resilience4j_circuitbreaker_state{name="backend",state="closed"} 1"#,
            r#"resilience4j_circuitbreaker_calls_seconds_count{kind="failed",name="p"} 2"#,
            r#"resilience4j_circuitbreaker_calls_seconds_count{kind="failed",name="backend"} 0"#,
            r#"resilience4j_bulkhead_max_allowed_concurrent_calls{name="p"} 7"#,
            r#"client_hedges_total{name="q"} 0"#,
            r#"client_retry_attempts_total{name="p"} 0"#,
            r#"resilience4j_retry_calls_total{name="p",kind="failed_without_retry"} 2"#,
            r#"resilience4j_circuitbreaker_failure_rate{name="q"} -1"#,
            r#"client_overload_rejections_total{name="p"} 0"#,
            r#"client_overload_rejections_total{name="backend"} 0"#,
            r#"client_mailbox_depth{name="p",actor="breaker"} 0"#,
            r#"client_events_total{name="p",type="transition"} 1"#,
            r#"client_events_total{name="q",type="transition"} 0"#,
            r#"client_retry_wait_seconds_count{name="p"} 0"#,
        ],
    );
    let mut series: Vec<_> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' ').map(|(series, _)| series))
        .collect();
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "a series is there twice");
    let families: Vec<_> = metrics.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let mut once = families.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), families.len(), "a family is there twice");
}

#[actix_web::test]
async fn waits_and_retries_are_counted_for_their_upstream() {
    let settings =
        "[upstreams.p]\nurl = \"http://p\"\nretry_base_delay = 0.001\nretry_max_attempts = 3";
    let lab = lab(with_file(settings, &[])).await;
    let failed = lab.gateway.find("p").unwrap().upstream().run(Failing).await;
    assert_eq!(failed.attempts.len(), 3);
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"client_retry_wait_seconds_count{name="p"} 2"#,
            r#"client_retry_wait_seconds_count{name="backend"} 0"#,
            r#"client_retry_attempts_total{name="p"} 2"#,
            r#"client_events_total{name="p",type="retry"} 2"#,
        ],
    );
}

/// Each series that belongs to an upstream names it. Others belong to the process.
#[actix_web::test]
async fn no_series_about_an_upstream_lacks_its_name() {
    let lab = lab(with_file(FILE, &[])).await;
    let metrics = lab.text("/metrics").await;
    let of_the_process = [
        "client_calls_in_flight",
        "client_calls_waiting",
        "client_calls_max",
        "client_event_streams",
        "client_config_",
    ];
    let series = metrics
        .lines()
        .filter(|line| line.starts_with("client_") || line.starts_with("resilience4j_"));
    for line in series {
        let process = of_the_process.iter().any(|name| line.starts_with(name));
        assert!(process || line.contains("name=\""), "{line}");
    }
}
