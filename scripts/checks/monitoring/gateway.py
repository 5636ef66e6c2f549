"""A client as a gateway: an upstream for the policies that fit together, and callers of each."""

from harness import http
from harness.services import start_backend, start_client
from lab import CLIENT, WORKERS, calling

# With the times of the lab. A setting of the environment is none of the file.
TIMES = """\
attempt_timeout = 1
breaker_reset_timeout = 0.5
breaker_trial_lease = 1
call_deadline = 3
retry_base_delay = 0.02
retry_max_delay = 0.1
"""
# The upstream `several` has an endpoint that refuses connections.
UPSTREAMS = {
    "limited": """\
url = "{url}"
concurrency_max = "auto"
concurrency_floor = 1
concurrency_ceiling = 2
concurrency_queue = 4
concurrency_wait = 0.5
priority_header = "X-Request-Priority"
rate_limit = "30/s"
rate_burst = 5
rate_wait = 0.5
retry_max_attempts = 1
""",
    "hedged": """\
url = "{url}"
hedge_after = 0.05
retry_budget = 0.1
retry_budget_min = 1
""",
    "refused": """\
url = "{url}"
retry_after_max = 0.5
retry_after_scope = "upstream"
retry_max_attempts = 1
throttle = "on"
""",
    "kept": """\
url = "{url}"
breaker_fail_max = 2
breaker_probe = "/health"
breaker_probe_interval = 0.1
coalesce = "on"
fallback = "stale"
retry_max_attempts = 1
""",
    "several": """\
url = ["{url}", "{dead}"]
eject_consecutive_failures = 1
""",
}
PATHS = {"refused": "/api/transient-failure"}
CALLERS = 6
FAULTS = {
    "failure_rate": 0.3,
    "slow_response_rate": 0.4,
    "slow_response_delay": 0.2,
    "transient_failure_rate": 0.8,
}


class Gateway:
    """A gateway, and its own backend, which Prometheus does not scrape."""

    def __init__(self, processes, bin_dir, directory):
        settings = WORKERS | {"FAULT_SEED": "6", "TRANSIENT_RETRY_AFTER": "1"}
        self._backend = start_backend(processes, bin_dir, settings, "upstream")
        self._dead = f"http://127.0.0.1:{processes.free_port()}"
        self._file = directory / "upstreams.toml"
        self.write_file()
        config = WORKERS | {"ADMIN_TOKEN": CLIENT["ADMIN_TOKEN"], "CONFIG": str(self._file)}
        self.process = start_client(processes, bin_dir, self._backend, config, "gateway")

    def write_file(self, wrong=""):
        tables = (f"[upstreams.{name}]\n{text}{TIMES}" for name, text in UPSTREAMS.items())
        text = "\n".join(tables).format(url=self._backend.url(""), dead=self._dead)
        self._file.write_text(text + wrong, encoding="utf-8")

    def inject_faults_at(self, name, share):
        path = f"/api/upstreams/{name}/settings"
        body = {"chaos_failure_rate": share}
        status, answer = http.call("PATCH", self.process.url(path), body, token=CLIENT["ADMIN_TOKEN"])
        assert status == 200, answer

    def traffic(self):
        """Callers of each upstream, whose backend fails, is slow and refuses."""
        assert http.call("PUT", self._backend.url("/api/faults"), FAULTS)[0] == 200
        urls = [self.process.url(f"/upstreams/{name}{PATHS.get(name, '/api/data')}") for name in UPSTREAMS]
        return calling(urls * CALLERS, pause=0.1)
