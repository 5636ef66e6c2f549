//! What a service's binary can be asked for besides serving.

use std::{
    ffi::OsString,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use crate::{
    CommonSettings, Settings, exit_on_bad_settings,
    telemetry::logging::stderr,
    untrusted_text::{short_line, shorten},
};

/// How long the service may take to say that it is healthy.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most that a message shows of what it was given, in characters.
const MAX_SHOWN: usize = 200;

/// More than any answer of `/health` has.
const MAX_ANSWER: u64 = 16 * 1024;

/// For `main`: does what the command line asks for, unless that is to serve.
///
/// | arguments | what is done | exit code |
/// |---|---|---|
/// | none | nothing: `None`, the caller serves | |
/// | `healthcheck` | asks `/health` of the service that runs with the same `HOST` and `PORT` | 0, or 1 if it is not healthy |
/// | `--help`, `--version` | prints it | 0 |
/// | anything else | says what is allowed | 2 |
///
/// `healthcheck` is there for containers, whose image has nothing else that could ask.
pub fn other_than_serving(
    service: &str,
    version: &str,
    default_port: u16,
    arguments: impl IntoIterator<Item = OsString>,
) -> Option<ExitCode> {
    let arguments: Vec<_> =
        arguments.into_iter().map(|a| a.to_string_lossy().into_owned()).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["healthcheck"] => {
            let mut settings = Settings::from_env();
            let common = exit_on_bad_settings(CommonSettings::read(&mut settings, default_port));
            let address = SocketAddr::new(reachable(common.host), common.port);
            Some(match healthcheck(address) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    stderr::write_line(&format!("{service} at {address} is not healthy: {error}"));
                    stderr::flush_last_lines();
                    ExitCode::FAILURE
                }
            })
        }
        ["-h" | "--help"] => {
            println!(
                "usage: {service} [healthcheck | --help | --version]\n\n\
                 Without an argument it serves until SIGTERM. Its settings are environment\n\
                 variables; it prints them when it starts."
            );
            Some(ExitCode::SUCCESS)
        }
        ["-V" | "--version"] => {
            println!("{service} {version}");
            Some(ExitCode::SUCCESS)
        }
        _ => {
            let arguments = short_line(&format!("{arguments:?}"), MAX_SHOWN);
            stderr::write_line(&format!(
                "{service}: cannot do {arguments}: expected nothing, healthcheck, --help or --version"
            ));
            stderr::flush_last_lines();
            Some(ExitCode::from(2))
        }
    }
}

/// Where a service that listens on `host` can be asked from its own machine.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}

fn healthcheck(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&answer);
    let first = shorten(answer.lines().next().unwrap_or_default(), MAX_SHOWN);
    Err(io::Error::other(format!("it says {first:?}")))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    fn saying(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer).unwrap();
        });
        address
    }

    #[test]
    fn only_a_200_is_healthy() {
        assert!(healthcheck(saying(b"HTTP/1.1 200 OK\r\n\r\n{}")).is_ok());
        for answer in [&b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..], b"", b"garbage"] {
            let error = healthcheck(saying(answer)).unwrap_err();
            assert!(error.to_string().starts_with("it says"), "{error}");
        }
    }

    #[test]
    fn nobody_there_is_not_healthy() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(healthcheck(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_service_on_all_addresses_is_asked_on_loopback() {
        for (host, asked) in [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3")] {
            assert_eq!(reachable(host.parse().unwrap()).to_string(), asked);
        }
    }

    #[test]
    fn without_arguments_the_caller_serves_and_unknown_ones_are_refused() {
        let run = |arguments: &[&str]| {
            other_than_serving("x", "1", 1, arguments.iter().map(OsString::from))
                .map(|code| format!("{code:?}"))
        };
        assert_eq!(run(&[]), None);
        assert_eq!(run(&["--version"]), Some(format!("{:?}", ExitCode::SUCCESS)));
        for unknown in [&["serve"][..], &["healthcheck", "now"], &["--port=1"]] {
            assert_eq!(run(unknown), Some(format!("{:?}", ExitCode::from(2))));
        }
    }
}
