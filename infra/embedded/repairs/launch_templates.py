"""Launch templates: what a new version inherits, and which version is which."""

import copy
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import (
    EC2ClientError,
    InvalidLaunchTemplateVersionNotFound,
    InvalidParameterValue,
)
from moto.ec2.models.launch_templates import (
    LaunchTemplate,
    LaunchTemplateVersion,
)
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data

from infra.embedded.repairs.answers import Answer, Described, Repair
from infra.embedded.repairs.launch_templates_described import (
    ALIASES,
    asked_template,
    shown_template,
    shown_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

VERSIONS_PER_TEMPLATE = 10_000  # AWS documents the quota, but no error code: ours is made up
VERSIONS_PER_DELETION = 200  # API model, DeleteLaunchTemplateVersions
CLIENT_TOKEN_LENGTH = 64  # https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
DESCRIPTION_LENGTH = 255  # API model, VersionDescription


# ---- one template and its versions ---------------------------------------------------------------


def create_version(
    self: LaunchTemplate, data: dict[str, Any], description: str | None
) -> LaunchTemplateVersion:
    """Numbers are assigned "in the order in which they are created" (API model), and never twice.

    UserData is kept in the type that an Auto Scaling launch asserts.
    """
    data = {key: value for key, value in data.items() if value is not None}
    if "UserData" in data:
        data["UserData"] = parse_user_data(str(data["UserData"]))
    number = vars(self).get("greatest_number", 0) + 1
    vars(self)["greatest_number"] = number
    version = LaunchTemplateVersion(self, number, data, description or "")
    self.versions.append(version)
    return version


def get_version(self: LaunchTemplate, num: Any) -> LaunchTemplateVersion:
    """By number, not by index in the list: versions before it may have been deleted."""
    if str(num) == "$Latest":
        return self.versions[-1]
    wanted = str(self.default_version_number) if str(num) == "$Default" else str(num)
    for version in self.versions:
        if str(version.number) == wanted:
            return version
    raise InvalidLaunchTemplateVersionNotFound(version=str(num), template_id=self.id)


# ---- requests ------------------------------------------------------------------------------------


def create_launch_template(self: LaunchTemplates) -> Answer:
    """The template's own tags are not part of its first version's data (API model)."""
    self.error_on_dryrun()
    return Answer(_once(self, lambda: _create_template(self)))


def _create_template(self: LaunchTemplates) -> Described:
    data = self._get_param("LaunchTemplateData", {})
    template = self.ec2_backend.create_launch_template(
        self._get_param("LaunchTemplateName"),
        _description(self),
        data,
        self._parse_tag_specification("launch-template"),
    )
    return {"LaunchTemplate": shown_template(self, template), **_warning(self, data)}


def create_launch_template_version(self: LaunchTemplates) -> Answer:
    """Inherits from SourceVersion, "overwritten" by the request (API model)."""
    self.error_on_dryrun()
    return Answer(_once(self, lambda: _create_version(self)))


def _create_version(self: LaunchTemplates) -> Described:
    template = asked_template(self)
    description = _description(self)
    data = {
        **_inherited(template, self._get_param("SourceVersion")),
        **self._get_param("LaunchTemplateData", {}),
    }
    if len(template.versions) >= VERSIONS_PER_TEMPLATE:
        raise EC2ClientError(
            "VersionLimitExceeded",
            f"A launch template can have at most {VERSIONS_PER_TEMPLATE} versions.",
        )
    version = template.create_version(data, description)
    return {
        "LaunchTemplateVersion": shown_version(self, version),
        **_warning(self, data),
    }


def _inherited(template: LaunchTemplate, source: str | None) -> dict[str, Any]:
    """Everything but "snapshots applied to the block device mapping" (API model)."""
    if source is None:
        return {}
    data = copy.deepcopy(template.get_version(source).data)
    for mapping in data.get("BlockDeviceMappings", []):
        mapping.get("Ebs", {}).pop("SnapshotId", None)
    return data


def _warning(self: LaunchTemplates, data: "Mapping[str, Any]") -> Described:
    """A version with a bad image is created, with a warning: "not fully validated".

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-template-restrictions.html
    """
    image_id = data.get("ImageId", "")
    if not image_id.startswith("ami-") or image_id in self.ec2_backend.amis:
        return {}
    fault = {
        "Code": "InvalidAMIID.NotFound",
        "Message": f"The image id '[{image_id}]' does not exist",
    }
    return {"Warning": {"Errors": [fault]}}


def _once(self: LaunchTemplates, act: "Callable[[], Described]") -> Described:
    """The same ClientToken gets the same answer, and acts once; other parameters are refused.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    token = self._get_param("ClientToken")
    if token is None:
        return act()
    if len(token) > CLIENT_TOKEN_LENGTH:
        raise InvalidParameterValue(
            f"A client token has at most {CLIENT_TOKEN_LENGTH} ASCII characters."
        )
    seen: dict[tuple[str, str], tuple[object, Described]]
    seen = vars(self.ec2_backend).setdefault("client_tokens", {})
    key, asked = (self._get_action(), token), copy.deepcopy(self.params)
    if key not in seen:
        seen[key] = asked, act()
    before, answer = seen[key]
    if before != asked:
        raise EC2ClientError(
            "IdempotentParameterMismatch",
            "The client token has already been used with different parameters.",
        )
    return answer


def modify_launch_template(self: LaunchTemplates) -> Answer:
    """An unknown id has an error code of its own; moto gives the one for names."""
    self.error_on_dryrun()
    return Answer(_once(self, lambda: _set_default(self)))


def _set_default(self: LaunchTemplates) -> Described:
    template = asked_template(self)
    number = self._get_param("DefaultVersion")
    if number in ALIASES:
        raise InvalidLaunchTemplateVersionNotFound(version=number)
    template.default_version_number = template.get_version(number).number
    return {"LaunchTemplate": shown_template(self, template)}


def delete_launch_template_versions(self: LaunchTemplates) -> Answer:
    """Versions that cannot be deleted are listed in a successful answer (API model)."""
    self.error_on_dryrun()
    template = asked_template(self)
    numbers = self._get_param("Versions", [])
    if len(numbers) > VERSIONS_PER_DELETION:
        raise InvalidParameterValue(
            f"At most {VERSIONS_PER_DELETION} versions can be deleted in one request."
        )
    deleted: list[Described] = []
    kept: list[Described] = []
    left = {str(version.number): version for version in template.versions}
    for number in numbers:
        shown: Described = {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": int(number) if number.isdigit() else None,
        }
        error = _deletion_error(template, number, left)
        if error:
            kept.append(shown | {"ResponseError": error})
        else:
            del left[number]
            deleted.append(shown)
    template.versions = list(left.values())
    return Answer(
        {
            "SuccessfullyDeletedLaunchTemplateVersions": deleted,
            "UnsuccessfullyDeletedLaunchTemplateVersions": kept,
        }
    )


def _deletion_error(
    template: LaunchTemplate, number: str, left: "Container[str]"
) -> dict[str, str] | None:
    if number == str(template.default_version_number):
        return {
            "Code": "unexpectedError",
            "Message": "Cannot delete the default version of a launch template.",
        }
    if number not in left:
        return {
            "Code": "launchTemplateVersionDoesNotExist",
            "Message": f"Could not find the specified version {number}.",
        }
    return None


def _description(self: LaunchTemplates) -> str:
    description: str = self._get_param("VersionDescription", "")
    if len(description) > DESCRIPTION_LENGTH:
        raise InvalidParameterValue(
            f"A version description has at most {DESCRIPTION_LENGTH} characters."
        )
    return description


REPAIRS: tuple[Repair, ...] = (
    (LaunchTemplate, "create_version", create_version),
    (LaunchTemplate, "get_version", get_version),
    (LaunchTemplates, "create_launch_template", create_launch_template),
    (LaunchTemplates, "create_launch_template_version", create_launch_template_version),
    (LaunchTemplates, "modify_launch_template", modify_launch_template),
    (LaunchTemplates, "delete_launch_template_versions", delete_launch_template_versions),
)
