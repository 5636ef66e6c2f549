//! Trips: the rules that open a closed circuit.

pub(crate) mod consecutive;
