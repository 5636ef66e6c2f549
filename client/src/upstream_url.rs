//! The URL of an upstream.

use std::{fmt, net::Ipv6Addr};

use actix_web::http::Uri;
use service_edge::SettingError;

/// Maximum length of a host name (RFC 1035, 2.3.4).
const MAX_HOST: usize = 253;

/// The scheme `http` or `https`, a host, and a port or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl {
    is_https: bool,
    authority: String,
}

impl UpstreamUrl {
    /// What an error says of a URL.
    pub(crate) const ALLOWED: &str =
        "http:// or https:// with host or host:port, without user, path or query";

    /// Reads the value of the setting `name`.
    ///
    /// # Errors
    /// The value is not a URL as [`parse`](Self::parse) requires. The error does not show user information, which may
    /// be a password.
    pub fn read(name: &str, text: String) -> Result<Self, SettingError> {
        let url = Self::parse(&text);
        url.ok_or_else(|| SettingError::new(name, without_user(text), Self::ALLOWED))
    }

    /// Parses a URL. A trailing slash is allowed. The host is a name of letters, digits, dots, dashes and underscores,
    /// or an address. `None` if the text has another scheme, or a path, a query or user information.
    pub fn parse(text: &str) -> Option<Self> {
        let base = text.strip_suffix('/').unwrap_or(text);
        let (is_https, rest) = match base.strip_prefix("http://") {
            Some(rest) => (false, rest),
            None => (true, base.strip_prefix("https://")?),
        };
        let uri = base.parse::<Uri>().ok().filter(|uri| {
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            let port_is_right = match authority.rsplit_once(':') {
                // `port_u16` alone would also accept a sign.
                Some((_, port)) if !port.ends_with(']') => {
                    port.bytes().all(|byte| byte.is_ascii_digit())
                        && uri.port_u16().is_some_and(|port| port > 0)
                }
                _ => true,
            };
            port_is_right
                && is_host(uri.host().unwrap_or_default())
                && !authority.contains('@')
                && rest == authority
        });
        uri.map(|_| Self { is_https, authority: rest.to_owned() })
    }

    /// The host, an IPv6 address without its brackets, and the port.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let origin = self.join("/");
        let host = origin.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        (host, origin.port_u16().unwrap_or(if self.is_https { 443 } else { 80 }))
    }

    /// True if connections to the host use TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// The URI of `path`, which begins with a slash. The scheme is `http` also for `https`, because the
    /// [transport](crate::transport)'s connector, and not awc, adds TLS.
    pub(crate) fn join(&self, path: &str) -> Uri {
        // `parse` accepts only origins, and an origin with a path is a valid URI.
        format!("http://{}{path}", self.authority).parse().unwrap_or_default()
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// True for a host name or an address. An IPv6 address needs brackets.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let part_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_HOST).contains(&host.len()) && host.bytes().all(part_of_a_name)
}

/// The text for an error message, without user and password.
pub(crate) fn without_user(text: String) -> String {
    let Some((before, after)) = text.rsplit_once('@') else {
        return text;
    };
    let scheme = ["http://", "https://"].into_iter().find(|scheme| before.starts_with(scheme));
    let scheme = scheme.unwrap_or_default();
    format!("{scheme}(hidden)@{after}")
}

#[cfg(test)]
#[path = "upstream_url_tests.rs"]
mod tests;
