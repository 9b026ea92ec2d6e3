"""The metrics: what alarms and the dashboard count, in CloudWatch's embedded metric format."""

import json
from datetime import timedelta

import pytest

from handlers import reactor
from handlers.metrics import NAMESPACE, measured
from models.decision import Reason
from models.outcome import Outcome, Result, TemplateOutcome
from tests.support.builders import (
    NEW,
    NOON,
    OLD,
    OTHER_TEMPLATE,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    ami_state,
    backup_completed,
)


def an_outcome(*templates, result=Result.HANDLED):
    return Outcome(event_id="e", detail_type="d", image_id=NEW, result=result, templates=templates)


def a_promotion(**fields):
    return TemplateOutcome(
        **{
            "launch_template_id": TEMPLATE,
            "launch_template_name": "web",
            "outcome": "promoted",
            "reason": Reason.NEWER_IMAGE,
            "message": "because",
            "from_image": OLD,
            "to_image": NEW,
            "from_version": 1,
            "to_version": 2,
            "image_created": NOON,
            **fields,
        }
    )


def lines(*templates, seconds=90, **fields):
    return list(measured(an_outcome(*templates, **fields), NOON + timedelta(seconds=seconds)))


def metrics(line):
    """The metrics of a line as CloudWatch takes them from it: name, unit, dimension sets, values.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE == "AmiReactor"
    sets = [{name: line[name] for name in names} for names in directive["Dimensions"]]
    return {m["Name"]: (m["Unit"], sets, line[m["Name"]]) for m in directive["Metrics"]}


@pytest.mark.parametrize("result", [r for r in Result if r is not Result.UNMATCHED])
def test_each_event_is_counted_by_its_result(result):
    [line] = lines(result=result)

    assert metrics(line) == {"Events": ("Count", [{"result": result}], [1])}


def test_each_template_is_counted_by_its_outcome_and_by_outcome_and_reason():
    _, promoted, kept, _ = lines(
        a_promotion(),
        a_promotion(outcome="kept", reason=Reason.HELD, image_created=None),
    )

    sets = [{"outcome": "promoted"}, {"outcome": "promoted", "reason": "newer-image"}]
    assert metrics(promoted) == {
        "Templates": ("Count", sets, [1]),
        "ReactionTime": ("Seconds", sets, [90]),
    }
    assert metrics(kept).keys() == {"Templates"}


def test_the_reaction_time_is_that_of_new_images_alone():
    _, healed, _ = lines(a_promotion(reason=Reason.CURRENT_IMAGE_GONE))

    assert metrics(healed).keys() == {"Templates"}


def test_behind_and_image_age_are_the_largest_of_all_templates_and_have_no_dimension():
    hour = timedelta(hours=1)
    *_, line = lines(
        a_promotion(image_created=NOON - 9 * hour),
        a_promotion(image_created=NOON - 2 * hour, behind_since=NOON - hour),
        a_promotion(image_created=None),
        seconds=60,
    )

    assert metrics(line) == {
        "Behind": ("Seconds", [{}], [3660]),
        "ImageAge": ("Seconds", [{}], [32460]),
    }


def test_without_a_template_that_was_looked_at_nothing_is_said_of_an_age():
    assert len(lines(a_promotion(image_created=None))) == 2


def test_names_and_ids_are_in_the_line_and_never_a_dimension():
    _, line, _ = lines(a_promotion())

    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert {name for names in directive["Dimensions"] for name in names} == {"outcome", "reason"}
    assert (line["launch_template_name"], line["to_image"], line["why"]) == ("web", NEW, "because")


def test_the_handler_logs_each_measure_as_one_json_object_with_the_events_id(stage_with):
    staged = stage_with(
        a_world(
            templates=[a_template(), a_template(OTHER_TEMPLATE, "api")],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )

    staged.delivery.deliver(backup_completed())

    written = staged.session.client("logs").filter_log_events(
        logGroupName="/aws/lambda/ami-reactor"
    )["events"]
    every = [json.loads(event["message"]) for event in written]
    logged = [line for line in every if line["correlation_id"] == backup_completed()["id"]]
    measures = [line for line in logged if "_aws" in line]
    assert [list(metrics(line)) for line in measures] == [
        ["Events"],
        ["Templates", "ReactionTime"],
        ["Templates", "ReactionTime"],
        ["Behind", "ImageAge"],
    ]
    assert [line["message"] for line in logged].count("outcome") == 1


def test_metrics_are_logged_also_where_the_invocation_fails(stage_with):
    staged = stage_with(a_world())
    staged.faults.inject("CreateLaunchTemplateVersion", "InvalidParameterValue", times=9)

    staged.delivery.deliver(ami_state())

    text = reactor.logger.registered_handler.stream.getvalue()
    assert '"outcome":"failed","reason":"aws-refused","Templates":[1.0]' in text
