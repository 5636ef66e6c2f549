//! Other settings while calls are made.

mod calls;
mod learned;
mod limits;
mod successor;
mod told;
mod under_load;

use resilience_actors::{CallReport, CallSettings, Rejection, RejectionKind, Upstream, Verdict};

use crate::support::NoAnswer;

/// Changes some settings of the upstream.
fn change(upstream: &Upstream, change: impl FnOnce(&mut CallSettings)) {
    let mut settings = CallSettings::from(upstream.config());
    change(&mut settings);
    upstream.reconfigure(settings).unwrap();
}

fn rejection(report: &CallReport<Verdict, NoAnswer>) -> Option<RejectionKind> {
    report.rejection().map(Rejection::kind)
}
