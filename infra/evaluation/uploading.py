"""Send the labelled set to a running stack, each picture with the tasks that it is labelled for, and wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from infra.local import topology
from infra.local.demo.choosing import content_type
from shared.core.evaluation.judging import LABELLING_OF

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.cloud import storage

    from shared.core.evaluation.truth import Truth, TruthImage

_POLL_S: Final = 1.0


def tasks_of(image: TruthImage) -> tuple[str, ...]:
    """Return the tasks that a picture is labelled for."""
    return tuple(task for task, labelling in LABELLING_OF.items() if labelling in image.labellings)


def upload(truth: Truth, pictures: Path, client: storage.Client, *, prefix: str) -> dict[str, tuple[str, ...]]:
    """Upload every picture below a prefix; return the tasks of each object by its folder in the results bucket."""
    asked = {}
    for image in truth.images:
        tasks = tasks_of(image)
        question = next((each.question for each in image.answers if each.question), None)
        blob = client.bucket(topology.UPLOADS).blob(f"{prefix}{image.file_name}")
        blob.metadata = {"uplook-tasks": ",".join(tasks)} | ({"uplook-question": question} if question else {})
        blob.upload_from_filename(str(pictures / image.file_name), content_type=content_type(image.file_name))
        asked[f"{topology.UPLOADS}/{blob.name}/{blob.generation}/"] = tasks
    return asked


def await_results(
    asked: dict[str, tuple[str, ...]],
    client: storage.Client,
    *,
    run: str,
    patience_s: float,
    tell: Callable[[str], None],
) -> int:
    """Return how many results are missing when all are there, or when none has come for as long as patience lasts."""
    wanted = {(folder, task) for folder, tasks in asked.items() for task in tasks}
    missing, since_s = len(wanted), time.monotonic()
    while missing:
        names = (blob.name for blob in client.list_blobs(topology.RESULTS, prefix=f"{run}/{topology.UPLOADS}/"))
        left = len(wanted - set(map(_folder_and_task, names)))
        if left < missing:
            missing, since_s = left, time.monotonic()
            tell(f"{len(wanted) - missing} of {len(wanted)} results")
        elif time.monotonic() - since_s > patience_s:
            return missing
        if missing:
            time.sleep(_POLL_S)
    return 0


def _folder_and_task(name: str) -> tuple[str, str]:
    """Return what a document is about: `v1/uploads/cat.jpg/7/detect.error-0.json` is about detect of that folder."""
    folder, _, own = name.partition("/")[2].rpartition("/")
    return f"{folder}/", own.partition(".")[0] if own.endswith(".json") else ""
