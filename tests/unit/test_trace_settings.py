"""OTEL_… variables: what turns spans on, and what is refused at the start because the SDK would pass over it."""

from __future__ import annotations

from importlib import metadata

import pytest

from shared.trace_settings import exporters


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both exporters of requirements-tracing.txt are there, whatever this environment has."""
    there = {"console", "otlp_proto_http", "gcp_trace"}
    monkeypatch.setattr(metadata, "entry_points", lambda *, group, name: [group] if name in there else [])


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ()),
        ({"OTEL_TRACES_EXPORTER": ""}, ()),
        ({"OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_SERVICE_NAME": "uplook", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp_proto_http",)),
        ({"OTEL_TRACES_EXPORTER": "gcp_trace"}, ("gcp_trace",)),
        ({"OTEL_TRACES_EXPORTER": " console , otlp,otlp_proto_http"}, ("console", "otlp_proto_http")),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": "always_on"}, ("console",)),
        (
            {
                "OTEL_TRACES_EXPORTER": "console",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.25",
            },
            ("console",),
        ),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ("otlp_proto_http",)),
    ],
)
def test_spans_are_on_only_where_an_exporter_is_named(environ: dict[str, str], expected: tuple[str, ...]) -> None:
    problems = list[str]()

    assert exporters(environ, problems) == expected
    assert problems == []


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER: expected otlp, gcp_trace, console or none"),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": "some"}, "OTEL_TRACES_SAMPLER: expected one of"),
        (
            {
                "OTEL_TRACES_EXPORTER": "console",
                "OTEL_TRACES_SAMPLER": "traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "25 %",
            },
            "OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, found '25 %'",
        ),
        (
            {
                "OTEL_TRACES_EXPORTER": "console",
                "OTEL_TRACES_SAMPLER": "traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "1.5",
            },
            "OTEL_TRACES_SAMPLER_ARG: expected",
        ),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "expected http/protobuf"),
    ],
)
def test_what_the_sdk_would_pass_over_is_refused(environ: dict[str, str], told: str) -> None:
    problems = list[str]()
    exporters(environ, problems)

    [problem] = problems
    assert told in problem


@pytest.mark.parametrize("name", ["otlp", "gcp_trace"])
def test_an_exporter_that_is_not_installed_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [])
    problems = list[str]()
    exporters({"OTEL_TRACES_EXPORTER": name}, problems)

    [problem] = problems
    assert "is not installed: install requirements-tracing.txt" in problem


def test_nothing_is_wrong_with_variables_of_a_tracer_that_is_off() -> None:
    problems = list[str]()

    assert exporters({"OTEL_TRACES_SAMPLER": "some", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, problems) == ()
    assert problems == []
