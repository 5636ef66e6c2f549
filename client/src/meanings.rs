//! The purpose of each setting of the client.

/// The purpose of each setting that only the client has, in Markdown, in the order in which they are read.
pub const MEANINGS: [(&str, &str); 75] = [
    ("BACKEND_URL", "Where the backend is: `http` or `https`, without a path. HTTP/1.1 only."),
    (
        "BACKEND_CA_FILE",
        "PEM file with the roots that the backend's certificate may come from. Unset: Mozilla's, which are in the \
         binary. This and the next three require `https` in `BACKEND_URL`. Files are read at the start.",
    ),
    (
        "BACKEND_CLIENT_CERT_FILE",
        "PEM file with the client's certificate, and the intermediate ones after it, for mutual TLS. Requires \
         `BACKEND_CLIENT_KEY_FILE`.",
    ),
    (
        "BACKEND_CLIENT_KEY_FILE",
        "PEM file with the private key of that certificate, not encrypted. Requires `BACKEND_CLIENT_CERT_FILE`.",
    ),
    (
        "BACKEND_SERVER_NAME",
        "Name or IP address that the backend's certificate must have. A name is also sent in the handshake (SNI). \
         Unset: the host in `BACKEND_URL`.",
    ),
    (
        "BREAKER_FAIL_MAX",
        "Consecutive failures that open the circuit. 0 turns this trip off, which requires another one.",
    ),
    (
        "BREAKER_STREAK_MAX_AGE",
        "Maximum time between two consecutive failures. If more time is between them, the count starts again. Unset: \
         no limit.",
    ),
    (
        "BREAKER_FAILURE_RATE",
        "Share of failures in the window that opens the circuit. Unset: this trip is off.",
    ),
    (
        "BREAKER_FAILURES",
        "Number of failures in the window that opens the circuit, whatever their share. At most `BREAKER_WINDOW`, \
         if that is a number of attempts. Unset: this trip is off.",
    ),
    (
        "BREAKER_SLOW_RATE",
        "Share of slow attempts in the window that opens the circuit. Requires `BREAKER_SLOW_CALL`. Unset: this trip \
         is off.",
    ),
    (
        "BREAKER_SLOW_CALL",
        "An attempt that takes this long is slow, and counts from this moment on. Less than `ATTEMPT_TIMEOUT`. \
         Requires `BREAKER_SLOW_RATE`.",
    ),
    (
        "BREAKER_WINDOW",
        "What shares are taken of: the last attempts (`100`), or the attempts of the last seconds (`60s`).",
    ),
    (
        "BREAKER_MIN_CALLS",
        "Minimum number of attempts in the window before a share can open the circuit. At most `BREAKER_WINDOW`, \
         if that is a number of attempts.",
    ),
    ("BREAKER_RESET_TIMEOUT", "Time from opening to half-open."),
    (
        "BREAKER_RESET_BACKOFF",
        "Factor by which each reopening lengthens that time, until the circuit closes. 1: the time stays the \
         same.",
    ),
    ("BREAKER_RESET_MAX", "Maximum of that time. At least `BREAKER_RESET_TIMEOUT`."),
    ("BREAKER_HALF_OPEN_MAX_CALLS", "Maximum number of trials at a time."),
    ("BREAKER_SUCCESS_THRESHOLD", "Successful trials that close the circuit."),
    (
        "BREAKER_TRIAL_LEASE",
        "Time within which a trial must report. After it the trial has failed. At least `ATTEMPT_TIMEOUT`.",
    ),
    (
        "BREAKER_PROBE",
        "Path of the backend, such as `/health`, that is asked while the circuit is open. As soon as enough answers in \
         a row are 2xx, the circuit is half-open. Unset: it waits for `BREAKER_RESET_TIMEOUT`.",
    ),
    (
        "BREAKER_PROBE_INTERVAL",
        "Time from the opening to the first probe, and from the end of each probe to the next (default 1). Less than \
         `BREAKER_RESET_TIMEOUT`. Requires `BREAKER_PROBE`.",
    ),
    (
        "BREAKER_PROBE_SUCCESSES",
        "Number of good probes in a row that makes the circuit half-open (default 2). Requires `BREAKER_PROBE`.",
    ),
    (
        "BREAKER_SCOPE",
        "`call`: a failure does not count if a later attempt of its call succeeds. `attempt`: each failure counts.",
    ),
    (
        "RETRY_MAX_ATTEMPTS",
        "Maximum number of attempts of a call, the first included. 1 turns retries off.",
    ),
    ("RETRY_BASE_DELAY", "Wait before the first retry. At most `RETRY_MAX_DELAY`."),
    (
        "RETRY_BACKOFF",
        "How the waits grow: each is the one before times `RETRY_MULTIPLIER`, or is longer than the one before by \
         `RETRY_BASE_DELAY`, or is `RETRY_BASE_DELAY`.",
    ),
    (
        "RETRY_MULTIPLIER",
        "Factor from one wait to the next. Only with `RETRY_BACKOFF=exponential`, and not with \
         `RETRY_JITTER_MODE=decorrelated`.",
    ),
    ("RETRY_MAX_DELAY", "Maximum wait, without jitter."),
    (
        "RETRY_JITTER",
        "Each wait is longer by a random share of itself, from 0 to this. 0: no jitter. With another \
         `RETRY_JITTER_MODE` than `proportional`, this lengthens only a wait that the backend asks for.",
    ),
    (
        "RETRY_JITTER_MODE",
        "`proportional`: `RETRY_JITTER` on top of the wait. `full`: a random wait from 0 to the backoff's. \
         `decorrelated`: a random wait from `RETRY_BASE_DELAY` to three times the wait before, at most \
         `RETRY_MAX_DELAY`.",
    ),
    (
        "RETRY_BUDGET",
        "Maximum number of retries for each call, over all calls of the last 10 s. If it is spent, calls are not \
         retried. 0: only `RETRY_BUDGET_MIN` allows retries. Unset: no limit.",
    ),
    (
        "RETRY_BUDGET_MIN",
        "Retries a second that are allowed beside that share, on average over 10 s (default 10). With 0 only the \
         share allows retries, so `RETRY_BUDGET` must be more than 0. Requires `RETRY_BUDGET`.",
    ),
    (
        "RETRY_AFTER_SCOPE",
        "Which calls a `Retry-After` of the backend is for. `call`: the call that got it. `upstream`: all calls, which \
         are rejected or wait until then.",
    ),
    (
        "RETRY_AFTER_MAX",
        "Maximum time for which one answer keeps all calls away (default 300), without a random part of up to a \
         tenth. Requires `RETRY_AFTER_SCOPE=upstream`.",
    ),
    (
        "ATTEMPT_TIMEOUT",
        "Time of one attempt, with its connect, head and body. At most `CALL_DEADLINE`.",
    ),
    (
        "CONNECT_RETRIES",
        "An attempt that did not reach the backend is repeated at once, up to this many times. 0: no repeats. The \
         baseline repeats no attempt.",
    ),
    ("CALL_DEADLINE", "Time of one call, with all its attempts and waits."),
    (
        "THROTTLE",
        "`on`: while the backend refuses many attempts (429, 503), a share of them is rejected instead of being made.",
    ),
    (
        "THROTTLE_RATIO",
        "Attempts may be this many times those that the backend does not refuse (default 2). Requires `THROTTLE=on`.",
    ),
    (
        "RATE_LIMIT",
        "Maximum number of attempts at the backend in a second, minute or hour, over all workers. Unset: no limit.",
    ),
    (
        "RATE_BURST",
        "Maximum number of such attempts at once (default the number in `RATE_LIMIT`). 1 spaces them evenly. \
         Requires `RATE_LIMIT`.",
    ),
    (
        "RATE_WAIT",
        "Longest wait of an attempt for its turn (default 0: others are rejected at once). At most `CALL_DEADLINE`. \
         Requires `RATE_LIMIT`.",
    ),
    (
        "CONCURRENCY_MAX",
        "Maximum number of attempts in flight at the backend, over all workers, or `auto`: the limit follows the \
         backend's latency. Unset: no limit.",
    ),
    (
        "CONCURRENCY_FLOOR",
        "The lowest limit that follows latency (default 4). Requires `CONCURRENCY_MAX=auto`.",
    ),
    (
        "CONCURRENCY_CEILING",
        "The highest (default 200). At least `CONCURRENCY_FLOOR`. Requires `CONCURRENCY_MAX=auto`.",
    ),
    (
        "CONCURRENCY_QUEUE",
        "Maximum number of attempts that wait for one in flight to end, in order of arrival (default 0: others are \
         rejected at once). Requires `CONCURRENCY_MAX`.",
    ),
    ("CONCURRENCY_WAIT", "Longest such wait (default 1). Requires `CONCURRENCY_MAX`."),
    (
        "PRIORITY_HEADER",
        "The header in which requests say how important they are, from 0 to 3, for instance `X-Request-Priority`. The \
         concurrency limit rejects less important ones first, and throttling counts each level apart. Unset: all are \
         alike. Requires `CONCURRENCY_MAX` or `THROTTLE=on`.",
    ),
    (
        "HEDGE_AFTER",
        "A second attempt is made beside one that takes longer than this time (`0.2`) or than this percentile of the \
         latest attempts (`p95`). The first good answer is used. Unset: no hedging.",
    ),
    (
        "HEDGE_MAX",
        "Maximum number of attempts that are made so beside one (default 1). Requires `HEDGE_AFTER`.",
    ),
    (
        "CHAOS_FAILURE_RATE",
        "Fault injection, for tests and game days: this share of the attempts fails and is not made. All `CHAOS_*` \
         require `ADMIN_TOKEN`, and their shares sum to at most 1. A share that is 0 or unset injects no fault.",
    ),
    ("CHAOS_DELAY_RATE", "Share of the attempts that begin later by `CHAOS_DELAY`."),
    ("CHAOS_DELAY", "That delay (default 1). Requires `CHAOS_DELAY_RATE`."),
    (
        "CHAOS_PANIC_RATE",
        "Share of the attempts that panic, which fails their call and nothing else.",
    ),
    (
        "CHAOS_SEED",
        "The same number gives the same sequence of faults at each run. Requires one of the shares.",
    ),
    (
        "CONNECT_TIMEOUT",
        "Time to resolve the name, and to connect to each of its addresses, with the handshake of TLS. At most \
         `ATTEMPT_TIMEOUT`.",
    ),
    ("POOL_MAX_AGE", "Maximum age of a connection to the backend that a request may use."),
    (
        "POOL_IDLE_TIMEOUT",
        "Maximum time without a request after which a request may use a connection. Less than what the backend keeps \
         idle connections for.",
    ),
    (
        "FALLBACK",
        "`stale`: a call that has no good answer gets the last good one to the same request, marked as stale. A 4xx is \
         an answer.",
    ),
    ("FALLBACK_MAX_AGE", "Maximum age of such an answer (default 60). Requires `FALLBACK=stale`."),
    (
        "FALLBACK_MAX_BYTES",
        "Maximum size of all kept answers together (default 1048576). The oldest make room. Requires `FALLBACK=stale`.",
    ),
    ("COALESCE", "`on`: identical requests that are in flight at the same time share one call."),
    (
        "MAX_CALLS",
        "Maximum number of calls in flight and waiting, of all workers together. The client lowers it if the limit \
         of open files requires it.",
    ),
    (
        "MAX_RESPONSE_BYTES",
        "Maximum size of a body from the backend. A 2xx with a larger body becomes a 502. A 4xx or 5xx keeps its \
         status, and the client replaces its body.",
    ),
    (
        "MAX_EVENT_STREAMS",
        "Maximum number of readers of `/api/events` at a time. Further readers get a 503. 0 admits no reader.",
    ),
    (
        "TRUSTED_PROXIES",
        "Addresses and networks (`10.0.0.0/8`) of proxies in front of the gateway. It keeps `X-Forwarded-*` and `Via` of \
         their requests, and replaces those of others. Unset: it trusts no proxy and replaces them on every request.",
    ),
    (
        "RETRY_BODY_BYTES",
        "Maximum size of a request's body that the gateway holds, so that it can be sent again. A request with a \
         larger body has one attempt. With 0 each request with a body has one. With `coalesce`, also the maximum size \
         of a body that requests share.",
    ),
    (
        "REPLAY_BYTES",
        "Maximum size of all held bodies together. At least `RETRY_BODY_BYTES`. A request whose body has no room has \
         one attempt.",
    ),
    (
        "MAX_STREAMS",
        "Maximum number of bodies that the gateway streams at a time: bodies of requests that it does not hold, and \
         answers of more than 64 KiB or without a length. Further requests get a 503. 0 refuses each body that would \
         be streamed.",
    ),
    (
        "DNS_INTERVAL",
        "Time between two look-ups of the name of an upstream with `endpoints = \"all\"`, on average: each pause is up \
         to 20 % shorter or longer.",
    ),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OpenTelemetry collector that gets the spans of sampled traces, by OTLP over HTTP with JSON: `http` or \
         `https`, without a path. Unset: none.",
    ),
    (
        "OTEL_SERVICE_NAME",
        "Name of this service in traces. Unset: `client-service`. Requires `OTEL_EXPORTER_OTLP_ENDPOINT`.",
    ),
    (
        "OTEL_TRACES_SAMPLER_ARG",
        "Share of the requests without a `traceparent` that begin a sampled trace. 0, and unset: none. Requires \
         `OTEL_EXPORTER_OTLP_ENDPOINT`.",
    ),
    (
        "BACKEND_FAULTS_HOST",
        "Host, or host:port, whose addresses are all replicas of the backend, for `/api/backend/faults`. If it is \
         unset: `backend-headless` if `BACKEND_URL` names `backend-service` and `backend-headless` resolves, \
         otherwise the host of `BACKEND_URL`.",
    ),
    (
        "CONFIG",
        "Path of a file of upstreams, in TOML, as `docs/gateway.md` describes it. Unset: the backend is the only upstream.",
    ),
];
