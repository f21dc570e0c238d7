"""Uplook never looks at what Uplook wrote: neither one deployment with one bucket, nor a chain of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.core.events.envelopes import Upload
    from shared.core.values import Source

STAMP = "uplook-attempt"
"""The custom metadata that every object of ours carries: the id of the attempt that wrote it.

An uploader can forge it, and gains nothing: the object is left out, and that is logged.
"""


def own_output(upload: Upload, *, results_bucket: str, results_prefix: str) -> str | None:
    """Return why an object is no upload but a result (of whatever deployment), or None.

    Either sign is enough. The prefix tells this deployment's results, also where something copied them without
    their metadata; the stamp tells those of another deployment, so that a chain of two ends at its first hop.
    """
    if lies_among_results(upload.source, results_bucket=results_bucket, results_prefix=results_prefix):
        return "it lies below the results' prefix"
    if STAMP in upload.metadata:
        return f"it carries the metadata {STAMP}: Uplook wrote it"
    return None


def lies_among_results(source: Source, *, results_bucket: str, results_prefix: str) -> bool:
    """Whether an object of a bucket that holds uploads and results is one of the results."""
    return bool(results_prefix) and source.bucket == results_bucket and source.name.startswith(results_prefix)
