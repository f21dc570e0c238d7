"""Which port the viewer of `up` gets."""

from __future__ import annotations

import argparse
import re

import pytest

from infra.local import up
from infra.local.process import ServiceError, free_port
from infra.local.serve import listen


def test_the_default_port_is_taken_where_it_is_free() -> None:
    said: list[str] = []
    port = free_port()

    assert up.viewer_port(None, say=said.append, default=port) == port
    assert said == []


def test_any_free_port_stands_in_for_the_default_one_which_one_line_says() -> None:
    said: list[str] = []
    with listen(0) as somebody:
        port = somebody.getsockname()[1]

        assert up.viewer_port(None, say=said.append, default=port) == 0
    assert said == [f"viewer     port {port} is taken: it gets any free one"]


def test_a_port_that_was_given_is_insisted_upon() -> None:
    said: list[str] = []
    with listen(0) as somebody:
        port = somebody.getsockname()[1]

        words = f"the viewer's port {port} on 127.0.0.1 is taken: name another, or 0 for any."
        with pytest.raises(ServiceError, match=f"^{re.escape(words)}$"):
            up.viewer_port(port, say=said.append)
    assert said == []


@pytest.mark.parametrize("number", ["-1", "65536"])
def test_a_number_that_is_no_port_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)

    with pytest.raises(SystemExit):
        parser.parse_args([f"--viewer-port={number}"])
    assert f"expected a port from 0 to 65535, found {number}" in capsys.readouterr().err
