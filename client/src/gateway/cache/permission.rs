//! Which answers may be given to other requests.

use actix_web::http::{
    StatusCode,
    header::{CACHE_CONTROL, HeaderMap, HeaderName, SET_COOKIE, VARY},
};

use super::{super::response_headers::AnswerHead, key::is_in_key};

/// An answer with one of these is for one caller, or may be used for no other without asking (RFC 9111, 3 and 5.2.2).
const FOR_ONE: [&str; 3] = ["no-store", "private", "no-cache"];

/// An answer with one of these must not be given once it is stale (RFC 9111, 4.2.4).
const NEVER_STALE: [&str; 3] = ["must-revalidate", "proxy-revalidate", "s-maxage"];

/// The statuses whose answers are kept: the heuristically cacheable 2xx statuses (RFC 9110, 15.1), except 206.
const KEPT: [StatusCode; 3] =
    [StatusCode::OK, StatusCode::NON_AUTHORITATIVE_INFORMATION, StatusCode::NO_CONTENT];

/// True if other requests with the same key may get the answer too.
pub(in crate::gateway) fn may_be_shared(head: &AnswerHead) -> bool {
    let headers = &head.headers;
    head.status != StatusCode::PARTIAL_CONTENT
        && !headers.contains_key(SET_COOKIE)
        && !has_directive(headers, &FOR_ONE)
        && items(headers, &VARY).all(|name| is_in_key(&name) && name != "*")
}

/// True if the answer may be given instead of a later one.
pub(super) fn may_be_kept(head: &AnswerHead) -> bool {
    KEPT.contains(&head.status)
        && may_be_shared(head)
        && !has_directive(&head.headers, &NEVER_STALE)
}

/// True if this answer makes an earlier one obsolete: any status but 5xx, 408, 425, 429.
pub(super) fn replaces_earlier(head: &AnswerHead) -> bool {
    let is_temporary = [408, 425, 429].contains(&head.status.as_u16());
    !head.status.is_server_error() && !is_temporary
}

fn has_directive(headers: &HeaderMap, directives: &[&str]) -> bool {
    items(headers, &CACHE_CONTROL).any(|item| {
        let name = item.split('=').next().unwrap_or_default();
        directives.contains(&name.trim_end())
    })
}

/// The items of a list, in lower case.
fn items(headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    headers.get_all(name).flat_map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;

    fn head(status: u16, headers: &[(&str, &str)]) -> AnswerHead {
        let pairs =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let status = StatusCode::from_u16(status).unwrap();
        AnswerHead::read(&Method::GET, status, &pairs.collect()).unwrap()
    }

    #[test]
    fn answers_for_one_caller_are_neither_shared_nor_kept() {
        for header in [
            ("Set-Cookie", "a=b"),
            ("Cache-Control", "no-store"),
            ("Cache-Control", "max-age=5 , Private"),
            ("Cache-Control", "private=\"x-y, z\""),
            ("Cache-Control", "NO-CACHE"),
            ("Vary", "*"),
            ("Vary", "accept, X-Forwarded-For"),
        ] {
            let head = head(200, &[("Cache-Control", "max-age=7"), ("Vary", "Accept"), header]);
            assert!(!may_be_shared(&head) && !may_be_kept(&head), "{header:?}");
        }
        for header in [
            ("Cache-Control", "public, max-age=5, no-transform, stale-if-error=60"),
            ("Vary", "Accept-Encoding, Cookie, Origin"),
            ("Expires", "0"),
        ] {
            let head = head(200, &[header]);
            assert!(may_be_shared(&head) && may_be_kept(&head), "{header:?}");
        }
    }

    #[test]
    fn answers_that_must_not_be_stale_are_shared_and_not_kept() {
        for directive in ["must-revalidate", "proxy-revalidate", "s-maxage=60", "S-MaxAge = 60"] {
            let head = head(200, &[("Cache-Control", directive)]);
            assert!(may_be_shared(&head) && !may_be_kept(&head), "{directive}");
        }
    }

    #[test]
    fn errors_are_shared_and_only_a_good_answer_that_is_whole_is_kept() {
        for (status, shared, kept, replaces) in [
            (200, true, true, true),
            (203, true, true, true),
            (204, true, true, true),
            (202, true, false, true),
            (206, false, false, true),
            (301, true, false, true),
            (404, true, false, true),
            (429, true, false, false),
            (503, true, false, false),
        ] {
            let head = head(status, &[]);
            let seen = (may_be_shared(&head), may_be_kept(&head), replaces_earlier(&head));
            assert_eq!(seen, (shared, kept, replaces), "{status}");
        }
    }
}
