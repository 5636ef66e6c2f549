//! The rows about whole answers: HTTP/1.0, interim answers, redirects, unusual statuses and bodies.

use std::time::Duration;

use super::{
    act::{
        Act::{Close, Hold, Reset, Trickle},
        BODY, answer, chunk, chunked as chunked_body, forever, good, holding, late, say,
    },
    row::{Effect, Row, at_request},
};

pub(super) fn old_and_interim() -> Vec<Row> {
    let old = |rest: &str| say(format!("HTTP/1.0 200 OK\r\n{rest}"));
    let (plain, sized) = (
        format!("\r\n{BODY}"),
        format!("content-length: 41\r\nconnection: keep-alive\r\n\r\n{BODY}"),
    );
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk(BODY));
    let empty = "HTTP/1.0 500 Oops\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n";
    let after = |interim: &str| say(format!("{interim}{}", good()));
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n";
    let several = format!("{go_on}{hints}{hints}");
    let slowly = Trickle((several.clone() + &good()).into(), Duration::from_micros(100));
    let after_chunks = say(format!("{hints}{}", chunked_body(&(chunk(BODY) + "0\r\n\r\n"))));
    let switched = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n";
    vec![
        at_request("HTTP/1.0, a body that ends with the connection", [old(&plain), Close])
            .success(),
        at_request("HTTP/1.0, a length", [old(&sized), Close]).success(),
        at_request("HTTP/1.0, a length, kept", [old(&sized)]).success(),
        at_request("HTTP/1.0, an empty 500, kept", [say(empty)]).server_error(500).seen(2, 2),
        at_request("HTTP/1.0, chunks", [old(&chunked), Close])
            .unusable("body is not JSON")
            .gateway_says("chunks in HTTP/1.0"),
        at_request("HTTP/1.0, resets at the end of the body", [old(&plain), Reset])
            .unusable("body cut off")
            .passed_on(200)
            .cut_off(),
        at_request("HTTP/1.0, a body without end", [old("\r\n"), forever([b' '; 1000])])
            .unusable("body larger than 10000 bytes")
            .passed_on(200)
            .endless(),
        at_request("100 before the answer", [after(go_on)]).success(),
        at_request("100 before the answer, in a segment of its own", [say(go_on), say(good())])
            .success(),
        at_request("102 before the answer", [after("HTTP/1.1 102 Processing\r\n\r\n")]).success(),
        at_request("103 before the answer", [after(hints)]).success(),
        at_request("several interim answers before the answer", [after(&several)]).success(),
        at_request("interim answers that come byte by byte", [slowly]).success(),
        at_request("103 before a 404", [say(hints), say(answer("404 Not Found", BODY))]).ends(
            404,
            "client_error",
            Effect::Success,
            1,
        ),
        at_request("103 before chunks", [after_chunks]).success(),
        at_request("100 instead of the answer", [say(go_on), Hold]).timed_out(),
        at_request("100, and the answer when the next request comes", late(go_on)).timed_out(),
        at_request("interim answers without end", [forever(go_on)]).timed_out().alone(),
        at_request("closes after an interim answer", [say(hints), Close])
            .unusable("connection closed"),
        at_request("101, protocols switched", [say(switched), Hold])
            .unusable("unexpected status 101"),
    ]
}

pub(super) fn redirects() -> Vec<Row> {
    let to = |name, status: &str, place: &str| {
        let code = status[..3].parse().unwrap();
        let status = format!("{status}\r\nlocation: {place}");
        at_request(name, [say(answer(&status, BODY))]).redirect(code)
    };
    let elsewhere = "http://{elsewhere}/api/data";
    vec![
        to("301 to another place", "301 Moved Permanently", "/elsewhere"),
        to("301 to another host", "301 Moved Permanently", elsewhere),
        to("302 to another host", "302 Found", elsewhere),
        to("303 to another host", "303 See Other", elsewhere),
        to("307 to another host", "307 Temporary Redirect", elsewhere),
        to("308 to another host", "308 Permanent Redirect", elsewhere),
        at_request(
            "302 without a body",
            [say("HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\n\r\n")],
        )
        .redirect(302)
        .cut_off(),
        at_request(
            "304, with the length of a body that does not follow",
            [say("HTTP/1.1 304 Not Modified\r\ncontent-length: 41\r\n\r\n")],
        )
        .redirect(304),
        at_request("304 with a body", [say(answer("304 Not Modified", BODY))]).redirect(304),
    ]
}

pub(super) fn bodies() -> Vec<Row> {
    let holds = |name, body: &[u8]| {
        let row = at_request(name, [say(holding(body))]).seen(1, 2);
        row.unusable("body is not JSON").passed_on(200)
    };
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0";
    let zipped =
        [&b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 22\r\n\r\n"[..], gzip];
    let reads = |name, status, head: &str| {
        at_request(name, [say(head)]).unusable("no body").seen(1, 2).passed_on(status)
    };
    let none = |name, status, head: &str| {
        at_request(name, [say(head)]).unusable("no body").passed_on(status)
    };
    vec![
        none("204", 204, "HTTP/1.1 204 No Content\r\n\r\n"),
        none("204 with a body", 204, &answer("204 No Content", BODY)),
        none(
            "204 with a length and no body",
            204,
            "HTTP/1.1 204 No Content\r\ncontent-length: 41\r\n\r\n",
        ),
        reads("205", 205, "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"),
        at_request("205 with a body", [say(answer("205 Reset Content", BODY))]).ends(
            205,
            "success",
            Effect::Success,
            1,
        ),
        reads("an empty body", 200, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        holds("a page", b"<html>"),
        holds("two JSON values", b"{} {}"),
        holds("half a JSON value", b"{\"id\":"),
        holds("JSON with a byte order mark", b"\xef\xbb\xbf{}"),
        holds("JSON that is not UTF-8", b"\"\xff\""),
        at_request("gzip that was not requested", [say(zipped.concat())])
            .unusable("body is not JSON")
            .seen(1, 2)
            .passed_on(200),
    ]
}

/// The status decides, even if the body cannot be read.
pub(super) fn pages() -> Vec<Row> {
    let large = |status: &str| say(answer(status, &" ".repeat(10_001)));
    let part = |status: &str| say(format!("HTTP/1.1 {status}\r\ncontent-length: 42\r\n\r\n{BODY}"));
    let (limit, slow) = ("429 Slow\r\nretry-after: 0", "429 Slow\r\nretry-after: 3600");
    let not_found = |row: Row| row.ends(404, "client_error", Effect::Success, 1);
    let throttled = |row: Row, attempts| {
        row.ends(429, "throttled", Effect::Neutral, attempts).seen(attempts, attempts)
    };
    let both = "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let garbled = "HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    vec![
        not_found(at_request("404, a page over the limit", [large("404 Not Found")])),
        not_found(at_request("404, cut off in its page", [part("404 Not Found"), Close])).cut_off(),
        not_found(at_request("404, reset in its page", [part("404 Not Found"), Reset])).cut_off(),
        not_found(at_request("404, stalls in its page", [part("404 Not Found"), Hold]))
            .impatient()
            .cut_off(),
        not_found(at_request(
            "404, a page with a length and chunks",
            [say(format!("HTTP/1.1 404 Not Found\r\n{both}"))],
        ))
        .unusable_in_gateway("both"),
        throttled(at_request("429, retry-after: 0, a page over the limit", [large(limit)]), 2),
        throttled(at_request("429, retry-after: 3600, a page over the limit", [large(slow)]), 1),
        throttled(at_request("429, retry-after: 3600, cut off", [part(slow), Close]), 1).cut_off(),
        throttled(at_request("429, retry-after: 3600, stalls", [part(slow), Hold]), 1)
            .impatient()
            .cut_off(),
        at_request("501, a page over the limit", [large("501 Not Implemented")]).unsupported(),
        at_request("501, cut off", [part("501 Not Implemented"), Close]).unsupported().cut_off(),
        at_request("500, a page over the limit", [large("500 Oops")]).server_error(500).seen(2, 2),
        at_request("500, stalls in its page", [part("500 Oops"), Hold])
            .server_error(500)
            .seen(2, 2)
            .impatient()
            .cut_off(),
        at_request("500, a garbled page", [say(garbled)]).server_error(500).seen(2, 2).cut_off(),
    ]
}

pub(super) fn statuses() -> Vec<Row> {
    let says = |name, status: &str| at_request(name, [say(answer(status, BODY))]);
    let page = |name, status| at_request(name, [say(answer(status, "<html>"))]);
    let (throttled, neutral) = ("throttled", Effect::Neutral);
    vec![
        says("404", "404 Not Found").ends(404, "client_error", Effect::Success, 1),
        page("404 with a page", "404 Not Found").ends(404, "client_error", Effect::Success, 1),
        says("408", "408 Request Timeout").ends(408, "transient", neutral, 2).seen(2, 2),
        says("408, connection: close", "408 Request Timeout\r\nconnection: close")
            .ends(408, "transient", neutral, 2)
            .seen(2, 2),
        says("425", "425 Too Early").ends(425, "transient", neutral, 2).seen(2, 2),
        says("429", "429 Too Many Requests").ends(429, throttled, neutral, 2),
        says("429, retry-after: 0", "429 Slow\r\nretry-after: 0").ends(429, throttled, neutral, 2),
        says("429, retry-after: soon", "429 Slow\r\nretry-after: soon")
            .ends(429, throttled, neutral, 2),
        says("429, retry-after: 3600", "429 Slow\r\nretry-after: 3600")
            .ends(429, throttled, neutral, 1),
        says("500", "500 Internal Server Error").server_error(500),
        page("500 with a page", "500 Internal Server Error").server_error(500),
        at_request("500 without a body or a length", [say("HTTP/1.1 500 Oops\r\n\r\n")])
            .server_error(500)
            .seen(2, 2)
            .impatient()
            .cut_off(),
        says("501", "501 Not Implemented").unsupported(),
        says("503", "503 Service Unavailable").server_error(503),
        says("503, retry-after: 3600", "503 Service Unavailable\r\nretry-after: 3600").ends(
            503,
            "server_error",
            Effect::Failures(1),
            1,
        ),
        says("599", "599 Odd").server_error(599),
    ]
}
