"""`python -m shared.operate evaluate`: what it reads, says and writes, over results made by hand."""

from __future__ import annotations

import builtins
import json
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from shared.command_line import DONE, FAILED, INCOMPLETE
from shared.operate.cli import main
from tests.export_documents import document, failed, folder, item, mask_of, png

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (40, 30)
EVIL = '<script>alert("x")</script>\x1b[31m&'


class Place:
    """A labelled set and the folders of its runs, below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.truth: dict[str, Any] = {"images": [], "categories": [{"id": 1, "name": "cat"}], "annotations": []}

    def image(self, name: str, *boxes: tuple[int, int, int, int], **more: Any) -> None:
        number = len(self.truth["images"]) + 1
        self.truth["images"].append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]} | more)
        for x0, y0, x1, y1 in boxes:
            place = len(self.truth["annotations"]) + 1
            self.truth["annotations"].append(
                {"id": place, "image_id": number, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            )

    def result(self, run: str, made: dict[str, Any], *, suffix: str = "json", generation: int = 7) -> None:
        made["source"]["generation"] = str(generation)
        path = self.root / run / folder(made["source"]["name"], generation=generation) / f"{made['task']}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made), encoding="utf-8")

    def found(self, run: str, name: str, *boxes: tuple[int, int, int, int], label: str = "cat", **more: Any) -> None:
        items = [item(label, box, index=number, size=SIZE) for number, box in enumerate(boxes)]
        self.result(run, document(items, name=name, task="detect", size=SIZE, **more))

    def evaluate(self, *arguments: str, runs: tuple[str, ...] = ("new",)) -> int:
        (self.root / "truth.json").write_text(json.dumps(self.truth), encoding="utf-8")
        for run in runs:
            (self.root / run).mkdir(exist_ok=True)
        named = [word for run in runs for word in ("--run", f"{run}={self.root / run}")]
        return main(["evaluate", "--truth", str(self.root / "truth.json"), *named, "--resamples", "50", *arguments])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.image("a.jpg", (10, 10, 20, 20))
    made.image("b.jpg", (10, 10, 20, 20), (25, 10, 35, 20))
    made.image("empty.jpg")
    return made


def told(place: Place, capsys: pytest.CaptureFixture[str], *arguments: str, runs: tuple[str, ...] = ("new",)) -> Any:
    assert place.evaluate("--json", *arguments, runs=runs) == DONE
    return json.loads(capsys.readouterr().out)


def test_a_run_that_finds_everything_has_every_figure_at_one(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.found("new", "a.jpg", (10, 10, 20, 20))
    place.found("new", "b.jpg", (10, 10, 20, 20), (25, 10, 35, 20), label="The CAT.")
    place.found("new", "empty.jpg", status="empty")

    made = told(place, capsys)

    figures = made["tasks"]["detect"]["runs"]["new"]["figures"]
    right = ("mAP", "mAP50", "precision", "recall", "F1", "unnamed_F1")
    assert {name: figures[name]["value"] for name in right} == dict.fromkeys(right, 1.0)
    assert figures["mAP"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert figures["usd_per_1000"]["value"] == 250.0
    assert (made["complete"], made["truth"]["objects"], made["bootstrap"]["unit"]) == (True, 3, "image")


def test_what_is_wrong_missing_refused_or_unreadable_counts_as_nothing_found(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.image("refused.jpg", (1, 1, 9, 9))
    place.image("unreadable.jpg", (1, 1, 9, 9))
    place.image("broken.jpg", (1, 1, 9, 9))
    place.found("new", "a.jpg", (10, 10, 20, 20), (30, 20, 38, 28))  # right, and one that is not there
    place.found("new", "b.jpg", (10, 10, 20, 20), label="dog")  # there, under another name
    place.result("new", document(None, name="refused.jpg", task="detect", status="blocked", size=SIZE))
    place.result("new", failed(task="detect", code="failed", name="unreadable.jpg"), suffix="error-0.json")
    place.result("new", failed(task="detect", code="corrupt", name="broken.jpg"), suffix="error-0.json")

    run = told(place, capsys)["tasks"]["detect"]["runs"]["new"]

    assert run["outcomes"] == {
        "answered": 2,
        "partial": 0,
        "refused": 1,
        "unreadable": 1,
        "failed": 1,
        "missing": 1,  # empty.jpg
    }
    assert run["figures"]["precision"]["value"] == pytest.approx(1 / 3)
    assert run["figures"]["recall"]["value"] == pytest.approx(1 / 6)
    assert run["figures"]["unnamed_F1"]["value"] == pytest.approx(2 * 2 / (3 + 6))
    assert run["other_labels"] == {"dog": 1}
    assert run["labels"]["cat"] | {"figures": None} == {"right": 1, "wrong": 1, "missed": 5, "figures": None}


def test_a_synonym_makes_another_word_the_same_label(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    synonyms = place.root / "synonyms.json"
    synonyms.write_text('{"cat": ["tabby"]}', encoding="utf-8")
    place.found("new", "a.jpg", (10, 10, 20, 20), label="a Tabby")

    made = told(place, capsys, "--synonyms", str(synonyms))

    assert made["tasks"]["detect"]["runs"]["new"]["labels"]["cat"]["right"] == 1
    assert made["label_matching"]["objects"].endswith("or by 1 synonyms")


def test_masks_are_judged_where_there_are_masks(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["#" * 8 + "." * 32] * 10 + ["." * 40] * 20
    place.truth["images"] = place.truth["images"][:1]
    place.truth["annotations"] = [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "bbox": [0, 0, 10, 10],
            "segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]],
        }
    ]
    made = document(
        [item("cat", (0, 0, 8, 10), size=SIZE, mask=mask_of("v1/uploads/a.jpg/7/segment/mask-000.png"))],
        name="a.jpg",
        size=SIZE,
    )
    place.result("new", made)
    file = place.root / "new" / folder("a.jpg") / "segment" / "mask-000.png"
    file.parent.mkdir()
    file.write_bytes(png(rows))

    figures = told(place, capsys)["tasks"]["segment"]["runs"]["new"]["figures"]

    assert figures["mask_IoU"]["value"] == pytest.approx(0.8)
    assert figures["mask_mAP"]["value"] == pytest.approx(0.7)  # found at 0.5, 0.55 … 0.8
    assert figures["boundary_F"]["value"] == pytest.approx(0.7, abs=0.2)
    file.write_bytes(b"no PNG")
    assert place.evaluate() == INCOMPLETE
    assert "mask-000.png: expected a mask PNG" in capsys.readouterr().err


def test_texts_classes_and_answers_are_judged_by_their_own_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    place.image(
        "a.jpg",
        classes=["cat"],
        captions=["A cat on a mat."],
        answers=[{"question": "How many?", "answers": ["1", "one"]}],
        text=["EXIT", "Gate 4"],
    )
    line = item("Exit", (1, 1, 9, 9), size=SIZE) | {"text": "Exit", "language": None}
    labels = [{"label": "dog", "status": "ok", "reason": None}, {"label": "Cat", "status": "ok", "reason": None}]
    payloads: dict[str, dict[str, Any]] = {
        "caption": {"caption": "The cat on the mat"},
        "ask": {"question": "how many", "answer": "I see one."},
        "classify": {"classes": labels},
        "read": {"items": [line]},
    }
    for task, payload in payloads.items():
        place.result("new", document(name="a.jpg", task=task, size=SIZE, **payload))

    tasks = told(place, capsys)["tasks"]

    def value(task: str, figure: str) -> float:
        return float(tasks[task]["runs"]["new"]["figures"][figure]["value"])

    assert set(tasks) == {"read", "classify", "caption", "ask"}
    assert [value("caption", name) for name in ("exact", "token_F1")] == [1.0, 1.0]
    assert [value("ask", name) for name in ("exact", "holds")] == [0.0, 1.0]
    assert [value("classify", name) for name in ("accuracy", "recall")] == [0.0, 1.0]
    assert [value("read", name) for name in ("line_recall", "line_precision", "word_recall")] == pytest.approx(
        [0.5, 1.0, 1 / 3]
    )
    assert tasks["classify"]["runs"]["new"]["confusion"] == [{"true": "cat", "said": "(another)", "images": 1}]


def test_two_runs_are_compared_image_by_image_and_a_worse_one_is_called_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    for number in range(12):
        name = f"{number:02d}.jpg"
        place.image(name, (10, 10, 20, 20))
        place.found("old", name, (10, 10, 20, 20), timing_ms={"model": 2000})
        place.found("new", name, *([] if number < 6 else [(10, 10, 20, 20)]), timing_ms={"model": 1000})

    made = told(place, capsys, runs=("old", "new"))

    against = made["tasks"]["detect"]["runs"]["new"]["against_first"]
    assert against["images"] == {"better": 0, "same": 6, "worse": 6}
    assert against["figures"]["recall"]["value"] == -0.5
    assert against["figures"]["recall"]["high"] < 0
    assert {name: against["figures"][name]["verdict"] for name in ("recall", "mAP", "precision", "seconds")} == {
        "recall": "worse",
        "mAP": "worse",
        "precision": "open",
        "seconds": "better",
    }
    assert place.evaluate(runs=("old", "new")) == DONE
    text = capsys.readouterr().out
    assert "new against old: 0 images better, 6 the same, 6 worse" in text
    assert re.search(r"^recall +-0\.500 +-0\.\d+ to -0\.\d+ +worse$", text, re.MULTILINE)
    assert "12 images: fewer than 30, so the intervals are too narrow" in text
    assert re.search(r"^worst pictures +old +new$\n00\.jpg +1\.00 +0\.00", text, re.MULTILINE)


@pytest.mark.parametrize("runs", [("a",), ("a", "b"), ("a", "b", "c")])
def test_the_tables_fit_into_80_columns_and_show_control_characters_escaped(
    place: Place, capsys: pytest.CaptureFixture[str], runs: tuple[str, ...]
) -> None:
    place.truth["images"][0]["file_name"] = f"{'x' * 90}.jpg"
    for run in runs:
        place.found(run, f"{'x' * 90}.jpg", (1, 1, 9, 9), label=EVIL * 3)
        place.found(run, "b.jpg", (10, 10, 20, 20), (2, 2, 9, 9), usage=None)

    assert place.evaluate(runs=runs) == DONE

    text = capsys.readouterr().out.replace(str(place.root), "")
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "\x1b" not in text


def test_the_newest_result_of_an_image_counts(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.found("new", "a.jpg", (1, 1, 9, 9))
    items = [item("cat", (10, 10, 20, 20), size=SIZE)]
    place.result("new", document(items, name="a.jpg", task="detect", size=SIZE), generation=8)

    made = told(place, capsys)

    assert made["runs"][0]["older"] == 1
    assert made["tasks"]["detect"]["runs"]["new"]["labels"]["cat"]["right"] == 1


def test_an_object_is_known_by_its_name_or_the_end_of_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.truth["images"][1]["file_name"] = "uploads/set/b.jpg"
    place.found("new", "somewhere/a.jpg", (10, 10, 20, 20))
    place.found("new", "set/b.jpg", (10, 10, 20, 20))
    place.found("new", "set/other.jpg", (10, 10, 20, 20))

    assert told(place, capsys)["tasks"]["detect"]["runs"]["new"]["labels"]["cat"]["right"] == 2


def test_two_objects_of_one_name_are_refused_with_what_to_do(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.found("new", "one/a.jpg")
    place.found("new", "two/a.jpg")

    assert place.evaluate() == FAILED
    said = capsys.readouterr().err
    assert "expected one object of run new for a.jpg, found gs://uploads/one/a.jpg and gs://uploads/two/a.jpg" in said
    assert "write bucket and name into file_name" in said


def test_a_picture_of_another_size_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.result("new", document([], name="a.jpg", task="detect", size=(30, 40)))

    assert place.evaluate() == FAILED
    assert (
        "expected a.jpg to have 40x30 pixels, as the labelled set says, found 30x40 upright" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", r"expected COCO's JSON, an object with images.*docs/evaluation.md"),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg", "width": 3}]}',
            r"\$\.images\[0\]\.height: expected a whole number",
        ),
    ],
)
def test_a_bad_labelled_set_says_what_was_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text, encoding="utf-8")

    assert main(["evaluate", "--truth", str(path), "--run", str(tmp_path)]) == FAILED
    assert re.search(f"evaluate failed: .*{words}", capsys.readouterr().err)


def test_what_cannot_be_evaluated_is_said(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.evaluate() == FAILED
    assert "found none: an object is known by its name or the end of it, such as a.jpg" in capsys.readouterr().err
    place.result("new", document(None, name="a.jpg", task="caption", size=SIZE, caption="A cat."))
    assert place.evaluate() == FAILED
    assert "expected labels for one of the tasks that have results (caption)" in capsys.readouterr().err
    assert main(["evaluate", "--truth", str(place.root / "none.json"), "--run", str(place.root)]) == FAILED
    assert "No such file" in capsys.readouterr().err
    assert place.evaluate("--synonyms", str(place.root / "none.json")) == FAILED
    assert place.evaluate("--page", str(place.root / "no" / "page.html")) == FAILED
    assert "make it first" in capsys.readouterr().err
    for wrong in (["--run", "nowhere"], ["--run", "too-long-a-name=gs://results"], ["--resamples", "0"]):
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", "--truth", "t", *wrong])
        assert ended.value.code == 2
    same = ["--run", f"x={place.root}", "--run", f"x={place.root}"]
    assert main(["evaluate", "--truth", str(place.root / "truth.json"), *same]) == FAILED
    assert "each with a name of its own, found x, x" in capsys.readouterr().err


def test_a_document_that_cannot_be_read_is_told_and_the_others_count(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.found("new", "a.jpg", (10, 10, 20, 20))
    path = place.root / "new" / folder("b.jpg") / "detect.json"
    path.parent.mkdir(parents=True)
    path.write_text("{", encoding="utf-8")

    assert place.evaluate("--json") == INCOMPLETE

    captured = capsys.readouterr()
    assert "left out: " in captured.err
    made = json.loads(captured.out)
    assert made["complete"] is False
    assert made["tasks"]["detect"]["runs"]["new"]["outcomes"]["missing"] == 2


def photo() -> bytes:
    sink = BytesIO()
    Image.new("RGB", SIZE, "red").save(sink, "PNG")
    return sink.getvalue()


def test_the_page_has_the_worst_pictures_first_and_nothing_that_runs_or_comes_from_elsewhere(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    del capsys
    place.truth["images"][1]["file_name"] = f"b{EVIL}.jpg".replace("/", "")
    place.truth["categories"][0]["name"] = EVIL
    (place.root / "a.jpg").write_bytes(photo())
    place.found("new", "a.jpg", (10, 10, 20, 20), label=EVIL)
    place.found("new", place.truth["images"][1]["file_name"], (1, 1, 5, 5), label=f"other {EVIL}")
    place.result("new", failed(task="detect", code="corrupt", name="empty.jpg"), suffix="error-0.json")
    page = place.root / "page.html"

    assert place.evaluate("--page", str(page)) == DONE

    text = page.read_text(encoding="utf-8")
    assert re.findall(r"<script|onerror=|javascript:|https?://", text) == []
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert text.count("data:image/jpeg;base64,") == 1
    assert "No picture: there is no b" in text
    assert "corrupt: no" in text
    order = re.findall(r"<article><h3>(.*?)</h3>", text)
    assert [name[0] for name in order] == ["b", "a", "e"]
    assert 'class="missed"' in text
    assert 'class="right"' in text
    assert 'class="wrong"' in text


def test_the_page_shows_no_file_outside_of_the_folder_of_pictures(place: Place) -> None:
    inside = place.root / "pictures"
    inside.mkdir()
    (place.root / "secret.png").write_bytes(photo())
    place.truth["images"][0]["file_name"] = "../secret.png"
    place.found("new", "../secret.png", (10, 10, 20, 20))
    page = place.root / "page.html"

    assert place.evaluate("--page", str(page), "--images", str(inside)) == DONE

    assert "data:image/jpeg" not in page.read_text(encoding="utf-8")


def test_pycocotools_reckons_the_same_beside_us(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.found("new", "a.jpg", (11, 10, 20, 20), (1, 1, 9, 9))
    place.found("new", "b.jpg", (26, 11, 35, 20))

    made = told(place, capsys, "--pycocotools")

    theirs = made["pycocotools"]["detect"]["new"]
    ours = made["tasks"]["detect"]["runs"]["new"]["figures"]
    assert set(theirs) == {"mAP", "mAP50", "mAP75", "mAP_small", "mAP_medium", "mAP_large"}
    assert {name: ours[name]["value"] for name in theirs} == pytest.approx(theirs)
    assert 0 < theirs["mAP"] < 1
    assert theirs["mAP_large"] is None
    assert place.evaluate("--pycocotools") == DONE
    assert "pycocotools, detect, new: mAP 0." in capsys.readouterr().out


def test_without_pycocotools_it_is_said_how_to_get_it(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pycocotools"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert place.evaluate("--pycocotools") == FAILED
    assert "--requirement requirements-evaluate.txt" in capsys.readouterr().err
