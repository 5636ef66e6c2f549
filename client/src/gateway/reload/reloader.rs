//! Reads the file again, and puts it in force.

use std::{fmt::Display, panic::AssertUnwindSafe, path::Path};

use actix_rt::task::spawn_blocking;
use futures::FutureExt as _;
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

    /// Reads the file again after each SIGHUP from now on, and if it or a file that it refers to has changed. The
    /// future returns when the shutdown begins.
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
        // An error means that the runtime is ending, or a panic.
        if spawn_blocking(move || contents.have_changed()).await.unwrap_or(true) {
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
                Err(errors.summary_without_values(path))
            }
            Ok(upstreams) => match contained(self.upstreams.replace(upstreams)).await {
                Ok(plan) => {
                    log::info!("{} is in force: {plan}", path.display());
                    Ok(())
                }
                Err(error) => {
                    log::error!("{} is not in force: {error}", path.display());
                    Err(error)
                }
            },
        };
        self.status.record(result);
    }
}

/// Turns a panic into an error, so that later changes are still read.
async fn contained<T>(change: impl Future<Output = Result<T, impl Display>>) -> Result<T, String> {
    match AssertUnwindSafe(change).catch_unwind().await {
        Ok(changed) => changed.map_err(|error| error.to_string()),
        Err(_) => Err("applying the file panicked: a bug of client-service".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_panic_while_the_file_is_put_in_force_is_an_error() {
        assert_eq!(contained(async { Ok::<_, String>(7) }).await, Ok(7));
        assert_eq!(contained(async { Err::<(), _>("no") }).await, Err("no".to_owned()));
        let panics = async { if true { panic!("oops") } else { Ok::<(), String>(()) } };
        assert_eq!(
            contained(panics).await.unwrap_err(),
            "applying the file panicked: a bug of client-service"
        );
    }
}
