"""What a program reads: `--json` of each verb, held to its schema, and text in a pipe."""

import contextlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import typer.main
from typer.testing import CliRunner

from infra.cli import app
from infra.cli.schema import PRINTED
from infra.embedded.stage import Stage, stage
from infra.embedded.world.seed import read_world
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    INSTANCE,
    NEW,
    NEWER,
    OLD,
    QUARANTINED,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_image,
)
from tests.support.fleets import Ran, a_group, run
from tests.support.messages import Queue, a_message
from tests.support.paths import EVENTS
from tests.support.schemas import faults

MEMBER = "i-0aaaaaaaaaaaaaaa1"
STRAY = "ami-0bbbbbbbbbbbbbbbb"
OPENS = "--open 'cron(0 2 ? * TUE-THU *)' --hours 3"
DROPPED = "dddddddd-0000-4000-8000-000000000001"
RUN = "ami-reactor-verify-0123456789ab"
UNFINISHED = "lt-00000000000000009"
TAGS = {
    "web": FOLLOWS_INSTANCE | {"ami-reactor:gate:approved": "yes"},
    "web-moving": FOLLOWS_INSTANCE,
    "web-held": FOLLOWS_INSTANCE | HELD,
    "web-to-hold": FOLLOWS_INSTANCE,
    "web-to-roll-back": {},
    "web-to-follow": {},
    "web-to-leave": FOLLOWS_INSTANCE,
}
IDS = {name: f"lt-{number:017x}" for number, name in enumerate(TAGS)}


@dataclass(frozen=True)
class Case:
    """A verb.

    Attributes:
        well: Arguments with which something is printed, whatever ran before.
        wrong: Arguments with which it ends with an error.
    """

    well: tuple[str, ...]
    wrong: str


CASES = {
    "status": Case(("", "web*"), "--profile none"),
    "report": Case(("",), "--profile none"),
    "explain": Case(("web", NEW, MEMBER), "none"),
    "history": Case(("web-to-roll-back",), "none"),
    "doctor": Case(("",), "--profile none"),
    "verify": Case(("--facts", "--yes --wait 0", "--clean --yes"), "--profile none --yes"),
    "follow": Case(
        (
            f"web-to-follow --source-instance {INSTANCE}",
            f"web-to-follow --source-instance {INSTANCE} --yes --wait 9",
        ),
        f"none --source-instance {INSTANCE}",
    ),
    "unfollow": Case(("web", "web-to-leave --yes"), "none"),
    "reconcile": Case(("", "web-moving --yes --wait 9"), "none"),
    "hold": Case(("web-to-hold --reason panic --yes",), "web --reason panic"),
    "resume": Case(("web-held --yes --wait 9", "web --yes"), "none"),
    "rollback": Case(("web-to-roll-back --reason panic --yes",), "none --reason panic"),
    "prune": Case(("web", "web --yes"), "none"),
    "quarantine": Case((f"{STRAY} --reason panic --yes",), f"{NEWER[:-1]}b --reason panic"),
    "unquarantine": Case((f"{NEWER} --yes",), f"{NEWER[:-1]}b"),
    "window": Case((f"web {OPENS}", f"web {OPENS} --hcl"), f"none {OPENS}"),
    "capture": Case(("--to captured", "--to captured"), "--to captured --since x"),
    "record": Case(("--to world.json --force",), "--to other.json --template none"),
    "dlq list": Case(("--poll 0",), "--queue-url none"),
    "dlq show": Case(("--latest --poll 0",), "--latest --queue-url none"),
    "dlq save": Case(("--all --to saved --poll 0",), "--all --to saved --queue-url none"),
    "dlq drop": Case((f"{DROPPED} --yes --poll 0",), f"{DROPPED} --queue-url none"),
    "dlq redrive": Case(
        ("--all --poll 0", "--all --yes --poll 0 --wait 9"), "--all --queue-url none"
    ),
    "replay": Case((), "none.json"),  # its own world: test_schema.py, test_stream.py
    "package": Case((), "--target none"),  # an index: tests/infra/deploy/test_archive.py
}


def the_world() -> str:
    return json.dumps(
        a_world(
            an_image(OLD),
            an_image(NEW, 1),
            an_image(NEWER, 2, tags=QUARANTINED),
            an_image(STRAY, SourceInstanceId=MEMBER),
            templates=[
                *(
                    a_template(IDS[name], name, default=2 if "roll" in name else 1, tags=tags)
                    for name, tags in TAGS.items()
                ),
                a_template(UNFINISHED, f"{RUN}-reads", tags={"ami-reactor-verify": RUN}),
            ],
            versions=[
                *(a_version(template_id=id_) for id_ in [*IDS.values(), UNFINISHED]),
                a_version(NEW, 2, template_id=IDS["web-to-roll-back"]),
            ],
            AutoScalingGroups=[
                a_group("web", "1", template_id=IDS["web"], instances={MEMBER: "1"}),
            ],
        )
    )


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One world for all verbs: what each changes, no other needs. Files land in a new folder."""
    with (
        stage(read_world(the_world(), "world")) as staged,
        contextlib.chdir(tmp_path_factory.mktemp("files")),
    ):
        queue = Queue(staged)
        queue.put(*(json.loads(path.read_text()) for path in EVENTS.glob("dlq_*.json")))
        queue.put(a_message("to drop"))
        queue.of_moto[-1].id = DROPPED
        staged.delivery.deliver(ami_state("ami-0cccccccccccccccc"))
        yield staged


def verbs_with_json() -> Iterator[str]:
    for name, command in typer.main.get_command(app).commands.items():
        below = getattr(command, "commands", None)
        verbs = {f"{name} {verb}": one for verb, one in below.items()} if below else {name: command}
        for verb, deferred in verbs.items():
            if any("--json" in param.opts for param in deferred.callback().params):
                yield verb


VERBS = sorted(verbs_with_json())


def schema_of(verb: str) -> str:
    return verb.replace(" ", "-")


def run_as_json(verb: str, arguments: str) -> Ran:
    ran = run(*verb.split(), *shlex.split(arguments), "--json")
    assert "Traceback" not in ran.stderr
    for line in ran.lines:
        assert faults(schema_of(verb), line) == [], line
    for line in said(ran):
        assert faults("error", line) == [], line
    return ran


def said(ran: Ran) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_each_verb_with_json_has_a_schema_and_is_run_here():
    assert sorted(CASES) == VERBS
    assert [verb for verb in VERBS if schema_of(verb) not in PRINTED] == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("verb", "arguments"), [(verb, one) for verb, case in CASES.items() for one in case.well]
)
def test_what_a_verb_prints_is_what_its_schema_says(verb, arguments):
    ran = run_as_json(verb, arguments)

    assert ran.lines
    assert ran.status in (0, 1)
    assert [line for line in said(ran) if "error" in line] == []


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("verb", CASES)
def test_an_error_is_an_object_with_the_sentence_of_the_prose(verb):
    ran = run_as_json(verb, CASES[verb].wrong)

    [error] = [line for line in said(ran) if "error" in line]
    assert error["verb"] == verb
    assert error["status"] == ran.status > 0
    prose = run(*verb.split(), *shlex.split(CASES[verb].wrong))
    assert (prose.status, prose.stderr.splitlines()[-1]) == (
        ran.status,
        f"ami-reactor: {error['error']}",
    )


@pytest.mark.parametrize("verb", CASES)
def test_a_flag_that_is_not_there_is_an_error_like_any_other(verb):
    ran = run_as_json(verb, "--no-such-flag")

    assert (ran.status, ran.stdout) == (2, "")
    [error] = said(ran)
    assert error["verb"] == verb
    assert "--no-such-flag" in error["error"]


@pytest.mark.parametrize(
    ("arguments", "verb", "named"),
    [
        ("hold --json", "hold", "TEMPLATE"),
        ("hold web --json", "hold", "--reason"),
        ("dlq lst --json", None, "lst"),
        ("stauts --json", None, "status"),
        ("template --json", "template", "--json"),
        ("history web --last 0 --json", "history", "--last"),
    ],
)
def test_wrong_arguments_are_an_error_like_any_other(arguments, verb, named):
    ran = run(*shlex.split(arguments))

    assert (ran.status, ran.stdout) == (2, "")
    [error] = said(ran)
    assert faults("error", error) == []
    assert (error["verb"], error["status"]) == (verb, 2)
    assert named in error["error"]


def test_what_could_not_be_read_is_an_object_too(account):
    account.faults.inject("DescribeAutoScalingGroups", "UnauthorizedOperation", 9)
    ran = run_as_json("status", "")
    account.faults.clear()

    assert ran.status == 1
    assert any(
        "autoscaling:DescribeAutoScalingGroups" in one.get("not_read", "") for one in said(ran)
    )


def test_the_json_of_another_program_is_its_own():
    ran = run("local", "--port", "x", "--", "jq", "--json")

    assert ran.status == 2
    assert not ran.stderr.startswith("{")


# -- text ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("arguments", "one_line"),
    [
        ("status", "web-moving "),
        ("report", None),
        ("explain web", "so the reactor would keep it: "),
        ("history web-to-roll-back", f"1  {OLD}  "),
        ("doctor", "ok "),
        ("dlq list --poll 0", "unreadable "),
        ("rollback web-to-roll-back --reason panic", None),
        ("verify", "needs "),
        ("prune web", None),
        ("status --profile none", "ami-reactor: "),
        ("hold --no-such-flag", "ami-reactor: "),
    ],
)
def test_in_a_pipe_nothing_is_padded_and_a_row_is_one_line(arguments, one_line):
    ran = CliRunner(env={"COLUMNS": ""}).invoke(app, arguments.split())

    lines = ran.output.splitlines()
    assert lines
    assert [line for line in lines if line != line.rstrip()] == []
    if one_line:
        assert any(one_line in line for line in lines), ran.output


@pytest.mark.usefixtures("account")
def test_columns_folds_at_that_width_in_a_pipe_too():
    folded = CliRunner(env={"COLUMNS": "50"}).invoke(app, ["explain", "web"]).stdout
    whole = CliRunner(env={"COLUMNS": ""}).invoke(app, ["explain", "web"]).stdout

    assert max(map(len, folded.splitlines())) <= 50 < max(map(len, whole.splitlines()))
    assert not any(line.endswith(" ") for line in folded.splitlines())


@pytest.mark.usefixtures("account")
def test_a_width_of_nothing_is_none():
    whole, nothing = (
        CliRunner(env={"COLUMNS": columns}).invoke(app, ["prune", "web"]).stdout
        for columns in ("", "0")
    )

    assert nothing == whole != ""


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "arguments",
    [
        "history web --svg {}",
        "record --to {}",
        "replay none.json --junit {}",
        "template --to {}",
        "report --html {}",
    ],
)
def test_the_folder_of_a_file_is_made(arguments, tmp_path):
    file = tmp_path / "new" / "folder" / "file"

    ran = run(*arguments.format(file).split())

    assert file.parent.is_dir(), ran.stderr
