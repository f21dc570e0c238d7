"""Faults of the Files API on demand: at every step of an upload, and in what becomes of a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.genai import errors, types

from infra.emulators import Fault
from tests.contract.gemini_rig import PICTURES, generate

if TYPE_CHECKING:
    from google.genai import Client

    from infra.emulators import Control

pytest_plugins = ["tests.contract.gemini_fixtures"]

PNG = PICTURES["image/png"]


def upload(client: Client, name: str, data: bytes = PNG) -> types.File:
    config = types.UploadFileConfig(mime_type="image/png", name=name)
    return client.files.upload(file=io.BytesIO(data), config=config)


def refused(act: Any) -> errors.APIError:
    with pytest.raises(errors.APIError) as refusal:
        act()
    return refusal.value


def test_an_upload_fails_at_its_start(client: Client, control: Control) -> None:
    with control.planned(Fault("status", operation="files.start", subject="files/mine", status=503)):
        assert refused(lambda: upload(client, "mine")).code == 503
    assert upload(client, "mine").state == types.FileState.ACTIVE


def test_an_upload_gets_past_a_chunk_that_fails_once(client: Client, control: Control) -> None:
    data = bytes(8 * 1024**2 + 1)
    with control.planned(Fault("status", operation="files.chunk", subject="files/big", status=503)):
        assert upload(client, "big", data).size_bytes == len(data)


def test_a_chunk_whose_connection_breaks_leaves_no_file(client: Client, control: Control) -> None:
    with (
        control.planned(Fault("reset", operation="files.finalize")),
        pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)),
    ):
        upload(client, "broken")
    assert refused(lambda: client.files.get(name="broken")).code == 403


def test_an_upload_whose_answer_is_lost_left_its_file(client: Client, control: Control) -> None:
    with (
        control.planned(Fault("lost", operation="files.finalize")),
        pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)),
    ):
        upload(client, "there")
    assert refused(lambda: upload(client, "there")).code == 409
    assert client.files.get(name="there").state == types.FileState.ACTIVE


@pytest.mark.parametrize("state", ["processing", "failed"])
def test_a_file_stays_in_a_state_in_which_it_cannot_be_used(client: Client, control: Control, state: str) -> None:
    with control.planned(Fault(state, subject="files/stuck")):
        file = upload(client, "stuck")
    assert (file.state, client.files.get(name="stuck").state) == (state.upper(), state.upper())
    error = refused(lambda: generate(client, file, "Describe"))
    assert (error.code, error.status) == (400, "FAILED_PRECONDITION")


@pytest.mark.parametrize("operation", ["files.finalize", "files.get"])
def test_a_file_expires_after_it_was_shown_once_more(client: Client, control: Control, operation: str) -> None:
    with control.planned(Fault("expired", operation=operation)):
        file = upload(client, "brief")
        if operation == "files.get":
            file = client.files.get(name="brief")
    assert file.state == types.FileState.ACTIVE
    assert refused(lambda: generate(client, file, "Describe")).code == 403
    assert upload(client, "brief").state == types.FileState.ACTIVE
