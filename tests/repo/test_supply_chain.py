"""What is installed is what was looked at: every version exact and hashed, none known to be bad, all in the bill."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from infra.supply.pins import Pin, parse_pins
from infra.supply.sbom import ROOT_REF, to_cyclonedx

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "requirements.txt",
    "requirements-local.txt",
    "requirements-dev.txt",
    "requirements-fuzz.txt",
    "requirements-conformance.txt",
    "requirements-consumers.txt",
    "requirements-parquet.txt",
    "requirements-evaluate.txt",
    "requirements-tracing.txt",
)
FLOOR = tomllib.loads(Path(__file__).with_name("advisories.toml").read_text(encoding="utf-8"))
PINS = {name: parse_pins((ROOT / name).read_text(encoding="utf-8")) for name in FILES}
SHIPPED = PINS["requirements.txt"]
HASH = "0" * 64


def affected(pins: Iterable[Pin]) -> list[str]:
    """Return every pinned version that an advisory names and nobody has accepted."""
    accepted = {(each["package"], each["version"]) for each in FLOOR["accepted"]}
    return [
        f"{pin.name} {pin.version}: {advisory['why']} ({advisory['source']})"
        for pin in pins
        for advisory in FLOOR["advisory"]
        if advisory["package"] == pin.name
        and SpecifierSet(advisory["affected"], prereleases=True).contains(pin.version)
        and (pin.name, pin.version) not in accepted
    ]


def pin(name: str, version: str) -> Pin:
    return Pin(name, version, None, (HASH,), ())


@pytest.mark.parametrize("name", FILES)
def test_no_pinned_version_is_known_to_be_bad(name: str) -> None:
    assert affected(PINS[name]) == []


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("pillow", "12.3.0"),
        ("grpcio", "1.78.1"),
        ("urllib3", "2.7.0"),
        ("pi-heif", "1.4.0"),
        ("pillow-heif", "1.8.0"),
        ("starlette", "1.2.1"),
    ],
)
def test_a_bad_version_would_be_told_with_its_reason(name: str, version: str) -> None:
    [told] = affected([pin(name, version)])

    assert told.startswith(f"{name} {version}: ")
    assert "https://" in told


@pytest.mark.parametrize(("name", "version"), [("pillow", "13.0.0"), ("grpcio", "1.78.0"), ("grpcio", "1.85.1")])
def test_a_good_version_passes(name: str, version: str) -> None:
    assert affected([pin(name, version)]) == []


@pytest.mark.parametrize("entry", FLOOR["advisory"], ids=lambda entry: f"{entry['package']}{entry['affected']}")
def test_every_advisory_can_be_read_and_followed(entry: dict[str, str]) -> None:
    assert entry.keys() == {"package", "affected", "why", "source"}
    assert entry["package"] == canonicalize_name(entry["package"])
    assert SpecifierSet(entry["affected"])
    assert entry["source"].startswith("https://")


def test_what_is_accepted_is_still_pinned_and_still_affected() -> None:
    needed = {
        (each.name, each.version)
        for each in SHIPPED
        for advisory in FLOOR["advisory"]
        if advisory["package"] == each.name and SpecifierSet(advisory["affected"]).contains(each.version)
    }

    assert {(entry["package"], entry["version"]) for entry in FLOOR["accepted"]} - needed == set()


@pytest.mark.parametrize("name", FILES)
def test_everything_is_pinned_exactly_and_hashed(name: str) -> None:
    """`parse_pins` refuses every line that is neither; here: nothing was overlooked."""
    versions = re.findall(r"^[a-z0-9]\S*==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)

    assert len(PINS[name]) == len(versions) > 0


@pytest.mark.parametrize("name", [name.removesuffix(".txt") for name in FILES])
def test_everything_that_is_wanted_is_pinned(name: str) -> None:
    lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
    wanted = {canonicalize_name(re.split(r"[<>=!~ \[]", line)[0]) for line in lines if re.match(r"[A-Za-z]", line)}

    assert wanted - {each.name for each in PINS[f"{name}.txt"]} == set()


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("requirements.txt", "requirements-local.txt"),
        ("requirements-local.txt", "requirements-dev.txt"),
        ("requirements.txt", "requirements-tracing.txt"),
    ],
)
def test_what_builds_upon_another_lock_has_its_very_versions(smaller: str, larger: str) -> None:
    """With their markers: the same release on the same machine."""
    found = {name: {(each.name, each.version, each.marker, each.sha256) for each in PINS[name]} for name in FILES}

    assert found[smaller] - found[larger] == set()


@pytest.mark.parametrize("name", ["requirements-parquet.txt", "requirements-evaluate.txt"])
def test_an_optional_package_is_what_we_test_with(name: str) -> None:
    """It is the one of the development environment, file by file."""
    dev = {(each.name, each.version, each.sha256) for each in PINS["requirements-dev.txt"]}

    assert {(each.name, each.version, each.sha256) for each in PINS[name]} <= dev


def test_tools_that_read_exports_use_the_packages_that_we_use() -> None:
    """They are locked without their dependencies' word: what we have, too, is what we know to fit together."""
    dev = {(each.name, each.version) for each in PINS["requirements-dev.txt"]}
    ours = {name for name, _ in dev}

    assert {(each.name, each.version) for each in PINS["requirements-consumers.txt"] if each.name in ours} <= dev


def test_macs_with_an_intel_processor_get_a_cryptography_that_has_a_wheel_for_them() -> None:
    """49.0.0 was the first without one: https://cryptography.io/en/latest/changelog/."""
    intel_mac = {"sys_platform": "darwin", "platform_machine": "x86_64"}
    for name in ("requirements.txt", "requirements-local.txt", "requirements-dev.txt"):
        pins = [each for each in PINS[name] if each.name == "cryptography"]
        on = {
            system: [each.version for each in pins if Marker(str(each.marker)).evaluate(dict(environment))]
            for system, environment in (
                ("intel mac", intel_mac),
                ("any other", intel_mac | {"platform_machine": "arm64"}),
            )
        }

        assert [SpecifierSet("<49").contains(version) for version in on["intel mac"]] == [True]
        assert [SpecifierSet(">=49").contains(version) for version in on["any other"]] == [True]


@pytest.mark.parametrize(
    "line",
    [
        "pillow>=13",
        "pillow @ https://example.com/pillow.whl \\",
        "--index-url https://example.com/simple",
        "-e .",
        "git+https://example.com/pillow.git",
        f"pillow==13.0.0 \\\n    --hash=md5:{HASH[:32]}",
    ],
)
def test_a_line_that_is_no_hashed_version_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="expected NAME==VERSION with hashes"):
        parse_pins(line)


def test_a_version_without_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="pillow: expected at least one hash"):
        parse_pins("pillow==13.0.0 \\\n    # via -r requirements.in")


def test_the_bill_names_everything_that_ships_with_its_hashes() -> None:
    bill = to_cyclonedx(SHIPPED)

    listed = {
        (each["name"], each["version"], *(found["content"] for found in each["externalReferences"][0]["hashes"]))
        for each in bill["components"]
    }
    assert listed == {(each.name, each.version, *each.sha256) for each in SHIPPED}


def test_the_bill_says_who_wants_what_and_nothing_hangs_loose() -> None:
    bill = to_cyclonedx(SHIPPED)

    edges = {each["ref"]: set(each["dependsOn"]) for each in bill["dependencies"]}
    reached: set[str] = set()
    ahead = {ROOT_REF}
    while ahead:
        reached |= ahead
        ahead = set().union(*(edges[ref] for ref in ahead)) - reached
    assert reached == edges.keys() == {ROOT_REF} | {each["bom-ref"] for each in bill["components"]}


def test_the_same_requirements_give_the_same_bill() -> None:
    runs = [
        subprocess.run([sys.executable, "-m", "infra.supply"], cwd=ROOT, capture_output=True, check=True).stdout
        for _ in range(2)
    ]

    assert runs[0] == runs[1]
    assert json.loads(runs[0])["specVersion"] == "1.6"
    assert to_cyclonedx(SHIPPED)["serialNumber"] != to_cyclonedx(SHIPPED[1:])["serialNumber"]
