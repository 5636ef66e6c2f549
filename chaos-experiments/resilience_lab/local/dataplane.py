"""Keeps the nftables rules of the pods and of the node up to date with endpoints and policies."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from . import network, objects, wiring
from .lab import Lab, Service
from .pods import Pod
from .policy import Peer, Policy

Endpoints = dict[str, tuple[str, ...]]


class Dataplane:
    """What kube-proxy and the network plugin do on a cluster. The key None stands for the node's namespace."""

    def __init__(self, lab: Lab, service_ips: Mapping[str, str], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        # The ready pods' addresses by Service, as the rules have them now.
        self.endpoints: Endpoints = {}
        # By name: the parsed policy, and the object.
        self.policies: dict[str, tuple[Policy, dict[str, Any]]] = {}
        self._lab = lab
        self._service_ips = service_ips
        self._namespaces = namespaces
        self._rules: dict[Pod | None, str] = {}
        self._lock = asyncio.Lock()

    def addresses(self) -> dict[str, tuple[str, ...]]:
        """The addresses in DNS of each Service: its own, or those of its ready pods if it is headless."""
        ready = {service.name: self.endpoints.get(service.name, ()) for service in self._lab.services}
        return ready | {name: (ip,) for name, ip in self._service_ips.items()}

    async def add_node(self) -> None:
        self._rules[None] = self._render(None)
        await wiring.make_node(self._rules[None])

    async def add_pod(self, pod: Pod, interface: str) -> None:
        """Connects a pod that waits at its gate, and updates the policies of the others."""
        async with self._lock:
            # In this order: rules for the others include this pod from now on.
            self._rules[pod] = self._render(pod)
            await pod.connect(interface, self._rules[pod])
        await self.update()

    def remove_pod(self, pod: Pod) -> None:
        self._rules.pop(pod, None)

    def endpoints_of(self, states: Iterable[objects.PodState]) -> Endpoints:
        """The endpoints for these pods. If all pods of a Service are terminating, it keeps them as endpoints."""
        ready = [state for state in states if state.ready and state.ip]

        def ips(service: Service, leaving: bool) -> tuple[str, ...]:
            chosen = [state for state in ready if service.selector.items() <= state.labels.items()]
            return tuple(sorted(state.ip for state in chosen if (state.deletion is not None) == leaving))

        return {
            service.name: ips(service, leaving=False) or (() if service.headless else ips(service, leaving=True))
            for service in self._lab.services
        }

    async def update(self) -> None:
        """Returns when all namespaces have their rules."""
        async with self._lock:
            await asyncio.gather(*(self._update(pod) for pod in list(self._rules)))

    async def _update(self, pod: Pod | None) -> None:
        rules = self._render(pod)
        if rules == self._rules[pod] or (pod is not None and pod.has_ended):
            return
        try:
            await wiring.set_rules(None if pod is None else pod.pid, rules)
        except wiring.WiringError:
            # The pod may have ended in the meantime, and its namespace with it.
            if pod is None or not await pod.ends_within(1.0):
                raise
        else:
            if pod in self._rules:
                self._rules[pod] = rules

    def _render(self, pod: Pod | None) -> str:
        own = self._namespaces[self._lab.namespace]
        known = [each.state for each in self._rules if each is not None]
        if pod is not None and pod.state not in known:
            known.append(pod.state)
        peers = [Peer(state.ip, state.labels, own) for state in known if state.ip]
        dns = self._namespaces[objects.DNS_NAMESPACE]
        peers.append(Peer(network.DNS_IP, objects.DNS_LABELS, dns, own_namespace=False))
        routes = network.routes(self._lab.services, self._service_ips, self.endpoints)
        policies = [policy for policy, _ in self.policies.values()]
        return network.ruleset(routes, policies, peers, None if pod is None else pod.state.labels)
