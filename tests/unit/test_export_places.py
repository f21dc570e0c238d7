from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared import config
from shared.export.places import FolderResults, is_place, open_results
from shared.export.reading import BucketResults

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("where", ["gs://results", "gs://results/", "gs://results/v1", "gs://my.bucket/v1/uploads/"])
def test_a_bucket_and_a_folder_of_one_are_places(where: str) -> None:
    assert is_place(where)


@pytest.mark.parametrize("where", ["gs://", "gs:///v1", "gs://Results/", "https://results", "no-such-folder", ""])
def test_anything_else_is_none(where: str) -> None:
    assert not is_place(where)


def test_a_folder_of_this_machine_is_opened(tmp_path: Path) -> None:
    assert is_place(str(tmp_path))
    assert isinstance(open_results(str(tmp_path)), FolderResults)


def test_a_bucket_is_opened_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert isinstance(open_results("gs://results/v1"), BucketResults)


def test_a_reader_of_buckets_needs_no_deployment_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.client_settings() == config.ClientSettings(None, None)

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", " http://127.0.0.1:9 ")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "photos")

    assert config.client_settings() == config.ClientSettings("photos", "http://127.0.0.1:9")
