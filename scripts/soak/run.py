"""Load, faults and samples on a lab that runs; then the verdict."""

import asyncio
import time
from random import Random

from harness.processes import Failure
from harness.services import start_backend, start_client

from . import counts, verdict
from .faults import HEALTHY, Faults
from .lab import BACKEND, CLIENT, SHUTDOWN_TIMEOUT, sample
from .load import CALL, HEALTH, METRICS, RETRY, STATS, Load
from .metrics import of, series
from .reloads import Reloads
from .wire import Connection

FINAL_CALLS = 100
SAMPLE_INTERVAL = 0.5
# Seconds for detached attempts, trials and the client's timers, on a busy machine.
SETTLE = 30.0


class Soak:
    """One soak test, from the start of its services to the findings."""

    def __init__(self, asked, processes):
        self.asked = asked
        # One generator per use: how long one activity takes does not change what another draws.
        faults_random, kills_random, load_random = (Random(f"{asked.seed} {use}") for use in "fkl")
        backend = start_backend(processes, asked.bin_dir, BACKEND)
        self.reloads = Reloads(processes, asked.bin_dir, asked.work_dir / "config")
        self.client = start_client(processes, asked.bin_dir, backend, CLIENT | self.reloads.settings)
        self.faults = Faults(backend, faults_random, kills_random)
        self.load = Load(self.client.port, load_random, asked.callers)
        self.samples = []

    async def play(self):
        await self._begin_metrics()
        await self._soak()
        return await self._judge()

    async def _begin_metrics(self):
        """Makes one request: /metrics has no http_requests_total until a request has ended."""
        connection = Connection(self.client.port)
        await self.load.ask(connection, HEALTH)
        connection.abort()

    async def _soak(self):
        seconds = self.asked.minutes * 60
        async with asyncio.TaskGroup() as group:
            load = group.create_task(self.load.run())
            watch = group.create_task(self._watch(seconds))
            flap = group.create_task(self.faults.flap())
            # The last kill leaves time to recover under load.
            kill = group.create_task(self.faults.kill(seconds * 0.95, self.asked.kills))
            # In the first half: what it leaves shows in the levels after it.
            reload = group.create_task(self.reloads.run(self.client, self.load, seconds / 2))
            await asyncio.sleep(seconds)
            await kill
            await reload
            flap.cancel()
            watch.cancel()
            self.load.stop.set()
            await load

    async def _watch(self, seconds):
        begin = time.monotonic()
        told = 0
        while True:
            at = time.monotonic() - begin
            if not self.client.is_running():
                raise Failure(f"client-service ended by itself{self.client.end_of_log()}")
            self.samples.append(sample(self.client, at))
            if at >= told + 30:
                told += 30
                book, last = self.load.book, self.samples[-1]
                print(
                    f"{at:5.0f} s of {seconds:.0f}: {sum(book.answers.values())} answers, {self.faults.kills} kills,"
                    f" {last.memory / 2**20:.1f} MiB, {last.files} files,"
                    f" {len(book.unanswered) + len(book.wrong)} complaints",
                    flush=True,
                )
            await asyncio.sleep(SAMPLE_INTERVAL)

    async def _judge(self):
        book, connection = self.load.book, Connection(self.client.port)
        if not await self.faults.put(HEALTHY):
            raise Failure("backend-service does not accept its last fault plan")
        settled = await self._settle(connection)
        final = []
        for number in range(FINAL_CALLS):
            final.append(await self.load.ask(connection, RETRY if number % 4 == 0 else CALL))
        good = sum(answer is not None and answer.status == 200 for answer in final)
        stats = await self.load.ask(connection, STATS)
        metrics = await self.load.ask(connection, METRICS)
        # The metrics do not count the request that reads them.
        book.answers[METRICS.route, 200] -= 1
        connection.abort()
        began = time.monotonic()
        status = await asyncio.to_thread(self.client.terminate, SHUTDOWN_TIMEOUT + 5)
        took = time.monotonic() - began
        log = self.client.output().splitlines()
        plan = {
            "kills": self.asked.kills,
            "killed": self.faults.kills,
            "plans": self.faults.plans,
            "panics": [line for line in log if "panicked at" in line],
        }
        findings = verdict.complete(book)
        findings.append(
            verdict.Finding("the circuit closes once the backend is healthy", settled is not None, f"after {settled} s")
        )
        findings.append(verdict.Finding("the last calls succeed", good == FINAL_CALLS, f"{good} of {FINAL_CALLS}"))
        if stats and metrics:
            seen = series(metrics.body.decode())
            findings += counts.statistics(book, stats.json(), seen)
            findings += counts.reloads(book, seen, self.reloads.count, self.reloads.seconds)
        findings += verdict.run(book, self.samples, plan)
        ended = status == 0 and took < SHUTDOWN_TIMEOUT and log[-1].endswith("client-service stopped")
        findings.append(
            verdict.Finding(
                "client-service ends with status 0 after SIGTERM", ended, f"status {status} after {took:.1f} s"
            )
        )
        return findings

    async def _settle(self, connection):
        """Calls until the circuit is closed and no call is in flight. Returns the seconds, or None after SETTLE."""
        begin = time.monotonic()
        while time.monotonic() < begin + SETTLE:
            await self.load.ask(connection, CALL)
            health = await self.load.ask(connection, HEALTH)
            stats = await self.load.ask(connection, STATS)
            metrics = await self.load.ask(connection, METRICS)
            if (
                health
                and stats
                and metrics
                and health.json()["circuit_breaker_state"] == "closed"
                and stats.json()["statistics"]["calls_in_flight"] == 0
                and of(series(metrics.body.decode()), "client_event_streams") == 0
            ):
                return round(time.monotonic() - begin, 1)
            await asyncio.sleep(0.1)
        return None
