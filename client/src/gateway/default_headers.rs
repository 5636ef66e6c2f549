//! Headers that an upstream's configuration adds to each request.

use actix_web::http::header::{CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue};

use super::hop_by_hop::is_hop_by_hop;

/// Headers that each request to an upstream gets.
///
/// They replace the caller's of the same name: most are credentials or identities of the gateway, and a caller that
/// could replace them would choose as whom the gateway acts. Its `Debug` shows no values.
#[derive(Clone, Default)]
pub struct DefaultHeaders(HeaderMap);

impl DefaultHeaders {
    /// Several headers of one name are all sent.
    ///
    /// # Errors
    /// The name of a header that is not for configuration: one for the connection only, `Content-Length`, or `Expect`.
    pub fn new(
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Self, HeaderName> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if is_hop_by_hop(&name) || name == CONTENT_LENGTH || name == EXPECT {
                return Err(name);
            }
            map.append(name, value);
        }
        Ok(Self(map))
    }

    /// Sets them.
    pub(super) fn set_on(&self, headers: &mut HeaderMap) {
        for name in self.0.keys() {
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

    #[test]
    fn they_replace_those_of_the_same_name() {
        let mut map: HeaderMap =
            headers(&[("authorization", "callers"), ("x", "1"), ("x", "2")]).into_iter().collect();
        let defaults = headers(&[("Authorization", "ours"), ("y", "3"), ("y", "4")]);
        let defaults = DefaultHeaders::new(defaults).unwrap();
        defaults.set_on(&mut map);
        let values =
            |name: &str| map.get_all(name).map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(values("authorization"), ["ours"]);
        assert_eq!(values("x"), ["1", "2"]);
        assert_eq!(values("y"), ["3", "4"]);
        assert!(!format!("{defaults:?}").contains("ours"));
    }

    #[test]
    fn headers_that_the_gateway_itself_needs_are_refused() {
        for name in ["Connection", "transfer-encoding", "Upgrade", "Content-Length", "Expect", "TE"]
        {
            let refused = DefaultHeaders::new(headers(&[("x", "1"), (name, "1")])).unwrap_err();
            assert_eq!(refused.as_str(), name.to_lowercase());
        }
    }
}
