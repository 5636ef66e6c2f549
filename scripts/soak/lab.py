"""The settings of the two processes, and what is sampled of the client."""

from dataclasses import dataclass

from harness.processes import Process

# All times are short: the circuit opens and closes many times a minute.
CLIENT = {
    "WORKERS": "2",
    "BREAKER_RESET_TIMEOUT": "0.5",
    "RETRY_BASE_DELAY": "0.1",
    "RETRY_MAX_DELAY": "0.5",
    "ATTEMPT_TIMEOUT": "0.5",
    "CONNECT_TIMEOUT": "0.3",
    "BREAKER_TRIAL_LEASE": "1",
    "CALL_DEADLINE": "3",
}
BACKEND = {"WORKERS": "2"}
SHUTDOWN_TIMEOUT = 35.0


@dataclass
class Sample:
    """Resident bytes, open files and threads of the client, `at` seconds after the start."""

    at: float
    memory: int
    files: int
    threads: int


def sample(process: Process, at: float) -> Sample:
    return Sample(at, process.memory(), process.open_files(), process.thread_count())
