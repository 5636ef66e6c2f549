//! One upstream of the file.

mod endpoints;
mod headers;
mod name;
mod secret;
mod tls;

use std::{sync::Arc, time::Duration};

use service_edge::{AdminToken, Settings};
use toml::Spanned;

pub use self::name::UpstreamName;
pub(super) use self::secret::HIDDEN;
use super::{
    keys::{UPSTREAM_KEYS, names},
    reader::{Reader, Section},
    route::{self, RouteConfig},
    settings::{self, Given, OfUpstream},
};
use crate::{
    gateway::{default_headers::DefaultHeaders, endpoints::EndpointsConfig},
    policy_settings::UpstreamSettings,
    transport::{ConnectionSettings, tls::TlsSettings},
    upstream_url::UpstreamUrl,
};

/// An upstream, as the file describes it. Equal if the files that it refers to also have the same contents.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamConfig {
    /// The key of its table.
    pub name: UpstreamName,
    /// `url`, or the first of them: `Host` and the server name of TLS are those of this URL.
    pub url: UpstreamUrl,
    /// `url`, `endpoints` and `eject_*`: where connections go.
    pub endpoints: EndpointsConfig,
    /// `headers`: each request gets them, in place of the caller's of the same name. A
    /// [sensitive](actix_web::http::header::HeaderValue::is_sensitive) value is shown nowhere.
    pub headers: DefaultHeaders,
    /// `token`: if set, callers need it.
    pub token: Option<AdminToken>,
    /// `tls`: certificates and server name. Only with `https`.
    pub tls: TlsSettings,
    /// How connections are made, with the contents of the files of `tls`.
    pub connections: Arc<ConnectionSettings>,
    /// `body_idle_timeout`: maximum time without progress of a body, in each direction.
    pub body_idle_timeout: Duration,
    /// The policies, under the names of the environment's settings.
    pub settings: UpstreamSettings,
    /// `routes`: what is different for some requests. The first that fits a request is used.
    pub routes: Vec<RouteConfig>,
}

/// Reads the upstream `name`. `None` if there is an error.
pub(super) fn read(
    name: &Spanned<std::borrow::Cow<'_, str>>,
    section: &Section<'_>,
    reader: &mut Reader<'_>,
) -> Option<UpstreamConfig> {
    let valid_name = UpstreamName::new(name.get_ref());
    if valid_name.is_none() {
        let what = format!("{} is not a valid name: expected {}", section.name, name::ALLOWED);
        reader.errors.add(&name.span(), what);
    }
    let known: Vec<_> = names(&UPSTREAM_KEYS).chain(settings::keys()).collect();
    section.refuse_unknown(reader, &known, |_| None);

    let urls = endpoints::urls(section, reader);
    let url = urls.as_ref().and_then(|urls| urls.first());
    let all = endpoints::all(section, reader);
    let table = |key: &str, reader: &mut Reader<'_>| match section.get(key) {
        Some(value) => reader.section(section.key(key), value),
        None => None,
    };
    let headers = table("headers", reader).map(|headers| headers::read(&headers, reader));
    let token = token(section, reader);
    let tls = table("tls", reader).map(|tls| tls::read(&tls, reader)).unwrap_or_default();
    let of_connections = url.and_then(|url| tls::load(&tls, url, section, reader));

    let has_admin_token = reader.sources.has_admin_token;
    let given = Given::read(section, reader);
    let parse = |settings: &mut Settings<'_>| settings::parse(settings, has_admin_token);
    let parsed = given.parse_over(&Given::default(), section, reader, parse);
    // The settings of a route are checked beside those of the upstream.
    let OfUpstream { body_idle_timeout, ejection, settings } = parsed?;
    let routes = route::read_all(section, &given, reader);
    Some(UpstreamConfig {
        name: valid_name?,
        url: url?.clone(),
        endpoints: EndpointsConfig { all: all?, urls: urls?, ejection },
        headers: headers.unwrap_or_default(),
        token,
        tls,
        connections: Arc::new(settings.connections(of_connections)),
        body_idle_timeout,
        settings,
        routes,
    })
}

fn token(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<AdminToken> {
    let value = section.get("token")?;
    let key = section.key("token");
    let token = secret::read(&key, value, reader)?.value;
    let token = Settings::new(|_| Some(token.clone().into())).secret("TOKEN");
    match token {
        Ok(token) => token.as_deref().map(AdminToken::new),
        Err(error) => {
            reader.refuse(&value.span(), &key, error.value(), error.allowed());
            None
        }
    }
}
