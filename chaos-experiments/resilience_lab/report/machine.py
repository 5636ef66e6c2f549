"""What measurements depend on, and nothing that identifies the machine."""

import os
import platform
from pathlib import Path


def facts() -> dict[str, int | str]:
    return {
        "cores": os.cpu_count() or 1,
        "cpu": field("/proc/cpuinfo", "model name", ":"),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": field("/etc/os-release", "PRETTY_NAME", "="),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def load() -> float:
    """Load average of the last minute: shows whether the machine had other work."""
    return round(os.getloadavg()[0], 1)


def field(file: str, name: str, separator: str) -> str:
    """The first value of this name in a file of names and values."""
    path = Path(file)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        key, found, value = line.partition(separator)
        if found and key.strip() == name:
            return value.strip().strip('"')
    return "unknown"
