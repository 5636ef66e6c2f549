//! Reads a small body to its end.

use std::{future::poll_fn, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use super::super::{
    answer_stream::AnswerStream,
    body::{BodyLimits, CHUNKED_TIME},
    quota::Share,
    response_headers::AnswerBody,
};

/// Maximum time for a body with a length to arrive after its head. Callers can seldom use a part of a small body.
const SIZED_TIME: Duration = Duration::from_secs(1);

/// Reads a body of at most `retry_body_bytes` that ends soon: within a second if it has a length, and else within
/// [`CHUNKED_TIME`], because the caller of a stream of events waits for its parts. The bytes count as held until the
/// share is dropped. `None` for other bodies; what was read is put back.
pub(super) async fn read_whole(
    stream: &mut AnswerStream,
    body: AnswerBody,
    limits: &BodyLimits,
) -> Option<(Bytes, Share)> {
    let mut share = limits.replay.nothing();
    let time = match body {
        AnswerBody::None { .. } => return Some((Bytes::new(), share)),
        AnswerBody::Sized(length) if length > limits.retry_body_bytes as u64 => return None,
        AnswerBody::Sized(_) => SIZED_TIME,
        AnswerBody::Unsized => CHUNKED_TIME,
    };
    let (deadline, mut bytes) = (Instant::now() + time, BytesMut::new());
    let failure = loop {
        match timeout_at(deadline, poll_fn(|cx| stream.poll_part(cx))).await {
            Ok(Some(Ok(part))) => {
                bytes.extend_from_slice(&part);
                if bytes.len() > limits.retry_body_bytes || !share.grow(part.len()) {
                    break None;
                }
            }
            Ok(None) => return Some((bytes.freeze(), share)),
            Ok(Some(Err(error))) => break Some(error),
            Err(_) => break None,
        }
    };
    stream.put_back(bytes.freeze(), failure);
    None
}
