"""Before anything is sent: which files, what they are asked, and what that would be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from infra.local import topology
from infra.local.cost_consent import Call
from infra.local.demo import show
from infra.local.demo.cells import listed
from infra.local.demo.choosing import choose
from infra.local.demo.planned import Planner
from infra.local.demo.samples import Sample, make_manifest, make_samples
from shared import config
from shared.config import Reader, Settings
from shared.core.errors import ImageRejectedError, SettingsError
from shared.core.events.manifest import is_manifest
from shared.core.images.probing import probe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

    from infra.local.demo.planned import Upload
    from infra.local.demo.resume import Work
    from infra.local.external_services import Gemini

_LARGEST_PX = (3072, 3072)  # what an image is made to fit before it is sent
_MOST_REASONS = 12


def samples(images: Path | None, state_dir: Path, console: Console, *, web: str) -> dict[str, Sample]:
    """Choose the files to upload, by object name; manifests last, behind what they name. Say what is left out, and why.

    `web` is where the sample pictures can be fetched, too.

    Raises:
        FileNotFoundError: no image is where the person said.
    """
    if images is None:
        folder = state_dir / "samples"
        made = [*make_samples(folder), make_manifest(folder, web=web)]
        return {sample.path.name: sample for sample in made}
    chosen = choose(images, own=state_dir)
    size_mb = sum(path.stat().st_size for path in chosen.taken.values()) / 1e6
    if chosen.taken:
        show.say(console, f"Takes {_files(len(chosen.taken))} ({size_mb:.1f} MB) from {show.near(images)}:")
        show.say(console, f"  {listed(list(chosen.taken), console.width - 2)}")
    _tell_what_is_left(chosen.left_out, console)
    if not chosen.taken:
        raise FileNotFoundError(f"IMAGES: none of the {_files(len(chosen.left_out))} in {images} is an image")
    return {name: Sample(path, "yours") for name, path in chosen.taken.items()}


def _tell_what_is_left(left_out: Mapping[str, str], console: Console) -> None:
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(name)
    if left_out:
        show.say(console, f"Leaves out {len(left_out)}:")
    for reason, having in list(names.items())[:_MOST_REASONS]:
        show.say(console, f"  {len(having)} because: {reason}", indent="    ")
        show.say(console, f"    {listed(having, console.width - 4)}")
    if len(names) > _MOST_REASONS:
        show.say(console, f"  and for {len(names) - _MOST_REASONS} other reasons")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def planner(environ: Mapping[str, str], gemini: Gemini | None, *, vertex: bool) -> Planner:
    """Return what plans as `ingest` will in this environment.

    Raises:
        SettingsError: the rules cannot be used.
    """
    reader = Reader(environ)
    settings = Settings(
        results_bucket=topology.RESULTS,
        work_bucket=topology.WORK,
        upload_buckets=(topology.UPLOADS,),
        image_topic="",
        result_topic="",
        run=reader.run("RUN", Settings.run),
        rules_file=reader.file("RULES_FILE", Settings.rules_file),
        enterprise=gemini.vertex if gemini else vertex,
        use_successors=reader.flag("USE_SUCCESSORS"),
    )
    if reader.problems:
        raise SettingsError("\n".join(reader.problems))
    asker = gemini.identity if gemini else f"emulator {'vertex' if vertex else 'developer'}"
    return Planner(config.read_rules(settings), settings.run, asker, config.service_today(settings))


def calls(work: Work) -> list[Call]:
    """Return every call that is to be made, with the sizes of its images."""
    return [Call(asked.event, _sizes(upload)) for upload in work.to_upload for asked in upload.asked]


def what(work: Work) -> str:
    """Return how many images would be sent, as a part of a sentence."""
    asked = [upload for upload in work.to_upload if upload.asked]
    kinds = Counter("question" if is_manifest(upload.name) else "image" for upload in asked)
    size_mb = sum(upload.sample.path.stat().st_size for upload in asked) / 1e6
    counted = " and ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in kinds.items())
    return f"{counted} ({size_mb:.1f} MB)"


def _sizes(upload: Upload) -> tuple[tuple[int, int], ...]:
    """Return (width, height) of the images of one upload: the largest that is sent, where they cannot be known."""
    data = upload.sample.path.read_bytes()
    if is_manifest(upload.name):
        return (_LARGEST_PX,) * _most_images(data)
    try:
        info = probe(data)
    except ImageRejectedError:
        return ()  # nothing is sent
    return ((info.width, info.height),)


def _most_images(manifest: bytes) -> int:
    """A manifest names no more images than it has commas, and one."""
    return min(Settings.max_images_per_question, manifest.count(b",") + 1)
