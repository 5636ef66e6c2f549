"""DNS for the pods: the names of the services, and no others. No query leaves the machine."""

from collections.abc import Callable, Mapping, Sequence

from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

DOMAIN = "cluster.local"
TTL_SECONDS = 5

# Names in lower case, with their addresses.
Names = Mapping[str, Sequence[str]]


def names(services: Names, namespace: str) -> dict[str, Sequence[str]]:
    """All names of the services that have an address. A headless service has the addresses of its pods."""
    suffixes = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.{DOMAIN}")
    return {f"{name}{suffix}": ips for name, ips in services.items() if ips for suffix in suffixes}


def resolv_conf(nameserver: str, namespace: str) -> str:
    """As the kubelet writes it."""
    return (
        f"nameserver {nameserver}\n"
        f"search {namespace}.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}\n"
        "options ndots:5\n"
    )  # fmt: skip


class Resolver(BaseResolver):
    """`known` is called for each query, in a thread of the server."""

    def __init__(self, known: Callable[[], Names]) -> None:
        self._known = known

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        known, reply = self._known(), request.reply(ra=1, aa=1)
        name = str(request.q.qname).rstrip(".").lower()
        if name not in known:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype in (QTYPE.A, QTYPE.ANY):
            for ip in known[name]:
                reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(ip), ttl=TTL_SECONDS))
        return reply


def serve(ip: str, known: Callable[[], Names], port: int = 53) -> None:
    """Starts to answer, on UDP and TCP, in threads that end with the process."""
    for tcp in (False, True):
        DNSServer(Resolver(known), address=ip, port=port, tcp=tcp, logger=DNSLogger(log="error")).start_thread()
