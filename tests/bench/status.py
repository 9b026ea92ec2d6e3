"""What `status` and `report` take for 500 templates in three accounts and two Regions.

    python -m tests.bench.status [TEMPLATES]

The embedded AWS answers in the process. The bare calls are the requests of `status` once more, from
the same number of threads; Auto Scaling groups have an instance each. Memory is what Python holds
at most while the command runs, beyond what the embedded AWS holds.
"""

import gc
import json
import os
import sys
import time
import tracemalloc
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.client import BaseClient

from infra.embedded.aws import embedded_aws
from infra.embedded.session import new_session
from infra.embedded.world.seed import read_world, seed
from tests.support.builders import a_world
from tests.support.fleets import Ran, many_templates, run

ACCOUNTS = ("222233334444", "333344445555", "444455556666")
REGIONS = ("ap-northeast-2", "us-east-1")
_ROLES = [f"--role-arn=arn:aws:iam::{account}:role/fleet" for account in ACCOUNTS]

Call = tuple[str, str, dict[str, Any]]


def measured(total: int) -> str:
    """One line of figures."""
    each = -(-total // (len(ACCOUNTS) * len(REGIONS)))
    with embedded_aws(read_world(json.dumps(a_world()), "world")):
        del os.environ["MOTO_ACCOUNT_ID"]  # else a role would change no account
        for account in ACCOUNTS:
            for region in REGIONS:
                place = json.dumps(many_templates(each, launched=True) | {"Region": region})
                seed(read_world(place.replace("111122223333", account), "world"))
        read("status")  # imports, and botocore's models
        gc.collect()
        gc.freeze()  # no command of a real account looks through the objects of the embedded AWS
        calls, seconds = recorded("status")
        bare = replayed(calls)
        shown, peak = traced("status", "--moving", "web-000*")
        asked, took = recorded("report")
        page, highest = traced("report", "--html", "-")
    widest = max(map(len, shown.stdout.splitlines()))
    return (
        f"{each * len(ACCOUNTS) * len(REGIONS)} templates: {counted(calls)}; {seconds:.1f} s, bare"
        f" calls {bare:.1f} s: {seconds / bare:.2f} times; {peak:.0f} MiB;"
        f" {len(shown.stdout.splitlines())} lines of {widest} columns at most\n  report:"
        f" {counted(asked)}; {took:.1f} s; {highest:.0f} MiB for a page of"
        f" {len(page.stdout) / 2**20:.1f} MiB"
    )


def counted(calls: dict[tuple[str, str], list[Call]]) -> str:
    operations = [operation for made in calls.values() for _, operation, _ in made]
    refreshes = operations.count("DescribeInstanceRefreshes")
    return f"{len(operations)} calls, of which {refreshes} for a group"


def traced(verb: str, *more: str) -> tuple[Ran, float]:
    """What it prints, and the MiB that Python held at most meanwhile."""
    gc.collect()
    tracemalloc.start()
    shown = read(verb, *more)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return shown, peak


def read(verb: str, *more: str) -> Ran:
    os.environ["COLUMNS"] = "120"
    return run(verb, *_ROLES, "--region", ",".join(REGIONS), *more)


def recorded(verb: str) -> tuple[dict[tuple[str, str], list[Call]], float]:
    """The calls of one such command, by credentials and Region; and the seconds that it took."""
    made: dict[tuple[str, str], list[Call]] = defaultdict(list)
    call = BaseClient._make_api_call

    def record(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        key = client._request_signer._credentials.access_key, client.meta.region_name
        made[key].append((client.meta.service_model.service_name, operation, parameters))
        return call(client, operation, parameters)

    BaseClient._make_api_call = record
    began = time.perf_counter()
    shown = read(verb)
    seconds = time.perf_counter() - began
    assert shown.status == 0, shown.stderr
    BaseClient._make_api_call = call
    return made, seconds


def replayed(calls: dict[tuple[str, str], list[Call]]) -> float:
    """How long the same calls take alone, with clients that are there already."""
    clients = {
        (key, region, service): new_session(region)._session.create_client(
            service, region, aws_access_key_id=key, aws_secret_access_key="x", aws_session_token="x"
        )
        for (key, region), made in calls.items()
        for service in {one[0] for one in made}
    }

    def again(item: tuple[tuple[str, str], list[Call]]) -> None:
        (key, region), made = item
        for service, operation, parameters in made:
            try:
                clients[key, region, service]._make_api_call(operation, parameters)
            except Exception:  # noqa: BLE001 a stack that is not there
                continue

    began = time.perf_counter()
    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(again, calls.items()))
    return time.perf_counter() - began


if __name__ == "__main__":
    for wanted in map(int, sys.argv[1:] or ["250", "500"]):
        sys.stdout.write(measured(wanted) + "\n")
