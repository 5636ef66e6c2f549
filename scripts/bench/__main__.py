"""Started by scripts/bench.sh, which installs what this needs, and has the help text."""

import argparse
import datetime
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.processes import Failure, Processes
from resilience_lab.report import machine, store

from . import contenders, instructions, limits, load, many, origins, rounds, runtime, servers, stats, tables
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
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--instructions", action="store_true")
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
        names = contenders.chosen(given.contenders)
        if given.instructions:
            names = [name for name in names if name in instructions.COUNTED]
        if given.list_servers:
            print(*(() if given.from_data else [*needed(names), *origin_servers(names)]))
            return 0
        if given.instructions:
            print(instructions.measure(names, given.bin_dir, given.work_dir))
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
    data = load_data(given.from_data) if given.from_data else measure(given, names)
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
    data = store.tidy(data)
    print(tables.markdown(data) if given.markdown else tables.text(data))
    if given.json:
        store.save(given.json, data)
    if given.update:
        store.write(given.update, tables.within(given.update, data))
    if given.check and tables.within(given.check, data) != given.check.read_text(encoding="utf-8"):
        raise Failure(f"{given.check} has other tables than these; --update {given.check} writes them")
    missed = [row["name"] for row in data["limits"] if row["verdict"] == "missed"]
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


def measure(given: argparse.Namespace, names: list[str]) -> dict:
    load.need_wrk()
    names = [name for name in names if is_there(name, given)]
    if not names:
        raise Failure("no contender is left")
    seed = secrets.randbits(32) if given.seed is None else given.seed
    plan = rounds.Plan(given.rounds, given.seconds, given.warm_up, given.connections, seed)
    chosen = {name: contenders.CONTENDERS[name] for name in names}
    minutes = plan.rounds * len(names) * (plan.seconds + plan.warm_up + 0.5) / 60
    tell(f"{len(names)} contenders, {plan.rounds} rounds, seed {seed}: about {minutes:.0f} min")
    # Before our own load raises it.
    facts, load_average = machine.facts(), machine.load()
    with Processes(given.work_dir) as processes:
        of = {name: servers.SERVERS[name].origin for name in needed(names)}
        started = origins.start(set(of.values()), processes, given.bin_dir, given.work_dir, given.workers)
        bench = servers.Bench(processes, given.bin_dir, given.work_dir, given.workers, started)
        running = {server: servers.start(server, bench) for server in of}
        number = many.measure(given.bin_dir, given.work_dir, given.workers, started) if "gateway-many" in names else {}
        results = rounds.play(plan, chosen, running, {server: started[of[server]] for server in of}, tell)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {**{name: facts[name] for name in ("cores", "cpu", "kernel")}, "load": load_average},
        "settings": {
            "rounds": plan.rounds,
            "seconds": plan.seconds,
            "warm_up_seconds": plan.warm_up,
            "connections": plan.connections,
            "workers": given.workers,
            "seed": seed,
        },
        "versions": servers.versions(set(running), given.bin_dir),
        "contenders": {},
        "limits": [],
        "upstreams": number,
        "rounds": results,
    }


def is_there(name: str, given: argparse.Namespace) -> bool:
    why = servers.missing(contenders.CONTENDERS[name].server, given.bin_dir)
    if why and not (given.quick and given.contenders is None):
        raise Failure(f"{name} cannot be measured: {why}")
    if why:
        tell(f"without {name}: {why}")
    return not why


def needed(names: Sequence[str]) -> list[str]:
    """The servers of these contenders, each once."""
    return list(dict.fromkeys(contenders.CONTENDERS[name].server for name in names))


def origin_servers(names: Sequence[str]) -> list[str]:
    """The servers of other programs that these contenders call."""
    return ["nginx"] if {servers.SERVERS[name].origin for name in needed(names)} - {origins.LAB} else []


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
