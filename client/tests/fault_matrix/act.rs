//! What a server that misbehaves does to a connection, and the words that it says.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use socket2::SockRef;

/// One thing that it does. In what it says, `{id}` stands for the marker of the request that it
/// answers, and `{elsewhere}` for the address of another server.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Say(Vec<u8>),
    /// A byte at a time, with a pause after each.
    Trickle(Vec<u8>, Duration),
    /// Again and again, until the other side has left.
    Forever(Vec<u8>),
    /// Nothing, until the other side says something.
    Await,
    /// Nothing, until the other side has left.
    Hold,
    Close,
    Reset,
}

/// Whether there is more to do on a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Request,
    Nothing,
}

impl Act {
    /// The other side may leave meanwhile: that is its right.
    pub(crate) fn play(
        &self,
        stream: &mut TcpStream,
        words: impl Fn(&[u8]) -> Vec<u8>,
    ) -> io::Result<Next> {
        match self {
            Self::Say(bytes) => stream.write_all(&words(bytes))?,
            Self::Trickle(bytes, pause) => {
                for byte in words(bytes) {
                    stream.write_all(&[byte])?;
                    thread::sleep(*pause);
                }
            }
            Self::Forever(bytes) => loop {
                stream.write_all(bytes)?;
            },
            Self::Await => {
                if stream.read(&mut [0; 4096])? == 0 {
                    return Ok(Next::Nothing);
                }
            }
            Self::Hold => {
                while stream.read(&mut [0; 4096])? > 0 {}
                return Ok(Next::Nothing);
            }
            Self::Close => return Ok(Next::Nothing),
            Self::Reset => {
                SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
                return Ok(Next::Nothing);
            }
        }
        Ok(Next::Request)
    }
}

pub(crate) fn say(words: impl AsRef<[u8]>) -> Act {
    Act::Say(words.as_ref().to_vec())
}

pub(crate) fn forever(words: impl AsRef<[u8]>) -> Act {
    Act::Forever(words.as_ref().to_vec())
}

/// The body of a good answer.
pub(crate) const BODY: &str = r#"{"id":"{id}"}"#;

/// The body of an answer that nobody may receive: the request it is for has been answered.
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
