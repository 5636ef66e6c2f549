//! The test client against the test server.

use resilience_testing::{
    PATIENCE,
    http::{Connection, Request, ask},
    server::{Act, Peer, Server, Trap, http, ok},
    until,
};

fn playing(acts: &[Act]) -> Server {
    let acts = acts.to_vec();
    Server::start(move |mut peer: Peer| {
        peer.request();
        peer.play(&acts);
    })
}

fn say(bytes: &str) -> Act {
    Act::Say(bytes.into())
}

fn asked(server: &Server) -> Connection {
    let mut connection = Connection::to(server.address());
    connection.send("GET /");
    connection
}

#[test]
fn several_answers_are_read_from_one_connection() {
    let server = Server::answering(http("201 Created", "X-Pod: b-0\r\n", "{\"attempts\": 2}"));
    let mut connection = Connection::to(server.address());
    for request in ["GET /a", "PUT /b"] {
        let answer = connection.ask(Request::new(request).body("{}"));
        assert_eq!((answer.status, answer.header("x-pod")), (201, Some("b-0")));
        assert_eq!((answer.number("attempts"), answer.closes()), (2, false));
    }
    assert_eq!((server.connections(), server.requests()), (1, 2));
    assert!(server.heads()[1].starts_with("PUT /b HTTP/1.1\r\n"));
    drop(connection);
    until("the connection is closed", PATIENCE, || server.open() == 0);
    server.forget();
    assert_eq!((server.connections(), server.requests()), (0, 0));
}

#[test]
fn only_requests_with_a_body_have_a_content_length() {
    for (request, length) in [
        (Request::new("GET /"), None),
        (Request::new("PUT /"), Some("content-length: 0")),
        (Request::new("GET /").body("12"), Some("content-length: 2")),
    ] {
        let text = String::from_utf8(request.bytes()).unwrap();
        assert_eq!(text.lines().find(|line| line.starts_with("content-length")), length, "{text}");
    }
}

#[test]
fn a_truncated_answer_differs_from_no_answer() {
    for ending in [Act::Close, Act::Reset] {
        let none = playing(std::slice::from_ref(&ending));
        assert!(asked(&none).try_answer().unwrap().is_none());
        assert!(asked(&none).is_ended());
        for part in ["HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"] {
            let server = playing(&[say(part), Act::Close]);
            assert!(asked(&server).try_answer().is_err(), "{part}");
            assert_eq!(asked(&server).rest(), part);
        }
    }
}

#[test]
#[should_panic(expected = "after Answer")]
fn a_second_answer_to_one_request_is_an_error() {
    ask(playing(&[say(&ok("{}").repeat(2))]).address(), "GET /");
}

#[test]
#[should_panic(expected = "not JSON")]
fn a_page_is_not_json() {
    let server = playing(&[say(&http("200 OK", "", "<html>"))]);
    let _ = ask(server.address(), "GET /").must_be_json();
}

#[test]
fn a_trap_counts_connections() {
    let trap = Trap::set("127.0.0.1:0");
    let _connections = [Connection::to(trap.address()), Connection::to(trap.address())];
    assert_eq!((trap.caught(), trap.caught()), (2, 0));
}
