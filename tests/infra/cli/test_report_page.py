"""The page of `ami-reactor report --html`: text from outside, and in a real browser."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from infra.cli.fleets import Found, Target
from infra.cli.report_page import COLUMNS, pieces_of_page
from infra.operate.account import Account
from infra.operate.report import Reported, ReportLine, not_read
from infra.operate.timeline import How, Lane, Stay, Timeline
from models.base import Place
from tests.support.browser import Browser, browser, why_no_browser
from tests.support.builders import ACCOUNT, NEW, NEWER, NOON, OLD, REGION

NASTY = """<script>fail("x")</script><img src=x onerror='fail()'>"&{{ 7 * 7 }}"""
PLACE = Place(account=ACCOUNT, region=REGION)
AGES = {"web-1": 9, "web-2": 100, "web-3": 20, "web-4": None}
BEHIND = {"web-1": 0, "web-2": 2, "web-3": 1, "web-4": None}


def a_row(name: str, image_id: str = OLD, **fields: object) -> ReportLine:
    age = AGES.get(name)
    return ReportLine.model_validate(
        {
            "kind": "instance",
            "account": ACCOUNT,
            "region": REGION,
            "launch_template_id": f"lt-{name}",
            "launch_template_name": name,
            "default_version": 1,
            "version": 1,
            "group": "web",
            "instance_id": f"i-{name}",
            "image_id": image_id,
            "image_created": None if age is None else "2026-06-15T17:00:31.000Z",
            "image_age_days": age,
            "images_behind": BEHIND.get(name),
            "held": False,
            "last_refresh": "none",
            **fields,
        }
    )


ROWS = [
    a_row("web-1", NEW),
    a_row("web-2", held=True, held_by="jane", held_since="2026-06-15T17:00:00.000Z"),
    a_row("web-3", NEWER, group=NASTY, held=True, hold_reason=NASTY),
    a_row("web-4", "ami-0dead000000000001"),
]


TIMELINE = Timeline(
    template_id="lt-web-1",
    template_name="web-1",
    default_version=1,
    lanes=(
        Lane(
            image_id=NEW,
            created=NOON,
            stays=(Stay(version=1, image_id=NEW, since=NOON, how=How.CREATED),),
            is_current=True,
        ),
    ),
    holds=(),
    now=NOON + timedelta(days=9),
)


def a_page(
    rows: list[ReportLine] = ROWS,
    error: str | None = None,
    timeline: Timeline | None = None,
    names: tuple[str, ...] = (),
) -> str:
    account = Account(None, PLACE, "")  # type: ignore[arg-type] nothing is asked
    found = [
        Found(
            Target(None, None, REGION),
            account,
            shown=(Reported(tuple(rows), timeline),) if rows else (),
        )
    ]
    if error:
        found.append(Found(Target(NASTY, None, None), error=(error, 1)))
    listed = [*rows, *([not_read(None, NASTY, error)] if error else [])]
    return "".join(pieces_of_page(found, listed, names, NOON))


def test_it_names_no_address_and_only_its_own_style_and_script_run():
    page = a_page()

    assert not re.search(
        r"https?:|//\w|@import|url\(|<link|<iframe|\bsrc=(?!x )|\son\w+=[\"']", page
    )
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    hashes = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name in ("style", "script")
        for text in re.findall(f"<{name}>(.*?)</{name}>", page, re.DOTALL)
    }
    assert policy.replace("&#39;", "'").split("; ")[:3] == [
        "default-src 'none'",
        f"style-src 'sha256-{hashes['style']}'",
        f"script-src 'sha256-{hashes['script']}'",
    ]


def test_text_from_outside_is_text():
    page = a_page(error=NASTY)

    assert "<script>fail" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;fail(&#34;x&#34;)&lt;/script&gt;") >= 6
    assert "{{ 7 * 7 }}" in page


def test_what_could_not_be_read_is_at_its_top():
    page = a_page(error="ExpiredToken")

    assert page.index("this report is not complete") < page.index("Summary")
    assert page.count("ExpiredToken") == 2  # there, and beside its account
    assert "not complete" not in a_page()


def test_it_says_when_and_of_what_it_was_made():
    page = a_page()

    assert "Made 2026-06-15 12:00 UTC" in page
    assert "from 1 account and Region." in " ".join(page.split())
    assert '<html lang="en">' in page
    assert "<title>Images in use · 2026-06-15 12:00 UTC</title>" in page
    assert page.endswith("</html>\n")


def test_it_says_of_which_templates_it_was_made():
    assert "Only launch templates" not in a_page()
    assert "Only launch templates called web-*, &lt;b&gt;." in a_page(names=("web-*", "<b>"))

    nothing = a_page([])
    assert "No launch template that was read has the tag ami-reactor." in nothing
    assert "<script>" not in nothing


# -- in a browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if why_not := why_no_browser():
        pytest.skip(why_not)
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(a_page(error="ExpiredToken", timeline=TIMELINE), encoding="utf-8")
    with browser() as window:
        window.open(file)
        yield window


def shown_names(window: Browser) -> list[str]:
    rows = "[...document.querySelectorAll('#sorted tbody tr')]"
    return window.script(f"return {rows}.filter(r => !r.hidden).map(r => r.cells[0].innerText)")


def sorts(window: Browser) -> list[str]:
    """What each heading tells a screen reader of the order."""
    heads = "[...document.querySelectorAll('#sorted thead th')]"
    return window.script(f"return {heads}.map(h => h.getAttribute('aria-sort'))")


def click(window: Browser, title: str) -> None:
    number = [name for name, _ in COLUMNS].index(title) + 1
    window.click(f"#sorted thead th:nth-child({number}) button")


def test_a_click_sorts_by_that_column_as_numbers_with_the_unknown_last(opened):
    assert shown_names(opened) == ["web-1", "web-2", "web-3", "web-4"]

    click(opened, "Age in days")
    assert shown_names(opened) == ["web-1", "web-3", "web-2", "web-4"]
    click(opened, "Age in days")
    assert shown_names(opened) == ["web-2", "web-3", "web-1", "web-4"]
    assert [way for way in sorts(opened) if way] == ["descending"]

    click(opened, "Behind")
    assert shown_names(opened) == ["web-1", "web-3", "web-2", "web-4"]
    assert [(n, way) for n, way in enumerate(sorts(opened)) if way] == [(5, "ascending")]
    assert opened.complaints() == []


def test_only_the_rows_with_the_words_are_shown(opened):
    opened.type("#filter", "WEB-3")

    assert shown_names(opened) == ["web-3"]
    assert opened.script("return document.getElementById('shown').value") == "1 of 4 rows"

    opened.type("#filter", "\ue003" * 5)  # Backspace
    assert len(shown_names(opened)) == len(ROWS)


def test_the_name_of_a_template_leads_to_its_timeline(opened):
    is_open = "return document.querySelector('details').open"
    assert not opened.script(is_open)

    opened.click("#sorted tbody a")

    assert opened.script(is_open)
    assert opened.script("return document.querySelector('details svg').clientHeight") > 50
    fill = "return getComputedStyle(document.querySelector('.ami-timeline-current')).fill"
    assert opened.script(fill) != "rgb(0, 0, 0)"  # what it is without its style sheet


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_it_fits_and_can_be_read(opened, width, scheme):
    opened.show(width=width, scheme=scheme)

    inner, page = opened.script("return [innerWidth, document.documentElement.scrollWidth]")
    colours = opened.script(
        "const style = getComputedStyle(document.body);"
        "return [style.color, style.backgroundColor].map(c => c.match(/\\d+/g).map(Number))"
    )
    text, ground = (sum(colour) / 3 for colour in colours)
    assert inner == width
    assert page <= width
    assert abs(text - ground) > 150
    assert (text < ground) == (scheme == "light")
    assert opened.complaints() == []


def test_it_prints(opened):
    assert base64.b64decode(opened.printed())[:5] == b"%PDF-"
    assert opened.complaints() == []
