"""docs/models.md and the registry say the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shared.core.gemini.registry import known_models, switched_off

if TYPE_CHECKING:
    from shared.core.gemini.registry import ModelProfile

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
HEADER = [
    "| model | thinking | masks | media resolutions | image tokens | back ends | USD in / out from | retired |",
    "|---|---|---|---|---|---|---|---|",
]


def _row(model: ModelProfile) -> str:
    thinking = {"level": ", ".join(model.levels), "budget": f"budget {model.least_budget}", "none": "none"}
    prices = "; ".join(f"{price.usd_in:.2f} / {price.usd_out:.2f} {price.start}" for price in model.prices)
    cells = [
        f"`{model.id}`",
        thinking[model.thinking],
        model.masks,
        f"up to {model.media_resolutions[-1]}",
        model.counting,
        ", ".join(model.backends),
        prices or "unknown",
        f"{model.retired}: `{model.successor}`" if model.retired else "",
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _shown(part: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(f"<!-- {part} -->\n")[2].partition(f"\n<!-- /{part} -->")[0]


def test_the_page_shows_every_model_as_the_registry_has_it() -> None:
    assert _shown("models") == "\n".join([*HEADER, *map(_row, known_models())])


def test_the_page_shows_every_id_that_is_switched_off() -> None:
    rows = [f"| `{model.id}` | {model.retired} | `{model.successor}` |" for model in switched_off()]

    assert _shown("switched off") == "\n".join(["| id | since | name instead |", "|---|---|---|", *rows])
