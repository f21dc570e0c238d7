"""A Terraform provider that knows schemas and nothing else, so that Terraform itself can judge `infra/*.tf` offline.

Terraform attaches to a running provider that `TF_REATTACH_PROVIDERS` names (https://developer.hashicorp.com/terraform/plugin/debugging),
and `terraform test` with `mock_provider` asks it for schemas and validation only. The wire format is that of
tfplugin6.proto, of which one message is needed; all other answers are empty: no complaints.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SERVICE: Final = "tfplugin6.Provider"
_TYPES: Final = {
    "map of string": ["map", "string"],
    "array of number": ["list", "number"],
    "array of string": ["list", "string"],
}
_NESTING_LIST: Final = 2
_PROVIDER: Final = {"project": {"kind": "string"}, "region": {"kind": "string"}}


@contextmanager
def reattached(providers: Mapping[str, Any]) -> Iterator[str]:
    """Serve these providers; yield the value for `TF_REATTACH_PROVIDERS`."""
    servers = {name: _serve(tables) for name, tables in providers.items()}
    try:
        yield json.dumps({name: _address(port) for name, (_, port) in servers.items()})
    finally:
        for server, _ in servers.values():
            server.stop(None).wait()


def _address(port: int) -> dict[str, Any]:
    addr = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
    return {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": 1, "Test": True, "Addr": addr}


def _serve(tables: Mapping[str, Any]) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([_Handler(_schemas(tables))])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, schemas: bytes) -> None:
        self._schemas = schemas

    def service(self, handler_call_details: Any) -> Any:
        service, _, method = handler_call_details.method.strip("/").partition("/")
        if service != _SERVICE:
            return None  # go-plugin's own services are optional
        answer = self._schemas if method == "GetProviderSchema" else b""
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: answer)


def _schemas(tables: Mapping[str, Any]) -> bytes:
    answer = _field(1, _schema(_PROVIDER))
    for number, table in ((2, tables["resources"]), (3, tables["data"])):
        for name, arguments in table.items():
            answer += _field(number, _field(1, name) + _field(2, _schema(arguments)))
    return answer


def _schema(arguments: Mapping[str, Any]) -> bytes:
    return _field(2, _block(arguments))


def _block(arguments: Mapping[str, Any]) -> bytes:
    return b"".join(
        _field(3, _nested(name, argument)) if "block" in argument else _field(2, _attribute(name, argument))
        for name, argument in arguments.items()
    )


def _attribute(name: str, argument: Mapping[str, Any]) -> bytes:
    kind = _TYPES.get(argument["kind"], argument["kind"])
    flag = 4 if argument.get("required") else 6 if argument.get("computed") else 5  # required, computed, optional
    write_only = _field(11, 1) if argument.get("write_only") else b""
    return _field(1, name) + _field(2, json.dumps(kind)) + _field(flag, 1) + write_only


def _nested(name: str, argument: Mapping[str, Any]) -> bytes:
    least = _field(4, 1) if argument.get("required") else b""
    most = _field(5, 1) if argument["kind"] == "block" else b""
    return _field(1, name) + _field(2, _block(argument["block"])) + _field(3, _NESTING_LIST) + least + most


def _field(number: int, value: bytes | str | int) -> bytes:
    """Encode one field of a protocol buffer: a varint, or something with a length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
