//! What came of reading the file.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// What came of reading the file so far. Clones share it.
#[derive(Debug, Clone)]
pub struct FileStatus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    outcome: Mutex<Outcome>,
}

/// What came of reading the file up to one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// When the upstreams in force were read.
    pub loaded_at: SystemTime,
    /// What is wrong with the file since then, if its last reading failed. Shows no value of the file.
    pub error: Option<String>,
    /// Number of readings after the first that succeeded.
    pub succeeded: u64,
    /// Number of readings that failed.
    pub failed: u64,
}

impl FileStatus {
    /// The file at `path` was read at the start.
    pub fn new(path: PathBuf) -> Self {
        let loaded_at = SystemTime::now();
        let outcome = Mutex::new(Outcome { loaded_at, error: None, succeeded: 0, failed: 0 });
        Self(Arc::new(Shared { path, outcome }))
    }

    /// The path of the file, as `CONFIG` says it.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What came of it so far.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file was read again, with this error or none.
    pub(super) fn record(&self, result: Result<(), String>) {
        let mut outcome = self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                outcome.succeeded += 1;
                outcome.loaded_at = SystemTime::now();
                outcome.error = None;
            }
            Err(error) => {
                outcome.failed += 1;
                outcome.error = Some(error);
            }
        }
    }
}
