"""Replays what the fuzzer found worth keeping, without a fuzzer; the laws themselves stand in the targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.core.errors import ImageRejectedError
from shared.core.images.decoders import open_heif
from shared.core.images.probing import probe
from shared.core.replies.findings import find_items
from shared.core.replies.parsing import parse_items
from shared.core.replies.texts import clean_text
from shared.core.values import ImageInfo
from tests.fuzz import minimise, run, target_costs, target_envelopes, target_images, target_masks, target_replies
from tests.fuzz.seeds import TARGETS, seeds
from tests.hostile_builders import IMAGES, animation

_FUZZ_ONE = {
    "replies": target_replies.fuzz_one,
    "masks": target_masks.fuzz_one,
    "envelopes": target_envelopes.fuzz_one,
    "images": target_images.fuzz_one,
    "costs": target_costs.fuzz_one,
}
_KEPT = [(path.parent.name, path) for path in sorted(run.COMMITTED.glob("*/*"))]
_INFO = ImageInfo(64, 48, "jpeg", "image/jpeg")
_LOG = """\
#12\tNEW    cov: 40 ft: 70 corp: 3/9b lim: 4 exec/s: 0 rss: 50Mb L: 3/4 MS: 1 ChangeBit-

 === Uncaught Python exception: ===
AssertionError: 7
Traceback (most recent call last):
  File "/somewhere/target_masks.py", line 33, in fuzz_one
    check(7)
  File "/somewhere/laws.py", line 21, in check
    assert value < 7, value
           ^^^^^^^^^

==17== ERROR: libFuzzer: fuzz target exited
SUMMARY: libFuzzer: fuzz target exited
artifact_prefix='x'; Test unit written to /elsewhere/masks-crash-1
stat::number_of_executed_units: 1234
"""


@pytest.mark.parametrize(("target", "path"), _KEPT, ids=[f"{target}-{path.name[:12]}" for target, path in _KEPT])
def test_a_kept_input_breaks_no_law(target: str, path: Path) -> None:
    _FUZZ_ONE[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_no_seed_breaks_a_law(target: str) -> None:
    for seed in seeds(target):
        _FUZZ_ONE[target](seed)


@pytest.mark.parametrize("target", minimise.MAX_BYTES)
def test_the_kept_inputs_of_a_target_are_many_and_small(target: str) -> None:
    sizes = [path.stat().st_size for kept, path in _KEPT if kept == target]
    assert len(sizes) >= 30
    assert sum(sizes) <= minimise.MAX_BYTES[target]
    assert sum(minimise.MAX_BYTES.values()) <= 300_000


def test_a_law_that_is_broken_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.core.replies.findings.to_pixels", lambda *_, **__: (0, 0, 65, 48))
    with pytest.raises(AssertionError):
        target_replies.fuzz_one(bytes(4) + b'[{"box_2d": [1, 2, 300, 400], "label": "a"}]')


# What fuzzing has found and what was mended.


def test_the_largest_number_of_items_that_an_event_can_ask_for_is_read() -> None:
    reply = parse_items('[{"box_2d": [1, 2, 300, 400]}]', max_items=(1 << 63) - 1)
    assert (len(reply.items), reply.capped) == (1, False)


def test_an_answer_of_exactly_as_many_items_as_wanted_is_not_capped() -> None:
    text = '[{"box_2d": [1, 2, 300, 400], "label": "a"}, {"box_2d": [1, 2, 300, 400], "label": "b"}]'
    assert find_items(text, info=_INFO, masks=False, max_items=2).status == "ok"
    assert find_items(text, info=_INFO, masks=False, max_items=1).status == "partial"


def test_text_cut_behind_a_word_ends_in_that_word() -> None:
    assert clean_text("one two", limit=4) == "one"


def test_the_frames_that_an_animated_png_announces_are_counted_up_to_the_cap() -> None:
    data = animation("PNG")
    at = data.index(b"acTL") + 4
    announcing = data[:at] + b"\x00\x01\x00\x00" + data[at + 4 :]
    sealed = target_images.with_valid_checksums(announcing)
    assert probe(sealed, limits=target_images.LIMITS).frames == 20


def test_a_refusal_by_a_decoder_is_one_line_and_none_of_its_words() -> None:
    data = (
        (IMAGES / "plain.heic").read_bytes().replace(b"\xa1\x00\x01", b"\xa1\xff\xff")
    )  # a location of 65,535 extents
    with pytest.raises(ImageRejectedError) as refused:
        open_heif(data)
    assert "its content cannot be decoded" in refused.value.message
    assert refused.value.message.isprintable()


# The runner


def test_the_outcome_of_a_run_says_what_broke_and_where() -> None:
    outcome = run.read_log("masks", _LOG, code=77, seconds=2.0, new_inputs=5)
    assert (outcome.executions, outcome.edges, outcome.features) == (1234, 40, 70)
    assert outcome.failure == "AssertionError: 7 (laws.py:21)"
    assert outcome.replay == "python -m tests.fuzz.run --target masks --replay /elsewhere/masks-crash-1"


def test_a_process_that_dies_without_a_word_has_failed() -> None:
    outcome = run.read_log("masks", "", code=-9, seconds=1.0, new_inputs=0)
    assert outcome.failure == "the process ended with code -9: it said nothing"


def test_a_process_that_cannot_start_is_quoted_by_its_last_line() -> None:
    outcome = run.read_log("masks", "Traceback\nImportError: no mask\n", code=1, seconds=1.0, new_inputs=0)
    assert outcome.failure == "the process ended with code 1: ImportError: no mask"


def test_the_summary_counts_what_a_run_did_and_names_each_failure() -> None:
    text = run.summary([run.read_log("masks", _LOG, code=77, seconds=2.0, new_inputs=5)])
    assert text.splitlines()[1].split() == ["masks", "1,234", "617", "40", "70", "5", "1"]
    assert "masks failed: AssertionError: 7 (laws.py:21)" in text


def test_without_a_fuzzer_the_runner_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "find_spec", lambda _: None)
    assert run.main(["--seconds", "1"]) == 2
    assert "Expected the fuzzer atheris" in capsys.readouterr().err


def test_a_replayed_input_needs_no_fuzzer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"\1{}")
    assert run.main(["--target", "envelopes", "--replay", str(file)]) == 0
    assert "breaks no law" in capsys.readouterr().out
