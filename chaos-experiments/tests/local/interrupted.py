"""Runs inside the local cluster, as its COMMAND: an experiment that a signal ends while the backend has no pods.

    python -m tests.local.interrupted SIGINT

Prints what the experiment said, and what it has left of the Deployment and the ConfigMap.
"""

import signal
import subprocess
import sys
import time

from chaosk8s import create_k8s_api_client
from kubernetes import client

NS, BACKEND = "lab3-resilience", "backend-service"
COMMAND = "chaos --no-version-check --no-log-file run --journal-path /dev/null pod-failure.yaml"


def main() -> None:
    api = create_k8s_api_client()
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)

    def replicas() -> int:
        return apps.read_namespaced_deployment(BACKEND, NS).spec.replicas

    said = subprocess.Popen(COMMAND.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while replicas() and said.poll() is None:
            time.sleep(0.05)
        said.send_signal(signal.Signals[sys.argv[1]])
        print(said.communicate(timeout=30)[0])
    finally:
        said.kill()
    settings = core.read_namespaced_config_map("backend-config", NS).data
    print("exit status", said.returncode, "replicas", replicas(), "FAILURE_RATE", settings["FAILURE_RATE"])


main()
