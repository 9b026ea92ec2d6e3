"""The embedded AWS for tests: a world in, requests and the world afterwards out."""

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from unittest import mock

import botocore.session
import pytest
from moto.ec2.models import ec2_backends

from handlers.aws_errors import CONFIG
from handlers.bus import Bus
from handlers.clock import Clock
from handlers.ec2 import Ec2
from handlers.reaction import plan, react
from infra.embedded.aws import embedded_aws
from infra.embedded.session import models
from infra.embedded.stage import Stage, stage
from infra.embedded.world.seed import read_world
from models.base import Place
from models.outcome import Outcome, TemplateOutcome
from tests.support.builders import ACCOUNT, NOON, REGION, TEMPLATE
from tests.support.launching import refusals, refusals_at_the_end
from tests.support.once import work_out_once

LATER = NOON.replace(month=7)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also search what takes minutes")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; needs --long")
    work_out_once()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is imported stays: a collector that looks through it takes a fifth of all the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


LONGEST = (
    "tests/house/test_installed.py",
    "tests/survival/",
    "tests/infra/deploy/",
    "tests/cases/",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest modules first: started last, one of them alone keeps one core busy."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    if not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: --long"))


@pytest.fixture(autouse=True, scope="session")
def _service_models_are_read_once() -> Iterator[None]:
    """Each command is a session of its own; to read them takes longer than what it does here."""
    with mock.patch.object(botocore.session, "create_loader", lambda _path=None: models()):
        yield


class Account:
    """One account and Region with the reactor's own code at work in it.

    Attributes:
        calls: Every EC2 request of the reactor: operation and parameters.
        waits: The seconds that the reactor wanted to sleep.
        launches: Whatever is promoted must launch; a test says False, and why, if its world cannot.
    """

    launches = True

    def __init__(self, session: Any) -> None:
        self.ec2 = session.client("ec2")
        self.bus = session.client("events")
        self.reactors_client = session.client("ec2", config=CONFIG)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.waits: list[float] = []
        self.put: list[dict[str, Any]] = []
        self.reactors_client.meta.events.register("provide-client-params.ec2", self._record)
        self.bus.meta.events.register("provide-client-params.events.PutEvents", self._record_put)

    def react(
        self,
        event: object,
        *,
        now: datetime = LATER,
        seconds_left: Callable[[], float] = lambda: 120,
    ) -> Outcome:
        self.calls.clear()
        ec2 = Ec2(self.reactors_client, Place(account=ACCOUNT, region=REGION))
        clock = Clock(now, seconds_left, self.waits.append)
        outcome = react(event, ec2, Bus(lambda: self.bus), clock)
        assert not self.launches or not refusals(self.ec2, outcome)
        return outcome

    def plan(self, event: object, *, now: datetime = LATER) -> Outcome:
        self.calls.clear()
        ec2 = Ec2(self.reactors_client, Place(account=ACCOUNT, region=REGION))
        return plan(event, ec2, Clock(now, lambda: 120, self.waits.append))

    def outcome(self, event: object, **how: Any) -> TemplateOutcome:
        """React, and expect exactly one template to be concerned."""
        [outcome] = self.react(event, **how).templates
        return outcome

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def requests(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name == operation]

    def writes(self) -> list[str]:
        return [
            operation for operation in self.operations() if not operation.startswith("Describe")
        ]

    def template(self, template_id: str = TEMPLATE) -> dict[str, Any]:
        found = self.ec2.describe_launch_templates(LaunchTemplateIds=[template_id])
        return found["LaunchTemplates"][0]

    def tags(self, template_id: str = TEMPLATE) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.template(template_id).get("Tags", [])}

    def versions(self, template_id: str = TEMPLATE) -> dict[int, dict[str, Any]]:
        found = self.ec2.describe_launch_template_versions(LaunchTemplateId=template_id)
        versions = found["LaunchTemplateVersions"]
        return {v["VersionNumber"]: v["LaunchTemplateData"] for v in versions}

    def image_in_force(self, template_id: str = TEMPLATE) -> str:
        number = self.template(template_id)["DefaultVersionNumber"]
        return self.versions(template_id)[number]["ImageId"]

    def make_default(self, number: int, template_id: str = TEMPLATE) -> None:
        """As an operator does by hand."""
        self.ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion=str(number))

    def another_run_creates(self, image_id: str) -> Callable[..., None]:
        """What a run does that finds this image, pending until now: a version of it."""

        def creates(**_: Any) -> None:
            self.set_state(image_id, "available")
            self.ec2.create_launch_template_version(
                LaunchTemplateId=TEMPLATE,
                SourceVersion="1",
                LaunchTemplateData={"ImageId": image_id},
            )

        return creates

    def another_run_promotes(self, image_id: str) -> Callable[..., None]:
        """The same, with its version as the default."""

        def promotes(**_: Any) -> None:
            self.another_run_creates(image_id)()
            self.make_default(max(self.versions()))

        return promotes

    def set_state(self, image_id: str, state: str) -> None:
        """What no API does: an image goes on, or is lost."""
        ec2_backends[ACCOUNT][REGION].amis[image_id].state = state

    def tag(self, resource: str, **tags: str) -> None:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.ec2.create_tags(Resources=[resource], Tags=listed)

    def before(self, operation: str, action: Callable[..., Any]) -> None:
        """Do something just before the reactor's next call of that operation."""
        events = self.reactors_client.meta.events
        name = f"before-call.ec2.{operation}"

        def once(**kwargs: Any) -> None:
            events.unregister(name, once)
            action(**kwargs)  # what it returns would pass for AWS's answer

        events.register_first(name, once)

    def after(self, operation: str, action: Callable[..., Any]) -> None:
        """Do something just after the reactor's next call of that operation took effect."""
        events = self.reactors_client.meta.events
        name = f"after-call.ec2.{operation}"

        def once(**kwargs: Any) -> None:
            events.unregister(name, once)
            action(**kwargs)  # what it returns would pass for AWS's answer

        events.register_first(name, once)

    def refuse(
        self, operation: str, code: str, message: str = "refused", status: int = 400
    ) -> None:
        """AWS answers the reactor's next call of that operation with an error."""

        def refused(parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
            http_response.status_code = status
            parsed.clear()
            parsed["Error"] = {"Code": code, "Message": message}
            parsed["ResponseMetadata"] = {"HTTPStatusCode": status}

        self.after(operation, refused)

    def _record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls.append((model.name, json.loads(json.dumps(params))))

    def _record_put(self, params: dict[str, Any], **_: Any) -> None:
        self.put += [
            {"detail-type": entry["DetailType"], **json.loads(entry["Detail"])}
            for entry in params["Entries"]
        ]


@pytest.fixture
def account_with() -> Iterator[Callable[[dict[str, Any]], Account]]:
    """Make the account of a world."""
    with ExitStack() as block:

        def enter(world: dict[str, Any]) -> Account:
            read = read_world(json.dumps(world), "world")
            return Account(block.enter_context(embedded_aws(read)))

        yield enter


@pytest.fixture
def stage_with() -> Iterator[Callable[[dict[str, Any]], Stage]]:
    """Raise the whole stage of a world: the stack deployed, events delivered.

    Whatever the reactor promoted on it must launch at the end of the test.
    """
    with ExitStack() as block:
        raised: list[Stage] = []

        def enter(world: dict[str, Any]) -> Stage:
            raised.append(block.enter_context(stage(read_world(json.dumps(world), "world"))))
            return raised[-1]

        yield enter
        assert [refusals_at_the_end(staged) for staged in raised] == [{} for _ in raised]
