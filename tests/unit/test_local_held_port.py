"""A port that waits for a child is given to nobody else, and the child listens there all the same."""

from __future__ import annotations

import contextlib
import socket
import sys

import pytest

from infra.local.process import held_port, listens

LOOPBACK = "127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a held port would be refused to the child, too")
def test_a_held_port_is_taken_for_everybody_but_a_server() -> None:
    with held_port() as port:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((LOOPBACK, port))
        assert not listens(LOOPBACK, port)

        with socket.create_server((LOOPBACK, port)):
            assert listens(LOOPBACK, port)
            with pytest.raises(OSError, match="in use"):
                socket.create_server((LOOPBACK, port))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port is given anew as soon as it is free")
def test_ports_that_are_held_at_once_are_all_different() -> None:
    with contextlib.ExitStack() as held:
        ports = [held.enter_context(held_port()) for _ in range(400)]
        assert len(set(ports)) == len(ports)


def test_a_server_listens_where_a_port_was_held_and_stays_there() -> None:
    with contextlib.ExitStack() as server:
        with held_port() as port:
            server.enter_context(socket.create_server((LOOPBACK, port)))
        assert listens(LOOPBACK, port)
