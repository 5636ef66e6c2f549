//! Parses the head of a response before awc does, to correct three cases that awc gets wrong.
//!
//! - awc returns an interim response (1xx) as if it were the final one.
//! - awc treats the body of an HTTP/1.1 response without `Content-Length` and without chunks as empty. The body
//!   ends when the connection closes (RFC 9112, 6.3). awc handles this correctly for HTTP/1.0.
//! - awc does not see the `Content-Length` of a response with `Upgrade: websocket`, such as a 426.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Response, Status};
use memchr::memchr_iter;

/// Maximum number of bytes of a head that is parsed here. awc refuses an incomplete head of this size.
pub(super) const MAX_HEAD: usize = 128 * 1024;

/// Maximum number of headers that awc accepts.
const MAX_HEADERS: usize = 96;

/// Index of the first digit of the status in "HTTP/1.1 200 OK".
const STATUS: usize = 9;

/// Index of the minor version digit in "HTTP/1.1".
const MINOR_VERSION: usize = 7;

/// Classification of the first bytes of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The end of the head has not arrived yet.
    Incomplete,
    /// An interim response with this length in bytes. The final response follows it.
    Interim(usize),
    /// A final HTTP/1.1 response whose body ends when the connection closes. awc reads it to the end of the connection
    /// if the version is 1.0.
    Unbounded,
    /// A final response that names the protocol `websocket`, at this index. awc takes its body for empty.
    Upgrade(usize),
    /// A final response, or bytes that are not HTTP/1.x: awc handles both without correction.
    Final,
}

impl Head {
    /// Classifies the first bytes of a response, after it has corrected them: the result is `Incomplete`, `Interim` or
    /// `Final`.
    pub(super) fn correct(bytes: &mut [u8]) -> Self {
        loop {
            match Self::of(bytes) {
                Self::Unbounded => {
                    bytes[MINOR_VERSION] = b'0';
                    return Self::Final;
                }
                // The header belongs to the connection and is not passed on.
                Self::Upgrade(at) => bytes[at] = b'-',
                head => return head,
            }
        }
    }

    fn of(bytes: &[u8]) -> Self {
        let version = b"HTTP/1.";
        let common = version.len().min(bytes.len());
        if bytes[..common] != version[..common] {
            return Self::Final;
        }
        // Most responses are final and have a length. They need no parsing.
        if bytes.get(STATUS).is_some_and(|digit| *digit != b'1') && is_whole_with_length(bytes) {
            return Self::Final;
        }
        Self::parse(bytes)
    }

    fn parse(bytes: &[u8]) -> Self {
        let (mut headers, mut response) =
            ([const { MaybeUninit::uninit() }; MAX_HEADERS], Response::new(&mut []));
        let mut parser = ParserConfig::default();
        // As in awc, which would otherwise see headers that this parser does not.
        parser.allow_spaces_after_header_name_in_responses(true);
        match parser.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
            Ok(Status::Complete(length)) => Self::complete(&response, length, bytes),
            Ok(Status::Partial) if bytes.len() < MAX_HEAD => Self::Incomplete,
            Ok(Status::Partial) | Err(_) => Self::Final,
        }
    }

    fn complete(response: &Response<'_, '_>, length: usize, bytes: &[u8]) -> Self {
        match response.code {
            // After a 101 the connection speaks another protocol.
            Some(100 | 102..=199) => Self::Interim(length),
            // 101, 204 and 304 have no body.
            Some(101 | 204 | 304) => Self::Final,
            _ => Self::with_body(response, bytes),
        }
    }

    fn with_body(response: &Response<'_, '_>, bytes: &[u8]) -> Self {
        let values = |name: &'static str| {
            let headers = response.headers.iter();
            headers.filter(move |it| it.name.eq_ignore_ascii_case(name)).map(|it| it.value)
        };
        let is_websocket = |value: &&[u8]| value.trim_ascii().eq_ignore_ascii_case(b"websocket");
        if let Some(value) = values("upgrade").find(is_websocket) {
            let at = value.trim_ascii_start().as_ptr().addr() - bytes.as_ptr().addr();
            return Self::Upgrade(at);
        }
        let has_length = || values("content-length").next().is_some();
        let is_chunked = || {
            values("transfer-encoding")
                .any(|value| value.windows(7).any(|part| part.eq_ignore_ascii_case(b"chunked")))
        };
        if response.version == Some(1) && !has_length() && !is_chunked() {
            Self::Unbounded
        } else {
            Self::Final
        }
    }
}

/// True if the head is complete and has a `Content-Length`, and no `Upgrade`.
fn is_whole_with_length(bytes: &[u8]) -> bool {
    let (name, upgrade) = (b"content-length:", b"upgrade");
    let starts_with = |line: &[u8], name: &[u8]| {
        line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name))
    };
    let mut has_length = false;
    for end_of_line in memchr_iter(b'\n', bytes) {
        let line = &bytes[end_of_line + 1..];
        // The parser takes a bare line feed for the end of a line too.
        if line.starts_with(b"\r\n") || line.starts_with(b"\n") {
            return has_length;
        }
        if starts_with(line, upgrade) {
            return false;
        }
        has_length |= starts_with(line, name);
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINES: &[&str] = &[
        "Content-Length: 2\r\n",
        "content-length:\r\n",
        "x-content-length: 2\r\n",
        "a: content-length: 2\r\n",
        "transfer-encoding: chunked\r\n",
        "Upgrade : WebSocket \r\n",
        "upgrade: h2c\r\n",
        "a: b\n",
        "\r\n",
        "\n",
        "{}",
    ];

    proptest! {
        #[test]
        fn the_shortcut_agrees_with_the_parser(
            code in prop::sample::select(vec!["100", "103", "101", "200", "204", "404", "1"]),
            version in prop::sample::select(vec!["HTTP/1.1", "HTTP/1.0", "HTTP/1"]),
            lines in prop::collection::vec(prop::sample::select(LINES), 0..6),
        ) {
            let bytes = format!("{version} {code} Odd\r\n{}", lines.concat());
            for length in 0..=bytes.len() {
                let bytes = &bytes.as_bytes()[..length];
                prop_assert_eq!(Head::of(bytes), Head::parse(bytes), "{:?}", bytes);
            }
        }
    }

    #[test]
    fn a_head_is_incomplete_until_its_empty_line() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let head = whole.len() - 2;
        for length in 0..head {
            assert_eq!(Head::of(&whole[..length]), Head::Incomplete, "{length}");
        }
        assert_eq!(Head::of(&whole[..head]), Head::Final);
        assert_eq!(Head::of(whole), Head::Final);
    }

    #[test]
    fn interim_answers_are_all_1xx_but_101() {
        for code in [100, 102, 103, 199] {
            let head = format!("HTTP/1.1 {code} So far\r\nlink: <a>\r\n\r\n");
            let bytes = format!("{head}HTTP/1.1 200 OK\r\n");
            assert_eq!(Head::of(bytes.as_bytes()), Head::Interim(head.len()), "{code}");
        }
        assert_eq!(Head::of(b"HTTP/1.1 101 Switching\r\n\r\n"), Head::Final);
    }

    #[test]
    fn a_response_without_a_length_ends_with_its_connection() {
        let head = |version: &str, status: &str, header: &str| {
            Head::of(format!("HTTP/{version} {status}\r\n{header}\r\n\r\n").as_bytes())
        };
        assert_eq!(head("1.1", "200 OK", "a: b"), Head::Unbounded);
        assert_eq!(head("1.1", "500 Oops", "connection: close"), Head::Unbounded);
        assert_eq!(head("1.1", "200 OK", "transfer-encoding: identity"), Head::Unbounded);
        assert_eq!(head("1.1", "200 OK", "Content-Length: 2"), Head::Final);
        assert_eq!(head("1.1", "200 OK", "Transfer-Encoding: gzip, Chunked"), Head::Final);
        assert_eq!(head("1.1", "204 No Content", "a: b"), Head::Final);
        assert_eq!(head("1.1", "304 Not Modified", "a: b"), Head::Final);
        assert_eq!(head("1.0", "200 OK", "a: b"), Head::Final, "awc reads it correctly");
        let after_the_end = b"HTTP/1.1 200 OK\r\n\nContent-Length: 2\r\n\r\n";
        assert_eq!(Head::of(after_the_end), Head::Unbounded, "a bare line feed ends the head");
    }

    #[test]
    fn the_length_of_an_answer_that_names_the_protocol_websocket_is_seen() {
        let head = |upgrade: &str| {
            format!("HTTP/1.1 426 Upgrade\r\n{upgrade}\r\ncontent-length: 2\r\n\r\n{{}}")
                .into_bytes()
        };
        for (upgrade, corrected) in [
            ("upgrade: websocket", "upgrade: -ebsocket"),
            ("Upgrade:WebSocket", "Upgrade:-ebSocket"),
            ("upgrade: h2c\r\nupgrade :  websocket ", "upgrade: h2c\r\nupgrade :  -ebsocket "),
            (
                "upgrade: websocket\r\nupgrade: websocket",
                "upgrade: -ebsocket\r\nupgrade: -ebsocket",
            ),
            ("upgrade: h2c, websocket", "upgrade: h2c, websocket"),
            ("a: upgrade: websocket", "a: upgrade: websocket"),
        ] {
            let mut bytes = head(upgrade);
            assert_eq!(Head::correct(&mut bytes), Head::Final);
            assert_eq!(String::from_utf8(bytes), String::from_utf8(head(corrected)));
        }
        let mut switched = b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\n\r\n".to_vec();
        let before = switched.clone();
        assert_eq!(Head::correct(&mut switched), Head::Final);
        assert_eq!(switched, before);
    }

    #[test]
    fn bytes_that_are_no_head_are_left_to_awc() {
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MAX_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(MAX_HEADERS + 1));
        for bytes in ["garbage", "\r\n", "HTTP/2", "HTTP/1.1 2x0 OK\r\n\r\n", &long, &many] {
            assert_eq!(Head::of(bytes.as_bytes()), Head::Final, "{:.20}", bytes);
        }
    }
}
