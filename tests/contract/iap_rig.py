"""The viewer as it is deployed, behind an Identity-Aware Proxy that signs with a key of the tests."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import jwt
from google.auth.crypt import ES256Signer, RSASigner

from infra.local.endpoints import Endpoints
from infra.local.process import Process, held_port
from infra.viewer.identity import ISSUER
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE: Final = "/projects/42/locations/us-central1/services/uplook-viewer"
NOWHERE: Final = "127.0.0.1:1"
"""Where no Pub/Sub is: the viewer needs none."""


class Signer:
    """Signs as IAP does; `address` is where its public keys are, as many requests as `asked` says were made there."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.asked = 0
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        content = json.dumps({"one": public.decode()}).encode()
        signer = self

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                signer.asked += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        self.address = f"http://127.0.0.1:{self.server.server_port}/public_key"

    def sign(self, *, key: Any = None, key_id: str = "one", **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": ISSUER, "aud": AUDIENCE, "email": "ada@example.com", "iat": now, "exp": now + 600} | claims
        chosen = key or self.key
        made = RSASigner if isinstance(chosen, rsa.RSAPrivateKey) else ES256Signer
        return str(jwt.encode(made(chosen, key_id), said).decode())  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def signing() -> Iterator[Signer]:
    """Yield a signer whose public keys can be asked for until the block ends."""
    made = Signer()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@contextlib.contextmanager
def served(signer: Signer, storage: str, *options: str) -> Iterator[str]:
    """Yield the address of `python -m infra.viewer` with these options, for the buckets of a storage emulator."""
    argv = [sys.executable, "-m", "infra.viewer", "--keys", signer.address, *options]
    env = {**os.environ, **Endpoints(storage, NOWHERE, None).function_env(), "IAP_AUDIENCE": AUDIENCE}
    with held_port() as port, Process("viewer", argv, env=env | {"PORT": str(port)}) as child:
        child.wait_port(port, timeout_s=WAIT_S)
        yield f"http://127.0.0.1:{port}"
