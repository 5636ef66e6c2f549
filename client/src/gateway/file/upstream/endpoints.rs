//! Where an upstream is: `url` and `endpoints`.

use toml::{Spanned, de::DeValue};

use super::super::reader::{Reader, Section};
use crate::upstream_url::UpstreamUrl;

/// Maximum number of URLs.
const MAX_URLS: usize = 1000;

/// Reads `url`: one URL, or a list of different ones with the same scheme. `None` if there is an error.
pub(super) fn urls(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<Vec<UpstreamUrl>> {
    let key = section.key("url");
    let Some(value) = section.get("url") else {
        let what = format!("{} has no url: expected {}", section.name, UpstreamUrl::ALLOWED);
        reader.errors.add(&section.span, what);
        return None;
    };
    let Some(list) = value.get_ref().as_array() else {
        return Some(vec![url(&key, value, "a string or a list of strings", reader)?]);
    };
    if !(1..=MAX_URLS).contains(&list.len()) {
        let what = format!("{key} has {} URLs: expected 1 to {MAX_URLS}", list.len());
        reader.errors.add(&value.span(), what);
        return None;
    }
    let (mut urls, mut valid) = (Vec::<UpstreamUrl>::new(), true);
    for (index, value) in list.iter().enumerate() {
        let key = format!("{key}[{index}]");
        let Some(url) = url(&key, value, "a string", reader) else {
            valid = false;
            continue;
        };
        let fault = match urls.first() {
            Some(first) if first.is_https() != url.is_https() => {
                "has another scheme than the first"
            }
            _ if urls.contains(&url) => "is there twice",
            _ => {
                urls.push(url);
                continue;
            }
        };
        reader.errors.add(&value.span(), format!("{key} {fault}"));
        valid = false;
    }
    valid.then_some(urls)
}

fn url(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    allowed: &str,
    reader: &mut Reader<'_>,
) -> Option<UpstreamUrl> {
    let text = reader.text(key, value, allowed)?;
    match UpstreamUrl::read(key, text.to_owned()) {
        Ok(url) => Some(url),
        Err(error) => {
            reader.errors.add_value(&value.span(), &error);
            None
        }
    }
}

/// Reads `endpoints`. True for `"all"`. `None` if there is an error.
pub(super) fn all(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<bool> {
    let Some(value) = section.get("endpoints") else { return Some(false) };
    let key = section.key("endpoints");
    match reader.text(&key, value, "one or all")? {
        "one" => Some(false),
        "all" => Some(true),
        other => {
            reader.refuse(&value.span(), &key, other, "one or all");
            None
        }
    }
}
