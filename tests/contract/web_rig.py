"""Real servers on loopback that answer as a test says, byte by byte, with or without TLS."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "images.test"


def answer(body: bytes = b"", *, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    """Return an HTTP answer; `length` is what it claims to be long."""
    claimed = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {claimed}\r\n{headers}\r\n".encode() + body


def redirect(location: str) -> bytes:
    """Return an answer that leads elsewhere."""
    return answer(status="302 Found", headers=f"Location: {location}\r\n")


class Server:
    """Answers each connection with the next of its answers (the last one for good); keeps what was asked."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def origin(self) -> str:
        """Where it listens, without TLS."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake who waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                self._reply(connection)

    def _reply(self, connection: socket.socket) -> None:
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            self.requests.append(connection.recv(65_536))
            said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(said, bytes):
                connection.sendall(said)
            else:
                said(connection)


def certificate(folder: Path, *, name: str = HOST) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS contexts of a server called `name`, and of a client that trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


@contextlib.contextmanager
def dripping(head: bytes) -> Iterator[tuple[Callable[[socket.socket], None], threading.Event]]:
    """Yield an answer that begins with `head` and then sends a byte now and then, and what ends it.

    It breaks off by itself only when a test has long failed.
    """
    ended, until_s = threading.Event(), time.monotonic() + WAIT_S

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        with contextlib.suppress(OSError):
            while not ended.wait(0.05) and time.monotonic() < until_s:
                connection.sendall(b"x")

    try:
        yield drip, ended
    finally:
        ended.set()
