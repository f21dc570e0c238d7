from __future__ import annotations

import pytest

from infra.emulators.gemini.addresses import split_path


@pytest.mark.parametrize(
    ("path", "prefix", "own"),
    [
        ("/v1/models/m:generateContent", "", "/v1/models/m:generateContent"),
        ("/pfx/v1/models/m:generateContent", "/pfx", "/v1/models/m:generateContent"),
        ("/a/b/v1beta/files/f", "/a/b", "/v1beta/files/f"),
        ("/models/m:generateContent", "", "/v1/models/m:generateContent"),
        ("/pfx/files:register", "/pfx", "/v1/files:register"),
        ("/upload/v1beta/files", "", "/upload/v1beta/files"),
        ("/upload/files", "", "/upload/v1/files"),
        ("/pfx/upload/v1/files", "/pfx", "/upload/v1/files"),
        ("/upload/pfx/v1/files", "/upload/pfx", "/v1/files"),
        ("/v1beta1/projects/models/locations/l/x", "", "/v1beta1/projects/models/locations/l/x"),
        ("/v1alpha/publishers/google/models/m:x", "", "/v1alpha/publishers/google/models/m:x"),
        ("/_control/faults", "", "/_control/faults"),
        ("/pfx/_control/faults", "/pfx", "/_control/faults"),
        ("/nothing/at/all", "", "/nothing/at/all"),
        ("/", "", "/"),
    ],
)
def test_a_path_is_cut_into_a_prefix_and_a_versioned_rest(path: str, prefix: str, own: str) -> None:
    assert split_path(path) == (prefix, own)
