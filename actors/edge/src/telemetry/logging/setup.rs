//! Sets up the log and the panic hook.

use std::{io, thread, time::Duration};

use anstream::{AutoStream, ColorChoice};
use env_logger::{Builder, Target, WriteStyle, fmt::Formatter};
use log::Record;

use super::{
    actix_reports,
    line::{json, text},
    stderr::{flush, flush_last_lines, queue},
};
use crate::{
    config::common_settings::{CommonSettings, LogFormat},
    panic_message::panic_message,
    telemetry::log_targets::LOGGING,
};

/// Maximum time that a panic waits for its line, in a thread whose end is not that of the process. It waits at all
/// because the process may abort after the panic.
const PANIC_LINE: Duration = Duration::from_millis(50);

/// Starts the log as `RUST_LOG` and `LOG_FORMAT` say, and logs panics like other records. A second call changes
/// nothing.
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
    // The lines contain no escape sequences but those of `text`, so env_logger need not look for any.
    builder.write_style(WriteStyle::Always);
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    builder.format(move |out, record| {
        if actix_reports::is_expected(record) { Ok(()) } else { write(out, record, colours) }
    });
    if builder.try_init().is_ok() {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map_or_else(String::new, ToString::to_string);
            log::error!(target: LOGGING, "panic at {place}: {}", panic_message(info.payload()));
            if thread::current().name() == Some("main") {
                flush_last_lines();
            } else {
                flush(PANIC_LINE);
            }
        }));
    }
}
