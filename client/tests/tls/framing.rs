//! The socket corrects and checks responses below TLS as it does without.

use std::time::Duration;

use resilience_testing::{
    Answer,
    server::{Act, Server},
};

use crate::backend::{call, issued, serve};

fn say(text: &str) -> Act {
    Act::Say(text.into())
}

/// The answer to a call whose requests are answered so, the outcome of its first attempt, and the backend.
async fn answered(acts: Vec<Act>) -> (Answer, String, Server) {
    let (_, root, identity) = issued();
    let server = serve("127.0.0.1:0", identity.server(), move |mut peer| {
        while peer.request().is_some() {
            let Some(open) = peer.play(&acts) else { return };
            peer = open;
        }
    });
    let (answer, outcome) = call(&server.url(), &[("BACKEND_CA_FILE", &root)]).await;
    (answer, outcome, server)
}

#[actix_web::test]
async fn interim_answers_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\":\"b\"}";
    let whole = vec![say(&format!("{interim}{last}"))];
    let apart = vec![say(interim), say(last)];
    let byte_by_byte = vec![Act::Trickle(format!("{interim}{last}").into(), Duration::ZERO)];
    for acts in [whole, apart, byte_by_byte] {
        let (answer, outcome, server) = answered(acts).await;
        assert_eq!((answer.status, outcome.as_str()), (200, "success"), "{answer:?}");
        assert_eq!(answer.body["backend_response"]["a"], "b");
        assert_eq!((server.connections(), server.requests()), (1, 1));
    }
}

#[actix_web::test]
async fn a_body_without_a_length_ends_with_the_end_of_tls_and_not_without() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
        let acts = vec![say(head), say("{\"a\":"), say("\"b\"}"), Act::Close];
        let (answer, _, _) = answered(acts).await;
        assert_eq!(answer.body["backend_response"]["a"], "b", "{answer:?}");

        // A whole JSON value, which an attacker or a crash may have cut out of a longer one.
        for end in [Act::Abandon, Act::Reset] {
            let acts = vec![say(head), say("{\"a\":\"b\"}"), end];
            let (answer, outcome, _) = answered(acts).await;
            assert_eq!((answer.status, outcome.as_str()), (502, "unusable"), "{answer:?}");
            assert!(answer.text.contains("cut off"), "{answer:?}");
        }
    }
}

#[actix_web::test]
async fn a_body_that_is_shorter_than_announced_is_cut_off() {
    let sized = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"a\":\"b\"}";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"a\":\"b\"}\r\n";
    for text in [sized, chunked] {
        for end in [Act::Close, Act::Abandon, Act::Reset] {
            let (answer, outcome, _) = answered(vec![say(text), end]).await;
            assert_eq!((answer.status, outcome.as_str()), (502, "unusable"), "{answer:?}");
            assert!(answer.text.contains("cut off after 9"), "{answer:?}");
        }
    }
    let acts = vec![say(&sized.replace(": 20", ": 9")), Act::Abandon];
    let (answer, _, _) = answered(acts).await;
    assert_eq!(answer.status, 200, "the body was complete: {answer:?}");
}

#[actix_web::test]
async fn a_connection_that_ends_before_an_answer_has_not_reached_the_backend() {
    for end in [Act::Close, Act::Abandon] {
        let (answer, outcome, _) = answered(vec![end]).await;
        assert_eq!((answer.status, outcome.as_str()), (502, "unreachable"), "{answer:?}");
        assert!(answer.text.contains("connection closed before a byte of answer"), "{answer:?}");
    }
}
