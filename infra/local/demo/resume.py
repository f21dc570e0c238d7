"""What is to be asked, and what an earlier run has answered already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.events.manifest import is_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from infra.local.demo.answers import Kept
    from infra.local.demo.planned import Planner, Upload


@dataclass(frozen=True, slots=True)
class Work:
    """All uploads with all they are asked; those to make now, with what is left to ask; and what is answered.

    `kept` holds (object name, task, answer).
    """

    uploads: tuple[Upload, ...]
    to_upload: tuple[Upload, ...]
    kept: tuple[tuple[str, str, Kept], ...] = ()

    @property
    def calls(self) -> int:
        """How many tasks are to be asked."""
        return sum(len(upload.asked) for upload in self.to_upload)

    @property
    def words(self) -> str | None:
        """What is taken up, in a sentence, or None."""
        if not self.kept:
            return None
        asked = {upload.name for upload in self.to_upload if upload.asked}
        whole = sum(1 for upload in self.uploads if upload.name not in asked)
        kept, tasks = len(self.kept), sum(len(upload.asked) for upload in self.uploads)
        return (
            f"{whole} of {len(self.uploads)} images have their results from an earlier run ({kept} of {tasks} tasks);"
            " FRESH=1 asks again."
        )


def take_up(uploads: Sequence[Upload], planner: Planner, find: Callable[[str], Kept | None]) -> Work:
    """Return what is to be asked, as `find` finds earlier answers by key.

    An image whose tasks are all answered is not uploaded, unless a manifest is asked that may name it.
    """
    answers = {asked.key: found for upload in uploads for asked in upload.asked if (found := find(asked.key))}
    left = [_left(upload, planner, answers.keys()) for upload in uploads]
    manifest = any(is_manifest(upload.name) and upload.asked for upload in left)
    to_upload = tuple(upload for upload in left if upload.asked or manifest)
    asked_now = {asked.key for upload in to_upload for asked in upload.asked}
    kept = tuple(
        (upload.name, asked.task, answers[asked.key])
        for upload in uploads
        for asked in upload.asked
        if asked.key not in asked_now
    )
    return Work(tuple(uploads), to_upload, kept)


def _left(upload: Upload, planner: Planner, answered: Collection[str]) -> Upload:
    """Return an upload that asks what is not answered yet; where metadata cannot say that, everything again."""
    wanted = [asked.task for asked in upload.asked if asked.key not in answered]
    if len(wanted) == len(upload.asked):
        return upload
    return planner.only(upload, wanted) or upload
