//! A process that does not outlive its test.

use std::process::{Child, ChildStderr, Command, ExitStatus};

use crate::{PATIENCE, until};

/// A process. Dropping this kills it.
#[derive(Debug)]
pub(super) struct Running(Child);

impl Running {
    #[track_caller]
    pub(super) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Takes its stderr, which is a pipe.
    pub(super) fn take_stderr(&mut self) -> ChildStderr {
        self.0.stderr.take().unwrap()
    }

    /// Its exit status, if it has exited.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Waits until it exits. Panics if that takes longer than [`PATIENCE`].
    #[track_caller]
    pub(super) fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of process {}", self.id());
        until(&what, PATIENCE, || self.ended().is_some());
        self.ended().unwrap()
    }

    pub(super) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
