"""Runs the cluster in its own namespaces, and forwards signals to it.

    this process -> setpriv, unshare -> first process of the namespaces -> the cluster -> pods, COMMAND

If one process ends, the others end too: `setpriv --pdeathsig` and `unshare --kill-child` send a SIGKILL inwards, and
when the first process of a PID namespace ends, the kernel kills all others in it. Network, mounts and files belong to
the same namespaces: there is nothing to clean up.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TOOLS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "nft": "nftables",
}
NAMESPACES = ("--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")
AS_ROOT_INSIDE = ("--user", "--map-root-user")
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

# Tries everything that the cluster needs of the kernel, and names what fails.
TRIAL = """
check() { what=$1; shift; said=$("$@" 2>&1) || { echo "$what: $said"; exit 1; }; }
check "a tmpfs" mount -t tmpfs none /dev/shm
check "a network bridge" ip link add lab0 type bridge
check "a veth pair" ip link add lab1 type veth peer name lab2
check "a network namespace within" unshare --net true
said=$(nft -f - 2>&1 <<END
add table ip lab
add chain ip lab out { type nat hook output priority -100 ; }
add chain ip lab filter { type filter hook output priority 0 ; }
add rule ip lab out ip daddr 198.51.100.1 tcp dport 1 dnat to numgen random mod 2 map { 0 : 192.0.2.1, 1 : 192.0.2.2 }:2
add rule ip lab filter ct direction reply accept
add rule ip lab filter ip daddr 198.51.100.1 limit rate 1/second burst 6 packets reject with icmp type port-unreachable
END
) || { echo "nftables rules: $said"; exit 1; }
"""


class NotPossible(Exception):
    """This machine lacks something that the cluster needs; the text says what, and what helps."""


def flags() -> tuple[str, ...]:
    """The options of unshare that work on this machine."""
    if sys.platform != "linux":
        raise NotPossible(f"the local cluster needs Linux and its namespaces; this is {sys.platform}")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        packages = " ".join(dict.fromkeys(TOOLS[tool] for tool in missing))
        raise NotPossible(f"not found: {', '.join(missing)}; on Debian or Ubuntu: apt-get install {packages}")
    reasons = []
    for candidate in ([()] if os.geteuid() == 0 else []) + [AS_ROOT_INSIDE]:
        command = ["unshare", *candidate, *NAMESPACES, "sh", "-c", TRIAL]
        trial = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if trial.returncode == 0:
            return (*candidate, *NAMESPACES)
        reasons.append(" ".join((trial.stdout + trial.stderr).split()) or f"exit status {trial.returncode}")
    raise NotPossible(
        f"this machine does not allow the namespaces that the local cluster needs ({reasons[-1]}); "
        "it needs unprivileged user namespaces, or root, and in a container all privileges"
    )


def extend_path() -> None:
    """Adds the folders of `ip` and `nft`, which may be only on root's PATH."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(path + [each for each in ("/usr/sbin", "/sbin") if each not in path])


def run(unshare_flags: Sequence[str], module: str, argument: str, has_terminal: bool) -> int:
    """Runs a module of this package in the namespaces, and returns its exit status.

    The module's arguments are a file descriptor and `argument`. The descriptor delivers the signals of this process,
    one byte each.
    """
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    package_root = str(Path(__file__).resolve().parents[2])
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, environment.get("PYTHONPATH"))))
    for number in SIGNALS:
        # nohup ignores SIGHUP.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda received, _: _write(sending, bytes([received])))
    python = (sys.executable, "-m", f"{__package__}.{module}", str(receiving), argument)
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", *unshare_flags, *python],
        env=environment,
        pass_fds=(receiving,),
        # Signals from a terminal go to this process, and later to COMMAND.
        process_group=0,
    )
    os.close(receiving)
    status = child.wait()
    if has_terminal:
        _take_terminal_back()
    return status if status >= 0 else 128 - status


def _write(descriptor: int, data: bytes) -> None:
    # The reader may have ended.
    with contextlib.suppress(OSError):
        os.write(descriptor, data)


def _take_terminal_back() -> None:
    """Makes this process group the terminal's foreground group again, after COMMAND."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    # The terminal may be gone.
    with contextlib.suppress(OSError):
        os.tcsetpgrp(0, os.getpgrp())
