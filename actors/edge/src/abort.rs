//! An answer that is no answer: the connection is closed without a byte.

use std::{fmt, future::ready};

use actix_web::{HttpResponse, web::Bytes};
use futures::stream;
use log::Record;

/// Where actix reports bodies that fail.
const DISPATCHER: &str = "actix_http::h1::dispatcher";
/// A line at error level for each peer that speaks something else: it has been told with a 400.
const NO_REQUEST: &str = "stream error: request parse error";
const MARK: &str = "connection aborted on purpose";

/// A response that makes the server drop the connection before it has sent anything: the body
/// fails while the head still waits to be flushed.
pub fn abort() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::once(ready(Err::<Bytes, _>(Aborted))))
}

/// Whether `record` is actix's report of an [`abort`], or of a head that is none: these are at level error,
/// but nothing is wrong with us.
pub(crate) fn is_report(record: &Record<'_>) -> bool {
    if record.target() != DISPATCHER {
        return false;
    }
    let message = record.args().to_string();
    message.contains(MARK) || message.starts_with(NO_REQUEST)
}

/// The body's error. Its `Debug` is what actix logs.
struct Aborted;

impl fmt::Debug for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

impl std::error::Error for Aborted {}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_reported(target: &str, message: &str) -> bool {
        let args = format_args!("Response payload stream error: {message}");
        is_report(&Record::builder().target(target).args(args).build())
    }

    #[test]
    fn only_reports_of_aborts_are_kept_from_the_log() {
        assert!(is_reported(DISPATCHER, &format!("{Aborted:?}")));
        assert!(!is_reported(DISPATCHER, "disk on fire"));
        let garbage = format_args!("{NO_REQUEST}: invalid Header provided").to_string();
        assert!(is_report(
            &Record::builder().target(DISPATCHER).args(format_args!("{garbage}")).build()
        ));
        assert!(!is_reported("client_service", &format!("{Aborted:?}")));
    }
}
