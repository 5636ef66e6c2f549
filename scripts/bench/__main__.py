"""Started by scripts/bench.sh, which installs what this needs, and has the help text."""

import argparse
import os
import signal
import sys
from pathlib import Path

from harness.processes import Failure
from resilience_lab.report import store

from . import contenders, instructions, limits, measurement, rounds, runtime, stats, tables, uploads
from .arguments import Parser, whole

MISSED = 2


def read_arguments() -> argparse.Namespace:
    parser = Parser()
    parser.add_argument("--rounds", type=whole(1, 1000))
    parser.add_argument("--seconds", type=whole(1, 600))
    parser.add_argument("--warm-up", type=whole(1, 60), default=1)
    parser.add_argument("--connections", type=whole(1, 10_000), default=32)
    parser.add_argument("--workers", type=whole(1, 64), default=1)
    parser.add_argument("--seed", type=whole(0, 2**64 - 1))
    parser.add_argument("--contenders")
    parser.add_argument("--before", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--ejection", action="store_true")
    parser.add_argument("--uploads", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--criterion", type=Path, action="append", default=[])
    parser.add_argument("--runtime-json", type=Path)
    parser.add_argument("--from-data", type=Path)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--update", type=Path)
    parser.add_argument("--check", type=Path)
    # Only for bench.sh.
    parser.add_argument("--bin-dir", type=Path)
    parser.add_argument("--work-dir", type=Path)
    parser.add_argument("--list-servers", action="store_true")
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 20)
    given.seconds = given.seconds or (1 if given.quick else 3)
    return given


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        given = read_arguments()
        names = contenders.chosen(given.contenders, with_before=given.before is not None)
        if given.instructions:
            names = [name for name in names if name in instructions.COUNTED]
        if given.list_servers:
            print(*(() if given.from_data else measurement.programs(given, names)))
            return 0
        return run(given, names)
    except Failure as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(given: argparse.Namespace, names: list[str]) -> int:
    # Check all arguments before the long part.
    check_output(given.json)
    for document in filter(None, (given.update, given.check)):
        tables.read(document)
    times = runtime.read(given.criterion) if given.criterion else None
    facts = runtime.facts(given.runtime_json) if given.runtime_json else None
    data = load_data(given.from_data) if given.from_data else measurement.measure(given, names)
    if times is not None:
        data["runtime"] = data.get("runtime", {}) | times
        data["runtime_runs"] = data.get("runtime_runs", {}) | runtime.run(given.criterion, times)
    if facts is not None:
        data["runtime_facts"] = facts
    # Computed from the rounded data, so that the file gives the same results.
    data = store.tidy(data)
    data["contenders"] = summary(data["rounds"])
    data["limits"] = limits.compare(data["rounds"]) + runtime.limits(
        data.get("runtime", {}), data.get("runtime_facts", {})
    )
    if "uploads" in data:
        data["uploads_summary"] = uploads.summary(data["uploads"])
    data = store.tidy(data)
    print(tables.markdown(data) if given.markdown else tables.text(data))
    if given.json:
        store.save(given.json, data)
    if given.update:
        store.write(given.update, tables.within(given.update, data))
    if given.check and tables.within(given.check, data) != given.check.read_text(encoding="utf-8"):
        raise Failure(f"{given.check} has other tables than these; --update {given.check} writes them")
    ratios = [row["ratio"] for servers in data.get("uploads_summary", {}).values() for row in servers.values()]
    missed = [row["name"] for row in data["limits"] + ratios if row["verdict"] == "missed"]
    if missed and not given.quick and not given.from_data:
        print(f"missed: {'; '.join(missed)}", file=sys.stderr)
        return MISSED
    return 0


def summary(results: dict[str, dict[str, list[float]]]) -> dict[str, dict]:
    return {
        name: {figure: stats.estimate(values).record() for figure, values in figures.items()}
        for name, figures in results.items()
    }


def check_output(file: Path | None) -> None:
    if file is None:
        return
    if file.is_dir():
        raise Failure(f"--json: {file} is a directory")
    directory = next(parent for parent in file.absolute().parents if parent.exists())
    if not directory.is_dir() or not os.access(directory, os.W_OK):
        raise Failure(f"--json: {file} cannot be written")


def load_data(file: Path) -> dict:
    try:
        data = store.load(file)
        for name, figures in data["rounds"].items():
            counts = {len(figures[figure]) for figure in rounds.FIGURES}
            if name not in contenders.CONTENDERS or len(counts) != 1:
                raise ValueError(f"the figures of {name} are not complete")
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{file} is not what --json writes: {error!r}") from error
    return data


if __name__ == "__main__":
    sys.exit(main())
