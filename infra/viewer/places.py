"""The buckets of one deployment: what the viewer lists, and what it hands out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.config import Settings


@dataclass(frozen=True, slots=True)
class Places:
    """Where images are uploaded, where results lie (below `results_prefix`, if there is one), and the work bucket."""

    uploads: tuple[str, ...]
    results: str
    work: str
    results_prefix: str = ""

    @property
    def shown(self) -> tuple[str, ...]:
        """Buckets whose objects a page may have. What lies in the work bucket is for the functions."""
        return tuple(dict.fromkeys((*self.uploads, self.results)))

    def is_result(self, bucket: str, name: str) -> bool:
        """Whether an object is one of ours: uploads and results may share a bucket."""
        return bucket == self.results and name.startswith(self.results_prefix)


def places_of(settings: Settings) -> Places:
    """Return the buckets that the functions use with these settings."""
    return Places(settings.upload_buckets, settings.results_bucket, settings.work_bucket, settings.results_prefix)
