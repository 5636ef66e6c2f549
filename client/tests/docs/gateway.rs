//! docs/gateway.md has the keys that the code reads, and its files are valid. `UPDATE_DOCS=1` writes its tables.

use std::{fs, path::Path};

use client_service::gateway::file::{
    Key, ROUTE_KEYS, TLS_KEYS, UPSTREAM_KEYS, load, route_settings,
};
use resilience_testing::{
    certificates::Authority,
    documents::{check_generated, read},
};
use service_edge::Settings;

const PAGE: &str = "docs/gateway.md";

fn table(keys: &[Key]) -> String {
    let row = |key: &Key| {
        let Key { name, value, default, meaning } = key;
        format!("| `{name}` | {value} | {default} | {meaning} |\n")
    };
    "| key | value | default | meaning |\n|---|---|---|---|\n".to_owned()
        + &keys.iter().map(row).collect::<String>()
}

#[test]
fn the_tables_of_keys_match_the_code() {
    check_generated(PAGE, "keys of an upstream", &table(&UPSTREAM_KEYS));
    check_generated(PAGE, "keys of tls", &table(&TLS_KEYS));
    check_generated(PAGE, "keys of a route", &table(&ROUTE_KEYS));
    let settings = route_settings().map(|key| format!("- `{key}`\n"));
    check_generated(PAGE, "settings of a route", &settings.collect::<String>());
}

#[test]
fn each_file_of_the_page_is_valid() {
    let page = read(PAGE);
    let blocks: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert!(blocks.len() > 2, "only {} files are found", blocks.len());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let authority = Authority::new();
    let client = authority.issue(&["gateway"]);
    for (referred, text) in
        [("ca.pem", authority.pem()), ("client.pem", client.pem), ("client.key", client.key_pem)]
    {
        fs::write(folder.join(referred), text).unwrap();
    }
    fs::write(folder.join("token"), "t0ken\n").unwrap();
    let variables = [("PAYMENTS_KEY", "k3y")];
    for block in blocks {
        let text = block.split("```").next().unwrap();
        let path = folder.join("page.toml");
        fs::write(&path, text).unwrap();
        if let Err(errors) = load(&path, &Settings::from_pairs(&variables), false).upstreams {
            panic!("{errors}: {text}");
        }
    }
}
