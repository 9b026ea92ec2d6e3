"""The one gateway to EC2: asks, pages, and returns values."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from handlers.aws_errors import translated
from handlers.paging import batches, each
from models.aws_limits import FILTER_VALUE_CHARACTERS, FILTER_VALUES
from models.base import Place
from models.errors import AwsRefused, AwsUnavailable
from models.image import Image
from models.launch_template import Template, Version
from models.selectors import Selectors
from models.tags import BACKUP_SOURCE_TAG, HIGH_WATER_MARK_TAG, OPT_IN_TAG, HighWaterMark
from models.version_description import Promotion

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

IMAGES_PAGE = 500
"""Without a size, DescribeImages answers with everything at once."""

_NO_TEMPLATE = ("InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateId.Malformed")


Pages = Callable[..., Iterator[Any]]


class Ec2:
    """EC2 as the reactor needs it. Every method may raise AwsRefused and AwsUnavailable.

    Attributes:
        client: For writes.
        place: The account and Region.
        pages: Reads: takes what `handlers.paging.each` takes, and gives each item. A caller who
            wants to keep EC2's own words gives another.
    """

    def __init__(self, client: "EC2Client", place: Place, pages: Pages = each) -> None:
        self.client = client
        self.place = place
        self.pages = pages

    # -- launch templates ------------------------------------------------------------------------

    def opted_in_templates(self) -> list[Template]:
        """All templates with the tag `ami-reactor`, whatever its value; without versions."""
        return self._templates(Filters=[{"Name": "tag-key", "Values": [OPT_IN_TAG]}])

    def all_opted_in(self) -> list[Template]:
        """All that opted in, for one that waits for others."""
        return self.opted_in_templates()

    def opted_in_template(self, template_id: str) -> Template | None:
        """That template, if it is there and has the tag; without versions."""
        try:
            template = self.template(template_id)
        except AwsRefused as error:
            if error.code not in _NO_TEMPLATE:
                raise
            return None
        return template if template.is_opted_in else None

    def template(self, template_id: str) -> Template:
        """One template as it is now; without versions."""
        found = self._templates(LaunchTemplateIds=[template_id])
        if not found:
            raise AwsUnavailable(f"{template_id}: cannot be seen")
        return found[0]

    def _templates(self, **which: Any) -> list[Template]:
        with translated("listing launch templates"):
            found = self._each("describe_launch_templates", "LaunchTemplates", **which)
            return [Template.model_validate(template) for template in found]

    def templates_on(self, image_id: str) -> set[str]:
        """The ids of the templates whose default version names that image."""
        which = {
            "Versions": ["$Default"],
            "Filters": [{"Name": "image-id", "Values": [image_id]}],
        }
        found = self._each("describe_launch_template_versions", _VERSIONS, **which)
        return {version["LaunchTemplateId"] for version in found}

    def versions(self, template: Template) -> tuple[Version, ...]:
        """The default version and all after it, ascending.

        Raises:
            AwsUnavailable: The default version cannot be seen yet.
        """
        which: dict[str, Any] = {"LaunchTemplateId": template.launch_template_id}
        default = template.default_version_number
        if default > 1:
            # the API calls it "the version number after which to describe": ask for one more
            which["MinVersion"] = str(default - 1)
        with translated(f"reading the versions of {template.launch_template_id}"):
            found = self._each("describe_launch_template_versions", _VERSIONS, **which)
            versions = [Version.model_validate(version) for version in found]
        seen = sorted((v for v in versions if v.version_number >= default), key=_number)
        if not seen or seen[0].version_number != default:
            raise AwsUnavailable(
                f"{template.launch_template_id}: its default version {default} cannot be seen yet"
            )
        return tuple(seen)

    def versions_with(self, template: Template, image_ids: Iterable[str]) -> list[Version]:
        """The versions of that template that name one of those images."""
        with translated(f"reading the versions of {template.launch_template_id}"):
            return [
                Version.model_validate(version)
                for ids in batches(sorted(image_ids), FILTER_VALUES)
                for version in self._each(
                    "describe_launch_template_versions",
                    _VERSIONS,
                    LaunchTemplateId=template.launch_template_id,
                    Filters=[{"Name": "image-id", "Values": ids}],
                )
            ]

    def create_version(self, template: Template, image: Image) -> Version:
        """A new version: the default one with that image, and nothing else changed.

        Asked again, EC2 gives the same answer and makes no second version (ClientToken).

        Raises:
            AwsRefused: Also if EC2 made the version and warned, or changed more than the image.
        """
        source = template.default
        doing = f"creating a version of {template.launch_template_id}"
        with translated(doing):
            answer = self.client.create_launch_template_version(
                LaunchTemplateId=template.launch_template_id,
                SourceVersion=str(source.version_number),
                LaunchTemplateData={"ImageId": image.image_id},
                VersionDescription=description(template, image),
                ClientToken=_client_token(template, image),
            )
            created = Version.model_validate(answer["LaunchTemplateVersion"])
        if warnings := answer.get("Warning", {}).get("Errors"):
            codes = ", ".join(warning.get("Code", "no code") for warning in warnings)
            raise AwsRefused(f"{doing}: EC2 warned of version {created.version_number}: {codes}")
        if created.image_id != image.image_id or not created.differs_in_image_alone(source):
            raise AwsRefused(
                f"{doing}: version {created.version_number} differs in more than ImageId"
            )
        return created

    def set_default(self, template: Template, version: Version) -> int:
        """Make that version the default.

        Returns:
            The latest version number, as the answer of this call has it.
        """
        doing = f"making version {version.version_number} of {template.launch_template_id} default"
        with translated(doing):
            answer = self.client.modify_launch_template(
                LaunchTemplateId=template.launch_template_id,
                DefaultVersion=str(version.version_number),
            )
            return answer["LaunchTemplate"]["LatestVersionNumber"]

    def set_high_water_mark(self, template: Template, mark: HighWaterMark) -> None:
        with translated(f"tagging {template.launch_template_id} with {HIGH_WATER_MARK_TAG}"):
            self.client.create_tags(
                Resources=[template.launch_template_id],
                Tags=[{"Key": HIGH_WATER_MARK_TAG, "Value": str(mark)}],
            )

    # -- images ----------------------------------------------------------------------------------

    def own_image(self, image_id: str) -> Image | None:
        """The image with that id, if this account owns it; disabled ones too."""
        found = self._images([{"Name": "image-id", "Values": [image_id]}], Owners=["self"])
        return found[0] if found else None

    def images(self, image_ids: Iterable[str]) -> list[Image]:
        """The images with those ids, of any owner; what cannot be seen is left out.

        For images that templates name already: the first one is often a vendor's.
        """
        return [
            image
            for ids in batches(sorted(image_ids), FILTER_VALUES)
            for image in self._images([{"Name": "image-id", "Values": ids}])
        ]

    def matching_images(self, selectors: Selectors) -> list[Image]:
        """Every image of this account that the selectors may match, in no order.

        One call for each way in which a source instance is proved, for filters are and-ed. States
        and proofs are judged by the caller, who wants to know of the near misses too.
        """
        filters = [_tag_filter(key, value) for key, value in selectors.image_tags.items()]
        if selectors.image_name is not None:
            filters.append({"Name": "name", "Values": [selectors.image_name.replace("\\", r"\\")]})
        if not selectors.source_instances:
            return self._images(filters, Owners=["self"])
        instances = sorted(selectors.source_instances)
        arns = [f"*{instance}" for instance in instances]
        proofs = (
            {"Name": f"tag:{BACKUP_SOURCE_TAG}", "Values": arns},
            {"Name": "source-instance-id", "Values": instances},
        )
        found = [i for proof in proofs for i in self._images([proof, *filters], Owners=["self"])]
        return list({image.image_id: image for image in found}.values())

    def _images(self, filters: list[dict[str, Any]], **owners: Any) -> list[Image]:
        # EC2 hides other owners' deprecated images, from which templates may well launch
        hidden = {"IncludeDisabled": True, "IncludeDeprecated": True}
        which = {"Filters": filters, **hidden, **owners}
        paging = {"PageSize": IMAGES_PAGE}
        with translated("listing images"):
            found = self._each("describe_images", "Images", **which, PaginationConfig=paging)
            return [Image.model_validate(image) for image in found]

    def _each(self, operation: str, key: str, **which: Any) -> Iterator[Any]:
        """Each item of all pages.

        Launch templates are asked for without a page size: their default page is the largest, and
        EC2 refuses ids beside a size elsewhere (DescribeInstances, DescribeImages).
        """
        return self.pages(self.client, operation, key, **which)


_VERSIONS = "LaunchTemplateVersions"


def _number(version: Version) -> int:
    return version.version_number


def description(template: Template, image: Image) -> str:
    """The description of a version that is made here; the same for the same wish.

    If the function had to leave the marked image before, it goes on saying so until that is back.
    """
    source, mark = template.default, template.high_water_mark
    missing = None
    if mark is not None and image.creation_date <= mark.creation_date:
        missing = mark.image_id if mark.was_left_for(source) else None
    return str(Promotion(source.image_id, image.image_id, missing))


def _client_token(template: Template, image: Image) -> str:
    """64 ASCII characters, the most that EC2 documents; the same for the same wish."""
    source = template.default_version_number
    wish = f"{template.launch_template_id} {source} {image.image_id}"
    return hashlib.sha256(wish.encode()).hexdigest()


def _tag_filter(key: str, value: str) -> dict[str, Any]:
    """Images with exactly that tag: EC2 reads * and ? as wildcards, so they are escaped.

    A value that grows too long by that is left to the caller, who looks at the tags again.
    """
    literal = value.replace("\\", r"\\").replace("*", r"\*").replace("?", r"\?")
    if len(literal) > FILTER_VALUE_CHARACTERS:
        return {"Name": "tag-key", "Values": [key]}
    return {"Name": f"tag:{key}", "Values": [literal]}
