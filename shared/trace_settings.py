"""OpenTelemetry's own variables, as far as they decide whether there are spans: the SDK reads the others by itself.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. The SDK goes on without what it does
not understand, and says so at best in a log; here such a value keeps a function from starting, like every other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPOKEN: Final = {"otlp": "otlp_proto_http"}
"""Names of the specification, and what packages call their exporters."""

_PACKAGES: Final = {
    "otlp": "opentelemetry-exporter-otlp-proto-http",
    "otlp_proto_http": "opentelemetry-exporter-otlp-proto-http",
    "gcp_trace": "opentelemetry-exporter-gcp-trace",
}
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SAMPLERS: Final = frozenset(
    {
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    }
)


def exporters(environ: Mapping[str, str], problems: list[str]) -> tuple[str, ...]:
    """Return the names of the exporters that spans go to, as their packages register them; none: there are no spans.

    Whatever is wrong is added to `problems`.
    """
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    sampler = [environ.get(f"OTEL_TRACES_SAMPLER{end}", "").strip() for end in ("", "_ARG")]
    named = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",")]
    wanted = [name for name in named if name and name != "none"]
    if off or not wanted:
        return ()
    problems += [told for told in (*map(_missing, wanted), _sampler(*sampler), _protocol(environ, wanted)) if told]
    return tuple(dict.fromkeys(_SPOKEN.get(name, name) for name in wanted))


def _missing(name: str) -> str | None:
    from importlib.metadata import entry_points  # a cold start without spans does without it

    if any(entry_points(group="opentelemetry_traces_exporter", name=_SPOKEN.get(name, name))):
        return None
    package = _PACKAGES.get(name)
    if package is None:
        return f"OTEL_TRACES_EXPORTER: expected otlp, gcp_trace, console or none, found {name!r}."
    return (
        f"OTEL_TRACES_EXPORTER is {name}, and {package} is not installed: install requirements-tracing.txt beside"
        " requirements.txt."
    )


def _sampler(name: str, argument: str) -> str | None:
    if name and name.lower() not in _SAMPLERS:
        return f"OTEL_TRACES_SAMPLER: expected one of {', '.join(sorted(_SAMPLERS))}, found {name!r}."
    try:
        share = float(argument or 1)
    except ValueError:
        share = -1.0
    if name.lower().endswith("ratio") and not 0 <= share <= 1:
        return f"OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, found {argument!r}."
    return None


def _protocol(environ: Mapping[str, str], wanted: list[str]) -> str | None:
    variable = next((name for name in _PROTOCOLS if environ.get(name, "").strip()), None)
    if variable is None or "otlp" not in wanted or environ[variable].strip() == "http/protobuf":
        return None
    return f"{variable}: expected http/protobuf, the only one that is built in, found {environ[variable]!r}."
