//! A bounded queue of log lines, and a thread that writes them to stderr.
//!
//! A write to a pipe without a reader blocks after 64 KiB. Only the queue's thread may block: a caller copies its line
//! into the queue and continues. If the queue is full, the line is dropped and counted.
//!
//! `tracing-appender` does the same with a channel, but bounds lines instead of bytes, allocates for each line, and
//! cannot be flushed from a panic hook.

use std::{
    cell::Cell,
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::line_writer::write_lines;

/// Maximum number of bytes in the queue: about 5 000 lines. The batch that is being written can have as many again.
const MAX_BYTES: usize = 1024 * 1024;

/// Interval at which the writer collects lines. Waking the writer for each line would cost a caller more than the line
/// itself, so the writer wakes by timer while lines arrive.
const GATHER: Duration = Duration::from_millis(5);

/// Number of intervals without a line after which the writer sleeps until a caller wakes it: about half a second.
const IDLE_ROUNDS: u32 = 100;

/// Number of bytes in the queue at which a caller wakes the writer before its interval ends.
const HURRY_BYTES: usize = MAX_BYTES / 4;

thread_local! {
    /// True on the writer's thread.
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// A bounded queue of lines. Clones share the queue.
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
    /// Complete lines that the writer has not taken yet.
    waiting: Vec<u8>,
    /// True if the writer sleeps until a caller wakes it.
    writer_sleeps: bool,
    /// True if the writer must write at once instead of waiting for its interval to end.
    hurry: bool,
    /// Number of bytes that the queue has accepted since the start.
    accepted: u64,
    /// Number of accepted bytes that were written, or lost in a failed write.
    done: u64,
    /// Number of lines dropped since the start.
    dropped: u64,
    /// Number of dropped lines that the log has already reported.
    reported: u64,
}

impl LogQueue {
    /// Starts the thread that writes to `out`. When `out` accepts lines again after lines were dropped, the thread
    /// calls `report` with the number of lines dropped since the last report.
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

    /// Adds a complete line with its line feed, or drops it if the queue is full. Never waits for `out`.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        let is_full = state.waiting.len() + line.len() > MAX_BYTES;
        // The writer's own report must not be dropped. It is one line, so the queue stays bounded.
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

    /// Waits until all lines that the queue has accepted so far are written, at most for `limit`.
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
        // After a failed write, a report would be lost as well: it waits until a write succeeds.
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

    /// Waits for lines, or until a report is due. Returns the number of dropped lines to report.
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

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
