//! The upstreams of the gateway by name, and how they change while calls are made.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use resilience_actors::{BreakerStopped, InvalidConfig, ReconfigureError};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{
    file::UpstreamConfig,
    plan::{Change, Plan},
    upstreams::{GatewayUpstream, Start},
};
use crate::{
    policy_settings::{ChangeError, Policies},
    probes,
};

type Table = BTreeMap<String, Arc<GatewayUpstream>>;

/// The upstreams of the process, by name. Clones share them. A call keeps the upstream that it has found, to its end.
#[derive(Debug, Clone)]
pub struct GatewayUpstreams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    table: ArcSwap<Table>,
    start: Start,
    /// Held while the table changes, or the settings of an upstream.
    turn: Mutex<()>,
}

impl GatewayUpstreams {
    /// Starts the upstreams.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub fn start(configs: Vec<UpstreamConfig>, start: Start) -> Result<Self, InvalidConfig> {
        let started = configs.into_iter().map(|config| {
            let upstream = GatewayUpstream::start(config, &start)?;
            Ok((upstream.name().to_owned(), Arc::new(upstream)))
        });
        let table = ArcSwap::from_pointee(started.collect::<Result<_, InvalidConfig>>()?);
        Ok(Self(Arc::new(Shared { table, start, turn: Mutex::default() })))
    }

    /// The upstream of this name.
    pub fn find(&self, name: &str) -> Option<Arc<GatewayUpstream>> {
        self.0.table.load().get(name).cloned()
    }

    /// All upstreams, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Arc<GatewayUpstream>> + use<> {
        self.0.table.load().values().cloned().collect::<Vec<_>>().into_iter()
    }

    /// Changes settings of the policies of an upstream, and puts them in force: all of them, or none. Returns those in
    /// force then.
    ///
    /// # Errors
    /// As [`LivePolicies::change`](crate::policy_settings::LivePolicies::change), or the upstream is gone.
    pub async fn change(
        &self,
        name: &str,
        asked: Map<String, Value>,
    ) -> Result<Arc<Policies>, ChangeError> {
        let _turn = self.0.turn.lock().await;
        let upstream = self.find(name).ok_or(ChangeError::Gone)?;
        let apply = async |new: &Policies| {
            let old = upstream.policies().load();
            upstream.reconfigure(new).await?;
            let (url, connections) = (upstream.url(), upstream.connections());
            Ok(probes::change(url, connections, [&old, new], upstream.breaker())?)
        };
        upstream.policies().change(asked, apply).await?;
        Ok(upstream.policies().load())
    }

    /// Puts other upstreams in the place of these. Those that stay keep their state where it still makes sense: see
    /// [`Plan`]. No call is lost: calls in flight end with the upstreams and the settings that they began with.
    ///
    /// # Errors
    /// Fails and changes nothing if the breaker actor of an upstream that changes is gone, or a setting is invalid. If
    /// an actor ends during the change, its upstream stays as it was and the others change.
    pub async fn replace(&self, configs: Vec<UpstreamConfig>) -> Result<Plan, ReconfigureError> {
        let _turn = self.0.turn.lock().await;
        let old = self.0.table.load_full();
        let plan = Plan::new(old.values().map(|upstream| upstream.config()), &configs);
        if plan.with_policies().any(|name| old.get(name).is_some_and(|old| old.has_died())) {
            return Err(BreakerStopped.into());
        }
        let (mut table, mut changing) = (Table::new(), Vec::new());
        for config in configs {
            let name = config.name.as_str().to_owned();
            let upstream = match (plan.change(&name), old.get(&name)) {
                (None, Some(old)) => Arc::clone(old),
                (Some(Change::InPlace(differs)), Some(old)) => {
                    changing.push((old, config, differs));
                    continue;
                }
                (_, before) => {
                    // The counts of the one before are not those of the new one.
                    if before.is_some() {
                        self.0.start.metrics.remove(&name);
                    }
                    Arc::new(GatewayUpstream::start(config, &self.0.start)?)
                }
            };
            table.insert(name, upstream);
        }
        // After all that can fail: the settings of a breaker are in force at once.
        let mut result = Ok(());
        for (old, config, differs) in changing {
            let upstream = match old.changed(config, differs, &self.0.start).await {
                Ok(changed) => Arc::new(changed),
                Err(error) => {
                    result = Err(error);
                    Arc::clone(old)
                }
            };
            table.insert(old.name().to_owned(), upstream);
        }
        self.0.table.store(Arc::new(table));
        for name in plan.removed() {
            self.0.start.metrics.remove(name);
        }
        result.map(|()| plan)
    }
}
