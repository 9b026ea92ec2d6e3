"""The table of `report`: a line for each row if there is room, two if there is not."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group as Stacked
from rich.table import Table
from rich.text import Text

from infra.cli.render import counted, out, outside
from infra.cli.report_words import age_words, behind_words, held_words, refresh_words, version_words
from infra.operate.report import MAX_AGE_DAYS, ReportLine, is_too_old, summary

_ROOM = 120  # columns, from which on each row has one line


def show_rows(rows: Sequence[ReportLine], *, several: bool) -> None:
    """Print the numbers, the table, and below it what is held and how refreshes ended.

    Args:
        rows: Of instances, groups and templates.
        several: They may be of several accounts or Regions.
    """
    for line in _numbers(rows):
        out.print(line, highlight=False)
    if not rows:
        return
    out.print((_lines if out.width >= _ROOM else _blocks)(rows, several=several))
    below = dict.fromkeys(line for row in rows for line in _below(row, several=several))
    if below:
        out.print()
    for line in below:
        out.print(outside(line), soft_wrap=True)


def _numbers(rows: Iterable[ReportLine]) -> Iterator[str]:
    """One line of how much there is, and one of what is old, behind or held."""
    total = summary(rows)
    oldest = (
        f"; the oldest image is {counted(total.oldest.days, 'day')} old" if total.oldest else ""
    )
    yield (
        f"{counted(total.templates, 'launch template')}, {counted(total.groups, 'group')},"
        f" {counted(total.instances, 'instance')}{oldest}"
    )
    about = (
        (total.too_old, "instance", f" on an image older than {MAX_AGE_DAYS} days"),
        (total.unknown_age, "instance", " on an image of unknown age"),
        (total.behind, "instance", " behind"),
        (total.held, "launch template", " held"),
    )
    if found := [f"{counted(number, what)}{how}" for number, what, how in about if number]:
        yield ", ".join(found)


# -- a line for each row ---------------------------------------------------------------------------


def _lines(rows: Iterable[ReportLine], *, several: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    if several:
        table.add_column("Account", no_wrap=True)
        table.add_column("Region", no_wrap=True)
    for title in ("Template", "Group"):
        table.add_column(title, overflow="fold")
    table.add_column("Instance", no_wrap=True)
    if not several:
        table.add_column("Version", no_wrap=True)
    for title in ("Image", "Age", "Behind"):
        table.add_column(title, no_wrap=title != "Image", overflow="fold")
    for row in rows:
        table.add_row(
            *([row.account, row.region] if several else []),
            outside(row.launch_template_name or "", "bold"),
            outside(row.group or ""),
            row.instance_id or "none",
            *([] if several else [version_words(row)]),
            outside(row.image_id or "no image"),
            _age(row),
            _behind(row),
        )
    return table


def _age(row: ReportLine) -> Text:
    return Text(age_words(row), "yellow" if is_too_old(row) else "")


def _behind(row: ReportLine) -> Text:
    return Text(behind_words(row), "yellow" if row.images_behind else "")


# -- two lines for each row ------------------------------------------------------------------------


def _blocks(rows: Iterable[ReportLine], *, several: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("Template", overflow="fold", ratio=3)
    table.add_column("Instance and image", overflow="fold", ratio=3, min_width=21)
    table.add_column("Age", overflow="fold", ratio=3)
    for row in rows:
        where = [Text(f"{row.account} {row.region}")] if several else []
        group = [Text.assemble("ASG ", outside(row.group))] if row.group else []
        table.add_row(
            Stacked(outside(row.launch_template_name or "", "bold"), *group, *where),
            Stacked(Text(row.instance_id or "no instance"), outside(row.image_id or "no image")),
            Stacked(_age(row), _newer(row), Text(f"version {version_words(row)}")),
        )
    return table


def _newer(row: ReportLine) -> Text:
    if row.images_behind is None:
        return Text("behind: unknown")
    return Text(counted(row.images_behind, "newer image"), _behind(row).style)


# -- below the table -------------------------------------------------------------------------------


def _below(row: ReportLine, *, several: bool) -> Iterator[str]:
    """The hold of its template, and the last instance refresh of its group."""
    where = f"{row.account} {row.region} " if several else ""
    if row.held:
        yield f"{where}{row.launch_template_name}: {held_words(row, 'held')}"
    if row.group and row.last_refresh not in (None, "none", "not-asked"):
        yield f"{where}ASG {row.group}: last instance refresh: {refresh_words(row)}"
