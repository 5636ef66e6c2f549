"""Counts the instructions that a request costs in user mode, under valgrind's callgrind.

A count differs by at most 1 % from run to run, also on a busy machine. It excludes the kernel's work, which is about
half of the CPU time of a request, and it does not show what caches and branches cost.
"""

import http.client
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.processes import Failure, Process, Processes

from . import origins, servers
from .contenders import CONTENDERS
from .origins import Origin
from .servers import Bench

# Numbers of requests in two runs. Their difference excludes the start and the end of the process.
FEW, MANY = 500, 3000
# callgrind counts `rep stosb` once for each byte, so the C library must not use it.
WITHOUT_REP = {
    "GLIBC_TUNABLES": "glibc.cpu.x86_rep_stosb_threshold=1000000000:glibc.cpu.x86_rep_movsb_threshold=1000000000"
}
# The contenders that consist of one of our own processes.
COUNTED = ("call-backend", "baseline", "bare-awc", "health", "open")


class UnderCallgrind(Processes):
    """Starts each process under callgrind."""

    def start(
        self, name: str, command: Sequence[str | Path], port: int, environment: Mapping[str, str] | None = None
    ) -> Process:
        callgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.logs / name}.callgrind"]
        return super().start(name, [*callgrind, *command], port, dict(environment or {}) | WITHOUT_REP)


def measure(names: Sequence[str], bin_dir: Path, before: Path | None, work_dir: Path) -> dict[str, dict[str, float]]:
    """Instructions a request of each contender, with these binaries and with those of `--before`, if any."""
    builds = {"now": bin_dir} | ({} if before is None else {"before": before})
    with Processes(work_dir) as processes:
        lab = origins.start(set(), processes, bin_dir, work_dir, workers=1)
        return {
            name: {build: count(name, directory, work_dir / build, lab) for build, directory in builds.items()}
            for name in names
        }


def count(name: str, bin_dir: Path, work_dir: Path, lab: Mapping[str, Origin]) -> float:
    few, many = (total(name, requests, bin_dir, work_dir, lab) for requests in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def total(name: str, requests: int, bin_dir: Path, work_dir: Path, lab: Mapping[str, Origin]) -> int:
    """Instructions of a process that answers this number of requests on one connection, and ends."""
    contender, directory = CONTENDERS[name], work_dir / f"{name}-{requests}"
    directory.mkdir(parents=True)
    with UnderCallgrind(directory) as processes:
        process = servers.start(contender.server, Bench(processes, bin_dir, directory, 1, lab))
        # One connection for all: opening it is not part of what a request costs.
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
        for _ in range(requests):
            connection.request("GET", contender.path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != contender.status:
                raise Failure(f"{name}: GET {contender.path}: {answer.status}, expected {contender.status}")
        connection.close()
        process.popen.terminate()
        process.popen.wait()
    collected = re.search(r"Collected : (\d+)", process.log.read_text(encoding="utf-8", errors="replace"))
    if not collected:
        raise Failure(f"callgrind has counted nothing for {name}{process.end_of_log()}")
    return int(collected[1])
