"""DNS for the pods: the services' names, and nothing else. No query leaves the machine."""

import asyncio
from collections.abc import Mapping
from typing import cast

from dnslib import QTYPE, RCODE, RR, A, DNSError, DNSRecord

DOMAIN = "cluster.local"
TTL_SECONDS = 5


def names(service_ips: Mapping[str, str], namespace: str) -> dict[str, str]:
    """All names of the services, in lower case, with their addresses."""
    suffixes = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.{DOMAIN}")
    return {f"{name}{suffix}": ip for name, ip in service_ips.items() for suffix in suffixes}


def resolv_conf(nameserver: str, namespace: str) -> str:
    """As the kubelet writes it."""
    return (
        f"nameserver {nameserver}\n"
        f"search {namespace}.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}\n"
        "options ndots:5\n"
    )  # fmt: skip


def answer(query: bytes, known: Mapping[str, str]) -> bytes | None:
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
        reply.add_answer(RR(record.q.qname, QTYPE.A, rdata=A(known[name]), ttl=TTL_SECONDS))
    return bytes(reply.pack())


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own is no subclass, before Python 3.12 or so.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = answer(data, self._known)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


async def serve(ip: str, known: Mapping[str, str], port: int = 53) -> None:
    """Starts answering, on UDP and TCP, until the process ends."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                reply = answer(await reader.readexactly(length), known)
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
