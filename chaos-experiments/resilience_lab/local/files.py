"""The few files that the cluster needs: on a tmpfs in its own mount namespace, where nobody else sees them, and from
where they vanish with it.
"""

import json
import os
import re
import subprocess
from pathlib import Path

from .dns import resolv_conf
from .manifests import Lab
from .network import API_PORT, DNS_IP, NODE_IP

OWN = Path("/dev/shm")
HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
# glibc asks there first, and that daemon looks at another network.
NAME_CACHE = "/var/run/nscd"
# They lead out of here, or to another cluster.
NOT_FOR_COMMAND = re.compile(r"(https?|ftp|all|no)_proxy|KUBERNETES_.*|CHAOSTOOLKIT_IN_POD", re.IGNORECASE)


def prepare(lab: Lab) -> dict[str, str]:
    """Makes the files, and returns COMMAND's environment but for CLIENT_URL."""
    _mount("-t", "tmpfs", "-o", "mode=755,size=16m", "resilience-lab", str(OWN))
    _over("/etc/resolv.conf", resolv_conf(DNS_IP, lab.namespace))
    _over("/etc/hosts", HOSTS)
    switch = Path("/etc/nsswitch.conf")
    if switch.exists():
        # Resolvers behind a socket know other names than ours.
        text = re.sub(r"(?m)^hosts:.*$", "hosts: files dns", switch.read_text(encoding="utf-8", errors="replace"))
        _over(str(switch), text)
    if os.path.isdir(NAME_CACHE):
        _mount("-t", "tmpfs", "none", os.path.realpath(NAME_CACHE))
    config = OWN / "kubeconfig"
    config.write_text(json.dumps(kubeconfig(lab.namespace)), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not NOT_FOR_COMMAND.fullmatch(name)}
    return kept | {"KUBECONFIG": str(config)}


def kubeconfig(namespace: str) -> dict[str, object]:
    """Enough for all clients; JSON is YAML."""
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
    """Shows another content in place of a file's."""
    own = OWN / Path(path).name
    own.write_text(text, encoding="utf-8")
    # A link's target may be gone, or of another system's making: then there is nothing to cover.
    if os.path.exists(path):
        _mount("--bind", str(own), os.path.realpath(path))
    else:
        raise OSError(f"{path} is missing on this machine")


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"mount {' '.join(arguments)}: {' '.join(done.stderr.split())}")
