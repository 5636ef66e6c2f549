//! One record, one line, in text or JSON, on stderr. A log that nobody reads delays nobody: see `log_queue`.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::OnceLock,
    thread,
    time::Duration,
};

use anstream::{AutoStream, ColorChoice};
use env_logger::{
    Builder, Target, WriteStyle,
    fmt::{Formatter, style::Style},
};
use log::{
    Record,
    kv::{self, Key, Value, VisitSource},
};
use serde::Serialize;

use crate::{
    CommonSettings, LogFormat, abort, log_queue::LogQueue, metrics::Families,
    panic_message::panic_message, untrusted_text::one_line,
};

/// Maximum time that the end of the process waits for its last lines to be read.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Maximum time that a panic waits for its line, in a thread whose end is not that of the process. It waits at all
/// because the process may abort after the panic.
const PANIC_LINE: Duration = Duration::from_millis(50);

/// Begins logging as `RUST_LOG` and `LOG_FORMAT` say, and lets panics be logged like the rest.
/// A second call changes nothing.
pub fn init(common: &CommonSettings) {
    let mut builder = Builder::new();
    builder.parse_filters(&common.rust_log);
    let write: fn(&mut Formatter, &Record<'_>, bool) -> io::Result<()> = match common.log_format {
        LogFormat::Text => text,
        LogFormat::Json => json,
    };
    if let Some(queue) = queue() {
        builder.target(Target::Pipe(Box::new(queue.clone())));
    }
    // What is written has no escape sequences but our own: env_logger need not look for any.
    builder.write_style(WriteStyle::Always);
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    builder.format(
        move |out, record| {
            if abort::is_report(record) { Ok(()) } else { write(out, record, colours) }
        },
    );
    if builder.try_init().is_ok() {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map_or_else(String::new, ToString::to_string);
            log::error!("panic at {place}: {}", panic_message(info.payload()));
            let ends_process = thread::current().name() == Some("main");
            flush(if ends_process { LAST_LINES } else { PANIC_LINE });
        }));
    }
}

/// The queue in front of stderr. None if its thread cannot be started: then lines are written where they arise.
fn queue() -> Option<&'static LogQueue> {
    static QUEUE: OnceLock<Option<LogQueue>> = OnceLock::new();
    let report =
        |count| log::warn!("{count} log lines were dropped: stderr was full or not writable");
    QUEUE.get_or_init(|| LogQueue::start(io::stderr(), report).ok()).as_ref()
}

/// Writes `line` to stderr, whatever `RUST_LOG` hides.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    match queue() {
        Some(queue) => queue.push(line.as_bytes()),
        // There is no other place to report a failed write.
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// For the end of the process: waits until all lines are written, for a second at most.
pub(crate) fn flush_last_lines() {
    flush(LAST_LINES);
}

fn flush(limit: Duration) {
    if let Some(queue) = queue() {
        queue.flush(limit);
    }
}

/// A source for [`Metrics`](crate::Metrics).
pub(crate) fn tell(families: &mut Families) {
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    let dropped = queue().map_or(0.0, |queue| queue.dropped() as f64);
    families.counter(
        "log_lines_dropped_total",
        "Log lines that were dropped because stderr was full or not writable.",
        dropped,
    );
}

fn text(out: &mut Formatter, record: &Record<'_>, colours: bool) -> io::Result<()> {
    let style = if colours { out.default_level_style(record.level()) } else { Style::new() };
    let timestamp = out.timestamp_millis();
    write!(
        out,
        "{timestamp} {style}{:<5}{style:#} {} {}",
        record.level(),
        record.target(),
        one_line(&record.args().to_string())
    )?;
    for (key, value) in fields(record) {
        write!(out, " {key}={}", one_line(&value))?;
    }
    writeln!(out)
}

fn json(out: &mut Formatter, record: &Record<'_>, _: bool) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        timestamp: String,
        level: &'a str,
        target: &'a str,
        message: String,
        #[serde(flatten)]
        fields: BTreeMap<String, String>,
    }
    let line = serde_json::to_string(&Line {
        timestamp: out.timestamp_millis().to_string(),
        level: record.level().as_str(),
        target: record.target(),
        message: record.args().to_string(),
        fields: fields(record).into_iter().collect(),
    })?;
    writeln!(out, "{line}")
}

/// What a record says beside its message: `trace_id` and `span_id`.
fn fields(record: &Record<'_>) -> Vec<(String, String)> {
    struct Fields(Vec<(String, String)>);
    impl<'kvs> VisitSource<'kvs> for Fields {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
            self.0.push((key.to_string(), value.to_string()));
            Ok(())
        }
    }
    let mut fields = Fields(Vec::new());
    // Nothing in `visit_pair` can fail.
    let _ = record.key_values().visit(&mut fields);
    fields.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_in_their_order() {
        let trace_id = "4bf9";
        let pairs = [("trace_id", Value::from_display(&trace_id)), ("span_id", Value::from(7))];
        let record = Record::builder().key_values(&pairs).build();
        let told = fields(&record);
        assert_eq!(told, [("trace_id", "4bf9"), ("span_id", "7")].map(own));
        assert!(fields(&Record::builder().build()).is_empty());
    }

    fn own((key, value): (&str, &str)) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }
}
