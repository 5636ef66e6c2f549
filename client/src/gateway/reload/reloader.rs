//! Reads the file again, and puts it in force.

use std::path::Path;

use actix_rt::task::spawn_blocking;
use service_edge::{Drain, Settings};

use super::{
    super::{
        file::{self, Contents, FileErrors, Loaded},
        table::GatewayUpstreams,
    },
    status::FileStatus,
    triggers::{Trigger, Triggers},
};

/// Maximum number of log lines for the errors of one reading.
const MAX_LINES: usize = 100;

/// Keeps the upstreams of the process as the file says.
#[derive(Debug)]
pub struct Reloader {
    upstreams: GatewayUpstreams,
    status: FileStatus,
    /// Of the last reading, whether or not it succeeded.
    contents: Contents,
    has_admin_token: bool,
}

impl Reloader {
    /// Keeps `upstreams` as the file says, which held `contents` when they were read.
    pub fn new(
        upstreams: GatewayUpstreams,
        status: FileStatus,
        contents: Contents,
        has_admin_token: bool,
    ) -> Self {
        Self { upstreams, status, contents, has_admin_token }
    }

    /// Reads the file again after each SIGHUP from now on, and if it or a file that it refers to has changed. The future
    /// returns when the shutdown begins.
    pub fn follow(self, drain: Drain) -> impl Future<Output = ()> {
        let triggers = Triggers::new(self.status.path());
        self.follow_with(triggers, drain)
    }

    async fn follow_with(mut self, mut triggers: Triggers, drain: Drain) {
        // It may have changed since the start.
        self.reload_if_changed().await;
        loop {
            let trigger = tokio::select! {
                biased;
                () = drain.started() => return,
                trigger = triggers.next() => trigger,
            };
            match trigger {
                Trigger::Hangup => {
                    log::info!("got SIGHUP: reading {} again", self.status.path().display());
                    self.reload().await;
                }
                Trigger::MaybeChanged => self.reload_if_changed().await,
            }
        }
    }

    /// Reads the file again if it or a file that it refers to has other contents than at the last reading.
    pub async fn reload_if_changed(&mut self) {
        let contents = self.contents.clone();
        // An error means that the runtime is ending.
        if spawn_blocking(move || contents.have_changed()).await.unwrap_or(false) {
            self.reload().await;
        }
    }

    /// Reads the file again, and all files that it refers to. If there is an error, nothing changes.
    pub async fn reload(&mut self) {
        let (path, has_admin_token) = (self.status.path().to_owned(), self.has_admin_token);
        let load = move || file::load(&path, &Settings::from_env(), has_admin_token);
        // An error means that the runtime is ending.
        let Ok(Loaded { upstreams, contents }) = spawn_blocking(load).await else { return };
        self.contents = contents;
        let path = self.status.path();
        let result = match upstreams {
            Err(errors) => {
                log_errors(&errors, path);
                Err(errors.summary(path))
            }
            Ok(upstreams) => match self.upstreams.replace(upstreams).await {
                Ok(plan) => {
                    log::info!("{} is in force: {plan}", path.display());
                    Ok(())
                }
                Err(error) => {
                    log::error!("{} is not in force: {error}", path.display());
                    Err(error.to_string())
                }
            },
        };
        self.status.record(result);
    }
}

fn log_errors(errors: &FileErrors, path: &Path) {
    for line in errors.lines.iter().take(MAX_LINES) {
        log::error!("{line}");
    }
    let more = errors.lines.len().saturating_sub(MAX_LINES);
    let more = if more > 0 { format!(" ({more} more errors)") } else { String::new() };
    let path = path.display();
    log::error!("{path} is not in force{more}: the upstreams stay as they are");
}
