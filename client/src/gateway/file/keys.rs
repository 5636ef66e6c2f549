//! The keys of the file that are no settings of the environment.

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value can be, in Markdown.
    pub value: &'static str,
    /// The value if it is not set.
    pub default: &'static str,
    /// Its purpose, in Markdown.
    pub meaning: &'static str,
}

const fn key(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { name, value, default, meaning }
}

/// The keys of `[upstreams.NAME]`.
pub const UPSTREAM_KEYS: [Key; 13] = [
    key(
        "url",
        "`http://host` or `https://host`, maybe with `:port`; or a list of at most 1000 of them",
        "required",
        "Where the upstream is, without a user, a path and a query. Each URL of a list is an endpoint. All have the same \
         scheme.",
    ),
    key(
        "headers",
        "a table of names and secrets",
        "none",
        "Headers that each request gets, in place of the caller's of the same name. `Host` replaces \
         that of the URL. Headers of the connection, `Content-Length`, `Expect`, `Via`, `Forwarded`, `X-Forwarded-*`, \
         `X-Request-Deadline` and `traceparent` are not allowed.",
    ),
    key(
        "token",
        "a secret of 1 to 1024 visible ASCII characters without spaces",
        "none",
        "If set, callers of this upstream need it.",
    ),
    key("tls", "a table", "none", "Certificates and server name. Only with `https`."),
    key(
        "body_idle_timeout",
        "a number of seconds, more than 0 and at most 2592000",
        "30",
        "Maximum time without progress of a body, in each direction.",
    ),
    key(
        "endpoints",
        "`\"one\"` or `\"all\"`",
        "`\"one\"`",
        "`\"one\"`: each connection goes to the host of the URL, as it resolves then. `\"all\"`: each address of the host \
         is an endpoint, and it is looked up again every `DNS_INTERVAL`.",
    ),
    key(
        "eject_consecutive_failures",
        "a whole number from 0 to 1000000",
        "5",
        "Failures in a row after which an endpoint is ejected. 0 turns this rule off.",
    ),
    key(
        "eject_failure_rate_gap",
        "a number from 0 to 1",
        "0.3",
        "An endpoint is ejected if its share of failures in the last 10 s is higher by more than this than that of the \
         others together. 1 turns this rule off.",
    ),
    key(
        "eject_min_calls",
        "a whole number from 1 to 1000000",
        "20",
        "Minimum number of attempts in the last 10 s, at the endpoint and at the others together, before shares are \
         compared.",
    ),
    key(
        "eject_base_time",
        "a number of seconds, more than 0 and at most 2592000",
        "10",
        "Time of an endpoint's first ejection. The second in a row takes twice as long, and so on.",
    ),
    key(
        "eject_max_time",
        "a number of seconds, more than 0 and at most 2592000",
        "300",
        "Maximum time of an ejection. At least `eject_base_time`.",
    ),
    key(
        "eject_max_share",
        "a number from 0 to 1",
        "0.5",
        "Maximum share of the endpoints that are ejected at a time. 0 turns ejection off.",
    ),
    key(
        "routes",
        "a list of at most 1000 tables",
        "none",
        "What is different for some requests. The first route that fits a request is used.",
    ),
];

/// The keys of `[upstreams.NAME.tls]`.
pub const TLS_KEYS: [Key; 4] = [
    key(
        "ca_file",
        "the path of a file in PEM format",
        "Mozilla's roots",
        "The certificates that sign the upstream's.",
    ),
    key(
        "client_certificate_file",
        "the path of a file in PEM format",
        "none",
        "The certificate that the gateway shows. Requires `client_key_file`.",
    ),
    key(
        "client_key_file",
        "the path of a file in PEM format",
        "none",
        "The key of that certificate. Requires `client_certificate_file`.",
    ),
    key(
        "server_name",
        "a host name or an address",
        "the host of the URL",
        "The name that the upstream's certificate must have.",
    ),
];

/// The keys of `[[upstreams.NAME.routes]]`.
pub const ROUTE_KEYS: [Key; 3] = [
    key(
        "methods",
        "a list of methods in capital letters, but `CONNECT` and `TRACE`",
        "all",
        "The methods that fit.",
    ),
    key(
        "path",
        "a path without a query, a slash at its end, and segments that are empty, `.` or `..`",
        "`\"/\"`",
        "The path that fits, with all paths below it: `/charges` fits `/charges` and `/charges/7`, not `/charges7`. \
         Paths are compared without their percent-encoding.",
    ),
    key(
        "idempotent",
        "`true` or `false`",
        "`false`",
        "`true`: these requests may be repeated, whatever their method. `false`: GET, HEAD, OPTIONS, PUT and DELETE may, \
         and others with an `Idempotency-Key`.",
    ),
];

/// The names of keys.
pub(super) fn names(keys: &[Key]) -> impl Iterator<Item = &str> {
    keys.iter().map(|key| key.name)
}
