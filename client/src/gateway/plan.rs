//! What changes between two files. Pure.

use std::{collections::BTreeMap, fmt};

use super::file::UpstreamConfig;

/// How many names a log line has of each kind of change.
const MAX_NAMES: usize = 20;

/// True for the changes of one kind.
type IsKind = fn(Change) -> bool;

/// What happens to an upstream whose configuration is another one than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It is at another URL, so nothing that is known of it holds any more: it starts anew.
    Replaced,
    /// Its settings change. Its circuit, its limits and its counts go on.
    InPlace(InPlace),
    /// It is gone.
    Removed,
}

/// What differs for an upstream at the same URL. None of them: only what each request gets, such as headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InPlace {
    /// The settings of its policies or its routes. Changes of them since the start are gone.
    pub policies: bool,
    /// How connections are made, the contents of the files of its certificates, or its endpoints. Its connections are
    /// closed when they are idle, and what is known of its endpoints is gone.
    pub connections: bool,
    /// True if kept answers and shared calls must be dropped: other URLs, other TLS, other `fallback*` or `coalesce`.
    /// Other `headers` do not count: they are in the keys.
    pub answers: bool,
}

/// What changes between two files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan(BTreeMap<String, Change>);

impl Plan {
    /// Compares the upstreams of two files.
    pub fn new<'a>(
        old: impl IntoIterator<Item = &'a UpstreamConfig>,
        new: &[UpstreamConfig],
    ) -> Self {
        let mut old: BTreeMap<_, _> =
            old.into_iter().map(|config| (config.name.as_str(), config)).collect();
        let mut changes = BTreeMap::new();
        for config in new {
            let name = config.name.as_str();
            let change = match old.remove(name) {
                Some(before) => compared(before, config),
                None => Some(Change::Added),
            };
            changes.extend(change.map(|change| (name.to_owned(), change)));
        }
        changes.extend(old.into_keys().map(|name| (name.to_owned(), Change::Removed)));
        Self(changes)
    }

    /// What happens to the upstream of this name. `None`: nothing.
    pub fn change(&self, name: &str) -> Option<Change> {
        self.0.get(name).copied()
    }

    /// The upstreams that stay, with other policies.
    pub fn with_policies(&self) -> impl Iterator<Item = &str> {
        self.names(|change| matches!(change, Change::InPlace(InPlace { policies: true, .. })))
    }

    /// The upstreams that are gone.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.names(|change| change == Change::Removed)
    }

    fn names(&self, of: IsKind) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, change)| of(**change)).map(|(name, _)| name.as_str())
    }
}

/// What happens to an upstream that stays.
fn compared(old: &UpstreamConfig, new: &UpstreamConfig) -> Option<Change> {
    if old == new {
        return None;
    }
    if old.url != new.url {
        return Some(Change::Replaced);
    }
    let reuse = |config: &UpstreamConfig| (config.settings.fallback, config.settings.coalesce);
    let asked_elsewhere =
        old.endpoints.urls != new.endpoints.urls || old.connections.tls != new.connections.tls;
    Some(Change::InPlace(InPlace {
        policies: old.settings != new.settings || old.routes != new.routes,
        connections: old.connections != new.connections || old.endpoints != new.endpoints,
        answers: asked_elsewhere || reuse(old) != reuse(new),
    }))
}

/// `added a, b; removed c`, or `nothing changed`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: [(&str, IsKind); 4] = [
            ("added", |change| change == Change::Added),
            ("changed", |change| matches!(change, Change::InPlace(_))),
            ("moved", |change| change == Change::Replaced),
            ("removed", |change| change == Change::Removed),
        ];
        let mut separator = "";
        for (kind, of) in kinds {
            let names: Vec<_> = self.names(of).collect();
            if names.is_empty() {
                continue;
            }
            let more = names.len().saturating_sub(MAX_NAMES);
            write!(f, "{separator}{kind} {}", names[..names.len() - more].join(", "))?;
            if more > 0 {
                write!(f, " and {more} more")?;
            }
            separator = "; ";
        }
        if self.0.is_empty() { f.write_str("nothing changed") } else { Ok(()) }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
