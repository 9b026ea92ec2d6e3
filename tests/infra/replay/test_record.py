"""`ami-reactor record`: the account's world in a file, from which a replay starts."""

import base64
import gzip
import json

import pytest
from moto.cloudformation.models import cloudformation_backends

from infra.embedded.stage import stage
from infra.embedded.world.seed import read_world
from infra.replay.anonymize import Anonymous
from tests.support.builders import (
    ACCOUNT,
    FOLLOWS_INSTANCE,
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    REGION,
    TEMPLATE,
    a_chain,
    a_template,
    a_version,
    a_world,
    an_image,
    backup_completed,
)
from tests.support.messages import finish, lines, watched
from tests.support.paths import ROOT

MINE = "123456789012"
VENDOR = "999988887777"
OTHER = "999900000001"
UNRELATED = "ami-0cccccccccccccccc"


def a_group(name="web", template_id=TEMPLATE, **fields):
    return {
        "AutoScalingGroupName": name,
        "LaunchTemplate": {"LaunchTemplateId": template_id, "Version": "$Default"},
        **fields,
    }


@pytest.fixture
def record(tmp_path):
    """Run the command; the world that it wrote."""

    def run(*options):
        file = tmp_path / "world.json"
        result = finish("record", "--to", str(file), *options)
        return result, json.loads(file.read_text()) if file.exists() else None

    return run


def ids(world, key, name):
    return {item[name] for item in world[key]}


# -- chains ----------------------------------------------------------------------------------------

NOT_RUN = "left out, chains that a replay of this world cannot run"


@pytest.fixture
def chained(stage_with):
    """Two launch templates, each with a group that a chain refreshes."""
    of_api = {"LaunchTemplateId": OTHER_TEMPLATE, "AutoScalingGroupNames": "api"}
    return stage_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
            AutoScalingGroups=[a_group(), a_group("api", OTHER_TEMPLATE), a_group("web-2")],
            Stacks=[
                a_chain(AutoScalingGroupNames="web,web-2"),
                a_chain(**of_api) | {"StackName": "api-refresh"},
            ],
        )
    )


@pytest.mark.usefixtures("chained")
def test_the_chains_that_refresh_its_groups_are_in_it(record):
    result, world = record("--template", "web")

    [stack] = read_world(json.dumps(world), "world").stacks
    assert stack.stack_name == "web-refresh"
    assert stack.given("AutoScalingGroupNames") == ["web", "web-2"]
    assert f"{NOT_RUN}: api-refresh\n" in result.stderr


@pytest.mark.usefixtures("chained")
def test_all_chains_of_all_templates_are_in_it(record):
    result, world = record()

    assert ids(world, "Stacks", "StackName") == {"web-refresh", "api-refresh"}
    assert "chains" not in result.stderr


@pytest.mark.usefixtures("chained")
def test_a_chain_whose_stack_failed_is_left_out(record):
    cloudformation_backends[ACCOUNT][REGION].get_stack("api-refresh").status = "ROLLBACK_COMPLETE"

    result, world = record()

    assert ids(world, "Stacks", "StackName") == {"web-refresh"}
    assert f"{NOT_RUN}: api-refresh\n" in result.stderr


def test_a_chain_of_a_changed_template_is_left_out(chained, record):
    said = f"refresh {OTHER_TEMPLATE} api"
    outputs = {"AmiReactorChain": said, "StateMachine": "arn:aws:states:::stateMachine:own"}
    template = {
        "Parameters": {"Own": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    chained.session.client("cloudformation").create_stack(
        StackName="own",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Own", "ParameterValue": "1"}],
    )

    result, world = record()

    assert result.exit_code == 0
    assert ids(world, "Stacks", "StackName") == {"web-refresh", "api-refresh"}
    assert "left out, the chain own: its parameters are not those of infra/chains" in result.stderr


def test_without_the_permission_a_world_has_no_chains_and_that_is_said(chained, record):
    chained.faults.inject("DescribeStacks", "AccessDenied")

    result, world = record()

    assert (result.exit_code, world["Stacks"]) == (0, [])
    assert "missing permission: cloudformation:DescribeStacks" in result.stderr


# -- what is in it ---------------------------------------------------------------------------------


def test_it_holds_what_is_opted_in_and_no_more(stage_with, record):
    stranger = an_image(UNRELATED, OwnerId=ACCOUNT) | {"SourceInstanceId": "i-0ffffffffffffffff"}
    stage_with(
        a_world(
            an_image(OLD),
            an_image(NEW, 1),
            stranger,
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api", tags={})],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
            AutoScalingGroups=[a_group(), a_group("api", OTHER_TEMPLATE)],
        )
    )

    result, world = record()

    assert result.exit_code == 0
    assert ids(world, "LaunchTemplates", "LaunchTemplateId") == {TEMPLATE}
    assert ids(world, "LaunchTemplateVersions", "LaunchTemplateId") == {TEMPLATE}
    assert ids(world, "Images", "ImageId") == {OLD, NEW}
    assert ids(world, "AutoScalingGroups", "AutoScalingGroupName") == {"web"}
    assert "1 launch template, 1 version, 2 images, 1 group" in result.stdout


def test_all_versions_and_every_image_that_they_name_are_in_it(stage_with, record):
    vendors = an_image(NEWER, OwnerId=VENDOR, Public=True)
    del vendors["SourceInstanceId"]
    versions = [a_version(NEWER, 1), *(a_version(OLD, n) for n in range(2, 40))]
    stage_with(
        a_world(an_image(OLD), vendors, templates=[a_template(default=39)], versions=versions)
    )

    _, world = record()

    assert len(world["LaunchTemplateVersions"]) == 39
    assert ids(world, "Images", "ImageId") == {OLD, NEWER}


def test_a_group_is_in_it_whatever_names_its_template(stage_with, record):
    by_name = {"LaunchTemplateName": "web", "Version": "1"}
    mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": by_name, "Overrides": []}}
    groups = [
        a_group("a", LaunchTemplate=by_name),
        {"AutoScalingGroupName": "b", "MixedInstancesPolicy": mixed},
    ]
    stage_with(a_world(AutoScalingGroups=groups))

    _, world = record()

    assert ids(world, "AutoScalingGroups", "AutoScalingGroupName") == {"a", "b"}


@pytest.mark.parametrize("name", ["api", OTHER_TEMPLATE])
def test_a_template_may_be_named_that_has_not_opted_in(stage_with, record, name):
    stage_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api", tags={})],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    _, world = record("--template", name)

    assert ids(world, "LaunchTemplates", "LaunchTemplateName") == {"api"}


def test_a_replay_from_it_does_what_the_account_would_do(record, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps(backup_completed()))
    with stage(read_world(json.dumps(a_world()), "world")) as staged:
        record()
        there = staged.delivery.deliver(backup_completed()).outcome

    replayed = finish("replay", str(event), "--world", str(tmp_path / "world.json"), "--json")

    [here] = lines(replayed)
    assert here["templates"] == there["templates"]
    assert here["templates"][0]["outcome"] == "promoted"


def test_it_writes_nothing_to_the_account(stage_with, record):
    stage_with(a_world())

    with watched() as operations:
        record()

    assert [name for name in operations if not name.startswith(("Describe", "GetCaller"))] == []


# -- account ids -----------------------------------------------------------------------------------


def of_my_account(value):
    return json.loads(json.dumps(value).replace(ACCOUNT, MINE))


def test_account_ids_are_replaced_and_strangers_stay_strangers(stage_with, record, tmp_path):
    script = base64.b64encode(f"docker pull {MINE}.dkr.ecr/app".encode()).decode()
    location = f"{VENDOR}/golden"
    vendors = an_image(NEWER, 2, OwnerId=VENDOR, ImageLocation=location, Public=True)
    versions = [a_version(NEWER, UserData=script)]
    stage_with(of_my_account(a_world(an_image(NEW, 1), vendors, versions=versions)))

    _, world = record()

    text = (tmp_path / "world.json").read_text()
    owners = {image["ImageId"]: image["OwnerId"] for image in world["Images"]}
    data = world["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert MINE not in text
    assert VENDOR not in text
    assert world["Account"] == owners[NEW] == ACCOUNT
    assert owners[NEWER] not in (ACCOUNT, VENDOR)
    assert ACCOUNT.encode() in base64.b64decode(data["UserData"])


def test_account_ids_are_kept_where_that_is_wanted(stage_with, record):
    stage_with(of_my_account(a_world()))

    _, world = record("--keep-account")

    assert world["Account"] == MINE


@pytest.mark.parametrize(
    ("value", "replaced"),
    [
        (f"arn:aws:iam::{MINE}:role/x", f"arn:aws:iam::{ACCOUNT}:role/x"),
        (f"logs-{MINE}-eu", f"logs-{ACCOUNT}-eu"),
        (f"{MINE}0", f"{MINE}0"),
        ("arn:aws:kms:eu-west-1:210987654321:key/x", "arn:aws:kms:eu-west-1:999900000001:key/x"),
        ({"OwnerId": VENDOR}, {"OwnerId": "999900000001"}),
        ("build 202606151700", "build 202606151700"),
        ({"UserData": "H4sIAAAAAAAA"}, {"UserData": "H4sIAAAAAAAA"}),
        ([1, None, True, 2.5], [1, None, True, 2.5]),
        (
            f"{VENDOR}.dkr.ecr.eu-west-1.amazonaws.com/app",
            f"{OTHER}.dkr.ecr.eu-west-1.amazonaws.com/app",
        ),
        (f"https://{VENDOR}.signin.aws.amazon.com/", f"https://{OTHER}.signin.aws.amazon.com/"),
        (
            f"https://sqs.eu-west-1.amazonaws.com/{VENDOR}/q",
            f"https://sqs.eu-west-1.amazonaws.com/{OTHER}/q",
        ),
        (
            f"https://eu-west-1.queue.amazonaws.com/{VENDOR}/q",
            f"https://eu-west-1.queue.amazonaws.com/{OTHER}/q",
        ),
        ("https://example.com/202606151700/q", "https://example.com/202606151700/q"),
        *(
            ({key: VENDOR}, {key: OTHER})
            for key in (
                "UserId",
                "SnapshotOwnerId",
                "ImageOwnerId",
                "OwnerAccount",
                "recipientAccountId",
                "awsAccountId",
                "aws_account_id",
                "Owner",
            )
        ),
        ({"UserIds": [VENDOR, MINE]}, {"UserIds": [OTHER, ACCOUNT]}),
        (
            {"Description": "202606151700", "Counted": VENDOR},
            {"Description": "202606151700", "Counted": VENDOR},
        ),
        ("1234-5678-9012", "1111-2222-3333"),
    ],
)
def test_an_account_id_is_replaced_where_it_is_one(value, replaced):
    assert Anonymous(MINE).copy_of(value) == replaced


def test_another_account_is_always_the_same_other():
    [first, second, again] = Anonymous(MINE).copy_of(
        [{"OwnerId": VENDOR}, {"OwnerId": "210987654321"}, {"OwnerId": VENDOR}]
    )

    assert first == again != second


# -- what can go wrong -----------------------------------------------------------------------------


def test_an_account_where_nothing_opted_in_is_one_line(stage_with, record):
    stage_with(a_world(templates=[a_template(tags={})]))

    result, world = record()

    assert (result.exit_code, world) == (1, None)
    assert "name one with --template" in result.stderr


def test_what_a_named_template_waits_for_is_in_it_too(stage_with, record):
    third = "lt-0aaaaaaaaaaaaaaaa"
    waits = [FOLLOWS_INSTANCE | {"ami-reactor:after": name} for name in (OTHER_TEMPLATE, "third")]
    stage_with(
        a_world(
            templates=[
                a_template(tags=waits[0]),
                a_template(OTHER_TEMPLATE, "second", tags=waits[1]),
                a_template(third, "third"),
                a_template("lt-0bbbbbbbbbbbbbbbb", "fourth"),
            ],
            versions=[
                a_version(template_id=id_)
                for id_ in (TEMPLATE, OTHER_TEMPLATE, third, "lt-0bbbbbbbbbbbbbbbb")
            ],
        )
    )

    _, world = record("--template", "web")

    assert {one["LaunchTemplateName"] for one in world["LaunchTemplates"]} == {
        "web",
        "second",
        "third",
    }


def test_a_template_that_is_not_there_is_one_line(stage_with, record):
    stage_with(a_world())

    result, world = record("--template", "we")

    assert (result.exit_code, world) == (1, None)
    assert "there is no such launch template" in result.stderr


def test_a_permission_that_the_operator_lacks_is_one_line(stage_with, record):
    staged = stage_with(a_world())
    staged.faults.inject("DescribeAutoScalingGroups", "AccessDenied", 9)

    result, world = record()

    assert (result.exit_code, world) == (1, None)
    assert "autoscaling:DescribeAutoScalingGroups" in result.stderr


def test_what_cannot_be_written_is_one_line(stage_with, tmp_path):
    stage_with(a_world())
    (tmp_path / "file").write_text("")

    result = finish("record", "--to", str(tmp_path / "file" / "world.json"))

    assert result.exit_code == 2
    assert "Not a directory" in result.stderr or "File exists" in result.stderr


def test_a_folder_is_no_file(stage_with, tmp_path):
    stage_with(a_world())

    result = finish("record", "--to", str(tmp_path))

    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "is a folder; name a file" in result.stderr


def test_a_group_that_names_a_deleted_version_is_in_it(stage_with, record):
    staged = stage_with(
        a_world(
            templates=[a_template(default=2, tags=FOLLOWS_INSTANCE)],
            versions=[a_version(), a_version(number=2)],
            AutoScalingGroups=[
                a_group(LaunchTemplate={"LaunchTemplateId": TEMPLATE, "Version": "1"})
            ],
        )
    )
    ec2 = staged.session.client("ec2")
    ec2.delete_launch_template_versions(LaunchTemplateId=TEMPLATE, Versions=["1"])

    result, world = record()

    assert result.exit_code == 0
    assert world["AutoScalingGroups"][0]["LaunchTemplate"]["Version"] == "1"


def test_groups_that_are_left_out_are_named(stage_with, record):
    staged = stage_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api", tags={})],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
            AutoScalingGroups=[a_group(), a_group("api", OTHER_TEMPLATE)],
        )
    )
    groups = staged.session.client("autoscaling")
    groups.create_launch_configuration(
        LaunchConfigurationName="old", ImageId=OLD, InstanceType="t3.micro"
    )
    groups.create_auto_scaling_group(
        AutoScalingGroupName="old",
        LaunchConfigurationName="old",
        MinSize=0,
        MaxSize=1,
        AvailabilityZones=["ap-northeast-2a"],
    )

    result, world = record()

    assert ids(world, "AutoScalingGroups", "AutoScalingGroupName") == {"web"}
    assert "left out, groups of other launch templates: api" in result.stderr
    assert "left out, groups of launch configurations: old" in result.stderr


# -- what a person must look at --------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--keep-account",)])
def test_it_says_how_much_user_data_is_in_it_that_it_cannot_judge(stage_with, record, options):
    plain = base64.b64encode(b"#!/bin/sh").decode()
    zipped = base64.b64encode(gzip.compress(b"#!/bin/sh")).decode()
    texts = [plain, plain, zipped]
    versions = [a_version(number=n, UserData=text) for n, text in enumerate(texts, start=1)]
    stage_with(a_world(versions=versions))

    result, world = record(*options)

    said = "user data of 3 versions is in it, of which 1 is compressed or not text: look before you"
    assert result.exit_code == 0
    assert said in result.stderr
    kept = [v["LaunchTemplateData"]["UserData"] for v in world["LaunchTemplateVersions"]]
    assert zipped in kept


def test_it_says_nothing_where_no_user_data_is_in_it(stage_with, record):
    stage_with(a_world())

    result, _ = record()

    assert "user data" not in result.stderr


# -- without an account ----------------------------------------------------------------------------


def answers(**differs):
    """What a person pastes: each answer in a file, with more in it than a world needs."""
    world = json.loads(
        (ROOT / "tests/cases/03-pinned-to-a-deleted-version/world-pasted.json").read_text()
    )
    instance = {
        "InstanceId": "i-0b2e25be910fac823",
        "ImageId": world["Images"][0]["ImageId"],
        "State": {"Code": 16, "Name": "running"},
        "Placement": {"AvailabilityZone": "eu-west-1a", "Tenancy": "default"},
        "LaunchTime": "2026-06-14T08:00:00+00:00",
        "MetadataOptions": {"State": "applied", "HttpTokens": "required"},
    }
    gone = instance | {
        "InstanceId": "i-0cccccccccccccccc",
        "State": {"Code": 48, "Name": "terminated"},
    }
    files = {
        "images": {"Images": world["Images"], "ResponseMetadata": {"HTTPStatusCode": 200}},
        "templates": {"LaunchTemplates": world["LaunchTemplates"]},
        "versions": {"LaunchTemplateVersions": world["LaunchTemplateVersions"]},
        "instances": {
            "Reservations": [
                {
                    "ReservationId": "r-0a",
                    "OwnerId": MINE,
                    "Groups": [],
                    "Instances": [instance, gone],
                }
            ]
        },
        "limits": {"AccountAttributes": []},
    }
    return {name: content for name, content in (files | differs).items() if content is not None}


@pytest.fixture
def paste(tmp_path):
    """Paste the answers and run the command; its result, and the world that it wrote."""

    def run(*options, **differs):
        folder, file = tmp_path / "pasted", tmp_path / "world.json"
        folder.mkdir()
        for name, content in answers(**differs).items():
            text = content if isinstance(content, str) else json.dumps(content)
            (folder / f"{name}.json").write_text(text)
        result = finish("record", "--from", str(folder), "--to", str(file), *options)
        return result, json.loads(file.read_text()) if file.exists() else None

    return run


def test_answers_that_a_person_pasted_are_a_world(paste):
    result, world = paste("--keep-account")

    pasted = answers()
    assert result.exit_code == 0, result.stderr
    assert (world["Account"], world["Region"]) == (MINE, "eu-west-1")
    assert world["Images"] == pasted["images"]["Images"]
    assert world["LaunchTemplates"] == pasted["templates"]["LaunchTemplates"]
    assert world["LaunchTemplateVersions"] == pasted["versions"]["LaunchTemplateVersions"]
    assert ids(world, "Instances", "InstanceId") == {"i-0b2e25be910fac823"}
    assert "limits.json: nothing of a world is in it" in result.stderr


def test_the_account_is_replaced_in_what_was_pasted_too(paste):
    _, world = paste()

    assert MINE not in json.dumps(world)


def test_a_first_page_is_said_to_be_one(paste):
    images = answers()["images"] | {"NextToken": "eyJ"}
    result, world = paste(images=images)

    assert world
    assert "images.json: is a first page only, because it has a NextToken" in result.stderr
    assert "eyJ" not in result.stderr


def test_an_image_that_the_files_lack_is_named_with_the_command_that_prints_it(paste):
    result, world = paste(images={"Images": []})

    assert world["Images"] == []
    assert "aws ec2 describe-images --image-ids ami-" in result.stderr


def of_templates(**changes):
    templates = answers()["templates"]["LaunchTemplates"]
    return {"LaunchTemplates": [{**template, **changes} for template in templates]}


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        (
            {"versions": None},
            "the files lack the versions of web: aws ec2 describe-launch-template-v",
        ),
        ({"templates": of_templates(LatestVersionNumber=99)}, "the files lack version 99 of web"),
        ({"templates": None}, "describe-launch-templates --launch-template-ids lt-"),
        ({"templates": None, "versions": None}, "no launch template is in the files"),
        ({"images": "$ aws ec2 describe-images"}, "images.json: must be what the AWS CLI prints"),
        ({"images": []}, "images.json: must be a JSON object, as the AWS CLI prints it"),
        ({"images": {"Images": {}}}, "images.json: Images: must be a list of JSON objects"),
        ({"images": {"Images": [{"State": "available"}]}}, "Images.0.ImageId: is required"),
    ],
)
def test_what_is_wrong_or_missing_is_said_and_nothing_is_written(paste, differs, said):
    result, world = paste(**differs)

    assert (result.exit_code, result.stdout, world) == (2, "", None)
    assert said in result.stderr
    assert result.stderr.startswith("ami-reactor: ")


def test_only_the_templates_that_are_named_are_kept(paste):
    result, world = paste("--template", "api")

    assert (result.exit_code, world) == (2, None)
    assert "--template api: is not in the files" in result.stderr


def test_of_two_answers_that_differ_the_later_file_is_taken_and_named(paste):
    newer = [entry | {"Name": "renamed"} for entry in answers()["images"]["Images"]]
    result, world = paste(newer={"Images": newer})

    assert {image["Name"] for image in world["Images"]} == {"renamed"}
    assert "newer.json: ami-" in result.stderr


def test_a_folder_without_answers_is_said_to_be_one(tmp_path):
    result = finish("record", "--from", str(tmp_path / "nowhere"), "--to", str(tmp_path / "w.json"))

    assert result.exit_code == 2
    assert "is not a folder with files of JSON" in result.stderr
