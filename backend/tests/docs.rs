//! What the backend knows about the client's settings is what docs/settings.md says of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

use std::{fs, path::Path};

use backend_service::config::CLIENT_SETTINGS;

#[test]
fn the_clients_settings_are_the_documented_ones() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, table) = document.split_once("| client | default | |\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    assert_eq!(names.collect::<Vec<_>>(), CLIENT_SETTINGS);
}
