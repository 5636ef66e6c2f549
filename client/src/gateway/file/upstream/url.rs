//! Where an upstream is.

use super::super::reader::{Reader, Section};
use crate::upstream_url::UpstreamUrl;

/// Reads `url`.
pub(super) fn read(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<UpstreamUrl> {
    let key = section.key("url");
    let Some(value) = section.get("url") else {
        let what = format!("{} has no url: expected {}", section.name, UpstreamUrl::ALLOWED);
        reader.errors.add(&section.span, what);
        return None;
    };
    let text = reader.text(&key, value, "a string")?;
    match UpstreamUrl::read(&key, text.to_owned()) {
        Ok(url) => Some(url),
        Err(error) => {
            reader.errors.add(&value.span(), error);
            None
        }
    }
}
