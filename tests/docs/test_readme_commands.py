"""Every command of the README, typed in its order in a stranger's fresh copy."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import typed

if TYPE_CHECKING:
    from tests.docs.blocks import Block
    from tests.docs.stage import Stage

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the shell examples need curl")


@pytest.mark.parametrize("block", typed("README.md"), ids=str)
def test_the_block_runs(stage: Stage, block: Block) -> None:
    stage.run(block)


def test_the_readme_shows_the_demo_and_a_stack_and_ends_them(stage: Stage) -> None:
    said = stage.said["README.md"]

    assert "duplicates cost nothing" in said
    assert "Waiting for result events" in said
    assert said.count("The stack has ended") == 2
    assert (stage.root / ".local" / "demo" / "overview.jpg").stat().st_size > 10_000
    assert ["terraform", "-chdir=infra", "apply"] in stage.asked()
