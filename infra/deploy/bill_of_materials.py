"""What is in a release, as CycloneDX 1.6 JSON: https://cyclonedx.org/docs/1.6/json/."""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

_LICENSED = "License :: "  # how a classifier of Python packages begins


def bill_of_materials(
    version: str, libraries: Mapping[Path, Sequence[Path]], others: Sequence[Path]
) -> str:
    """The list, without a date or a random number: the same files have the same list.

    Args:
        version: The release's.
        libraries: For each archive, the wheels of which it holds a part.
        others: Files that hold the project's own code alone.
    """
    wheels = {wheel.name: wheel for found in libraries.values() for wheel in found}
    files = sorted([*libraries, *others])
    depends = {
        archive.name: [_purl(wheel) for wheel in held] for archive, held in libraries.items()
    }
    application = {
        "type": "application",
        "bom-ref": f"ami-reactor@{version}",
        "name": "ami-reactor",
        "version": version,
        "licenses": [{"expression": "Apache-2.0"}],
    }
    top = {"ref": application["bom-ref"], "dependsOn": [file.name for file in files]}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": application},
        "components": [
            *(_file(file) for file in files),
            *(_library(wheels[name]) for name in sorted(wheels)),
        ],
        "dependencies": [
            top,
            *({"ref": name, "dependsOn": sorted(held)} for name, held in sorted(depends.items())),
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _file(file: Path) -> dict[str, Any]:
    return {"type": "file", "bom-ref": file.name, "name": file.name, "hashes": _hashes(file)}


def _library(wheel: Path) -> dict[str, Any]:
    metadata = _metadata(wheel)
    return {
        "type": "library",
        "bom-ref": _purl(wheel),
        "name": metadata["Name"],
        "version": metadata["Version"],
        "hashes": _hashes(wheel),
        "licenses": _licenses(metadata),
        "purl": _purl(wheel),
    }


def _purl(wheel: Path) -> str:
    """The package URL; two wheels of one version differ in their file's name."""
    name, version, *_ = wheel.name.split("-")
    return f"pkg:pypi/{name.lower().replace('_', '-')}@{version}?file_name={wheel.name}"


def _licenses(metadata: Message) -> list[dict[str, Any]]:
    """An SPDX expression if the wheel gives one, else each name that it gives."""
    if expression := metadata["License-Expression"]:
        return [{"expression": expression}]
    classifiers = metadata.get_all("Classifier", [])
    names = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith(_LICENSED)]
    if len(names) <= 1:
        names = [metadata["License"] or names[0]]
    return [{"license": {"name": name}} for name in names]


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as file:
        [name] = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(file.read(name).decode())


def _hashes(file: Path) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]
