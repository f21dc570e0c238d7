"""Ways of sharing answers that are broken on purpose, each in one place: the explorer must find every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shared.core.delivery import sharing
from shared.pipeline.upkeep import uses
from shared.pipeline.worker import ask, reuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pytest

    from shared.core.naming import Paths
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports
    from tests.explore.mutants import Mutation


def ask_without_a_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reuse, "_claim", lambda _asking, _ports: reuse._Claim(""))


def take_live_claims(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reuse, "_may_take", lambda *_: True)


def look_before_the_claim_alone(patch: pytest.MonkeyPatch) -> None:
    find, take, taken = reuse._find, reuse._take, set[str]()

    def taking(asking: Any, there: Any, ports: Ports, *, entry: str) -> int | None:
        generation = take(asking, there, ports, entry=entry)
        taken.update({asking.job.attempt} if generation is not None else ())
        return generation

    patch.setattr(reuse, "_take", taking)
    patch.setattr(reuse, "_find", lambda asking, ports: None if asking.job.attempt in taken else find(asking, ports))


def keep_no_copy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reuse, "keep_copy", lambda *_, **__: None)


def let_the_claim_go_before_the_copy(patch: pytest.MonkeyPatch) -> None:
    share, release = ask._share, reuse._release
    late: dict[int, Callable[[], None]] = {}  # by the job itself: attempts have the same names in every run

    def later(job: Job, *arguments: Any, **options: Any) -> None:
        late[id(job)] = lambda: share(job, *arguments, **options)

    def release_first(asking: Any, *arguments: Any, **options: Any) -> None:
        release(asking, *arguments, **options)
        late.pop(id(asking.job), lambda: None)()

    patch.setattr(ask, "_share", later)
    patch.setattr(reuse, "_release", release_first)


def take_nothing_over_from_the_dead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reuse, "_left_behind", lambda *_: None)


def note_the_use_behind_the_copy(patch: pytest.MonkeyPatch) -> None:
    note, share = reuse.note_use, reuse.keep_copy

    def share_first(job: Job, reply: Any, ports: Ports, *, ask: int) -> None:
        share(job, reply, ports, ask=ask)
        note(job, reply.content, ports)

    patch.setattr(reuse, "note_use", lambda *_: None)
    patch.setattr(reuse, "keep_copy", share_first)


def never_let_the_claim_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reuse, "_release", lambda *_, **__: None)


def forget_no_copy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(uses, "give_up", lambda *_: None)


def forget_the_copies_of_others(patch: pytest.MonkeyPatch) -> None:
    contents = uses._contents

    def deleting(paths: Paths, names: Iterable[str], ports: Ports) -> Iterator[str]:
        for content in contents(paths, names, ports):
            for name in ports.store.list_names(ports.settings.work_bucket, sharing.copies_folder(content)):
                ports.store.delete(ports.settings.work_bucket, name)
            yield content

    patch.setattr(uses, "_contents", deleting)


def forget_the_use_first(patch: pytest.MonkeyPatch) -> None:
    contents = uses._contents

    def deleting(paths: Paths, names: Iterable[str], ports: Ports) -> Iterator[str]:
        for content in contents(paths, names, ports):
            ports.store.delete(ports.settings.work_bucket, paths.use(content))
            yield content

    patch.setattr(uses, "_contents", deleting)


def leave_the_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(uses, "_give_up_lease", lambda *_: None)


def count_what_others_paid(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ask, "_reused_from", lambda _job, _reply: None)


REUSE_MUTANTS: Final[dict[Mutation, tuple[str, str, str]]] = {
    ask_without_a_claim: ("shared", "together", "pay once"),
    take_live_claims: ("shared", "together", "pay once"),
    look_before_the_claim_alone: ("shared", "together", "pay once"),
    keep_no_copy: ("shared", "once", "pay once"),
    let_the_claim_go_before_the_copy: ("shared", "together", "pay once"),
    take_nothing_over_from_the_dead: ("shared", "once", "pay once"),
    note_the_use_behind_the_copy: ("forgotten", "once", "forgotten"),
    never_let_the_claim_go: ("shared", "once", "claim"),
    forget_no_copy: ("forgotten", "once", "forgotten"),
    forget_the_copies_of_others: ("forgotten", "once", "pay once"),
    forget_the_use_first: ("forgotten", "once", "forgotten"),
    leave_the_claim: ("forgotten", "once", "forgotten"),
    count_what_others_paid: ("shared", "once", "counted once"),
}
"""Each mutation, with the scenario and the schedule that show it, and the invariant that it breaks."""
