"""Starts what is measured, and measures it."""

import argparse
import datetime
import secrets
import sys
from collections.abc import Sequence

from harness.processes import Failure, Processes
from resilience_lab.report import machine

from . import contenders, instructions, load, many, origins, rounds, servers, uploads


def measure(given: argparse.Namespace, names: list[str]) -> dict:
    """What the user asks for, with the machine and the date."""
    # Before our own load raises it.
    facts, load_average = machine.facts(), machine.load()
    if given.instructions:
        measured = counted(given, names)
    elif given.ejection:
        measured = sick_endpoints(given)
    elif given.uploads:
        measured = bodies(given)
    else:
        measured = calls(given, names)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {**{name: facts[name] for name in ("cores", "cpu", "kernel")}, "load": load_average},
        **measured,
        "contenders": {},
        "limits": [],
    }


def counted(given: argparse.Namespace, names: Sequence[str]) -> dict:
    return {
        "rounds": {},
        "instructions": instructions.measure(names, given.bin_dir, given.before, given.work_dir),
    }


def sick_endpoints(given: argparse.Namespace) -> dict:
    # It needs aiohttp, which nothing else here does.
    from . import ejection

    tell(f"{given.rounds} rounds: about {given.rounds * ejection.SECONDS / 60:.0f} min")
    return {
        "settings": {"rounds": given.rounds, "calls_per_second": ejection.CALLS_PER_SECOND},
        "versions": servers.versions({"envoy"}, given.bin_dir),
        "rounds": {},
        "ejection": ejection.measure(given.rounds, given.bin_dir, given.work_dir, tell),
    }


def bodies(given: argparse.Namespace) -> dict:
    seed, size = chosen_seed(given), uploads.SMALL if given.quick else uploads.SIZE
    tell(f"{given.rounds} rounds, seed {seed}: about {given.rounds * uploads.SECONDS / 60:.0f} min")
    return {
        "settings": {"rounds": given.rounds, "seed": seed, "bytes": size, "chunk_bytes": uploads.CHUNK},
        "versions": {},
        "rounds": {},
        "uploads": uploads.measure(given.rounds, size, seed, given.bin_dir, given.work_dir, tell),
    }


def chosen_seed(given: argparse.Namespace) -> int:
    return secrets.randbits(32) if given.seed is None else given.seed


def calls(given: argparse.Namespace, names: list[str]) -> dict:
    load.need_wrk()
    names = [name for name in names if is_there(name, given)]
    if not names:
        raise Failure("no contender is left")
    seed = chosen_seed(given)
    plan = rounds.Plan(given.rounds, given.seconds, given.warm_up, given.connections, seed)
    chosen = {name: contenders.CONTENDERS[name] for name in names}
    minutes = plan.rounds * len(names) * (plan.seconds + plan.warm_up + 0.5) / 60
    tell(f"{len(names)} contenders, {plan.rounds} rounds, seed {seed}: about {minutes:.0f} min")
    with Processes(given.work_dir) as processes:
        of = {name: servers.SERVERS[name].origin for name in needed(names)}
        started = origins.start(set(of.values()), processes, given.bin_dir, given.work_dir, given.workers)
        bench = servers.Bench(processes, given.bin_dir, given.work_dir, given.workers, started, given.before)
        running = {server: servers.start(server, bench) for server in of}
        number = many.measure(given.bin_dir, given.work_dir, given.workers, started) if "gateway-many" in names else {}
        results = rounds.play(plan, chosen, running, {server: started[of[server]] for server in of}, tell)
    return {
        "settings": {
            "rounds": plan.rounds,
            "seconds": plan.seconds,
            "warm_up_seconds": plan.warm_up,
            "connections": plan.connections,
            "workers": given.workers,
            "seed": seed,
        },
        "versions": servers.versions(set(running), given.bin_dir),
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


def programs(given: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """The servers that a measurement starts."""
    if given.ejection:
        return ["gateway", "envoy"]
    if given.uploads:
        return ["gateway", "bare-awc"]
    calls_nginx = {servers.SERVERS[name].origin for name in needed(names)} - {origins.LAB}
    return needed(names) + (["nginx"] if calls_nginx else [])


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
