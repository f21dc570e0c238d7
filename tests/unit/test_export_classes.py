"""A label has one id in all exports of a project: whoever exports, in whatever order, also at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.core.errors import SettingsError
from shared.export.classes import category, extend_classes, ids_of, read_classes

ROOT = Path(__file__).resolve().parents[2]
LABELS = st.text(max_size=30).map(lambda text: category({"label": text}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(LABELS, max_size=8), max_size=6))
def test_a_label_keeps_its_id_whatever_is_exported_later(
    tmp_path_factory: pytest.TempPathFactory, exports: list[set[str]]
) -> None:
    path = tmp_path_factory.mktemp("project") / "classes.txt"
    known: dict[str, int] = {}
    for labels in exports:
        ids = ids_of(extend_classes(path, labels))
        assert labels <= ids.keys()
        assert known.items() <= ids.items()
        assert sorted(ids.values()) == list(range(1, len(ids) + 1))
        known = ids
        assert ids_of(read_classes(path)) == ids


def test_new_labels_stand_at_the_end_in_the_order_of_the_alphabet(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("zebra\ncat", encoding="utf-8")
    assert extend_classes(path, ["dog", "ant", "cat"]) == ("zebra", "cat", "ant", "dog")
    assert path.read_text(encoding="utf-8") == "zebra\ncat\nant\ndog\n"
    assert [each.name for each in tmp_path.iterdir()] == ["classes.txt"]


def test_a_file_that_has_all_labels_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("cat\ndog", encoding="utf-8")
    before = path.stat()
    extend_classes(path, ["dog"])
    assert (path.stat().st_ino, path.read_text(encoding="utf-8")) == (before.st_ino, "cat\ndog")


def test_exports_at_the_same_time_give_no_id_twice(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    program = (
        "import sys; from pathlib import Path; from shared.export.classes import extend_classes\n"
        "for number in range(20): extend_classes(Path(sys.argv[1]), [f'{sys.argv[2]}-{number}', f'both-{number}'])"
    )
    argv = [sys.executable, "-c", program, str(path)]
    children = [subprocess.Popen([*argv, name], cwd=ROOT) for name in ("one", "two", "three")]
    assert [child.wait() for child in children] == [0, 0, 0]

    names = read_classes(path)
    assert len(names) == len(set(names)) == 80


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"cat\n\ndog\n", "classes.txt:2: expected the name of a class, found an empty line"),
        (b"cat\ndog\n cat\n", "classes.txt:3: expected each class once, found 'cat' as in line 1"),
        (b"caf\xe9\n", "expected the names of classes in UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_names_is_refused_and_stays_as_it_is(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=r".*") as caught:
        extend_classes(path, ["new"])
    assert told in str(caught.value)
    assert path.read_bytes() == data


def test_a_place_that_cannot_be_written_to_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name another file with --classes"):
        extend_classes(tmp_path / "missing" / "classes.txt", ["cat"])


@pytest.mark.parametrize(
    ("label", "name"),
    [("red  cup\n", "red cup"), ("", "object"), ("\ud83d", "\ufffd"), ("a\x00b\x7fc", "a\ufffdb\ufffdc"), ("#1", "#1")],
)
def test_a_label_becomes_a_name_that_fits_into_one_line_of_anything(label: str, name: str) -> None:
    assert category({"label": label}) == name
    assert category({"label": label, "text": "words"}) == "text"
