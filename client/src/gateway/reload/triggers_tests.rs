use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;

/// Time for an event on a loaded machine. No poll is due by then.
const PATIENCE: Duration = Duration::from_secs(9);

/// A new folder.
fn folder() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("triggers-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

async fn assert_triggers(triggers: &mut Triggers, what: &str) {
    let trigger = timeout(PATIENCE, triggers.next()).await;
    assert_eq!(trigger, Ok(Trigger::MaybeChanged), "{what}");
}

#[actix_web::test]
async fn changes_in_the_directory_are_triggers() {
    let folder = folder();
    let file = folder.join("upstreams.toml");
    fs::write(&file, "1").unwrap();
    let mut triggers = Triggers::new(&file);
    fs::write(&file, "2").unwrap();
    assert_triggers(&mut triggers, "written").await;
    fs::write(folder.join("new"), "3").unwrap();
    fs::rename(folder.join("new"), &file).unwrap();
    assert_triggers(&mut triggers, "replaced").await;
    fs::remove_file(&file).unwrap();
    assert_triggers(&mut triggers, "removed").await;
    fs::remove_dir_all(folder).unwrap();
}

#[actix_web::test]
async fn each_swap_of_the_link_of_a_config_map_is_a_trigger() {
    let folder = folder();
    let file = folder.join("upstreams.toml");
    let swap = |version: &str| {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("upstreams.toml"), version).unwrap();
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    swap("..1");
    symlink("..data/upstreams.toml", &file).unwrap();
    let mut triggers = Triggers::new(&file);
    for version in ["..2", "..3"] {
        swap(version);
        assert_triggers(&mut triggers, version).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), version);
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_look_at_the_file_is_no_event() {
    let folder = folder();
    let file = folder.join("upstreams.toml");
    fs::write(&file, "1").unwrap();
    let (events, seen) = std::sync::mpsc::channel();
    let watcher = watch(&folder, move || events.send(()).unwrap()).unwrap();
    fs::read(&file).unwrap();
    // One event. Those of the reading come before it.
    symlink("1", folder.join("link")).unwrap();
    seen.recv_timeout(PATIENCE).unwrap();
    // Waits for the thread.
    drop(watcher);
    assert_eq!(seen.iter().count(), 0);
    fs::remove_dir_all(folder).unwrap();
}

#[actix_web::test]
async fn a_directory_that_cannot_be_watched_is_polled() {
    let mut triggers = Triggers::new(Path::new("/nowhere/upstreams.toml"));
    tokio::time::pause();
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(triggers.next().await, Trigger::MaybeChanged);
        assert!(began.elapsed() >= POLL - SETTLE && began.elapsed() <= POLL + SETTLE);
    }
}

#[test]
fn a_file_without_a_directory_is_in_the_current_one() {
    assert_eq!(directory(Path::new("upstreams.toml")), Path::new("."));
    assert_eq!(directory(Path::new("/etc/upstreams.toml")), Path::new("/etc"));
}

/// Events, the first of `number` at once and each other one half of [`SETTLE`] after the one before.
async fn happen(events: &Notify, number: usize) {
    for _ in 0..number {
        events.notify_one();
        tokio::time::sleep(SETTLE / 2).await;
    }
}

/// Waits for a trigger, which must come at `time`. Each sleep with a paused clock can take a millisecond more.
async fn assert_trigger_at(time: Duration, events: &Notify) {
    let began = Instant::now();
    settled(events).await;
    let late = began.elapsed().checked_sub(time);
    assert!(late.is_some_and(|late| late < SETTLE / 4), "{:?}, not {time:?}", began.elapsed());
}

#[actix_web::test]
async fn a_file_that_is_written_in_steps_is_one_trigger_after_the_last() {
    tokio::time::pause();
    let events = Notify::new();
    tokio::join!(assert_trigger_at(4 * SETTLE / 2 + SETTLE, &events), happen(&events, 5));
    assert!(timeout(POLL, settled(&events)).await.is_err(), "no event has come");
}

#[actix_web::test]
async fn a_file_that_is_written_again_and_again_is_a_trigger_after_a_time() {
    tokio::time::pause();
    let events = Notify::new();
    tokio::join!(assert_trigger_at(MAX_SETTLE, &events), happen(&events, 100));
    assert_eq!(timeout(Duration::ZERO, events.notified()).await, Ok(()), "the next trigger");
}
