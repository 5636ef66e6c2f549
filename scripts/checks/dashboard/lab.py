"""The lab that the dashboard is tested against: a backend and two clients."""

import signal

from harness import http
from harness.processes import Process, Processes
from harness.services import start_backend, start_client

RESET_TIMEOUT = 3.0
CLIENT = {
    "BREAKER_RESET_TIMEOUT": str(RESET_TIMEOUT),
    "RETRY_BASE_DELAY": "0.2",
    "ATTEMPT_TIMEOUT": "1",
    "CONNECT_TIMEOUT": "0.5",
}
RATES = {
    "BREAKER_FAILURE_RATE": "0.5",
    "BREAKER_SLOW_RATE": "0.3",
    "BREAKER_SLOW_CALL": "0.5",
    "BREAKER_MIN_CALLS": "4",
}
# All that can be on at the start. Fault injection is switched on by a test.
POLICIES = {
    "CONCURRENCY_MAX": "auto",
    "PRIORITY_HEADER": "X-Request-Priority",
    "RATE_LIMIT": "10000/s",
    "RETRY_BUDGET": "0.5",
    "HEDGE_AFTER": "p99",
    "BREAKER_PROBE": "/health",
    "RETRY_AFTER_SCOPE": "upstream",
    "THROTTLE": "on",
    "FALLBACK": "stale",
    "COALESCE": "on",
}


# The file of upstreams: both are the backend, so that it decides how their calls end.
UPSTREAMS = """
[upstreams.mail]
url = "{url}"

[upstreams.payments]
url = "{url}"
breaker_reset_timeout = {reset}
retry_base_delay = 0.05
concurrency_max = 7
"""


class Service:
    """A running service, and calls to it."""

    def __init__(self, process: Process):
        self._process = process
        self.url = process.url("")

    def start(self):
        self._process.start()
        self._process.await_port()

    def kill(self):
        self._process.kill()

    def pause(self):
        """Its connections stay open, and nothing answers."""
        self._process.popen.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.popen.send_signal(signal.SIGCONT)

    def get(self, path):
        return http.get(self.url + path)

    def call(self, method, path, body=None, token=None):
        """The body of the answer, whatever its status."""
        return http.call(method, self.url + path, body, token=token)[1]

    def leave(self, path, seconds):
        """A GET whose caller closes the connection before the answer comes."""
        try:
            http.succeed(self.url + path, seconds)
        except TimeoutError:
            return
        raise AssertionError(f"{path} answered within {seconds:g} s")


class Client(Service):
    """The client-service."""

    def breaker(self):
        return self.get("/api/circuit-breaker")

    def stats(self):
        return self.get("/api/stats")["statistics"]

    def reset(self):
        self.call("POST", "/api/circuit-breaker/reset")

    def open(self):
        """Opens the circuit as an outage does."""
        self.call("POST", "/api/stress-test", {"num_requests": 8})

    def events(self, *types):
        return self.get(f"/api/events/history?limit=1000&type={','.join(types)}")["events"]


class Gateway(Client):
    """A client with upstreams of a file."""

    def upstream(self, name):
        return self.get(f"/api/upstreams/{name}")

    def pass_on(self, name, count=1):
        for _ in range(count):
            self.call("GET", f"/upstreams/{name}/api/data")

    def reset_all(self):
        for name in ("backend%20(lab)", "mail", "payments"):
            self.call("POST", f"/api/upstreams/{name}/reset")


class Lab:
    """A backend, a client, a guarded client, and a client with several upstreams.

    The guarded client has an admin token, one event stream, trips by rate, and optional policies.
    """

    token = "token-of-this-check"

    def __init__(self, processes: Processes, bin_dir, directory):
        guards = {"ADMIN_TOKEN": self.token, "MAX_EVENT_STREAMS": "1"}
        backend = start_backend(processes, bin_dir, {})
        self.backend = Service(backend)
        self.client = Client(start_client(processes, bin_dir, backend, CLIENT))
        self.guarded = Client(start_client(processes, bin_dir, backend, CLIENT | RATES | POLICIES | guards, "guarded"))

        upstreams = directory / "upstreams.toml"
        upstreams.write_text(UPSTREAMS.format(url=backend.url(""), reset=RESET_TIMEOUT), encoding="utf-8")
        config = CLIENT | {"CONFIG": str(upstreams)}
        self.gateway = Gateway(start_client(processes, bin_dir, backend, config, "gateway"))

    def fail(self, **plan):
        """Sets the backend's fault plan, without the client."""
        self.backend.call("PUT", "/api/faults", plan)
