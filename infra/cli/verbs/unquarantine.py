"""The parameters and the help of `ami-reactor unquarantine`."""

from infra.cli.importing import importing
from infra.cli.options import ImageId, OneJson, Profile, Region, Yes


def unquarantine(
    image: ImageId,
    yes: Yes = False,
    profile: Profile = None,
    region: Region = None,
    as_json: OneJson = False,
) -> None:
    """Lift the quarantine of an image, so that templates may be moved to it again.

    Templates that were moved away from it stay where they are. So that they may be moved to it
    again, their high-water mark is cleared too, after a question; --yes answers both.

    Example: ami-reactor unquarantine ami-0a1b2c3d4e5f60718 --yes
    """
    with importing():
        from infra.cli.quarantine import run_unquarantine

    run_unquarantine(image=image, yes=yes, profile=profile, region=region, as_json=as_json)
