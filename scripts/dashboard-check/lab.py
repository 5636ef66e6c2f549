"""The lab that the dashboard is checked against: a backend and a client, and plain calls to both."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

RESET_TIMEOUT = 3.0

# A backend that does nothing wrong until it is told to; a client that does not wait long.
BACKEND = {
    "FAILURE_RATE": "0",
    "SLOW_RESPONSE_RATE": "0",
    "TRANSIENT_FAILURE_RATE": "0",
}
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
OURS = {
    "ADMIN_TOKEN",
    "BACKEND_URL",
    "BACKEND_FAULTS_HOST",
    "MAX_EVENT_STREAMS",
    "MAX_CALLS",
    "RUST_LOG",
    "LOG_FORMAT",
    "WORKERS",
}

# No proxy comes between.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def wait_until(condition, what, seconds=5.0):
    """Waits until `condition()` is true, and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


class Service:
    """One process on a port of 127.0.0.1, and its endpoints."""

    def __init__(self, program, port, settings, log):
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._program = program
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in OURS and not name.startswith(("BREAKER_", "RETRY_"))
        }
        self._environment = inherited | settings | {"HOST": "127.0.0.1", "PORT": str(port)}
        self._process = None

    def start(self):
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen([self._program], env=self._environment, stdout=log, stderr=log)
        wait_until(self._is_healthy, f"{self._program} is healthy", 30)

    def _is_healthy(self):
        if self._process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                last = log.readlines()[-1:]
            raise AssertionError(
                f"{self._program} ended with status {self._process.returncode}: {''.join(last).strip()}"
            )
        try:
            return self.get("/health")["status"] == "healthy"
        except OSError:
            return False

    def kill(self):
        """Without a chance to say goodbye."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self):
        """Its connections stay, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def get(self, path):
        return self.call("GET", path)

    def call(self, method, path, body=None):
        """The body of the answer, whatever its status."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with _opener.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def leave(self, path, seconds):
        """A GET whose caller closes the connection before the answer comes."""
        try:
            _opener.open(self.url + path, timeout=seconds).close()
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


class Lab:
    """One backend, a client without an admin token, and a client with one, for one reader, with trips by rate."""

    def __init__(self, bin_dir, ports, logs):
        backend, client, guarded = ports
        target = {"BACKEND_URL": f"http://127.0.0.1:{backend}"}
        self.token = "token-of-this-check"
        guards = {"ADMIN_TOKEN": self.token, "MAX_EVENT_STREAMS": "1"}
        self.backend = Service(f"{bin_dir}/backend-service", backend, BACKEND, f"{logs}/backend.log")
        self.client = Client(f"{bin_dir}/client-service", client, CLIENT | target, f"{logs}/client.log")
        settings = CLIENT | RATES | target | guards
        self.guarded = Client(f"{bin_dir}/client-service", guarded, settings, f"{logs}/guarded.log")
        self.services = [self.backend, self.client, self.guarded]

    def __enter__(self):
        try:
            for service in self.services:
                service.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for service in self.services:
            service.kill()

    def fail(self, **plan):
        """Puts a fault plan in force, past the client."""
        self.backend.call("PUT", "/api/faults", plan)
