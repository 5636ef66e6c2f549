"""Calls to `/api/test-retry`, with the log of their attempts."""

import asyncio
import time

import aiohttp

from ... import backend, quiet, users
from ...traffic import Record, new_session
from ..attempts import arrived
from . import plan

PATH = "/api/test-retry"


def collect(url: str, calls: int = 120, rate: float = 20.0) -> dict:
    """`calls` calls at a constant rate, at the backend's default rate of 429s."""
    backend.restore_faults()
    quiet.close_circuit(url)
    return describe(url, asyncio.run(spread(url, calls, rate)), rate=rate)


def collect_herd(url: str, name: str, calls: int = 100) -> dict:
    """`calls` simultaneous calls, with a 429 for each attempt."""
    backend.set_faults({"transient_failure_rate": 1.0})
    quiet.close_circuit(url)
    return describe(url, asyncio.run(burst(url, calls)), name=name)


def describe(url: str, calls: list[dict], **more: object) -> dict:
    settings = users.ask(url)
    return {**more, "retry": settings["retry"], "faults": plan.in_force(), "calls": calls}


async def spread(url: str, calls: int, rate: float) -> list[dict]:
    record, tasks = Record(), []
    async with new_session() as session, asyncio.TaskGroup() as group:
        begin = time.monotonic()
        for number in range(calls):
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            tasks.append(group.create_task(ask(session, record, url)))
    return [task.result() for task in tasks]


async def burst(url: str, calls: int) -> list[dict]:
    record = Record()
    async with new_session() as session:
        # Open the connections first, so that the calls are simultaneous.
        await asyncio.gather(*(touch(session, url) for _ in range(calls)))
        return await asyncio.gather(*(ask(session, record, url) for _ in range(calls)))


async def touch(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(f"{url}/health") as response:
        await response.read()


async def ask(session: aiohttp.ClientSession, record: Record, url: str) -> dict:
    """One call: when it `began` in the service, and its attempts."""
    sent = record.now()
    async with session.get(url + PATH) as response:
        answer = await response.json()
    seconds = record.now() - sent
    return {
        "began": arrived(sent, seconds, answer["elapsed_time_seconds"]),
        "seconds": seconds,
        "status": response.status,
        "log": [
            {"status": entry["status_code"], "elapsed": entry["elapsed_seconds"], "wait": entry["wait_seconds"]}
            for entry in answer["attempt_log"]
        ],
    }
