//! What a server that misbehaves says. `{id}` stands for the marker of the request that it answers, and
//! `{elsewhere}` for the address of another server.

pub(crate) use resilience_testing::server::Act;

pub(crate) fn say(words: impl AsRef<[u8]>) -> Act {
    Act::Say(words.as_ref().to_vec())
}

pub(crate) fn forever(words: impl AsRef<[u8]>) -> Act {
    Act::Forever(words.as_ref().to_vec())
}

/// The body of a good answer.
pub(crate) const BODY: &str = r#"{"id":"{id}"}"#;

/// The body of a surplus answer. No call may receive it, because its request has been answered.
pub(crate) const STALE: &str = r#"{"id":"{id}","stale":true}"#;

/// The length of a body with the marker in it.
pub(crate) fn length(body: &str) -> usize {
    body.replace("{id}", &"0".repeat(32)).len()
}

/// A whole answer with a length. `status` may bring headers with it.
pub(crate) fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", length(body))
}

pub(crate) fn good() -> String {
    answer("200 OK\r\ncontent-type: application/json", BODY)
}

/// An answer with this body, of whatever bytes.
pub(crate) fn holding(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The head of a chunked answer, and what comes after it.
pub(crate) fn chunked(rest: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{rest}")
}

/// One chunk.
pub(crate) fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", length(data))
}

/// After this head nothing comes until there is another request on the connection: then a whole
/// answer, which would be taken for that request's.
pub(crate) fn late(head: &str) -> [Act; 4] {
    [say(head), Act::Await, say(answer("200 OK", STALE)), Act::Hold]
}
