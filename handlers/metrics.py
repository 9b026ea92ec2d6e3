"""What CloudWatch counts, as log lines in its embedded metric format.

A metric's dimensions are outcomes, reasons and results, so their number is bounded. Names and ids
are in the lines too, for Logs Insights: they cost nothing there, and each would be a metric of its
own as a dimension.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from models.decision import Reason
from models.outcome import Outcome, TemplateOutcome

NAMESPACE = "AmiReactor"


def measured(outcome: Outcome, now: datetime) -> Iterator[dict[str, Any]]:
    """One line for the event, one for each template, and one for the template furthest behind.

    Args:
        outcome: What became of the event.
        now: The moment by which it was done.
    """
    event = EphemeralMetrics(namespace=NAMESPACE)
    event.add_metric("Events", MetricUnit.Count, 1)
    event.add_dimension("result", outcome.result)
    yield dict(event.serialize_metric_set())
    for template in outcome.templates:
        yield _of_template(template, now)
    if dated := [one for one in outcome.templates if one.image_created is not None]:
        yield _behind(dated, now)


def _behind(templates: list[TemplateOutcome], now: datetime) -> dict[str, Any]:
    """The service level: no dimensions, so that an alarm watches all templates."""
    ages = [_seconds(one.image_created, now) for one in templates]
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_metric(
        "Behind", MetricUnit.Seconds, max(_seconds(t.behind_since, now) for t in templates)
    )
    metrics.add_metric("ImageAge", MetricUnit.Seconds, max(ages))
    return dict(metrics.serialize_metric_set())


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else (now - since).total_seconds()


def _of_template(template: TemplateOutcome, now: datetime) -> dict[str, Any]:
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_metric("Templates", MetricUnit.Count, 1)
    # healing takes an older image, whose age is not a reaction time
    if template.image_created is not None and template.reason is Reason.NEWER_IMAGE:
        metrics.add_metric(
            "ReactionTime", MetricUnit.Seconds, _seconds(template.image_created, now)
        )
    metrics.add_dimension("outcome", template.outcome)
    metrics.add_dimensions(outcome=template.outcome, reason=template.reason)
    properties = template.model_dump(mode="json", include=_PROPERTIES) | {"why": template.message}
    return {**metrics.serialize_metric_set(), **properties}


_PROPERTIES = {
    "launch_template_id",
    "launch_template_name",
    "from_image",
    "to_image",
    "from_version",
    "to_version",
}
