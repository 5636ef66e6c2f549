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

#[actix_web::test]
async fn a_file_that_is_written_in_steps_is_one_trigger_after_the_last() {
    let folder = folder();
    let file = folder.join("upstreams.toml");
    let mut triggers = Triggers::new(&file);
    let writer = {
        let file = file.clone();
        async move {
            for step in 1..=5 {
                fs::write(&file, "x".repeat(step)).unwrap();
                tokio::time::sleep(SETTLE / 2).await;
            }
        }
    };
    let (trigger, ()) = tokio::join!(timeout(PATIENCE, triggers.next()), writer);
    assert_eq!(trigger, Ok(Trigger::MaybeChanged));
    assert_eq!(fs::read_to_string(&file).unwrap(), "xxxxx");
    let another = timeout(2 * SETTLE, triggers.next()).await;
    assert!(another.is_err(), "{another:?}");
    fs::remove_dir_all(folder).unwrap();
}
