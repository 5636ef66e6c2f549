"""The lab's addresses, and the nftables rules of a network namespace as one text. Pure.

Addresses are from the ranges for documentation (RFC 5737): no other host uses them, and no route leads out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .lab import Service
from .policy import EGRESS, INGRESS, Peer, Policy, allowed

NODE_IP = "192.0.2.1"
# An address of its own, so that policies can distinguish DNS from the node.
DNS_IP = "192.0.2.2"
PREFIX = 24
POD_IPS = tuple(f"192.0.2.{number}" for number in range(10, 250))
SERVICE_RANGE = "198.51.100.0/24"
BRIDGE = "lab0"
BRIDGE_MAC = "02:00:c0:00:02:01"
API_PORT = 6443
ICMP_LIMIT = "limit rate 1/second burst 6 packets"


def service_ip(index: int) -> str:
    """The virtual address of the Service with this number."""
    return f"198.51.100.{10 + index}"


@dataclass(frozen=True)
class Route:
    """One port of a Service: its address, and its current endpoints."""

    ip: str
    port: int
    endpoints: tuple[str, ...]
    target: int

    def match(self) -> str:
        return f"ip daddr {self.ip} tcp dport {self.port}"


def routes(
    services: Sequence[Service], ips: Mapping[str, str], endpoints: Mapping[str, tuple[str, ...]]
) -> list[Route]:
    """All ports of all Services, on their virtual addresses and on the node."""
    found = []
    for service in services:
        if service.headless:
            continue
        ready = endpoints.get(service.name, ())
        for port in service.ports:
            found.append(Route(ips[service.name], port.port, ready, port.target))
            if port.node_port is not None:
                found.append(Route(NODE_IP, port.node_port, ready, port.target))
    return found


def ruleset(
    services: Sequence[Route],
    policies: Sequence[Policy] = (),
    peers: Sequence[Peer] = (),
    labels: Mapping[str, str] | None = None,
) -> str:
    """The rules of one namespace, for `nft -f -`: replaces the previous rules in one transaction.

    As with kube-proxy, a new connection to a Service goes to a random endpoint, and is refused if there is none. As in
    a cluster, only the first are refused: a kernel sends at most six ICMP errors at once, and then one a second
    (`net.ipv4.icmp_ratelimit`). The others time out. Policies apply to the pod with these labels, and not to the node
    (no labels).
    """
    lines = [
        "add table ip lab",
        "add chain ip lab services { type nat hook output priority -100 ; }",
        "add chain ip lab outgoing { type filter hook output priority 0 ; }",
        "add chain ip lab incoming { type filter hook input priority 0 ; }",
        "flush table ip lab",
    ]
    for route in services:
        if route.endpoints:
            lines.append(f"add rule ip lab services {route.match()} dnat to {_one_of(route.endpoints)}:{route.target}")
        else:
            rule = f"add rule ip lab outgoing {route.match()}"
            lines += [f"{rule} {ICMP_LIMIT} reject with icmp type port-unreachable", f"{rule} drop"]
    if labels is not None:
        lines += _isolation("outgoing", "oifname", allowed(labels, policies, peers, EGRESS))
        lines += _isolation("incoming", "iifname", allowed(labels, policies, peers, INGRESS))
    return "\n".join(lines) + "\n"


def _one_of(endpoints: Sequence[str]) -> str:
    if len(endpoints) == 1:
        return endpoints[0]
    numbered = ", ".join(f"{index} : {ip}" for index, ip in enumerate(endpoints))
    return f"numgen random mod {len(endpoints)} map {{ {numbered} }}"


def _isolation(chain: str, interface: str, permitted: Sequence[str] | None) -> list[str]:
    """Allows what is permitted, and replies to allowed connections of the other direction.

    Drops established connections like new ones. Always allows packets from the node, as in a cluster.
    """
    if permitted is None:
        return []
    prefix = f"add rule ip lab {chain}"
    lines = [f'{prefix} {interface} "lo" accept', f"{prefix} ct direction reply accept"]
    if chain == "incoming":
        lines.append(f"{prefix} ip saddr {NODE_IP} accept")
    lines += [f"{prefix} {match} accept".replace("  ", " ") for match in permitted]
    return [*lines, f"{prefix} drop"]
