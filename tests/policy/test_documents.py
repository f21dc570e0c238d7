from __future__ import annotations

import re
from pathlib import Path

from tests.policy.parsed import parse
from tests.policy.rights import functions
from tests.policy.test_policies import FILES

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
INFRA = parse(FILES)


def test_every_variable_and_output_is_documented() -> None:
    outputs = re.findall(r'^output "(\w+)"', FILES["outputs.tf"], re.MULTILINE)

    assert len(outputs) > 5
    assert [name for name in [*INFRA.variables, *outputs] if f"`{name}`" not in GUIDE] == []


def test_every_role_is_documented() -> None:
    roles = {str(block.body["role"]) for block in INFRA.resources if block.type.endswith("_iam_member")}

    assert [role for role in roles if role.startswith("roles/") and role not in GUIDE] == []
    assert set(re.findall(r"roles/[\w.]+", GUIDE)) - roles == set()


def test_the_defaults_that_the_guide_names_are_terraforms() -> None:
    for name in ("region", "prefix", "backend", "vertex_location", "run"):
        assert f"| `{name}` | `{INFRA.default(name)}` |" in GUIDE
    ceilings = f"{INFRA.default('max_calls_per_day')}, {INFRA.default('max_usd_per_day')}"
    assert f"`max_usd_per_day` | {ceilings} |" in GUIDE
    assert " < ".join(str(value) for value in INFRA.default("deadlines_s").values()) in GUIDE


def test_the_example_of_variables_holds_their_defaults() -> None:
    text = (ROOT / "infra" / "terraform.tfvars.example").read_text("utf-8")
    stated = dict(re.findall(r'^(\w+) += "?([^"\n]+)"?$', text, re.MULTILINE))

    assert stated.pop("project") == "my-project"
    assert stated == {name: str(INFRA.default(name)) for name in stated}


def test_every_function_is_in_the_table_of_rights() -> None:
    assert [name for name in functions(INFRA, forget=True) if f"`{name}`" not in GUIDE] == []
