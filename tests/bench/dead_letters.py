"""How fast `dlq list` reads, beside a bare receive loop: `python -m tests.bench.dead_letters`.

The embedded AWS serves a queue of messages, each about an image of its own; the loop and the
command are processes of their own. Memory is the command's, at its peak.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.builders import REGION, a_world, ami_state
from tests.support.messages import throttled

SIZES = (100, 1_000)  # messages
LIST = [sys.executable, "-m", "infra.cli", "dlq", "list", "--json"]
BARE_LOOP = """
import boto3
sqs = boto3.client("sqs")
url = sqs.list_queues()["QueueUrls"][0]
empty = 0
while empty < 3:
    answer = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=300,
        MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"],
    )
    messages = answer.get("Messages", [])
    empty = 0 if messages else empty + 1
    print(*[message["Body"] for message in messages], sep="\\n")
"""


@contextmanager
def served(size: int) -> Iterator[dict[str, str]]:
    """The environment of a client of an AWS with so many messages in the queue."""
    messages = [throttled(ami_state(f"ami-{number:017x}")) for number in range(size)]
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world.json"
        world.write_text(json.dumps(a_world(DeadLetters=messages)))
        command = [sys.executable, "-m", "infra.cli", "local", "--port", "0", "--world", str(world)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            url = server.stderr.readline().partition(" on ")[2].split()[0]
            yield os.environ | {
                "AWS_ENDPOINT_URL": url,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
            }
            server.terminate()


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """The command's seconds and its peak memory in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return time.perf_counter() - started, usage.ru_maxrss // 1024


def main() -> None:
    for size in SIZES:
        with served(size) as environment:
            listing, mib = timed(LIST, environment)
        with served(size) as environment:
            bare, _ = timed([sys.executable, "-c", BARE_LOOP], environment)
        sys.stdout.write(
            f"{size:5} messages: dlq list {size / listing:5.1f}/s in {mib} MiB,"
            f" bare loop {size / bare:5.1f}/s: {bare / listing:.0%} of its rate\n"
        )


if __name__ == "__main__":
    main()
