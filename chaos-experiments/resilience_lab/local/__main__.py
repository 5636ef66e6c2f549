"""`python -m resilience_lab.local`: see the package, or `--help`."""

import importlib.util
import json
import sys
from dataclasses import asdict

# Modules that the package imports, and the packages that have them.
MODULES = {"aiohttp": "aiohttp", "dnslib": "dnslib", "pydantic": "pydantic", "yaml": "PyYAML"}


def main() -> int:
    if missing := [name for module, name in MODULES.items() if importlib.util.find_spec(module) is None]:
        print(f"error: Python packages missing: {', '.join(missing)}", file=sys.stderr)
        return 1
    from . import isolation
    from .options import parse

    isolation.extend_path()
    options = parse(sys.argv[1:])
    try:
        flags = isolation.flags()
    except isolation.NotPossible as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return isolation.run(flags, "inside", json.dumps(asdict(options)), options.has_terminal)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
