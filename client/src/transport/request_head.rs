//! A request without the `Date` that awc adds.

use std::sync::LazyLock;

use actix_web::http::header::{DATE, HeaderMap, HeaderValue};
use memchr::memmem::{self, Finder};

/// The value that stands for no `Date`: awc adds none if there is one.
const NO_DATE: HeaderValue = HeaderValue::from_static("");

/// The line of that value. awc writes names in lower case.
const LINE: &[u8] = b"\r\ndate: \r\n";

/// Made once, because most requests have no such line, and each is searched for it.
static FIND_LINE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(LINE));

/// Keeps awc from adding a `Date` to a request with these headers. [`without_date`] removes what this adds.
pub(crate) fn add_no_date(headers: &mut HeaderMap) {
    if !headers.contains_key(DATE) {
        headers.insert(DATE, NO_DATE);
    }
}

/// The first bytes of a request, without an empty `Date` in its head. `None` if it has none.
pub(super) fn without_date(bytes: &[u8]) -> Option<Vec<u8>> {
    let at = FIND_LINE.find(bytes)?;
    if at > memmem::find(bytes, b"\r\n\r\n")? {
        return None;
    }
    Some([&bytes[..at], &bytes[at + LINE.len() - 2..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_date_is_removed_and_another_one_is_not() {
        let removed =
            |head: &str| without_date(head.as_bytes()).map(|head| String::from_utf8(head).unwrap());
        for (head, rest) in [
            ("GET / HTTP/1.1\r\ndate: \r\na: b\r\n\r\n", "GET / HTTP/1.1\r\na: b\r\n\r\n"),
            ("GET / HTTP/1.1\r\na: b\r\ndate: \r\n\r\n", "GET / HTTP/1.1\r\na: b\r\n\r\n"),
            (
                "PUT / HTTP/1.1\r\ndate: \r\n\r\n\r\ndate: \r\n",
                "PUT / HTTP/1.1\r\n\r\n\r\ndate: \r\n",
            ),
        ] {
            assert_eq!(removed(head).as_deref(), Some(rest));
        }
        for head in ["date: today", "x-date: ", "a: b", "a: b\r\n\r\n\r\ndate: \r\n"] {
            assert_eq!(removed(&format!("GET / HTTP/1.1\r\n{head}\r\n\r\n")), None, "{head}");
        }
    }

    #[test]
    fn a_date_of_the_caller_stays() {
        let mut headers = HeaderMap::new();
        add_no_date(&mut headers);
        assert_eq!(headers.get(DATE), Some(&NO_DATE));
        let today = HeaderValue::from_static("today");
        headers.insert(DATE, today.clone());
        add_no_date(&mut headers);
        assert_eq!(headers.get_all(DATE).collect::<Vec<_>>(), [&today]);
    }
}
