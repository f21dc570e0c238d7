"""`models`: which models answer today, and where the registry differs from a saved page of Google's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from shared.command_line import DONE, INCOMPLETE
from shared.core.errors import NotFoundError
from shared.core.gemini.comparing import differences
from shared.core.gemini.pages import read_page
from shared.core.gemini.registry import SERVICES, checked_on, known_models
from shared.core.gemini.service import Service, may_be_off, refusal, stand_in
from shared.operate.tables import table

if TYPE_CHECKING:
    import argparse

    from shared.core.gemini.registry import BackendName, ModelProfile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `models`."""
    parser.add_argument("--check", type=Path, metavar="FILE", help="a saved page of Google's, HTML or text")
    parser.add_argument("--backend", choices=tuple(SERVICES), help="whose page it is, if it does not name itself")


def run(args: argparse.Namespace) -> int:
    """Print the models, or what differs."""
    today = dt.datetime.now(dt.UTC).date()
    if args.check is None:
        print(_today(today))  # noqa: T201 - a command
        return DONE
    return _check(args.check, args.backend, today)


def _check(file: Path, backend: BackendName | None, today: dt.date) -> int:
    try:
        page = read_page(file.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}") from error
    if not page.ids:
        raise NotFoundError(f"{file} names no Gemini model: save one of the pages that docs/models.md names")
    asked: BackendName = backend or ("vertex" if page.vertex else "developer")
    found = differences(page, backend=asked, today=today)
    read = f"{len(page.ids)} ids, {len(page.ends)} ends, {len(page.prices)} prices, as of {SERVICES[asked]}"
    print(f"The page has {read}; the registry was last compared on {checked_on()}.")  # noqa: T201
    if not found:
        print("Nothing differs.")  # noqa: T201
        return DONE
    print(table(["model", "what", "page", "registry"], [[d.model, d.what, d.page, d.registry] for d in found]))  # noqa: T201
    return INCOMPLETE


def _today(today: dt.date) -> str:
    rows = [[model.id, *(_state(model, Service(each, today)) for each in SERVICES)] for model in known_models()]
    return table(["model", *SERVICES.values()], rows)


def _state(model: ModelProfile, service: Service) -> str:
    if not may_be_off(model, service):
        end = model.ends.get(service.backend)
        return "answers" if end is None else f"answers until {end.day}{'' if end.firm else ' or later'}"
    instead = stand_in(model, service)
    state = "may be shut down" if refusal(model, service) is None else "does not answer"
    return f"{state}; {instead.id} instead" if instead else state
