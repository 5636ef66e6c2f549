use super::*;

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn read(method: &Method, status: u16, headers: &[(&str, &str)]) -> Result<AnswerHead, String> {
    let status = StatusCode::from_u16(status).unwrap();
    AnswerHead::read(method, status, &map(headers)).map_err(|error| error.to_string())
}

fn names(head: &AnswerHead) -> Vec<String> {
    let mut names: Vec<_> = head.headers.iter().map(|(name, _)| name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn the_caller_gets_the_headers_that_are_not_the_connections_or_the_gateways() {
    let head = read(
        &Method::GET,
        200,
        &[
            ("Content-Type", "text/plain"),
            ("Set-Cookie", "a"),
            ("Set-Cookie", "b"),
            ("Connection", "close, x-one"),
            ("X-One", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", "x-sum"),
            ("X-Resilience-Attempts", "9"),
            ("X-Resilience-State", "open"),
            ("X-Resilience-Upstream", "other"),
        ],
    )
    .unwrap();
    assert_eq!(names(&head), ["content-type", "set-cookie", "set-cookie"]);
    assert_eq!((head.status.as_u16(), head.body), (200, AnswerBody::Unsized));
}

#[test]
fn method_and_status_decide_whether_there_is_a_body() {
    let sized = [("content-length", "5")];
    let chunked = [("transfer-encoding", "chunked")];
    let none = |announced| AnswerBody::None { announced };
    for (method, status, headers, expected) in [
        (Method::GET, 200, &sized[..], AnswerBody::Sized(5)),
        (Method::GET, 500, &chunked, AnswerBody::Unsized),
        (Method::GET, 200, &[], AnswerBody::Unsized),
        (Method::POST, 200, &[("content-length", "0")], AnswerBody::Sized(0)),
        (Method::HEAD, 200, &sized, none(Some(5))),
        (Method::HEAD, 404, &chunked, none(None)),
        (Method::GET, 304, &sized, none(Some(5))),
        (Method::GET, 304, &chunked, none(None)),
        (Method::GET, 204, &sized, none(None)),
        (Method::DELETE, 204, &chunked, none(None)),
        (Method::HEAD, 204, &sized, none(None)),
    ] {
        let what = format!("{method} {status} {headers:?}");
        let head = read(&method, status, headers).unwrap();
        assert_eq!(head.body, expected, "{what}");
        assert!(!head.headers.contains_key(CONTENT_LENGTH), "{what}");
    }
}

#[test]
fn an_answer_whose_end_depends_on_the_reader_is_a_bad_gateway() {
    for (headers, says) in [
        (&[("content-length", "5"), ("transfer-encoding", "chunked")][..], "both a Content-Length"),
        (&[("content-length", "5"), ("transfer-encoding", "identity")], "both a Content-Length"),
        (&[("content-length", "5"), ("content-length", "6")], "no valid Content-Length"),
        (&[("content-length", "+5")], "no valid Content-Length"),
        (&[("content-length", "5, 5")], "no valid Content-Length"),
        (&[("content-length", "")], "no valid Content-Length"),
        (&[("content-length", "18446744073709551616")], "no valid Content-Length"),
    ] {
        for (method, status) in [(Method::GET, 200), (Method::HEAD, 200), (Method::GET, 204)] {
            let error = read(&method, status, headers).unwrap_err();
            assert!(error.starts_with("502") && error.contains(says), "{error}");
        }
    }
    for status in [100, 101, 103] {
        let error = read(&Method::GET, status, &[]).unwrap_err();
        assert!(error.starts_with("502") && error.contains("not final"), "{error}");
    }
    let alike = [("content-length", "5"), ("content-length", "5")];
    assert_eq!(read(&Method::GET, 200, &alike).unwrap().body, AnswerBody::Sized(5));
}

#[test]
fn every_answer_says_how_the_call_went() {
    let mut headers = map(&[("x-resilience-attempts", "9"), ("x-resilience-attempts", "8")]);
    CallHeaders { attempts: 2, state: "half-open", upstream: "payments", stale: None }
        .set_on(&mut headers);
    let values: Vec<_> = [ATTEMPTS, STATE, UPSTREAM]
        .iter()
        .flat_map(|name| headers.get_all(name).map(|value| value.to_str().unwrap()))
        .collect();
    assert_eq!(values, ["2", "half-open", "payments"]);
}
