"""`ami-reactor report`: what each row says, and that nothing is read but what `status` reads."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from infra.cli.report import write_csv
from infra.embedded.world.seed import read_world, seed
from infra.operate.fleet import Fleet, TemplateStatus
from infra.operate.instances import Instance
from infra.operate.report import ReportLine, not_read, reported, summary
from models.auto_scaling import Group
from models.base import Place
from models.image import Image
from models.launch_template import Template, Version
from models.outcome import TemplateOutcome
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    NOON,
    OLD,
    REGION,
    a_template,
    a_version,
    a_world,
    an_image,
    at,
)
from tests.support.fleets import a_group, calls, run
from tests.support.schemas import faults

PLACE = Place(account=ACCOUNT, region=REGION)
NOW = NOON + timedelta(days=100)
IMAGES = {
    described["ImageId"]: Image.model_validate(described)
    for described in (an_image(OLD), an_image(NEW, 24), an_image(NEWER, 24 * 99.9))
}
GONE = "ami-0dead000000000001"
STAMPED = "jane 2026-06-16T09:30Z until 2026-07-01T00:00Z: load test"


def a_status(
    *instances: Instance, groups: tuple[Group, ...] = (), hold: str | None = None
) -> TemplateStatus:
    """A template on OLD that could be moved to NEW or NEWER."""
    tags = FOLLOWS_INSTANCE | ({} if hold is None else {"ami-reactor-state:hold": hold})
    template = Template.model_validate(a_template(tags=tags) | {"LatestVersionNumber": 1})
    version = Version.model_validate(a_version(OLD))
    return TemplateStatus(
        template.model_copy(update={"versions": (version,)}),
        next=TemplateOutcome.model_construct(outcome="promoted"),
        groups=groups,
        instances=instances,
        images=IMAGES,
        candidates=(IMAGES[NEWER], IMAGES[NEW], IMAGES[OLD]),
        is_observed=True,
    )


def rows(*statuses: TemplateStatus) -> list[ReportLine]:
    return [row for one in reported(Fleet(PLACE, statuses, ()), NOW) for row in one.rows]


def group(name: str = "web", **fields: object) -> Group:
    return Group.of(a_group(name)).model_copy(update=fields)


# -- what a row says -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image_id", "age", "behind"),
    [(OLD, 100, 2), (NEW, 99, 1), (NEWER, 0, 0), (GONE, None, None)],
)
def test_a_row_has_the_age_in_whole_days_and_how_many_newer_images_there_are(image_id, age, behind):
    [row] = rows(a_status(Instance("i-0aaaaaaaaaaaaaaa1", image_id, "1", "web"), groups=(group(),)))

    assert (row.kind, row.group, row.instance_id, row.version) == (
        *("instance", "web", "i-0aaaaaaaaaaaaaaa1"),
        1,
    )
    assert (row.image_id, row.image_age_days, row.images_behind) == (image_id, age, behind)


def test_how_far_behind_is_not_known_if_the_images_could_not_be_read():
    status = replace(a_status(Instance("i-1", OLD)), candidates=(), is_observed=False)

    assert [(row.image_age_days, row.images_behind) for row in rows(status)] == [(100, None)]


def test_what_has_no_instance_is_a_row_of_what_it_would_launch():
    instance = Instance("i-0aaaaaaaaaaaaaaa1", NEW, "", "web")
    both = rows(a_status(instance, groups=(group(), group("empty"))))

    assert [(row.kind, row.group, row.image_id, row.version) for row in both] == [
        ("instance", "web", NEW, None),
        ("group", "empty", OLD, None),
    ]
    assert [(row.kind, row.group, row.image_id) for row in rows(a_status())] == [
        ("template", None, OLD)
    ]


@pytest.mark.parametrize(
    ("hold", "held"),
    [
        (None, (False, None, None, None, None)),
        (
            STAMPED,
            (True, "jane", "2026-06-16T09:30:00.000Z", "2026-07-01T00:00:00.000Z", "load test"),
        ),
        ("until Friday", (True, None, None, None, "until Friday")),
    ],
    ids=["not held", "by a command", "by hand"],
)
def test_a_row_says_since_when_it_is_held_by_whom_and_why(hold, held):
    [row] = rows(a_status(hold=hold))

    said = (row.held, row.held_by, row.held_since, row.held_until, row.hold_reason)
    assert said == held


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ("not-asked", None, None)),
        ({"was_asked": True}, ("none", None, None)),
        (
            {
                "was_asked": True,
                "last_refresh": {
                    "InstanceRefreshId": "r-1",
                    "Status": "Failed",
                    "StartTime": at(1),
                    "EndTime": at(2),
                },
            },
            ("Failed", at(1), at(2)),
        ),
    ],
    ids=["not asked", "none", "ended"],
)
def test_a_row_says_how_the_last_refresh_of_its_group_ended(fields, said):
    asked = Group.model_validate(a_group() | fields)
    [row] = rows(a_status(Instance("i-1", OLD, "1", "web"), groups=(asked,)))

    assert (row.last_refresh, row.last_refresh_started, row.last_refresh_ended) == said


def test_the_numbers_of_a_report():
    instances = [Instance(f"i-{n}", image, "1", "web") for n, image in enumerate((OLD, NEW, GONE))]
    status = a_status(*instances, groups=(group(),), hold="x")

    total = summary([*rows(status), not_read(PLACE, "x", "refused")])

    assert total.oldest == (100, OLD)
    assert (total.templates, total.groups, total.instances) == (1, 1, 3)
    assert (total.too_old, total.behind, total.unknown_age) == (2, 2, 1)
    assert (total.held, total.not_read) == (1, 1)


def test_an_image_of_90_days_is_not_yet_older_than_90_days():
    ages = [ReportLine(kind="instance", image_age_days=days) for days in (90, 91)]

    assert summary(ages).too_old == 1


def test_the_oldest_image_is_one_that_runs_if_any_does():
    launched = ReportLine(kind="template", image_id=OLD, image_age_days=100)
    runs = ReportLine(kind="instance", image_id=NEW, image_age_days=1)

    assert summary([launched]).oldest == (100, OLD)
    assert summary([launched, runs]).oldest == (1, NEW)


# -- what is printed -------------------------------------------------------------------------------

INSTANCE = "i-0aaaaaaa000000001"


def a_fleet(**more: object) -> dict[str, object]:
    """A held template on OLD; one instance of its group, whose name a spreadsheet would run."""
    return a_world(
        an_image(OLD),
        an_image(NEW, 1),
        templates=[a_template(tags=FOLLOWS_INSTANCE | HELD)],
        AutoScalingGroups=[a_group("=web(1)", instances={INSTANCE: "1"})],
        Instances=[{"InstanceId": INSTANCE, "ImageId": OLD}],
        **more,
    )


def test_json_and_csv_have_the_same_fields_and_no_cell_is_a_formula(account_with):
    account_with(a_fleet())

    [line] = run("report", "--json").lines
    shown = run("report", "--csv", "-")
    [cells] = csv.DictReader(io.StringIO(shown.stdout))

    assert shown.status == 0
    assert list(cells) == list(line) == list(ReportLine.model_fields)
    assert (line["group"], cells["group"]) == ("=web(1)", "'=web(1)")
    assert (line["image_id"], line["images_behind"], line["version"]) == (OLD, 1, 1)
    assert (cells["held"], cells["held_by"], cells["hold_reason"]) == (
        "true",
        "",
        "jane: load test",
    )


@pytest.mark.parametrize("first", "=+-@＝＋－＠")  # noqa: RUF001
def test_whatever_a_spreadsheet_takes_for_a_formula_is_text(first):
    file = io.StringIO()

    write_csv(file, iter([ReportLine(kind="instance", hold_reason=f"{first}1", images_behind=-1)]))

    [cells] = csv.DictReader(io.StringIO(file.getvalue()))
    assert (cells["hold_reason"], cells["images_behind"]) == (f"'{first}1", "-1")


@pytest.mark.parametrize("columns", ["80", "140"])
def test_the_table_has_a_row_for_each_instance(monkeypatch, account_with, columns):
    monkeypatch.setenv("COLUMNS", columns)
    account_with(a_fleet())

    shown = run("report")

    assert shown.status == 0
    for word in ("=web(1)", INSTANCE, OLD, "over 90", "web: held: jane: load test"):
        assert word in shown.stdout
    assert "1 launch template, 1 group, 1 instance; the oldest image is" in shown.words
    assert max(map(len, shown.stdout.splitlines()[3:])) <= int(columns)


def test_one_of_several_that_fails_is_a_row_and_the_exit_status_says_so(account_with, monkeypatch):
    account_with(a_fleet())
    moved = json.dumps(a_fleet()).replace(ACCOUNT, "222233334444")
    seed(read_world(moved, "world"))
    monkeypatch.delenv("MOTO_ACCOUNT_ID")
    roles = ("--role-arn=arn:aws:iam::222233334444:role/x", "--role-arn=nonsense")

    shown = run("report", "--json", *roles)
    [cells] = [
        line
        for line in csv.DictReader(io.StringIO(run("report", "--csv", "-", *roles).stdout))
        if line["error"]
    ]

    assert shown.status == 1
    assert [fault for line in shown.lines for fault in faults("report", line)] == []
    good, failed = shown.lines
    assert (good["kind"], good["account"]) == ("instance", "222233334444")
    assert (failed["kind"], failed["account"]) == ("not-read", None)
    assert failed["error"].startswith("role nonsense: ")
    assert (cells["kind"], cells["error"]) == ("not-read", failed["error"])


def test_what_may_not_be_read_is_a_row_of_its_account(account_with, monkeypatch):
    account_with(a_fleet())

    def refused(_answer: object) -> None:
        error = {"Code": "AccessDenied", "Message": "no"}
        answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(answer, "DescribeAutoScalingGroups")

    calls(monkeypatch, DescribeAutoScalingGroups=refused)
    shown = run("report", "--json")

    assert shown.status == 1
    [gap] = [line for line in shown.lines if line["kind"] == "not-read"]
    assert (gap["account"], gap["region"]) == (ACCOUNT, REGION)
    assert "autoscaling:DescribeAutoScalingGroups" in gap["error"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--html", "a.html", "--csv", "-"), "--html, --csv, --json: give one of them at most"),
        (("--csv", "-", "--timelines"), "--timelines: must come with --html"),
        (("--html", ""), "--html, --csv: must name a file, or be -"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, said):
    shown = run("report", *arguments)

    assert (shown.status, shown.stdout) == (2, "")
    assert said in shown.stderr


def test_a_page_can_have_the_timeline_of_each_template(account_with):
    ids = {"lt-0000000000000000a": "api", "lt-0000000000000000b": "web"}
    account_with(
        a_world(
            templates=[a_template(id_, name) for id_, name in ids.items()],
            versions=[a_version(template_id=id_) for id_ in ids],
        )
    )

    shown = run("report", "--html", "-", "--timelines")

    assert shown.stdout.count("<svg") == len(ids)
    assert shown.stdout.count("<style") == 1
    assert shown.status == 1  # nothing is deployed: the log cannot be read, which is said once
    assert shown.stderr.count("not read: ") == 1


def test_a_file_is_replaced_only_with_force(account_with, monkeypatch, tmp_path):
    account_with(a_fleet())
    file = tmp_path / "report.csv"
    file.write_text("mine")

    kept = run("report", "--csv", str(file))
    assert (kept.status, file.read_text()) == (2, "mine")

    monkeypatch.setenv("COLUMNS", "30")
    replaced = run("report", "--csv", str(file), "--force")
    assert (replaced.status, replaced.stdout) == (0, "")
    assert f"written: {file}\n" in replaced.stderr
    assert file.read_text().startswith("kind,account,region,")


FIVE_REGIONS = ("--region", f"{REGION},us-east-1,us-east-2,us-west-1,us-west-2")


def test_it_reads_what_status_reads_and_asks_no_group(account_with, monkeypatch):
    ids = [f"lt-{n:017x}" for n in range(11)]  # more than a fifth of the groups that are asked
    running = [f"i-{n:017x}" for n in range(11)]
    account_with(
        a_world(
            templates=[a_template(id_, f"web-{id_}") for id_ in ids],
            versions=[a_version(template_id=id_) for id_ in ids],
            AutoScalingGroups=[
                a_group(f"web-{n}", template_id=id_, instances={running[n]: "1"})
                for n, id_ in enumerate(ids)
            ],
            Instances=[{"InstanceId": id_, "ImageId": OLD} for id_ in running],
        )
    )
    made = calls(monkeypatch)

    def asked_by(*arguments: str) -> Counter[str]:
        made.clear()
        assert run(*arguments, *FIVE_REGIONS).status == 0
        return Counter(operation for operation, _ in made)

    status = asked_by("status", "--json")
    assert status["DescribeInstances"] > 0
    assert status["DescribeInstanceRefreshes"] == 0
    assert asked_by("report", "--json") <= status
    assert asked_by("report", "--refreshes")["DescribeInstanceRefreshes"] == len(ids)
