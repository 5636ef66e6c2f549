//! `GET /api/upstreams` and `GET /api/upstreams/{name}`.

use serde_json::{Value, json};

use crate::{fail, support::lab, with_file};

const FILE: &str = r#"
[upstreams.payments]
url = "https://payments:8443"
breaker_fail_max = 2
concurrency_max = 7
token = "s3cret"
headers = { Authorization = "Bearer hunter2" }

[upstreams.mail]
url = "http://mail"
"#;

#[actix_web::test]
async fn the_list_has_the_lab_s_backend_and_then_the_file_s_upstreams_without_secrets() {
    let lab = lab(with_file(FILE, &[])).await;
    fail(&lab.gateway.find("payments").unwrap(), 2).await;
    let answer = lab.get("/api/upstreams").await;
    let upstreams = answer.body["upstreams"].as_array().unwrap();
    let shown: Vec<_> = upstreams
        .iter()
        .map(|upstream| ["name", "url", "state", "mode"].map(|key| upstream[key].as_str().unwrap()))
        .collect();
    let expected = [
        ["backend", "http://127.0.0.1:9", "closed", "auto"],
        ["mail", "http://mail", "closed", "auto"],
        ["payments", "https://payments:8443", "open", "auto"],
    ];
    assert_eq!(shown, expected);
    assert_eq!(upstreams[2]["counts"]["failed"], 2);
    for key in ["total_requests", "failed_requests", "rejected_requests", "calls_in_flight"] {
        assert_eq!(upstreams[2]["calls"][key], 0, "{key}: these calls came from no request");
    }
    assert_eq!(upstreams[2]["policies"]["concurrency"]["max"], 7);
    assert_eq!(upstreams[1]["policies"], json!({}));
    let one = lab.get("/api/upstreams/payments").await;
    for text in [answer.text, one.text, lab.get("/api/upstreams/payments/settings").await.text] {
        assert!(!text.contains("s3cret") && !text.contains("hunter2"), "{text}");
    }
}

#[actix_web::test]
async fn one_upstream_has_all_that_the_lab_s_circuit_breaker_shows() {
    let lab = lab(with_file(FILE, &[])).await;
    fail(&lab.gateway.find("payments").unwrap(), 1).await;
    let payments = lab.get("/api/upstreams/payments").await.body;
    assert_eq!((&payments["name"], &payments["fail_counter"]), (&json!("payments"), &json!(1)));
    assert_eq!(payments["fail_max"], 2);
    let circuit = lab.get("/api/circuit-breaker").await.body;
    for key in circuit.as_object().unwrap().keys() {
        assert_ne!(payments.get(key), None, "{key}");
    }
    let backend = lab.get("/api/upstreams/backend").await.body;
    assert_eq!((&backend["fail_max"], &backend["fail_counter"]), (&json!(5), &json!(0)));
}

#[actix_web::test]
async fn an_unknown_name_is_answered_with_404() {
    let lab = lab(with_file(FILE, &[])).await;
    for path in ["/api/upstreams/pay", "/api/upstreams/pay%0Aments", "/api/upstreams/Mail/settings"]
    {
        let answer = lab.get(path).await;
        let message = "no upstream has this name: GET /api/upstreams lists them";
        assert_eq!(
            (answer.status, &answer.body["message"]),
            (404, &Value::from(message)),
            "{path}"
        );
    }
    for act in ["reset", "force-open", "disable", "enable"] {
        assert_eq!(lab.post(&format!("/api/upstreams/pay/{act}"), "").await.status, 404, "{act}");
    }
}
