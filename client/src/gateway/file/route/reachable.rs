//! Finds routes that no request reaches.

use std::collections::BTreeSet;

use super::{RouteConfig, path};

/// Says which of the `earlier` routes, with their numbers, fit all requests that `route` fits. `None` if some request
/// reaches it.
pub(super) fn covering(earlier: &[(usize, RouteConfig)], route: &RouteConfig) -> Option<String> {
    let wider = || earlier.iter().filter(|(_, other)| path::covers(&other.path, &route.path));
    let for_all = wider().find(|(_, other)| other.methods.is_none()).map(|(number, _)| *number);
    let covering: Option<BTreeSet<usize>> = match &route.methods {
        None => for_all.map(|number| BTreeSet::from([number])),
        Some(methods) => methods
            .iter()
            .map(|method| {
                let mut fitting = wider().filter(|(_, other)| {
                    other.methods.as_ref().is_none_or(|methods| methods.contains(method))
                });
                fitting.next().map(|(number, _)| *number)
            })
            .collect(),
    };
    let covering: Vec<_> = covering?.iter().map(|number| format!("routes[{number}]")).collect();
    let fit = if covering.len() == 1 { "fits all its requests" } else { "fit all its requests" };
    Some(format!("{} {fit}", covering.join(" and ")))
}
