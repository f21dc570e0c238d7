"""The shipped schemas compile in ajv's strict mode; where ajv cannot be had, the same rules are checked in Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.results.schemas import load_schema
from tests.closed_schema import SCHEMAS, closed
from tests.contract.test_consumer_promise import STORED
from tests.strict_schema import departures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = sorted(SCHEMAS.values())
AJV = ("ajv@8.17.1", "ajv-formats@3.0.1")
COMPILE = """
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(import.meta.url);
const Ajv = require("ajv/dist/2020").default;
const addFormats = require("ajv-formats").default;
const [folder, cases] = process.argv.slice(2);
const said = {};
for (const [file, values] of Object.entries(JSON.parse(readFileSync(cases)))) {
  const ajv = addFormats(new Ajv({ strict: true }));
  const validate = ajv.compile(JSON.parse(readFileSync(`${folder}/${file}`)));
  said[file] = values.map((value) => validate(value));
}
console.log(JSON.stringify(said));
"""


@pytest.fixture(scope="module")
def ajv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where Node.js finds ajv; skips, in words, where it cannot be had."""
    folder = tmp_path_factory.mktemp("ajv")
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("expected node and npm, found none: the rules of strict mode are checked in Python alone")
    install = [npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder), *AJV]
    ended = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if ended.returncode != 0:
        pytest.skip(f"npm could not install {' and '.join(AJV)}: {ended.stderr.strip()[-200:]}")
    (folder / "compile.mjs").write_text(COMPILE, encoding="utf-8")
    return folder


def compiled(ajv: Path, schemas: Path, cases: dict[str, list[Any]]) -> subprocess.CompletedProcess[str]:
    """Compile schemas in strict mode, and validate values by them."""
    (ajv / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    argv = ["node", str(ajv / "compile.mjs"), str(schemas), str(ajv / "cases.json")]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def test_ajv_compiles_every_schema_in_strict_mode_and_takes_what_is_stored(ajv: Path, tmp_path: Path) -> None:
    for file in FILES:
        (tmp_path / file).write_text(json.dumps(load_schema(file)), encoding="utf-8")
    later = {file: [{**value, "status": "later", "later": 7} for value in values] for file, values in STORED.items()}
    cases = {file: [*STORED.get(file, []), *later.get(file, []), {}] for file in FILES}

    ended = compiled(ajv, tmp_path, cases)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {file: [True] * (len(cases[file]) - 1) + [False] for file in FILES}


def test_ajv_compiles_the_closed_copies_too(ajv: Path, tmp_path: Path) -> None:
    for file in FILES:
        (tmp_path / file).write_text(json.dumps(closed(load_schema(file))), encoding="utf-8")
    cases = {file: [*values, *({**value, "later": 7} for value in values)] for file, values in STORED.items()}

    ended = compiled(ajv, tmp_path, cases)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        file: [True] * len(values) + [False] * len(values) for file, values in STORED.items()
    }


@pytest.mark.parametrize("file", FILES)
def test_every_schema_keeps_the_rules_of_strict_mode(file: str) -> None:
    assert departures(load_schema(file)) == []
    assert departures(closed(load_schema(file))) == []


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "keyword": lambda new: new["properties"]["id"].update(examples2=["a"]),
    "type-of-properties": lambda new: new["properties"]["source"].pop("type"),
    "type-of-items": lambda new: new["properties"]["files"].pop("type"),
    "type-of-pattern": lambda new: new["properties"]["id"].pop("type"),
    "type-of-minimum": lambda new: new["properties"]["source"]["properties"]["size"].update(type="string", minimum=0),
    "several-types": lambda new: new["properties"]["caption"].update(type=["string", "integer"]),
    "contradiction": lambda new: new["properties"]["caption"].update(anyOf=[{"type": "integer"}]),
    "format": lambda new: new["properties"]["created"].update(format="rfc3339"),
    "required": lambda new: new["allOf"][2]["then"].pop("properties"),
    "then": lambda new: new["allOf"][0].pop("if"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_strict_mode_refuses_is_told_without_ajv(change: Callable[[dict[str, Any]], object]) -> None:
    schema = deepcopy(load_schema("result.schema.json"))
    change(schema)

    assert departures(schema)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_ajv_refuses_the_same(ajv: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    schema = deepcopy(load_schema("result.schema.json"))
    change(schema)
    (tmp_path / "result.schema.json").write_text(json.dumps(schema), encoding="utf-8")

    ended = compiled(ajv, tmp_path, {"result.schema.json": []})

    assert ended.returncode != 0
    assert "strict" in ended.stderr or "unknown format" in ended.stderr
