//! The way of log lines to stderr: a bounded queue, and a thread of its own that writes.
//!
//! A write to a pipe that nobody reads blocks after 64 KiB. Only the queue's thread may block: a caller copies
//! its line into the queue and goes on. If the queue is full, the line is dropped and counted.
//!
//! Not `tracing-appender`, which does the same with a channel: it bounds lines but not bytes, allocates for each
//! line, and cannot be flushed from a panic hook.

use std::{
    cell::Cell,
    io::{self, ErrorKind, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Maximum number of bytes that wait to be written: about 5 000 lines. As many again may be in the writer's hands.
const MAX_BYTES: usize = 1024 * 1024;

/// Maximum number of bytes in one write, unless a single line is longer. A pipe takes as many at once (POSIX's
/// `PIPE_BUF` on Linux), so that lines of several processes in one pipe do not mix.
const WRITE_BYTES: usize = 4096;

/// Time that lines gather before they are written. To wake a thread for each line costs its caller more than the line:
/// while there are lines now and then, the writer wakes by itself.
const GATHER: Duration = Duration::from_millis(5);

/// Number of times that the writer finds nothing before it sleeps until it is woken: about half a second.
const IDLE_ROUNDS: u32 = 100;

/// Number of waiting bytes at which the writer is woken early.
const HURRY_BYTES: usize = MAX_BYTES / 4;

/// Time between two attempts to write to a stderr that was set to non-blocking and is full.
const FULL: Duration = Duration::from_millis(10);

thread_local! {
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// A bounded queue of lines. Clones are the same queue.
#[derive(Clone)]
pub(crate) struct LogQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct State {
    /// Whole lines that wait to be written.
    waiting: Vec<u8>,
    /// The writer sleeps until it is woken.
    writer_sleeps: bool,
    /// The writer shall not wait for more lines.
    hurry: bool,
    /// Bytes ever taken into the queue.
    accepted: u64,
    /// Bytes of them that are written, or lost in a failed write.
    done: u64,
    /// Lines ever dropped.
    dropped: u64,
    /// Lines of them that the log has been told of.
    reported: u64,
}

impl LogQueue {
    /// Starts the thread that writes to `out`. It calls `report` with the number of lines dropped since the last
    /// call, once `out` takes lines again.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self(Arc::default());
        let writer = queue.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            IS_WRITER.set(true);
            writer.write_for_ever(out, report);
        })?;
        Ok(queue)
    }

    /// Takes a whole line, with its line break, or drops it. Never waits for `out`.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        let is_full = state.waiting.len() + line.len() > MAX_BYTES;
        // What the writer itself says must not be lost: it is one line.
        if is_full && !IS_WRITER.get() {
            state.dropped += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
        state.accepted += line.len() as u64;
        let much = state.waiting.len() > HURRY_BYTES && !mem::replace(&mut state.hurry, true);
        let wake = mem::take(&mut state.writer_sleeps) || much;
        drop(state);
        if wake {
            self.0.filled.notify_one();
        }
    }

    /// Waits until all lines that were taken before are written, for `limit` at most.
    pub(crate) fn flush(&self, limit: Duration) {
        let mut state = self.lock();
        let goal = state.accepted;
        state.writer_sleeps = false;
        state.hurry = true;
        self.0.filled.notify_one();
        let _ = self.0.written.wait_timeout_while(state, limit, |state| state.done < goal);
    }

    /// Number of lines dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn write_for_ever(&self, mut out: impl Write, report: impl Fn(u64)) {
        let mut batch = Vec::new();
        // A report about lines that could not be written would be such a line itself.
        let mut can_write = true;
        loop {
            let unreported = self.next_batch(&mut batch, can_write);
            if unreported > 0 {
                report(unreported);
            }
            if batch.is_empty() {
                continue;
            }
            let lost = write_lines(&mut out, &batch);
            can_write = lost == 0;
            let mut state = self.lock();
            state.done += batch.len() as u64;
            state.dropped += lost;
            drop(state);
            self.0.written.notify_all();
        }
    }

    /// Waits for lines, or for a report to be due. Returns the number of lines to report.
    fn next_batch(&self, batch: &mut Vec<u8>, can_write: bool) -> u64 {
        batch.clear();
        let mut state = self.lock();
        let mut idle_rounds = 0;
        loop {
            let gathered = self.0.filled.wait_timeout_while(state, GATHER, |state| !state.hurry);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
            state.hurry = false;
            let unreported = if can_write { state.dropped - state.reported } else { 0 };
            if unreported > 0 || !state.waiting.is_empty() {
                mem::swap(&mut state.waiting, batch);
                state.reported += unreported;
                return unreported;
            }
            idle_rounds += 1;
            if idle_rounds == IDLE_ROUNDS {
                idle_rounds = 0;
                state.writer_sleeps = true;
                let woken = self.0.filled.wait_while(state, |state| state.writer_sleeps);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For `env_logger`, which writes one line at a time.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes whole lines. Returns how many of them were lost because `out` failed.
fn write_lines(out: &mut impl Write, mut lines: &[u8]) -> u64 {
    while !lines.is_empty() {
        let (some, rest) = lines.split_at(some_lines(lines));
        if let Err(unwritten) = write_all(out, some) {
            return count_lines(unwritten) + count_lines(rest);
        }
        lines = rest;
    }
    0
}

/// Length of as many whole lines as fit in one write; of one line at least.
fn some_lines(lines: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let fitting = &lines[..lines.len().min(WRITE_BYTES)];
    let end = fitting.iter().rposition(is_end).or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

/// As [`Write::write_all`], but waits where a non-blocking `out` is full. The error is what is left unwritten.
fn write_all<'a>(out: &mut impl Write, mut bytes: &'a [u8]) -> Result<(), &'a [u8]> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(bytes),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(FULL),
            Err(_) => return Err(bytes),
        }
    }
    Ok(())
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
#[path = "log_queue_tests.rs"]
mod tests;
