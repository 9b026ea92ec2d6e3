"""Follow: which tags make a launch template follow images, as tags, Terraform or CloudFormation."""

import json
import operator
import re
from collections.abc import Iterable, Mapping

from pydantic import Field

from handlers.writes import tag
from infra.operate import writes
from infra.operate.account import Account
from infra.operate.find import find_template
from models.base import Value
from models.launch_template import Template
from models.outcome import TemplateOutcome
from models.tags import (
    AFTER,
    COPIED_IMAGES,
    GATE,
    IMAGE_NAME,
    IMAGE_TAG,
    ON_TROUBLE,
    OPT_IN_TAG,
    SELECTOR_PREFIX,
    SOAK,
    SOURCE_INSTANCE,
    STATE_PREFIX,
)


class FollowLine(Value):
    """What `follow --json` would write, or wrote; a public interface.

    Attributes:
        planned: Nothing was written; absent if it was.
        tags: The tags that make the template follow these images.
        remove: The keys of the tags that go: other selectors than these.
        images: How many images the tags select.
        candidates: How many of them may be taken.
        source_instances: The instances that the selected images were made from.
        next: What the reactor would do at the next event.
    """

    planned: bool = Field(default=False, exclude_if=operator.not_)
    tags: dict[str, str]
    remove: tuple[str, ...]
    images: int
    candidates: int
    source_instances: tuple[str, ...]
    next: TemplateOutcome


class UnfollowLine(Value):
    """What `unfollow --json` would remove, or removed; a public interface.

    Attributes:
        planned: Nothing was removed; absent if it was.
        remove: The keys of the tags by which the template follows; none if it follows nothing.
        stay: The keys of the tags that stay: a hold, the high-water mark.
    """

    planned: bool = Field(default=False, exclude_if=operator.not_)
    launch_template_id: str
    launch_template_name: str
    remove: tuple[str, ...]
    stay: tuple[str, ...]


_RESOURCE_NAME = re.compile(r"[^A-Za-z0-9_-]")


def declared(  # noqa: PLR0913 one for each tag
    *,
    mode: str,
    source_instances: Iterable[str],
    image_tags: Mapping[str, str],
    image_name: str | None,
    copied_images: bool,
    soak: str | None = None,
    after: Iterable[str] = (),
    gates: Mapping[str, str] | None = None,
    on_trouble: str | None = None,
) -> dict[str, str]:
    """The tags for these options; whether they are valid is for `read_selectors` to judge."""
    tags = {OPT_IN_TAG: mode}
    if instances := " ".join(source_instances):
        tags[SOURCE_INSTANCE] = instances
    tags |= {f"{IMAGE_TAG}{key}": value for key, value in image_tags.items()}
    if image_name is not None:
        tags[IMAGE_NAME] = image_name
    if copied_images:
        tags[COPIED_IMAGES] = "allow"
    if soak is not None:
        tags[SOAK] = soak
    if named := " ".join(after):
        tags[AFTER] = named
    if on_trouble is not None:
        tags[ON_TROUBLE] = on_trouble
    return tags | {f"{GATE}{key}": value for key, value in (gates or {}).items()}


def suppose(account: Account, name: str, tags: Mapping[str, str]) -> tuple[Template, list[str]]:
    """The template with that name or id as it would be with those tags, and the keys that must go.

    All selectors must hold: so those that it has now and that are not among the new ones must go.
    """
    found = find_template(account, name)
    old = sorted(key for key in found.tags if key.startswith(SELECTOR_PREFIX) and key not in tags)
    rest = {key: value for key, value in found.tags.items() if key not in old}
    return found.model_copy(update={"tags": {**rest, **tags}}), old


def write_tags(
    account: Account, template: Template, tags: Mapping[str, str], old: list[str]
) -> None:
    """Write the new tags, then delete the old ones: between the two it follows less, never more."""
    tag(account.ec2, template.launch_template_id, tags)
    if old:
        writes.untag(account, [template.launch_template_id], old)


def own_tags(template: Template) -> list[str]:
    """The keys by which it follows: the opt-in, and all that say what and when."""
    return sorted(
        key for key in template.tags if key == OPT_IN_TAG or key.startswith(SELECTOR_PREFIX)
    )


def stop_following(account: Account, template: Template) -> None:
    """Delete these tags in one request; those of state stay."""
    writes.untag(account, [template.launch_template_id], own_tags(template))


def as_hcl(name: str, tags: Mapping[str, str]) -> str:
    """Terraform, with what keeps an apply from undoing the reactor's changes and state tags."""
    width = max(len(_hcl(key)) for key in tags)
    lines = "\n".join(f"    {_hcl(key):{width}} = {_hcl(value)}" for key, value in tags.items())
    resource = _RESOURCE_NAME.sub("_", name)
    return f"""\
resource "aws_launch_template" "{resource}" {{
  name                   = {_hcl(name)}
  update_default_version = true # of your own changes; the reactor builds on them

  tags = {{
{lines}
  }}

  lifecycle {{
    # the reactor's: the provider reads both from the latest version
    ignore_changes = [image_id, description]
  }}
}}

provider "aws" {{
  # the reactor's state: an apply must delete neither a hold nor the high-water mark
  ignore_tags {{
    key_prefixes = ["{STATE_PREFIX}"]
  }}
}}
"""


def as_cloudformation(tags: Mapping[str, str]) -> str:
    """Properties of an AWS::EC2::LaunchTemplate; strings are JSON's, which YAML takes."""
    listed = "".join(
        f"      - Key: {json.dumps(key)}\n        Value: {json.dumps(value)}\n"
        for key, value in tags.items()
    )
    return f"""\
# CloudFormation writes these when it creates the launch template, and never at an update:
# to a launch template that exists, ami-reactor follow --yes writes them
TagSpecifications:
  - ResourceType: launch-template
    Tags:
{listed}"""


def _hcl(text: str) -> str:
    quoted = json.dumps(text)  # HCL has the same escapes, and two more sequences of its own
    return quoted.replace("${", "$${").replace("%{", "%%{")
