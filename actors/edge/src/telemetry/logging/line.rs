//! Formats a record as one line of text or JSON.
//!
//! Written by hand: `env_logger` has no JSON, and its text has the line breaks of a message, so that a client could
//! forge a line (`untrusted_text.rs`).

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use env_logger::fmt::{Formatter, style::Style};
use log::{
    Record,
    kv::{self, Key, Value, VisitSource},
};
use serde::Serialize;

use crate::untrusted_text::one_line;

/// Writes timestamp, level, target, message and fields, for people to read.
pub(super) fn text(out: &mut Formatter, record: &Record<'_>, colours: bool) -> io::Result<()> {
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

/// Writes a JSON object with the same parts.
pub(super) fn json(out: &mut Formatter, record: &Record<'_>, _: bool) -> io::Result<()> {
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

/// The key-value pairs of a record, such as `trace_id` and `span_id`.
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
    fn fields_keep_their_order() {
        let trace_id = "4bf9";
        let pairs = [("trace_id", Value::from_display(&trace_id)), ("span_id", Value::from(7))];
        let record = Record::builder().key_values(&pairs).build();
        let listed = fields(&record);
        assert_eq!(listed, [("trace_id", "4bf9"), ("span_id", "7")].map(own));
        assert!(fields(&Record::builder().build()).is_empty());
    }

    fn own((key, value): (&str, &str)) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }
}
