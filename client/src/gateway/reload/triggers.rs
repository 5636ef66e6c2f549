//! When the file may have changed.

use std::{path::Path, sync::Arc, time::Duration};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use service_edge::Hangups;
use tokio::{
    sync::Notify,
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};

/// Time between two looks at the file. Finds what the watch does not see: changes in other directories, and on file
/// systems of networks.
const POLL: Duration = Duration::from_secs(10);

/// Time without an event of the directory before the look at the file, because most changes are several events, and a
/// file that is written in steps can be valid before it is complete.
const SETTLE: Duration = Duration::from_millis(100);

/// Maximum time from the first event to the look, if events go on.
const MAX_SETTLE: Duration = Duration::from_secs(2);

/// What says that the file may have changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// A SIGHUP: the file is to be read, whether or not it has changed.
    Hangup,
    /// An event in its directory, or the time of a poll.
    MaybeChanged,
}

/// The triggers of one file.
pub(super) struct Triggers {
    /// `None` if signals cannot be received.
    hangups: Option<Hangups>,
    poll: Interval,
    events: Arc<Notify>,
    /// Watches as long as it lives. `None` if the directory cannot be watched.
    _watcher: Option<RecommendedWatcher>,
}

impl Triggers {
    /// Watches the directory of the file at `path`, not the file: a Kubernetes ConfigMap is changed by renaming a
    /// symbolic link beside it, and most editors replace a file by another one.
    pub(super) fn new(path: &Path) -> Self {
        let hangups = Hangups::new();
        if let Err(error) = &hangups {
            log::warn!("SIGHUP does not read {} again: {error}", path.display());
        }
        let (directory, events) = (directory(path), Arc::<Notify>::default());
        let of_watcher = Arc::clone(&events);
        let watcher = watch(directory, move || of_watcher.notify_one());
        if let Err(error) = &watcher {
            let (directory, seconds) = (directory.display(), POLL.as_secs());
            log::warn!("{directory} is not watched, only read every {seconds} s: {error}");
        }
        let mut poll = interval_at(Instant::now() + POLL, POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { hangups: hangups.ok(), poll, events, _watcher: watcher.ok() }
    }

    /// The next trigger.
    pub(super) async fn next(&mut self) -> Trigger {
        let hangup = async {
            match &mut self.hangups {
                Some(hangups) => hangups.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hangup => Trigger::Hangup,
            () = settled(&self.events) => Trigger::MaybeChanged,
            _ = self.poll.tick() => Trigger::MaybeChanged,
        }
    }
}

/// Returns when an event was followed by none for [`SETTLE`], or by others for [`MAX_SETTLE`]: the look then finds what
/// was changed by then, and the next event is another trigger.
async fn settled(events: &Notify) {
    events.notified().await;
    let followed = async { while timeout(SETTLE, events.notified()).await.is_ok() {} };
    let _ = timeout(MAX_SETTLE, followed).await;
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Calls `changed` after each event in the directory, on a thread of the watcher.
fn watch(
    directory: &Path,
    changed: impl Fn() + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // After an error, such as an overflow of the queue, events may be missing.
        if !event.is_ok_and(|event| is_reading(event.kind)) {
            changed();
        }
    })?;
    watcher.watch(directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// True for what each look at the file causes itself.
fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

#[cfg(test)]
#[path = "triggers_tests.rs"]
mod tests;
