//! awc against real servers, on the real clock.

use std::time::Duration;

use awc::{Client, ClientRequest, http::Method};
use resilience_actors::{
    CallError, CallOptions, CallReport, Outcome, Retry, Upstream, UpstreamBuilder,
    adapters::awc::{HttpClient, HttpError, HttpRequest, Response},
};
use resilience_testing::server::{Act, Server, http};

use crate::support::secs;

type Report = CallReport<Response, HttpError>;

/// More than any step takes on a busy machine.
const LONG: Duration = Duration::from_secs(20);

fn client() -> HttpClient {
    HttpClient::new(|| {
        let connector = awc::Connector::new().timeout(LONG).limit(0);
        Client::builder().connector(connector).disable_timeout().disable_redirects().finish()
    })
}

fn upstream() -> UpstreamBuilder {
    Upstream::builder("server").timeout(LONG)
}

fn twice() -> UpstreamBuilder {
    upstream().retry(Retry::exponential(Duration::from_millis(1)).attempts(2))
}

fn request(method: Method, url: String) -> HttpRequest<impl Fn(&Client) -> ClientRequest> {
    HttpRequest::new(&client(), move |client| client.request(method.clone(), &url))
}

async fn get(server: &Server, upstream: UpstreamBuilder) -> Report {
    upstream.start().unwrap().run(request(Method::GET, server.url())).await
}

fn outcomes(report: &Report) -> Vec<Outcome> {
    report.attempts.iter().map(|attempt| attempt.outcome).collect()
}

/// Plays these acts for the request on each connection, and closes it.
fn playing(acts: impl Into<Vec<Act>>) -> Server {
    let acts = acts.into();
    Server::start(move |mut peer| {
        if peer.request().is_some() {
            peer.play(&acts);
        }
    })
}

fn say(bytes: impl Into<String>) -> Act {
    Act::Say(bytes.into().into_bytes())
}

#[actix::test]
async fn each_status_has_its_outcome_and_is_an_answer() {
    for (status, outcome, attempts) in [
        ("200 OK", Outcome::Success, 1),
        ("301 Moved Permanently", Outcome::Redirect, 1),
        ("404 Not Found", Outcome::ClientError, 1),
        ("408 Request Timeout", Outcome::Transient, 2),
        ("429 Too Many Requests", Outcome::Throttled, 2),
        ("500 Internal Server Error", Outcome::ServerError, 2),
        ("501 Not Implemented", Outcome::Unsupported, 1),
    ] {
        let server = Server::answering(http(status, "x-name: value\r\n", "page"));
        let report = get(&server, twice()).await;
        assert_eq!(outcomes(&report), vec![outcome; attempts], "{status}");
        let response = report.result.unwrap();
        assert!(status.starts_with(response.status.as_str()), "{response:?}");
        assert_eq!(
            (&response.body[..], response.headers.get("x-name").unwrap().as_bytes()),
            (&b"page"[..], &b"value"[..])
        );
        assert_eq!(response.body_error, None);
    }
}

#[actix::test]
async fn the_answer_to_a_conditional_request_is_a_success() {
    let server = Server::answering("HTTP/1.1 304 Not Modified\r\n\r\n");
    assert_eq!(outcomes(&get(&server, twice()).await), [Outcome::Success]);
}

#[actix::test]
async fn only_idempotent_methods_are_repeated_each_time_with_their_body() {
    for (method, requests) in [
        (Method::GET, 2),
        (Method::PUT, 2),
        (Method::DELETE, 2),
        (Method::POST, 1),
        (Method::PATCH, 1),
    ] {
        let server = Server::answering(http("500 Internal Server Error", "", "no"));
        let request = request(method.clone(), server.url()).body("a body");
        twice().start().unwrap().run(request).await.result.unwrap();
        let heads = server.heads();
        assert_eq!(heads.len(), requests, "{method}");
        assert!(heads.iter().all(|head| head.contains("content-length: 6")), "{heads:?}");
    }
}

#[actix::test]
async fn a_connection_that_is_refused_or_closed_without_an_answer_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (closing, resetting) = (playing([Act::Close]), playing([Act::Reset]));
    for url in [refusing, closing.url(), resetting.url()] {
        let upstream = upstream().connect_retries(2).start().unwrap();
        let report = upstream.run(request(Method::GET, url)).await;
        assert_eq!(outcomes(&report), [Outcome::Unreachable]);
        let unreachable = CallError::Transport(HttpError::Unreachable(String::new()));
        let result = report.result.unwrap_err();
        assert_eq!(
            std::mem::discriminant(&result),
            std::mem::discriminant(&unreachable),
            "{result}"
        );
    }
    for server in [closing, resetting] {
        assert_eq!(server.requests(), 3, "repeated at once, twice");
    }
}

#[actix::test]
async fn a_good_answer_is_unusable_if_its_body_is_and_other_statuses_are_answers_without_it() {
    let cut_off = |status| say(format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\npage"));
    let too_large = |status| say(http(status, "", &"x".repeat(101)));
    let body = |status, act: Act| (status, playing([act, Act::Close]));
    for (status, server) in [
        body("200 OK", cut_off("200 OK")),
        body("200 OK", too_large("200 OK")),
        body("404 Not Found", cut_off("404 Not Found")),
        body("503 Service Unavailable", too_large("503 Service Unavailable")),
    ] {
        let request = request(Method::GET, server.url()).max_body(100);
        let report = upstream().start().unwrap().run(request).await;
        match report.result {
            Ok(response) => {
                assert!(status.starts_with(response.status.as_str()) && status != "200 OK");
                assert!(response.body.is_empty() && response.body_error.is_some());
            }
            Err(CallError::Transport(HttpError::Unusable { status: Some(code), reason })) => {
                assert_eq!((status, code.as_u16()), ("200 OK", 200), "{reason}");
                assert!(reason.starts_with("body "), "{reason}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[actix::test]
async fn a_page_that_stalls_does_not_hide_its_status() {
    let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 9\r\n\r\npage";
    let server = playing([say(head), Act::Hold]);
    let report = get(&server, upstream().timeout(secs(0.5))).await;
    assert_eq!(outcomes(&report), [Outcome::ServerError]);
    assert_eq!(report.result.unwrap().body_error.unwrap(), "body did not arrive in time");
}

#[actix::test]
async fn retry_after_is_a_floor_under_the_wait_and_a_date_is_compared_with_that_of_the_answer() {
    let headers =
        "retry-after: Thu, 01 Jan 2099 00:00:01 GMT\r\ndate: Thu, 01 Jan 2099 00:00:00 GMT\r\n";
    let server = Server::answering(http("503 Service Unavailable", headers, ""));
    let report = get(&server, twice()).await;
    let wait = report.attempts[0].wait.unwrap();
    assert!((secs(1.0)..secs(1.5)).contains(&wait), "{wait:?}");
}

#[actix::test]
async fn the_attempt_after_a_timeout_uses_a_fresh_connection_and_others_share_one() {
    let server = Server::start(|mut peer| {
        let mut requests = 0;
        while peer.request().is_some() {
            requests += 1;
            if peer.number() == 1 && requests > 2 {
                return peer.hold();
            }
            peer.say(http("200 OK", "", "page"));
        }
    });
    let (client, url) = (client(), server.url());
    let upstream = twice().timeout(secs(1.0)).start().unwrap();
    for attempts in [1, 1, 2, 1] {
        let url = url.clone();
        let report = upstream.run(HttpRequest::new(&client, move |it| it.get(&url))).await;
        assert_eq!(report.attempts.len(), attempts);
        assert_eq!(&report.result.unwrap().body[..], b"page");
    }
    // One for the attempt after the timeout, and one for the next call: the kept connections were closed.
    assert_eq!((server.connections(), server.requests()), (3, 5));
}

#[actix::test]
async fn no_request_receives_the_rest_of_an_earlier_answer() {
    let interim = format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", http("200 OK", "", "old"));
    let unbounded = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold";
    for (first, expected) in
        [(interim, Outcome::Unusable), (unbounded.to_owned(), Outcome::Success)]
    {
        let server = Server::start(move |mut peer| {
            while peer.request().is_some() {
                peer.say(if peer.number() == 1 {
                    first.clone()
                } else {
                    http("200 OK", "", "new")
                });
            }
        });
        let (client, url) = (client(), server.url());
        let upstream = upstream().start().unwrap();
        let make = move |client: &Client| client.get(&url);
        let report = upstream.run(HttpRequest::new(&client, make.clone())).await;
        assert_eq!(outcomes(&report), [expected]);
        assert_eq!(&upstream.fetch(&client, make).await.unwrap().body[..], b"new");
    }
}

#[actix::test]
async fn answers_that_have_no_body_leave_the_connection_in_use() {
    for (method, answer) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n"),
        (Method::DELETE, "HTTP/1.1 204 No Content\r\n\r\n"),
    ] {
        let server = Server::answering(answer);
        let (client, url) = (client(), server.url());
        let make = move |client: &Client| client.request(method.clone(), &url);
        let upstream = upstream().start().unwrap();
        for _ in 0..3 {
            let response = upstream.fetch(&client, make.clone()).await.unwrap();
            assert!(response.status.is_success() && response.body.is_empty());
        }
        assert_eq!((server.connections(), server.requests()), (1, 3));
    }
}

#[actix::test]
async fn the_time_that_a_caller_has_left_is_sent_and_expect_is_not() {
    let server = Server::answering(http("200 OK", "", "page"));
    let upstream = upstream().start().unwrap();
    for options in [CallOptions::new(), CallOptions::new().time_left(secs(15.0))] {
        let url = server.url();
        let make = move |it: &Client| it.get(&url).insert_header(("expect", "100-continue"));
        upstream.run_with(options, HttpRequest::new(&client(), make)).await.result.unwrap();
    }
    let heads = server.heads();
    assert!(!heads[0].contains("x-request-deadline") && !heads[0].contains("expect"), "{heads:?}");
    let left = heads[1].lines().find_map(|line| line.strip_prefix("x-request-deadline: "));
    let left: f64 = left.unwrap().parse().unwrap();
    assert!((1.0..=15.0).contains(&left), "{left}");
}
