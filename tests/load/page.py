"""The tables of docs/load.md, made of the last simulations, of Terraform's figures, and of the last measured load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from infra.load.calibration import INGEST
from tests.costs.machines import concurrency
from tests.load import deployed, figures
from tests.load.deployed import CHOICES, calls, tokens_per_image

if TYPE_CHECKING:
    from tests.load.figures import Limit, Simulated

PATH: Final = "docs/load.md"
_WORDS: Final = {each.name: each.words for each in CHOICES}


def blocks() -> Mapping[str, str]:
    """Return the content of each block of the page, by its name."""
    return {
        "simulated": simulated(figures.last()),
        "needed": _needed(),
        "limits": _limits(),
        "first": _first(),
        "measured": _measured(),
        "sources": _sources(),
    }


def write() -> None:
    """Write the page anew."""
    from tests import generated

    path = generated.ROOT / PATH
    path.write_text(generated.FILES[PATH](path.read_text(encoding="utf-8")), encoding="utf-8")


def simulated(found: Iterable[Simulated]) -> str:
    """Return what was simulated, a row for each choice at each rate."""
    head = (
        "| images a second | deployed | simulated | finished a second | 95th percentile | held | waiting at the end |"
        " redeliveries | instances (ingest, each worker) | dollars an hour |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(map(_row, found))


def _row(each: Simulated) -> str:
    workers = max(count for name, count in each.instances.items() if name != INGEST)
    p95 = "none finished" if each.p95_s is None else f"{each.p95_s:,.0f} s"
    cells = [
        f"{each.rate:,.0f}",
        _WORDS[each.choice],
        f"{each.seconds:,.0f} s",
        f"{each.per_s:,.2f}",
        p95,
        f"{each.held:,}",
        f"{each.waiting:,} of {each.arrived:,}",
        f"{each.redeliveries:,}",
        f"{each.instances[INGEST]:,}, {workers:,}",
        f"{each.usd_per_hour:,.2f}",
    ]
    return f"| {' | '.join(cells)} |\n"


def _needed() -> str:
    rows = []
    for rate in figures.RATES:
        threads = rate * deployed.ANSWER_S
        each = threads / concurrency(next(iter(calls()))) / float(deployed.limits("run")["target"])
        cells = [
            f"{rate:,.0f}",
            f"{rate * len(calls()) * deployed.MINUTE_S:,.0f}",
            f"{rate * tokens_per_image() * deployed.MINUTE_S / 1e6:,.2f} million",
            f"{max(1.0, each):,.0f}",
            f"{rate * deployed.writes_per_image():,.0f}",
            f"{rate * len(calls()) * deployed.DAY_S:,.0f}",
            f"{rate * deployed.usd_of_model() * deployed.HOUR_S:,.0f}",
        ]
        rows.append(f"| {' | '.join(cells)} |\n")
    head = (
        "| images a second | model calls a minute | tokens a minute | instances of each worker | writes a second |"
        " calls a day | dollars an hour for the model |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(rows)


def _limits() -> str:
    """Return every limit of the defaults and of the most that Terraform takes, the lowest first."""
    most = {each.name: each for each in figures.all_limits(CHOICES[1])}
    rows = [
        f"| {each.name} | {_per_s(each)} | {'none' if each.name not in most else _per_s(most[each.name])} |"
        f" {each.how} | {each.change} |\n"
        for each in figures.all_limits(CHOICES[0])
    ]
    head = (
        "| what | images a second, by default | with `max_instances = 100`, no ceiling | by default that is |"
        " who changes it |\n"
        "|---|---|---|---|---|\n"
    )
    return head + "".join(rows)


def _per_s(limit: Limit) -> str:
    return f"{limit.per_s:,.3f}" if limit.per_s < 1 else f"{limit.per_s:,.0f}"


def _first() -> str:
    """Return what is too small at each rate, the smallest first, one line for each choice that has limits of ours."""
    lines = []
    for rate in figures.RATES:
        for choice in CHOICES[:2]:
            short = [each.name for each in figures.all_limits(choice) if each.per_s < rate]
            words = (
                "nothing" if not short else f"**{short[0]}**" + (f", then {', '.join(short[1:])}" if short[1:] else "")
            )
            lines.append(f"- {rate:,.0f} a second, {choice.words}: {words}\n")
    return f"\n{''.join(lines)}\n"


def _measured() -> str:
    found = deployed.measured()
    run = found.get("run")
    if run is None:
        return "No run has been kept yet.\n"
    plan, machine = run["plan"], run["machine"]
    rows = [
        f"| {words} | {_cell(run['measured'][name])} | {_cell(run['simulated'][name])} |"
        f" {_ratio(run['measured'][name], run['simulated'][name])} |\n"
        for name, words in (
            ("finished", "images that finished"),
            ("throughput", "finished a second"),
            ("p50_s", "50th percentile, s"),
            ("p95_s", "95th percentile, s"),
            ("most_backlog", "most at once"),
        )
    ]
    said = (
        f"That was {plan['rate']:g} a second for {plan['seconds']:g} s, {plan['burst']} at once, with a model of"
        f" {plan['model_s']:g} s, on {machine['cores']} cores ({machine['system']}, Python {machine['python']}), which"
        f" {run['others']:g} threads of other programs wanted, too."
    )
    return f"| | measured | simulated | ratio |\n|---|---|---|---|\n{''.join(rows)}\n{said}\n"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}".removesuffix(".00")


def _ratio(one: float | None, other: float | None) -> str:
    return f"{other / one:.2f}" if one and other else ""


def _sources() -> str:
    rows = [f"| {each['name']} | [page]({each['url']}) | {each['as_of']} |\n" for each in deployed.sources().values()]
    return "| limits of | where | as of |\n|---|---|---|\n" + "".join(rows)
