//! The default headers of an upstream.

use actix_web::http::header::{HeaderName, HeaderValue};
use toml::{Spanned, de::DeValue};

use super::{
    super::reader::{Reader, Section},
    secret::{self, HIDDEN},
};

/// Headers of a connection or of a message's framing, and those that the gateway sets itself.
const NOT_ALLOWED: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Headers whose values are hidden wherever they stand.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

/// Reads the table `headers`. A value that must not be shown is [sensitive](HeaderValue::is_sensitive).
pub(super) fn read(
    section: &Section<'_>,
    reader: &mut Reader<'_>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (key, value) in section.table {
        let Some(name) = name(section, key, reader) else { continue };
        if headers.iter().any(|(other, _)| *other == name) {
            let what = format!(
                "{} is set twice: names of headers have no case",
                section.key(key.get_ref())
            );
            reader.errors.add(&key.span(), what);
        } else if let Some(value) = self::value(section, &name, key.get_ref(), value, reader) {
            headers.push((name, value));
        }
    }
    headers
}

fn name(
    section: &Section<'_>,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    reader: &mut Reader<'_>,
) -> Option<HeaderName> {
    let shown = section.key(key.get_ref());
    let Ok(name) = HeaderName::from_bytes(key.get_ref().as_bytes()) else {
        reader.errors.add(&key.span(), format!("{shown} is not the name of a header"));
        return None;
    };
    if NOT_ALLOWED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-") {
        let what =
            format!("{shown} is not allowed: the gateway sets this header itself, or removes it");
        reader.errors.add(&key.span(), what);
        return None;
    }
    Some(name)
}

fn value(
    section: &Section<'_>,
    name: &HeaderName,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader<'_>,
) -> Option<HeaderValue> {
    let key = section.key(key);
    let text = secret::read(&key, value, reader)?;
    let hidden = text.hidden || CREDENTIALS.contains(&name.as_str());
    match HeaderValue::from_str(&text.value) {
        Ok(mut header) => {
            header.set_sensitive(hidden);
            Some(header)
        }
        Err(_) => {
            let shown = if hidden { HIDDEN } else { &text.value };
            reader.refuse(&value.span(), &key, shown, "visible ASCII characters and spaces");
            None
        }
    }
}
