"""The lab that Prometheus scrapes, and its callers."""

import contextlib
import socket
import threading

from harness import http
from harness.services import start_backend, start_client
from resilience_lab.waiting import wait_for

WORKERS = {"WORKERS": "2", "SHUTDOWN_TIMEOUT": "1"}
# The lab's times, sixty times as fast: a reset timeout of 30 s is 0.5 s.
CLIENT = {
    # Fault injection needs it.
    "ADMIN_TOKEN": "monitoring",
    "MAX_CALLS": "20",
    "BREAKER_RESET_TIMEOUT": "0.5",
    "BREAKER_TRIAL_LEASE": "1",
    "ATTEMPT_TIMEOUT": "1",
    "CONNECT_TIMEOUT": "0.5",
    "CONNECT_RETRIES": "0",
    "CALL_DEADLINE": "3",
    "RETRY_BASE_DELAY": "0.02",
    "RETRY_MAX_DELAY": "0.1",
}
CALL, BASELINE, RETRY = "/api/call-backend", "/api/call-backend-without-resilience", "/api/test-retry"
# One caller for each kind of call, and a second one for calls with resilience.
EVERYDAY = (CALL, CALL, BASELINE, RETRY)
A_FEW_FAILURES = {"failure_rate": 0.2, "transient_failure_rate": 0.2}


class Lab:
    """A backend without faults, and a client."""

    def __init__(self, processes, bin_dir):
        self.backend = start_backend(processes, bin_dir, WORKERS | {"FAULT_SEED": "5"})
        self.client = start_client(processes, bin_dir, self.backend, WORKERS | CLIENT)
        # Opens an event stream, for the metric that counts them.
        threading.Thread(target=read_events, args=(self.client.port,), daemon=True).start()

    def state(self):
        return http.get(self.client.url("/health"))["circuit_breaker_state"]

    def await_state(self, state):
        assert wait_for(lambda: self.state() == state, 20), f"the circuit is {self.state()}, not {state}"

    def set_faults(self, **plan):
        assert http.call("PUT", self.backend.url("/api/faults"), plan)[0] == 200

    def inject(self, failure_rate):
        self.change("PATCH", "/api/circuit-breaker/settings", {"chaos_failure_rate": failure_rate})

    def post(self, path, body=None):
        self.change("POST", path, body or {})

    def change(self, method, path, body):
        status, answer = http.call(method, self.client.url(path), body, token=CLIENT["ADMIN_TOKEN"])
        assert status == 200, answer

    def open(self):
        """Opens the circuit by failing calls."""

        def is_open():
            self.post("/api/stress-test", {"num_requests": 10, "failure_rate": 1.0})
            return self.state() == "open"

        assert wait_for(is_open, 20), "the circuit does not open"

    def traffic(self, *paths, pause=0.1):
        return calling([self.client.url(path) for path in paths], pause)


@contextlib.contextmanager
def calling(urls, pause):
    """Starts a caller for each URL: ten calls, one after the other, then a pause in seconds, and again."""
    over = threading.Event()

    def call(url):
        while not over.wait(pause):
            for _ in range(10):
                with contextlib.suppress(OSError):
                    http.get(url, seconds=5)
                if over.is_set():
                    break

    callers = [threading.Thread(target=call, args=(url,)) for url in urls]
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        over.set()
        for caller in callers:
            caller.join()


def read_events(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: monitoring\r\n\r\n")
        while connection.recv(65536):
            pass
