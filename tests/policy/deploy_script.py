"""What `infra/deploy.sh --dry-run` says: in words and flags, and as statements about resources."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tests.policy.computed import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = str(ROOT / "infra" / "deploy.sh")

Statements: TypeAlias = "dict[tuple[str, str], set[str]]"
"""Flags by the type that Terraform has for it, and the name."""

_TYPES: Final = {
    "artifacts repositories create": "google_artifact_registry_repository",
    "artifacts repositories set-cleanup-policies": "google_artifact_registry_repository",
    "beta services identity create": "google_project_service_identity",
    "functions deploy": "google_cloudfunctions2_function",
    "iam roles create": "google_project_iam_custom_role",
    "iam service-accounts create": "google_service_account",
    "pubsub subscriptions create": "google_pubsub_subscription",
    "pubsub subscriptions update": "google_pubsub_subscription",
    "pubsub topics create": "google_pubsub_topic",
    "scheduler jobs create pubsub": "google_cloud_scheduler_job",
    "scheduler jobs update pubsub": "google_cloud_scheduler_job",
    "secrets create": "google_secret_manager_secret",
    "secrets versions add": "google_secret_manager_secret_version",
    "services enable": "google_project_service",
    "storage buckets create": "google_storage_bucket",
    "storage buckets update": "google_storage_bucket",
    "storage cp": "google_storage_bucket_object",
    "storage service-agent": "data.google_storage_project_service_account",
}
_GRANTED_ON: Final = {
    "artifacts repositories": "google_artifact_registry_repository",
    "iam service-accounts": "google_service_account",
    "projects": "google_project",
    "pubsub subscriptions": "google_pubsub_subscription",
    "pubsub topics": "google_pubsub_topic",
    "run services": "google_cloud_run_service",
    "secrets": "google_secret_manager_secret",
    "storage buckets": "google_storage_bucket",
}
_GRANTS: Final = "add-iam-policy-binding"
_UNSAID: Final = {"--quiet": "gcloud's own questions", "--display-name": "words for people"}
_FILES: Final = frozenset({"--lifecycle-file", "--policy"})
_DURATION: Final = re.compile(r"(\d+)([smhd]?)")
_DURATIONS: Final = frozenset(
    {"--max-retry-delay", "--message-retention-duration", "--min-retry-delay", "--soft-delete-duration", "--timeout"}
)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def dry_run(*, region: str = "us-central1", script: str | None = None, **environ: str) -> list[list[str]]:
    """Return the commands that a fresh project would need, in words; `script` is another text of the script."""
    return [shlex.split(line) for line in _said(region, script, tuple(environ.items())) if not line.startswith("#")]


@lru_cache(maxsize=8)
def _said(region: str, script: str | None, environ: tuple[tuple[str, str], ...]) -> list[str]:
    start = [SCRIPT] if script is None else ["bash", "-c", script, "infra/deploy.sh"]
    ended = subprocess.run(
        [*start, "--dry-run", "deploy", PROJECT, region],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **dict(environ)},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.splitlines()


def flags(command: list[str]) -> dict[str, str]:
    """Return `--name=value` as a mapping."""
    return {name: value for name, _, value in (word.partition("=") for word in command) if name.startswith("--")}


def environment(stated: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a function's flags set."""
    return dict(pair.split("=", 1) for pair in stated["--set-env-vars"].removeprefix("^;^").split(";"))


def statements(commands: Iterable[list[str]]) -> Statements:
    """Return what commands say of each resource, in the order of its first one.

    Raises:
        KeyError: A command is none of those that Terraform has a type for.
    """
    found: Statements = {}
    for command in commands:
        for key, said in _stated(command):
            found.setdefault(key, set()).update(said)
    return found


def _stated(command: list[str]) -> Iterator[tuple[tuple[str, str], set[str]]]:
    words = [word for word in command[1:] if not word.startswith("--")]
    said = {each for word in command if word.startswith("--") for each in _flag(*word.partition("=")[::2])}
    given = flags(command)
    if _GRANTS in words:
        *on, _, resource = words
        title = re.match(r"title=([^,]*)", given.get("--condition", ""))
        name = grant_name(resource, given["--member"], given["--role"], title and title[1])
        key = f"{_GRANTED_ON[' '.join(on)]}_iam_member", name
        yield key, said - {f"{name}={given[name]}" for name in ("--member", "--role")}
        return
    verb = next((each for each in _TYPES if words[: len(each.split())] == each.split()), " ".join(words))
    kind, names = _TYPES[verb], words[len(verb.split()) :]
    if kind == "google_project_service":
        yield from (((kind, name), said) for name in names)
    elif kind == "google_project_service_identity":
        yield (kind, given["--service"]), said - {f"--service={given['--service']}"}
    elif kind == "google_storage_bucket_object":
        source, folder = names
        yield (kind, f"{folder}{Path(source).name}"), {*said, f"--from={source}"}
    else:
        yield (kind, " ".join(names)), said


def grant_name(on: str, member: str, role: str, title: str | None) -> str:
    """Return the name of a right: one account may have one role on one resource several times, by folders."""
    folder = re.match(r"\S+/", title or "")
    return " ".join([on, member, role, *([folder[0]] if folder else [])])


def _flag(name: str, value: str) -> list[str]:
    if name in _UNSAID:
        return []
    if name == "--set-env-vars":
        return [f"{name} {pair}" for pair in value.removeprefix("^;^").split(";")]
    if name in _FILES:
        return [f"{name}={canonical(json.loads((ROOT / value).read_text('utf-8')))}"]
    if name in _DURATIONS and (match := _DURATION.fullmatch(value)):
        return [f"{name}={int(match[1]) * _SECONDS[match[2]]}"]
    return [f"{name}={value}" if value else name]


def canonical(value: Any) -> str:
    """Return JSON in the one way in which equal values are equal texts."""
    return json.dumps(value, sort_keys=True)
