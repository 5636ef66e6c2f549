//! Headers that an upstream's configuration adds to each request.

use actix_web::http::header::{
    CONTENT_LENGTH, EXPECT, FORWARDED, HeaderMap, HeaderName, HeaderValue, VIA,
};
use service_edge::{REQUEST_DEADLINE, trace::TRACEPARENT};

use super::{header_name::with_dashes, hop_by_hop::is_hop_by_hop};

/// The gateway sets or removes this header itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway sets this header itself, or removes it")]
pub struct NotAllowed;

/// Headers that each request to an upstream gets.
///
/// They replace the caller's of the same name: most are credentials or identities of the gateway, and a caller that
/// could replace them would choose as whom the gateway acts. Its `Debug` shows no values.
#[derive(Clone, Default)]
pub struct DefaultHeaders(HeaderMap);

impl PartialEq for DefaultHeaders {
    fn eq(&self, other: &Self) -> bool {
        let same = |name| self.0.get_all(name).eq(other.0.get_all(name));
        self.0.len() == other.0.len() && self.0.keys().all(same)
    }
}

impl DefaultHeaders {
    /// Adds a header. Several of one name are all sent.
    ///
    /// # Errors
    /// The header is one that the gateway sets or removes itself: one for the connection only, `Content-Length`,
    /// `Expect`, `Via`, `Forwarded`, `X-Forwarded-*`, `X-Request-Deadline` or `traceparent`.
    pub fn add(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), NotAllowed> {
        let of_gateway = [CONTENT_LENGTH, EXPECT, FORWARDED, VIA, REQUEST_DEADLINE, TRACEPARENT]
            .contains(&name)
            || with_dashes(&name).starts_with("x-forwarded-");
        if of_gateway || is_hop_by_hop(&name) {
            return Err(NotAllowed);
        }
        self.0.append(name, value);
        Ok(())
    }

    /// True if there is a header of this name.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.0.contains_key(name)
    }

    /// The headers, those of one name one after the other.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter()
    }

    /// Sets them. An upstream that takes an underscore for a dash must not see the caller's either.
    pub(super) fn set_on(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let own: Vec<_> = self.0.keys().map(with_dashes).collect();
        let replaced = headers.keys().filter(|name| own.contains(&with_dashes(name)));
        for name in replaced.cloned().collect::<Vec<_>>() {
            headers.remove(name);
        }
        for (name, value) in &self.0 {
            headers.append(name.clone(), value.clone());
        }
    }
}

impl std::fmt::Debug for DefaultHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Vec<(HeaderName, HeaderValue)> {
        let header = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        list.iter().map(header).collect()
    }

    fn defaults(list: &[(&str, &str)]) -> Result<DefaultHeaders, NotAllowed> {
        let mut defaults = DefaultHeaders::default();
        for (name, value) in headers(list) {
            defaults.add(name, value)?;
        }
        Ok(defaults)
    }

    #[test]
    fn they_replace_those_of_the_same_name() {
        let mut map: HeaderMap =
            headers(&[("authorization", "callers"), ("x", "1"), ("x", "2"), ("a_team", "callers")])
                .into_iter()
                .collect();
        let own = [("Authorization", "ours"), ("y", "3"), ("y", "4"), ("A-Team", "ours")];
        let defaults = defaults(&own).unwrap();
        defaults.set_on(&mut map);
        let values =
            |name: &str| map.get_all(name).map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(values("authorization"), ["ours"]);
        assert_eq!(values("x"), ["1", "2"]);
        assert_eq!(values("y"), ["3", "4"]);
        // Some servers take an underscore for a dash.
        assert_eq!((values("a-team"), values("a_team")), (vec!["ours"], vec![]));
        assert!(!format!("{defaults:?}").contains("ours"));
    }

    #[test]
    fn headers_that_the_gateway_itself_needs_are_refused() {
        for name in ["Connection", "transfer-encoding", "Upgrade", "Content-Length", "Expect", "TE"]
            .into_iter()
            .chain(["Via", "Forwarded", "X-Forwarded-For", "x_forwarded_user", "traceparent"])
        {
            assert_eq!(defaults(&[("x", "1"), (name, "1")]).unwrap_err(), NotAllowed, "{name}");
        }
        assert!(defaults(&[("x-forwarded", "1"), ("host", "1")]).is_ok());
    }
}
