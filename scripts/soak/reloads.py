"""Rewrites the client's file of upstreams once a second, while calls are passed on to them.

The file stands as in a folder that Kubernetes makes of a ConfigMap: it is a link to `..data/upstreams.toml`, and
`..data` is a link to a folder, which is swapped. Every other time, another file is renamed to its place.
"""

import asyncio
import os
import shutil
from functools import partial
from pathlib import Path

from harness.processes import Failure, Process
from harness.services import start_backend

from . import shapes
from .load import Kind
from .wire import Connection

# Number of upstreams that only one generation of the file has. What is left of each would show in the memory.
TEMPORARY = 20
CALLERS = 6
PAUSE = 0.02
# Seconds until a file is in force. The client reads one within 10 s even without events.
PATIENCE = 9.0
ROUTE = "/upstreams/{path}*"


class Folder:
    """A folder with the file."""

    def __init__(self, path: Path, text: str):
        self.file = path / "upstreams.toml"
        self._path = path
        self._number = 0
        path.mkdir()
        self.swap(text)

    def swap(self, text: str):
        """Swaps the folder behind `..data`, as the kubelet does."""
        old = self._path / f"..{self._number}"
        self._number += 1
        new = self._path / f"..{self._number}"
        new.mkdir()
        (new / self.file.name).write_text(text, encoding="utf-8")
        self._link("..data", new.name)
        if not self.file.is_symlink():
            self._link(self.file.name, f"..data/{self.file.name}")
        shutil.rmtree(old, ignore_errors=True)

    def rename(self, text: str):
        new = self._path / "new"
        new.write_text(text, encoding="utf-8")
        new.replace(self.file)

    def _link(self, name: str, target: str):
        new = self._path / "..new"
        new.symlink_to(target)
        os.replace(new, self._path / name)


class Reloads:
    """The file, two upstreams without faults, and the calls to them."""

    def __init__(self, processes, bin_dir: Path, folder: Path):
        self.count = 0
        self.seconds = 0.0
        self._upstreams = {
            name: start_backend(processes, bin_dir, {"HOSTNAME": name, "WORKERS": "1"}, name) for name in "ab"
        }
        self._folder = Folder(folder, self._file({"a": "a"}))
        self.settings = {"CONFIG": str(self._folder.file)}

    async def run(self, client: Process, load, seconds: float):
        """Rewrites the file once a second for `seconds`. At the end it is the first file again."""
        loop, connection = asyncio.get_running_loop(), Connection(client.port)
        begin = loop.time()
        await self._reload(load, connection)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(self._caller(client, load, "aabbmm"[number], stop))
            while loop.time() + 1 < begin + seconds:
                await asyncio.sleep(begin + self.count - loop.time())
                await self._reload(load, connection)
            stop.set()
        self.seconds = loop.time() - begin
        self._folder.swap(self._file({"a": "a"}))
        await self._until(load, connection, f"new-{self.count}-0", 404)
        self.count += 1
        connection.abort()

    async def _reload(self, load, connection):
        """Writes the next file, waits until it is in force, and looks at what it changes."""
        self.count += 1
        number, moved = self.count, "ab"[self.count % 2]
        temporary = {f"new-{number}-{index}": "ab"[index % 2] for index in range(TEMPORARY)}
        text = self._file({"a": "a", "b": "b", "moves": moved} | temporary)
        if number % 2:
            self._folder.rename(text)
        else:
            self._folder.swap(text)
        await self._until(load, connection, f"new-{number}-0", 200)
        await load.ask(connection, passed_on(f"new-{number}-{TEMPORARY - 1}", "b"))
        await load.ask(connection, passed_on("moves", moved))
        await load.ask(connection, Kind(ROUTE, 0, {404}, shapes.error, path=f"/upstreams/new-{number - 1}-0/"))

    async def _until(self, load, connection, name, status):
        kind = Kind(ROUTE, 0, {200, 404}, lambda answer: None, path=f"/upstreams/{name}/api/data")
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while (answer := await load.ask(connection, kind)) is None or answer.status != status:
            if asyncio.get_running_loop().time() > deadline:
                raise Failure(f"file {self.count} is not in force after {PATIENCE:.0f} s")
            await asyncio.sleep(PAUSE)

    async def _caller(self, client, load, name, stop):
        connection = Connection(client.port)
        kind = passed_on("moves", "ab") if name == "m" else passed_on(name, name)
        while not stop.is_set():
            await load.ask(connection, kind)
            await asyncio.sleep(PAUSE)
        connection.abort()

    def _file(self, upstreams: dict[str, str]) -> str:
        """Each upstream of the file, with the name of the server where it is. Settings of those that stay change."""
        changing = f"retry_max_attempts = {2 + self.count % 3}\nconnect_timeout = 0.{8 + self.count % 2}\n"
        return "".join(
            f'[upstreams.{name}]\nurl = "{self._upstreams[server].url("")}"\n{changing}'
            for name, server in upstreams.items()
        )


def passed_on(name: str, servers: str) -> Kind:
    """A call to an upstream that one of these servers answers."""
    check = partial(shapes.passed_on, servers=servers)
    return Kind(ROUTE, 0, {200}, check, path=f"/upstreams/{name}/api/data")
