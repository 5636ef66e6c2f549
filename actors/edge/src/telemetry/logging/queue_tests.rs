use std::{
    io::ErrorKind,
    sync::mpsc::{Receiver, Sender, channel},
};

use super::*;
use crate::{clock::now, telemetry::logging::line_writer::WRITE_BYTES};

/// Longer than any step of these tests; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// An output that passes each write to the test, and returns the result that the test gives.
struct ControlledOutput {
    writes: Sender<Vec<u8>>,
    results: Receiver<io::Result<usize>>,
}

impl Write for ControlledOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.send(bytes.to_vec()).unwrap();
        self.results.recv().unwrap()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct ControlledQueue {
    queue: LogQueue,
    writes: Receiver<Vec<u8>>,
    results: Sender<io::Result<usize>>,
}

impl ControlledQueue {
    /// Starts a queue whose report is the line "N dropped".
    fn start() -> Self {
        let (writes, requested) = channel();
        let (return_result, results) = channel();
        let (own, owned) = channel::<LogQueue>();
        let own_queue = Mutex::new((owned, None));
        let report = move |count| {
            let mut own = own_queue.lock().unwrap();
            let queue = own.1.take().unwrap_or_else(|| own.0.recv().unwrap());
            queue.push(format!("{count} dropped\n").as_bytes());
            own.1 = Some(queue);
        };
        let queue = LogQueue::start(ControlledOutput { writes, results }, report).unwrap();
        own.send(queue.clone()).unwrap();
        Self { queue, writes: requested, results: return_result }
    }

    /// The next write of the queue's thread, which waits for its result.
    fn next_write(&self) -> String {
        String::from_utf8(self.writes.recv_timeout(PATIENCE).unwrap()).unwrap()
    }

    /// Lets the next write succeed.
    fn accept_write(&self) -> String {
        let bytes = self.next_write();
        self.results.send(Ok(bytes.len())).unwrap();
        bytes
    }

    fn fail_write(&self, kind: ErrorKind) -> String {
        let bytes = self.next_write();
        self.results.send(Err(kind.into())).unwrap();
        bytes
    }

    fn is_flushed(&self) -> bool {
        let began = now();
        self.queue.flush(PATIENCE);
        began.elapsed() < PATIENCE
    }
}

#[test]
fn lines_are_written_in_order() {
    let out = ControlledQueue::start();
    out.queue.push(b"one\n");
    assert_eq!(out.next_write(), "one\n");
    // While the thread writes the first line, the others are queued.
    out.queue.push(b"two\n");
    out.queue.push(b"three\n");
    out.results.send(Ok(4)).unwrap();
    assert_eq!(out.accept_write(), "two\nthree\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 0);
}

#[test]
fn a_blocked_output_delays_no_caller_and_dropped_lines_are_counted_and_reported() {
    let out = ControlledQueue::start();
    out.queue.push(b"first\n");
    assert_eq!(out.next_write(), "first\n");
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    for _ in 0..MAX_BYTES / line.len() + 7 {
        out.queue.push(&line);
    }
    assert_eq!(out.queue.dropped(), 7);
    out.queue.flush(Duration::ZERO);

    // The output accepts writes again: first the queued lines, then the report in place of the dropped ones, then new
    // lines.
    out.results.send(Ok(6)).unwrap();
    for _ in 0..MAX_BYTES / WRITE_BYTES - 1 {
        assert_eq!(out.accept_write().len(), WRITE_BYTES);
    }
    assert_eq!(out.next_write().len(), WRITE_BYTES);
    out.queue.push(b"next\n");
    out.results.send(Ok(WRITE_BYTES)).unwrap();
    assert_eq!(out.accept_write(), "7 dropped\nnext\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 7);
}

#[test]
fn the_report_of_dropped_lines_fits_into_a_full_queue() {
    let out = ControlledQueue::start();
    let full = [&vec![b'x'; MAX_BYTES - 1][..], b"\n"].concat();
    out.queue.push(&full);
    assert_eq!(out.next_write().len(), MAX_BYTES);
    out.queue.push(&full);
    out.queue.push(b"dropped\n");
    IS_WRITER.set(true);
    out.queue.push(b"report\n");
    IS_WRITER.set(false);
    assert_eq!(out.queue.dropped(), 1);
    assert_eq!(out.queue.lock().waiting.len(), MAX_BYTES + 7);
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_reported_when_a_write_succeeds() {
    let out = ControlledQueue::start();
    out.queue.push(b"lost\n");
    assert_eq!(out.fail_write(ErrorKind::BrokenPipe), "lost\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 1);
    // No report while writes fail: it would be lost as well.
    out.queue.push(b"good\n");
    assert_eq!(out.accept_write(), "good\n");
    assert_eq!(out.accept_write(), "1 dropped\n");
}

#[test]
fn a_full_non_blocking_output_is_tried_again_and_partial_writes_are_completed() {
    let out = ControlledQueue::start();
    out.queue.push(b"a line\n");
    assert_eq!(out.fail_write(ErrorKind::WouldBlock), "a line\n");
    assert_eq!(out.next_write(), "a line\n");
    out.results.send(Ok(2)).unwrap();
    assert_eq!(out.fail_write(ErrorKind::Interrupted), "line\n");
    assert_eq!(out.accept_write(), "line\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 0);
}

#[test]
fn flush_wakes_a_sleeping_writer_at_once() {
    let out = ControlledQueue::start();
    for _ in 0..2 {
        out.queue.push(b"a line\n");
        assert_eq!(out.accept_write(), "a line\n");
        assert!(out.is_flushed());
        let began = now();
        while !out.queue.lock().writer_sleeps {
            assert!(began.elapsed() < PATIENCE, "the writer never sleeps");
            thread::yield_now();
        }
    }
    assert!(out.is_flushed());
}

#[test]
fn flush_waits_no_longer_than_its_limit() {
    let out = ControlledQueue::start();
    out.queue.push(b"stuck\n");
    assert_eq!(out.next_write(), "stuck\n");
    let began = now();
    out.queue.flush(Duration::from_millis(50));
    assert!((50..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}
