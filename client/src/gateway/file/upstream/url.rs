//! The URLs of an upstream.

use toml::{Spanned, de::DeValue};

use super::super::reader::{Reader, Section};
use crate::backend_url::{BackendUrl, without_user};

/// Maximum number of URLs of an upstream.
const MAX_URLS: usize = 256;

const ALLOWED: &str = "http://host, https://host or one with :port, without user, path or query";
const TYPES: &str = "a string or a list of strings";

/// `http://host` or `https://host`, maybe with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl(String);

impl UpstreamUrl {
    /// `None` if the text has another scheme, a user, a path or a query. A trailing slash is allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !["http", "https"].contains(&scheme) {
            return None;
        }
        // The rules for the rest are those of `BACKEND_URL`.
        BackendUrl::parse(format!("http://{rest}")).ok()?;
        Some(Self(text.strip_suffix('/').unwrap_or(text).to_owned()))
    }

    /// True for `https`.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Host and port as the URL has them, for the header `Host`.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The host, an IPv6 address without its brackets, and the port.
    pub fn host_and_port(&self) -> (&str, u16) {
        let default = if self.is_https() { 443 } else { 80 };
        let (host, port) = match self.authority().rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
            _ => (self.authority(), default),
        };
        (host.trim_start_matches('[').trim_end_matches(']'), port)
    }

    /// The URL without a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads `url`: one or a list. Empty if there is an error.
pub(super) fn read(section: &Section<'_>, reader: &mut Reader<'_>) -> Vec<UpstreamUrl> {
    let key = section.key("url");
    let Some(value) = section.get("url") else {
        reader
            .errors
            .add(&section.span, format!("{} has no url: expected {ALLOWED}", section.name));
        return Vec::new();
    };
    let values: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
        DeValue::Array(list) => list.iter().collect(),
        DeValue::String(_) => vec![value],
        _ => {
            reader.refuse_type(&key, value, TYPES);
            return Vec::new();
        }
    };
    if !(1..=MAX_URLS).contains(&values.len()) {
        let what = format!("{key} is a list of {}: expected 1 to {MAX_URLS} URLs", values.len());
        reader.errors.add(&value.span(), what);
        return Vec::new();
    }
    let mut urls: Vec<UpstreamUrl> = Vec::new();
    for value in &values {
        let Some(text) = reader.text(&key, value, TYPES) else { continue };
        let allowed = match UpstreamUrl::parse(text) {
            None => ALLOWED,
            Some(url) if urls.contains(&url) => "each URL once",
            Some(url) if urls.first().is_some_and(|one| one.is_https() != url.is_https()) => {
                "http for all URLs of the list, or https for all"
            }
            Some(url) => {
                urls.push(url);
                continue;
            }
        };
        reader.refuse(&value.span(), &key, without_user(text.to_owned()), allowed);
    }
    if urls.len() == values.len() { urls } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_a_host_and_maybe_a_port() {
        for (text, https, host, port) in [
            ("http://payments", false, "payments", 80),
            ("https://payments.internal:8443/", true, "payments.internal", 8443),
            ("https://[::1]", true, "::1", 443),
            ("http://[::1]:5000", false, "::1", 5000),
            ("http://10.0.0.1:1", false, "10.0.0.1", 1),
        ] {
            let url = UpstreamUrl::parse(text).unwrap();
            assert_eq!((url.is_https(), url.host_and_port()), (https, (host, port)), "{text}");
        }
        assert_eq!(UpstreamUrl::parse("https://[::1]:1").unwrap().authority(), "[::1]:1");
    }

    #[test]
    fn another_scheme_a_user_a_path_and_a_query_are_refused() {
        for text in
            ["", "ftp://h", "h:1", "https://u:p@h", "https://h/api", "http://h?x", "http://h:0"]
        {
            assert_eq!(UpstreamUrl::parse(text), None, "{text}");
        }
    }
}
