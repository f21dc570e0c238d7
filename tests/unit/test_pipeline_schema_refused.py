"""A refusal that may concern the response schema alone is no verdict on the image: it is asked once more without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.adapters.gemini_errors import translate
from shared.core.errors import ErrorCode, ModelRejectedError, SchemaRefusedError
from shared.pipeline.worker.analyze import analyze
from tests.rig import Rig, reply

if TYPE_CHECKING:
    from shared.core.gemini.request import ModelRequest

BOXES = '{"boxes": [{"label": "square", "box_2d": [250, 250, 750, 750]}]}'
BARE = "Request contains an invalid argument."


def refusing_schemas(request: ModelRequest) -> dict[str, Any]:
    if request.schema is not None:
        raise SchemaRefusedError(ErrorCode.REQUEST_REFUSED, BARE)
    return reply(BOXES)


@pytest.mark.parametrize(
    "message",
    [
        BARE,
        "The specified schema produces a constraint that has too many states for serving.",
        "Invalid responseSchema",
    ],
)
def test_a_400_that_may_be_about_the_schema_is_told_apart(message: str) -> None:
    error = translate(code=400, message=message, details=None, headers={}, about="model", name="m")
    assert isinstance(error, SchemaRefusedError)


@pytest.mark.parametrize("message", ["Unable to process input image.", "The prompt is too long."])
def test_another_400_is_not(message: str) -> None:
    error = translate(code=400, message=message, details=None, headers={}, about="model", name="m")
    assert isinstance(error, ModelRejectedError)
    assert not isinstance(error, SchemaRefusedError)


def test_it_is_asked_again_without_the_schema_and_the_instance_remembers() -> None:
    rig = Rig(answer=refusing_schemas)
    first, second = rig.upload("one.png"), rig.upload("two.png")

    analyze(first, rig.ports)
    analyze(second, rig.ports)

    assert [request.schema is None for request in rig.model.requests] == [False, True, True]
    for event in (first, second):
        document = rig.document(event)
        assert document["status"] == "ok"
        assert any("refuses the schema" in warning for warning in document["warnings"])


def test_what_is_refused_without_the_schema_too_is_a_failure_and_remembers_nothing() -> None:
    def refuse(_request: ModelRequest) -> dict[str, Any]:
        raise SchemaRefusedError(ErrorCode.REQUEST_REFUSED, BARE)

    rig = Rig(answer=refuse)
    event = rig.upload()

    analyze(event, rig.ports)

    assert rig.document(event, error=0)["error"]["code"] == "request_refused"
    assert len(rig.model.requests) == 2
    assert not rig.ports.refused_schemas.knows(event.settings.model, event.task)
