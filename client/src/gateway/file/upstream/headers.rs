//! The default headers of an upstream.

use actix_web::http::header::{HeaderName, HeaderValue};
use toml::{Spanned, de::DeValue};

use super::{
    super::reader::{Reader, Section},
    secret::{self, HIDDEN},
};
use crate::gateway::default_headers::DefaultHeaders;

/// Headers whose values are hidden wherever they stand.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

/// Reads the table `headers`. A value that must not be shown is [sensitive](HeaderValue::is_sensitive).
pub(super) fn read(section: &Section<'_>, reader: &mut Reader<'_>) -> DefaultHeaders {
    let mut headers = DefaultHeaders::default();
    for (key, value) in section.table {
        let shown = section.key(key.get_ref());
        let Ok(name) = HeaderName::from_bytes(key.get_ref().as_bytes()) else {
            reader.errors.add(&key.span(), format!("{shown} is not the name of a header"));
            continue;
        };
        if headers.contains(&name) {
            let what = format!("{shown} is set twice: names of headers have no case");
            reader.errors.add(&key.span(), what);
        } else if let Some(value) = self::value(section, &name, key.get_ref(), value, reader)
            && let Err(error) = headers.add(name, value)
        {
            reader.errors.add(&key.span(), format!("{shown} is not allowed: {error}"));
        }
    }
    headers
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
    match HeaderValue::from_str(&text.value) {
        Ok(mut header) => {
            header.set_sensitive(text.hidden || CREDENTIALS.contains(&name.as_str()));
            Some(header)
        }
        Err(_) => {
            // Any header can have a credential.
            reader.refuse(&value.span(), &key, HIDDEN, "visible ASCII characters and spaces");
            None
        }
    }
}
