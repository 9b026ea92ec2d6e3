"""What other launch templates have proved. Imported only for a template that waits for some."""

from dataclasses import replace
from datetime import datetime

from handlers.ec2 import Ec2
from handlers.observation import Observation
from models.decision import settle_misconfigured
from models.image import Image, amis
from models.launch_template import Template
from models.ripening import canaries, proved_by
from models.selectors import Misconfigured


def with_proofs(ec2: Ec2, seen: Observation, opted_in: tuple[Template, ...]) -> Observation:
    """The same, with the proofs of the templates that it waits for; or misconfigured.

    Args:
        ec2: Where they are read: a call for each, and one for all if `opted_in` is empty.
        seen: The template that waits.
        opted_in: All that opted in, if they were read already.
    """
    named = canaries(seen.template, seen.selectors.after, opted_in or ec2.all_opted_in())
    if isinstance(named, Misconfigured):
        return replace(seen, settled=settle_misconfigured(seen.template, named))
    proofs = {one.launch_template_name: _proved(ec2, one, seen.images) for one in named}
    return replace(seen, proofs=proofs)


def _proved(ec2: Ec2, canary: Template, images: dict[str, Image]) -> dict[str, datetime]:
    """Since when it has proved which of those images."""
    versions = ec2.versions_with(canary, images)
    numbers = {version.version_number for version in versions}
    if canary.default_version_number not in numbers:  # it is on an image that none of these is
        [default, *_] = ec2.versions(canary)
        versions.append(default)
        named = ec2.images(amis([default.image_id]))
        images = images | {image.image_id: image for image in named}
    return proved_by(canary, versions, images)
