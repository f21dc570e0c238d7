"""The table of docs/deploy.md: what each account may effectively do, as `infra/*.tf` gives it."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.core.tasks.catalogue import TASKS
from tests.policy.computed import PROJECT
from tests.policy.evaluated import EVERYTHING
from tests.policy.parsed import parse
from tests.policy.rights import grants

if TYPE_CHECKING:
    from tests.policy.rights import Grant

_INFRA: Final = Path(__file__).resolve().parents[2] / "infra"
_HEAD: Final = "| who | on | may | role | only where |\n|---|---|---|---|---|\n"
_WORDS: Final = {
    "roles/artifactregistry.writer": "write images",
    "roles/bigquery.dataEditor": "write rows",
    "roles/cloudtrace.agent": "write spans",
    "roles/eventarc.eventReceiver": "receive events",
    "roles/eventarc.serviceAgent": "make triggers",
    "roles/iap.httpsResourceAccessor": "open the page",
    "roles/iam.serviceAccountOpenIdTokenCreator": "sign its tokens",
    "roles/logging.logWriter": "write logs",
    "roles/pubsub.publisher": "publish",
    "roles/pubsub.subscriber": "take messages off",
    "roles/run.invoker": "call",
    "roles/secretmanager.secretAccessor": "read",
    "roles/storage.legacyBucketReader": "list names",
    "roles/storage.objectCreator": "create, never replace",
    "roles/storage.objectUser": "read, create, replace, delete",
    "roles/storage.objectViewer": "read",
    "uplook_ask_models": "ask models",
    "uplook_batch_jobs": "make, look at and cancel batch jobs",
}
_OPTIONS: Final[dict[str, tuple[object, str]]] = {
    "backfill_image": (None, "backfill_image = …"),
    "batch": (False, "batch = true"),
    "bigquery": (False, "bigquery = true"),
    "reuse_answers": (False, "reuse_answers = true"),
    "tracing": (False, "tracing = true"),
    "viewer": (False, "viewer = true"),
}
"""Variables that are off by default and give rights: their value then, and the words for any other."""
_FOLDER: Final = re.compile(r'/objects/((?:[a-z]+/)+)"')
_OWN: Final = re.compile(r'endsWith\("/([a-z]+)\.json"\)')
_SOURCES: Final = re.compile(r'startsWith\("projects/_/buckets/([\w-]+)"\)')
_BUCKET: Final = re.compile(rf"{PROJECT}-uplook-(\w+)")


@cache
def table() -> str:
    """Return the table, in Markdown: a row for all accounts that may do the same, on all that it is the same on."""
    rows: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for grant, where in _grants():
        only = ", ".join(part for part in (_condition(grant), where) if part)
        accounts = rows[_on(grant), _WORDS[_named(grant.role)], _role(grant.role), only]
        if grant.who not in accounts:
            accounts.append(grant.who)
    wheres: dict[tuple[tuple[str, ...], str, str, str], list[str]] = defaultdict(list)
    for (on, may, role, only), accounts in sorted(rows.items()):
        wheres[tuple(sorted(accounts)), on, may, role].append(only)
    places: dict[tuple[tuple[str, ...], str, str, str], list[str]] = defaultdict(list)
    for (accounts_, on, may, role), only_ in wheres.items():
        places[accounts_, may, role, "; ".join(only_)].append(on)
    lines = [
        f"| {_whos(accounts_)} | {_listed(on_)} | {may} | {role} | {only} |".replace("|  |", "| |")
        for (accounts_, may, role, only), on_ in sorted(places.items(), key=lambda item: _order(item[0][0], item[1]))
    ]
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _whos(accounts: tuple[str, ...]) -> str:
    """Name accounts; all workers together have one name."""
    others = [each for each in accounts if each not in TASKS] if set(TASKS) <= set(accounts) else list(accounts)
    return ", ".join([*(["every worker"] if len(others) < len(accounts) else []), *dict.fromkeys(map(_who, others))])


def _listed(places: list[str]) -> str:
    """Name things of one kind with its name said once."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for place in places:
        kind, _, name = place.rpartition(" ")
        kinds[kind].append(name)
    return "; ".join(
        f"{kind}{'s' if kind and len(of) > 1 else ''} {', '.join(of)}".strip() for kind, of in kinds.items()
    )


def _grants() -> list[tuple[Grant, str]]:
    """Return every right, and by which choices alone it is given: a back end, an option."""
    infra = parse({path.name: path.read_text("utf-8") for path in sorted(_INFRA.glob("*.tf"))})
    given = {str(choice["backend"]): grants(infra, **choice) for choice in EVERYTHING}
    found: dict[Grant, list[str]] = defaultdict(list)
    for backend, each in given.items():
        for grant in each:
            found[grant].append(backend)
    without = {
        option: {grant for choice in EVERYTHING for grant in grants(infra, **{**choice, option: off})}
        for option, (off, _) in _OPTIONS.items()
    }
    everything = set(found)
    return [
        (
            grant,
            ", ".join(
                [
                    *([] if len(of) == len(given) else [f'`backend = "{of[0]}"`']),
                    *(f"`{said}`" for name, (_, said) in _OPTIONS.items() if grant in everything - without[name]),
                ]
            ),
        )
        for grant, of in found.items()
    ]


def _order(accounts: tuple[str, ...], on: list[str]) -> tuple[object, ...]:
    people, agent = ":" in accounts[0], accounts[0].startswith("agent of")
    return people, agent, accounts[0] in {"build", "push", "trigger"}, -len(accounts), accounts, on


def _who(account: str) -> str:
    if ":" in account:
        return "each of `viewer_members`"
    if account.startswith("agent of "):
        return f"Google's agent of {account.removeprefix('agent of ')}"
    return f"the {account} account" if account in {"build", "push", "trigger"} else f"`{account.replace('-', '_')}`"


def _on(grant: Grant) -> str:
    if grant.on == PROJECT:
        return "the project"
    if grant.on.startswith("projects/"):
        return f"the account `{grant.on.rpartition('/')[2].partition('@')[0]}`"
    bucket = _BUCKET.fullmatch(grant.on)
    kinds = {
        "bigquery_table": "table",
        "cloud_run_service": "service",
        "iap_web_cloud_run_service": "service",
        "pubsub_subscription": "subscription",
        "pubsub_topic": "topic",
    }
    kind = next((word for part, word in kinds.items() if f"google_{part}_" in grant.type), "")
    return f"bucket {bucket[1]}" if bucket else f"{kind} `{grant.on}`".strip()


def _named(role: str) -> str:
    """Return a role's name; that of our own without the number of the deployment that ends it."""
    return role if role.startswith("roles/") else re.sub(r"_\d+$", "", role.rpartition("/")[2])


def _role(role: str) -> str:
    return f"`{role}`" if role.startswith("roles/") else f"`{_named(role)}_…`, a role of our own"


def _condition(grant: Grant) -> str:
    if grant.condition is None:
        return ""
    folder, own, sources = (each.search(grant.condition) for each in (_FOLDER, _OWN, _SOURCES))
    if folder:
        return f"below `{folder[1]}`" + (", objects of its own task" if own else "")
    return f"in buckets `{sources[1]}…`" if sources else f"`{grant.condition}`"
