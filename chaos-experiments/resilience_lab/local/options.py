"""The command line: read, and checked before anything starts."""

import argparse
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from .lab import Lab
from .manifests import ManifestError, read

DESCRIPTION = """\
Runs COMMAND in a local cluster of the lab: the pods, services and probes of deploy/base on one machine, and the part
of the Kubernetes API that Chaos Toolkit and kubectl need. COMMAND gets KUBECONFIG and CLIENT_URL in its environment.
When COMMAND ends, everything but the logs is removed."""

EPILOG = """\
The exit status is COMMAND's; 2 if the arguments are wrong, 1 if the cluster does not start, 128 + N after signal N. A
signal gives COMMAND 8 s to clean up; a second one does not.

Linux only. Needs unshare, nsenter, setpriv, mount, ip and nft; root, or a kernel with unprivileged user namespaces.

  python -m resilience_lab.local --bin-dir target/release --logs /tmp/logs -- chaos run pod-failure.yaml
  python -m resilience_lab.local --bin-dir target/release --logs /tmp/logs \\
    --set backend-service:FAILURE_RATE=0 --set client-service:BREAKER_FAIL_MAX=1000000 -- bash
"""

DEFAULT_MANIFESTS = Path(__file__).resolve().parents[3] / "deploy" / "base"
# Set by the cluster for each pod.
FIXED = ("HOST", "HOSTNAME", "PORT")
LONGEST_DELAY = 3600.0


@dataclass(frozen=True)
class Options:
    """The checked arguments, with absolute paths, and whether COMMAND gets the terminal."""

    bin_dir: str
    logs: str
    manifests: str
    settings: dict[str, dict[str, str]]
    pod_start_delay: float
    command: list[str]
    has_terminal: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def parse(arguments: Sequence[str]) -> Options:
    """Exits with status 2 and one line if an argument is wrong."""
    parser = _Parser(
        prog="python -m resilience_lab.local",
        usage="%(prog)s --bin-dir DIR --logs DIR [OPTION]... [--] COMMAND [ARGUMENT]...",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--bin-dir", metavar="DIR", required=True, help="where backend-service and client-service are")
    add("--logs", metavar="DIR", required=True, help="where each pod's log goes, as POD.log; made if it is missing")
    add("--manifests", metavar="DIR", default=str(DEFAULT_MANIFESTS), help="instead of deploy/base")
    add(
        "--set",
        metavar="APP:NAME=VALUE",
        action="append",
        default=[],
        help="a variable of an app's pods, on top of the manifests'; may be repeated",
    )
    add(
        "--pod-start-delay",
        metavar="SECONDS",
        default="0.6",
        help="from a pod's creation to the start of its process: scheduling, network, container (default: 0.6)",
    )
    add("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run, with its arguments")
    given = parser.parse_args(arguments)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    try:
        return _checked(given, command)
    except (ManifestError, ValueError) as error:
        parser.error(str(error))


def _checked(given: Any, command: list[str]) -> Options:
    if not command:
        raise ValueError("COMMAND is missing: what to run beside the cluster, after '--'")
    if shutil.which(command[0]) is None:
        raise ValueError(f"COMMAND {command[0]!r} is not an executable file, nor on the PATH")
    lab = read(Path(given.manifests))
    bin_dir = Path(given.bin_dir).resolve()
    for deployment in lab.deployments:
        if not os.access(bin_dir / deployment.binary, os.X_OK):
            raise ValueError(f"--bin-dir {given.bin_dir}: {deployment.binary} is missing there, or not executable")
    logs = Path(given.logs).resolve()
    for path in (bin_dir, logs, Path(given.manifests).resolve()):
        if path.is_relative_to("/dev/shm"):
            raise ValueError(f"{path}: /dev/shm cannot be used, the cluster has its own")
    settings = _settings(given.set, lab)
    delay = _delay(given.pod_start_delay)
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--logs {given.logs}: cannot make this directory: {error.strerror}") from error
    if not os.access(logs, os.W_OK | os.X_OK):
        raise ValueError(f"--logs {given.logs}: cannot write there")
    manifests = str(Path(given.manifests).resolve())
    return Options(str(bin_dir), str(logs), manifests, settings, delay, command, _has_terminal())


def _has_terminal() -> bool:
    """True if this process group has the terminal."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _settings(given: Sequence[str], lab: Lab) -> dict[str, dict[str, str]]:
    settings: dict[str, dict[str, str]] = {deployment.name: {} for deployment in lab.deployments}
    for text in given:
        found = re.fullmatch(r"([^:=]*):([A-Za-z_][A-Za-z0-9_]*)=(.*)", text, re.DOTALL)
        if not found:
            raise ValueError(f"--set {text!r}: expected APP:NAME=VALUE")
        app, name, value = found.groups()
        if app not in settings:
            raise ValueError(f"--set {text!r}: {app!r} is not an app; the lab has {', '.join(sorted(settings))}")
        if name in FIXED:
            raise ValueError(f"--set {text!r}: {', '.join(FIXED)} cannot be set")
        settings[app][name] = value
    return settings


def _delay(text: str) -> float:
    try:
        delay = float(text)
    except ValueError:
        delay = -1.0
    if not 0 <= delay <= LONGEST_DELAY:
        raise ValueError(f"--pod-start-delay {text!r}: expected a number of seconds from 0 to {LONGEST_DELAY:g}")
    return delay
