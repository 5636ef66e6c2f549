"""NetworkPolicy objects, turned into nftables matches. Pure.

Everything that the API allows is either translated or refused by name: a policy that is half understood would cut off
the wrong thing, and an experiment would prove nothing.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .selectors import Selector, SelectorError, from_object, matches

EGRESS, INGRESS = "Egress", "Ingress"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class Refused(ValueError):
    """A policy that is invalid, or not supported here: the field, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


@dataclass(frozen=True)
class Peer:
    """A pod as policies see it."""

    ip: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str]
    own_namespace: bool = True


@dataclass(frozen=True)
class PeerRule:
    """One entry of `to` or `from`: pods by labels, or a block of addresses."""

    pods: Selector | None = None
    namespaces: Selector | None = None
    cidr: str | None = None
    excluded: tuple[str, ...] = ()

    def selects(self, peer: Peer) -> bool:
        if self.namespaces is None:
            return peer.own_namespace and matches(self.pods or (), peer.labels)
        return matches(self.namespaces, peer.namespace_labels) and matches(self.pods or (), peer.labels)


@dataclass(frozen=True)
class Ports:
    """One entry of `ports`; without `first`, all ports of the protocol."""

    protocol: str
    first: int | None
    last: int | None

    def match(self) -> str:
        if self.first is None:
            return f"meta l4proto {self.protocol}"
        return f"{self.protocol} dport {self.first}" + (f"-{self.last}" if self.last != self.first else "")


@dataclass(frozen=True)
class Rule:
    """One entry of `egress` or `ingress`; None stands for everybody, or every port."""

    peers: tuple[PeerRule, ...] | None
    ports: tuple[Ports, ...] | None


@dataclass(frozen=True)
class Policy:
    """A whole policy; None stands for a direction that it says nothing about."""

    name: str
    pods: Selector
    rules: Mapping[str, tuple[Rule, ...] | None]


def parse(body: Any) -> Policy:
    """Reads a NetworkPolicy object.

    Raises Refused, with the first field that is wrong or not supported.
    """
    body = _object(body, "", {"apiVersion", "kind", "metadata", "spec", "status"})
    if body.get("kind", "NetworkPolicy") != "NetworkPolicy":
        raise Refused("kind", f"{body['kind']!r} is not NetworkPolicy")
    if body.get("apiVersion", "networking.k8s.io/v1") != "networking.k8s.io/v1":
        raise Refused("apiVersion", f"{body['apiVersion']!r} is not networking.k8s.io/v1")
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused("metadata.name", "needed: letters, digits, '-' and '.', as in a DNS name")
    spec = _object(body.get("spec"), "spec", {"podSelector", "policyTypes", "egress", "ingress"})
    pods = _selector(spec.get("podSelector") or {}, "spec.podSelector")
    types = spec.get("policyTypes") or [INGRESS] + ([EGRESS] if spec.get("egress") else [])
    if not isinstance(types, list) or set(types) - {EGRESS, INGRESS}:
        raise Refused("spec.policyTypes", "expected Egress, Ingress or both")
    rules = {
        direction: _rules(spec.get(key) or [], f"spec.{key}", peers) if direction in types else None
        for direction, key, peers in ((EGRESS, "egress", "to"), (INGRESS, "ingress", "from"))
    }
    return Policy(name, pods, rules)


def _object(value: Any, field: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Refused(field or "body", "expected an object")
    if unknown := sorted(set(value) - known):
        raise Refused(f"{field}.{unknown[0]}".lstrip("."), "unknown field")
    return value


def _selector(value: Any, field: str) -> Selector:
    try:
        return from_object(value)
    except SelectorError as error:
        raise Refused(field, str(error)) from error


def _entries(value: Any, field: str) -> list[tuple[str, Any]]:
    """A list's entries, with their names."""
    if not isinstance(value, list):
        raise Refused(field, "expected a list")
    return [(f"{field}[{index}]", item) for index, item in enumerate(value)]


def _rules(value: Any, field: str, peers: str) -> tuple[Rule, ...]:
    rules = []
    for where, item in _entries(value, field):
        rule = _object(item, where, {peers, "ports"})
        found = tuple(_peer(peer, at) for at, peer in _entries(rule.get(peers) or [], f"{where}.{peers}"))
        ports = tuple(_ports(port, at) for at, port in _entries(rule.get("ports") or [], f"{where}.ports"))
        # An absent or empty list is everything, not nothing.
        rules.append(Rule(found or None, ports or None))
    return tuple(rules)


def _peer(value: Any, field: str) -> PeerRule:
    peer = _object(value, field, {"podSelector", "namespaceSelector", "ipBlock"})
    if "ipBlock" in peer:
        if len(peer) > 1:
            raise Refused(field, "ipBlock excludes podSelector and namespaceSelector")
        block = _object(peer["ipBlock"], f"{field}.ipBlock", {"cidr", "except"})
        cidr = _network(block.get("cidr"), f"{field}.ipBlock.cidr")
        excluded = []
        for where, item in _entries(block.get("except") or [], f"{field}.ipBlock.except"):
            network = _network(item, where)
            if not network.subnet_of(cidr) or network == cidr:
                raise Refused(where, f"must lie within {cidr}")
            excluded.append(network)
        collapsed = tuple(str(network) for network in ipaddress.collapse_addresses(excluded))
        return PeerRule(cidr=str(cidr), excluded=collapsed)
    if not peer:
        raise Refused(field, "needs podSelector, namespaceSelector or ipBlock")
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    return PeerRule(
        pods=None if pods is None else _selector(pods, f"{field}.podSelector"),
        namespaces=None if namespaces is None else _selector(namespaces, f"{field}.namespaceSelector"),
    )


def _network(value: Any, field: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(value, strict=False)
    except (ValueError, TypeError) as error:
        raise Refused(field, f"{value!r} is not an IPv4 block; nothing else is supported here") from error


def _ports(value: Any, field: str) -> Ports:
    item = _object(value, field, {"protocol", "port", "endPort"})
    protocol = item.get("protocol") or "TCP"
    if protocol not in ("TCP", "UDP"):
        raise Refused(f"{field}.protocol", f"{protocol!r} is not supported here: TCP and UDP are")
    first, last = item.get("port"), item.get("endPort")
    if first is None:
        if last is not None:
            raise Refused(f"{field}.endPort", "needs a port")
        return Ports(protocol.lower(), None, None)
    if isinstance(first, str):
        raise Refused(f"{field}.port", f"named ports ({first!r}) are not supported here: numbers are")
    last = first if last is None else last
    for key, number in (("port", first), ("endPort", last)):
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 65535:
            raise Refused(f"{field}.{key}", "expected a whole number from 1 to 65535")
    if last < first:
        raise Refused(f"{field}.endPort", "must not be less than port")
    return Ports(protocol.lower(), first, last)


def allowed(
    labels: Mapping[str, str], policies: Iterable[Policy], peers: Sequence[Peer], direction: str
) -> list[str] | None:
    """What a pod with these labels may exchange with others in one direction, as nftables matches.

    None if no policy selects the pod: then it may do all. An empty match allows everything, an empty list nothing.
    """
    selecting = [
        rules for policy in policies if (rules := policy.rules[direction]) is not None and matches(policy.pods, labels)
    ]
    if not selecting:
        return None
    side = "daddr" if direction == EGRESS else "saddr"
    found = [
        f"{address} {ports}".strip()
        for rules in selecting
        for rule in rules
        for address in _addresses(rule, peers, side)
        for ports in ([""] if rule.ports is None else [port.match() for port in rule.ports])
    ]
    return list(dict.fromkeys(found))


def _addresses(rule: Rule, peers: Sequence[Peer], side: str) -> list[str]:
    if rule.peers is None:
        return [""]
    matched = []
    for peer_rule in rule.peers:
        if peer_rule.cidr is not None:
            match = f"ip {side} {peer_rule.cidr}"
            if peer_rule.excluded:
                match += f" ip {side} != {{ {', '.join(peer_rule.excluded)} }}"
            matched.append(match)
        # No pod behind a selector: nothing is allowed, rather than everything.
        elif addresses := sorted({peer.ip for peer in peers if peer_rule.selects(peer)}):
            matched.append(f"ip {side} {{ {', '.join(addresses)} }}")
    return matched
