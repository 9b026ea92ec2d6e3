"""The table of facts as the manual shows it."""

from collections.abc import Iterable, Iterator

from infra.operate.verify.fact import Fact, Stage

_ASKED = {
    Stage.TEMPLATES: "`verify`",
    Stage.EVENTS: "`--events`",
    Stage.STACK: "`--stack`",
    None: "no",
}


def table(facts: Iterable[Fact]) -> str:
    """Markdown: a row a fact."""
    return "".join(f"{line}\n" for line in _lines(facts))


def _lines(facts: Iterable[Fact]) -> Iterator[str]:
    yield "| AWS does | sure? | asked? | on it rests | and if not |"
    yield "|---|---|---|---|---|"
    for fact in facts:
        source = f"[{fact.grade}]({fact.source})" if _is_link(fact) else fact.grade
        files = dict.fromkeys(place.partition(" ")[0] for place in fact.rests)
        rests = ", ".join(f"`{file}`" for file in files)
        cells = (fact.claim, source, _ASKED[fact.stage], rests, fact.otherwise)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _is_link(fact: Fact) -> bool:
    return fact.source.startswith("https://") and " " not in fact.source
