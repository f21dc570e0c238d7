"""Start and stop the whole stack: emulators, functions, subscriptions, viewer. Each part is a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from infra.local import activity, breakable, endpoints, external_services, gate, official_pubsub, resources, topology
from infra.local.ceiling import ceiling, given
from infra.local.endpoints import Endpoints, State
from infra.local.eyes import eyes
from infra.local.private import keep_private
from infra.local.process import (
    ROOT,
    Process,
    child_environment,
    held_port,
    proxies,
    service_argv,
    without_proxy,
)
from infra.local.ticker import Ticker
from shared.config import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.local.topology import Function

START_TIMEOUT_S = 60.0
_TIMES = ("TIMEOUT_S", "LEASE_TTL_S")
GUARDED = ROOT / "infra" / "local" / "guarded.py"
"""What functions-framework serves here: `main.py`, behind a guard."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to start. `viewer_port` None starts no viewer, 0 any free port; `forget`: results go with their uploads.

    `vertex`: the functions reach our Gemini emulator as Vertex. `real`: they ask Gemini itself, which costs money, as
    the environment says; without it they never do, whatever keys the environment holds.
    """

    state_dir: Path
    official_pubsub: bool = False
    viewer_port: int | None = None
    forget: bool = False
    vertex: bool = False
    real: bool = False


def _nobody(_: str) -> None:
    """Wait without telling anybody for what."""


class Stack:
    """A running stack; a context manager that leaves no process behind."""

    def __init__(
        self,
        options: Options,
        *,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        on_line: Callable[[str, str], None],
        waiting_for: Callable[[str], None] = _nobody,
    ) -> None:
        """`say` hears of every part that is ready, `waiting_for` which one is not, `on_line` every line of their logs.

        Raises nothing yet: the parts start where the block begins.
        """
        self._options = options
        self._waiting_for = waiting_for
        self._environ = dict(environ)
        self._say = say
        self._on_line = on_line
        self._children: list[Process] = []
        self._ticker: Ticker | None = None
        self._sockets: tempfile.TemporaryDirectory[str] | None = None
        self._pubsub_control: str | None = None
        self._rules: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoints(self) -> Endpoints:
        """Where the services listen."""
        return self._endpoints

    @property
    def _activity(self) -> Path:
        return self._options.state_dir.resolve() / activity.FILE

    @property
    def entrance(self) -> Path:
        """The file of the gate before the functions."""
        return self._options.state_dir.resolve() / gate.FILE

    def dead(self) -> Process | None:
        """Return a part that has died, if one has."""
        return next((child for child in self._children if not child.running), None)

    def stop(self) -> None:
        """End every part, newest first, all at once."""
        if self._ticker is not None:
            self._ticker.stop()
            self._ticker = None
        for child in reversed(self._children):
            child.ask_to_stop()
        for child in reversed(self._children):
            child.stop()
        self._children.clear()
        if self._sockets is not None:
            self._sockets.cleanup()
        endpoints.remove(self._options.state_dir)

    def _start(self) -> None:
        self._external = external_services.read(self._environ, real=self._options.real)
        for note in self._external.notes:
            self._say(note)
        keep_private(self._options.state_dir)
        self._activity.unlink(missing_ok=True)  # of an earlier stack
        gate.open_for_all(self.entrance)
        self._sockets = tempfile.TemporaryDirectory(prefix="uplook-")
        pubsub = self._start_pubsub()
        with external_services.answering(external_services.PUBSUB, self._external.pubsub):
            resources.create_topics(pubsub)
        storage = self._start_storage(pubsub)
        gemini = self._start_gemini(storage)
        self._endpoints = Endpoints(
            storage,
            pubsub,
            self._ready(gemini) if gemini else None,
            vertex=self._options.vertex,
            pubsub_control=self._pubsub_control,
        )
        self._rules = self._write_rules()
        self._start_functions()
        self._ticker = Ticker(pubsub, say=self._say)
        self._ticker.start()
        self._endpoints = self._with_viewer()
        children = {child.name: child.pid for child in self._children}
        self._write_state(children)

    def _write_state(self, children: Mapping[str, int]) -> None:
        limits = given(self._environ)
        rules = self._external.environ.get("RULES_FILE", "").strip()
        past_proxies = without_proxy(self._environ) if proxies(self._environ) else {}  # for curl, and clients of yours
        endpoints.write(
            State(os.getpid(), self._endpoints, children),
            self._options.state_dir,
            chosen={} if limits else ceiling(self._environ, real=self._options.real),
            given=limits | ({"RULES_FILE": str(Path(rules).absolute())} if rules else {}) | past_proxies,
        )

    def _start_gemini(self, storage: str) -> Process | None:
        gemini = self._external.gemini
        if gemini is None:
            return self._service("gemini", "--storage", storage)  # so that it can fetch gs:// images itself
        self._say(f"gemini     {gemini.words}: every call costs money")
        limits = ceiling(self._environ, real=True)
        self._say(f"ceiling    {', '.join(f'{name}={value}' for name, value in limits.items())}")
        if self._options.vertex and not gemini.vertex:
            self._say("           (--backend is the emulator's: a key asks the Gemini API)")
        return None

    def _ready(self, child: Process) -> str:
        self._waiting_for(child.name)
        return child.wait_ready(timeout_s=START_TIMEOUT_S)

    def _start_pubsub(self) -> str:
        if self._external.pubsub:
            self._say(f"pubsub     yours, at {self._external.pubsub}")
            return self._external.pubsub
        if self._options.official_pubsub:
            return self._start_official_pubsub()
        with held_port() as port:
            url = self._ready(self._service("pubsub", "--control-port", str(port)))
        self._pubsub_control = f"http://127.0.0.1:{port}"
        self._say(f"pubsub     {url}")
        return url.removeprefix("http://")

    def _start_official_pubsub(self) -> str:
        with held_port() as port:
            child = self._child("pubsub", official_pubsub.find(self._environ).command(port))
            self._waiting_for("Google's Pub/Sub emulator")
            official_pubsub.wait_ready(port, timeout_s=START_TIMEOUT_S, alive=lambda: child.running)
        self._say(f"pubsub     http://127.0.0.1:{port} (Google's own emulator)")
        return f"127.0.0.1:{port}"

    def _start_storage(self, pubsub: str) -> str:
        if self._external.storage:
            self._say(f"storage    yours, at {self._external.storage}")
            with external_services.answering(external_services.STORAGE, self._external.storage):
                resources.create_buckets(self._external.storage, notify=True)
            return self._external.storage
        eventarc = f"{topology.UPLOADS}={topology.topic_path(topology.UPLOAD_EVENTS)}"
        url = self._ready(self._service("storage", "--pubsub", pubsub, "--eventarc", eventarc))
        self._say(f"storage    {url}")
        resources.create_buckets(url, notify=False)
        return url

    def _start_functions(self) -> None:
        if self._endpoints.gemini:
            role = "as Vertex; local vision" if self._endpoints.vertex else "local vision"
            self._say(f"gemini     {self._endpoints.gemini} ({role}, no model: answers come from the pixels)")
            self._say(f"           {eyes(self._environ)}")
        left_out = frozenset() if self._options.forget else topology.OPTIONAL
        functions = [function for function in topology.FUNCTIONS if function.name not in left_out]
        with contextlib.ExitStack() as held:
            ports = {function.name: held.enter_context(held_port()) for function in functions}
            self._await_functions([self._start_function(function, ports[function.name]) for function in functions])
        ours = self._external.pubsub is None and not self._options.official_pubsub
        resources.create_subscriptions(self._endpoints.pubsub, ports, cloud_events=ours)
        self._say(f"functions  {', '.join(function.name for function in functions)}")

    def _await_functions(self, started: list[tuple[Process, int]]) -> None:
        left = [child.name for child, _ in started]
        self._waiting_for(", ".join(left))

        def wait(child: Process, port: int) -> None:
            child.wait_port(port, timeout_s=START_TIMEOUT_S)
            left.remove(child.name)
            self._waiting_for(", ".join(left))

        with ThreadPoolExecutor(len(started)) as pool:
            list(pool.map(lambda one: wait(*one), started))

    def _start_function(self, function: Function, port: int) -> tuple[Process, int]:
        argv = [sys.executable, "-m", "functions_framework", "--source", str(GUARDED)]
        argv += [
            "--target",
            function.name,
            "--signature-type",
            "cloudevent",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        env = self._function_env() | {"THREADS": str(function.concurrency)}
        env |= {activity.FILE_VARIABLE: str(self._activity), activity.FUNCTION_VARIABLE: function.name}
        env[gate.FILE_VARIABLE] = str(self.entrance)
        env["XDG_RUNTIME_DIR"] = self._socket_dir(function.name)
        if self._external.gemini and self._external.gemini.project:  # yours: the project that is asked, and pays
            env["GOOGLE_CLOUD_PROJECT"] = self._external.gemini.project
        return self._child(function.name, argv, env), port

    def _function_env(self) -> dict[str, str]:
        """Return what the functions are told, and whoever acts as one of them; times that were given are kept."""
        left = endpoints.stale(self._environ)
        times = {name: self._environ[name] for name in _TIMES if name in self._environ and name not in left}
        return self._endpoints.function_env() | ceiling(self._environ, real=self._options.real) | times | self._rules

    def _write_rules(self) -> dict[str, str]:
        """Return which rules hold: where the page can break something, with the budget that a button uses up."""
        if self._endpoints.gemini is None or self._options.viewer_port is None:
            return {}
        own = self._external.environ.get("RULES_FILE", "").strip()
        path = breakable.write_rules(Path(own) if own else Settings.rules_file, self._options.state_dir.resolve())
        return {"RULES_FILE": str(path)}

    def _socket_dir(self, name: str) -> str:
        """A folder for gunicorn's control socket, which lies in one place for all of a person's servers otherwise.

        Not in the state folder: the path of a Unix socket has 108 bytes at most.
        """
        assert self._sockets is not None  # noqa: S101 - made before any part starts
        folder = Path(self._sockets.name, name)
        folder.mkdir()
        return str(folder)

    def _with_viewer(self) -> Endpoints:
        found = self._endpoints
        if self._options.viewer_port is None:
            return found
        argv = ["--port", str(self._options.viewer_port), "--state", str(self._options.state_dir.resolve())]
        argv += [] if self._external.storage else ["--storage", found.storage]
        argv += ["--pubsub-control", found.pubsub_control] if found.pubsub_control else []
        argv += ["--gemini", found.gemini] if found.gemini else []
        child = self._child("viewer", service_argv("viewer", *argv), self._function_env())
        url = self._ready(child)
        self._say(f"viewer     {url}")
        return replace(found, viewer=url)

    def _service(self, name: str, *arguments: str) -> Process:
        return self._child(name, service_argv(name, "--port", "0", *arguments))

    def _child(self, name: str, argv: list[str], env: Mapping[str, str] | None = None) -> Process:
        base = child_environment(self._external.environ, pycache=self._options.state_dir.resolve() / "pycache")
        child = Process(name, argv, env=base | {"PYTHONUNBUFFERED": "1"} | dict(env or {}), on_line=self._on_line)
        self._children.append(child)
        return child
