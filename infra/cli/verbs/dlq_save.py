"""The parameters and the help of `ami-reactor dlq save`."""

from infra.cli.dlq.options import POLL, All, Ids, OldWait, Poll, QueueUrl
from infra.cli.importing import importing
from infra.cli.options import STACK, AsJson, KeepAccount, Profile, Region, Stack, To


def dlq_save(
    to: To,
    ids: Ids = None,
    everything: All = False,
    keep_account: KeepAccount = False,
    queue_url: QueueUrl = None,
    poll: Poll = POLL,
    _wait: OldWait = None,
    profile: Profile = None,
    region: Region = None,
    stack: Stack = STACK,
    as_json: AsJson = False,
) -> None:
    """Write messages as captured events, one file each, named by time, type, image and error.

    `ami-reactor replay DIR --world FILE` takes them. A message without an event in it is written
    as it is. The queue stays as it is.

    Example: ami-reactor dlq save --all --to captured

    Exit status: 1 if a message is not found.
    """
    with importing():
        from infra.cli.dlq.save import run_save

    run_save(
        to=to,
        ids=ids,
        everything=everything,
        keep_account=keep_account,
        queue_url=queue_url,
        poll=poll,
        profile=profile,
        region=region,
        stack=stack,
        as_json=as_json,
    )
