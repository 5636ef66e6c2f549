//! Where the backend is.

use actix_web::http::Uri;
use service_edge::SettingError;

/// `http://host` or `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendUrl(String);

impl BackendUrl {
    /// Reads a value of `BACKEND_URL`. A trailing slash may stand.
    ///
    /// # Errors
    /// Anything else: a path, a query, user information, another scheme.
    pub fn parse(text: String) -> Result<Self, SettingError> {
        let base = text.strip_suffix('/').unwrap_or(&text);
        let uri = base.parse::<Uri>().ok().filter(|uri| {
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            let port_is_right = match authority.rsplit_once(':') {
                Some((_, port)) if !port.ends_with(']') => uri.port_u16().is_some_and(|p| p > 0),
                _ => true,
            };
            base.starts_with("http://")
                && port_is_right
                && !uri.host().unwrap_or_default().is_empty()
                && !authority.contains('@')
                && base.len() == "http://".len() + authority.len()
        });
        match uri {
            Some(_) => Ok(Self(base.to_owned())),
            None => Err(SettingError::new(
                "BACKEND_URL",
                text,
                "http://host or http://host:port, without user, path or query",
            )),
        }
    }

    /// The host, an IPv6 address without its brackets, and the port.
    pub(crate) fn host_and_port(&self) -> (String, u16) {
        let origin = self.join("/");
        let host = origin.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        (host, origin.port_u16().unwrap_or(80))
    }

    /// The URI of `path`, which begins with a slash.
    pub(crate) fn join(&self, path: &'static str) -> Uri {
        // What `parse` let through is an origin, to which the service's own paths can be added.
        format!("{}{path}", self.0).parse().unwrap_or_default()
    }
}
