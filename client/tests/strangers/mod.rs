//! What the sources register, and a backend that keeps what it hears.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use resilience_testing::{
    http::Request,
    process::Process,
    server::{Server, http},
};

/// What must be told nowhere: the token, and one that was presented and is not it.
pub(crate) const SECRETS: [&str; 2] = ["MarkerOfTheToken7Qx", "MarkerOfAnother9Zk"];

/// The paths in `endpoint("...")` and `file!("...")` of all sources below `folder`. Routes that are
/// registered in another way would not be seen: there are none.
pub(crate) fn paths_in(folder: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(Path::new(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            paths.extend(paths_in(&name));
        } else if name.ends_with(".rs") {
            let source = fs::read_to_string(&path).unwrap();
            // Their documentation, and their tests, are not registered.
            let source = source.split("#[cfg(test)]").next().unwrap();
            let lines: Vec<_> =
                source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let source = lines.join("\n");
            for call in ["endpoint(\"", "file!(\""] {
                let found = source.split(call).skip(1).filter_map(|rest| rest.split('"').next());
                paths.extend(found.map(str::to_owned));
            }
            if name.ends_with("endpoint.rs") {
                continue;
            }
            for other in [
                "web::resource(",
                "web::scope(",
                "web::post(",
                "web::put(",
                "#[post(",
                "#[put(",
                "#[route(",
            ] {
                assert!(!source.contains(other), "{name}: {other}...) is not seen by these tests");
            }
        }
    }
    paths
}

/// A backend that says yes, no and later in turns.
pub(crate) fn backend() -> Server {
    let answered = AtomicUsize::new(0);
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            let number = answered.fetch_add(1, Ordering::SeqCst) + 1;
            let status = ["200 OK", "200 OK", "500 Oops", "429 Too Many Requests"][number % 4];
            peer.say(http(status, "", "{}"));
        }
    })
}

/// The beginning of the stream of events, and what a call adds to it.
pub(crate) fn events(client: &Process, headers: &str) -> String {
    let mut stream = client.connect();
    stream.send(Request::new("GET /api/events").headers(headers));
    let told = stream.lines_until("event: hello");
    client.ask(Request::new("GET /api/call-backend").headers(headers));
    told + &stream.lines_until("event: call") + &stream.lines_until("\n")
}
