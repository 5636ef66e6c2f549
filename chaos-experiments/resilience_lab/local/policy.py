"""NetworkPolicy objects, and the nftables matches that they mean.

A field that is not supported is refused by name: with half of a policy, an experiment would cut the wrong connections.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .selectors import LabelSelector, Strict

EGRESS, INGRESS = "Egress", "Ingress"


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


def _ipv4_network(value: Any) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(value, strict=False)
    except TypeError as error:
        raise ValueError(f"{value!r} is not an IPv4 block") from error


Block = Annotated[ipaddress.IPv4Network, BeforeValidator(_ipv4_network)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class IpBlock(Strict):
    cidr: Block
    excluded: list[Block] = Field([], alias="except")

    @field_validator("excluded")
    @classmethod
    def _within(cls, excluded: list[Block], info: ValidationInfo) -> list[Block]:
        cidr = info.data.get("cidr")
        for block in excluded:
            if cidr is not None and (block == cidr or not block.subnet_of(cidr)):
                raise ValueError(f"{block} must lie within {cidr}")
        return excluded

    def match(self, side: str) -> str:
        match = f"ip {side} {self.cidr}"
        if self.excluded:
            blocks = ipaddress.collapse_addresses(self.excluded)
            match += f" ip {side} != {{ {', '.join(map(str, blocks))} }}"
        return match


class PeerRule(Strict):
    """An entry of `to` or `from`: pods by labels, or a block of addresses."""

    pods: LabelSelector | None = Field(None, alias="podSelector")
    namespaces: LabelSelector | None = Field(None, alias="namespaceSelector")
    block: IpBlock | None = Field(None, alias="ipBlock")

    @model_validator(mode="after")
    def _one_kind(self) -> "PeerRule":
        if (self.block is None) == (self.pods is None and self.namespaces is None):
            raise ValueError("needs either ipBlock, or podSelector, namespaceSelector or both")
        return self

    def selects(self, peer: Peer) -> bool:
        in_namespace = peer.own_namespace if self.namespaces is None else self.namespaces.matches(peer.namespace_labels)
        return in_namespace and (self.pods is None or self.pods.matches(peer.labels))


class Ports(Strict):
    """An entry of `ports`. Without `port`, all ports of the protocol."""

    protocol: Literal["TCP", "UDP"] = "TCP"
    port: PortNumber | None = None
    end_port: PortNumber | None = Field(None, alias="endPort")

    @field_validator("end_port")
    @classmethod
    def _not_below_port(cls, end: int, info: ValidationInfo) -> int:
        if (info.data.get("port") or 65536) > end:
            raise ValueError("needs a port that is not greater")
        return end

    def match(self) -> str:
        protocol = self.protocol.lower()
        if self.port is None:
            return f"meta l4proto {protocol}"
        return f"{protocol} dport {self.port}" + (f"-{self.end_port}" if self.end_port not in (None, self.port) else "")


class EgressRule(Strict):
    """An absent or empty list allows everything."""

    peers: list[PeerRule] = Field([], alias="to")
    ports: list[Ports] = Field([])


class IngressRule(EgressRule):
    peers: list[PeerRule] = Field([], alias="from")


class Spec(Strict):
    pods: LabelSelector = Field(LabelSelector(), alias="podSelector")
    types: list[Literal["Egress", "Ingress"]] = Field([], alias="policyTypes")
    egress: list[EgressRule] = Field([])
    ingress: list[IngressRule] = Field([])

    def rules(self, direction: str) -> Sequence[EgressRule] | None:
        """None if the policy does not restrict this direction."""
        if direction not in (self.types or [INGRESS] + ([EGRESS] if self.egress else [])):
            return None
        return self.egress if direction == EGRESS else self.ingress


class Metadata(BaseModel):
    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")


class Policy(Strict):
    api_version: Literal["networking.k8s.io/v1"] = Field("networking.k8s.io/v1", alias="apiVersion")
    kind: Literal["NetworkPolicy"] = "NetworkPolicy"
    metadata: Metadata
    spec: Spec
    status: Any = None

    @property
    def name(self) -> str:
        return self.metadata.name


def parse(body: Any) -> Policy:
    """Reads a NetworkPolicy object. Raises Refused with the first field that is invalid or not supported."""
    try:
        return Policy.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise Refused(path.lstrip(".") or "body", first["msg"]) from error


def allowed(
    labels: Mapping[str, str], policies: Iterable[Policy], peers: Sequence[Peer], direction: str
) -> list[str] | None:
    """What a pod with these labels may exchange in one direction, as nftables matches.

    None if no policy selects the pod: everything is allowed. An empty match allows everything, an empty list nothing.
    """
    selecting = [
        rules
        for policy in policies
        if (rules := policy.spec.rules(direction)) is not None and policy.spec.pods.matches(labels)
    ]
    if not selecting:
        return None
    side = "daddr" if direction == EGRESS else "saddr"
    found = [
        f"{address} {ports}".strip()
        for rules in selecting
        for rule in rules
        for address in _addresses(rule, peers, side)
        for ports in [port.match() for port in rule.ports] or [""]
    ]
    return list(dict.fromkeys(found))


def _addresses(rule: EgressRule, peers: Sequence[Peer], side: str) -> list[str]:
    matched = [""] if not rule.peers else []
    for peer_rule in rule.peers:
        if peer_rule.block is not None:
            matched.append(peer_rule.block.match(side))
        # A selector without a pod allows nothing.
        elif addresses := sorted({peer.ip for peer in peers if peer_rule.selects(peer)}):
            matched.append(f"ip {side} {{ {', '.join(addresses)} }}")
    return matched
