"""The gateway with its reads made ahead: a few calls for all templates, not a few for each."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

from handlers.ec2 import IMAGES_PAGE, Ec2
from handlers.paging import each
from infra.operate.paging import Progress
from models.aws_limits import FILTER_VALUES
from models.base import Place
from models.image import Image, amis
from models.launch_template import Template, Version
from models.selectors import Selectors, read_selectors
from models.tags import BACKUP_SOURCE_TAG

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

_FEW = 10  # templates; fewer calls than reading the versions of all that are in the account


class ReadAhead(Ec2):
    """Answers as `Ec2` does, and asks EC2 each question once: all is judged by the same world.

    Ask `plan` with it, and the function's own code says what it would do.

    Args:
        client: An EC2 client.
        place: The account and Region.
        templates: The templates to work with, whose tags may be supposed ones; by default all that
            opted in.
        remembered: So many images at most; then it starts afresh, so that memory stays flat.
    """

    def __init__(
        self,
        client: "EC2Client",
        place: Place,
        templates: Iterable[Template] | None = None,
        *,
        remembered: float = inf,
    ) -> None:
        super().__init__(client, place)
        self._given = None if templates is None else list(templates)
        self._all: list[Template] | None = None
        self._remembered = remembered
        self._versions: dict[str, tuple[Version, ...]] = {}
        self._known: dict[str, Image | None] = {}
        self._on_image: dict[str, set[str]] = {}
        self._by_instance: dict[str, list[Image]] = {}
        self._by_selectors: dict[tuple[object, ...], list[Image]] = {}

    def read(self, progress: Progress) -> None:
        """Read versions and images of all templates; of a few, what is needed is asked for then."""
        templates = self.opted_in_templates()
        if len(templates) <= _FEW:
            return
        selectors = self._selectors()
        progress("the versions of launch templates")
        self._read_versions()
        progress("the images of golden instances")
        self._read_images({i for wanted in selectors for i in wanted.source_instances})
        progress("the images that versions name")
        versions = (version for read in self._versions.values() for version in read)
        self.images(amis(version.image_id for version in versions))

    # -- what the reactor asks -------------------------------------------------------------------

    def opted_in_templates(self) -> list[Template]:
        if self._given is None:
            self._given = super().opted_in_templates()
        return self._given

    def all_opted_in(self) -> list[Template]:
        """Also those that were not given: a template that was may wait for them."""
        if self._given is None:
            return self.opted_in_templates()
        if self._all is None:
            given = {t.launch_template_id: t for t in self._given}
            found = {t.launch_template_id: t for t in super().opted_in_templates()}
            self._all = list((found | given).values())
        return self._all

    def opted_in_template(self, template_id: str) -> Template | None:
        given = (t for t in self.opted_in_templates() if t.launch_template_id == template_id)
        return next(given, None)

    def templates_on(self, image_id: str) -> set[str]:
        if image_id not in self._on_image:
            if len(self._on_image) > self._remembered:
                self._on_image.clear()
            self._on_image[image_id] = super().templates_on(image_id)
        return self._on_image[image_id]

    def own_image(self, image_id: str) -> Image | None:
        return next((i for i in self.images([image_id]) if i.owner_id == self.place.account), None)

    def versions(self, template: Template) -> tuple[Version, ...]:
        read = self._versions.get(template.launch_template_id, ())
        numbers = [version.version_number for version in read]
        wanted = range(template.default_version_number, template.latest_version_number + 1)
        if numbers != list(wanted):  # versions between those two, or a reading of another moment
            self._versions[template.launch_template_id] = super().versions(template)
        return self._versions[template.launch_template_id]

    def images(self, image_ids: Iterable[str]) -> list[Image]:
        wanted = set(image_ids)
        if len(self._known) > self._remembered:
            self._known.clear()
        if unknown := wanted - self._known.keys():
            found = {image.image_id: image for image in super().images(unknown)}
            self._known |= dict.fromkeys(unknown) | found  # only now: what fails tells of none
        return [image for image_id in wanted if (image := self._known[image_id])]

    def matching_images(self, selectors: Selectors) -> list[Image]:
        if instances := selectors.source_instances:
            if instances <= self._few_instances - self._by_instance.keys():
                self._read_images(self._few_instances)
            if instances <= self._by_instance.keys():
                return [i for one in instances for i in self._by_instance[one]]
        asked = (
            selectors.source_instances,
            selectors.image_name,
            tuple(sorted(selectors.image_tags.items())),
        )
        if asked not in self._by_selectors:
            self._by_selectors[asked] = super().matching_images(selectors)
        return self._by_selectors[asked]

    # -- how it is read ----------------------------------------------------------------------------

    def _selectors(self) -> list[Selectors]:
        read = (read_selectors(one.tags, self.place) for one in self.opted_in_templates())
        return [selectors for selectors in read if isinstance(selectors, Selectors)]

    @cached_property
    def _few_instances(self) -> set[str]:
        """If templates are few: the instances of whose images nothing else is asked.

        What was made from all of them takes as many calls as what was made from one. If a tag or a
        name is asked for as well, that template's images are asked for alone: they may be few of
        many.
        """
        if len(self.opted_in_templates()) > _FEW:
            return set()
        asks_no_more = (
            selectors.source_instances
            for selectors in self._selectors()
            if not selectors.image_tags and selectors.image_name is None
        )
        return set().union(*asks_no_more)

    def _read_versions(self) -> None:
        """Default and latest of every template in the account: EC2 can filter no further."""
        concerned = {template.launch_template_id for template in self.opted_in_templates()}
        found: dict[str, dict[int, Version]] = defaultdict(dict)
        for described in each(
            self.client,
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            Versions=["$Default", "$Latest"],
        ):
            if described["LaunchTemplateId"] in concerned:
                version = Version.model_validate(described)
                found[described["LaunchTemplateId"]][version.version_number] = version
        for template_id, numbered in found.items():
            self._versions[template_id] = tuple(numbered[n] for n in sorted(numbered))

    def _read_images(self, instance_ids: set[str]) -> None:
        """Everything made from those instances, by both proofs, as `matching_images` has them."""
        found: dict[str, dict[str, Image]] = {instance_id: {} for instance_id in instance_ids}
        for described in self._candidates(instance_ids):
            image = Image.model_validate(described)
            for instance_id in image.source_instances & instance_ids:
                found[instance_id][image.image_id] = image
        for instance_id, images in found.items():  # only now: of a read that failed, nothing counts
            self._by_instance[instance_id] = list(images.values())
            self._known |= images

    def _candidates(self, instance_ids: set[str]) -> Iterator[dict[str, Any]]:
        """Images that may be made from those instances; one of them maybe twice."""
        if (
            len(instance_ids) > FILTER_VALUES
        ):  # then all images take fewer calls than the right ones
            yield from self._own_images()
            return
        if not instance_ids:
            return
        listed = sorted(instance_ids)
        arns = [f"*{instance_id}" for instance_id in listed]
        yield from self._own_images({"Name": f"tag:{BACKUP_SOURCE_TAG}", "Values": arns})
        yield from self._own_images({"Name": "source-instance-id", "Values": listed})

    def _own_images(self, *filters: Any) -> Iterator[dict[str, Any]]:
        return each(
            self.client,
            "describe_images",
            "Images",
            Owners=["self"],
            IncludeDisabled=True,
            Filters=list(filters),
            PaginationConfig={"PageSize": IMAGES_PAGE},
        )
