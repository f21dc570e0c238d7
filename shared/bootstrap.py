"""Settings become adapters, once per instance: the only place that knows both.

Built lazily, on the first event: functions-framework imports user code before gunicorn forks, and neither HTTP
pools nor gRPC channels survive a fork.
"""

from __future__ import annotations

import random
import threading
import uuid
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from shared import config, logs
from shared.core.errors import SettingsError
from shared.core.tracing import NO_TRACES

if TYPE_CHECKING:
    from shared.adapters.gemini_access import ByKey, OnVertex
    from shared.adapters.tracing import OpenTelemetryTracer
    from shared.config import Settings
    from shared.core.planning.rules import Rules
    from shared.core.ports import Publisher, VisionModel
    from shared.core.tracing import Tracer
    from shared.pipeline.instance.in_flight import InFlight
    from shared.pipeline.job import WorkerPorts
    from shared.pipeline.ports import BatchPorts, Ports

_lock = threading.Lock()


def settings() -> Settings:
    """Return this instance's settings."""
    with _lock:
        return _settings()


def rules() -> Rules:
    """Return this instance's task rules."""
    with _lock:
        return _rules()


def publisher() -> Publisher:
    """Return this instance's publisher: all that ingest needs."""
    with _lock:
        return _publisher()


def tracer() -> Tracer:
    """Return what makes spans of this instance's work: nothing at all, unless they are wanted."""
    if not settings().trace_exporters:
        return NO_TRACES
    with _lock:
        return _tracer()


def ports() -> Ports:
    """Return the outside world but for the model: all that keeping the books needs, and no key."""
    with _lock:
        return _ports()


def with_copies(found: Ports) -> Ports:
    """Return these ports with the Files API, whose copies of images are to be deleted, where a key opens one.

    On Vertex there is none, and nothing was ever uploaded.
    """
    if found.model is not None or found.settings.enterprise or not found.settings.gemini_api_key:
        return found
    with _lock:
        return replace(found, model=_copies())


def batch_ports() -> BatchPorts | None:
    """Return what follows batch jobs, or None where there are none (BATCH).

    Raises:
        SettingsError: no way to reach Gemini is configured.
    """
    with _lock:
        return _batch_ports() if _settings().batch else None


def in_flight() -> InFlight:
    """Return what this instance is at work on."""
    with _lock:
        return _in_flight()


def worker_ports() -> WorkerPorts:
    """Return everything a worker needs.

    Raises:
        SettingsError: no way to reach Gemini is configured.
    """
    # Two first events at once must not build two sets of clients.
    with _lock:
        return _worker_ports()


@cache
def _settings() -> Settings:
    loaded = config.load_settings()
    logs.set_up(loaded.log_format)
    return loaded


@cache
def _rules() -> Rules:
    found = config.read_rules(_settings())
    service = config.service_today(_settings())
    for refusal in config.model_refusals(found, service):
        logs.error("images are held whose model does not answer", reason=refusal)
    cautions = (*config.model_cautions(found, service), *config.cost_cautions(found, _settings(), service))
    for caution in cautions:
        logs.warning(caution)
    return found


@cache
def _publisher() -> Publisher:
    from shared.adapters.pubsub import GooglePublisher

    found = GooglePublisher(emulator_host=_settings().pubsub_emulator_host)
    if not _settings().trace_exporters:
        return found
    from shared.adapters.traced_ports import TracedPublisher

    return TracedPublisher(found, _tracer())


@cache
def _tracer() -> OpenTelemetryTracer:
    from shared.adapters.tracing import started

    loaded = _settings()
    return started(loaded.service_name, loaded.trace_exporters, version=loaded.revision, project=loaded.project)


@cache
def _ports() -> Ports:
    from shared.adapters.clock import SystemClock
    from shared.adapters.storage import GoogleStorage
    from shared.pipeline.ports import Ports

    loaded = _settings()
    return Ports(
        settings=loaded,
        store=GoogleStorage(
            project=loaded.project, emulator_host=loaded.storage_emulator_host, connections=4 * loaded.threads
        ),
        publisher=_publisher(),
        clock=SystemClock(_in_flight().stopping),
        new_id=lambda: uuid.uuid4().hex,
        jitter=random.random,
        budgets=config.read_rules(loaded).budgets,
        tracer=_tracer() if loaded.trace_exporters else NO_TRACES,
    )


@cache
def _copies() -> VisionModel:
    return _model(_settings())


@cache
def _in_flight() -> InFlight:
    from shared.pipeline.instance.in_flight import InFlight

    return InFlight()


@cache
def _worker_ports() -> WorkerPorts:
    from shared.adapters.web import WebImages
    from shared.core.delivery.budget import Ceiling
    from shared.pipeline.instance.budgets import Budgets
    from shared.pipeline.instance.pace import Pacer
    from shared.pipeline.job import WorkerPorts

    loaded = _settings()
    base, found = _ports(), config.read_rules(loaded)
    return WorkerPorts(
        settings=loaded,
        store=base.store,
        publisher=base.publisher,
        clock=base.clock,
        new_id=base.new_id,
        jitter=base.jitter,
        model=_model(loaded),
        web=WebImages(origins=loaded.image_url_origins),
        rules=found,
        budget=Budgets(Ceiling(loaded.max_calls_per_day, loaded.max_usd_per_day), found.budgets),
        budgets=found.budgets,
        pacer=Pacer(),
        in_flight=_in_flight(),
        tracer=base.tracer,
    )


@cache
def _batch_ports() -> BatchPorts:
    from shared.adapters.gemini_batches import GeminiBatches
    from shared.pipeline.ports import BatchPorts

    loaded, base = _settings(), _ports()
    return BatchPorts(
        settings=loaded,
        store=base.store,
        publisher=base.publisher,
        clock=base.clock,
        new_id=base.new_id,
        jitter=base.jitter,
        budgets=base.budgets,
        tracer=base.tracer,
        model=_model(loaded),
        batches=GeminiBatches(_access(loaded), base_url=loaded.gemini_base_url, connections=2),
    )


def _model(loaded: Settings) -> VisionModel:
    from shared.adapters.gemini import GeminiModel

    model = GeminiModel(_access(loaded), base_url=loaded.gemini_base_url, connections=2 * loaded.threads)
    if not loaded.trace_exporters:
        return model
    from shared.adapters.traced_ports import TracedModel

    return TracedModel(model, _tracer(), provider="gcp.vertex_ai" if loaded.enterprise else "gcp.gemini")


def _access(loaded: Settings) -> ByKey | OnVertex:
    from shared.adapters.gemini_access import ByKey, OnVertex

    if loaded.enterprise and loaded.project:
        return OnVertex(loaded.project, loaded.location)
    if not loaded.gemini_api_key:
        raise SettingsError(
            "GEMINI_API_KEY is not set: workers need it to reach Gemini."
            " On Vertex (GOOGLE_GENAI_USE_ENTERPRISE=true) there is no key."
        )
    return ByKey(loaded.gemini_api_key)
