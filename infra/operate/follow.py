"""What to write on a launch template so that it follows, in the words of each tool."""

import json
import re
from collections.abc import Iterable, Mapping

from models.tags import COPIED_IMAGES, IMAGE_NAME, IMAGE_TAG, OPT_IN_TAG, SOURCE_INSTANCE

STATE_PREFIX = "ami-reactor-state:"
_RESOURCE_NAME = re.compile(r"[^A-Za-z0-9_-]")


def declared(
    *,
    mode: str,
    source_instances: Iterable[str],
    image_tags: Mapping[str, str],
    image_name: str | None,
    copied_images: bool,
) -> dict[str, str]:
    """The tags that say it; whether they are valid is for `read_selectors` to judge."""
    tags = {OPT_IN_TAG: mode}
    if instances := " ".join(source_instances):
        tags[SOURCE_INSTANCE] = instances
    tags |= {f"{IMAGE_TAG}{key}": value for key, value in image_tags.items()}
    if image_name is not None:
        tags[IMAGE_NAME] = image_name
    if copied_images:
        tags[COPIED_IMAGES] = "allow"
    return tags


def obsolete(present: Iterable[str], wanted: Mapping[str, str]) -> list[str]:
    """The tags that said before what it follows: all selectors must hold, so they have to go."""
    return sorted(key for key in present if key.startswith("ami-reactor:") and key not in wanted)


def as_hcl(name: str, tags: Mapping[str, str]) -> str:
    """Terraform, with what keeps an apply from undoing what the reactor does and remembers."""
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
  # what the reactor remembers: an apply must neither end a hold nor forget the mark
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
# for one that is there already, ami-reactor follow with --yes writes them
TagSpecifications:
  - ResourceType: launch-template
    Tags:
{listed}"""


def _hcl(text: str) -> str:
    quoted = json.dumps(text)  # HCL has the same escapes, and two more sequences of its own
    return quoted.replace("${", "$${").replace("%{", "%%{")
