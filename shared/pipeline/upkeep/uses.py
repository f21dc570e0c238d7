"""What an upload that is forgotten has a part in: answers that uploads of the same content share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import sharing
from shared.core.delivery.interpret import MAX_ASKS
from shared.core.delivery.sharing import UseError
from shared.core.errors import NotFoundError, PermanentError
from shared.pipeline.worker import lease

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.core.naming import Paths
    from shared.pipeline.ports import Ports


def give_up(paths: Paths, uses: Iterable[str], ports: Ports) -> None:
    """Remove one upload's copies of the answers that it has a part in, as the holder of its lease.

    What others wrote stays, and so does what says that it has a part: it goes when nothing can come of it any more. The
    lease on a content goes with the last copy.
    """
    for content in _contents(paths, uses, ports):
        for ask in range(MAX_ASKS):
            ports.store.delete(ports.settings.work_bucket, sharing.copy_name(content, paths, ask=ask))
        _give_up_lease(content, paths, ports)


def _contents(paths: Paths, uses: Iterable[str], ports: Ports) -> Iterator[str]:
    for name in uses:
        try:
            data = ports.store.read(ports.settings.work_bucket, name, max_bytes=sharing.MAX_USE_BYTES)
            yield sharing.parse_use(data, name=name, paths=paths)
        except NotFoundError:
            continue  # another delivery was faster
        except (PermanentError, UseError) as error:
            logs.error("it does not say which content is used: it is left aside", object=name, reason=str(error))


def _give_up_lease(content: str, paths: Paths, ports: Ports) -> None:
    """Delete the lease on a content, unless others need it; only as it is now: somebody may be about to take it."""
    work, name = ports.settings.work_bucket, sharing.lease_name(content, paths.task)
    # The lease before the copies: whoever keeps a copy behind this look lets go behind it, too, and none is deleted.
    there = ports.store.stat(work, name)
    if there is None:
        return
    copies = next(iter(ports.store.list_objects(work, sharing.copies_folder(content))), None) is not None
    own = there.metadata.get(lease.HOLDER) == sharing.holder_of(paths)
    if sharing.lease_may_go(own=own, free=lease.is_free(there, ports), copies=copies):
        ports.store.delete(work, name, generation=there.generation)
