"""Creates the networks of the node and the pods with `ip`, `nft` and `nsenter`."""

import asyncio

from .network import BRIDGE, BRIDGE_MAC, DNS_IP, NODE_IP, PREFIX, SERVICE_RANGE


class WiringError(Exception):
    """A network command failed; the text has its output."""


async def run(*command: str, stdin: str = "") -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate(stdin.encode())
    if process.returncode:
        raise WiringError(f"{' '.join(command)}: {' '.join(errors.decode(errors='replace').split())}")


async def make_node(rules: str) -> None:
    """Creates a bridge with the node's addresses. It has no uplink: nothing outside the lab can be reached."""
    commands = [
        "link set lo up",
        # A fixed MAC address. Otherwise the bridge takes that of a port, and ARP entries are wrong when that pod ends.
        f"link add {BRIDGE} address {BRIDGE_MAC} type bridge",
        f"addr add {NODE_IP}/{PREFIX} dev {BRIDGE}",
        f"addr add {DNS_IP}/{PREFIX} dev {BRIDGE}",
        f"link set {BRIDGE} up",
        f"route add {SERVICE_RANGE} dev {BRIDGE}",
    ]
    await run("ip", "-batch", "-", stdin="\n".join(commands) + "\n")
    await set_rules(None, rules)


async def make_pod(pid: int, interface: str, ip: str, rules: str) -> None:
    """Connects the network namespace of a process to the bridge."""
    outside = [
        f"link add {interface} type veth peer name eth0 netns {pid}",
        f"link set {interface} master {BRIDGE} up",
    ]
    inside = [
        "link set lo up",
        f"addr add {ip}/{PREFIX} dev eth0",
        "link set eth0 up",
        # For the addresses of Services: the route is looked up before nftables replaces the address.
        f"route add default via {NODE_IP}",
    ]
    await run("ip", "-batch", "-", stdin="\n".join(outside) + "\n")
    await run("nsenter", "-t", str(pid), "-n", "ip", "-batch", "-", stdin="\n".join(inside) + "\n")
    await set_rules(pid, rules)


async def set_rules(pid: int | None, rules: str) -> None:
    """Replaces the nftables rules of a process's network namespace; None stands for the node."""
    enter = () if pid is None else ("nsenter", "-t", str(pid), "-n")
    await run(*enter, "nft", "-f", "-", stdin=rules)
