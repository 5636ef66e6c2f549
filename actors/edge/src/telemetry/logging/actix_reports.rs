//! Recognizes records in which actix reports an error that is none of the service's.

use log::Record;

/// The target under which actix-http reports a failed connection.
const DISPATCHER: &str = "actix_http::h1::dispatcher";

/// The message for a peer that does not speak HTTP/1. actix-http has answered it with 400.
const NO_REQUEST: &str = "stream error: request parse error";

/// Contained in the error of a connection that the service aborts on purpose.
pub(crate) const ABORTED_ON_PURPOSE: &str = "connection aborted on purpose";

/// True for actix's report of a connection that was aborted on purpose, or of a head that is not HTTP. actix logs both
/// at level error.
pub(super) fn is_expected(record: &Record<'_>) -> bool {
    if record.target() != DISPATCHER {
        return false;
    }
    let message = record.args().to_string();
    message.contains(ABORTED_ON_PURPOSE) || message.starts_with(NO_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_expected_from(target: &str, message: &str) -> bool {
        is_expected(&Record::builder().target(target).args(format_args!("{message}")).build())
    }

    #[test]
    fn only_reports_of_aborts_and_unreadable_heads_are_suppressed() {
        let report = |error: &str| format!("Response payload stream error: {error}");
        let aborted = report(ABORTED_ON_PURPOSE);
        assert!(is_expected_from(DISPATCHER, &aborted));
        assert!(is_expected_from(DISPATCHER, &format!("{NO_REQUEST}: invalid Header provided")));
        assert!(!is_expected_from(DISPATCHER, &report("disk on fire")));
        assert!(!is_expected_from("client_service", &aborted));
    }
}
