//! The series of each upstream.

use crate::{
    fail,
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
            "client_overload_rejections_total 0",
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
