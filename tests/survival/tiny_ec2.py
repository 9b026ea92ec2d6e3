"""The six operations of EC2 that the reactor calls, on a value.

Small enough to be read at once, quick enough for millions of steps, and a world is hashable, so
that a search knows where it has been. `test_tiny_ec2.py` sends the same requests to this and to
the embedded AWS and compares every answer.

Data and tags are kept as JSON text. Pages are not modelled: `test_reaction.py` sees to them.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.support.builders import EC2_META

Shape = dict[str, Any]

HOLD = "ami-reactor-state:hold"
MARK = "ami-reactor-state:newest-image"
QUARANTINE = "ami-reactor-state:quarantine"


class Refused(Exception):
    """EC2 answers with this error code."""


class Version(NamedTuple):
    """One version; `maker` and `source` are what only the tests know."""

    number: int
    data: str
    created: str
    maker: str = "person"
    source: int = 0
    description: str = ""

    @property
    def image(self) -> str:
        return parsed(self.data).get("ImageId", "")

    @property
    def settings(self) -> str:
        """Everything but the image."""
        return text({k: v for k, v in parsed(self.data).items() if k != "ImageId"})


class Template(NamedTuple):
    id: str
    name: str
    default: int
    tags: tuple[tuple[str, str], ...]
    versions: tuple[Version, ...]

    def version(self, number: int) -> Version:
        for version in self.versions:
            if version.number == number:
                return version
        raise Refused("InvalidLaunchTemplateId.VersionNotFound")

    @property
    def in_force(self) -> Version:
        return self.version(self.default)

    @property
    def latest(self) -> int:
        return self.versions[-1].number

    def tag(self, key: str) -> str | None:
        return dict(self.tags).get(key)

    def tagged(self, **tags: str) -> "Template":
        return self._replace(tags=tuple(sorted({**dict(self.tags), **tags}.items())))

    def untagged(self, key: str) -> "Template":
        return self._replace(tags=tuple(tag for tag in self.tags if tag[0] != key))

    def plus(self, data: Shape, created: str, **made: Any) -> "Template":
        version = Version(self.latest + 1, text(data), created, **made)
        return self._replace(versions=(*self.versions, version))


class World(NamedTuple):
    """What exists. `now` is when new versions are made."""

    account: str
    images: tuple[str, ...]
    templates: tuple[Template, ...]
    tokens: tuple[tuple[str, str, int], ...] = ()
    now: str = "2026-07-15T12:00:00.000Z"

    def image(self, image_id: str) -> Shape | None:
        return next((i for i in map(parsed, self.images) if i["ImageId"] == image_id), None)

    def template(self, template_id: str) -> Template:
        for template in self.templates:
            if template.id == template_id:
                return template
        raise Refused("InvalidLaunchTemplateId.NotFound")

    def with_template(self, changed: Template) -> "World":
        templates = tuple(changed if t.id == changed.id else t for t in self.templates)
        return self._replace(templates=templates)

    def with_image(self, changed: Shape) -> "World":
        others = (i for i in self.images if parsed(i)["ImageId"] != changed["ImageId"])
        return self._replace(images=(*others, text(changed)))

    def without_image(self, image_id: str) -> "World":
        others = (i for i in self.images if parsed(i)["ImageId"] != image_id)
        return self._replace(images=tuple(others))


def text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@lru_cache(maxsize=200_000)
def parsed(value: str) -> Shape:
    """Never to be changed: everybody gets the same one."""
    return json.loads(value)


def world_of(shape: Shape) -> World:
    """The world of a builder or a file."""
    return World(
        account=shape["Account"],
        images=tuple(text(image) for image in shape["Images"]),
        templates=tuple(_template_of(t, shape) for t in shape["LaunchTemplates"]),
    )


def _template_of(shape: Shape, world: Shape) -> Template:
    versions = (
        Version(v["VersionNumber"], text(v["LaunchTemplateData"]), v["CreateTime"])
        for v in world["LaunchTemplateVersions"]
        if v["LaunchTemplateId"] == shape["LaunchTemplateId"]
    )
    return Template(
        shape["LaunchTemplateId"],
        shape["LaunchTemplateName"],
        shape["DefaultVersionNumber"],
        tuple(sorted((tag["Key"], tag["Value"]) for tag in shape["Tags"])),
        tuple(sorted(versions)),
    )


# -- requests --------------------------------------------------------------------------------------


def perform(
    world: World, operation: str, asked: Shape, role: "Role | None" = None
) -> tuple[World, Shape]:
    """The world afterwards, and the answer.

    Args:
        world: As it is.
        operation: Such as `create_tags`.
        asked: Its parameters.
        role: What IAM lets the caller write; None: the reactor's.

    Raises:
        Refused: The world stays as it is.
    """
    if operation in _READS:
        return world, _READS[operation](world, asked)
    return _WRITES[operation](world, asked, role or REACTOR)


def is_read(operation: str) -> bool:
    return operation in _READS


def _describe_launch_templates(world: World, asked: Shape) -> Shape:
    templates = world.templates
    if "LaunchTemplateIds" in asked:
        templates = tuple(world.template(id_) for id_ in asked["LaunchTemplateIds"])
    shown = [_shown_template(template) for template in templates]
    return {"LaunchTemplates": _passing(shown, asked)}


def _shown_template(template: Template) -> Shape:
    tags = {"Tags": _tag_list(template.tags)} if template.tags else {}
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "DefaultVersionNumber": template.default,
        "LatestVersionNumber": template.latest,
        **tags,
    }


@lru_cache(maxsize=10_000)
def _tag_list(tags: tuple[tuple[str, str], ...]) -> list[Shape]:
    return [{"Key": key, "Value": value} for key, value in tags]


def _describe_launch_template_versions(world: World, asked: Shape) -> Shape:
    if "LaunchTemplateId" in asked:
        template = world.template(asked["LaunchTemplateId"])
        lowest = int(asked.get("MinVersion", 1))
        highest = int(asked.get("MaxVersion", template.latest))
        within = (v for v in template.versions if lowest <= v.number <= highest)
        found = [_shown(template, v) for v in within]
    elif asked["Versions"] == ["$Default"]:
        found = [_shown(template, template.in_force) for template in world.templates]
    else:
        raise Refused("InvalidParameterValue")
    found.sort(key=lambda version: -version["VersionNumber"])
    return {"LaunchTemplateVersions": _passing(found, asked)}


def _shown(template: Template, version: Version) -> Shape:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": version.number,
        "CreateTime": version.created,
        "DefaultVersion": version.number == template.default,
        "LaunchTemplateData": parsed(version.data),
        **({"VersionDescription": version.description} if version.description else {}),
    }


def _describe_images(world: World, asked: Shape) -> Shape:
    images = map(parsed, world.images)
    owners = [world.account if owner == "self" else owner for owner in asked.get("Owners", [])]
    shown = [
        image
        for image in images
        if (not owners or image["OwnerId"] in owners)
        and (image["State"] != "disabled" or asked.get("IncludeDisabled"))
    ]
    return {"Images": _passing(shown, asked)}


def _create_launch_template_version(
    world: World, asked: Shape, role: "Role"
) -> tuple[World, Shape]:
    template = _writable(world, asked["LaunchTemplateId"], role)
    wish = text({key: value for key, value in asked.items() if key != "ClientToken"})
    for token, wished, number in world.tokens:
        if token == asked["ClientToken"]:
            if wished != wish:
                raise Refused("IdempotentParameterMismatch")
            return world, _created(world, template, template.version(number))
    source = template.version(int(asked["SourceVersion"]))
    data = {**_without_snapshots(parsed(source.data)), **asked["LaunchTemplateData"]}
    said = asked.get("VersionDescription", "")
    made = {"maker": role.name, "source": source.number, "description": said}
    template = template.plus(data, world.now, **made)
    tokens = (*world.tokens, (asked["ClientToken"], wish, template.latest))
    world = world.with_template(template)._replace(tokens=tokens)
    return world, _created(world, template, template.versions[-1])


def _created(world: World, template: Template, version: Version) -> Shape:
    answer: Shape = {
        "LaunchTemplateVersion": {**_shown(template, version), "DefaultVersion": False}
    }
    if world.image(version.image) is None:
        answer["Warning"] = {"Errors": [{"Code": "InvalidAMIID.NotFound", "Message": "gone"}]}
    return answer


def _without_snapshots(data: Shape) -> Shape:
    """What an inherited block device mapping loses."""
    data = json.loads(text(data))
    for mapping in data.get("BlockDeviceMappings", []):
        mapping.get("Ebs", {}).pop("SnapshotId", None)
    return data


def _modify_launch_template(world: World, asked: Shape, role: "Role") -> tuple[World, Shape]:
    template = _writable(world, asked["LaunchTemplateId"], role)
    version = template.version(int(asked["DefaultVersion"]))
    template = template._replace(default=version.number)
    return world.with_template(template), {"LaunchTemplate": _shown_template(template)}


def _create_tags(world: World, asked: Shape, role: "Role") -> tuple[World, Shape]:
    tags = {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
    for resource in asked["Resources"]:
        if (image := world.image(resource)) and role.may_tag_images:
            others = [tag for tag in image.get("Tags", []) if tag["Key"] not in tags]
            world = world.with_image({**image, "Tags": [*others, *asked["Tags"]]})
            continue
        template = _writable(world, resource, role, tuple(tags))
        world = world.with_template(template.tagged(**tags))
    return world, {}


class Role(NamedTuple):
    """What IAM lets a function write.

    Attributes:
        may: Whether it may write to a template; with the keys, if it writes tags.
    """

    name: str
    may: Callable[[Template, tuple[str, ...]], bool]
    may_tag_images: bool = False


def _is_on_and_not_held(template: Template, _keys: tuple[str, ...]) -> bool:
    return template.tag("ami-reactor") == "on" and template.tag(HOLD) is None


REACTOR = Role("reactor", _is_on_and_not_held)


def _writable(world: World, template_id: str, role: Role, keys: tuple[str, ...] = ()) -> Template:
    """The role's conditions in IAM."""
    template = world.template(template_id)
    if not role.may(template, keys):
        raise Refused("UnauthorizedOperation")
    return template


_READS: dict[str, Callable[[World, Shape], Shape]] = {
    "describe_launch_templates": _describe_launch_templates,
    "describe_launch_template_versions": _describe_launch_template_versions,
    "describe_images": _describe_images,
}
_WRITES: dict[str, Callable[[World, Shape, Role], tuple[World, Shape]]] = {
    "create_launch_template_version": _create_launch_template_version,
    "modify_launch_template": _modify_launch_template,
    "create_tags": _create_tags,
}


# -- filters ---------------------------------------------------------------------------------------


def _passing(shown: list[Shape], asked: Shape) -> list[Shape]:
    for wanted in asked.get("Filters", []):
        patterns = [_pattern(value) for value in wanted["Values"]]
        shown = [
            one
            for one in shown
            if any(p.fullmatch(v) for v in _values(one, wanted["Name"]) for p in patterns)
        ]
    return shown


def _values(one: Shape, name: str) -> list[str]:
    if name == "tag-key":
        return [tag["Key"] for tag in one.get("Tags", [])]
    if name.startswith("tag:"):
        return [t["Value"] for t in one.get("Tags", []) if t["Key"] == name.removeprefix("tag:")]
    path = {
        "name": "Name",
        "source-instance-id": "SourceInstanceId",
        "image-id": "ImageId",
    }[name]
    value = one.get("LaunchTemplateData", one).get(path)
    return [] if value is None else [value]


@lru_cache(maxsize=20_000)
def _pattern(value: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in parts), re.DOTALL)


# -- the client ------------------------------------------------------------------------------------


class Client:
    """What `handlers.ec2.Ec2` needs of a botocore client; every request goes through `ask`."""

    meta = EC2_META

    def __init__(self, ask: Callable[[str, Shape], Shape]) -> None:
        self._ask = ask

    def get_paginator(self, operation: str) -> "_Pages":
        return _Pages(self._ask, operation)

    def create_launch_template_version(self, **asked: Any) -> Shape:
        return self._ask("create_launch_template_version", asked)

    def modify_launch_template(self, **asked: Any) -> Shape:
        return self._ask("modify_launch_template", asked)

    def create_tags(self, **asked: Any) -> Shape:
        return self._ask("create_tags", asked)


class _Pages(NamedTuple):
    ask: Callable[[str, Shape], Shape]
    operation: str

    def paginate(self, **asked: Any) -> Iterator[Shape]:
        asked.pop("PaginationConfig", None)
        yield self.ask(self.operation, asked)


def client_error(code: str, operation: str) -> ClientError:
    status = 403 if code == "UnauthorizedOperation" else 400
    name = "".join(word.capitalize() for word in operation.split("_"))
    return ClientError(
        {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
        name,
    )
