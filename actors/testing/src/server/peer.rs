//! The server's side of a connection.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    sync::Arc,
    thread,
};

use super::{Act, Seen, Stream};

/// A connection of a client. Dropping it closes it.
#[derive(Debug)]
pub struct Peer {
    stream: BufReader<Stream>,
    number: usize,
    body: Vec<u8>,
    seen: Arc<Seen>,
}

impl Peer {
    pub(super) fn new(stream: Stream, number: usize, seen: Arc<Seen>) -> Self {
        Self { stream: BufReader::new(stream), number, body: Vec::new(), seen }
    }

    /// The number of the connection: 1 for the server's first.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The name that the client asked for in the handshake of TLS (SNI). Known after the first read.
    pub fn server_name(&self) -> Option<&str> {
        self.stream.get_ref().server_name()
    }

    /// The protocol that was agreed on in the handshake of TLS (ALPN). Known after the first read.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.stream.get_ref().protocol()
    }

    /// Reads one request. Returns its head, or `None` if the client has closed the connection.
    pub fn request(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            self.stream.read_line(&mut head).ok().filter(|read| *read > 0)?;
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        self.body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut self.body).ok()?;
        self.seen.heads.lock().unwrap().push(head.clone());
        Some(head)
    }

    /// The body of the last request, if it has a `Content-Length`.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Sends these bytes, unless the client has closed the connection.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Plays these acts. Returns the connection if they have left it open.
    pub fn play(mut self, acts: &[Act]) -> Option<Self> {
        for act in acts {
            // An error means that the client has closed the connection.
            if !self.act(act).unwrap_or(false) {
                return None;
            }
        }
        Some(self)
    }

    /// Plays one act. Returns false if the connection must be closed.
    fn act(&mut self, act: &Act) -> io::Result<bool> {
        match act {
            Act::Say(bytes) => self.stream.get_mut().write_all(bytes)?,
            Act::Trickle(bytes, pause) => {
                for byte in bytes {
                    self.stream.get_mut().write_all(&[*byte])?;
                    thread::sleep(*pause);
                }
            }
            Act::Forever(bytes) => loop {
                self.stream.get_mut().write_all(bytes)?;
            },
            Act::Await => return Ok(self.stream.read(&mut [0; 4096])? > 0),
            Act::Hold => {
                while self.stream.read(&mut [0; 4096])? > 0 {}
                return Ok(false);
            }
            Act::Close => return Ok(false),
            Act::Abandon => {
                self.stream.get_mut().abandon();
                return Ok(false);
            }
            Act::Reset => {
                self.stream.get_mut().reset()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Plays [`Act::Hold`].
    pub fn hold(self) {
        self.play(&[Act::Hold]);
    }

    /// Plays [`Act::Reset`].
    pub fn reset(self) {
        self.play(&[Act::Reset]);
    }
}
