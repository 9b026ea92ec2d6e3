"""A world, read from files that hold what `aws ec2 describe-...` printed; no account is asked."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.replay.anonymize import SAMPLE_ACCOUNT
from infra.replay.atomic_write import content_to_read, file_error
from infra.replay.json_text import parse_json
from models.base import printable

Described = dict[str, Any]

_IDS = {
    "Images": ("ImageId",),
    "LaunchTemplates": ("LaunchTemplateId",),
    "LaunchTemplateVersions": ("LaunchTemplateId", "VersionNumber"),
    "AutoScalingGroups": ("AutoScalingGroupName",),
    "Instances": ("InstanceId",),
}
"""The lists of a world, which are those of AWS's answers, and what tells two entries apart."""

_REGION = "ap-northeast-2"  # a world's, if it names none
_ARN = re.compile(r"arn:[^:]*:[^:]*:([^:]*):(\d{12}):")
_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d)[a-z]?")
_FIRST_PAGE = (
    "is a first page only, because it has a NextToken: run the command again without --max-items"
    " and --no-paginate"
)
_VERSIONS = "aws ec2 describe-launch-template-versions --launch-template-id"


class BadPaste(ValueError):
    """The files make no world. The message has a line for each thing that is wrong or missing."""


@dataclass
class Pasted:
    """What was read so far.

    Attributes:
        lists: Entries by their ids, for each list of a world.
        accounts: The ids of the account that the answers are of, as often as they name it.
        notes: What a person should know about the files; one line each.
    """

    lists: dict[str, dict[tuple[Any, ...], Described]] = field(
        default_factory=lambda: {name: {} for name in _IDS}
    )
    accounts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def entries(self, name: str) -> list[Described]:
        return list(self.lists[name].values())


def read_pasted(
    folder: Path, names: Iterable[str], region: str | None
) -> tuple[Described, list[str]]:
    """The world that the `*.json` files of a folder describe, and what to know about it.

    Args:
        folder: Its files hold answers of describe-images, describe-launch-templates,
            describe-launch-template-versions, describe-auto-scaling-groups and
            describe-instances, in any number and order. What else they hold is left out.
        names: Keep only the launch templates of these names or ids; none: keep all.
        region: None to read it from the files.

    Raises:
        BadPaste: A file cannot be read, or what a world needs is missing; what and how to get it.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BadPaste(f"{folder}: is not a folder with files of JSON (*.json)")
    pasted = Pasted()
    for file in files:
        _read(file, pasted)
    _keep_only(pasted, set(names))
    if missing := list(_missing(pasted)):
        raise BadPaste("\n".join(missing))
    pasted.notes += _images_missing(pasted)
    world = {
        "Account": _account(pasted),
        "Region": region or _region(pasted),
        **{name: pasted.entries(name) for name in _IDS},
    }
    return world, pasted.notes


def _read(file: Path, pasted: Pasted) -> None:
    try:
        content = parse_json(content_to_read(file))
    except OSError as error:
        raise BadPaste(file_error(file, error)) from error
    except ValueError as error:
        raise BadPaste(
            f"{file}: must be what the AWS CLI prints with --output json: {error}"
        ) from error
    if not isinstance(content, dict):
        raise BadPaste(f"{file}: must be a JSON object, as the AWS CLI prints it without --query")
    if content.get("NextToken"):
        pasted.notes.append(f"{file}: {_FIRST_PAGE}")
    found = {name: content[name] for name in _IDS if name in content}
    if reservations := content.get("Reservations"):
        found["Instances"] = list(_instances(file, reservations, pasted))
    if not found:
        pasted.notes.append(f"{file}: nothing of a world is in it")
    for name, entries in found.items():
        _add(file, name, entries, pasted)


def _instances(file: Path, reservations: Any, pasted: Pasted) -> Iterator[Described]:
    """Those that there still are; a terminated one is shown for an hour."""
    for reservation in _objects(file, "Reservations", reservations):
        if owner := reservation.get("OwnerId"):
            pasted.accounts[owner] += 1
        for instance in _objects(file, "Instances", reservation.get("Instances", [])):
            state = instance.get("State")
            if not (isinstance(state, dict) and state.get("Name") == "terminated"):
                yield instance


def _add(file: Path, name: str, entries: Any, pasted: Pasted) -> None:
    for index, entry in enumerate(_objects(file, name, entries)):
        key = tuple(entry.get(part) for part in _IDS[name])
        if None in key:
            part = _IDS[name][key.index(None)]
            raise BadPaste(f"{file}: {name}.{index}.{part}: is required")
        known = pasted.lists[name].setdefault(key, entry)
        if known != entry:
            what = " ".join(map(str, key))
            pasted.notes.append(
                f"{file}: {printable(what)} is in another file too, and differs; this one is taken"
            )
            pasted.lists[name][key] = entry


def _objects(file: Path, name: str, value: Any) -> list[Described]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise BadPaste(f"{file}: {name}: must be a list of JSON objects")
    return value


def _keep_only(pasted: Pasted, names: set[str]) -> None:
    if not names:
        return
    kept = {
        key: template
        for key, template in pasted.lists["LaunchTemplates"].items()
        if names & {template["LaunchTemplateId"], template.get("LaunchTemplateName")}
    }
    named = {
        name
        for one in kept.values()
        for name in (one["LaunchTemplateId"], one.get("LaunchTemplateName"))
    }
    if absent := sorted(names - named):
        raise BadPaste(f"--template {absent[0]}: is not in the files")
    pasted.lists["LaunchTemplates"] = kept
    versions = pasted.lists["LaunchTemplateVersions"]
    pasted.lists["LaunchTemplateVersions"] = {k: v for k, v in versions.items() if (k[0],) in kept}


def _missing(pasted: Pasted) -> Iterator[str]:
    """What no world can do without, with the command that prints it."""
    templates = pasted.entries("LaunchTemplates")
    numbers: dict[str, set[int]] = {}
    for template_id, number in pasted.lists["LaunchTemplateVersions"]:
        numbers.setdefault(template_id, set()).add(number)
    if not templates:
        which = f" --launch-template-ids {' '.join(sorted(numbers))}" if numbers else ""
        yield f"no launch template is in the files: aws ec2 describe-launch-templates{which}"
        return
    for template in templates:
        template_id = template["LaunchTemplateId"]
        there = numbers.pop(template_id, set())
        needed = {template.get(key) for key in ("DefaultVersionNumber", "LatestVersionNumber")}
        lacking = sorted(needed - there - {None}, key=str)
        if lacking or not there:
            what = f"version {', '.join(map(str, lacking))}" if there else "the versions"
            name = printable(template.get("LaunchTemplateName") or template_id)
            yield f"the files lack {what} of {name}: {_VERSIONS} {template_id}"
    for template_id in sorted(numbers):
        yield (
            f"the files have versions of {template_id} and not the launch template:"
            f" aws ec2 describe-launch-templates --launch-template-ids {template_id}"
        )


def _images_missing(pasted: Pasted) -> Iterator[str]:
    """A world may lack an image, as an account does once it was deregistered."""
    named = {
        image
        for version in pasted.entries("LaunchTemplateVersions")
        if (image := (version.get("LaunchTemplateData") or {}).get("ImageId", "")).startswith(
            "ami-"
        )
    }
    lacking = sorted(named - {key for (key,) in pasted.lists["Images"]})
    if lacking:
        yield (
            f"taken as deregistered, because the files lack them: {', '.join(lacking)}; if they are"
            f" not: aws ec2 describe-images --image-ids {' '.join(lacking)}"
        )


def _account(pasted: Pasted) -> str:
    """Of instances, groups and templates; images may be another account's."""
    arns = (template.get("CreatedBy") for template in pasted.entries("LaunchTemplates"))
    groups = (group.get("AutoScalingGroupARN") for group in pasted.entries("AutoScalingGroups"))
    pasted.accounts.update(found[2] for arn in (*arns, *groups) if (found := _ARN.match(arn or "")))
    if not pasted.accounts:
        pasted.accounts.update(i["OwnerId"] for i in pasted.entries("Images") if "OwnerId" in i)
    if not pasted.accounts:
        pasted.notes.append(f"the files do not tell the account: {SAMPLE_ACCOUNT} is assumed")
        return SAMPLE_ACCOUNT
    [(account, _)] = pasted.accounts.most_common(1)
    return account


def _region(pasted: Pasted) -> str:
    groups = pasted.entries("AutoScalingGroups")
    for arn in (group.get("AutoScalingGroupARN") for group in groups):
        if found := _ARN.match(arn or ""):
            return found[1]
    zones = [zone for group in groups for zone in group.get("AvailabilityZones", [])]
    zones += [
        i.get("Placement", {}).get("AvailabilityZone", "") for i in pasted.entries("Instances")
    ]
    for zone in zones:
        if found := _ZONE.match(zone):
            return found[1]
    pasted.notes.append(
        f"the files do not tell the Region: {_REGION} is assumed; name it with --region"
    )
    return _REGION
