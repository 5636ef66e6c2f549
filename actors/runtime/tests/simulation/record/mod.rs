//! What the callers and the upstream have seen of the runtime so far. It judges nothing.

mod attempt;
mod budget;
mod call;
mod epoch;
mod in_force;
mod probes;
mod quiet;
mod request;
mod shared;
mod totals;
mod upstream;

use std::{collections::BTreeMap, rc::Rc, time::Instant};

use resilience_actors::{BreakerSettings, CallId, CallKind, ConcurrencyLimit, State};

pub(crate) use attempt::{Attempt, AttemptId, Ended};
pub(crate) use budget::Budget;
pub(crate) use call::{Call, CallNumber, Route};
pub(crate) use epoch::{AttemptResult, Circuit, Epoch, Holder, PermitNumber};
pub(crate) use in_force::InForce;
pub(crate) use probes::Probes;
pub(crate) use quiet::Quiet;
pub(crate) use request::{Fallback, Request};
pub(crate) use shared::{ShareKey, ShareNumber, Shares};
pub(crate) use totals::Totals;
pub(crate) use upstream::{Faults, UpstreamRecord};

use crate::{settings::Settings, support::now};

#[derive(Debug)]
pub(crate) struct Record {
    /// Calls without an answer, and abandoned calls whose attempt is in flight.
    pub(crate) calls: BTreeMap<CallNumber, Call>,
    pub(crate) permits: BTreeMap<PermitNumber, Permit>,
    next_permit: PermitNumber,
    pub(crate) epochs: BTreeMap<u64, Epoch>,
    pub(crate) circuit: Circuit,
    /// The settings of the circuit.
    pub(crate) breaker: InForce<BreakerSettings>,
    /// Settings of the circuit that were asked for, and have not been in force.
    pub(crate) breaker_asked: Vec<BreakerSettings>,
    pub(crate) probes: Probes,
    pub(crate) shares: Shares,
    /// By the number of the upstream.
    pub(crate) upstreams: Vec<UpstreamRecord>,
    /// The limits on attempts in flight that upstreams have had.
    pub(crate) limits: Vec<ConcurrencyLimit>,
    /// When the circuit was half-open for the last time.
    pub(crate) left_half_open: Option<Instant>,
    pub(crate) newest_event: u64,
    /// The attempt that the gates have admitted, before it begins.
    pub(crate) admitted: Option<Admitted>,
    pub(crate) totals: Totals,
}

/// An attempt that the gates have admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) call: CallNumber,
    pub(crate) number: u32,
    pub(crate) hedge: bool,
}

/// A permit of the breaker that is used without an upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permit {
    pub(crate) epoch: u64,
    pub(crate) trial: bool,
}

impl Record {
    pub(crate) fn new(circuit: Circuit, settings: &Settings) -> Self {
        let Settings { breaker, calls, labs, .. } = settings.clone();
        Self {
            calls: BTreeMap::new(),
            permits: BTreeMap::new(),
            next_permit: 0,
            epochs: BTreeMap::new(),
            circuit,
            breaker: InForce::new(breaker),
            breaker_asked: Vec::new(),
            probes: Probes::default(),
            shares: Shares::default(),
            upstreams: (0..labs).map(|_| UpstreamRecord::new(calls.clone())).collect(),
            limits: Vec::new(),
            left_half_open: None,
            newest_event: 0,
            admitted: None,
            totals: Totals::default(),
        }
    }

    pub(crate) fn epoch(&mut self, number: u64) -> &mut Epoch {
        self.epochs.entry(number).or_default()
    }

    pub(crate) fn circuit_is_open(&self) -> bool {
        self.circuit.state == State::Open
    }

    /// The circuit changed at this instant, so a caller may have met its state of before.
    pub(crate) fn circuit_changes_now(&self) -> bool {
        self.circuit.since == now()
    }

    /// A call that begins now.
    pub(crate) fn new_call(&self, request: Request, route: Route) -> Call {
        let UpstreamRecord { settings, eras, .. } = &self.upstreams[request.lab];
        // Nothing changes the settings of the upstream without policies.
        let settings = if route == Route::Bare { settings.first() } else { settings.now() };
        Call::new(request, route, Rc::clone(settings), *eras)
    }

    pub(crate) fn upstream_of(&self, call: &Call) -> &UpstreamRecord {
        &self.upstreams[call.request.lab]
    }

    pub(crate) fn call_starts(&mut self, call: Call) {
        self.totals.calls += 1;
        self.calls.insert(call.number(), call);
    }

    /// The call with this number for observers.
    pub(crate) fn call_of(&self, id: CallId) -> Option<&Call> {
        self.calls.values().find(|call| call.id == id)
    }

    /// Takes a call that has ended out. Its pending failure counts now.
    pub(crate) fn call_ends(&mut self, number: CallNumber) -> Option<Call> {
        let call = self.calls.remove(&number)?;
        self.totals.failed += u64::from(call.pending_failure);
        Some(call)
    }

    pub(crate) fn caller_leaves(&mut self, number: CallNumber) {
        let Some(call) = self.calls.get_mut(&number) else { return };
        call.abandoned = true;
        let in_flight = call.in_flight();
        self.totals.left += 1;
        if !in_flight {
            self.totals.left_between_attempts += 1;
            self.call_ends(number);
        }
    }

    pub(crate) fn permit_is_granted(&mut self, permit: Permit) -> PermitNumber {
        let number = self.next_permit;
        self.next_permit += 1;
        self.permits.insert(number, permit);
        number
    }

    /// A permit is reported, or dropped. A second end of the same permit changes nothing.
    pub(crate) fn permit_ends(&mut self, number: PermitNumber, kind: CallKind) {
        let Some(Permit { epoch, trial }) = self.permits.remove(&number) else { return };
        match kind {
            CallKind::Successful => self.totals.successful += 1,
            CallKind::Failed => self.totals.failed += 1,
            CallKind::Ignored => self.totals.ignored += 1,
        }
        let epoch = self.epoch(epoch);
        if kind != CallKind::Ignored {
            epoch.ends_with(kind == CallKind::Failed, true);
        }
        if trial {
            epoch.trial_ends(Holder::Permit(number));
        }
    }
}
