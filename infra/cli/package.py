"""`ami-reactor package`: the archive that the stack deploys."""

from pathlib import Path

from rich.table import Table

from infra.cli.render import err, out, outside, print_json, stop
from infra.deploy.archive import Archive, make_archive
from infra.deploy.requirements import BadTarget, PackagingFailed, target_named
from infra.deploy.template import ARCHIVE
from infra.replay.atomic_write import CannotWrite, check_can_write
from models.base import Value

_LARGEST = 10
_MIB = 1 << 20


class ArchivePart(Value):
    """A part of the archive: one of our rooms, or an installed package.

    Attributes:
        part: Its name.
        bytes: Its size in the archive.
        unpacked_bytes: Its size in Lambda.
    """

    part: str
    bytes: int
    unpacked_bytes: int


class PackageLine(Value):
    """The archive, as `package --json` prints it; a public interface.

    Attributes:
        path: The file that was written.
        target: The Python and the architecture that it runs on.
        bytes: The archive's size.
        unpacked_bytes: Its size in Lambda.
        code_sha256: Its hash, as Lambda prints it (CodeSha256).
        is_compiled: It holds compiled code; without, a cold start takes twice as long.
        parts: What is in it, the largest first.
    """

    path: str
    target: str
    bytes: int
    unpacked_bytes: int
    code_sha256: str
    is_compiled: bool
    parts: tuple[ArchivePart, ...]


def _line(archive: Archive) -> PackageLine:
    parts = archive.parts.items()
    return PackageLine(
        path=str(archive.path),
        target=archive.target.name,
        bytes=archive.size,
        unpacked_bytes=archive.unpacked,
        code_sha256=archive.sha256,
        is_compiled=archive.compiled_by is not None,
        parts=tuple(ArchivePart(part=part, bytes=z, unpacked_bytes=u) for part, (z, u) in parts),
    )


def run_package(
    *,
    to: Path | None,
    force: bool,
    target: str,
    full: bool,
    as_json: bool,
) -> None:
    try:
        wanted = target_named(target)
    except BadTarget as error:
        stop(f"--target {target}: {error}")
    to, is_ours = to or ARCHIVE, to is None
    try:
        check_can_write(to, force=force or is_ours)
    except CannotWrite as error:
        stop(f"--to {error}")
    try:
        with err.status("packaging") as status:
            archive = make_archive(wanted, to, status.update, is_full=full)
    except PackagingFailed as error:
        stop(f"package: {error}", status=1)
    if as_json:
        print_json(_line(archive))
    else:
        _show(archive)
    if archive.compiled_by is None:
        err.print(
            f"Not compiled ahead: python{wanted.python} is not on the PATH. The archive works, but"
            " each cold start compiles everything and takes about twice as long. Install it, for"
            f" example with `uv python install {wanted.python}`, and run package again.",
            style="yellow",
        )


def _show(archive: Archive) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("largest parts")
    table.add_column("MiB zipped", justify="right")
    table.add_column("unpacked", justify="right")
    for part, (zipped, unpacked) in list(archive.parts.items())[:_LARGEST]:
        table.add_row(part, _mib(zipped), _mib(unpacked))
    table.add_row("total", _mib(archive.size), _mib(archive.unpacked), style="bold")
    out.print(table)
    out.print()
    here = Path.cwd()
    path = archive.path.relative_to(here) if archive.path.is_relative_to(here) else archive.path
    out.print(outside(str(path)), soft_wrap=True)
    out.print(f"target {archive.target.name} · CodeSha256 {archive.sha256}", highlight=False)


def _mib(size: int) -> str:
    return f"{size / _MIB:.2f}"
