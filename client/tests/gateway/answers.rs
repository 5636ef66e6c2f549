//! What the caller gets.

use resilience_testing::server::{Server, http};

use super::gateway::gateway;

/// Answers each path with what it names.
fn upstream() -> Server {
    Server::start(|mut peer| {
        while let Some(head) = peer.request() {
            peer.say(match head.split(' ').nth(1).unwrap() {
                "/204" => "HTTP/1.1 204 No Content\r\nx-own: 1\r\n\r\n".to_owned(),
                "/304" => "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncontent-length: 7\r\n\r\n"
                    .to_owned(),
                "/302" => http("302 Found", "location: http://elsewhere/\r\n", "there"),
                "/404" => http("404 Not Found", "content-type: text/plain\r\n", "no such cup"),
                "/head" => "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_owned(),
                "/dynamic" => "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
                "/spaces" => {
                    peer.say("HTTP/1.1 200 OK\r\nx-a : b\r\n\r\nto the end");
                    return;
                }
                "/blank-line" => {
                    peer.say("\r\nHTTP/1.1 200 OK\r\nx-a: b\r\n\r\nto the end");
                    return;
                }
                "/501" => http("501 Not Implemented", "", "no such method"),
                "/hints" => "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n".to_owned()
                    + &http("200 OK", "", "final"),
                "/hops" => http(
                    "200 OK",
                    "connection: x-hop\r\nx-hop: 1\r\nkeep-alive: 3\r\nset-cookie: a\r\nset-cookie: b\r\n\
                     x-resilience-state: odd\r\n",
                    "hi",
                ),
                "/both" => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                    .to_owned(),
                "/old-chunks" => {
                    "HTTP/1.0 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n".to_owned()
                }
                other => panic!("{other}"),
            });
        }
    })
}

#[test]
fn an_answer_is_passed_on_without_headers_of_the_connection() {
    let (upstream, settings) = (upstream(), "");
    let gateway = gateway(&upstream.url(), settings);
    let answer = gateway.get("/upstreams/u/hops");
    assert_eq!((answer.status, answer.text.as_str()), (200, "hi"));
    assert_eq!(answer.header("x-hop"), None);
    assert_eq!(answer.header("keep-alive"), None);
    let cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie").count();
    assert_eq!(cookies, 2);
    assert_eq!(answer.header("x-resilience-attempts"), Some("1"));
    assert_eq!(answer.header("x-resilience-state"), Some("closed"));
    assert_eq!(answer.header("x-resilience-upstream"), Some("u"));
}

#[test]
fn statuses_of_the_upstream_are_passed_on_and_a_redirect_is_no_failure() {
    let upstream = upstream();
    let gateway = gateway(&upstream.url(), "breaker_fail_max = 1");
    let mut caller = gateway.connect();
    let found = caller.ask("GET /upstreams/u/302");
    assert_eq!((found.status, found.text.as_str()), (302, "there"));
    assert_eq!(found.header("location"), Some("http://elsewhere/"));
    let missing = caller.ask("GET /upstreams/u/404");
    assert_eq!((missing.status, missing.text.as_str()), (404, "no such cup"));
    assert_eq!(missing.header("content-type"), Some("text/plain"));
    let hints = caller.ask("GET /upstreams/u/hints");
    assert_eq!((hints.status, hints.text.as_str()), (200, "final"));
    assert_eq!(upstream.requests(), 3, "no attempt is repeated");
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    let upstream = upstream();
    let gateway = gateway(&upstream.url(), "");
    let mut caller = gateway.connect();
    for _ in 0..2 {
        caller.send("GET /upstreams/u/204");
        let empty = caller.head();
        assert_eq!((empty.status, empty.header("x-own")), (204, Some("1")));
        assert_eq!(empty.header("content-length"), None);
        caller.send("GET /upstreams/u/304");
        let unchanged = caller.head();
        assert_eq!((unchanged.status, unchanged.header("content-length")), (304, Some("7")));
        assert_eq!(unchanged.header("etag"), Some("\"1\""));
        caller.send("HEAD /upstreams/u/head");
        let head = caller.head();
        assert_eq!((head.status, head.header("content-length")), (200, Some("1000000")));
        caller.send("HEAD /upstreams/u/dynamic");
        let dynamic = caller.head();
        assert_eq!((dynamic.status, dynamic.header("content-length")), (200, None));
    }
}

#[test]
fn an_odd_head_before_a_body_that_ends_with_its_connection_gives_no_empty_answer() {
    let upstream = upstream();
    let gateway = gateway(&upstream.url(), "retry_max_attempts = 1");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/spaces");
    assert_eq!(caller.head().status, 200);
    caller.lines_until("to the end");
    gateway.get("/upstreams/u/blank-line").assert_error(502, "Bad Gateway", "end of its body");
}

#[test]
fn callers_cannot_open_the_circuit_with_methods_that_the_upstream_does_not_have() {
    let upstream = upstream();
    let gateway = gateway(&upstream.url(), "breaker_fail_max = 1");
    for _ in 0..3 {
        let answer = gateway.get("/upstreams/u/501");
        assert_eq!((answer.status, answer.text.as_str()), (501, "no such method"));
    }
}

#[test]
fn an_answer_with_two_lengths_is_a_502() {
    let upstream = upstream();
    let gateway = gateway(&upstream.url(), "retry_max_attempts = 1");
    let answer = gateway.get("/upstreams/u/both");
    answer.assert_error(502, "Bad Gateway", "both a Content-Length and a Transfer-Encoding");
    assert_eq!(answer.header("x-resilience-upstream"), Some("u"));
}

#[test]
fn chunks_in_an_answer_of_http_1_0_are_a_502() {
    let upstream = upstream();
    let gateway = gateway(&upstream.url(), "retry_max_attempts = 1");
    let answer = gateway.get("/upstreams/u/old-chunks");
    answer.assert_error(502, "Bad Gateway", "chunks in HTTP/1.0");
}

#[test]
fn a_caller_of_http_1_0_gets_no_chunks() {
    let upstream = upstream();
    let gateway = gateway(&upstream.url(), "");
    for header in ["", "Connection: keep-alive\r\n"] {
        let mut caller = gateway.connect();
        caller.say(format!("GET /upstreams/u/spaces HTTP/1.0\r\n{header}\r\n"));
        let answer = caller.rest();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && !head.contains("chunked"), "{head}");
        assert_eq!(body, "to the end");
    }
}

#[test]
fn a_refusal_of_the_upstream_is_not_taken_for_one_of_the_gateway() {
    let quoted = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let upstream = Server::start(move |mut peer| {
        while let Some(head) = peer.request() {
            peer.say(match head.split(' ').nth(1).unwrap() {
                "/400" => http("400 Bad Request", "x-own: 1\r\n", ""),
                "/431" => http("431 Too Large", "x-own: 1\r\n", ""),
                _ => http("200 OK", "x-own: 1\r\n", quoted),
            });
        }
    });
    let gateway = gateway(&upstream.url(), "");
    let mut caller = gateway.connect();
    for (path, status, body) in [("400", 400, ""), ("431", 431, ""), ("quoted", 200, quoted)] {
        let answer = caller.ask(format!("GET /upstreams/u/{path}").as_str());
        assert_eq!((answer.status, answer.text.as_str()), (status, body));
        assert_eq!(answer.header("x-own"), Some("1"));
    }
    // The gateway's own refusal has a body.
    caller.say("GET /a b HTTP/1.1\r\n\r\n");
    caller.answer().assert_error(400, "Bad Request", "not valid HTTP/1.1");
}
