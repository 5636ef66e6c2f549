"""`python -m resilience_lab.local`: see the package, or `--help`."""

import signal
import sys

# Modules that the package imports, and the packages that have them.
MODULES = {"aiohttp": "aiohttp", "dnslib": "dnslib", "pydantic": "pydantic", "yaml": "PyYAML"}


def main() -> int:
    # Python loses a KeyboardInterrupt that comes at a certain moment of an import. So SIGINT ends the process, until
    # `isolation.run` handles it; and the imports come after this.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    import importlib.util
    import json
    from dataclasses import asdict

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
    sys.exit(main())
