"""The cluster: keeps the number of pods that the Deployments want, and updates the store and the network.

Rules are pure functions in other modules; this module decides when they apply.
"""

import asyncio
import random
import sys
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from . import network, objects
from .dataplane import Dataplane
from .lab import Deployment, Lab
from .listing import Listing, active
from .manifests import generated_name
from .pods import Pod
from .policy import Policy
from .process import ending
from .store import Object, Store
from .wanted import Wanted

# Seconds from a change of a pod to a change of the Service's rules. A cluster takes about as long: controller, API
# server, and kube-proxy, which updates at most once a second.
ENDPOINT_DELAY = 1.0
# Seconds between startup probes while the cluster starts: no experiment runs yet, and the start takes less time.
STARTUP_PERIOD = 0.1


class StartFailed(Exception):
    """The pods did not become ready; the text says why."""


class Cluster:
    """All state of the cluster. `settings` are variables by Deployment, in addition to the manifests."""

    def __init__(
        self, lab: Lab, settings: Mapping[str, Mapping[str, str]], binaries: Path, logs: Path, pod_start_delay: float
    ) -> None:
        self.lab = lab
        self.store = Store()
        self.pods: dict[str, Pod] = {}
        self._wanted = Wanted(lab, settings)
        self.service_ips = {
            item.name: network.service_ip(index) for index, item in enumerate(lab.services) if not item.headless
        }
        self.namespaces = objects.namespace_labels(lab)
        # An error of a background task ends the cluster.
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._binaries = binaries
        self._logs = logs
        self._pod_start_delay = pod_start_delay
        self.dataplane = Dataplane(lab, self.service_ips, self.namespaces)
        self._listing = Listing(self.store, lab, self._wanted, self.service_ips, self.namespaces)
        self._running: set[Pod] = set()
        self._numbers = 0
        self._started = False
        self._ready = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- start and end -----------------------------------------------------------------------------------------------

    async def start_pods(self, timeout: float) -> None:
        """Returns when all pods are ready, and reachable through their Services."""
        for deployment in self.lab.deployments:
            for _ in range(deployment.replicas):
                self._create(deployment, delay=0.0)
        self._publish()
        ready = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait([ready, self.failed], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self.failed.done():
            self.failed.result()
        if not self._ready.is_set():
            waiting = [pod for pod in self.pods.values() if not pod.state.ready]
            raise StartFailed("\n".join([f"not ready after {timeout:g} s:", *(pod.end_of_log() for pod in waiting)]))
        self._started = True
        await self._follow_endpoints(delay=0.0)

    async def stop(self) -> None:
        """Kills all pods, and waits until their logs are complete."""
        self._started = False
        for task in self._tasks:
            task.cancel()
        if ends := [asyncio.ensure_future(pod.kill()) for pod in self._running]:
            # Remaining processes end with the namespaces.
            await asyncio.wait(ends, timeout=2)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self.failed.done():
            self.failed.set_exception(error)

    # ---- pods --------------------------------------------------------------------------------------------------------

    def _create(self, deployment: Deployment, delay: float) -> None:
        name = f"{deployment.name}-{deployment.template_hash}-{generated_name(random.getrandbits(64), 5)}"
        pod = Pod(
            state=objects.PodState(name, deployment, time.time()),
            command=[str(self._binaries / deployment.binary)],
            log_path=self._logs / f"{name}.log",
            on_change=self._publish,
            startup_period=None if self._started else STARTUP_PERIOD,
        )
        self.pods[name] = pod
        pod.task = self._spawn(self._run(pod, delay))

    async def _run(self, pod: Pod, delay: float) -> None:
        """Runs a pod from its start to its end."""
        await asyncio.sleep(delay)
        self._numbers += 1
        number = self._numbers
        used = {each.state.ip for each in self._running}
        ips = network.POD_IPS[(number - 1) % len(network.POD_IPS) :] + network.POD_IPS
        self._running.add(pod)
        try:
            await pod.start(next(ip for ip in ips if ip not in used), self._wanted.environment(pod.state))
            await self.dataplane.add_pod(pod, f"pod{number}")
            await pod.serve()
        finally:
            await pod.kill()
            self._running.discard(pod)
            self.dataplane.remove_pod(pod)
        self._gone(pod)

    def _gone(self, pod: Pod) -> None:
        forgotten = self.pods.pop(pod.state.name, None) is None
        if pod.state.deletion is None and not forgotten:
            how = ending(pod.exit_status)
            if not self._started:
                raise StartFailed(f"{pod.state.name} ended at its start ({how}):\n{pod.end_of_log()}")
            print(f"local cluster: {pod.state.name} ended by itself ({how})", file=sys.stderr)
        self._publish()

    def delete_pod(self, pod: Pod, grace: int | None) -> None:
        """With grace period 0 the object is deleted at once, otherwise when the process has ended."""
        self._end(pod, int(pod.state.deployment.grace_period) if grace is None else grace)
        self._publish()

    def _end(self, pod: Pod, grace: int) -> None:
        if pod.state.started is None:
            # The process has not started.
            pod.state.deletion = (time.time(), 0)
            del self.pods[pod.state.name]
            if pod.task is not None:
                pod.task.cancel()
        else:
            pod.terminate(grace)
            if grace == 0:
                del self.pods[pod.state.name]

    def change(self, kind: str, item: Object) -> None:
        """Applies an object that `changes.patched` has returned."""
        self._wanted.change(kind, item)
        self._publish()

    def _publish(self) -> None:
        """Creates and ends pods as the Deployments want, and updates the store and the Services."""
        for deployment in self.lab.deployments if self._started else ():
            wanted = self._wanted.replicas[deployment.name]
            running = active(deployment, (pod.state for pod in self.pods.values()))
            for _ in range(wanted - len(running)):
                self._create(deployment, self._pod_start_delay)
            # The youngest first.
            for state in running[wanted:]:
                self._end(self.pods[state.name], int(deployment.grace_period))
        self._listing.fill([pod.state for pod in self.pods.values()], self.dataplane.policies)
        if all(pod.state.ready for pod in self.pods.values()):
            self._ready.set()
        if self._started and self._wanted_endpoints() != self.dataplane.endpoints:
            self._spawn(self._follow_endpoints(ENDPOINT_DELAY))

    def _wanted_endpoints(self) -> dict[str, tuple[str, ...]]:
        return self.dataplane.endpoints_of(pod.state for pod in self.pods.values())

    async def _follow_endpoints(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self.dataplane.endpoints = self._wanted_endpoints()
        await self.dataplane.update()

    # ---- policies ----------------------------------------------------------------------------------------------------

    async def add_policy(self, policy: Policy, item: Object) -> None:
        """Returns when it is in force."""
        self.dataplane.policies[policy.name] = (policy, item)
        self._publish()
        await self.dataplane.update()

    async def remove_policy(self, name: str) -> None:
        """Returns when it is no longer in force."""
        del self.dataplane.policies[name]
        self._publish()
        await self.dataplane.update()
