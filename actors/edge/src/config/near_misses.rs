//! Finds environment variables that are probably misspelt settings, such as `BREAKER_FAIL_MAXX=3`.

use strsim::osa_distance;

use super::{settings::Settings, text_settings::POD};
use crate::untrusted_text::shorten;

/// Maximum number of characters of a name that a line shows.
const MAX_SHOWN: usize = 200;

/// Names that a service knows in addition to those of its settings.
#[derive(Debug, Clone, Copy)]
pub struct KnownNames<'a> {
    /// Prefixes that only this service's settings have, such as `BREAKER_`. A variable with one that is no setting is
    /// reported, however different the rest of its name is.
    pub prefixes: &'a [&'a str],
    /// Settings of other services that may share the environment. Those services report names that are similar to them.
    pub of_others: &'a [&'a str],
}

impl Settings<'_> {
    /// Returns one line for each variable that is set, is not one of those read so far, and is probably a misspelt one
    /// of them. No line shows a value.
    pub fn near_misses(&self, known: KnownNames<'_>) -> Vec<String> {
        let read: Vec<_> = self.effective().iter().map(|(name, _)| *name).collect();
        find(&self.names, &read, known)
    }
}

impl KnownNames<'_> {
    /// The one of the `settings` that `name` is probably meant to be. `None` if it is one of them, or if it is no
    /// misspelt one. Takes time that grows with the length of the name.
    pub fn near_miss<'s>(&self, name: &str, settings: &[&'s str]) -> Option<&'s str> {
        if settings.contains(&name) || self.of_others.contains(&name) || is_service_link(name) {
            return None;
        }
        let upper = name.to_uppercase();
        let distance = |setting: &&&str| osa_distance(&upper, setting);
        // The system sets this variable, so a similar name is no misspelling.
        let own = settings.iter().filter(|setting| **setting != POD).min_by_key(distance)?;
        if !self.prefixes.iter().any(|prefix| upper.starts_with(prefix)) {
            let others = self.of_others.iter().map(|other| osa_distance(&upper, other)).min();
            let distance = distance(&own);
            if distance > most_typos(own) || others.is_some_and(|others| others < distance) {
                return None;
            }
        }
        Some(own)
    }
}

/// Returns one line for each of the `variables` that is probably a misspelt one of the `settings`. Shows no values.
fn find(variables: &[String], settings: &[&str], known: KnownNames<'_>) -> Vec<String> {
    let mut lines: Vec<_> =
        variables.iter().filter_map(|name| line(name, settings, known)).collect();
    lines.sort_unstable();
    lines
}

fn line(name: &str, settings: &[&str], known: KnownNames<'_>) -> Option<String> {
    let own = known.near_miss(name, settings)?;
    let shown = shorten(name, MAX_SHOWN);
    Some(format!("{shown} is not a setting: did you mean {own}?"))
}

/// Maximum number of typos (inserted, missing, replaced or swapped characters) of a misspelt `setting`. Short names
/// allow none, because a similar name is often another word: `POST` is not `PORT`.
fn most_typos(setting: &str) -> usize {
    match setting.len() {
        ..6 => 0,
        6..10 => 1,
        _ => 2,
    }
}

/// True for the variables by which Kubernetes tells a pod the addresses of Services, such as `CLIENT_SERVICE_HOST`.
fn is_service_link(name: &str) -> bool {
    let after = |part| name.split_once(part).map(|(_, rest)| rest);
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_PORT")
        || after("_SERVICE_PORT").is_some_and(|rest| rest.starts_with('_'))
        || after("_PORT_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: [&str; 8] = [
        "HOST",
        "PORT",
        "WORKERS",
        "BREAKER_FAIL_MAX",
        "BREAKER_SCOPE",
        "MAX_CALLS",
        "CALL_DEADLINE",
        POD,
    ];
    const KNOWN: KnownNames<'_> =
        KnownNames { prefixes: &["BREAKER_"], of_others: &["FAILURE_RATE", "FAULT_SEED"] };

    fn line_for(name: &str) -> Option<String> {
        line(name, &SETTINGS, KNOWN)
    }

    #[test]
    fn a_name_that_is_nearly_a_setting_is_reported_with_the_setting() {
        for (name, setting) in [
            ("BREAKER_FAIL_MAXX", "BREAKER_FAIL_MAX"),
            ("BREKAER_FAIL_MAX", "BREAKER_FAIL_MAX"),
            ("breaker_fail_max", "BREAKER_FAIL_MAX"),
            ("BREAKERFAILMAX", "BREAKER_FAIL_MAX"),
            ("BREAKER_SCOPES", "BREAKER_SCOPE"),
            // A known prefix is enough, however different the rest is.
            ("BREAKER_SCOPE_OF_FAILURES", "BREAKER_SCOPE"),
            ("MAX_CALL", "MAX_CALLS"),
            ("CALL_DEADLNE", "CALL_DEADLINE"),
            ("WORKER", "WORKERS"),
            ("port", "PORT"),
        ] {
            let line = format!("{name} is not a setting: did you mean {setting}?");
            assert_eq!(line_for(name), Some(line));
        }
    }

    #[test]
    fn a_name_with_another_meaning_is_not_reported() {
        for name in [
            "PATH",
            "HOME",
            "HOSTNAME",
            "HOST_NAME",
            "HOSTS",
            "POST",
            "RUST_BACKTRACE",
            "http_proxy",
            "MAX_MEMORY",
            // Kubernetes: Services client, backend-service and breaker.
            "CLIENT_SERVICE_HOST",
            "CLIENT_SERVICE_PORT",
            "CLIENT_SERVICE_PORT_HTTP",
            "CLIENT_SERVICE_PORT_8000_TCP",
            "BACKEND_SERVICE_SERVICE_HOST",
            "BACKEND_SERVICE_PORT_5000_TCP_ADDR",
            "BREAKER_PORT",
            "BREAKER_PORT_80_TCP_PROTO",
            "BREAKER_SERVICE_HOST",
            // The other service reports these.
            "FAULT_SEED",
            "FAULT_SEEED",
        ] {
            assert_eq!(line_for(name), None);
        }
    }

    #[test]
    fn several_near_misses_are_all_reported_and_long_names_are_shortened() {
        let long = format!("BREAKER_{}", "X".repeat(10_000));
        let lines = find(&["MAX_CALL".to_owned(), long, "PORT".to_owned()], &SETTINGS, KNOWN);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("BREAKER_XX") && lines[0].len() < 400, "{}", lines[0]);
    }
}
