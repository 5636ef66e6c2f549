//! The rows about framing: malformed heads, lengths and chunks.

use std::time::Duration;

use super::{
    act::{
        Act::{self, Close, Reset, Trickle},
        BODY, STALE, answer, chunk, chunked, forever, good, late, say,
    },
    row::{Effect, Row, at_request},
};

pub(super) fn heads() -> Vec<Row> {
    let with = |line: &str| say(good().replacen("\r\n", &format!("\r\n{line}\r\n"), 1));
    let bad = |name, words: &str| at_request(name, [say(words)]).unusable("malformed head");
    let head = "HTTP/1.1 200 OK\r\n";
    let line = format!("x: {}\r\n", "x".repeat(1000));
    let tls = b"\x15\x03\x01\x00\x02\x02\x46";
    vec![
        at_request("closes in the head", [say("HTTP/1.1 200 O"), Close]).unusable("malformed head"),
        at_request("resets in the head", [say("HTTP/1.1 200 O"), Reset])
            .unusable("malformed head: connection reset"),
        bad("garbage instead of a head", "garbage\r\n\r\n"),
        bad("a banner of another protocol", "220 mail.example ESMTP\r\n"),
        at_request("HTTP/0.9, a body and no head", [say(BODY), Close]).unusable("malformed head"),
        bad("HTTP/2, by its status line", "HTTP/2.0 200 OK\r\n\r\n"),
        at_request("HTTP/2, by its settings", [say(b"\0\0\0\x04\0\0\0\0\0")])
            .unusable("malformed head"),
        at_request("a TLS alert", [say(tls), Close]).unusable("malformed head"),
        bad("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"),
        bad("status 099", "HTTP/1.1 099 Odd\r\n\r\n"),
        at_request("status 999", [say(answer("999 Odd", BODY))]).unusable("unexpected status 999"),
        at_request("a header line without a colon", [with("no colon")]).unusable("malformed head"),
        at_request("a header name with a space", [with("a b: c")]).unusable("malformed head"),
        at_request("a NUL in a header", [with("a: \0")]).unusable("malformed head"),
        at_request("a header line that is folded", [with("a: b\r\n c")]).unusable("malformed head"),
        at_request("two hundred headers", [with(&["a: b"; 200].join("\r\n"))])
            .unusable("malformed head"),
        at_request("a header without end", [say(head), say("x: "), forever([b'x'; 1000])])
            .unusable("malformed head"),
        at_request("headers without end", [say(head), forever(line)]).unusable("malformed head"),
        at_request("empty lines without end", [forever("\r\n".repeat(500))])
            .unusable("malformed head"),
    ]
}

pub(super) fn lengths() -> Vec<Row> {
    let of = |length: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{BODY}");
    let bad = |name, length| at_request(name, [say(of(length))]).unusable("malformed head");
    let both = |length| {
        let headers = format!("transfer-encoding: chunked\r\ncontent-length: {length}");
        say(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{}0\r\n\r\n", chunk(BODY)))
    };
    let twice = good() + &answer("200 OK", STALE);
    let unbounded = |header: &str| say(format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n{BODY}"));
    let slowly = format!("HTTP/1.1 200 OK\r\n\r\n{BODY}");
    let slowly = Trickle(slowly.into(), Duration::from_micros(100));
    vec![
        at_request(
            "closes after the head",
            [say("HTTP/1.1 200 OK\r\ncontent-length: 41\r\n\r\n"), Close],
        )
        .unusable("body cut off after 0 of 41 bytes")
        .passed_on(200)
        .cut_off(),
        at_request("closes in the body", [say(of("42")), Close])
            .unusable("body cut off after 41 of 42 bytes")
            .passed_on(200)
            .cut_off(),
        at_request("resets in the body", [say(of("42")), Reset])
            .unusable("body cut off")
            .passed_on(200)
            .cut_off(),
        at_request("a body longer than its length", [say(good() + "surplus")]).success(),
        at_request("two answers in one segment", [say(twice)]).success(),
        at_request("two answers, one after the other", [say(good()), say(answer("200 OK", STALE))])
            .success()
            .alone(),
        at_request("a length over the limit", [say(of("10001"))])
            .unusable("body larger than 10000 bytes")
            .passed_on(200)
            .cut_off(),
        at_request(
            "a length of an exabyte, and a body without end",
            [say(of("1000000000000000000")), forever([b' '; 1000])],
        )
        .unusable("body larger than 10000 bytes")
        .passed_on(200)
        .endless(),
        bad("a length beyond 64 bits", "99999999999999999999"),
        bad("a length that is no number", "many"),
        bad("a length below zero", "-41"),
        bad("two lengths that differ", "41\r\ncontent-length: 42"),
        bad("the same length twice", "41\r\ncontent-length: 41"),
        bad("two lengths in one header", "41, 41"),
        at_request("a length and chunks of another", [both(2)]).unusable("both"),
        at_request("a length and chunks of that length", [both(41)]).unusable("both"),
        at_request("a body without a length, on a connection that stays", [unbounded("a: b")])
            .timed_out()
            .passed_on(200)
            .cut_off(),
        at_request("a body that ends with the connection", [unbounded("connection: close"), Close])
            .success(),
        at_request(
            "a body that ends with the connection, although that is to be kept",
            [unbounded("connection: keep-alive"), Close],
        )
        .success(),
        at_request("a body that ends with the connection, byte by byte", [slowly, Close]).success(),
        at_request("a body without a length, reset", [unbounded("connection: close"), Reset])
            .unusable("body cut off")
            .passed_on(200)
            .cut_off(),
        at_request(
            "half a body that ends with the connection",
            [say("HTTP/1.1 200 OK\r\n\r\n{\"id\":"), Close],
        )
        .unusable("body is not JSON")
        .passed_on(200),
        at_request(
            "500, a body that ends with the connection",
            [say(format!("HTTP/1.1 500 Oops\r\n\r\n{BODY}")), Close],
        )
        .server_error(500)
        .seen(2, 2),
        at_request(
            "transfer-encoding: identity, a body that ends with the connection",
            [unbounded("transfer-encoding: identity"), Close],
        )
        .success(),
        at_request(
            "a body without a length, when the next request comes",
            late("HTTP/1.1 200 OK\r\n\r\n"),
        )
        .timed_out()
        .passed_on(200)
        .cut_off(),
        at_request(
            "transfer-encoding: identity, and a body when the next request comes",
            late("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n"),
        )
        .timed_out()
        .passed_on(200)
        .cut_off(),
        at_request(
            "500, and a body without a length when the next request comes",
            late("HTTP/1.1 500 Oops\r\n\r\n"),
        )
        .server_error(500)
        .seen(2, 2)
        .impatient()
        .cut_off(),
        at_request(
            "an upgrade that was not requested, and a body when the next request comes",
            late("HTTP/1.1 426 Oops\r\nupgrade: websocket\r\ncontent-length: 2\r\n\r\n"),
        )
        .ends(426, "client_error", Effect::Success, 1)
        .impatient()
        .cut_off(),
        at_request(
            "transfer-encoding: gzip, chunked",
            [say("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n")],
        )
        .unusable("malformed head"),
        at_request(
            "an upgrade that was not requested",
            [say(answer("426 Upgrade Required\r\nupgrade: websocket", BODY))],
        )
        .ends(426, "client_error", Effect::Success, 1),
    ]
}

pub(super) fn chunks() -> Vec<Row> {
    let bad = |name, rest: &str| {
        let row = at_request(name, [say(chunked(rest))]);
        row.unusable("malformed body").passed_on(200).cut_off()
    };
    let cut_off = |name, acts: [Act; 2]| {
        at_request(name, acts).unusable("body cut off").passed_on(200).cut_off()
    };
    let whole = chunk(BODY);
    vec![
        at_request("chunks", [say(chunked(&format!("{whole}0\r\n\r\n")))]).success(),
        at_request(
            "chunks with extensions and trailers",
            [say(chunked(&format!(
                "{}0;last\r\na: b\r\n\r\n",
                whole.replacen("\r\n", ";a=b\r\n", 1)
            )))],
        )
        .success(),
        bad("a chunk size that is no number", "zz\r\n{}\r\n0\r\n\r\n"),
        bad("a chunk size below zero", "-2\r\n{}\r\n0\r\n\r\n"),
        bad("a chunk size beyond 64 bits", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        bad("a chunk longer than its size", "1\r\n{}\r\n0\r\n\r\n"),
        cut_off("closes in a chunk", [say(chunked("29\r\n{\"id\":")), Close]),
        cut_off("closes before the last chunk", [say(chunked(&whole)), Close]),
        cut_off("resets before the last chunk", [say(chunked(&whole)), Reset]),
        at_request(
            "a surplus after the last chunk",
            [say(chunked(&format!("{whole}0\r\n\r\n{}", good())))],
        )
        .success(),
        at_request("chunks without end", [say(chunked("")), forever(chunk(&" ".repeat(1000)))])
            .unusable("body larger than 10000 bytes")
            .passed_on(200)
            .endless(),
        at_request(
            "a chunk without end",
            [say(chunked("ffffffffffff\r\n")), forever([b' '; 1000])],
        )
        .unusable("body larger than 10000 bytes")
        .passed_on(200)
        .endless(),
        at_request("a chunk extension without end", [say(chunked("29;")), forever([b'x'; 1000])])
            .timed_out()
            .passed_on(200)
            .cut_off()
            .alone(),
        at_request(
            "trailers without end",
            [say(chunked(&whole)), say("0\r\n"), forever("a: b\r\n".repeat(100))],
        )
        .timed_out()
        .passed_on(200)
        .cut_off()
        .alone(),
    ]
}
