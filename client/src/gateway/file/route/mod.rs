//! What is different for some requests of an upstream.

mod path;
mod reachable;

use actix_web::http::Method;
use service_edge::Settings;
use toml::{Spanned, de::DeValue};

use super::{
    keys::{ROUTE_KEYS, names},
    reader::{Reader, Section},
    settings::{self, Given, key_of},
};
use crate::policy_settings::{Calls, Overrides};

/// The settings of a call, which a route can have of its own. All others are the upstream's.
pub(super) const SETTINGS: [&str; 11] = [
    "RETRY_MAX_ATTEMPTS",
    "RETRY_BASE_DELAY",
    "RETRY_BACKOFF",
    "RETRY_MULTIPLIER",
    "RETRY_MAX_DELAY",
    "RETRY_JITTER",
    "RETRY_JITTER_MODE",
    "ATTEMPT_TIMEOUT",
    "CALL_DEADLINE",
    "HEDGE_AFTER",
    "HEDGE_MAX",
];

/// Maximum number of routes of an upstream. Each request looks at them in turn.
const MAX_ROUTES: usize = 1_000;

/// The keys of the settings that a route can have of its own.
pub fn route_settings() -> impl Iterator<Item = String> {
    SETTINGS.iter().map(|name| key_of(name))
}

/// Requests of an upstream, and how their calls are made.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteConfig {
    /// `methods`: the methods that fit. `None`: all.
    pub methods: Option<Vec<Method>>,
    /// `path`: the path that fits, with all paths below it. `/` fits all.
    pub path: String,
    /// `idempotent`: these requests may be repeated, whatever their method.
    pub idempotent: bool,
    /// The settings of the calls: those of the upstream, with the route's on top. Only those that a route can set are
    /// to be used.
    pub calls: Calls,
    /// The settings that the route has of its own.
    pub(crate) given: Overrides,
    /// The variables that a route can set, with their effective values.
    pub effective: Vec<(&'static str, String)>,
}

impl RouteConfig {
    /// True if the route is for this request. `path` is that of the request behind the name of the upstream, raw and
    /// without a query.
    pub fn fits(&self, method: &Method, path: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
            && path::covers(&self.path, path)
    }
}

/// Reads the routes of an upstream, whose settings are `of_upstream`.
pub(super) fn read_all(
    upstream: &Section<'_>,
    of_upstream: &Given,
    reader: &mut Reader<'_>,
) -> Vec<RouteConfig> {
    let Some(value) = upstream.get("routes") else { return Vec::new() };
    let key = upstream.key("routes");
    let Some(list) = value.get_ref().as_array() else {
        reader.refuse_type(&key, value, &format!("a list of tables, [[{key}]]"));
        return Vec::new();
    };
    if list.len() > MAX_ROUTES {
        let what = format!("{key} is a list of {}: expected at most {MAX_ROUTES}", list.len());
        reader.errors.add(&value.span(), what);
        return Vec::new();
    }
    let mut routes: Vec<(usize, RouteConfig)> = Vec::new();
    for (number, value) in list.iter().enumerate() {
        let Some(section) = reader.section(format!("{key}[{number}]"), value) else { continue };
        let Some(route) = read(&section, of_upstream, reader) else { continue };
        if let Some(earlier) = reachable::covering(&routes, &route) {
            let what = format!("{} is never used: {earlier} before it", section.name);
            reader.errors.add(&section.span, what);
        }
        routes.push((number, route));
    }
    routes.into_iter().map(|(_, route)| route).collect()
}

fn read(
    section: &Section<'_>,
    of_upstream: &Given,
    reader: &mut Reader<'_>,
) -> Option<RouteConfig> {
    let own = SETTINGS.map(key_of);
    let known: Vec<_> = names(&ROUTE_KEYS).chain(own.iter().map(String::as_str)).collect();
    section.refuse_unknown(reader, &known, |key| {
        let of_upstream = settings::keys().any(|other| other == key);
        let allowed = own.join(", ");
        of_upstream
            .then(|| format!("is a setting of the whole upstream: a route can have {allowed}"))
    });
    let methods = section.get("methods").map(|value| methods(section, value, reader));
    let path = path(section, reader);
    let idempotent = idempotent(section, reader);
    let given = Given::read(section, reader).only(&SETTINGS);
    let has_admin_token = reader.sources.has_admin_token;
    let parse = |settings: &mut Settings<'_>| settings::parse(settings, has_admin_token);
    let settings = given.parse_over(of_upstream, section, reader, parse)?.settings;
    let mut effective = settings.policies.effective;
    effective.retain(|(name, _)| SETTINGS.contains(name));
    let calls = settings.policies.calls;
    let methods = match methods {
        Some(methods) => Some(methods?),
        None => None,
    };
    Some(RouteConfig {
        methods,
        path: path?,
        idempotent,
        calls,
        given: given.overrides(),
        effective,
    })
}

fn idempotent(section: &Section<'_>, reader: &mut Reader<'_>) -> bool {
    let Some(value) = section.get("idempotent") else { return false };
    value.get_ref().as_bool().unwrap_or_else(|| {
        reader.refuse_type(&section.key("idempotent"), value, "true or false");
        false
    })
}

/// `None` if one is not valid.
fn methods(
    section: &Section<'_>,
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader<'_>,
) -> Option<Vec<Method>> {
    const ALLOWED: &str = "a method in capital letters, but CONNECT and TRACE";
    let key = section.key("methods");
    let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
        reader.errors.add(&value.span(), format!("{key} is not a list of one or more methods"));
        return None;
    };
    let methods = list.iter().map(|value| {
        let text = reader.text(&key, value, ALLOWED)?;
        let capital = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| capital);
        let method = method.filter(|method| ![Method::CONNECT, Method::TRACE].contains(method));
        if method.is_none() {
            reader.refuse(&value.span(), &key, text, ALLOWED);
        }
        method
    });
    // Each is looked at, so that each error is found.
    methods.collect::<Vec<_>>().into_iter().collect()
}

fn path(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let Some(value) = section.get("path") else { return Some("/".to_owned()) };
    let key = section.key("path");
    let text = reader.text(&key, value, path::ALLOWED)?;
    if !path::is_valid(text) {
        reader.refuse(&value.span(), &key, text, path::ALLOWED);
        return None;
    }
    Some(text.to_owned())
}
