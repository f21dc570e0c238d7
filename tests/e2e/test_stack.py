"""The whole chain over real parts: a stack of real processes, ordinary clients, real pictures."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from skimage import data

from infra.local import endpoints, resources, topology
from infra.local.process import ROOT
from infra.local.viewer.faults import children_of
from shared.core.results import schemas
from tests.closed_schema import documented
from tests.services import free_port, running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud import storage

TASKS = ("caption", "detect", "segment")
FOR_OTHER_PROGRAMS = {
    "DEBUG": "app:*",
    "WORKERS": "3",
    "CLOUD_RUN_TIMEOUT_SECONDS": "never",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "NO_PROXY": "example.com",
}
"""What a shell may hold that functions-framework, or a client of this machine's services, would take for its own."""


def local(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command of the stack to its end."""
    argv = [sys.executable, "-m", "infra.local", *arguments]
    environ = {**os.environ, **(env or {})}
    return subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=400, check=False)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    listing = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(listing.stdout.strip()) and not listing.stdout.startswith("Z")


def jpeg() -> bytes:
    sink = io.BytesIO()
    Image.fromarray(data.astronaut()).save(sink, "JPEG")
    return sink.getvalue()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A stack that stays up for all tests of this file; yields its state folder."""
    state_dir = tmp_path_factory.mktemp("stack")
    (state_dir / "run").mkdir()
    env = {"XDG_RUNTIME_DIR": str(state_dir / "run"), **FOR_OTHER_PROGRAMS}
    started = local("up", "--detach", "--state", str(state_dir), "--viewer-port", "0", env=env)
    assert started.returncode == 0, started.stdout + started.stderr
    yield state_dir
    local("down", "--state", str(state_dir))


@pytest.fixture(scope="module")
def client(stack: Path) -> storage.Client:
    """An ordinary storage client, as `stack.env` tells any program to make one."""
    lines = (stack / "stack.env").read_text(encoding="utf-8").splitlines()
    env = dict(line.split("=", 1) for line in lines)
    return resources.storage_client(env["STORAGE_EMULATOR_HOST"])


def result(client: storage.Client, name: str) -> dict[str, Any] | None:
    """Return a result document, or None as long as it is not there."""
    blob = client.bucket(topology.RESULTS).get_blob(name)
    return None if blob is None else documented(blob.download_as_bytes(), where=name)


def wait_for_result(client: storage.Client, name: str) -> dict[str, Any]:
    """Return a result document as soon as it is there."""
    return wait_until(lambda: result(client, name), name)


def test_an_upload_by_an_ordinary_client_brings_three_valid_results(client: storage.Client) -> None:
    blob = client.bucket(topology.UPLOADS).blob("Über uns/50% #1 🙂.jpg")
    blob.upload_from_string(jpeg(), content_type="image/jpeg")

    for task in TASKS:
        name = f"v1/uploads/Über uns/50%25 %231 🙂.jpg/{blob.generation}/{task}.json"
        document = wait_for_result(client, name)
        assert schemas.problem(document, schemas.RESULT) is None
        assert document["status"] == "ok"
        for file in document["files"]:
            stored = client.bucket(topology.RESULTS).get_blob(file["name"])
            assert stored is not None
            assert (stored.size, stored.crc32c) == (file["size"], file["crc32c"])


def test_an_overwrite_is_a_new_image_with_results_of_its_own(client: storage.Client) -> None:
    blob = client.bucket(topology.UPLOADS).blob("twice.jpg")
    generations = []
    for _ in range(2):
        blob.upload_from_string(jpeg(), content_type="image/jpeg")
        generations.append(blob.generation)
        name = f"v1/uploads/twice.jpg/{blob.generation}/caption.json"
        wait_for_result(client, name)

    assert len(set(generations)) == 2


def test_own_metadata_chooses_the_tasks(client: storage.Client) -> None:
    blob = client.bucket(topology.UPLOADS).blob("captioned.jpg")
    blob.metadata = {"uplook-tasks": "caption"}
    blob.upload_from_string(jpeg(), content_type="image/jpeg")
    folder = f"v1/uploads/captioned.jpg/{blob.generation}/"

    wait_for_result(client, f"{folder}caption.json")

    assert [each.name for each in client.list_blobs(topology.RESULTS, prefix=folder)] == [f"{folder}caption.json"]


def test_a_second_up_finds_the_stack_running(stack: Path) -> None:
    again = local("up", "--detach", "--state", str(stack))

    assert again.returncode == 0
    assert "up already" in again.stdout


def test_a_viewer_port_that_was_given_and_is_taken_ends_the_start_in_plain_words(tmp_path: Path) -> None:
    with running("pubsub") as somebody:
        port = somebody.rpartition(":")[2]
        started = local("up", "--detach", "--state", str(tmp_path), "--viewer-port", port)

    assert started.returncode == 1
    words = f"The stack did not start: the viewer's port {port} on 127.0.0.1 is taken: name another, or 0 for any.\n"
    assert started.stdout == words


def test_no_function_listens_where_every_server_of_a_person_does(stack: Path) -> None:
    assert list((stack / "run").iterdir()) == []
    assert "Control server error" not in (stack / "stack.log").read_text(encoding="utf-8")


def test_a_function_is_one_process_whatever_the_shell_holds_for_other_programs(stack: Path) -> None:
    """A second one would go on believing in a used-up quota after the first one was told that it is mended."""
    children = _ready(stack).children
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    names = {each.name for each in topology.FUNCTIONS} & set(children)
    assert {name: len(children_of(children[name], listing)) for name in names} == dict.fromkeys(names, 1)
    assert names >= set(TASKS)


def test_stack_env_leads_programs_past_the_proxy_of_the_shell(stack: Path) -> None:
    lines = (stack / endpoints.ENV_FILE).read_text(encoding="utf-8").splitlines()
    assert {"NO_PROXY=example.com,127.0.0.1,localhost", "no_proxy=example.com,127.0.0.1,localhost"} <= set(lines)


def test_addresses_of_a_stack_that_has_ended_end_the_start_in_plain_words(tmp_path: Path) -> None:
    host = f"127.0.0.1:{free_port()}"
    started = local(
        "up", "--detach", "--state", str(tmp_path), "--viewer-port", "0", env={"PUBSUB_EMULATOR_HOST": host}
    )

    assert started.returncode == 1
    words = f"nothing listens at {host} (PUBSUB_EMULATOR_HOST): unset it, or start it"
    assert started.stdout == f"The stack did not start: {words}\n"


def test_no_key_is_written_to_the_address_file_but_that_of_our_own_emulator(stack: Path) -> None:
    lines = (stack / "stack.env").read_text(encoding="utf-8").splitlines()
    keys = {word for line in lines for word in line.split(",") if "KEY" in word}

    assert keys == {f"GEMINI_API_KEY={endpoints.LOCAL_KEY}"}


def _up(state_dir: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "infra.local", "up", "--foreground", "--state", str(state_dir), "--viewer-port", "0"]
    return subprocess.Popen(
        [*argv, *arguments],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _ready(state_dir: Path) -> endpoints.State:
    return wait_until(lambda: endpoints.read(state_dir), "ready stack")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    with tempfile.TemporaryDirectory() as short:
        supervisor = _up(tmp_path, env={"TMPDIR": short})
        state = _ready(tmp_path)

        supervisor.send_signal(number)
        output, _ = supervisor.communicate(timeout=WAIT_S)
        left = list(Path(short).iterdir())

    assert supervisor.returncode == 0, output
    assert [name for name, pid in state.children.items() if alive(pid)] == []
    assert endpoints.read(tmp_path) is None
    assert left == []


def test_down_ends_what_a_killed_supervisor_left_behind(tmp_path: Path) -> None:
    supervisor = _up(tmp_path)
    state = _ready(tmp_path)
    supervisor.kill()
    supervisor.communicate(timeout=WAIT_S)

    ended = local("down", "--state", str(tmp_path))

    assert ended.returncode == 0
    wait_until(lambda: not any(alive(pid) for pid in state.children.values()), "end of the children")


def test_two_stacks_run_side_by_side(stack: Path, tmp_path: Path) -> None:
    with running("pubsub"):  # whatever else runs on this machine
        started = local("up", "--detach", "--state", str(tmp_path), "--viewer-port", "0")
        try:
            assert started.returncode == 0, started.stdout + started.stderr
            assert _ready(stack).endpoints.storage != _ready(tmp_path).endpoints.storage
        finally:
            local("down", "--state", str(tmp_path))


def test_a_given_gemini_is_used_and_none_is_started(tmp_path: Path) -> None:
    with running("gemini") as elsewhere:
        env = {"GOOGLE_GEMINI_BASE_URL": elsewhere, "GEMINI_API_KEY": "a-key-of-mine"}
        supervisor = _up(tmp_path, "--gemini", "real", "--yes", env=env)
        try:
            state = _ready(tmp_path)
            client = resources.storage_client(state.endpoints.storage)
            blob = client.bucket(topology.UPLOADS).blob("elsewhere.jpg")
            blob.upload_from_string(jpeg(), content_type="image/jpeg")
            name = f"v1/uploads/elsewhere.jpg/{blob.generation}/caption.json"
            document = wait_for_result(client, name)
        finally:
            supervisor.send_signal(signal.SIGINT)
            output, _ = supervisor.communicate(timeout=WAIT_S)

    assert "gemini" not in state.children
    assert document["status"] == "ok"
    assert "a-key-of-mine" not in output


def test_given_storage_and_pubsub_are_used_and_none_is_started(tmp_path: Path) -> None:
    """A foreign storage server tells of uploads by bucket notifications instead of CloudEvents."""
    with running("pubsub") as pubsub, running("storage", "--pubsub", pubsub.removeprefix("http://")) as storage_url:
        env = {"PUBSUB_EMULATOR_HOST": pubsub.removeprefix("http://"), "STORAGE_EMULATOR_HOST": storage_url}
        supervisor = _up(tmp_path, env=env)
        try:
            state = _ready(tmp_path)
            client = resources.storage_client(storage_url)
            blob = client.bucket(topology.UPLOADS).blob("foreign.jpg")
            blob.upload_from_string(jpeg(), content_type="image/jpeg")
            document = wait_for_result(client, f"v1/uploads/foreign.jpg/{blob.generation}/caption.json")
        finally:
            supervisor.send_signal(signal.SIGINT)
            supervisor.communicate(timeout=WAIT_S)

    assert {"storage", "pubsub"} & state.children.keys() == set()
    assert document["status"] == "ok"


def test_a_shell_that_holds_the_addresses_of_a_stack_can_end_it_and_start_the_next(tmp_path: Path) -> None:
    """`make up; set -a; . stack.env; set +a; make down; make up`, with nothing unset."""
    up = ["up", "--detach", "--state", str(tmp_path), "--viewer-port", "0"]
    assert local(*up).returncode == 0
    first = _ready(tmp_path).endpoints
    lines = (tmp_path / endpoints.ENV_FILE).read_text(encoding="utf-8").splitlines()
    sourced = dict(line.split("=", 1) for line in lines)

    ended = local("down", "--state", str(tmp_path), env=sourced)
    try:
        started = local(*up, env=sourced)
        second = _ready(tmp_path)
    finally:
        local("down", "--state", str(tmp_path), env=sourced)

    assert (ended.returncode, started.returncode) == (0, 0), started.stdout + started.stderr
    assert second.endpoints.storage != first.storage
    assert {"storage", "pubsub", "gemini"} <= second.children.keys()
    assert "stack.env is in this environment: its addresses are not used" in started.stdout
