"""`plan`: what would happen to an upload, and which rule or metadata decided it. Nothing is called, nothing happens."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared import config
from shared.command_line import DONE
from shared.config import Settings
from shared.core.delivery.budget import Ceiling
from shared.core.errors import NotFoundError
from shared.core.events import storage_events
from shared.core.events.envelopes import Upload
from shared.core.planning.explain import explain
from shared.core.values import Source
from shared.operate.tables import printable, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.planning.explain import Explanation
    from shared.core.ports import ObjectInfo

_SCHEME = "gs://"
_TRANSPORT = (
    "How the image travels (inline, Files API, gs://) is decided by the worker, from its size and its bytes; what it"
    " turns out to be, too: the name and the content type only decide whether a worker looks at it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `plan`."""
    parser.add_argument("object", type=_address, metavar="gs://BUCKET/OBJECT", help="an object; it need not exist")
    parser.add_argument("--content-type", help="as it would be declared on upload")
    parser.add_argument(
        "--metadata", type=_pair, action="append", default=[], metavar="KEY=VALUE", help="such as uplook-tasks=ask"
    )
    parser.add_argument("--rules", type=Path, metavar="FILE", help="try these rules; no deployment's settings are read")
    parser.add_argument("--live", action="store_true", help="plan for the object as it is in the bucket")


def run(args: argparse.Namespace) -> int:
    """Print the plan of one object."""
    bucket, name = args.object
    upload = _upload(args)
    settings = _settings(bucket, args.rules)
    rules, service = config.read_rules(settings), config.service_today(settings)
    explained = explain(upload, rules, service)
    explained = dataclasses.replace(
        explained,
        left_out=_refused(upload, settings) or explained.left_out,
        warnings=(
            *explained.warnings,
            *config.model_refusals(rules, service),
            *config.model_cautions(rules, service),
            *config.cost_cautions(rules, settings, service),
        ),
    )
    limits = (Ceiling(settings.max_calls_per_day, settings.max_usd_per_day), *rules.budgets_for(bucket, name))
    lines = _lines(f"{_SCHEME}{bucket}/{name}", explained, limits, settings)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return DONE


def _upload(args: argparse.Namespace) -> Upload:
    """Return the upload as ingest would be told of it; what was typed stands above what is stored."""
    bucket, name = args.object
    metadata = dict(args.metadata)
    if not args.live:
        return Upload(Source(bucket, name, 1, content_type=args.content_type), metadata)
    stored = _stored(bucket, name)
    content_type = stored.content_type if args.content_type is None else args.content_type
    source = Source(bucket, name, stored.generation, stored.size, content_type, stored.crc32c)
    return Upload(source, {**stored.metadata, **metadata})


def _settings(bucket: str, rules: Path | None) -> Settings:
    if rules is None:
        return config.load_settings()
    # Rules can be tried without any deployment: every bucket is one for uploads then.
    return Settings(
        results_bucket="", work_bucket="", upload_buckets=(bucket,), image_topic="", result_topic="", rules_file=rules
    )


def _refused(upload: Upload, settings: Settings) -> str | None:
    """Return why ingest leaves an upload out before any rule is asked, or None."""
    if upload.source.bucket not in settings.upload_buckets:
        return f"not an upload bucket (UPLOAD_BUCKETS names {', '.join(settings.upload_buckets)})"
    return storage_events.own_output(
        upload, results_bucket=settings.results_bucket, results_prefix=settings.results_prefix
    )


def _stored(bucket: str, name: str) -> ObjectInfo:
    from shared.adapters.storage import GoogleStorage

    client = config.client_settings()
    store = GoogleStorage(project=client.project, emulator_host=client.storage_emulator_host, connections=1)
    stored = store.stat(bucket, name)
    if stored is None:
        raise NotFoundError(f"there is no gs://{bucket}/{name}: leave out --live to plan for an object to come")
    return stored


def _lines(uri: str, explained: Explanation, limits: Sequence[Ceiling], settings: Settings) -> Iterator[str]:
    tasks = ", ".join(each.task for each in explained.tasks if each.left_out is None)
    yield printable(f"{uri}: {f'left out, {explained.left_out}' if explained.left_out else tasks}")
    yield f"Who has a say, the last word last: {', '.join(explained.places)}"
    yield from (printable(f"Warning: {text}") for text in explained.warnings)
    yield printable(f"Rules: {settings.rules_file}")
    yield printable(f"Its calls count for {_limits(limits)}")
    if explained.left_out is not None:
        return
    for each in explained.tasks:
        yield ""
        if each.left_out is not None:
            yield f"{each.task}: left out, {each.left_out}"
        else:
            rows = [[f"  {one.setting}", one.place, one.value] for one in each.decisions]
            yield table([each.task, "decided by", ""], rows)
    yield f"\n{_TRANSPORT}"


def _limits(limits: Sequence[Ceiling]) -> str:
    """Return every limit that an object's calls count for, the deployment's first."""
    whole, *budgets = limits
    told = [f"the day's ceiling ({whole.words})" if whole.limits else "no ceiling (MAX_CALLS_PER_DAY, MAX_USD_PER_DAY)"]
    told += [f"the budget of {each.scope.words} ({each.words} a day)" for each in budgets if each.scope]
    return ", and for ".join(told)


def _address(text: str) -> tuple[str, str]:
    bucket, _, name = text.removeprefix(_SCHEME).partition("/")
    if not text.startswith(_SCHEME) or not bucket or not name:
        raise argparse.ArgumentTypeError(f"expected gs://BUCKET/OBJECT, found {text!r}")
    return bucket, name


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, found {text!r}")
    return key, value
