"""Objects shown as files: every set of names has its files, inside the folder, and leaves nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.storage.persistence import ObjectFiles

NAMES = st.lists(
    st.text(st.sampled_from("aA./~%\0é\\"), min_size=1, max_size=6) | st.just("x" * 300), unique=True, max_size=8
)


@given(NAMES)
def test_names_never_share_a_file_and_leave_no_trace(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, staging = Path(temporary, "data"), Path(temporary, "staging")
        folder.mkdir()
        staging.mkdir()
        files = ObjectFiles(folder, staging)
        source = Path(temporary, "source")
        for name in names:
            source.unlink(missing_ok=True)
            source.write_bytes(name.encode())
            files.place("bucket", name)
            files.show("bucket", name, source)
        for name in names:
            path = folder / files.place("bucket", name)
            assert path.read_bytes() == name.encode()
            assert folder / "bucket" in path.resolve().parents
        for name in names:
            files.hide("bucket", name)
        assert list(folder.iterdir()) == []
