//! The effective settings of upstreams, written as a file that can be read again, but for its secrets.

use std::fmt::Write as _;

use actix_web::http::header::HeaderValue;
use serde_json::Value;
use service_edge::UNSET;

use super::{
    route::RouteConfig,
    settings::key_of,
    upstream::{HIDDEN, UpstreamConfig},
};

/// The file. A setting that is not set is `false`.
pub fn show(upstreams: &[UpstreamConfig]) -> String {
    upstreams.iter().map(upstream).collect::<Vec<_>>().join("\n")
}

fn upstream(config: &UpstreamConfig) -> String {
    let UpstreamConfig { name, endpoints, headers, token, tls, .. } = config;
    let mut text = format!("[upstreams.{name}]\n");
    let urls: Vec<_> = endpoints.urls.iter().map(|url| quoted(&url.to_string())).collect();
    let list = format!("[{}]", urls.join(", "));
    line(&mut text, "url", if let [url] = &urls[..] { url } else { &list });
    line(&mut text, "endpoints", &quoted(if endpoints.all { "all" } else { "one" }));
    if token.is_some() {
        line(&mut text, "token", &quoted(HIDDEN));
    }
    let timeout = config.body_idle_timeout.as_secs_f64();
    line(&mut text, "body_idle_timeout", &timeout.to_string());
    for (key, value) in endpoints.ejection.shown() {
        line(&mut text, key, &value);
    }
    settings(&mut text, config.settings.effective());
    let files = [
        ("ca_file", &tls.ca_file),
        ("client_certificate_file", &tls.client_certificate_file),
        ("client_key_file", &tls.client_key_file),
    ];
    let files =
        files.into_iter().filter_map(|(key, file)| Some((key, file.as_deref()?.to_string_lossy())));
    let server_name = tls.server_name.iter().map(|name| ("server_name", name.into()));
    let tls = files.chain(server_name).map(|(key, value)| (key.to_owned(), value.into_owned()));
    table(&mut text, &format!("upstreams.{name}.tls"), tls.collect());
    let mut headers: Vec<_> =
        headers.iter().map(|(name, value)| (quoted(name.as_str()), header(value))).collect();
    headers.sort_unstable();
    table(&mut text, &format!("upstreams.{name}.headers"), headers);
    for route in &config.routes {
        let _ = write!(text, "\n[[upstreams.{name}.routes]]\n{}", self::route(route));
    }
    text
}

fn route(route: &RouteConfig) -> String {
    let mut text = String::new();
    if let Some(methods) = &route.methods {
        let methods: Vec<_> = methods.iter().map(|method| quoted(method.as_str())).collect();
        line(&mut text, "methods", &format!("[{}]", methods.join(", ")));
    }
    line(&mut text, "path", &quoted(&route.path));
    line(&mut text, "idempotent", &route.idempotent.to_string());
    settings(&mut text, &route.effective);
    text
}

fn header(value: &HeaderValue) -> String {
    let text = value.to_str().ok().filter(|_| !value.is_sensitive());
    text.unwrap_or(HIDDEN).to_owned()
}

fn settings<'s>(
    text: &mut String,
    effective: impl IntoIterator<Item = &'s (&'static str, String)>,
) {
    for (name, value) in effective {
        let is_number = value.parse::<i64>().is_ok() || value.parse().is_ok_and(f64::is_finite);
        let value = match value.as_str() {
            UNSET => "false".to_owned(),
            // A larger whole number is no number of TOML.
            _ if is_number && value.len() < 19 => value.clone(),
            other => quoted(other),
        };
        line(text, &key_of(name), &value);
    }
}

fn table(text: &mut String, name: &str, pairs: Vec<(String, String)>) {
    if pairs.is_empty() {
        return;
    }
    let _ = write!(text, "\n[{name}]\n");
    for (key, value) in pairs {
        line(text, &key, &quoted(&value));
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

/// A string of JSON, which is one of TOML: none of the texts has a character that only TOML wants escaped.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
