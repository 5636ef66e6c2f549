//! Bytes on their way to a connection, which are not copied.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;

/// Maximum number of pieces of one write.
const SLICES: usize = 40;

/// Bytes that are to be sent, in pieces that are not empty.
#[derive(Debug, Default)]
pub(super) struct Outgoing(VecDeque<Bytes>);

impl Outgoing {
    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.0.push_back(piece);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes once, as much as the connection takes.
    ///
    /// # Errors
    /// The connection takes no more.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, piece) in slices.iter_mut().zip(&self.0) {
            *slice = IoSlice::new(piece);
        }
        let slices = &slices[..self.0.len().min(SLICES)];
        match ready!(Pin::new(io).poll_write_vectored(cx, slices))? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => {
                self.advance(written);
                Poll::Ready(Ok(()))
            }
        }
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.0.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.0.pop_front();
        }
    }
}
