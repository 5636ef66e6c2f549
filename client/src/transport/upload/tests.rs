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
        parts in prop::collection::vec(prop::collection::vec(b'a'..=b'z', 0..40), 0..80),
        room in 1_usize..100,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = String::from_utf8(parts.concat()).unwrap();
        let length = body.len();
        let head = "POST / HTTP/1.1\r\nhost: t\r\n";
        let sized = runtime.block_on(sent(&parts, Some(length as u64), room));
        prop_assert_eq!(sized, format!("{head}content-length: {length}\r\n\r\n{body}"));
        // As many as are sent together are one chunk.
        let chunks = parts.chunks(PARTS_AT_ONCE).map(<[Vec<u8>]>::concat).filter(|it| !it.is_empty());
        let chunks: String = chunks
            .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(&chunk)))
            .collect();
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

#[tokio::test]
async fn a_body_of_another_length_than_announced_fails_before_it_is_sent_whole() {
    for (parts, length) in
        [(vec!["four"], 5), (vec![], 1), (vec!["four", "and"], 5), (vec!["four"], 3)]
    {
        let (mut near, mut far) = duplex(1000);
        let parts: Vec<_> = parts.into_iter().map(|part| Ok(Bytes::from(part))).collect();
        let mut upload = Upload::new(stream::iter(parts), Some(length));
        upload.take_head(HEAD).unwrap();
        assert!(poll_fn(|cx| upload.poll(&mut near, cx)).await.is_err(), "{length}");
        let failure = upload.progress().take_failure();
        assert!(matches!(failure, Some(PayloadError::Incomplete(None))), "{failure:?}");
        drop(near);
        let mut all = String::new();
        far.read_to_string(&mut all).await.unwrap();
        let body = all.split_once("\r\n\r\n").unwrap().1;
        assert!(body.len() < usize::try_from(length).unwrap().max(5), "{body:?}");
    }
}

#[tokio::test]
async fn each_write_that_the_connection_takes_is_progress() {
    let (mut near, mut far) = duplex(10);
    let mut upload = Upload::new(stream::iter([Ok(Bytes::from(vec![b'x'; 100]))]), Some(100));
    upload.take_head(HEAD).unwrap();
    let mut before = 0;
    for _ in 0..10 {
        assert!(futures::poll!(poll_fn(|cx| upload.poll(&mut near, cx))).is_pending());
        let steps = upload.progress().steps();
        assert!(steps > before, "{steps}");
        before = steps;
        far.read_exact(&mut [0; 10]).await.unwrap();
    }
}
