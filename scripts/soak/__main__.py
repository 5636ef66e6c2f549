"""Runs a soak test, and prints its verdict. Started by scripts/soak.sh."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from harness.processes import Failure, Processes

from .run import Soak


def options():
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def report(soak, findings):
    for finding in findings:
        print(f"{'ok  ' if finding.holds else 'FAIL'}  {finding.claim}: {finding.detail}")
    print(
        f"soak: {sum(soak.load.book.answers.values())} answers, {soak.load.events} events read, seed {soak.asked.seed}"
    )
    failed = [finding.claim for finding in findings if not finding.holds]
    if failed:
        print(f"soak: FAILED: {'; '.join(failed)}")
    else:
        print("soak: passed")
    return not failed


def write_json(soak, findings, path):
    book, asked = soak.load.book, soak.asked
    result = {
        "passed": all(finding.holds for finding in findings),
        "seed": asked.seed,
        "minutes": asked.minutes,
        "kills": soak.faults.kills,
        "callers": asked.callers,
        "plans": soak.faults.plans,
        "findings": [vars(finding) for finding in findings],
        "answers": [
            {"route": route, "status": status, "count": count}
            for (route, status), count in sorted(book.answers.items())
        ],
        "left": dict(book.left),
        "unanswered": book.unanswered,
        "wrong": book.wrong,
        "samples": [vars(sample) for sample in soak.samples],
    }
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


async def play(asked):
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with Processes(asked.work_dir) as processes:
        soak = Soak(asked, processes)
        return soak, await soak.play()


def main():
    asked = options()
    try:
        soak, findings = asyncio.run(play(asked))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return 130
    except Failure as error:
        print(f"soak: FAILED: {error}")
        return 1
    except ExceptionGroup as group:
        failures, others = group.split(Failure)
        if others:
            raise
        print(f"soak: FAILED: {'; '.join(str(error) for error in failures.exceptions)}")
        return 1
    passed = report(soak, findings)
    if asked.json:
        write_json(soak, findings, asked.json)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
