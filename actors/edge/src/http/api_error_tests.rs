use actix_web::body::to_bytes;

use super::*;

#[actix_web::test]
async fn answer_has_status_reason_and_message() {
    let error = ApiError::unavailable("the circuit is open").retry_after(Duration::from_secs(7));
    let response = error.error_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers().get("retry-after").unwrap(), "7");
    assert_eq!(response.headers().get("content-type").unwrap(), "application/json");
    let body = to_bytes(response.into_body()).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, json!({ "error": "Service Unavailable", "message": "the circuit is open" }));
}

#[test]
fn retry_after_is_rounded_up() {
    for (millis, header) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2")] {
        let error = ApiError::unavailable("").retry_after(Duration::from_millis(millis));
        assert_eq!(error.headers().get(RETRY_AFTER).unwrap(), header);
    }
}

#[test]
fn a_long_message_is_shortened_to_one_line() {
    let sent = "x\n".repeat(500_000);
    let error = ApiError::bad_request(format!("{sent} is not valid: expected a number"));
    assert!(error.message().len() < 2_000, "{}", error.message().len());
    assert!(error.message().ends_with(" is not valid: expected a number"), "{error}");
    assert!(!error.message().contains(char::is_control), "{error}");
}

#[test]
fn an_invalid_header_value_is_omitted() {
    let error = ApiError::bad_request("").with_header(RETRY_AFTER, "1\r\nX: y");
    assert!(error.headers().is_empty());
}
