//! Spans for an OpenTelemetry collector: `OTEL_EXPORTER_OTLP_ENDPOINT`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use resilience_testing::{
    PATIENCE,
    http::Request,
    process::{Process, command, free_port},
    server::{Server, http, ok},
    until,
};
use serde_json::{Value, json};

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Keeps what it is sent, and answers each request with `status`.
struct Collector {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { url, heads: Arc::default(), bodies: Arc::default() };
        let (heads, bodies) = (Arc::clone(&collector.heads), Arc::clone(&collector.bodies));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = BufReader::new(stream);
                loop {
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        if stream.read_line(&mut head).unwrap_or(0) == 0 {
                            break;
                        }
                    }
                    let length =
                        head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let Some(length) = length else { break };
                    let mut body = vec![0; length.parse().unwrap()];
                    stream.read_exact(&mut body).unwrap();
                    heads.lock().unwrap().push(head);
                    bodies.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                    let answer = http(status, "content-type: application/json\r\n", "{}");
                    stream.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        collector
    }

    /// All spans so far.
    fn spans(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        let spans = |body: &Value| {
            body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
        };
        bodies.iter().flat_map(spans).collect()
    }

    /// The spans, once there are as many.
    #[track_caller]
    fn wait_for(&self, number: usize) -> Vec<Value> {
        until("the spans have come", PATIENCE, || self.spans().len() >= number);
        self.spans()
    }
}

fn client(collector: &Collector, variables: &[(&str, &str)]) -> Process {
    let export = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str())];
    Process::start(command(CLIENT, &[variables, &export].concat()))
}

fn sampled(line: &str) -> Request {
    Request::new(line).headers(format!("traceparent: 00-{TRACE}-{CALLER}-01\r\n"))
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(&Value::Null, |attribute| &attribute["value"])
}

#[test]
fn a_call_of_the_lab_is_a_span_with_its_attempts_below_it() {
    let (collector, backend) = (Collector::start("200 OK"), Server::answering(ok("{}")));
    let variables = [("BACKEND_URL", backend.url()), ("HOSTNAME", "pod-1".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let client = client(&collector, &variables);
    // Not sampled: not exported.
    client.get("/api/call-backend");
    assert_eq!(client.ask(sampled("GET /api/call-backend")).status, 200);
    let spans = collector.wait_for(2);
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let [attempt, call] = [&spans[0], &spans[1]];
    assert_eq!((&call["traceId"], &call["parentSpanId"]), (&json!(TRACE), &json!(CALLER)));
    assert_eq!((&call["kind"], &call["name"]), (&json!(2), &json!("GET call-backend")));
    assert_eq!((&attempt["traceId"], &attempt["parentSpanId"]), (&json!(TRACE), &call["spanId"]));
    assert_eq!((&attempt["kind"], &attempt["name"]), (&json!(3), &json!("GET")));
    let sent = backend.heads().pop().unwrap();
    assert!(sent.contains(attempt["spanId"].as_str().unwrap()), "{sent}");
    for span in [call, attempt] {
        assert_eq!(attribute(span, "http.response.status_code"), &json!({ "intValue": "200" }));
        assert_eq!(span.get("status"), None);
        let time = |key| span[key].as_str().unwrap().parse::<u128>().unwrap();
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
    }
    let heads = collector.heads.lock().unwrap();
    assert!(heads[0].starts_with("POST /v1/traces HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("content-type: application/json\r\n"), "{}", heads[0]);
    let body = &collector.bodies.lock().unwrap()[0];
    let resource = &body["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), &json!({ "stringValue": "client-service" }));
    assert_eq!(attribute(resource, "service.instance.id"), &json!({ "stringValue": "pod-1" }));
    // The client counts them when it has the collector's answer.
    until("both spans are counted", PATIENCE, || {
        client.metric("client_trace_spans_total{result=\"sent\"}") == 2
    });
}

#[test]
fn each_attempt_of_the_gateway_is_a_span_and_failed_ones_are_errors() {
    let collector = Collector::start("200 OK");
    let upstream = Server::start(|mut peer| {
        if peer.number() == 1 {
            peer.request();
            peer.say(http("503 Service Unavailable", "connection: close\r\n", ""));
            return;
        }
        while peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("traces.toml");
    let table = format!("[upstreams.u]\nurl = \"{}\"\nretry_base_delay = 0.01", upstream.url());
    fs::write(&path, table).unwrap();
    let client = client(&collector, &[("CONFIG", path.to_str().unwrap())]);
    assert_eq!(client.ask(sampled("GET /upstreams/u/a/b?c=d")).status, 200);
    let spans = collector.wait_for(3);
    let [first, second, call] = [&spans[0], &spans[1], &spans[2]];
    assert_eq!(call["name"], "GET /upstreams/{name}");
    assert_eq!(attribute(call, "url.path"), &json!({ "stringValue": "/upstreams/u/a/b" }));
    for (attempt, number, status) in [(first, "0", "503"), (second, "1", "200")] {
        assert_eq!(attempt["parentSpanId"], call["spanId"]);
        let resent = attribute(attempt, "http.request.resend_count");
        assert_eq!(resent, &json!({ "intValue": number }));
        let seen = attribute(attempt, "http.response.status_code");
        assert_eq!(seen, &json!({ "intValue": status }));
    }
    assert_eq!(first["status"]["code"], 2);
    assert_eq!(second.get("status"), None);
}

#[test]
fn a_share_of_the_requests_without_a_trace_begins_one() {
    let (collector, backend) = (Collector::start("200 OK"), Server::answering(ok("{}")));
    let backend = backend.url();
    let variables = [
        ("BACKEND_URL", backend.as_str()),
        ("OTEL_TRACES_SAMPLER_ARG", "1"),
        ("OTEL_SERVICE_NAME", "shop"),
    ];
    let mut client = client(&collector, &variables);
    assert_eq!(client.get("/api/call-backend").status, 200);
    assert!(client.terminate().success());
    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "{spans:#?}");
    assert_eq!(spans[1].get("parentSpanId"), None);
    let body = &collector.bodies.lock().unwrap()[0];
    let name = attribute(&body["resourceSpans"][0]["resource"], "service.name");
    assert_eq!(name, &json!({ "stringValue": "shop" }));
}

#[test]
fn a_collector_that_refuses_costs_spans_and_no_call() {
    let (collector, backend) =
        (Collector::start("503 Service Unavailable"), Server::answering(ok("{}")));
    let backend = backend.url();
    let client = client(&collector, &[("BACKEND_URL", backend.as_str())]);
    assert_eq!(client.ask(sampled("GET /api/call-backend")).status, 200);
    let lost = "traces: 2 spans are lost: the collector answered with status 503; further losses are counted";
    client.wait_for_log(lost);
    assert_eq!(client.metric("client_trace_spans_total{result=\"dropped\"}"), 2);
    assert_eq!(client.metric("client_trace_spans_total{result=\"sent\"}"), 0);
}

#[test]
fn a_collector_that_is_away_costs_spans_and_no_call() {
    let backend = Server::answering(ok("{}"));
    let (backend, nowhere) = (backend.url(), format!("http://127.0.0.1:{}", free_port()));
    let variables = [("BACKEND_URL", &*backend), ("OTEL_EXPORTER_OTLP_ENDPOINT", &*nowhere)];
    let client = Process::start(command(CLIENT, &variables));
    assert_eq!(client.ask(sampled("GET /api/call-backend")).status, 200);
    client.wait_for_log("traces: 2 spans are lost: the collector is not reached: ");
    assert_eq!(client.metric("client_trace_spans_total{result=\"dropped\"}"), 2);
}
