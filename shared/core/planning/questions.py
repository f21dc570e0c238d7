"""What a manifest may cause: it is judged by the rules of each image it names, not of its own place alone.

Who may put an object somewhere can write a manifest there that names any image of any upload bucket. So it may ask
about an image only where an uploader could have asked that image by its own metadata, and as often as the rules of the
image's place allow. Nothing is read for it: what may not be asked about is not even looked for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shared.core.delivery.interpret import MAX_ASKS
from shared.core.events.manifest import StoredImage
from shared.core.planning.plan import asks_refused
from shared.core.planning.rules import merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.events.manifest import Manifest
    from shared.core.planning.choices import Level
    from shared.core.planning.rules import Rules
    from shared.core.values import Source


def forbidden(manifest: Manifest, source: Source, rules: Rules) -> list[str]:
    """Return why a manifest that lies at `source` must not be asked, each behind what it is about; usually nothing."""
    own, _ = rules.levels_for(source.bucket, source.name, {})
    count = len(manifest.images)
    found = _too_many(own, count, what="the manifest")
    counts = Counter[tuple[str, str]]()
    for index, image in enumerate(manifest.images):
        if not isinstance(image, StoredImage):
            continue  # an address of the web: IMAGE_URL_ORIGINS has allowed it
        levels, _ = rules.levels_for(image.bucket, image.name, {})
        named = f"images[{index}] gs://{image.bucket}/{image.name}"
        refused = asks_refused(merged(levels))
        if refused is not None:
            found.append(f"{named}: {refused}")
            continue
        place = (image.bucket, _last(levels))
        counts[place] += 1
        found += _too_many(levels, counts[place], what=f"{named}: its place")
    return found


def _too_many(levels: Sequence[Level], count: int, *, what: str) -> list[str]:
    """Return a sentence about the first image beyond what the rules of a place allow."""
    most = merged(levels).max_calls
    if most is None or count * MAX_ASKS <= most:
        return []
    room = f"{what} has room for {most // MAX_ASKS} images of one question"
    return [f"{room} ({_last(levels)}.max_calls is {most}, and each counts {MAX_ASKS}: it may be asked about again)"]


def _last(levels: Sequence[Level]) -> str:
    """Return the level that says how many calls there may be, or the last one there is."""
    said = (level.place for level in reversed(levels) if level.choices.max_calls is not None)
    return next(said, levels[-1].place)
