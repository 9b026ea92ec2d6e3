"""The world file: what exists in one account and Region."""

import re
from collections import Counter, defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from moto.core.base_backend import AccountSpecificBackend
from pydantic import (
    BaseModel,
    ConfigDict,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_pascal

from infra.embedded.world.entries import (
    Group,
    Image,
    Instance,
    InstanceRefresh,
    Template,
    Version,
    fail,
    misspelt,
)
from infra.embedded.world.stacks import ChainStack, leave_stacks_out, stacks_fit
from infra.replay.json_text import NotUtf8, parse_json
from models.base import printable
from models.faults import in_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterable


class BadWorld(ValueError):
    """The text is not a world. The message is one line: its source, the field, what it must be."""


class World(BaseModel):
    """What exists in one account and Region."""

    model_config = ConfigDict(
        alias_generator=to_pascal, populate_by_name=True, extra="allow", hide_input_in_errors=True
    )

    account: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] = "111122223333"
    region: str = "ap-northeast-2"
    images: list[Image] = []
    launch_templates: list[Template] = []
    launch_template_versions: list[Version] = []
    auto_scaling_groups: list[Group] = []
    instance_refreshes: list[InstanceRefresh] = []
    instances: list[Instance] = []
    stacks: list[ChainStack] = []
    dead_letters: list[dict[str, Any]] = []

    _left_out: list[str] = PrivateAttr(default_factory=list)

    @property
    def left_out(self) -> list[str]:
        """The groups and stacks that are not put into place, and why; one line each."""
        return self._left_out

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for check in (
            _known_keys,
            _known_region,
            _no_doubles,
            _versions_fit,
            _leave_groups_out,
            _groups_fit,
            leave_stacks_out,
            stacks_fit,
        ):
            check(self)
        return self

    @cached_property
    def versions(self) -> dict[str, list[Version]]:
        """Template id to versions, oldest first. An unknown template is named by id or name."""
        ids = {t.launch_template_name: t.launch_template_id for t in self.launch_templates}
        found: dict[str, list[Version]] = defaultdict(list)
        for version in sorted(self.launch_template_versions, key=lambda v: v.version_number):
            name = version.launch_template_name or ""
            found[version.launch_template_id or ids.get(name, name)].append(version)
        return dict(found)

    def default_of(self, template: Template) -> int:
        """The number of the default version: as given, else the one marked as default, else 1."""
        marked = [
            v.version_number
            for v in self.versions[template.launch_template_id]
            if v.default_version
        ]
        return template.default_version_number or (marked[0] if marked else 1)

    @cached_property
    def _templates(self) -> dict[str, Template]:
        by_name = {template.launch_template_name: template for template in self.launch_templates}
        return by_name | {
            template.launch_template_id: template for template in self.launch_templates
        }

    def template_of(self, group: Group) -> Template | None:
        named = group.specification
        by_id = self._templates.get(named.get("LaunchTemplateId", ""))
        return by_id or self._templates.get(named.get("LaunchTemplateName", ""))


# ---- what must be true of the entries together ---------------------------------------------------


def _known_keys(world: World) -> None:
    known = [to_pascal(name) for name in World.model_fields]
    for key, value in (world.model_extra or {}).items():
        if right := misspelt(key, known):
            fail(f"must be spelt {right}", printable(key))
        # a later version of the world may have more lists
        if not (key[:1].isupper() and isinstance(value, list)):
            fail("is not part of a world", printable(key))


def _known_region(world: World) -> None:
    session = AccountSpecificBackend.get_session()  # moto's own: it loads the list only once
    if not any(
        world.region in session.get_available_regions("ec2", partition)
        for partition in session.get_available_partitions()
    ):
        fail("must be a Region such as ap-northeast-2", "Region")


def _no_doubles(world: World) -> None:
    groups = world.auto_scaling_groups
    versions = world.versions
    _once("Images", (i.image_id for i in world.images))
    _once("LaunchTemplates", (t.launch_template_id for t in world.launch_templates))
    _once("LaunchTemplates", (t.launch_template_name for t in world.launch_templates))
    for template_id, numbered in versions.items():
        _once("LaunchTemplateVersions", (f"{template_id} {v.version_number}" for v in numbered))
    _once("AutoScalingGroups", (g.auto_scaling_group_name for g in groups))
    _once("AutoScalingGroups", (m.instance_id for g in groups for m in g.instances or []))
    _once("Instances", (i.instance_id for i in world.instances))
    _once("Stacks", (s.stack_name for s in world.stacks))


def _once(field: str, names: "Iterable[str]") -> None:
    for name, times in Counter(names).items():
        if times > 1:
            fail(f"{printable(name)} is there more than once", field)


def _versions_fit(world: World) -> None:
    known = {template.launch_template_id for template in world.launch_templates}
    for named in world.versions.keys() - known:
        fail(f"{printable(named)} is not one of the LaunchTemplates", "LaunchTemplateVersions")
    for index, template in enumerate(world.launch_templates):
        if template.launch_template_id not in world.versions:
            fail(f"{template.launch_template_id} has no version", "LaunchTemplates", index)
        _numbers_fit(world, template, index)


def _numbers_fit(world: World, template: Template, index: int) -> None:
    versions = world.versions[template.launch_template_id]
    numbers = [version.version_number for version in versions]
    default = world.default_of(template)
    if default not in numbers:
        fail("must be one of its versions", "LaunchTemplates", index, "DefaultVersionNumber")
    if any(version.default_version and version.version_number != default for version in versions):
        fail(
            f"must be the one version of {template.launch_template_id} marked as default",
            *("LaunchTemplates", index, "DefaultVersionNumber"),
        )
    if template.latest_version_number not in (None, numbers[-1]):
        fail(
            "must be the greatest number of its versions",
            *("LaunchTemplates", index, "LatestVersionNumber"),
        )


def _leave_groups_out(world: World) -> None:
    """A world may have all groups of an account, and only some of its launch templates."""
    kept = []
    for group in world.auto_scaling_groups:
        extra, named = group.model_extra or {}, group.specification
        if not named and "LaunchConfigurationName" in extra:
            why = "it launches from a launch configuration"
        elif named and world.template_of(group) is None:
            name = named.get("LaunchTemplateName") or named.get("LaunchTemplateId", "")
            why = f"its launch template {printable(name)} is not part of this world"
        else:
            kept.append(group)
            continue
        world.left_out.append(f"{printable(group.auto_scaling_group_name)} is left out: {why}")
    world.auto_scaling_groups = kept


def _groups_fit(world: World) -> None:
    for index, group in enumerate(world.auto_scaling_groups):
        path = ("AutoScalingGroups", index)
        template = world.template_of(group)
        if template is None:
            fail("is required, or MixedInstancesPolicy", *path, "LaunchTemplate")
        if not _VERSION.fullmatch(group.specification.get("Version", "$Default")):
            fail("must be $Default, $Latest or a number", *path, "LaunchTemplate", "Version")
        if not group.min_size <= group.desired_capacity <= group.max_size:
            fail("must be between MinSize and MaxSize", *path, "DesiredCapacity")
        if any(not zone.startswith(world.region) for zone in group.availability_zones):
            fail(f"must be zones of {world.region}", *path, "AvailabilityZones")


_VERSION = re.compile(r"\$Default|\$Latest|[1-9]\d*")
"""A number may be that of a deleted version: on AWS, a group can name one."""


# ---- reading -------------------------------------------------------------------------------------


def read_world(text: str | bytes, source: str) -> World:
    """Read a world file.

    Args:
        text: Its content.
        source: Its name in an error.

    Raises:
        BadWorld: One line with the source, the field and what the field must be. Of the values,
            it repeats ids and names only.
    """
    try:
        content = parse_json(text)
        _refuse_control_characters(content, ())
        return World.model_validate(content, by_alias=True, by_name=False)
    except ValidationError as exc:
        raise BadWorld(f"{source}: {_first_fault(exc)}") from exc
    except (NotUtf8, _BadText) as exc:
        raise BadWorld(f"{source}: {exc}") from exc
    except ValueError as exc:
        raise BadWorld(f"{source}: must be JSON in UTF-8: {exc}") from exc


class _BadText(ValueError):
    """A text that no answer of AWS can hold."""


_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""https://www.w3.org/TR/xml/#charsets ; SQS takes no others either (API model, SendMessage)."""


def _refuse_control_characters(value: Any, path: tuple[str | int, ...]) -> None:
    if isinstance(value, str) and _NOT_IN_XML.search(value):
        where = ".".join(printable(str(part)) for part in path)
        raise _BadText(f"{where}: must be text without control characters")
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            _refuse_control_characters(item, (*path, key))


def _first_fault(exc: ValidationError) -> str:
    fault = exc.errors(include_url=False, include_input=False)[0]
    path = (*fault["loc"], *fault.get("ctx", {}).get("path", ()))
    return ": ".join(filter(None, (".".join(map(str, path)), in_plain_words(fault))))
