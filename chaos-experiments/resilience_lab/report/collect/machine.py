"""On what the lab was played, and with which settings. Nothing that says whose machine it is."""

import os
import platform
from pathlib import Path

from ... import cluster, users
from . import plan


def collect(url: str) -> dict:
    settings = users.ask(url)
    return {
        "machine": {
            "cores": os.cpu_count(),
            "cpu": field("/proc/cpuinfo", "model name", ":"),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "system": field("/etc/os-release", "PRETTY_NAME", "="),
            "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
            "python": platform.python_version(),
        },
        "pods": {app: cluster.replicas(app) for app in (cluster.BACKEND, cluster.CLIENT)},
        "breaker": settings["circuit_breaker"],
        "retry": settings["retry"],
        "max_calls": settings["statistics"]["max_calls"],
        "faults": plan.in_force(),
    }


def field(file: str, name: str, separator: str) -> str:
    """The first value of this name in a file of names and values."""
    path = Path(file)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            return value.strip().strip('"')
    return "unknown"
