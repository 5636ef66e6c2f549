"""The cluster's files: on a tmpfs in its own mount namespace, with which they disappear."""

import json
import os
import re
import subprocess
from pathlib import Path

from .dns import resolv_conf
from .lab import Lab
from .network import API_PORT, DNS_IP, NODE_IP

OWN = Path("/dev/shm")
HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
# glibc asks nscd first, and nscd is in another network namespace.
NAME_CACHE = "/var/run/nscd"
# Variables that lead out of the cluster, or to another one.
NOT_FOR_COMMAND = re.compile(r"(https?|ftp|all|no)_proxy|KUBERNETES_.*|CHAOSTOOLKIT_IN_POD", re.IGNORECASE)


def prepare(lab: Lab) -> dict[str, str]:
    """Creates the files. Returns COMMAND's environment without CLIENT_URL."""
    _mount("-t", "tmpfs", "-o", "mode=755,size=16m", "resilience-lab", str(OWN))
    _over("/etc/resolv.conf", resolv_conf(DNS_IP, lab.namespace))
    _over("/etc/hosts", HOSTS)
    switch = Path("/etc/nsswitch.conf")
    if switch.exists():
        # Other resolvers do not know the names of the Services.
        text = re.sub(r"(?m)^hosts:.*$", "hosts: files dns", switch.read_text(encoding="utf-8", errors="replace"))
        _over(str(switch), text)
    if os.path.isdir(NAME_CACHE):
        _mount("-t", "tmpfs", "none", os.path.realpath(NAME_CACHE))
    config = OWN / "kubeconfig"
    config.write_text(json.dumps(kubeconfig(lab.namespace)), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not NOT_FOR_COMMAND.fullmatch(name)}
    return kept | {"KUBECONFIG": str(config)}


def kubeconfig(namespace: str) -> dict[str, object]:
    """A kubeconfig for this cluster."""
    name = "resilience-lab-local"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"http://{NODE_IP}:{API_PORT}"}}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    }


def _over(path: str, text: str) -> None:
    """Covers a file with another content."""
    own = OWN / Path(path).name
    own.write_text(text, encoding="utf-8")
    # The target of a link may be missing.
    if os.path.exists(path):
        _mount("--bind", str(own), os.path.realpath(path))
    else:
        raise OSError(f"{path} is missing on this machine")


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"mount {' '.join(arguments)}: {' '.join(done.stderr.split())}")
