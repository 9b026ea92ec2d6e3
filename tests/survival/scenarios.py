"""What may happen, from two events for one image to three runs that people and faults meet."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from models.base import aws_date
from models.tags import SOAK
from tests.support.builders import (
    FOLLOWS_INSTANCE,
    HELD,
    NEW,
    NEWER,
    OLD,
    OTHER_TEMPLATE,
    QUARANTINED,
    TEMPLATE,
    a_template,
    a_version,
    a_world,
    ami_state,
    an_event,
    an_image,
    backup_completed,
    reconcile,
    tag_list,
    tags_changed,
    template_arn,
)
from tests.survival.invariants import Dates
from tests.survival.scheduler import NOW, Action, Occasion, Scenario
from tests.survival.tiny_ec2 import HOLD, MARK, Template, World, parsed, world_of

OLDER = "ami-00000000000000001"
IMAGES = {
    OLDER: an_image(OLDER, -1),
    OLD: an_image(OLD),
    NEW: an_image(NEW, 1),
    NEWER: an_image(NEWER, 2),
}
DATES = Dates({id_: image["CreationDate"] for id_, image in IMAGES.items()})


def a_start(*image_ids: str) -> World:
    """The template is on OLD and has no high-water mark yet."""
    return world_of(a_world(*(IMAGES[id_] for id_ in image_ids or (OLD,))))


def a_start_on(image_id: str, *older: str) -> World:
    """The template was moved from the first image to the last one, and has its high-water mark."""
    images = (*older, image_id)
    mark = {MARK: f"{image_id} {IMAGES[image_id]['CreationDate']}"}
    return world_of(
        a_world(
            *(IMAGES[id_] for id_ in images),
            templates=[a_template(default=2, tags={**FOLLOWS_INSTANCE, **mark})],
            versions=[a_version(older[-1]), a_version(image_id, 2)],
        )
    )


# -- nature ----------------------------------------------------------------------------------------


def born(image_id: str, after: str | None = None) -> Action:
    name = f"{image_id[-4:]} appears"
    return Action(
        name, lambda w: [(name, w.with_image(IMAGES[image_id]))], after=after, of_images=True
    )


def vanishes(image_id: str, after: str | None = None) -> Action:
    name = f"{image_id[-4:]} vanishes"
    return Action(name, lambda w: [(name, w.without_image(image_id))], after=after, of_images=True)


def is_disabled(image_id: str) -> Action:
    name = f"{image_id[-4:]} is disabled"

    def does(world: World) -> Iterator[tuple[str, World]]:
        if image := world.image(image_id):
            yield name, world.with_image({**image, "State": "disabled"})

    return Action(name, does, of_images=True)


def is_enabled(image_id: str) -> Action:
    name = f"{image_id[-4:]} is enabled"

    def does(world: World) -> Iterator[tuple[str, World]]:
        if image := world.image(image_id):
            yield name, world.with_image({**image, "State": "available"})

    return Action(name, does, after=f"{image_id[-4:]} is disabled", of_images=True)


def _hours_go_by(world: World) -> Iterator[tuple[str, World]]:
    template = world.templates[0]
    versions = tuple(v._replace(created="2026-07-15T09:00:00.000Z") for v in template.versions)
    aged = world.with_template(template._replace(versions=versions))
    yield "hours go by, EC2 forgets the tokens", aged._replace(tokens=())


FORGETS = Action("EC2 forgets the tokens", _hours_go_by, person=True, takes_hours=True)


# -- people ----------------------------------------------------------------------------------------


def _moves_back(world: World) -> Iterator[tuple[str, World]]:
    template = world.templates[0]
    date = DATES[template.in_force.image]
    for version in template.versions:
        if DATES[version.image] < date and world.image(version.image):
            name = f"a person makes {version.number} the default"
            yield name, world.with_template(template._replace(default=version.number))


def _releases(world: World) -> Iterator[tuple[str, World]]:
    template = world.templates[0]
    data = {**parsed(template.in_force.data), "KeyName": "changed"}
    with_own = template.plus(data, world.now)
    yield (
        "a person makes a version the default",
        world.with_template(with_own._replace(default=with_own.latest)),
    )


def _drafts(world: World) -> Iterator[tuple[str, World]]:
    for image_id in (OLD, NEW, NEWER):
        if world.image(image_id):
            data = {**parsed(world.templates[0].in_force.data), "KeyName": "draft"}
            drafted = world.templates[0].plus({**data, "ImageId": image_id}, world.now)
            yield f"a person drafts {image_id[-4:]}", world.with_template(drafted)


def _tags(name: str, **tags: str) -> Action:
    return Action(
        name, lambda w: [(name, w.with_template(w.templates[0].tagged(**tags)))], person=True
    )


def _untags(name: str, key: str, after: str) -> Action:
    return Action(
        name, lambda w: [(name, w.with_template(w.templates[0].untagged(key)))], True, after
    )


def quarantines(image_id: str) -> Action:
    name = f"a person quarantines {image_id[-4:]}"

    def does(world: World) -> Iterator[tuple[str, World]]:
        if image := world.image(image_id):
            yield name, world.with_image({**image, "Tags": tag_list(QUARANTINED)})

    return Action(name, does, person=True, of_images=True)


MOVES_BACK = Action("a person moves back", _moves_back, person=True)
RELEASES = Action("a person makes their version the default", _releases, person=True)
DRAFTS = Action("a person drafts", _drafts, person=True)
HOLDS = _tags("a person holds", **HELD)
MOVES_BACK_HELD = replace(MOVES_BACK, after="a person holds")
RESUMES = _untags("a person resumes", HOLD, after="a person holds")
OBSERVES = _tags("a person only observes", **{"ami-reactor": "observe"})


# -- events ----------------------------------------------------------------------------------------


def _now(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "time": NOW.isoformat()}


def heard(image_id: str) -> Occasion:
    return Occasion(_now(ami_state(image_id)), f"{image_id[-4:]} appears")


def backed_up(image_id: str) -> Occasion:
    return Occasion(_now(backup_completed(image_id)), f"{image_id[-4:]} appears")


def lost(image_id: str, how: str = "vanishes", state: str = "deregistered") -> Occasion:
    return Occasion(_now(ami_state(image_id, state)), f"{image_id[-4:]} {how}")


def disabled(image_id: str) -> Occasion:
    return lost(image_id, "is disabled", "disabled")


def back(image_id: str) -> Occasion:
    return Occasion(_now(ami_state(image_id)), f"{image_id[-4:]} is enabled")


RESUMED = Occasion(tags_changed(template_arn(TEMPLATE), HOLD), "a person resumes")

BIRTHS = (born(NEW), born(NEWER))
BOTH = (heard(NEW), heard(NEWER))
TWICE = (heard(NEW), backed_up(NEW))


def a_scenario(
    name: str, occasions: tuple[Occasion, ...], *actions: Action, **how: Any
) -> Scenario:
    how.setdefault("world", a_start())
    return Scenario(name, occasions=occasions, actions=actions, dates=DATES, **how)


# -- the clock, and a template that waits for another ----------------------------------------------


def hours_go_by(hours: int, after: str | None = None) -> Action:
    """The clock goes on, whatever is under way."""
    name = f"{hours} h go by"
    later = aws_date(NOW + timedelta(hours=hours, seconds=1))
    return Action(name, lambda w: [(name, w._replace(now=later))], after=after)


def a_fleet(**tags: str) -> World:
    """web with those tags, and canary, which has none of them; both on OLD."""
    return world_of(
        a_world(
            IMAGES[OLD],
            templates=[
                a_template(
                    tags=FOLLOWS_INSTANCE | {f"ami-reactor:{k}": v for k, v in tags.items()}
                ),
                a_template(OTHER_TEMPLATE, "canary"),
            ],
            versions=[a_version(), a_version(template_id=OTHER_TEMPLATE)],
        )
    )


def _of_canary(name: str, change: Callable[[Template], Template]) -> Action:
    """A person changes canary, once the reactor has moved it."""

    def does(world: World) -> Iterator[tuple[str, World]]:
        canary = world.templates[1]
        if canary.default > 1:
            yield name, world.with_template(change(canary))

    return Action(name, does, person=True)


def _is_on_new(world: World) -> bool:
    return world.templates[1].in_force.image == NEW


def an_hour_to(image_id: str) -> str:
    """A soak that is over for that image an hour after NOW."""
    age = NOW - datetime.fromisoformat(IMAGES[image_id]["CreationDate"])
    return f"{int(age / timedelta(hours=1)) + 1}h"


CANARY_HELD = _of_canary("a person holds canary", lambda t: t.tagged(**HELD))
CANARY_BACK = _of_canary("a person moves canary back", lambda t: t._replace(default=1))
PROMOTED = Occasion(
    _now(
        an_event(
            "ami-reactor",
            "Launch Template Promoted",
            None,
            launch_template_id=OTHER_TEMPLATE,
            launch_template_name="canary",
        )
    ),
    when=_is_on_new,
)
TIMES = (hours_go_by(1), hours_go_by(2, after="1 h go by"))


def timer(hours: int) -> Occasion:
    return Occasion(_now(reconcile(TEMPLATE)), f"{hours} h go by")


def a_wave(name: str, occasions: tuple[Occasion, ...], *actions: Action, **how: Any) -> Scenario:
    how = {"world": a_fleet(soak="1h", after="canary"), "one_writer": True, **how}
    occasions = (heard(NEW), *occasions)
    return a_scenario(f"one writer: {name}", occasions, born(NEW), *actions, is_timed=True, **how)


def _soaks(name: str, *actions: Action, **how: Any) -> Scenario:
    """NEW is ripe an hour after NOW, NEWER two hours after."""
    template = a_start().templates[0].tagged(**{SOAK: an_hour_to(NEW)})
    timers = (timer(1), timer(2))[: len(actions)]
    return a_scenario(
        f"one writer: {name}",
        (*BOTH, *timers),
        *BIRTHS,
        *actions,
        world=a_start().with_template(template),
        one_writer=True,
        is_timed=True,
        **how,
    )


WAVES = (
    _soaks("two images soak, the clock goes on, a crash", *TIMES, crashes=1),
    _soaks("two images soak, and but one of them is ripe at the end", TIMES[0]),
    a_wave(
        "canary first, web an hour later, a crash",
        (PROMOTED, timer(1), timer(2)),
        *TIMES,
        crashes=1,
    ),
    a_wave("canary first, web at once", (PROMOTED,), world=a_fleet(after="canary"), crashes=1),
    a_wave("a wave, canary is held", (PROMOTED, timer(1)), TIMES[0], CANARY_HELD),
    a_wave("a wave, canary is moved back", (PROMOTED, timer(1)), TIMES[0], CANARY_BACK),
    a_wave("a wave, its image is quarantined", (PROMOTED, timer(1)), TIMES[0], quarantines(NEW)),
    a_wave("a wave, the timer is lost", (PROMOTED,), *TIMES, is_lossy=True),
    replace(
        a_wave("two runs", (PROMOTED,), world=a_fleet(after="canary"), one_writer=False),
        name="canary first, web at once, two runs",
    ),
)

TWO_RUNS = (
    a_scenario("two images, a crash anywhere", BOTH, *BIRTHS, crashes=1),
    a_scenario("one image, two events, two crashes", TWICE, born(NEW), crashes=2),
    a_scenario("two images, events lost", (), *BIRTHS, is_lossy=True),
    a_scenario(
        "two images, one event lost, a crash", (heard(NEW),), *BIRTHS, crashes=1, is_lossy=True
    ),
    a_scenario("two images, a stale read", BOTH, *BIRTHS, stale=1),
    a_scenario("two images, a person moves back", BOTH, *BIRTHS, MOVES_BACK),
    a_scenario("one image, a person moves back, a crash", TWICE, born(NEW), MOVES_BACK, crashes=1),
    a_scenario("two images, a person holds and moves back", BOTH, *BIRTHS, HOLDS, MOVES_BACK_HELD),
    a_scenario("one image, a hold comes and goes", (*TWICE, RESUMED), born(NEW), HOLDS, RESUMES),
    a_scenario("one image, a person only observes", TWICE, born(NEW), OBSERVES, crashes=1),
    a_scenario("one image, a person makes their version the default", TWICE, born(NEW), RELEASES),
    a_scenario("one image, a person drafts", TWICE, born(NEW), DRAFTS),
    a_scenario(
        "one image, a person holds, moves back and resumes",
        (heard(NEW), RESUMED),
        born(NEW),
        HOLDS,
        MOVES_BACK_HELD,
        RESUMES,
    ),
    a_scenario(
        "the current image is quarantined, an older one appears",
        (heard(OLDER),),
        born(OLDER),
        quarantines(OLD),
    ),
    a_scenario(
        "two images, a person moves back, the older one vanishes",
        (heard(NEW), lost(OLD)),
        born(NEW),
        MOVES_BACK,
        vanishes(OLD),
    ),
    a_scenario("two images, the newer one is quarantined", BOTH, *BIRTHS, quarantines(NEWER)),
    a_scenario(
        "the current image vanishes, another appears",
        (heard(NEW), lost(OLD)),
        born(NEW),
        vanishes(OLD),
        world=a_start(OLDER, OLD),
    ),
    a_scenario(
        "the current image is disabled, a crash",
        (lost(OLD, "is disabled", "disabled"),),
        is_disabled(OLD),
        world=a_start(OLDER, OLD),
        crashes=1,
    ),
    a_scenario(
        "a new image vanishes again",
        (heard(NEW), lost(NEW)),
        born(NEW),
        vanishes(NEW, after=f"{NEW[-4:]} appears"),
    ),
    a_scenario("two images, a write lands late", BOTH, *BIRTHS, crashes=1, late=1),
    a_scenario(
        "the current image is disabled and enabled again, a crash",
        (disabled(NEW), back(NEW)),
        is_disabled(NEW),
        is_enabled(NEW),
        world=a_start_on(NEW, OLD),
        crashes=1,
    ),
    a_scenario(
        "the current image is disabled and enabled again, a person moves back",
        (disabled(NEW), back(NEW)),
        is_disabled(NEW),
        is_enabled(NEW),
        MOVES_BACK,
        world=a_start_on(NEW, OLD),
    ),
)

ONE_WRITER = (
    *(
        replace(scenario, name=f"one writer: {scenario.name}", one_writer=True)
        for scenario in TWO_RUNS
        if not scenario.late
    ),
    a_scenario(
        "one writer: one image, two events, tokens forgotten",
        TWICE,
        born(NEW),
        FORGETS,
        crashes=2,
        one_writer=True,
    ),
    a_scenario(
        "one writer: two images are disabled one after the other, and enabled again",
        (disabled(NEWER), disabled(NEW), back(NEW), back(NEWER)),
        is_disabled(NEWER),
        replace(is_disabled(NEW), after=f"{NEWER[-4:]} is disabled"),
        is_enabled(NEW),
        is_enabled(NEWER),
        world=a_start_on(NEWER, OLD, NEW),
        one_writer=True,
    ),
    a_scenario(
        "one writer: an image is disabled and enabled again, a person moves back, a crash",
        (disabled(NEW), back(NEW)),
        is_disabled(NEW),
        is_enabled(NEW),
        MOVES_BACK,
        world=a_start_on(NEW, OLD),
        crashes=1,
        one_writer=True,
    ),
)

THRICE = (*TWICE, heard(NEWER))

LONG = (
    a_scenario("two images, a person makes their version the default", BOTH, *BIRTHS, RELEASES),
    a_scenario("two images, a person drafts", BOTH, *BIRTHS, DRAFTS),
    a_scenario("two images, a person moves back, a crash", BOTH, *BIRTHS, MOVES_BACK, crashes=1),
    a_scenario("two images, a person moves back, a stale read", BOTH, *BIRTHS, MOVES_BACK, stale=1),
    a_scenario("two images, two crashes, two writes land late", BOTH, *BIRTHS, crashes=2, late=2),
    a_scenario("two images, two stale reads", BOTH, *BIRTHS, stale=2),
    a_scenario("three runs, two images", THRICE, *BIRTHS),
    a_scenario("three runs, one image, a crash", (*TWICE, heard(NEW)), born(NEW), crashes=1),
    a_scenario(
        "three runs, one image, a person moves back", (*TWICE, heard(NEW)), born(NEW), MOVES_BACK
    ),
)
