//! A request body that is sent while the answer may already arrive.
//!
//! awc sends all of a body before it reads a byte of the answer. It would not hear an upstream that refuses a large body,
//! and would wait for ever for one that answers while it still reads. So awc sends such a request without its body:
//! [`Socket`](super::socket::Socket) adds the framing to the head, and sends the body whenever awc reads.

use std::{
    cell::{Cell, RefCell},
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::error::PayloadError;
use bytes::{Buf as _, Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream::LocalBoxStream};
use tokio::io::AsyncWrite;

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// Maximum number of parts that are sent at a time before the answer is looked at.
const PARTS: usize = 16;

/// What is known of an upload outside of its connection.
#[derive(Debug, Default)]
pub(crate) struct UploadProgress {
    waits_for_caller: Cell<bool>,
    parts: Cell<u64>,
    failure: RefCell<Option<PayloadError>>,
}

impl UploadProgress {
    /// True while the next part of the body has not arrived.
    pub(crate) fn waits_for_caller(&self) -> bool {
        self.waits_for_caller.get()
    }

    /// Number of parts that were sent, or begun to be sent.
    pub(crate) fn parts(&self) -> u64 {
        self.parts.get()
    }

    /// Why the body ended early, if it did.
    pub(crate) fn take_failure(&self) -> Option<PayloadError> {
        self.failure.take()
    }
}

/// The body of one request, with its framing.
pub(crate) struct Upload {
    body: LocalBoxStream<'static, Result<Bytes, PayloadError>>,
    /// `None`: chunked.
    length: Option<u64>,
    /// What must be sent before the next part: at most one part with its framing.
    out: BytesMut,
    has_ended: bool,
    /// The connection takes no more, but there may be an answer.
    is_refused: bool,
    progress: Rc<UploadProgress>,
}

impl Upload {
    /// A body of `length` bytes, or a chunked one.
    pub(crate) fn new(
        body: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
        length: Option<u64>,
    ) -> Self {
        Self {
            body: body.boxed_local(),
            length,
            out: BytesMut::new(),
            has_ended: false,
            is_refused: false,
            progress: Rc::default(),
        }
    }

    pub(crate) fn progress(&self) -> &Rc<UploadProgress> {
        &self.progress
    }

    /// Takes the head of the request, to send it first.
    ///
    /// # Errors
    /// It is not complete.
    pub(super) fn take_head(&mut self, head: &[u8]) -> io::Result<()> {
        let Some(lines) = head.strip_suffix(END) else {
            return Err(io::Error::other("the head of the request is larger than a write"));
        };
        self.out.extend_from_slice(lines);
        let framing = match self.length {
            Some(length) => format!("\r\ncontent-length: {length}"),
            None => "\r\ntransfer-encoding: chunked".to_owned(),
        };
        self.out.extend_from_slice(framing.as_bytes());
        self.out.extend_from_slice(END);
        Ok(())
    }

    /// Sends as much as possible. Ready when all is sent. Pending for ever if the connection takes no more.
    ///
    /// # Errors
    /// The body failed. [`UploadProgress::take_failure`] says why.
    pub(super) fn poll<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.progress.waits_for_caller.set(false);
        for _ in 0..PARTS {
            if self.is_refused || ready!(self.poll_out(io, cx)).is_err() {
                self.is_refused = true;
                return Poll::Pending;
            }
            if self.has_ended {
                return Poll::Ready(Ok(()));
            }
            match self.body.poll_next_unpin(cx) {
                Poll::Ready(part) => self.take(part)?,
                Poll::Pending => {
                    self.progress.waits_for_caller.set(true);
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends and flushes what is in `out`.
    fn poll_out<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.out.has_remaining() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Pin::new(io).poll_flush(cx)
    }

    fn take(&mut self, part: Option<Result<Bytes, PayloadError>>) -> io::Result<()> {
        self.progress.parts.set(self.progress.parts.get() + 1);
        let chunked = self.length.is_none();
        match part {
            Some(Ok(part)) if part.is_empty() => {}
            Some(Ok(part)) => {
                if chunked {
                    self.out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                }
                self.out.extend_from_slice(&part);
                if chunked {
                    self.out.extend_from_slice(b"\r\n");
                }
            }
            Some(Err(error)) => {
                self.progress.failure.replace(Some(error));
                return Err(io::Error::other("the body of the request ended early"));
            }
            None => {
                self.has_ended = true;
                if chunked {
                    self.out.extend_from_slice(b"0\r\n\r\n");
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::stream;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nhost: t\r\n\r\n";

    /// What arrives through a connection that takes `room` bytes at a time.
    async fn sent(parts: &[Vec<u8>], length: Option<u64>, room: usize) -> String {
        let (mut near, mut far) = duplex(room);
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from(part.clone()))).collect();
        let mut upload = Upload::new(stream::iter(parts), length);
        upload.take_head(HEAD).unwrap();
        let sending = async {
            poll_fn(|cx| upload.poll(&mut near, cx)).await.unwrap();
            drop(near);
        };
        let mut all = Vec::new();
        let ((), read) = futures::join!(sending, far.read_to_end(&mut all));
        read.unwrap();
        String::from_utf8(all).unwrap()
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn a_body_is_framed_the_same_however_little_the_connection_takes(
            parts in prop::collection::vec(prop::collection::vec(b'a'..=b'z', 0..40), 0..40),
            room in 1_usize..100,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let body = String::from_utf8(parts.concat()).unwrap();
            let length = body.len();
            let head = "POST / HTTP/1.1\r\nhost: t\r\n";
            let sized = runtime.block_on(sent(&parts, Some(length as u64), room));
            prop_assert_eq!(sized, format!("{head}content-length: {length}\r\n\r\n{body}"));
            let chunks = parts.iter().filter(|part| !part.is_empty()).map(|part| {
                format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part))
            });
            let chunks: String = chunks.collect();
            let chunked = runtime.block_on(sent(&parts, None, room));
            let expected = format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
            prop_assert_eq!(chunked, expected);
        }
    }

    #[tokio::test]
    async fn a_connection_that_takes_no_more_is_no_error_because_an_answer_may_come() {
        let (mut near, far) = duplex(10);
        drop(far);
        let mut upload = Upload::new(stream::iter([Ok(Bytes::from("body"))]), Some(4));
        upload.take_head(HEAD).unwrap();
        for _ in 0..2 {
            let polled = futures::poll!(poll_fn(|cx| upload.poll(&mut near, cx)));
            assert!(polled.is_pending());
        }
    }

    #[tokio::test]
    async fn a_body_that_fails_is_an_error_that_says_why() {
        let (mut near, _far) = duplex(1000);
        let failing = stream::iter([Ok(Bytes::from("a part")), Err(PayloadError::Overflow)]);
        let mut upload = Upload::new(failing, None);
        upload.take_head(HEAD).unwrap();
        assert!(poll_fn(|cx| upload.poll(&mut near, cx)).await.is_err());
        assert!(matches!(upload.progress().take_failure(), Some(PayloadError::Overflow)));
    }

    #[test]
    fn a_part_of_a_head_is_refused() {
        assert!(Upload::new(stream::empty(), None).take_head(&HEAD[..20]).is_err());
    }
}
