//! One connection to a server.

use std::{
    io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{Answer, PATIENCE};

use super::Request;

/// A connection that stays open until it is dropped. Reading and writing panic after [`PATIENCE`].
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    asked: Instant,
}

/// The received part of an incomplete answer.
#[derive(Debug)]
pub struct Cut(pub String);

/// The status and the headers of an answer.
type Head = (u16, Vec<(String, String)>);

impl Connection {
    /// Connects. Panics if nothing listens there.
    #[track_caller]
    pub fn to(address: SocketAddr) -> Self {
        Self::try_to(address).unwrap()
    }

    /// Connects. Fails if nothing listens there.
    pub fn try_to(address: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(address).map(Self::from)
    }

    /// The socket, to set its options.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Sends these bytes.
    #[track_caller]
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_say(bytes).unwrap();
    }

    /// Sends these bytes. Fails if the server has closed the connection.
    pub fn try_say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.asked = Instant::now();
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Sends these bytes one by one, 50 ms apart, in a thread of its own, until the connection ends.
    pub fn trickle(&self, bytes: impl Iterator<Item = u8> + Send + 'static) {
        let mut stream = self.socket().try_clone().unwrap();
        thread::spawn(move || {
            for byte in bytes {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
    }

    /// Sends a request. The server may answer and close before it has read all of it.
    pub fn send(&mut self, request: impl Into<Request>) {
        let _ = self.try_say(request.into().bytes());
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub fn ask(&mut self, request: impl Into<Request>) -> Answer {
        self.send(request);
        self.answer()
    }

    /// Reads the next answer. Panics if there is none.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.try_answer().unwrap().expect("the connection ended without an answer")
    }

    /// Reads the next answer. `None` if the connection ends before its first byte.
    #[track_caller]
    pub fn try_answer(&mut self) -> Result<Option<Answer>, Cut> {
        let Some((status, headers)) = self.try_head()? else { return Ok(None) };
        let value = |name| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        assert_eq!(value("transfer-encoding"), None, "chunks are read by `rest`");
        let mut body = vec![0; value("content-length").map_or(0, |length| length.parse().unwrap())];
        match self.stream.read_exact(&mut body) {
            Ok(()) => Ok(Some(Answer::new(status, headers, &body, self.asked.elapsed()))),
            Err(error) => {
                must_be_in_time(&error);
                Err(Cut(format!("{status}, {headers:?}, and a body without its end: {error}")))
            }
        }
    }

    /// Reads the head of the next answer, which has no body.
    #[track_caller]
    pub fn head(&mut self) -> Answer {
        let (status, headers) = self.try_head().unwrap().expect("the connection ended");
        Answer::new(status, headers, &[], self.asked.elapsed())
    }

    #[track_caller]
    fn try_head(&mut self) -> Result<Option<Head>, Cut> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.stream.read_line(&mut head) {
                Ok(1..) => continue,
                Ok(0) => {}
                Err(error) => must_be_in_time(&error),
            }
            return if head.is_empty() { Ok(None) } else { Err(Cut(head)) };
        }
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        });
        Ok(Some((status, headers.collect())))
    }

    /// Reads the only answer. Panics if another byte arrives before the connection ends or is reset.
    #[track_caller]
    pub fn last_answer(mut self) -> Answer {
        let only = self.answer();
        let more = self.rest_or_part();
        assert!(more.is_empty(), "{more:?} after {only:?}");
        only
    }

    /// Reads until the server closes the connection. Panics if it is reset.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads until the connection is closed or reset.
    #[track_caller]
    pub fn rest_or_part(&mut self) -> String {
        let mut bytes = Vec::new();
        if let Err(error) = self.stream.read_to_end(&mut bytes) {
            must_be_in_time(&error);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads whole lines until one has `text` in it. Panics if the connection ends before.
    #[track_caller]
    pub fn lines_until(&mut self, text: &str) -> String {
        let mut lines = String::new();
        while !lines.contains(text) {
            let read = self.stream.read_line(&mut lines);
            assert!(matches!(read, Ok(1..)), "{text:?} is not in {lines:?}: {read:?}");
        }
        lines
    }

    /// Reads some bytes.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    /// True if the server ends the connection without another byte.
    #[track_caller]
    pub fn is_ended(&mut self) -> bool {
        self.rest_or_part().is_empty()
    }
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream), asked: Instant::now() }
    }
}

/// Panics if a read or write timed out. Any other end of the connection is allowed.
#[track_caller]
fn must_be_in_time(error: &io::Error) {
    let is_late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    assert!(!is_late, "nothing arrived for {PATIENCE:?}");
}
