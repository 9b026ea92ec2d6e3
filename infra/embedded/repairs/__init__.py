"""Repairs of moto: where it differs from AWS in what matters here. One repair, one AWS fact.

A repair replaces one attribute of one of moto's classes, in this process and behind the server. It
cites what AWS does: a page of its documentation, or "API model", the text in botocore's service
models. `tests/infra/embedded/test_repairs.py` shows each difference on bare moto too, and says
which repair to delete once moto has closed the gap.
"""

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest import mock

from infra.embedded.repairs import (
    auto_scaling,
    backup,
    events,
    iam,
    images,
    instance_refreshes,
    launch_templates,
    launch_templates_described,
    launches,
    stacks,
    tags,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REPAIRS = (
    *launch_templates.REPAIRS,
    *launch_templates_described.REPAIRS,
    *images.REPAIRS,
    *launches.REPAIRS,
    *tags.REPAIRS,
    *auto_scaling.REPAIRS,
    *instance_refreshes.REPAIRS,
    *backup.REPAIRS,
    *events.REPAIRS,
    *iam.REPAIRS,
    *stacks.REPAIRS,
)


@contextmanager
def repaired(*, aws_sources: bool = False) -> "Iterator[None]":
    """Apply every repair, and remove all of them at the end.

    Args:
        aws_sources: Let PutEvents accept events from `aws.*`, which AWS refuses. A client of the
            server has no other way to put an event of AWS Backup.
    """
    with ExitStack() as applied:
        for owner, name, replacement in REPAIRS:
            # create: some are operations or overrides that moto's class does not have itself
            applied.enter_context(mock.patch.object(owner, name, replacement, create=True))
        if aws_sources:
            applied.enter_context(mock.patch.object(*events.AWS_SOURCES_ACCEPTED))
        yield
