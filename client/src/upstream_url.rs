//! The URL of an upstream.

use std::{fmt, net::Ipv6Addr};

use actix_web::http::{Uri, header::HeaderValue};
use service_edge::SettingError;

/// Maximum length of a host name (RFC 1035, 2.3.4).
const MAX_HOST: usize = 253;

/// The scheme `http` or `https`, a host, and a port or none. Equal to others with the same meaning: the case of the
/// host, a port that is the scheme's, and other forms of an IPv6 address change nothing.
#[derive(Debug, Clone)]
pub struct UpstreamUrl {
    is_https: bool,
    /// As it was written.
    authority: String,
    /// In lower case, an IPv6 address without its brackets and in its shortest form.
    host: String,
    port: u16,
}

impl PartialEq for UpstreamUrl {
    fn eq(&self, other: &Self) -> bool {
        let meaning = |url: &Self| (url.is_https, url.port);
        meaning(self) == meaning(other) && self.host == other.host
    }
}

impl Eq for UpstreamUrl {}

impl UpstreamUrl {
    /// What an error says of a URL.
    pub(crate) const ALLOWED: &str =
        "http:// or https:// with host or host:port, without user, path or query";

    /// Reads the value of the setting `name`.
    ///
    /// # Errors
    /// The value is not a URL as [`parse`](Self::parse) requires. The error does not show user information and a query,
    /// which may be credentials.
    pub fn read(name: &str, text: String) -> Result<Self, SettingError> {
        let url = Self::parse(&text);
        url.ok_or_else(|| SettingError::new(name, without_credentials(text), Self::ALLOWED))
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
        uri.map(|uri| Self {
            is_https,
            authority: rest.to_owned(),
            host: canonical(uri.host().unwrap_or_default()),
            port: uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
        })
    }

    /// The host, an IPv6 address without its brackets, and the port.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        (self.host.clone(), self.port)
    }

    /// True if connections to the host use TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// The value of `Host`: the host, and the port if the URL has one.
    pub(crate) fn host_header(&self) -> HeaderValue {
        // Cannot fail: `parse` accepts only letters, digits and punctuation.
        HeaderValue::from_str(&self.authority).unwrap_or_else(|_| HeaderValue::from_static(""))
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

/// The host in the form in which hosts are compared.
fn canonical(host: &str) -> String {
    match bracketed(host).map(str::parse::<Ipv6Addr>) {
        Some(Ok(address)) => address.to_string(),
        _ => host.to_ascii_lowercase(),
    }
}

fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// True for a host name or an address. An IPv6 address needs brackets.
fn is_host(host: &str) -> bool {
    if let Some(address) = bracketed(host) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let part_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_HOST).contains(&host.len()) && host.bytes().all(part_of_a_name)
}

/// The text for an error message, without user, password and query.
pub(crate) fn without_credentials(text: String) -> String {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| text.starts_with(scheme));
    let scheme = scheme.unwrap_or_default();
    match (text.rfind('@'), text.find('?')) {
        (None, None) => text,
        (None, Some(query)) => format!("{}?(hidden)", &text[..query]),
        (Some(user), None) => format!("{scheme}(hidden){}", &text[user..]),
        (Some(user), Some(query)) if user < query => {
            format!("{scheme}(hidden){}?(hidden)", &text[user..query])
        }
        // `?` before `@` may be part of a password: hide both.
        _ => format!("{scheme}(hidden)"),
    }
}

#[cfg(test)]
#[path = "upstream_url_tests.rs"]
mod tests;
