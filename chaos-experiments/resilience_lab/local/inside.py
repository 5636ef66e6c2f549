"""Runs inside the namespaces: the first process, the cluster, and COMMAND."""

import asyncio
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from . import api, dns, manifests
from .cluster import Cluster, StartFailed
from .command import Command
from .files import prepare
from .lab import Lab
from .network import DNS_IP, NODE_IP
from .options import Options
from .wiring import WiringError

START_TIMEOUT = 30.0
# Seconds for COMMAND to clean up after a signal.
ROLLBACK_TIMEOUT = 8.0


def main() -> int:
    receiving, options = int(sys.argv[1]), Options(**json.loads(sys.argv[2]))
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        # Signals of a terminal reach all processes; ours come through the descriptor.
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child:
        return _reap_until_end_of(child)
    asyncio.run(_run(receiving, options))
    return 0


def _reap_until_end_of(child: int) -> int:
    """The first process of a PID namespace inherits all orphans. When it ends, all others are killed."""
    while True:
        process, status = os.wait()
        if process == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


async def _run(receiving: int, options: Options) -> None:
    """Runs the cluster and COMMAND, and ends the process with COMMAND's exit status."""
    try:
        status = await _status(_stop_signals(receiving), options)
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # A return would wait for all tasks and threads.
    os._exit(status)


async def _status(stopping: asyncio.Future[int], options: Options) -> int:
    started = time.monotonic()
    lab = manifests.read(Path(options.manifests))
    logs = Path(options.logs)
    cluster = Cluster(lab, options.settings, Path(options.bin_dir), logs, options.pod_start_delay)
    try:
        environment = prepare(lab)
        work = asyncio.ensure_future(_serve(cluster, lab))
        await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            return 128 + stopping.result()
        work.result()
        print(
            f"local cluster: {len(cluster.pods)} pods ready in {time.monotonic() - started:.1f} s; logs: {logs}",
            file=sys.stderr,
        )
        command = Command(options.command, environment | _client_url(lab), options.has_terminal)
        status = await _accompany(command, cluster, stopping)
    except (StartFailed, WiringError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    await cluster.stop()
    return status


async def _serve(cluster: Cluster, lab: Lab) -> None:
    await cluster.dataplane.add_node()
    dns.serve(DNS_IP, lambda: dns.names(cluster.dataplane.addresses(), lab.namespace))
    await api.serve(cluster)
    await cluster.start_pods(START_TIMEOUT)


def _client_url(lab: Lab) -> dict[str, str]:
    ports = [port.node_port for service in lab.services for port in service.ports if port.node_port]
    return {"CLIENT_URL": f"http://{NODE_IP}:{ports[0]}"} if ports else {}


async def _accompany(command: Command, cluster: Cluster, stopping: asyncio.Future[int]) -> int:
    """Waits for the end of the command, a failure of the cluster, or a signal. Returns the exit status."""
    ended = asyncio.ensure_future(command.wait())
    await asyncio.wait([ended, stopping, cluster.failed], return_when=asyncio.FIRST_COMPLETED)
    if cluster.failed.done():
        cluster.failed.result()
    if ended.done():
        return ended.result()
    await command.terminate(ROLLBACK_TIMEOUT)
    return 128 + stopping.result()


def _stop_signals(receiving: int) -> asyncio.Future[int]:
    """The first signal. A second one, or the end of the sending process, ends this process at once."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[int] = loop.create_future()

    def received() -> None:
        for number in os.read(receiving, 16) or (0,):
            if first.done() or not number:
                os._exit(128 + (number or signal.SIGKILL))
            first.set_result(number)

    loop.add_reader(receiving, received)
    return first


if __name__ == "__main__":
    sys.exit(main())
