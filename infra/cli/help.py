"""What `--help` prints: what typer's own module would print, in half the time.

Typer's imports a parser of Markdown, syntax highlighting and rich's tracebacks, which takes longer
than everything else that a `--help` does. tests/infra/cli/test_start.py compares the two.
"""

from collections.abc import Iterator
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.highlighter import RegexHighlighter
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.theme import Theme
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from infra.cli.console import ClosingConsole


class Command(TyperCommand):
    """A verb."""

    def format_help(self, ctx: Any, _formatter: Any) -> None:
        _print_help(_console(), self, ctx)


class CommandGroup(TyperGroup):
    """A group of verbs: its help also lists them."""

    def format_help(self, ctx: Any, _formatter: Any) -> None:
        console = _console()
        _print_help(console, self, ctx)
        verbs = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        width = max(len(verb.name or "") for verb in verbs if verb)
        panels: dict[str, Table] = {}
        for verb in verbs:
            title = getattr(verb, "rich_help_panel", None) or "Commands"
            table = panels.setdefault(title, _table_of_verbs(width))
            if verb:
                table.add_row(Text(verb.name or ""), _marked_up(verb.help or ""))
        for title, table in panels.items():
            console.print(_panel(title, table))


class _Switches(RegexHighlighter):
    highlights = [
        r"(^|\W)(?P<switch>\-\w+)(?![a-zA-Z0-9])",
        r"(^|\W)(?P<option>\-\-[\w\-]+)(?![a-zA-Z0-9])",
        r"(?P<types>\<[^\>]+\>)",
        r"(?P<usage>Usage: )",
    ]


class _Types(RegexHighlighter):
    highlights = [
        r"^(?P<types_sep>(\[|<))",
        r"(?P<types_sep>\|)",
        r"(?P<types_sep>(\]|>))(\.\.\.)?$",
    ]


_SWITCHES = _Switches()
_TYPES = _Types()
_THEME = {
    "option": "bold cyan",
    "switch": "bold green",
    "types": "bold yellow",
    "types_sep": "dim",
    "usage": "yellow",
}


def _console() -> Console:
    return ClosingConsole(theme=Theme(_THEME), highlighter=_SWITCHES)


def _marked_up(text: str, style: str = "") -> Text:
    return _SWITCHES(Text.from_markup(text, style=style))


def _print_help(console: Console, command: TyperCommand | TyperGroup, ctx: Any) -> None:
    """The usage, the help's paragraphs, a panel of arguments and one of options."""
    console.print(Padding(_SWITCHES(command.get_usage(ctx)), 1), style="bold")
    first, _, rest = (command.help or "").partition("\n\n")
    paragraphs = [_marked_up(first)]
    if rest:
        paragraphs += [Text(""), _marked_up(rest, "dim")]
    console.print(Padding(Group(*paragraphs), (0, 1, 1, 1)))
    params = command.get_params(ctx)
    for title, kind in (("Arguments", TyperArgument), ("Options", TyperOption)):
        if of_kind := [one for one in params if isinstance(one, kind) and not one.hidden]:
            console.print(_panel(title, _table_of_params(of_kind, ctx)))


def _panel(title: str, table: Table) -> Panel:
    return Panel(table, border_style="dim", title=title, title_align="left")


def _table_of_verbs(width: int) -> Table:
    table = Table(show_header=False, expand=True, box=None, pad_edge=False, padding=(0, 1))
    table.add_column(style="bold cyan", no_wrap=True, width=width)
    table.add_column(ratio=10)
    return table


def _table_of_params(params: list[Any], ctx: Any) -> Table:
    table = Table(
        highlight=True, show_header=False, expand=True, box=None, pad_edge=False, padding=(0, 1)
    )
    has_star = any(param.required for param in params)
    for param in params:
        star = [Text("*", style="red") if param.required else ""] if has_star else []
        table.add_row(*star, *_row(param, ctx))
    return table


def _row(param: Any, ctx: Any) -> Iterator[RenderableType]:
    """Its long names, its short ones or that of an argument, two columns of no use, type, help."""
    is_argument = isinstance(param, TyperArgument)
    long = [name for name in param.opts if name.startswith("--")]
    short = [name for name in param.opts if not name.startswith("--")]
    yield _SWITCHES(",".join(long))
    yield _SWITCHES(param.display_name_raw if is_argument else ",".join(short))
    yield ""
    yield ""
    yield _TYPES(_type(param, ctx))
    yield Columns(_described(param))


def _type(param: Any, ctx: Any) -> Text:
    text = Text(param.display_type_rich(ctx=ctx) or "", style="bold yellow", overflow="fold")
    if isinstance(param, TyperOption) and param.min is not None:
        text.append(
            f" [x>={param.min}]" if param.max is None else f" [{param.min}<=x<={param.max}]"
        )
    return text


def _described(param: Any) -> Iterator[Text]:
    yield _marked_up(param.help or "")
    if param.envvar and param.show_envvar:
        yield Text(f"[env var: {param.envvar}]", style="dim yellow")
    if isinstance(param.show_default, str):
        yield Text(f"[default: ({param.show_default})]", style="dim")
    elif param.show_default and param.default not in (None, False):
        yield Text(f"[default: {param.default}]", style="dim")
    if param.required:
        yield Text("[required]", style="dim red")
