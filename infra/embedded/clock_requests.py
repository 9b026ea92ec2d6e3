"""`/reactor/clock` of the embedded AWS's server, which tells the time and moves it on."""

from typing import Any

from werkzeug.wrappers import Request, Response

from infra.embedded.bodies import BadRequest, json_of, with_keys
from infra.embedded.delivery import Delivered
from infra.embedded.stage import Stage
from models.base import aws_date
from models.durations import read_duration

_SHAPE = 'must be {"advance": "36h"}'


def answer_of_clock(request: Request, staged: Stage) -> Any:
    """GET tells the time; POST moves it on, and tells what reached the function meanwhile."""
    match request.method:
        case "GET":
            return {"now": aws_date(staged.clock.now())}
        case "POST":
            return _advance(request, staged)
    return Response("the method must be GET or POST\n", status=405)


def _advance(request: Request, staged: Stage) -> dict[str, Any]:
    duration = read_duration(with_keys(json_of(request, _SHAPE), _SHAPE, {"advance"})["advance"])
    if duration is None:
        raise BadRequest("advance: must be minutes, hours or days, such as 45m, 36h or 3d")
    delivered = staged.advance(duration)
    return {"now": aws_date(staged.clock.now()), "delivered": [_shown(one) for one in delivered]}


def _shown(one: Delivered) -> dict[str, Any]:
    return {
        "at": aws_date(one.moment),
        "event_id": one.event.get("id"),
        "detail_type": one.event.get("detail-type"),
        "outcome": one.receipt.outcome,
        "error": one.receipt.error,
        "dead_lettered": one.receipt.is_dead_lettered,
    }
