//! The log of a process.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt as _,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// An unnamed file that a process writes and a test reads. Unlike a pipe it never fills up, so no line is dropped.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// The end of the last line that was found.
    read_to: Mutex<usize>,
}

impl Log {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("test-log-{}-{number}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        fs::remove_file(path).unwrap();
        Self { file, read_to: Mutex::new(0) }
    }

    /// A handle for the process to write to.
    pub(super) fn writer(&self) -> File {
        self.file.try_clone().unwrap()
    }

    /// Copies `source` into the log until `source` ends.
    pub(super) fn copy(mut to: File, source: &mut impl Read) {
        let _ = io::copy(source, &mut to);
    }

    /// The whole log. Bytes that are not UTF-8 are replaced.
    pub(super) fn text(&self) -> String {
        let mut bytes = vec![0; self.file.metadata().unwrap().len().try_into().unwrap()];
        // The process shares the file's position, so reading must not move it.
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next line that contains `text`, after the last line that was found.
    pub(super) fn next_line_with(&self, text: &str) -> Option<String> {
        let all = self.text();
        let mut read_to = self.read_to.lock().unwrap();
        let mut end = *read_to;
        for line in all.get(end..)?.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            end += line.len();
            if line.contains(text) {
                *read_to = end;
                return Some(line.trim_end().to_owned());
            }
        }
        None
    }
}
