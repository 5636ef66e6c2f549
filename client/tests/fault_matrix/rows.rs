//! The matrix.

use super::{answers, connections, framing, row::Row};

/// All rows, in the order in which they are shown.
pub(crate) fn rows() -> Vec<Row> {
    [
        connections::not_reached(),
        connections::idle_connections(),
        connections::stalls(),
        framing::heads(),
        framing::lengths(),
        framing::chunks(),
        answers::old_and_interim(),
        answers::redirects(),
        answers::bodies(),
        answers::pages(),
        answers::statuses(),
    ]
    .concat()
}
