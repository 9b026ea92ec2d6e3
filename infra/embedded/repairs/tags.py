"""Tags: what DeleteTags deletes."""

from typing import TYPE_CHECKING

from moto.ec2.models.tags import TagBackend

if TYPE_CHECKING:
    from infra.embedded.repairs.answers import Repair

_moto_delete_tags = TagBackend.delete_tags


def delete_tags(self: TagBackend, resource_ids: list[str], tags: dict[str, str]) -> bool:
    """Without tags, "we delete all user-defined tags", and none of AWS's own (API model).

    moto deletes none.
    """
    if tags:
        return _moto_delete_tags(self, resource_ids, tags)
    for resource_id in resource_ids:
        owned = [key for key in self.tags[resource_id] if not key.startswith("aws:")]
        self.delete_tag_keys([resource_id], owned)
    return True


REPAIRS: "tuple[Repair, ...]" = ((TagBackend, "delete_tags", delete_tags),)
