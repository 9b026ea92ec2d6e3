"""What the reactor says on the default event bus: for itself, and for whoever chains on it."""

import json
from typing import TYPE_CHECKING, Any

from handlers.aws import translated
from models.errors import AwsUnavailable
from models.outcome import TemplateOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_events import EventBridgeClient

SOURCE = "ami-reactor"


class Bus:
    """The account's default event bus.

    The client is made at the first event that is put: most invocations put none.
    """

    def __init__(self, client: "Callable[[], EventBridgeClient]") -> None:
        self._client = client

    def request_reconcile(self, template_id: str) -> None:
        """Hand a template on to another invocation."""
        self._put("Reconcile Requested", {"launch_template_id": template_id})

    def announce(self, outcome: TemplateOutcome) -> None:
        """Tell others that a template was promoted, or that its promotion failed."""
        what = "Launch Template Promoted" if outcome.outcome == "promoted" else "Promotion Failed"
        self._put(what, outcome.model_dump(mode="json"))

    def _put(self, detail_type: str, detail: dict[str, Any]) -> None:
        doing = f"putting a {detail_type} event"
        with translated(doing, service="events"):
            answer = self._client().put_events(
                Entries=[
                    {"Source": SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail)}
                ]
            )
            if answer["FailedEntryCount"]:  # an HTTP 200 all the same
                code = answer["Entries"][0].get("ErrorCode", "no error code")
                raise AwsUnavailable(f"{doing}: {code}")
