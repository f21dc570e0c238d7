"""One suite for the vision model port: the memory twin and google-genai against the Gemini emulator."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.adapters.memory import MemoryModel
from shared.core.errors import AlreadyExistsError, FileUnavailableError, ModelRejectedError, TransientError
from shared.core.gemini.request import InlineImage, ModelRequest, ReferencedImage
from shared.core.replies.answer import is_answer, read_answer
from tests.rig import picture, reply
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.ports import VisionModel

TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with running("gemini") as url:
        yield url


@pytest.fixture(scope="module", params=["memory", "emulator"])
def model(request: pytest.FixtureRequest) -> VisionModel:
    if request.param == "memory":
        return MemoryModel(lambda _: reply("A red square."))
    return GeminiModel(ByKey("local"), base_url=request.getfixturevalue("emulator"), connections=4)


@pytest.fixture
def file_name() -> str:
    return f"files/uplook-{uuid.uuid4().hex}"


def _ask(image: InlineImage | ReferencedImage, *, model: str = "gemini-3.8-flash", level: str = "low") -> ModelRequest:
    return ModelRequest(
        model=model, prompt="Describe this image.", images=(image,), max_output_tokens=1000, thinking_level=level
    )


def test_an_inline_image_is_answered_with_the_raw_reply(model: VisionModel) -> None:
    body = model.generate(_ask(InlineImage(picture(), "image/jpeg")), timeout_s=TIMEOUT_S)

    assert is_answer(body)
    assert read_answer(body).text
    assert read_answer(body).usage.prompt_tokens


def test_an_uploaded_image_is_answered_by_reference(model: VisionModel, file_name: str) -> None:
    file = model.upload(file_name, picture(), mime_type="image/jpeg", timeout_s=TIMEOUT_S)

    body = model.generate(_ask(ReferencedImage(file.uri, file.mime_type)), timeout_s=TIMEOUT_S)

    assert (file.name, file.mime_type, file.state) == (file_name, "image/jpeg", "ACTIVE")
    assert read_answer(body).text


@pytest.mark.fault(98)
def test_a_name_is_taken_once(model: VisionModel, file_name: str) -> None:
    model.upload(file_name, picture(), mime_type="image/jpeg", timeout_s=TIMEOUT_S)

    with pytest.raises(AlreadyExistsError):
        model.upload(file_name, picture(), mime_type="image/jpeg", timeout_s=TIMEOUT_S)


def test_an_uploaded_file_is_found_and_a_deleted_one_is_not(model: VisionModel, file_name: str) -> None:
    uploaded = model.upload(file_name, picture(), mime_type="image/jpeg", timeout_s=TIMEOUT_S)
    assert model.get_file(file_name, timeout_s=TIMEOUT_S) == uploaded

    model.delete_file(file_name, timeout_s=TIMEOUT_S)
    model.delete_file(file_name, timeout_s=TIMEOUT_S)

    assert model.get_file(file_name, timeout_s=TIMEOUT_S) is None


def test_a_registered_object_is_a_file_of_its_own() -> None:
    model = MemoryModel(lambda _: reply("A red square."))
    one, other = (model.register_file("gs://uploads/a.jpg", timeout_s=TIMEOUT_S) for _ in range(2))

    assert one.name != other.name
    assert model.get_file(one.name, timeout_s=TIMEOUT_S) == one


def _real(url: str, key: str = "local") -> GeminiModel:
    return GeminiModel(ByKey(key), base_url=url, connections=4)


@pytest.mark.fault(89)
def test_an_unreadable_image_is_refused_for_good(emulator: str) -> None:
    with pytest.raises(ModelRejectedError, match="cannot read this image"):
        _real(emulator).generate(_ask(InlineImage(b"\xff\xd8\xff no jpeg", "image/jpeg")), timeout_s=TIMEOUT_S)


def test_a_thinking_level_the_model_rejects_is_refused_for_good(emulator: str) -> None:
    with pytest.raises(ModelRejectedError, match="refuses this request"):
        _real(emulator).generate(_ask(InlineImage(picture(), "image/jpeg"), level="minimal"), timeout_s=TIMEOUT_S)


@pytest.mark.fault(99)
def test_a_file_that_is_not_there_is_unavailable(emulator: str, file_name: str) -> None:
    gone = ReferencedImage(f"{emulator}/v1/{file_name}", "image/jpeg")

    with pytest.raises(FileUnavailableError):
        _real(emulator).generate(_ask(gone), timeout_s=TIMEOUT_S)


@pytest.mark.fault(91)
def test_an_unknown_model_is_the_deployments_fault_and_waits(emulator: str) -> None:
    with pytest.raises(TransientError, match="404"):
        _real(emulator).generate(_ask(InlineImage(picture(), "image/jpeg"), model="gemini-0-none"), timeout_s=TIMEOUT_S)


@pytest.mark.fault(92)
def test_an_unreachable_service_is_a_passing_fault_and_names_no_key() -> None:
    nobody = _real("http://127.0.0.1:9", key="AIza-canary")

    with pytest.raises(TransientError) as caught:
        nobody.generate(_ask(InlineImage(picture(), "image/jpeg")), timeout_s=1.0)

    assert "canary" not in str(caught.value)
