"""Names for common things: the emulator with its detector, and without, through the unmodified client."""

from __future__ import annotations

import dataclasses
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from infra.emulators.gemini.vision import weights
from infra.local.demo.samples import make_samples
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.core.events.envelopes import Upload
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import plan
from shared.core.planning.rules import Rules
from shared.pipeline.worker.analyze import analyze
from tests.contract.gemini_rig import connected, generate, part, unfenced
from tests.rig import Rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.genai import Client

with_detector = pytest.mark.skipif(
    not weights.present(), reason=f"the detector's weights are not in {weights.folder()}: make eyes fetches them"
)
NAMED = {"astronaut.jpg": "person", "cat.webp": "cat", "coffee.heic": "cup"}
TYPES = {"astronaut.jpg": "image/jpeg", "cat.webp": "image/webp", "coffee.heic": "image/heic"}
NUMBERS = {"type": "array", "items": {"type": "integer"}}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    made = make_samples(tmp_path_factory.mktemp("samples"))
    return {each.path.name: each.path.read_bytes() for each in made if each.path.name in NAMED}


@pytest.fixture(scope="module")
def named_url() -> Iterator[str]:
    with running("gemini", "--eyes", "detector") as address:
        yield address


@pytest.fixture(scope="module")
def plain_url() -> Iterator[str]:
    with running("gemini", "--eyes", "classical") as address:
        yield address


@pytest.fixture
def named(named_url: str) -> Iterator[Client]:
    with connected(named_url) as client:
        yield client


@pytest.fixture
def plain(plain_url: str) -> Iterator[Client]:
    with connected(plain_url) as client:
        yield client


def picture(samples: Mapping[str, bytes], name: str) -> Any:
    return part(samples[name], TYPES[name])


def labelled(client: Client, image: Any, wanted: list[str] | None = None) -> list[dict[str, Any]]:
    label = {"type": "string", "enum": wanted} if wanted else {"type": "string"}
    schema = {"type": "array", "items": {"type": "object", "properties": {"label": label, "box_2d": NUMBERS}}}
    response = generate(client, image, "x", response_mime_type="application/json", response_json_schema=schema)
    return list(json.loads(response.text))


def inside(box: list[int], point: tuple[int, int]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


@with_detector
@pytest.mark.parametrize(
    ("name", "point"), [("astronaut.jpg", (600, 350)), ("cat.webp", (400, 450)), ("coffee.heic", (250, 500))]
)
def test_the_samples_things_have_their_names_and_places(
    named: Client, samples: Mapping[str, bytes], name: str, point: tuple[int, int]
) -> None:
    found = labelled(named, picture(samples, name))

    assert found[0]["label"] == NAMED[name]
    assert inside(found[0]["box_2d"], point)
    caption = generate(named, picture(samples, name), "Caption this image.")
    assert caption.text.startswith(f"A {NAMED[name]} in front of ")
    assert caption.model_version == "local-vision-detector"


@with_detector
def test_a_mask_is_cut_along_the_thing_and_not_along_its_box(named: Client, samples: Mapping[str, bytes]) -> None:
    prompt = "Give the segmentation mask of the cup."

    [entry] = unfenced(generate(named, picture(samples, "coffee.heic"), prompt).text)

    canvas = Image.new("1", (1000, 1000))
    ImageDraw.Draw(canvas).polygon([(x, y) for x, y in entry["mask"]], fill=1)
    mask = np.asarray(canvas)
    top, left, bottom, right = entry["box_2d"]
    assert mask[250, 500]  # the coffee
    assert not mask[top + 10, left + 10]  # the box's corner: the table
    assert 0.4 < mask.sum() / ((bottom - top) * (right - left)) < 0.95


@with_detector
def test_a_wanted_label_is_given_to_what_it_is_and_to_nothing_else(named: Client, samples: Mapping[str, bytes]) -> None:
    astronaut = picture(samples, "astronaut.jpg")

    people = labelled(named, astronaut, ["person"])

    assert {each["label"] for each in people} == {"person"}
    assert len(people) <= 2  # she, and her face
    assert labelled(named, astronaut, ["cat", "dog"]) == []
    assert [each["label"] for each in labelled(named, picture(samples, "cat.webp"), ["Pet", "vehicle"])] == ["Pet"]


@with_detector
def test_questions_are_answered_by_name(named: Client, samples: Mapping[str, bytes]) -> None:
    cat = picture(samples, "cat.webp")

    assert generate(named, cat, "Is there a dog in this picture?").text == "I see no dog in this image."
    assert generate(named, cat, "How many cats are there?").text == "One cat."
    assert generate(named, cat, "Where is the animal?").text == "Yes: a cat in the centre."


@with_detector
def test_classical_answers_stay_where_nothing_is_found(named: Client, plain: Client) -> None:
    sink = io.BytesIO()
    Image.fromarray(data.coins()).save(sink, "PNG")
    coins = part(sink.getvalue())

    answers = [[labelled(client, coins), generate(client, coins, "Caption this.").text] for client in (named, plain)]

    assert answers[0] == answers[1]
    assert generate(named, coins, "Caption this.").model_version == "local-vision-detector"


@with_detector
def test_the_same_bytes_give_the_same_answer_in_every_thread_and_process(
    named_url: str, samples: Mapping[str, bytes]
) -> None:
    def answers(url: str) -> list[str]:
        with connected(url) as client:
            return [generate(client, picture(samples, name), "Segment it.").text for name in samples]

    with running("gemini", "--eyes", "detector") as other, ThreadPoolExecutor(4) as pool:
        # In the other process all come at once, in two threads: none has been looked at before.
        found = list(pool.map(answers, [other] * 4))

    assert found == [answers(named_url)] * 4


def test_without_the_detector_things_are_described_and_not_named(plain: Client, samples: Mapping[str, bytes]) -> None:
    response = generate(plain, picture(samples, "coffee.heic"), "Caption this image.")

    assert response.model_version == "local-vision"
    assert "region" in response.text
    assert "cup" not in response.text
    assert "cup" not in {each["label"] for each in labelled(plain, picture(samples, "coffee.heic"))}


def test_without_the_detector_a_wanted_label_is_not_given_to_every_region(
    plain: Client, samples: Mapping[str, bytes]
) -> None:
    assert len(labelled(plain, picture(samples, "astronaut.jpg"))) > 2
    assert len(labelled(plain, picture(samples, "astronaut.jpg"), ["person"])) == 1  # the face
    assert labelled(plain, picture(samples, "coffee.heic"), ["cat"]) == []


@pytest.mark.parametrize("together", [(), (("ask", "caption", "classify", "detect", "segment"),)])
@pytest.mark.parametrize("eyes", ["classical", pytest.param("detector", marks=with_detector)])
def test_tasks_that_share_a_call_are_answered_as_they_are_apart(
    request: pytest.FixtureRequest, samples: Mapping[str, bytes], together: Any, eyes: str
) -> None:
    url = request.getfixturevalue("named_url" if eyes == "detector" else "plain_url")
    rig = Rig()
    ports = dataclasses.replace(rig.ports, model=GeminiModel(ByKey("local"), base_url=url, connections=2))
    asked = TaskChoices(question="Is there a cat?", labels=("cat", "vehicle"))
    choices = Choices(tasks=("ask", "caption", "classify", "detect", "segment"), together=together, for_all=asked)
    events = plan(Upload(rig.upload(data=samples["cat.webp"], name="cat.webp").source), Rules(choices), run="v1").events
    for event in events:
        analyze(event, ports)

    found = {each["task"]: each for each in (rig.document(view) for event in events for view in event.views())}

    assert found["detect"]["model"]["served"] == ("local-vision-detector" if eyes == "detector" else "local-vision")
    names = [[item["label"] for item in found[task]["items"] or []] for task in ("detect", "segment")]
    assert names == ([["cat"], ["cat"]] if eyes == "detector" else [[], []])
    if eyes == "detector":
        assert found["ask"]["answer"] == "Yes: a cat in the centre."
        assert found["caption"]["caption"].startswith("A cat in front of ")
        assert [each["label"] for each in found["classify"]["classes"]] == ["cat"]
