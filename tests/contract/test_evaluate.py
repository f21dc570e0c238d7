"""`evaluate` over results of the pipeline: the emulator's eyes with and without names, and a prompt that is wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import mimetypes
from typing import TYPE_CHECKING, Any

import pytest

from infra.emulators.gemini.vision import weights
from infra.evaluation.__main__ import QUESTION, RULES, WRONG_RULES, write_set
from infra.evaluation.labelled import to_truth
from infra.evaluation.photographs import photographs
from infra.evaluation.scenes import scenes, shapes
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.command_line import DONE
from shared.core.evaluation.truth import Labelling, parse_truth
from shared.core.events.envelopes import Upload
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import plan
from shared.core.planning.rules import Rules, parse_rules
from shared.operate.cli import main
from shared.operate.evaluate_reading import read_truth
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, Rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.evaluation.labelled import LabelledPicture

with_detector = pytest.mark.skipif(
    not weights.present(), reason=f"the detector's weights are not in {weights.folder()}: make eyes fetches them"
)
PROMPT = "Give the segmentation masks of all {what} in this image. {{mask}}"


def run_into(folder: Path, pictures: Sequence[LabelledPicture], rules: Rules, url: str) -> None:
    """Send pictures through the pipeline, and copy the results bucket into a folder."""
    rig = Rig()
    ports = dataclasses.replace(rig.ports, model=GeminiModel(ByKey("local"), base_url=url, connections=2))
    for each in pictures:
        sink = io.BytesIO()
        each.picture.save(sink, mimetypes.guess_type(each.name)[0].rpartition("/")[2])  # type: ignore[union-attr]
        source = rig.upload(data=sink.getvalue(), name=each.name).source
        for event in plan(Upload(source), rules, run="v1").events:
            analyze(event, ports)
    for name, _ in rig.store.list_objects(RESULTS, ""):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rig.store.read(RESULTS, name, max_bytes=10**8))


def without_schema(what: str) -> Rules:
    """Return rules by which the prompt alone says what is wanted: masks of 2.5 are asked for without a schema."""
    named = {"segment": TaskChoices(model="gemini-2.5-flash", prompt=PROMPT.format(what=what))}
    return Rules(Choices(tasks=("segment",), for_task=named))


def of_the_set(text: str) -> Rules:
    """Return the rules of the labelled set, for its things alone."""
    rules = parse_rules(text)
    return dataclasses.replace(rules, defaults=dataclasses.replace(rules.defaults, tasks=("detect", "segment")))


@pytest.fixture(scope="module")
def named_url() -> Iterator[str]:
    with running("gemini", "--eyes", "detector") as address:
        yield address


@pytest.fixture(scope="module")
def plain_url() -> Iterator[str]:
    with running("gemini", "--eyes", "classical") as address:
        yield address


def evaluated(folder: Path, pictures: Sequence[LabelledPicture], *runs: str) -> Any:
    truth = folder / "truth.json"
    truth.write_text(json.dumps(to_truth(pictures, question=QUESTION, counted="cat")), encoding="utf-8")
    places = [word for run in runs for word in ("--run", f"{run}={folder / run}")]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert main(["evaluate", "--truth", str(truth), *places, "--json", "--pycocotools"]) == DONE
    return json.loads(shown.getvalue())


def require_equal(told: Any) -> int:
    """Hold our mean average precision to that of pycocotools; return how many figures were above 0."""
    above = 0
    for task, runs in told["pycocotools"].items():
        for run, theirs in runs.items():
            ours = told["tasks"][task]["runs"][run]["figures"]
            for name, value in theirs.items():
                assert ours[name]["value"] == (None if value is None else pytest.approx(value, abs=1e-9)), (task, name)
                above += bool(value)
    return above


@with_detector
def test_eyes_with_names_beat_those_without_and_a_wrong_prompt_loses(
    tmp_path: Path, named_url: str, plain_url: str
) -> None:
    pictures = [*photographs(), *scenes(8)]
    run_into(tmp_path / "named", pictures, of_the_set(RULES), named_url)
    run_into(tmp_path / "plain", pictures, of_the_set(RULES), plain_url)
    run_into(tmp_path / "wrong", pictures, of_the_set(WRONG_RULES), named_url)

    told = evaluated(tmp_path, pictures, "named", "plain", "wrong")

    assert require_equal(told) > 10
    for task in ("detect", "segment"):
        runs = told["tasks"][task]["runs"]
        assert runs["named"]["figures"]["F1"]["low"] > 0.2
        for run in ("plain", "wrong"):
            against = runs[run]["against_first"]
            assert against["figures"]["recall"]["high"] < 0
            assert {against["figures"][name]["verdict"] for name in ("mAP", "recall", "F1")} == {"worse"}
            assert against["images"]["worse"] > against["images"]["better"]


@with_detector
def test_a_prompt_that_asks_for_something_else_loses_where_the_prompt_alone_decides(
    tmp_path: Path, named_url: str
) -> None:
    pictures = [*photographs(), *scenes(4)]
    run_into(tmp_path / "right", pictures, without_schema("people, cats, cups and horses"), named_url)
    run_into(tmp_path / "wrong", pictures, without_schema("dogs and buses"), named_url)

    told = evaluated(tmp_path, pictures, "right", "wrong")

    assert require_equal(told) > 3
    figures = told["tasks"]["segment"]["runs"]["wrong"]["against_first"]["figures"]
    assert {figures[name]["verdict"] for name in ("mask_mAP", "mask_IoU", "boundary_F", "recall")} == {"worse"}


def test_drawn_shapes_are_found_whatever_they_are_called(tmp_path: Path, plain_url: str) -> None:
    pictures = shapes(6)
    run_into(tmp_path / "plain", pictures, Rules(Choices(tasks=("segment",))), plain_url)

    told = evaluated(tmp_path, pictures, "plain")

    require_equal(told)
    figures = told["tasks"]["segment"]["runs"]["plain"]["figures"]
    assert figures["mask_unnamed_F1"]["value"] > 0.5
    assert figures["mask_F1"]["value"] == 0  # it calls none of them a circle


@pytest.mark.parametrize("small", [False, True])
def test_the_synonyms_that_ship_are_of_labels_of_the_set(tmp_path: Path, *, small: bool) -> None:
    write_set(tmp_path, small=small)

    assert read_truth(tmp_path / "truth.json", tmp_path / "synonyms.json").truth.images


def test_the_set_that_ships_is_the_same_every_time_and_labelled_for_every_task(tmp_path: Path) -> None:
    counts = [write_set(tmp_path / name, small=True) for name in ("one", "two")]

    texts = [(tmp_path / name / "truth.json").read_text(encoding="utf-8") for name in ("one", "two")]
    assert texts[0] == texts[1]
    truth = parse_truth(json.loads(texts[0]))
    assert len(truth.images) == counts[0] == len(list((tmp_path / "one" / "pictures").iterdir()))
    assert {each for image in truth.images for each in image.labellings} == {*Labelling}
    for image in truth.images:
        for thing in image.objects:
            mask = thing.mask(width=image.width, height=image.height)
            assert (mask.left, mask.top, mask.area) == (thing.box[0], thing.box[1], thing.area)
    assert parse_rules((tmp_path / "one" / "rules.toml").read_text(encoding="utf-8")).defaults.tasks
