"""What the reactor puts on the default event bus: for itself, and for other consumers."""

import json
from typing import TYPE_CHECKING, Any

from handlers.aws_errors import translated
from handlers.paging import batches
from models.aws_limits import EVENTS_AT_ONCE
from models.decision import SECONDS, Skip
from models.errors import AwsRefused, AwsUnavailable
from models.outcome import TemplateOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_events import EventBridgeClient

SOURCE = "ami-reactor"
RECONCILE = "Reconcile Requested"
PROMOTED = "Launch Template Promoted"
FAILED = "Promotion Failed"
POSTPONED = "Promotion Postponed"


_WHOSE = {"launch_template_id", "launch_template_name"}


class Bus:
    """The account's default event bus.

    The client is made at the first event that is put: most invocations put none.
    """

    def __init__(self, client: "Callable[[], EventBridgeClient]") -> None:
        self._client = client

    def request_reconcile(
        self, template_ids: "Sequence[str]"
    ) -> dict[str, AwsRefused | AwsUnavailable]:
        """Hand templates on, each to an invocation of its own.

        Returns:
            Why, for those that could not be handed on, by template id.
        """
        refused: dict[str, AwsRefused | AwsUnavailable] = {}
        for ids in batches(template_ids, EVENTS_AT_ONCE):
            try:
                answers = self._put(RECONCILE, [{"launch_template_id": id_} for id_ in ids])
            except (AwsRefused, AwsUnavailable) as error:
                refused |= dict.fromkeys(ids, error)
            else:
                refused |= {id_: e for id_, e in zip(ids, answers, strict=True) if e is not None}
        return refused

    def announce(self, outcome: TemplateOutcome) -> None:
        """Tell others that a template was promoted, or that its promotion failed.

        A move after which something failed is still a promotion: instances start from it.

        Raises:
            AwsRefused, AwsUnavailable: EventBridge did not take the event.
        """
        is_moved = outcome.to_version != outcome.from_version
        what = PROMOTED if is_moved or outcome.outcome == "promoted" else FAILED
        self.tell(what, outcome)

    def tell(self, what: str, outcome: TemplateOutcome) -> None:
        """Put one event of that detail-type about one template.

        Raises:
            AwsRefused, AwsUnavailable: EventBridge did not take the event.
        """
        [error] = self._put(what, [outcome.model_dump(mode="json")])
        if error is not None:
            raise error

    def postpone(self, outcome: TemplateOutcome) -> None:
        """Tell when the next image of a template is ripe: the stack has a timer for it.

        Raises:
            AwsRefused, AwsUnavailable: EventBridge did not take the event.
        """
        detail = outcome.model_dump(mode="json", include=_WHOSE) | {
            "image_id": outcome.postponed_image,
            "until": f"{outcome.postponed_until:{SECONDS}}",
            "reason": Skip.SOAKING,
        }
        [error] = self._put(POSTPONED, [detail])
        if error is not None:
            raise error

    def _put(self, detail_type: str, details: list[dict[str, Any]]) -> list[AwsUnavailable | None]:
        """Put an event for each detail, ten at most; for each, why EventBridge did not take it."""
        doing = f"putting a {detail_type} event"
        with translated(doing, service="events"):
            answer = self._client().put_events(
                Entries=[
                    {"Source": SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail)}
                    for detail in details
                ]
            )
            codes = [entry.get("ErrorCode") for entry in answer["Entries"]]  # in an HTTP 200
        if len(codes) != len(details):
            raise AwsUnavailable(f"{doing}: AWS's answer made no sense")
        return [AwsUnavailable(f"{doing}: {code}") if code else None for code in codes]
