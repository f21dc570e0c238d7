"""What `gcloud` must be told to make what `infra/*.tf` makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tests.policy.computed import PROJECT
from tests.policy.deploy_script import grant_name
from tests.policy.evaluated import made
from tests.policy.rights import MEMBERS
from tests.policy.translations import GRANTED_ON, OF_THE_SCRIPT, TERRAFORM_ALONE, TRANSLATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.policy.deploy_script import Statements
    from tests.policy.evaluated import Made
    from tests.policy.parsed import Infra
    from tests.policy.translations import Said

_OF_EVENTARC: Final = (
    "--ack-deadline",
    "--dead-letter-topic",
    "--max-delivery-attempts",
    "--message-retention-duration",
)
"""What the script gives to Eventarc's own subscriptions, which Terraform does not see: as much as a worker's has."""


def translated(infra: Infra, **variables: Any) -> Statements:
    """Return what must be said of each resource, where variables have other values than their defaults."""
    untold = {*OF_THE_SCRIPT, *TERRAFORM_ALONE}
    found = {key_of(each): set(_flags(each)) for each in made(infra, **variables) if each.type not in untold}
    return found | dict(_eventarc(made(infra, "google_cloudfunctions2_function", **variables), found))


def key_of(each: Made) -> tuple[str, str]:
    """Return type and name of a resource, of a right what it is on, for whom, the role, and below which folder."""
    if each.type.endswith(MEMBERS):
        on = GRANTED_ON[each.type.removesuffix(MEMBERS)].name(each.body)
        return each.type, grant_name(on, each.body["member"], each.body["role"], each.one("condition", "title"))
    return each.type, TRANSLATIONS[each.type].name(each.body)


def _flags(each: Made) -> Iterator[str]:
    grant = each.type.endswith(MEMBERS)
    translation = GRANTED_ON[each.type.removesuffix(MEMBERS)] if grant else TRANSLATIONS[each.type]
    said = {**translation.said, **(dict.fromkeys(("member", "role")) if grant else {})}
    yield from translation.always
    yield from (flag for argument, flag in translation.without.items() if argument not in each.body)
    yield from _said(each.body, said)


def _said(body: Mapping[str, Any], known: Mapping[str, Said], path: str = "") -> Iterator[str]:
    for name, value in ((name, value) for name, value in body.items() if value is not None):
        at = f"{path}{name}"
        flag = known.get(at, "")
        if callable(flag):
            yield from flag(value)
        elif flag:
            yield f"{flag}={value}"
        elif at not in known and isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
            for each in value:
                yield from _said(each, known, f"{at}.")
        elif at not in known:
            yield f"{at}={value}, which this test cannot translate"


def _eventarc(functions: Iterable[Made], found: Statements) -> Iterator[tuple[tuple[str, str], set[str]]]:
    kind, path = "google_pubsub_subscription", f"projects/{PROJECT}/subscriptions"
    names = [each.body["name"] for each in functions if "event_trigger" in each.body]
    worker = next(said for (type_, _), said in found.items() if type_ == kind and any("dead-letter" in s for s in said))
    rights = [name for type_, name in found if type_ == f"{kind}{MEMBERS}"]
    for name in names:
        yield (kind, f"{path}/eventarc-{name}"), {each for each in worker if each.startswith(_OF_EVENTARC)}
        yield (f"{kind}{MEMBERS}", re.sub(r"^\S+", f"{path}/eventarc-{name}", rights[0])), set()


def differences(wanted: Statements, found: Statements) -> set[str]:
    """Return what only one of both says, flag by flag."""
    problems = set()
    for key in wanted.keys() | found.keys():
        terraform, script = ({"", *said[key]} if key in said else set() for said in (wanted, found))
        problems |= {f"{' '.join(key)}: the script lacks {flag or 'it'}" for flag in terraform - script}
        problems |= {f"{' '.join(key)}: the script alone has {flag or 'it'}" for flag in script - terraform}
    return problems
