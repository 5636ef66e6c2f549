//! The rows about connections: refused, idle and stalled ones.

use std::time::Duration;

use super::{
    act::{
        Act::{Close, Hold, Reset, Trickle},
        BODY, STALE, answer, chunk, chunked, good, say,
    },
    row::{Effect, Row, at_connect, at_request, at_reuse, row, when_idle},
    server::{Door, Play},
};

pub(super) fn not_reached() -> Vec<Row> {
    let refuses = row("refuses connections", Play::default()).alone();
    let silent = row("does not answer to connects", Play::default()).alone();
    vec![
        Row { door: Door::Closed, ..refuses.unreachable("connection refused").seen(0, 0) },
        Row {
            door: Door::Silent,
            impatient: true,
            ..silent.unreachable("unreachable: no connection within").seen(0, 0)
        },
        at_connect("accepts and closes", [Close]).unreachable("").seen(6, 0),
        at_connect("accepts and resets", [Reset]).unreachable("").seen(6, 0),
        at_request("closes before a byte of answer", [Close]).unreachable("closed before a byte"),
        at_request("resets before a byte of answer", [Reset]).unreachable("connection reset"),
    ]
}

pub(super) fn idle_connections() -> Vec<Row> {
    let [timeout, own_timeout] =
        [STALE, BODY].map(|body| answer("408 Request Timeout\r\nconnection: close", body));
    vec![
        when_idle("closes an idle connection", [Close]).success(),
        when_idle("resets an idle connection", [Reset]).success(),
        when_idle("sends an answer that was not requested", [say(answer("200 OK", STALE))])
            .success(),
        when_idle("sends half an answer that was not requested", [say("HTTP/1.1 200")]).success(),
        when_idle("says 408 to an idle connection and closes it", [say(&timeout), Close]).success(),
        at_reuse("closes a kept connection when the next request comes", [Close])
            .success()
            .seen(1, 2)
            .without_resilience(502),
        at_reuse("resets a kept connection when the next request comes", [Reset])
            .success()
            .seen(1, 2)
            .without_resilience(502),
        at_reuse("falls silent on a kept connection", [Hold])
            .ends(200, "timed_out, then success", Effect::Success, 2)
            .seen(1, 2)
            .without_resilience(504)
            .impatient(),
        at_reuse(
            "says 408 on a kept connection when the next request comes",
            [say(own_timeout), Close],
        )
        .ends(200, "transient, then success", Effect::Success, 2)
        .seen(1, 2)
        .without_resilience(408),
    ]
}

pub(super) fn stalls() -> Vec<Row> {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 41\r\n\r\n";
    let (quick, slow) = (Duration::from_micros(100), Duration::from_millis(100));
    let hangs = |name, act| at_request(name, [act, Hold]).timed_out().passed_on(200).cut_off();
    vec![
        at_connect("accepts and hangs", [Hold]).timed_out().seen(2, 0),
        at_request("never answers", [Hold]).timed_out(),
        at_request("hangs in the head", [say("HTTP/1.1 200 O"), Hold]).timed_out(),
        hangs("hangs after the head", say(head)),
        hangs("hangs in the body", say(format!("{head}{{\"id\":"))),
        hangs("hangs in a chunk", say(chunked("29\r\n{\"id\":"))),
        hangs("hangs before the last chunk", say(chunked(&chunk(BODY)))),
        at_request("trickles, in time", [Trickle(good().into(), quick)]).success(),
        at_request(
            "trickles chunks, in time",
            [Trickle(chunked(&(chunk(BODY) + "0\r\n\r\n")).into(), quick)],
        )
        .success(),
        at_request("trickles the head, too slowly", [Trickle(good().into(), slow)]).timed_out(),
        at_request("trickles the body, too slowly", [say(head), Trickle(BODY.into(), slow)])
            .timed_out()
            .passed_on(200),
    ]
}
