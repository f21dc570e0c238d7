"""Settings: defaults that work, and every mistake reported at once in plain words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from shared import config
from shared.config import Settings
from shared.core.errors import SettingsError
from shared.core.gemini.registry import ModelProfile
from shared.core.planning import model_checks
from shared.core.planning.choices import Choices
from shared.core.tasks.catalogue import TASKS

ENVIRON = {
    "RESULTS_BUCKET": "results",
    "WORK_BUCKET": "work",
    "UPLOAD_BUCKETS": "uploads",
    "IMAGE_TOPIC": "projects/p/topics/image-events",
    "RESULT_TOPIC": "projects/p/topics/image-results",
}


def _settings(**changes: str) -> Settings:
    return Settings.from_env({**ENVIRON, **changes})


def _problems(**changes: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        _settings(**changes)
    first, *problems = str(caught.value).split("\n  - ")
    assert first == "Uplook cannot start:"
    return problems


def test_buckets_and_topics_suffice_and_the_rest_has_defaults() -> None:
    settings = _settings()

    assert settings == Settings(
        results_bucket="results",
        work_bucket="work",
        upload_buckets=("uploads",),
        image_topic="projects/p/topics/image-events",
        result_topic="projects/p/topics/image-results",
    )
    assert (settings.run, settings.log_format, settings.threads) == ("v1", "json", 8)
    assert (settings.timeout_s, settings.lease_ttl_s) == (300, 420)
    assert settings.rules_file.name == "rules.toml"


def test_every_variable_arrives(tmp_path: Path) -> None:
    rules = tmp_path / "my.toml"
    rules.write_text("")

    settings = _settings(
        RUN="2026-11",
        RULES_FILE=str(rules),
        GOOGLE_CLOUD_PROJECT="p",
        TIMEOUT_S="100.5",
        LEASE_TTL_S="200",
        INLINE_LIMIT_BYTES="7000000",
        MAX_PIXELS="1e6",
        THREADS="3",
        LOG_FORMAT="text",
        GEMINI_API_KEY="k",
        GOOGLE_GEMINI_BASE_URL="http://127.0.0.1:1",
        STORAGE_EMULATOR_HOST="http://127.0.0.1:2",
        PUBSUB_EMULATOR_HOST="127.0.0.1:3",
    )

    assert (settings.run, settings.rules_file, settings.project) == ("2026-11", rules, "p")
    assert (settings.timeout_s, settings.lease_ttl_s) == (100.5, 200)
    assert (settings.inline_limit_bytes, settings.max_pixels, settings.threads) == (7_000_000, 1_000_000, 3)
    assert (settings.log_format, settings.gemini_api_key) == ("text", "k")
    assert settings.gemini_base_url == "http://127.0.0.1:1"
    assert settings.storage_emulator_host == "http://127.0.0.1:2"
    assert settings.pubsub_emulator_host == "127.0.0.1:3"


def test_whole_numbers_are_whole_numbers() -> None:
    settings = _settings(INLINE_LIMIT_BYTES="7000000", MAX_PIXELS="1e6", THREADS="3.0")

    assert [type(value) for value in (settings.inline_limit_bytes, settings.max_pixels, settings.threads)] == [int] * 3


def test_blanks_around_values_and_blank_values_do_not_count() -> None:
    settings = _settings(
        RESULTS_BUCKET=" results\n", UPLOAD_BUCKETS=" a , b,,", RUN=" ", THREADS="", GEMINI_API_KEY=" "
    )

    assert settings.results_bucket == "results"
    assert settings.upload_buckets == ("a", "b")
    assert (settings.run, settings.threads, settings.gemini_api_key) == ("v1", 8, None)


def test_of_two_keys_the_one_that_the_client_library_prefers_is_used() -> None:
    assert _settings(GEMINI_API_KEY="a", GOOGLE_API_KEY="b").gemini_api_key == "b"


def test_the_key_is_not_shown_where_settings_are_printed() -> None:
    assert "hunter2" not in repr(_settings(GEMINI_API_KEY="hunter2"))


@pytest.mark.fault(115)
def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})

    assert str(caught.value) == (
        "Uplook cannot start:\n"
        "  - RESULTS_BUCKET is not set.\n"
        "  - WORK_BUCKET is not set.\n"
        "  - UPLOAD_BUCKETS is not set.\n"
        "  - IMAGE_TOPIC is not set.\n"
        "  - RESULT_TOPIC is not set."
    )


@pytest.mark.fault(115)
def test_everything_that_makes_no_sense_is_named_at_once() -> None:
    problems = _problems(RESULTS_BUCKET="", IMAGE_TOPIC="x", RUN="A", THREADS="0", LOG_FORMAT="xml", TIMEOUT_S="700")

    assert [line.split()[0].rstrip(":") for line in problems] == [
        "RESULTS_BUCKET",
        "IMAGE_TOPIC",
        "RUN",
        "THREADS",
        "LOG_FORMAT",
        "TIMEOUT_S",
        "LEASE_TTL_S",
    ]


@pytest.mark.parametrize("value", ["gs://uploads", "uploads/", "Uploads", "../work", "up loads"])
@pytest.mark.parametrize("name", ["RESULTS_BUCKET", "WORK_BUCKET", "UPLOAD_BUCKETS"])
def test_what_is_no_name_of_a_bucket_is_refused(name: str, value: str) -> None:
    problem = f"{name}: expected the name of a bucket, such as my-bucket, found {value!r}."

    assert _problems(**{name: value}) == [problem]


@pytest.mark.parametrize("value", [",", " , ,"])
def test_a_list_of_no_buckets_is_refused(value: str) -> None:
    """Otherwise Uplook would start and leave every upload out."""
    problem = f"UPLOAD_BUCKETS: expected bucket names, separated by commas, found {value.strip()!r}."

    assert _problems(UPLOAD_BUCKETS=value) == [problem]


@pytest.mark.parametrize("name", ["IMAGE_TOPIC", "RESULT_TOPIC", "BACKFILL_TOPIC"])
@pytest.mark.parametrize("value", ["image-events", "projects/p/topics/", "projects//topics/t", "projects/p/topics/a b"])
def test_a_topic_is_named_in_full(name: str, value: str) -> None:
    assert _problems(**{name: value}) == [f"{name}: expected projects/PROJECT/topics/TOPIC, found {value!r}."]


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "-inf", "1e999", "five", "0x10", "1,5"])
@pytest.mark.parametrize("name", ["TIMEOUT_S", "LEASE_TTL_S", "INLINE_LIMIT_BYTES", "MAX_PIXELS", "THREADS"])
def test_a_number_is_finite_and_above_zero(name: str, value: str) -> None:
    assert _problems(**{name: value}) == [f"{name}: expected a number above 0, found {value!r}."]


@pytest.mark.parametrize("value", ["0.5", "2.7", "1e-9"])
@pytest.mark.parametrize("name", ["INLINE_LIMIT_BYTES", "MAX_PIXELS", "THREADS"])
def test_what_is_counted_is_a_whole_number(name: str, value: str) -> None:
    assert _problems(**{name: value}) == [f"{name}: expected a whole number, found {value!r}."]


@pytest.mark.parametrize("value", ["V1", "../v1", "a/b", "r" * 33])
def test_a_run_is_a_short_plain_word(value: str) -> None:
    assert _problems(RUN=value) == [
        f"RUN: expected 1-32 of a-z 0-9 . _ - beginning with a letter or digit, found {value!r}."
    ]


@pytest.mark.parametrize("value", ["JSON", "xml", "yes"])
def test_a_log_format_is_json_or_text(value: str) -> None:
    assert _problems(LOG_FORMAT=value) == [f"LOG_FORMAT: expected json or text, found {value!r}."]


@pytest.mark.fault(29, 115)
def test_uploads_may_not_lie_where_results_lie() -> None:
    """Every result would be an upload, and so on for ever."""
    (problem,) = _problems(UPLOAD_BUCKETS="uploads,results")

    assert problem.startswith("UPLOAD_BUCKETS names results, where results lie")
    assert "RESULTS_PREFIX" in problem


def test_with_a_prefix_of_their_own_results_may_lie_among_the_uploads() -> None:
    settings = Settings.from_env({**ENVIRON, "UPLOAD_BUCKETS": "uploads,results", "RESULTS_PREFIX": "uplook/"})

    assert settings.results_prefix == "uplook/"


@pytest.mark.parametrize("prefix", ["", "uplook/"])
def test_uploads_may_never_lie_where_leases_lie(prefix: str) -> None:
    (problem,) = _problems(UPLOAD_BUCKETS="uploads,work", RESULTS_PREFIX=prefix)

    assert problem.startswith("UPLOAD_BUCKETS names work, where leases and replies lie")


@pytest.mark.parametrize("prefix", ["uplook", "/", "/uplook/", "../", "a/b/", "Uplook/", "a b/", "x" * 33 + "/"])
def test_a_results_prefix_is_one_folder(prefix: str) -> None:
    (problem,) = _problems(RESULTS_PREFIX=prefix)

    assert problem.startswith("RESULTS_PREFIX: expected a folder such as")


def test_leases_may_not_lie_where_results_lie() -> None:
    assert _problems(WORK_BUCKET="results") == [
        "RESULTS_BUCKET and WORK_BUCKET are the same: leases must lie apart from results."
    ]


def test_results_may_not_be_announced_where_work_is_handed_out() -> None:
    assert _problems(RESULT_TOPIC=ENVIRON["IMAGE_TOPIC"]) == [
        "IMAGE_TOPIC and RESULT_TOPIC are the same: workers would be sent their own results."
    ]


def test_a_backfill_has_a_lane_of_its_own_or_that_of_uploads_and_never_that_of_results() -> None:
    lane = "projects/p/topics/image-backfill"
    assert _settings().backfill_topic is None
    assert _settings(BACKFILL_TOPIC=lane).backfill_topic == lane
    assert _settings(BACKFILL_TOPIC=ENVIRON["IMAGE_TOPIC"]).backfill_topic == ENVIRON["IMAGE_TOPIC"]
    assert _problems(BACKFILL_TOPIC=ENVIRON["RESULT_TOPIC"]) == [
        "BACKFILL_TOPIC and RESULT_TOPIC are the same: workers would be sent their own results."
    ]


@pytest.mark.fault(115)
@pytest.mark.parametrize(
    ("timeout_s", "lease_ttl_s", "problem"),
    [
        ("300", "300", "LEASE_TTL_S is 300, TIMEOUT_S is 300: a lease must outlive its holder."),
        ("500", "", "LEASE_TTL_S is 420, TIMEOUT_S is 500: a lease must outlive its holder."),
        ("600", "700", "TIMEOUT_S is 600: it must stay below 600, Pub/Sub's limit."),
    ],
)
def test_times_that_contradict_each_other_are_refused(timeout_s: str, lease_ttl_s: str, problem: str) -> None:
    assert _problems(TIMEOUT_S=timeout_s, LEASE_TTL_S=lease_ttl_s) == [problem]


def test_times_just_apart_are_fine() -> None:
    settings = _settings(TIMEOUT_S="599.9", LEASE_TTL_S="600")

    assert settings.timeout_s < settings.lease_ttl_s


def test_a_rules_file_that_does_not_exist_is_refused_at_start(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.toml", tmp_path):
        assert _problems(RULES_FILE=str(missing)) == [f"RULES_FILE: expected a file, found none at '{missing}'."]


def test_the_bundled_rules_are_read() -> None:
    assert config.read_rules(_settings()).defaults.tasks == ("caption", "detect", "segment")


def test_a_rules_file_written_by_a_windows_editor_is_read(tmp_path: Path) -> None:
    rules = tmp_path / "my.toml"
    rules.write_bytes(b'\xef\xbb\xbf[defaults]\r\ntasks = ["caption"]\r\n')

    read = config.read_rules(_settings(RULES_FILE=str(rules)))

    assert read.defaults == Choices(tasks=("caption",))


@pytest.mark.fault(115)
@pytest.mark.parametrize(
    ("content", "problem"), [(b"tasks = 1", "tasks: expected"), (b"[", "not TOML"), (b"\xff\xfe", "decode")]
)
def test_rules_that_cannot_be_used_name_their_file(tmp_path: Path, content: bytes, problem: str) -> None:
    rules = tmp_path / "my.toml"
    rules.write_bytes(content)

    with pytest.raises(SettingsError, match=f"(?s)my.toml: .*{problem}"):
        config.read_rules(_settings(RULES_FILE=str(rules)))


@pytest.mark.fault(91, 115)
@pytest.mark.parametrize("backend", ["false", "true"])
def test_rules_that_name_a_retired_model_are_read_and_every_place_is_told_with_its_successor(
    tmp_path: Path, backend: str
) -> None:
    rules = tmp_path / "my.toml"
    rules.write_text(
        '[defaults.detect]\nmodel = "gemini-3.7-flash"\n[[rules]]\nmodel = "gemini-3.8-flash"\n'
        '[rules.segment]\nmodel = "gemini-2.5-flash"\n'
    )
    given = {"RULES_FILE": str(rules), "GOOGLE_GENAI_USE_ENTERPRISE": backend, "GOOGLE_CLOUD_PROJECT": "p"}
    today = dt.date(2026, 12, 1)

    def told(**more: str) -> list[str]:
        settings = _settings(**given, **more)
        return config.model_refusals(config.read_rules(settings), settings.service(today))

    name = "Vertex AI" if backend == "true" else "the Gemini Developer API"
    day = "2026-10-20" if backend == "true" else "2026-12-01"
    assert [line.partition(", or set")[0] for line in told()] == [
        f"defaults.detect.model: gemini-3.7-flash was shut down by {name} on 2026-10-08: name gemini-3.8-flash",
        f"rules[0].segment.model: gemini-2.5-flash was shut down by {name} on {day}: name gemini-3.5-flash-lite",
    ]
    assert told(USE_SUCCESSORS="true") == []


@pytest.mark.fault(91, 115)
def test_a_model_of_another_back_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_checks, "profile", lambda name: ModelProfile(name, backends=("developer",)))
    monkeypatch.setattr(model_checks, "stand_in", lambda *_: None)
    here, there = _settings(), _settings(GOOGLE_GENAI_USE_ENTERPRISE="true", GOOGLE_CLOUD_PROJECT="p")
    today = dt.date(2026, 11, 21)

    assert config.model_refusals(config.read_rules(here), here.service(today)) == []
    told = config.model_refusals(config.read_rules(there), there.service(today))
    assert [line.partition(":")[0] for line in told] == [f"the default of {task}" for task in TASKS]
    assert "and Vertex AI is asked: name a model" in told[0]


@pytest.mark.fault(115)
def test_rules_that_name_a_model_that_ends_soon_or_that_nobody_knows_are_cautioned_about(tmp_path: Path) -> None:
    rules = tmp_path / "my.toml"
    rules.write_text('[defaults]\nmodel = "gemini-9-uranium"\n[defaults.segment]\nmodel = "gemini-2.5-flash"\n')
    settings = _settings(RULES_FILE=str(rules))

    cautions = config.model_cautions(config.read_rules(settings), settings.service(dt.date(2026, 11, 21)))

    assert [line.partition(" is not in")[0].partition(" will be shut down")[0] for line in cautions] == [
        "defaults.model: gemini-9-uranium",
        "defaults.segment.model: gemini-2.5-flash",
    ]


def test_the_bundled_rules_need_no_caution_today() -> None:
    settings = _settings()

    assert config.model_cautions(config.read_rules(settings), settings.service(dt.date(2026, 11, 21))) == []


@pytest.mark.fault(91)
@pytest.mark.parametrize("target", [*TASKS, "ingest", "dead_letter", "release", "forget"])
def test_no_function_is_kept_from_starting_by_what_a_rule_says_of_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str
) -> None:
    rules = tmp_path / "legacy.toml"
    rules.write_text('[[rules]]\nprefix = "legacy/"\ncaption.model = "gemini-2.0-flash"\ndetect.model = "gemini-9-x"\n')
    for name, value in {**ENVIRON, "GEMINI_API_KEY": "k", "RULES_FILE": str(rules), "FUNCTION_TARGET": target}.items():
        monkeypatch.setenv(name, value)

    config.check_at_start()


@pytest.mark.fault(115)
def test_a_served_function_refuses_to_start_without_settings_or_with_broken_rules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FUNCTION_TARGET", "ingest")
    with pytest.raises(SettingsError, match="RESULTS_BUCKET is not set"):
        config.check_at_start()

    broken = tmp_path / "rules.toml"
    broken.write_text("[defaults]\ntasks = ['paint']")
    for name, value in {**ENVIRON, "RULES_FILE": str(broken)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=r"defaults\.tasks"):
        config.check_at_start()


@pytest.mark.fault(115)
def test_a_worker_refuses_to_start_without_a_way_to_gemini_and_the_others_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FUNCTION_TARGET", "caption")
    with pytest.raises(SettingsError, match="GEMINI_API_KEY"):
        config.check_at_start()

    monkeypatch.setenv("FUNCTION_TARGET", "dead_letter")
    config.check_at_start()
    monkeypatch.setenv("FUNCTION_TARGET", "caption")
    monkeypatch.setenv("GOOGLE_GENAI_USE_ENTERPRISE", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    config.check_at_start()


def test_an_origin_of_images_that_makes_no_sense_is_refused_at_start() -> None:
    with pytest.raises(SettingsError, match=r"IMAGE_URL_ORIGINS: expected an origin .* found 'images\.example\.com'"):
        Settings.from_env({**ENVIRON, "IMAGE_URL_ORIGINS": "https://*, images.example.com"})


def test_vertex_without_a_project_is_refused_at_start() -> None:
    with pytest.raises(SettingsError, match="GOOGLE_CLOUD_PROJECT is not: Vertex needs a project"):
        Settings.from_env({**ENVIRON, "GOOGLE_GENAI_USE_ENTERPRISE": "true"})


def test_a_plain_import_outside_the_framework_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUNCTION_TARGET", raising=False)

    config.check_at_start()


def test_the_settings_of_this_process_come_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)

    assert config.load_settings().results_bucket == "results"
