use std::{fs, path::PathBuf, sync::atomic::AtomicUsize, sync::atomic::Ordering};

use service_edge::Settings;

use super::*;
use crate::gateway::file;

/// The path of a new file with this text.
fn file(text: &str) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("plan-{}-{number}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

fn read(text: &str) -> Vec<UpstreamConfig> {
    let path = file(text);
    let loaded = file::load(&path, &Settings::from_pairs(&[]), false);
    fs::remove_file(path).unwrap();
    loaded.upstreams.unwrap()
}

fn plan(old: &str, new: &str) -> Plan {
    Plan::new(&read(old), &read(new))
}

/// What happens to an upstream with these lines in its table.
fn change(old: &str, new: &str) -> Option<Change> {
    let table = |lines: &str| format!("[upstreams.a]\n{lines}");
    plan(&table(old), &table(new)).change("a")
}

fn in_place(policies: bool, connections: bool, answers: bool) -> Option<Change> {
    Some(Change::InPlace(InPlace { policies, connections, answers }))
}

const URL: &str = "url = \"https://a\"\n";

#[test]
fn each_setting_changes_what_depends_on_it() {
    let same = "  url = \"https://a:443\"  # a comment";
    assert_eq!(change("url = \"https://a:443\"", same), None, "the text differs, and nothing else");
    for (lines, expected) in [
        ("breaker_fail_max = 2", in_place(true, false, false)),
        ("concurrency_max = 2", in_place(true, false, false)),
        ("fallback = \"stale\"", in_place(true, false, true)),
        ("coalesce = true", in_place(true, false, true)),
        ("[[upstreams.a.routes]]\npath = \"/x\"", in_place(true, false, false)),
        ("connect_timeout = 2", in_place(true, true, false)),
        ("pool_max_age = 2", in_place(true, true, false)),
        ("tls = { server_name = \"b\" }", in_place(false, true, true)),
        ("endpoints = \"all\"", in_place(false, true, false)),
        ("eject_max_share = 0.2", in_place(false, true, false)),
        ("token = \"t\"", in_place(false, false, false)),
        ("body_idle_timeout = 2", in_place(false, false, false)),
        ("headers = { X-A = \"b\" }", in_place(false, false, false)),
    ] {
        let with = format!("{URL}{lines}");
        assert_eq!(change(URL, &with), expected, "{lines}");
        assert_eq!(change(&with, URL), expected, "without {lines}");
        assert_eq!(change(&with, &with), None, "{lines}");
    }
    for (url, same) in [("https://a", "https://A/"), ("http://a:80", "http://a")] {
        let [url, same] = [url, same].map(|url| format!("url = \"{url}\""));
        assert_eq!(change(&url, &same), None, "{url} {same}");
    }
    let several = "url = [\"https://a\", \"https://b\"]";
    assert_eq!(change(URL, several), in_place(false, true, true), "another endpoint");
    for url in ["http://a", "https://b", "https://a:8443"] {
        let url = format!("url = \"{url}\"\nbreaker_fail_max = 2");
        assert_eq!(change(URL, &url), Some(Change::Replaced), "{url}");
    }
}

#[test]
fn other_contents_of_a_file_are_another_configuration() {
    let secret = file("one");
    let lines = format!("{URL}token = {{ file = \"{}\" }}", secret.display());
    let text = format!("[upstreams.a]\n{lines}");
    let before = read(&text);
    assert_eq!(Plan::new(&before, &read(&text)), Plan::default());
    fs::write(&secret, "two").unwrap();
    assert_eq!(Plan::new(&before, &read(&text)).change("a"), in_place(false, false, false));
    fs::remove_file(secret).unwrap();
}

#[test]
fn a_plan_is_told_in_one_line() {
    let upstreams = |names: &[&str], host: &str| {
        let table = |name: &&str| format!("[upstreams.{name}]\nurl = \"http://{host}\"\n");
        names.iter().map(table).collect::<String>()
    };
    let (old, new) = (upstreams(&["a", "b"], "x"), upstreams(&["c", "d"], "x"));
    assert_eq!(plan(&old, &new).to_string(), "added c, d; removed a, b");
    assert_eq!(plan(&old, &upstreams(&["a", "b"], "y")).to_string(), "moved a, b");
    assert_eq!(plan(&old, &old).to_string(), "nothing changed");
    assert_eq!(plan(&old, &format!("{old}token = \"t\"")).to_string(), "changed b");
    let many: Vec<_> = (10..40).map(|number| format!("u{number}")).collect();
    let many = upstreams(&many.iter().map(String::as_str).collect::<Vec<_>>(), "x");
    let told = plan(&old, &many).to_string();
    assert!(
        told.starts_with("added u10, u11, ") && told.contains("u29 and 10 more; removed"),
        "{told}"
    );
}
