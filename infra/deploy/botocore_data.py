"""botocore's data: the 3 services and 5 authorities that the function needs, of 430 and 140.

All of it would be two thirds of the archive.
"""

import gzip
import json
import re
import shutil
import ssl
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from types import MappingProxyType
from typing import Any

_AMAZONS = re.compile(r"Amazon Root CA \d|Starfield Services Root Certificate Authority - G2")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_KEPT = ("_retry", "partitions", "sdk-default-configuration")
"""Files of botocore's data that are about no service."""


class NoSuchOperation(ValueError):
    """botocore does not know it: the pinned version is too old, or the name is wrong."""


def amazons_authorities(bundle: str) -> str:
    """The root certificates of AWS, out of a bundle.

    Source: https://www.amazontrust.com/repository/
    """
    return "\n".join(c for c in _CERTIFICATE.findall(bundle) if _AMAZONS.match(_name(c))) + "\n"


def _name(certificate: str) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate)
    subject: Any = context.get_ca_certs()[0]["subject"]
    return str(dict(pair for part in subject for pair in part).get("commonName", ""))


def prune_data(
    data: Path,
    operations: Mapping[str, Set[str]],
    others: Mapping[str, Set[str]] = MappingProxyType({}),
) -> None:
    """Cut botocore's data, in place, down to these operations of these services.

    Args:
        data: botocore's folder.
        operations: What the reactor calls.
        others: What the guard calls beside that. Of these services no endpoint is listed, which
            each cold start would read: theirs is the usual one.

    Raises:
        NoSuchOperation: A service lacks one of them; the folder is left as it was.
    """
    lean = data.with_name("lean-data")
    for service, names in (*operations.items(), *others.items()):
        version = max(path.name for path in (data / service).iterdir())  # they are dates
        _prune_service(data / service / version, lean / service / version, names)
    endpoints = _read(data / "endpoints")
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {k: v for k, v in services.items() if k in operations}
    _write(lean / "endpoints", endpoints)
    for name in _KEPT:
        _write(lean / name, _read(data / name))
    shutil.rmtree(data)
    lean.rename(data)


def _prune_service(source: Path, to: Path, names: Set[str]) -> None:
    model = _read(source / "service-2")
    if missing := names - model["operations"].keys():
        raise NoSuchOperation(f"{source.parent.name}: {', '.join(sorted(missing))}")
    model["operations"] = {k: v for k, v in model["operations"].items() if k in names}
    model["shapes"] = _reached(model["operations"], model["shapes"])
    _write(to / "service-2", _without_documentation(model))
    _write(to / "endpoint-rule-set-1", _read(source / "endpoint-rule-set-1"))
    pages = _read(source / "paginators-1")["pagination"]
    _write(to / "paginators-1", {"pagination": {k: v for k, v in pages.items() if k in names}})


def _reached(operations: Any, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """The shapes that the operations are made of, at any depth."""
    found: dict[str, Any] = {}
    wanted = list(_references(operations))
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = shapes[name]
            wanted += _references(shapes[name])
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _without_documentation(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            key: _without_documentation(value)
            for key, value in part.items()
            if not (key in ("documentation", "documentationUrl") and isinstance(value, str))
        }
    return [_without_documentation(value) for value in part] if isinstance(part, list) else part


def _read(path: Path) -> Any:
    packed = path.with_name(f"{path.name}.json.gz")
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes()))
    return json.loads(path.with_name(f"{path.name}.json").read_bytes())


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f"{path.name}.json").write_text(json.dumps(content, separators=(",", ":")))
