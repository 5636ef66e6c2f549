//! Requests that the gateway does not pass on.

use resilience_testing::{
    http::Request,
    server::{Server, ok},
};

use super::gateway::gateway;

#[test]
fn requests_that_cannot_be_passed_on_are_refused_as_json() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "");
    for (line, headers, status, error, says) in [
        ("GET /upstreams/other/", "", 404, "Not Found", "no upstream other"),
        ("GET /upstreams/", "", 404, "Not Found", "/upstreams/NAME/PATH"),
        ("GET /upstreams/u/a/../b", "", 400, "Bad Request", "segment . or .."),
        ("GET /upstreams/u/a/%2e%2E/b", "", 400, "Bad Request", "segment . or .."),
        ("GET /upstreams/u/a%252fb", "", 400, "Bad Request", "encoded slash"),
        ("GET /upstreams/u/a%5cb", "", 400, "Bad Request", "backslash"),
        ("GET http://other/upstreams/u/", "", 400, "Bad Request", "must be a path"),
        ("TRACE /upstreams/u/", "", 405, "Method Not Allowed", "TRACE"),
        (
            "GET /upstreams/u/",
            "connection: upgrade\r\nupgrade: websocket\r\n",
            501,
            "Not Implemented",
            "websocket",
        ),
        ("GET /upstreams/u/", "x-request-deadline: soon\r\n", 400, "Bad Request", "Deadline"),
    ] {
        let answer = gateway.ask(Request::new(line).headers(headers));
        answer.assert_error(status, error, says);
    }
    assert_eq!(upstream.requests(), 0);
}

#[test]
fn an_upgrade_is_refused_before_its_body_is_read() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "");
    // The first one would be read whole before it is sent, the others would be streamed.
    for framing in ["content-length: 10", "content-length: 1000000", "transfer-encoding: chunked"] {
        let mut caller = gateway.connect();
        caller.say(format!(
            "POST /upstreams/u/ HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\n{framing}\r\n\r\n"
        ));
        caller.answer().assert_error(501, "Not Implemented", "websocket");
    }
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_request_that_comes_back_is_a_loop() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "");
    assert_eq!(gateway.get("/upstreams/u/").status, 200);
    let head = upstream.heads().remove(0);
    let via = head.lines().find(|line| line.starts_with("via: ")).unwrap();
    let again = gateway.ask(Request::new("GET /upstreams/u/").headers(format!("{via}\r\n")));
    again.assert_error(508, "Loop Detected", "before");
    assert_eq!(again.header("x-resilience-upstream"), Some("u"));
}
