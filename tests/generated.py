"""What derives from the lists of tasks and of models, and is a file or a part of one.

`python -m tests.generated` writes all of it. Entry points, the local stack and the viewer read `shared.core.tasks`
themselves. Terraform, `deploy.sh`, the emulator, and those who read a JSON Schema or a page cannot: their files hold a
copy, and tests/repo/test_generated.py holds it to the lists.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.gemini.registry import SERVICES, checked_on, known_models, profile, switched_off
from shared.core.planning.rules import parse_rules
from shared.core.tasks.catalogue import TASKS
from shared.pipeline.upkeep.forget import NOT_REACHED
from tests import fields_page, performance_page
from tests.backfill import reckoning
from tests.costs import page as costs_page
from tests.load import page as load_page
from tests.policy import powers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.tasks.common.task import Task

ROOT = Path(__file__).resolve().parents[1]
RULES = "shared/rules.toml"


def stale() -> list[str]:
    """Return the files that are not as the list of tasks has them."""
    return [name for name, make in FILES.items() if _text(name) != make(_text(name))]


def write() -> None:
    """Write every file as the list of tasks has it, and then the page of fields, which is made of the schemas."""
    for name, make in FILES.items():
        (ROOT / name).write_text(make(_text(name)), encoding="utf-8")
    fields_page.PAGE.write_text(fields_page.page(), encoding="utf-8")


def _text(name: str) -> str:
    """Return what a file holds: nothing, before it is written for the first time."""
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def listed(names: Iterable[str], last: str = "and") -> str:
    """Return names as a sentence has them: `a, b and c`."""
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _schema(text: str, *, condition: bool) -> str:
    """The known values of `task`; and of a result (`condition`) which payload each task certainly has."""
    schema = json.loads(text)
    schema["properties"]["task"]["anyOf"][0]["enum"] = list(TASKS)
    if condition:
        others = [rule for rule in schema["allOf"] if "task" not in rule["if"]["properties"]]
        schema["allOf"] = [*others, *map(_has_payload, TASKS.values())]
        for payload in {task.payload: None for task in TASKS.values()}:
            field = schema["properties"][payload]
            field["description"] = f"Of {_tasks_with(payload)}: {field['description'].partition(': ')[2]}"
    return _json(schema)


def _has_payload(task: Task) -> Mapping[str, Any]:
    status = {"const": task.payload_if[0]} if len(task.payload_if) == 1 else {"enum": list(task.payload_if)}
    return {
        "if": {"properties": {"task": {"const": task.name}, "status": status}},
        "then": {"properties": {task.payload: {}}, "required": [task.payload]},
    }


def _tasks_with(payload: str) -> str:
    names = [task.name for task in TASKS.values() if task.payload == payload]
    return f"task{'s' if len(names) > 1 else ''} {listed(names)}"


def _tasks_page(text: str) -> str:
    wanted = parse_rules((ROOT / RULES).read_text(encoding="utf-8")).defaults.tasks or ()
    rows = [
        f"| `{task.name}` | {task.about} | {task.made} | {'yes' if task.name in wanted else 'on request'} |\n"
        for task in TASKS.values()
    ]
    text = _block(
        text, "tasks", "".join(["| task | asks for | in the result | by default |\n|---|---|---|---|\n", *rows])
    )
    for setting in {name for task in TASKS.values() for name in task.takes}:
        text = _second_cell(text, f"`{setting}`", ", ".join(_with(setting, "takes")))
    for name in {name for task in TASKS.values() for name in task.placeholders}:
        needing = [f"{task}, required" for task in _with(name, "needs")]
        text = _second_cell(text, f"`{{{name}}}`", ", ".join(needing or _with(name, "placeholders")))
    return text


def _with(word: str, attribute: str) -> list[str]:
    return [task.name for task in TASKS.values() if word in getattr(task, attribute)]


def _second_cell(text: str, first: str, second: str) -> str:
    """Give the rows of a table that begin with `first` this second cell; there has to be one."""
    return _put(text, rf"(?m)^(\| {re.escape(first)} \| )[^|]*(?= \|)", second)


def _block(text: str, name: str, content: str) -> str:
    """Put `content` between the marks of a block; they have to be there."""
    return _put(text, rf"(?s)(<!-- {name} -->\n).*?(?=<!-- /{name} -->)", content)


def _put(text: str, pattern: str, content: str) -> str:
    """Put `content` behind the first group of a pattern, wherever it matches.

    Raises:
        ValueError: it matches nowhere.
    """
    made, count = re.subn(pattern, lambda found: found[1] + content, text)
    if not count:
        raise ValueError(f"Expected a place for {content[:80]!r}, found nothing that matches {pattern}: mend either.")
    return made


def _backfill_job_page(text: str) -> str:
    return _block(text, "reckoning", reckoning.table())


def _deploy_page(text: str) -> str:
    text = _block(text, "powers", powers.table())
    text = _put(text, r"(?m)^(\*Workers\* are )[a-z`, ]+(?=\.)", listed(f"`{task}`" for task in TASKS))
    text = _put(
        text, r"(?m)^(for name in )[a-z ]+(?=; do gcloud pubsub subscriptions delete \$prefix-b)", " ".join(TASKS)
    )
    return _put(text, r"(?m)^(for name in (?:ingest forget )?)[a-z ]+(?= dead-letter release)", " ".join(TASKS))


def _costs_page(text: str) -> str:
    return _blocks(text, costs_page.blocks())


def _load_page(text: str) -> str:
    return _blocks(text, load_page.blocks())


def _blocks(text: str, contents: Mapping[str, str]) -> str:
    for name, content in contents.items():
        text = _block(text, name, content)
    return text


def _performance_page(text: str) -> str:
    for name, content in performance_page.blocks().items():
        text = _block(text, name, content)
    return text


def _operating_page(text: str) -> str:
    return _block(text, "not reached", "\n" + "".join(f"- {each}\n" for each in NOT_REACHED) + "\n")


def _glossary(text: str) -> str:
    return _put(text, r"(\| task \| one thing to ask about an image: )[a-z, ]+(?= \|)", listed(TASKS, "or"))


def _rules(text: str) -> str:
    return _put(text, r"(#   tasks, exclude +\(not per task\) a list of )[a-z, ]+(?=;)", ", ".join(TASKS))


def _bigquery(text: str) -> str:
    return _put(text, r'("name": "task", [^}]*"description": ")[a-z, ]+(?=; more may come)', ", ".join(TASKS))


_MODELS_HEAD = """\
| model | thinking | masks | media resolutions | image tokens | temperature | back ends | USD in / out from |
|---|---|---|---|---|---|---|---|
"""
_ENDS_HEAD = """\
| model | back end | shut down | instead |
|---|---|---|---|
"""
_SIZES_HEAD = """\
| back end | model | inline, before base64 | by reference in Cloud Storage | by https address |
|---|---|---|---|---|
"""


def _models_page(text: str) -> str:
    text = _block(text, "models", _MODELS_HEAD + "".join(map(_model_row, known_models())))
    text = _block(text, "ends", _ENDS_HEAD + "".join(row for model in known_models() for row in _end_rows(model)))
    text = _block(text, "sizes", _SIZES_HEAD + "".join(_size_rows()))
    text = _put(text, r"(last compared with Google's\s+pages on )[0-9-]+", checked_on().isoformat())
    gone = ((model, next(iter(model.ends.values()))) for model in switched_off())
    rows = [f"| `{model.id}` | {end.day} | `{end.successor}` |\n" for model, end in gone]
    return _block(text, "switched off", "".join(["| id | since | name instead |\n|---|---|---|\n", *rows]))


def _model_row(model: ModelProfile) -> str:
    thinking = {"level": ", ".join(model.levels), "budget": f"budget {model.least_budget}", "none": "none"}
    prices = "; ".join(f"{price.usd_in:.2f} / {price.usd_out:.2f} {price.start}" for price in model.prices)
    places = f" ({', '.join(model.locations)})" if model.locations else ""
    cells = [
        f"`{model.id}`",
        thinking[model.thinking],
        model.masks,
        f"up to {model.media_resolutions[-1]}",
        model.counting,
        "yes" if model.sampling else "no",
        ", ".join(f"{each}{places if each == 'vertex' else ''}" for each in model.backends),
        prices or "unknown",
    ]
    return f"| {' | '.join(cells)} |\n"


def _end_rows(model: ModelProfile) -> Iterable[str]:
    for backend, name in SERVICES.items():
        end, days = model.ends.get(backend), model.notice_days.get(backend)
        if end is not None:
            when = f"{end.day}" if end.firm else f"{end.day} or later"
            yield f"| `{model.id}` | {_bare(name)} | {when} | `{end.successor}` |\n"
        elif days is not None:
            yield f"| `{model.id}` | {_bare(name)} | not announced; {days} days' notice | |\n"


def _size_rows() -> Iterable[str]:
    for backend, name in SERVICES.items():
        usual = profile("any other").limits(backend)
        own = {model.id: limits for model in known_models() if (limits := model.limits(backend)) != usual}
        for model, limits in {**{f"`{each}`": limits for each, limits in own.items()}, "all others": usual}.items():
            inline = "the whole request is limited" if limits.inline is None else f"{limits.inline:,}"
            yield f"| {_bare(name)} | {model} | {inline} | {limits.object:,} | {limits.url:,} |\n"


def _bare(name: str) -> str:
    return name.removeprefix("the ")


def _emulated(_: str) -> str:
    """The models that think, by level or by budget: those of before are the emulator's own affair."""
    return _json(
        {
            model.id: {"thinking": model.thinking, "levels": list(model.levels)}
            for model in known_models()
            if model.thinking != "none"
        }
    )


FILES: Mapping[str, Callable[[str], str]] = {
    "docs/backfill-job.md": _backfill_job_page,
    costs_page.PATH: _costs_page,
    load_page.PATH: _load_page,
    "docs/deploy.md": _deploy_page,
    "docs/glossary.md": _glossary,
    "docs/models.md": _models_page,
    "docs/operating.md": _operating_page,
    performance_page.PATH: _performance_page,
    "docs/tasks.md": _tasks_page,
    "infra/emulators/gemini/models.json": _emulated,
    "infra/examples/bigquery/result_events.json": _bigquery,
    "infra/tasks.json": lambda _: _json(list(TASKS)),
    "shared/core/events/image_event.schema.json": partial(_schema, condition=False),
    "shared/core/results/result.schema.json": partial(_schema, condition=True),
    "shared/core/results/result_event.schema.json": partial(_schema, condition=False),
    RULES: _rules,
}
"""What is written, by the path in the repository; each function gets what the file holds."""

if __name__ == "__main__":
    write()
