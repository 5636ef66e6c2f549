use std::{
    io::ErrorKind,
    sync::mpsc::{Receiver, Sender, channel},
};

use super::*;
use crate::{clock::now, telemetry::logging::line_writer::WRITE_BYTES};

/// Longer than anything here takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// An `out` that says what it is asked to write, and then does as it is told.
struct Puppet {
    asked: Sender<Vec<u8>>,
    told: Receiver<io::Result<usize>>,
}

impl Write for Puppet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked.send(bytes.to_vec()).unwrap();
        self.told.recv().unwrap()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Strings {
    queue: LogQueue,
    asked: Receiver<Vec<u8>>,
    tell: Sender<io::Result<usize>>,
}

impl Strings {
    /// The report is a line as another: "N dropped".
    fn hold() -> Self {
        let (asked, is_asked) = channel();
        let (tell, told) = channel();
        let (own, owned) = channel::<LogQueue>();
        let own_queue = Mutex::new((owned, None));
        let report = move |count| {
            let mut own = own_queue.lock().unwrap();
            let queue = own.1.take().unwrap_or_else(|| own.0.recv().unwrap());
            queue.push(format!("{count} dropped\n").as_bytes());
            own.1 = Some(queue);
        };
        let queue = LogQueue::start(Puppet { asked, told }, report).unwrap();
        own.send(queue.clone()).unwrap();
        Self { queue, asked: is_asked, tell }
    }

    /// What the thread wants to write next.
    fn asked(&self) -> String {
        String::from_utf8(self.asked.recv_timeout(PATIENCE).unwrap()).unwrap()
    }

    /// Lets it be written.
    fn writes(&self) -> String {
        let asked = self.asked();
        self.tell.send(Ok(asked.len())).unwrap();
        asked
    }

    fn fails(&self, kind: ErrorKind) -> String {
        let asked = self.asked();
        self.tell.send(Err(kind.into())).unwrap();
        asked
    }

    fn is_flushed(&self) -> bool {
        let began = now();
        self.queue.flush(PATIENCE);
        began.elapsed() < PATIENCE
    }
}

#[test]
fn lines_are_written_in_their_order() {
    let out = Strings::hold();
    out.queue.push(b"one\n");
    assert_eq!(out.asked(), "one\n");
    // While the thread writes the first, the others gather.
    out.queue.push(b"two\n");
    out.queue.push(b"three\n");
    out.tell.send(Ok(4)).unwrap();
    assert_eq!(out.writes(), "two\nthree\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 0);
}

#[test]
fn an_out_that_takes_nothing_delays_nobody_and_what_it_missed_is_counted_and_told() {
    let out = Strings::hold();
    out.queue.push(b"first\n");
    assert_eq!(out.asked(), "first\n");
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    for _ in 0..MAX_BYTES / line.len() + 7 {
        out.queue.push(&line);
    }
    assert_eq!(out.queue.dropped(), 7);
    out.queue.flush(Duration::ZERO);

    // Now it is read: what waited, then the report in the place of what is missing, then what follows.
    out.tell.send(Ok(6)).unwrap();
    for _ in 0..MAX_BYTES / WRITE_BYTES - 1 {
        assert_eq!(out.writes().len(), WRITE_BYTES);
    }
    assert_eq!(out.asked().len(), WRITE_BYTES);
    out.queue.push(b"next\n");
    out.tell.send(Ok(WRITE_BYTES)).unwrap();
    assert_eq!(out.writes(), "7 dropped\nnext\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 7);
}

#[test]
fn the_report_has_room_in_a_queue_that_is_full_again() {
    let out = Strings::hold();
    let full = [&vec![b'x'; MAX_BYTES - 1][..], b"\n"].concat();
    out.queue.push(&full);
    assert_eq!(out.asked().len(), MAX_BYTES);
    out.queue.push(&full);
    out.queue.push(b"dropped\n");
    IS_WRITER.set(true);
    out.queue.push(b"report\n");
    IS_WRITER.set(false);
    assert_eq!(out.queue.dropped(), 1);
    assert_eq!(out.queue.lock().waiting.len(), MAX_BYTES + 7);
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_told_when_the_next_can() {
    let out = Strings::hold();
    out.queue.push(b"lost\n");
    assert_eq!(out.fails(ErrorKind::BrokenPipe), "lost\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 1);
    // No report as long as nothing can be written: it would be lost as well, and be reported, and so on.
    out.queue.push(b"good\n");
    assert_eq!(out.writes(), "good\n");
    assert_eq!(out.writes(), "1 dropped\n");
}

#[test]
fn a_full_out_that_does_not_block_is_asked_again_and_parts_are_completed() {
    let out = Strings::hold();
    out.queue.push(b"a line\n");
    assert_eq!(out.fails(ErrorKind::WouldBlock), "a line\n");
    assert_eq!(out.asked(), "a line\n");
    out.tell.send(Ok(2)).unwrap();
    assert_eq!(out.fails(ErrorKind::Interrupted), "line\n");
    assert_eq!(out.writes(), "line\n");
    assert!(out.is_flushed());
    assert_eq!(out.queue.dropped(), 0);
}

#[test]
fn flush_does_not_wait_for_lines_to_gather_and_a_sleeping_writer_is_woken() {
    let out = Strings::hold();
    for _ in 0..2 {
        out.queue.push(b"a line\n");
        assert_eq!(out.writes(), "a line\n");
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
    let out = Strings::hold();
    out.queue.push(b"stuck\n");
    assert_eq!(out.asked(), "stuck\n");
    let began = now();
    out.queue.flush(Duration::from_millis(50));
    assert!((50..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}
