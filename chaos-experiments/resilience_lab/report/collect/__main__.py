"""`python -m resilience_lab.report.collect PHASE`: runs one phase of the lab, and writes its data."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from chaoslib.exceptions import ActivityFailed

from .. import machine as facts
from .. import store
from . import baseline, breaker, chaos, machine, retry

PHASES = {
    "machine": (machine.collect, "the machine, and the settings in force"),
    "baseline": (baseline.collect, "calls with and without resilience, at the same time"),
    "breaker": (breaker.collect, "one cycle of the circuit"),
    "retry": (retry.collect, "calls that the backend throttles at random"),
    "herd": (retry.collect_herd, "100 calls that fail at once"),
}


def main() -> None:
    options = parse()
    if options.phase == "chaos":
        found = sorted(path.parent.name for path in options.journals.glob("*/record.json"))
        for name in found:
            store.save(
                options.output / f"chaos-{name}.json", chaos.collect(options.journals, name) | {"load": facts.load()}
            )
        return
    more = {name: value for name in ("calls", "rate", "name") if (value := getattr(options, name, None)) is not None}
    try:
        data = PHASES[options.phase][0](options.client_url.rstrip("/"), **more)
    except ActivityFailed as error:
        sys.exit(f"error: {error}")
    store.save(options.output, {"date": datetime.now(UTC).date().isoformat()} | {"load": facts.load()} | data)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m resilience_lab.report.collect", description=__doc__)
    phases = parser.add_subparsers(dest="phase", required=True, metavar="PHASE")
    for name, (_, what) in PHASES.items():
        phase = phases.add_parser(name, help=what)
        phase.add_argument("--output", type=Path, required=True, metavar="FILE")
        phase.add_argument("--client-url", default=os.environ.get("CLIENT_URL", "http://localhost:30080"))
        if name != "machine":
            phase.add_argument("--calls", type=int, help="how many")
        if name in ("baseline", "breaker", "retry"):
            phase.add_argument("--rate", type=float, help="calls that begin each second")
        if name == "herd":
            phase.add_argument("--name", required=True, help="what this run is called in the figures")
    phase = phases.add_parser("chaos", help="collects the results of run-chaos.sh")
    phase.add_argument("--journals", type=Path, required=True, metavar="DIR")
    phase.add_argument("--output", type=Path, required=True, metavar="DIR")
    return parser.parse_args()


main()
