use std::{io::Read as _, time::Duration};

use futures::task::noop_waker;
use socket2::SockRef;
use tokio::{net::TcpListener, task::yield_now, time::advance};

use super::*;
use crate::connections::tracker::tests::{connections, open};

/// A stream, and its peer.
async fn pair() -> (BoundedStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nonblocking(true).unwrap();
    let (io, _) = listener.accept().await.unwrap();
    (BoundedStream::new(io, open(&connections(1, 1))), peer)
}

/// Writes as much as goes in.
fn write(stream: &mut BoundedStream) -> io::Result<usize> {
    let waker = noop_waker();
    let mut cx = Context::from_waker(&waker);
    let mut written = 0;
    while let Poll::Ready(more) = Pin::new(&mut *stream).poll_write(&mut cx, &[b' '; 64 * 1024]) {
        written += more?;
    }
    Ok(written)
}

/// Lets the kernel and tokio's driver do their work.
async fn settle() {
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(1));
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_of_its_response_is_dropped() {
    let (mut stream, _peer) = pair().await;
    assert!(write(&mut stream).unwrap() > 0);
    advance(stream.connection().limits().stall - Duration::from_secs(1)).await;
    assert_eq!(write(&mut stream).unwrap(), 0);
    advance(Duration::from_secs(1)).await;
    assert_eq!(write(&mut stream).unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_dropped() {
    let (mut stream, mut peer) = pair().await;
    let full = write(&mut stream).unwrap();
    let mut some = vec![0; full / 20];
    for _ in 0..4 {
        // Makes so little room that the kernel does not report it.
        while SockRef::from(stream.io()).send(b" ").is_err() {
            let _ = peer.read(&mut some);
            settle().await;
        }
        advance(stream.connection().limits().stall).await;
        settle().await;
        assert!(write(&mut stream).unwrap() > 0);
    }
}
