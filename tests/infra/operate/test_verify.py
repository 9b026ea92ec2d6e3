"""`ami-reactor verify` on the embedded AWS: each fact, also made false, and nothing left."""

import json
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.embedded.aws import embedded_aws
from infra.embedded.world.seed import read_world
from infra.operate.account import Account, open_account
from infra.operate.iam import Asked, decide
from infra.operate.paging import Gaps
from infra.operate.verify import templates
from infra.operate.verify.fact import Stage, Verdict
from infra.operate.verify.facts import FACTS
from infra.operate.verify.permissions import policy
from infra.operate.verify.running import Check
from infra.operate.verify.running import run as ask_about
from infra.operate.verify.table import table
from infra.operate.verify.things import TEMPLATE, find, remove
from tests.support.builders import (
    ACCOUNT,
    INSTANCE,
    NEW,
    NEWER,
    OLD,
    REGION,
    a_template,
    a_version,
    a_world,
    an_image,
    template_arn,
)
from tests.support.fleets import calls, run
from tests.support.paths import ROOT
from tests.support.verifying import (
    Change,
    When,
    a_bench,
    always,
    answered,
    change_answers,
    findings,
    has,
    interrupted,
    refused,
)

BACKUP = {"aws:backup:source-resource": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}"}
STRANGERS = {  # neither the name alone nor the tag alone makes it ours
    "lt-0aaaaaaaaaaaaaaa1": ("ami-reactor-verify-0123456789ab-reads", {}),
    "lt-0aaaaaaaaaaaaaaa2": ("web-2", {"ami-reactor-verify": "ami-reactor-verify-0123456789ab"}),
    "lt-0aaaaaaaaaaaaaaa3": ("ami-reactor-verify-mine", {"ami-reactor-verify": "mine"}),
    "lt-0aaaaaaaaaaaaaaa4": (
        "ami-reactor-verify-0123456789ab",
        {"ami-reactor-verify": "ami-reactor-verify-0123456789ab"},
    ),
}
FACTS_OF_TEMPLATES = [fact for check in templates.CHECKS for fact in check.facts]


def the_world() -> dict[str, Any]:
    """One template of the reactor's, images of each kind, and other people's lookalikes."""
    return a_world(
        an_image(OLD),
        an_image(NEW, 1, SourceImageId=OLD, SourceImageRegion=REGION, Architecture="x86_64"),
        an_image(NEWER, 2, tags=BACKUP),
        templates=[
            a_template(),
            *(a_template(id_, name, tags=tags) for id_, (name, tags) in STRANGERS.items()),
        ],
        versions=[a_version(), *(a_version(template_id=id_) for id_ in STRANGERS)],
    )


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    """One embedded AWS for all: what a test makes in it, it has to remove."""
    with embedded_aws(read_world(json.dumps(the_world()), "world")) as session:
        yield session


@pytest.fixture
def account(aws) -> Iterator[Account]:  # noqa: ARG001 it is the AWS that answers
    opened = open_account(None, None)
    yield opened
    assert the_templates(opened) == {"web", *(name for name, _ in STRANGERS.values())}


def the_templates(account: Account) -> set[str]:
    found = account.client("ec2").describe_launch_templates()["LaunchTemplates"]
    return {one["LaunchTemplateName"] for one in found}


# -- the facts -------------------------------------------------------------------------------------


def test_every_fact_is_as_believed(account):
    found = findings(account, *templates.CHECKS)

    assert {id_: one.verdict for id_, one in found.items()} == dict.fromkeys(
        (fact.id for fact in FACTS_OF_TEMPLATES), Verdict.AS_BELIEVED
    )


def test_every_fact_that_is_told_has_a_check():
    assert {fact.id for fact in FACTS_OF_TEMPLATES} == {
        fact.id for fact in FACTS.values() if fact.stage is Stage.TEMPLATES
    }


@pytest.mark.parametrize("fact", FACTS.values(), ids=lambda fact: fact.id)
def test_what_rests_on_a_fact_is_there(fact):
    for place in fact.rests:
        path, _, name = place.partition(" ")
        assert name in (ROOT / path).read_text(), place


@pytest.mark.parametrize("fact", FACTS.values(), ids=lambda fact: fact.id)
def test_a_fact_is_told_in_sentences(fact):
    assert fact.claim.endswith(".")
    assert fact.otherwise.endswith(".")
    assert fact.source


def test_the_table_of_the_manual_is_made_from_the_facts():
    manual = (ROOT / "infra" / "operate" / "verify" / "README.md").read_text()

    printed = run("verify", "--facts")

    assert printed.stdout == table(FACTS.values())
    assert printed.stdout in manual, "ami-reactor verify --facts prints the table"


# -- each of them, made false ----------------------------------------------------------------------


def with_a_new_token(call: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    """As if EC2 had forgotten the token."""
    return call(parameters | {"ClientToken": secrets.token_hex(8)})


def with_data(**data: Any) -> Change:
    return answered(
        lambda answer: answer["LaunchTemplateVersion"]["LaunchTemplateData"].update(data)
    )


def with_number(**numbers: int) -> Change:
    return answered(lambda answer: answer["LaunchTemplateVersion"].update(numbers))


def each_image(change: Callable[[dict[str, Any]], object]) -> Change:
    return answered(lambda answer: [change(image) for image in answer["Images"]])


def filtered_by(name: str, *values: str) -> When:
    return lambda parameters: (
        {"Name": name, "Values": list(values)} in parameters.get("Filters", [])
    )


def second_time() -> When:
    """Whether the same was asked before."""
    before: list[dict[str, Any]] = []

    def is_second(parameters: dict[str, Any]) -> bool:
        before.append(parameters)
        return before.count(parameters) > 1

    return is_second


def no_default() -> Change:
    return answered(lambda answer: answer.update(LaunchTemplateVersions=[]))


def is_described(text: str) -> When:
    return lambda parameters: parameters.get("VersionDescription", "").endswith(text)


def is_of(image_id: str) -> When:
    def is_one(parameters: dict[str, Any]) -> bool:
        named = parameters.get("LaunchTemplateData", {}).get("ImageId", "")
        return "SourceVersion" not in parameters and named.startswith(image_id)

    return is_one


CREATE, MODIFY = "CreateLaunchTemplateVersion", "ModifyLaunchTemplate"
TEMPLATES, VERSIONS = "DescribeLaunchTemplates", "DescribeLaunchTemplateVersions"
WARNING = {"Warning": {"Errors": [{"Code": "InvalidGroup.NotFound", "Message": "no"}]}}
SNAPSHOT = [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-00000000000000000"}}]

FALSE: dict[str, tuple[str, When, Change]] = {
    "ids-beside-page-size": (
        TEMPLATES,
        has(MaxResults=200),
        refused("InvalidParameterCombination"),
    ),
    "defaults-by-image": (VERSIONS, has(Versions=["$Default"]), no_default()),
    "all-tags-at-once": ("DeleteTags", always, refused("MissingParameter")),
    "filter-escapes": (
        TEMPLATES,
        filtered_by("tag:ami-reactor-verify-glob", r"a\*b"),
        answered(lambda answer: answer.update(LaunchTemplates=[])),
    ),
    "high-water-mark-is-a-tag": (
        TEMPLATES,
        filtered_by("tag-key", "ami-reactor-state:newest-image"),
        answered(lambda answer: answer.update(LaunchTemplates=[])),
    ),
    "copy-differs-in-image": (CREATE, has(SourceVersion="1"), with_data(InstanceType="t3.nano")),
    "lists-keep-order": (
        CREATE,
        has(SourceVersion="1"),
        answered(
            lambda answer: (
                answer["LaunchTemplateVersion"]["LaunchTemplateData"]
                .get("SecurityGroupIds", [])
                .reverse()
            )
        ),
    ),
    "snapshots-dropped": (CREATE, has(SourceVersion="1"), with_data(BlockDeviceMappings=SNAPSHOT)),
    "read-as-answered": (
        VERSIONS,
        has(Versions=["2"]),
        answered(
            lambda answer: answer["LaunchTemplateVersions"][0]["LaunchTemplateData"].pop("UserData")
        ),
    ),
    "same-token-same-version": (CREATE, second_time(), with_a_new_token),
    "same-token-other-wish": (CREATE, is_described("another wish"), with_a_new_token),
    "missing-image-warned": (
        CREATE,
        is_of("ami-00000000000000000"),
        answered(lambda answer: answer.pop("Warning")),
    ),
    "image-not-warned": (CREATE, is_of("ami-0"), answered(lambda answer: answer.update(WARNING))),
    "parameter-kept": (CREATE, is_of("resolve:"), with_data(ImageId=NEW)),
    "min-version": (
        VERSIONS,
        has(MinVersion="2"),
        answered(lambda answer: answer["LaunchTemplateVersions"].pop()),
    ),
    "latest-in-answer": (
        MODIFY,
        has(DefaultVersion="2"),
        answered(lambda answer: answer["LaunchTemplate"].update(LatestVersionNumber=2)),
    ),
    "missing-version-refused": (MODIFY, has(DefaultVersion="99"), refused("InvalidParameterValue")),
    "default-not-deleted": (
        "DeleteLaunchTemplateVersions",
        has(Versions=["2"]),
        refused("OperationNotPermitted"),
    ),
    "numbers-not-reused": (CREATE, always, with_number(VersionNumber=3)),
    "token-outlives-version": (CREATE, second_time(), with_a_new_token),
    "image-id-as-filter": (
        "DescribeImages",
        filtered_by("image-id", "ami-00000000000000000"),
        refused("InvalidAMIID.NotFound"),
    ),
    "backup-proved-twice": (
        "DescribeImages",
        always,
        each_image(lambda image: image.pop("SourceInstanceId", None)),
    ),
    "boot-mode-inherited": (
        "DescribeImages",
        always,
        each_image(lambda image: image.update(BootMode="uefi" if "SourceImageId" in image else "")),
    ),
}


@pytest.mark.parametrize("fact", FACTS_OF_TEMPLATES, ids=lambda fact: fact.id)
def test_a_fact_that_is_false_differs(account, monkeypatch, fact):
    check = next(check for check in templates.CHECKS if fact in check.facts)
    with monkeypatch.context() as changed:
        change_answers(changed, *FALSE[fact.id])
        finding = findings(account, check)[fact.id]

    assert finding.verdict is Verdict.DIFFERS
    assert finding.believed != finding.seen


# -- interrupted, anywhere -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"late": False, "dead": True}, id="killed, not sent"),
        pytest.param({"late": True, "dead": True}, id="killed, not answered"),
        pytest.param({"late": True, "dead": False}, id="interrupted"),
    ],
)
@pytest.mark.parametrize("check", templates.CHECKS, ids=lambda check: check.facts[0].id)
def test_stopped_at_any_call_clean_finds_all_that_is_left(account, monkeypatch, check, how):
    before, at = the_templates(account), 1
    while interrupted(monkeypatch, account, check, at, **how):
        assert remove(account, find(account, (TEMPLATE,), Gaps())) == {}
        assert the_templates(account) == before
        at += 1
    assert at > 1 or not writes_in(check)


def writes_in(check: Check) -> bool:
    return check is not templates.CHECKS[-1]  # that one only reads


def test_what_is_interrupted_while_it_runs_is_removed_at_once(account, monkeypatch):
    before = the_templates(account)

    for at in range(1, 5):  # its four writes
        interrupted(monkeypatch, account, templates.CHECKS[1], at, late=True, dead=False)
        assert the_templates(account) == before


def test_a_run_removes_nothing_of_another_run_that_goes_on(account):
    other = a_bench(account, templates.CHECKS[1])
    with other.cleared():
        list(ask_about(templates.CHECKS[1:2], other))
        before = the_templates(account)
        findings(account, templates.CHECKS[1])

        assert the_templates(account) == before
        assert any(name.startswith(other.run) for name in before)


# -- what is not ours ------------------------------------------------------------------------------


def everything(account: Account) -> list[Any]:
    """All templates, versions and images, as EC2 describes them."""
    ec2 = account.client("ec2")
    found = ec2.describe_launch_templates()["LaunchTemplates"]
    versions = [
        ec2.describe_launch_template_versions(LaunchTemplateId=one["LaunchTemplateId"])
        for one in found
    ]
    return [
        found,
        [one["LaunchTemplateVersions"] for one in versions],
        ec2.describe_images(Owners=["self"])["Images"],
    ]


def test_what_other_people_made_is_never_touched(account, monkeypatch):
    before = everything(account)
    with monkeypatch.context() as patched:
        made = calls(patched)
        run("verify", "--yes", "--wait", "0")
        run("verify", "--clean", "--yes")

    assert everything(account) == before
    touched = {
        id_
        for operation, parameters in made
        if not operation.startswith(("Describe", "Get"))
        for id_ in [parameters.get("LaunchTemplateId"), *parameters.get("Resources", [])]
    }
    assert not touched & set(STRANGERS)
    assert "ami-reactor" not in {key for _, parameters in made for key in keys_in(parameters)}


def keys_in(value: Any) -> Iterator[str]:
    """Each tag key of a request."""
    if isinstance(value, dict):
        yield from (value["Key"] for _ in [0] if "Key" in value)
        for item in value.values():
            yield from keys_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys_in(item)


def test_the_policy_allows_each_call_and_no_write_to_anything_else(account, monkeypatch):
    with monkeypatch.context() as patched:
        made = calls(patched)
        findings(account, *templates.CHECKS)
    allowed = policy([Stage.TEMPLATES])

    for operation, parameters in made:
        action, resource, context = request(operation, parameters)
        assert decide([allowed], Asked(action, resource, context)) == "allowed", operation
        if "launch-template" in resource:
            assert decide([allowed], Asked(action, resource, {})) == "implicitDeny", operation


def request(operation: str, parameters: dict[str, Any]) -> tuple[str, str, dict[str, list[str]]]:
    """As IAM sees it: the action, the resource, and the tags of a template that verify made."""
    if operation.startswith("Describe"):
        return f"ec2:{operation}", "*", {}
    made = {"aws:ResourceTag/ami-reactor-verify": ["ami-reactor-verify-0123456789ab"]}
    if operation == "CreateLaunchTemplate":
        [tag] = parameters["TagSpecifications"][0]["Tags"]
        made = {f"aws:RequestTag/{tag['Key']}": [tag["Value"]]}
    return f"ec2:{operation}", template_arn("lt-0123456789abcdef0"), made


# -- the command -----------------------------------------------------------------------------------


def test_the_command_shows_where_what_and_for_how_much_before_it_asks(account, monkeypatch):
    made = calls(monkeypatch)

    ran = run("verify")

    assert ran.status == 2
    assert f"account {ACCOUNT} · Region {REGION}" in ran.stderr
    for shown in ("0.00 USD", "ec2:CreateLaunchTemplate", "4 launch templates", ":user/moto"):
        assert shown in " ".join(ran.stderr.split())
    assert "pass --yes to confirm" in ran.stderr
    assert [operation for operation, _ in made] == ["GetCallerIdentity"]
    assert account


def test_the_command_prints_a_line_a_fact(account):
    ran = run("verify", "--yes", "--wait", "0")

    assert ran.status == 0
    assert ran.words.count("as believed ") == len(FACTS_OF_TEMPLATES)
    assert f"{len(FACTS_OF_TEMPLATES)} as believed, 0 differs, 0 unknown" in ran.words
    assert account


def test_a_difference_is_shown_with_both_values_and_is_a_failure(account, monkeypatch):
    with monkeypatch.context() as changed:
        change_answers(changed, *FALSE["latest-in-answer"])
        ran = run("verify", "--yes", "--wait", "0")
        told = run("verify", "--yes", "--wait", "0", "--json")

    assert (ran.status, told.status) == (1, 1)
    shown = (ROOT / "infra/operate/verify/README.md").read_text().split("looks like this:")[1]
    assert " ".join(shown.split("```")[1].split()) in ran.words
    [line] = [line for line in told.lines if line["verdict"] == "differs"]
    assert (line["fact"], line["believed"], line["seen"]) == ("latest-in-answer", [2, 3], [2, 2])
    assert account


def test_what_may_not_be_asked_is_unknown_and_no_failure(account, monkeypatch):
    with monkeypatch.context() as changed:
        change_answers(changed, CREATE, always, refused("UnauthorizedOperation"))
        ran = run("verify", "--yes", "--wait", "0", "--json")

    untold = [line for line in ran.lines if line["verdict"] == "unknown"]
    assert ran.status == 0
    assert untold[0]["missing"].startswith("creat")
    assert len(untold) == 6 + 3 + 6
    assert account


def test_what_cannot_be_removed_is_named_and_clean_removes_it(account, monkeypatch):
    with monkeypatch.context() as changed:
        change_answers(changed, "DeleteLaunchTemplate", always, refused("UnauthorizedOperation"))
        ran = run("verify", "--yes", "--wait", "0")
    planned = run("verify", "--clean")
    cleaned = run("verify", "--clean", "--yes")

    assert ran.status == 1
    assert ran.stderr.count("left: launch template ami-reactor-verify-") == 4
    assert "ami-reactor verify --clean" in ran.stderr
    assert (planned.status, planned.stdout) == (2, "")
    assert cleaned.status == 0
    assert cleaned.stdout.count("removed: launch template ami-reactor-verify-") == 4
    assert account


def interrupts(how: str) -> Change:
    def interrupt(_call: Callable[..., Any], _parameters: dict[str, Any]) -> Any:
        if how == "SIGTERM":
            os.kill(os.getpid(), signal.SIGTERM)
        raise KeyboardInterrupt

    return interrupt


@pytest.mark.parametrize("how", ["^C", "SIGTERM"])
def test_an_interrupted_command_removes_what_it_made_and_says_so(account, monkeypatch, how):
    with monkeypatch.context() as changed:
        change_answers(changed, CREATE, is_of("resolve:"), interrupts(how))
        ran = run("verify", "--yes", "--wait", "0")

    assert ran.status != 0
    assert "interrupted: what was made is removed" in ran.stderr
    assert account


def test_a_removal_that_is_interrupted_is_not_called_done(account, monkeypatch):
    with monkeypatch.context() as changed:
        change_answers(changed, CREATE, is_of("resolve:"), interrupts("^C"))
        change_answers(changed, "DeleteLaunchTemplate", always, interrupts("^C"))
        ran = run("verify", "--yes", "--wait", "0")
    cleaned = run("verify", "--clean", "--yes")

    assert "is removed" not in ran.stderr
    assert "its removal was interrupted" in ran.stderr
    assert "ami-reactor verify --clean" in ran.stderr
    assert cleaned.stdout.count("removed: launch template") == 3
    assert account


def test_the_policy_is_printed_without_asking_anybody():
    ran = run("verify", "--policy")

    assert json.loads(ran.stdout) == policy([Stage.TEMPLATES])
