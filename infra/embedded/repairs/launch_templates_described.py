"""Launch templates and their versions as EC2 lists them."""

from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import (
    InvalidLaunchTemplateIdNotFound,
    InvalidParameterCombination,
    InvalidParameterValue,
    MissingParameter,
)
from moto.ec2.models.launch_templates import LaunchTemplateBackend
from moto.ec2.responses.launch_templates import LaunchTemplates

from infra.embedded.repairs.answers import Described, Repair, page, passing, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moto.core.responses import ActionResult
    from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

ALIASES = {"$Default", "$Latest"}
RESULTS_PER_PAGE = 200  # API model, MaxResults: "between 1 and 200"

_moto_describe = LaunchTemplateBackend.describe_launch_templates


def asked_template(self: LaunchTemplates) -> "LaunchTemplate":
    """The one template of a request: "either the launch template ID or the name, but not both".

    Source: API model. moto takes both, and fails on neither.
    """
    template_id = self._get_param("LaunchTemplateId")
    name = self._get_param("LaunchTemplateName")
    if template_id and name:
        raise InvalidParameterCombination(
            "Specify either the launch template ID or the launch template name, but not both."
        )
    if name:
        named: LaunchTemplate = self.ec2_backend.get_launch_template_by_name(name)
        return named
    if not template_id:
        raise MissingParameter("Specify either the launch template ID or the launch template name.")
    template: LaunchTemplate = self.ec2_backend.get_launch_template(template_id)
    return template


def shown_template(self: LaunchTemplates, template: "LaunchTemplate") -> Described:
    return {
        "CreateTime": template.create_time,
        "CreatedBy": _creator(self, template),
        "DefaultVersionNumber": template.default_version_number,
        "LatestVersionNumber": template.latest_version_number,
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        **tags_of(self.ec2_backend, template.id),
        **vars(template).get("given", {}),
    }


def shown_version(self: LaunchTemplates, version: "LaunchTemplateVersion") -> Described:
    return {
        "CreateTime": version.create_time,
        "CreatedBy": _creator(self, version),
        "DefaultVersion": version.template.is_default(version),
        "LaunchTemplateData": version.data,
        "LaunchTemplateId": version.template.id,
        "LaunchTemplateName": version.template.name,
        "VersionDescription": version.description or None,
        "VersionNumber": version.number,
        **vars(version).get("given", {}),
    }


def _creator(self: LaunchTemplates, created: object) -> str:
    root = f"arn:{self.partition}:iam::{self.current_account}:root"
    return str(vars(created).get("created_by") or root)


def find_launch_templates(
    self: LaunchTemplateBackend,
    template_names: "Sequence[str]" = (),
    template_ids: "Sequence[str]" = (),
    filters: Any = None,
) -> "list[LaunchTemplate]":
    """An unknown id is an error, as an unknown name is; moto leaves it out.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    for template_id in template_ids:
        if template_id not in self.launch_templates:
            raise InvalidLaunchTemplateIdNotFound(template_id)
    return _moto_describe(self, list(template_names), list(template_ids), filters)


def describe_launch_templates(self: LaunchTemplates) -> "ActionResult":
    """Pages, and the tags as they are now; moto shows 15, with the tags of their creation."""
    self.error_on_dryrun()
    templates = self.ec2_backend.describe_launch_templates(
        template_names=self._get_param("LaunchTemplateNames", []),
        template_ids=self._get_param("LaunchTemplateIds", []),
    )
    names = {"launch-template-name": "LaunchTemplateName"}
    return _page(self, "LaunchTemplates", templates, shown_template, names)


def describe_launch_template_versions(self: LaunchTemplates) -> "ActionResult":
    """Newest first, in pages, filtered; moto shows the 15 oldest and ignores filters."""
    self.error_on_dryrun()
    if self._get_param("LaunchTemplateId") or self._get_param("LaunchTemplateName"):
        versions = _versions(self, asked_template(self))
    else:
        versions = _versions_of_all(self)
    names = {
        "image-id": "LaunchTemplateData.ImageId",
        "instance-type": "LaunchTemplateData.InstanceType",
        "is-default-version": "DefaultVersion",
    }
    return _page(self, "LaunchTemplateVersions", versions, shown_version, names)


def _page(
    self: LaunchTemplates,
    key: str,
    items: "Sequence[Any]",
    shown: "Callable[[LaunchTemplates, Any], Described]",
    names: dict[str, str],
) -> "ActionResult":
    """Only what a page holds is described, unless a filter must look at everything."""
    filters = self._filters_from_querystring()
    if filters:
        found = passing([shown(self, item) for item in items], filters, names)
        return page(self, key, found, RESULTS_PER_PAGE)
    return page(self, key, items, RESULTS_PER_PAGE, lambda item: shown(self, item))


def _versions(self: LaunchTemplates, template: "LaunchTemplate") -> "list[LaunchTemplateVersion]":
    asked = self._get_param("Versions", [])
    if asked:
        return _newest_first([template.get_version(number) for number in asked])
    lowest = self._get_int_param("MinVersion", 1)
    highest = self._get_int_param("MaxVersion", template.latest_version_number)
    return _newest_first([v for v in template.versions if lowest <= v.number <= highest])


def _versions_of_all(self: LaunchTemplates) -> "list[LaunchTemplateVersion]":
    """Without a template: "$Latest", "$Default" or both, and "you cannot specify numbers"."""
    asked = self._get_param("Versions", [])
    if not asked:
        raise MissingParameter("Specify a launch template, or $Latest, $Default or both.")
    if not set(asked) <= ALIASES:
        raise InvalidParameterValue("Without a launch template, Versions can only be aliases.")
    return [
        version
        for template in self.ec2_backend.launch_templates.values()
        for version in _newest_first([template.get_version(alias) for alias in asked])
    ]


def _newest_first(versions: "list[LaunchTemplateVersion]") -> "list[LaunchTemplateVersion]":
    by_number = {version.number: version for version in versions}
    return [by_number[number] for number in sorted(by_number, reverse=True)]


REPAIRS: tuple[Repair, ...] = (
    (LaunchTemplateBackend, "describe_launch_templates", find_launch_templates),
    (LaunchTemplates, "describe_launch_templates", describe_launch_templates),
    (LaunchTemplates, "describe_launch_template_versions", describe_launch_template_versions),
)
