//! The keys of a table that are settings. They go through the parser of the environment's settings, as if they were
//! variables, so that ranges, defaults and contradictions are the same.

mod given;
mod known;
mod parser;

pub(super) use self::{
    given::Given,
    known::{KNOWN, Known, allowed, in_keys, key_of, keys},
    parser::{OfUpstream, parse},
};
