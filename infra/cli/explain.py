"""`ami-reactor explain`: why a template, group, instance or image is where it is."""

import typer
from rich.tree import Tree

from infra.cli.account import account_of
from infra.cli.render import out, outside, print_gaps, print_json, progress_line
from infra.operate.explain import Explainer, Level, Node
from infra.operate.paging import Gaps

_STYLES: dict[Level, str] = {"ok": "green", "warn": "yellow", "fail": "bold red", "": ""}


def run_explain(
    *,
    what: str,
    profile: str | None,
    region: str | None,
    stack: str,
    as_json: bool,
) -> None:
    gaps = Gaps()
    with account_of(profile, region) as account:
        with progress_line() as progress:
            nodes = list(Explainer(account, stack, gaps, progress).explain(what))
        for node in nodes:
            if as_json:
                print_json(node)
            else:
                out.print(_tree(node))
        print_gaps(gaps)
        raise typer.Exit(1 if gaps else 0)


def _tree(node: Node) -> Tree:
    tree = Tree(outside(node.what, "bold"))
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: Node) -> None:
    for child in node.below:
        _grow(tree.add(outside(child.what, _STYLES[child.mood])), child)
