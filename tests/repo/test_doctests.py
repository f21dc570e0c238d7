"""Every example in a docstring is true."""

from __future__ import annotations

import doctest
import importlib

import pytest

from infra.local.process import ROOT

_FILES = sorted(
    path.relative_to(ROOT)
    for package in ("shared", "functions", "infra")
    for path in (ROOT / package).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path", _FILES, ids=str)
def test_the_examples_of_a_module_are_true(path: object) -> None:
    module = importlib.import_module(str(path).removesuffix(".py").replace("/", "."))

    found = doctest.testmod(module)

    assert found.attempted
    assert not found.failed
