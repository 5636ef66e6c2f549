"""Injects faults: changes the backend's fault plan, and kills the backend."""

import asyncio

from .wire import Connection, NoAnswer

HEALTHY = {"failure_rate": 0, "slow_response_rate": 0, "transient_failure_rate": 0, "sequence": None}
OUTCOMES = ["ok", "fail", "slow", "transient", "hang", "reset"]


def healthy(random):
    return HEALTHY


def failing(random):
    return HEALTHY | {"failure_rate": random.choice([0.3, 0.7, 1.0])}


def slow(random):
    """Delays below and above the client's ATTEMPT_TIMEOUT."""
    rate, delay = random.uniform(0.3, 1), random.uniform(0.05, 1)
    return HEALTHY | {"slow_response_rate": round(rate, 2), "slow_response_delay": round(delay, 2)}


def transient(random):
    return HEALTHY | {"transient_failure_rate": random.choice([0.4, 0.8, 1.0])}


def hanging(random):
    return HEALTHY | {"sequence": ["hang"] * random.randint(1, 3) + ["ok"], "repeat": True}


def resetting(random):
    return HEALTHY | {"sequence": ["reset"] * random.randint(1, 3) + ["ok"], "repeat": True}


def mixed(random):
    return HEALTHY | {"sequence": random.choices(OUTCOMES, [6, 1, 1, 1, 1, 1], k=20), "repeat": True}


FAULTS = [failing, slow, transient, hanging, resetting, mixed]


class Faults:
    """Changes fault plans and kills the backend, at random times."""

    def __init__(self, backend, plans_random, kills_random):
        self.plans = dict.fromkeys((plan.__name__ for plan in [healthy, *FAULTS]), 0)
        self.kills = 0
        self._backend = backend
        self._plans_random = plans_random
        self._kills_random = kills_random
        self._connection = Connection(backend.port)

    async def flap(self):
        while True:
            for plan in self._plans_random.sample(FAULTS, len(FAULTS)):
                await self._play(plan)
                # Healthy in between: otherwise the circuit would seldom close.
                await self._play(healthy)

    async def _play(self, plan):
        if await self.put(plan(self._plans_random)):
            self.plans[plan.__name__] += 1
        await asyncio.sleep(self._plans_random.uniform(0.3, 3))

    async def put(self, plan):
        """True if the backend accepted the plan. It may be dead."""
        try:
            answer = await self._connection.ask("PUT", "/api/faults", plan, keep=False, patience=10)
        except NoAnswer:
            return False
        return answer.status == 200

    async def kill(self, seconds, times):
        """Kills and restarts the backend `times` times, at random times within `seconds`."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for at in sorted(self._kills_random.uniform(0, seconds) for _ in range(times)):
            await asyncio.sleep(begin + at - loop.time())
            self._backend.kill()
            self.kills += 1
            await asyncio.sleep(self._kills_random.uniform(0.05, 1))
            self._backend.start()
            # In a thread: the callers go on.
            await asyncio.to_thread(self._backend.await_port)
