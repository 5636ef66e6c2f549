"""DNS for the pods: the services' names, and nothing else. No query leaves the machine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSRecord

DOMAIN = "cluster.local"
TTL_SECONDS = 5


# The names that exist now, in lower case, with their addresses.
Names = Mapping[str, Sequence[str]]


def names(services: Names, namespace: str) -> dict[str, Sequence[str]]:
    """All names of the services that have an address: a headless one has those of its pods."""
    suffixes = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.{DOMAIN}")
    return {f"{name}{suffix}": ips for name, ips in services.items() if ips for suffix in suffixes}


def resolv_conf(nameserver: str, namespace: str) -> str:
    """As the kubelet writes it."""
    return (
        f"nameserver {nameserver}\n"
        f"search {namespace}.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}\n"
        "options ndots:5\n"
    )  # fmt: skip


def answer(query: bytes, known: Names) -> bytes | None:
    """The answer to one message; None if it is not a query at all."""
    try:
        record = DNSRecord.parse(query)
    except (DNSError, ValueError, IndexError):
        return None
    if record.header.qr or not record.questions:
        return None
    reply = record.reply(ra=1, aa=1)
    name = str(record.q.qname).rstrip(".").lower()
    if name not in known:
        reply.header.rcode = RCODE.NXDOMAIN
    elif record.q.qtype in (QTYPE.A, QTYPE.ANY):
        for ip in known[name]:
            reply.add_answer(RR(record.q.qname, QTYPE.A, rdata=A(ip), ttl=TTL_SECONDS))
    return bytes(reply.pack())


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, known: Callable[[], Names]) -> None:
        self._known = known
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own is no subclass, before Python 3.12 or so.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = answer(data, self._known())
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


async def serve(ip: str, known: Callable[[], Names], port: int = 53) -> None:
    """Starts answering, on UDP and TCP, until the process ends."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                reply = answer(await reader.readexactly(length), known())
                if reply is None:
                    break
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Datagrams(known), local_addr=(ip, port))
    await asyncio.start_server(connection, ip, port)
