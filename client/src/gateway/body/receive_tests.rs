use std::io::ErrorKind;

use actix_web::{FromRequest as _, http::header::HeaderName, test::TestRequest, web};
use futures::{FutureExt as _, stream, stream::BoxStream};
use proptest::prelude::*;
use tokio::time::{advance, sleep};

use super::*;
use crate::gateway::quota::Quota;

type Payload = BoxStream<'static, Result<Bytes, PayloadError>>;

/// A part, and the milliseconds before it.
type Parts = Vec<(u64, Vec<u8>)>;

fn limits(retry_body_bytes: usize, replay: usize, streams: usize) -> BodyLimits {
    BodyLimits { retry_body_bytes, replay: Quota::new(replay), streams: Quota::new(streams) }
}

fn headers(name: HeaderName, value: &str) -> HeaderMap {
    [(name, value.parse().unwrap())].into_iter().collect()
}

fn sized(length: usize) -> HeaderMap {
    headers(CONTENT_LENGTH, &length.to_string())
}

fn chunked() -> HeaderMap {
    headers(TRANSFER_ENCODING, "chunked")
}

fn payload(parts: Parts) -> Payload {
    stream::iter(parts)
        .then(|(wait, part)| async move {
            sleep(Duration::from_millis(wait)).await;
            Ok(Bytes::from(part))
        })
        .boxed()
}

fn part(size: usize) -> Payload {
    payload(vec![(0, vec![b'x'; size])])
}

fn held(body: RequestBody<Payload>) -> HeldBody {
    match body {
        RequestBody::Held(held) => held,
        RequestBody::Streaming(streamed) => panic!("it is not held: {:?}", streamed.length()),
    }
}

fn streamed(body: RequestBody<Payload>) -> StreamedBody<Payload> {
    match body {
        RequestBody::Streaming(streamed) => streamed,
        RequestBody::Held(held) => panic!("it is held: {held:?}"),
    }
}

async fn rest(streamed: &mut StreamedBody<Payload>) -> Vec<u8> {
    streamed.map(|part| part.unwrap().to_vec()).concat().await
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_is_held_and_nothing_is_read() {
    let limits = limits(10, 10, 0);
    for headers in [HeaderMap::new(), sized(0)] {
        let body = limits.receive(&headers, stream::pending().boxed()).await.unwrap();
        assert!(held(body).bytes().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_length_is_held_up_to_the_limit_however_slow_it_is() {
    let limits = limits(10, 100, 1);
    let slow = vec![(5_000, vec![1; 4]), (5_000, vec![2; 6])];
    let body = held(limits.receive(&sized(10), payload(slow)).await.unwrap());
    assert_eq!((body.bytes().len(), limits.replay.used()), (10, 10));
    let body = limits.receive(&sized(11), stream::pending().boxed()).now_or_never().unwrap();
    assert_eq!(streamed(body.unwrap()).length(), Some(11));
}

#[tokio::test(start_paused = true)]
async fn a_chunked_body_is_held_only_if_it_ends_within_size_and_time() {
    let limits = limits(10, 100, 1);
    for (parts, is_held) in [
        (vec![], true),
        (vec![(50, vec![1; 5]), (49, vec![2; 5])], true),
        (vec![(50, vec![1; 5]), (51, vec![2; 5])], false),
        (vec![(0, vec![1; 5]), (0, vec![2; 6]), (0, vec![3; 1])], false),
    ] {
        let whole: Vec<u8> = parts.iter().flat_map(|(_, part)| part.clone()).collect();
        match limits.receive(&chunked(), payload(parts)).await.unwrap() {
            RequestBody::Held(body) => {
                assert!(is_held);
                assert_eq!(
                    (body.bytes(), limits.replay.used()),
                    (&whole.into(), body.bytes().len())
                );
            }
            RequestBody::Streaming(mut body) => {
                assert!(!is_held);
                assert_eq!((body.length(), limits.replay.used()), (None, 0));
                assert_eq!(rest(&mut body).await, whole);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_streamed_if_all_held_bodies_leave_no_room_for_it() {
    let limits = limits(10, 15, 9);
    let first = held(limits.receive(&sized(10), part(10)).await.unwrap());
    drop(streamed(limits.receive(&sized(6), part(6)).await.unwrap()));
    drop(streamed(limits.receive(&chunked(), part(6)).await.unwrap()));
    assert_eq!(limits.replay.used(), 10);
    let attempt = first.clone();
    drop(first);
    assert_eq!(limits.replay.used(), 10, "an attempt still has it");
    drop(attempt);
    held(limits.receive(&sized(6), part(6)).await.unwrap());
    held(limits.receive(&chunked(), part(6)).await.unwrap());
    assert_eq!(limits.replay.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_past_the_maximum_is_refused_until_one_ends() {
    let limits = limits(0, 0, 1);
    let first = streamed(limits.receive(&sized(6), part(6)).await.unwrap());
    let refused = limits.receive(&sized(6), part(6)).await.err().unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers().get("retry-after").unwrap(), "1");
    drop(first);
    streamed(limits.receive(&sized(6), part(6)).await.unwrap());
    assert_eq!(limits.streams.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_early_is_an_error_and_gives_its_room_back() {
    let limits = limits(10, 10, 1);
    let late = || PayloadError::Incomplete(Some(ErrorKind::TimedOut.into()));
    let cut = || PayloadError::Incomplete(None);
    for (error, status) in [(late as fn() -> _, 408), (cut, 400)] {
        for headers in [sized(10), chunked()] {
            let payload = stream::iter([Ok(Bytes::from("a")), Err(error())]).boxed();
            let refused = limits.receive(&headers, payload).await.err().unwrap();
            assert_eq!((refused.status().as_u16(), limits.replay.used()), (status, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_while_its_body_is_read_gives_its_room_back() {
    let limits = limits(10, 10, 1);
    for headers in [sized(10), chunked()] {
        let parts = payload(vec![(0, vec![1; 5])]).chain(stream::pending()).boxed();
        let mut receiving = Box::pin(limits.receive(&headers, parts));
        for _ in 0..3 {
            assert!(receiving.as_mut().now_or_never().is_none());
            advance(Duration::from_millis(1)).await;
        }
        assert!(limits.replay.used() >= 5);
        drop(receiving);
        assert_eq!(limits.replay.used(), 0);
    }
}

#[actix_web::test]
async fn the_payload_of_a_handler_is_received() {
    let request = TestRequest::post().insert_header((CONTENT_LENGTH, "4")).set_payload("body");
    let (request, mut payload) = request.to_http_parts();
    let payload = web::Payload::from_request(&request, &mut payload).await.unwrap();
    match limits(10, 10, 1).receive(request.headers(), payload).await.unwrap() {
        RequestBody::Held(body) => assert_eq!(body.bytes(), "body"),
        RequestBody::Streaming(_) => panic!("it is not held"),
    }
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn every_body_arrives_whole_and_only_what_is_held_is_counted(
        parts in prop::collection::vec((0_u64..60, prop::collection::vec(any::<u8>(), 1..9)), 0..6),
        is_chunked: bool,
        retry_body_bytes in 0_usize..30,
        replay in 0_usize..30,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let whole: Vec<u8> = parts.iter().flat_map(|(_, part)| part.clone()).collect();
            let took: u64 = parts.iter().map(|(wait, _)| wait).sum();
            let limits = limits(retry_body_bytes, replay, 1);
            let headers = if is_chunked { chunked() } else { sized(whole.len()) };
            let fits = whole.len() <= retry_body_bytes.min(replay) || whole.is_empty();
            // At 100 ms both are due.
            prop_assume!(took != 100);
            match limits.receive(&headers, payload(parts)).await.unwrap() {
                RequestBody::Held(body) => {
                    prop_assert!(fits && (took < 100 || !is_chunked));
                    prop_assert_eq!(body.bytes(), &whole);
                    prop_assert_eq!(limits.replay.used(), whole.len());
                }
                RequestBody::Streaming(mut body) => {
                    prop_assert!(!fits || (took > 100 && is_chunked));
                    prop_assert_eq!(limits.replay.used(), 0);
                    prop_assert_eq!(limits.streams.used(), 1);
                    prop_assert_eq!(rest(&mut body).await, whole);
                }
            }
            prop_assert_eq!((limits.replay.used(), limits.streams.used()), (0, 0));
            Ok(())
        })?;
    }
}
