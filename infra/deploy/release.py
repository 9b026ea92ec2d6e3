"""A release: a folder from which one installs and deploys without building anything.

    python -m infra.deploy.release        # dist/ami-reactor-VERSION/, from a checkout

It holds the wheel, an archive for each processor, the stack's template for them, a CycloneDX list
of the libraries in the archives, and SHA256SUMS. The same checkout, interpreters and setuptools
make the same bytes, so anybody can make a release again and compare.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.deploy.archive import CHECKOUT, add_file, make_archive
from infra.deploy.bill_of_materials import bill_of_materials
from infra.deploy.requirements import PackagingFailed, Target, download, pip, target_named, why
from infra.deploy.template import released_template

TARGETS = ("python3.13-arm64", "python3.13-x86_64")

_IN_THE_WHEEL = ("models", "handlers", "infra", "pyproject.toml", "README.md", "LICENSE")
_SUMS = "SHA256SUMS"


def make_release(
    to: Path,
    targets: Sequence[Target],
    progress: Callable[[str], None],
    checkout: Path = CHECKOUT,
) -> Path:
    """Make the folder of the checkout's version in `to`; one that is there is replaced.

    Raises:
        PackagingFailed: A part cannot be made; the folder of an older run is as it was.
    """
    if not (checkout / "pyproject.toml").is_file():
        raise PackagingFailed("needs a checkout: the wheel holds no pyproject.toml")
    version = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"]
    name = f"ami-reactor-{version}"
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        progress("building the wheel")
        build_wheel(checkout, folder)
        libraries = {}
        for target in targets:
            archive = folder / f"ami-reactor-{target.name}.zip"
            _archive_of(target, archive, progress, checkout)
            libraries[archive] = _wheels(target, checkout, Path(temporary) / target.name)
        template = released_template(name, [target.name for target in targets])
        (folder / "packaged.yaml").write_text(template)
        listed = bill_of_materials(version, libraries, list(folder.glob("*.whl")))
        (folder / "ami-reactor.cdx.json").write_text(listed)
        (folder / _SUMS).write_text(_sums(folder))
        shutil.rmtree(to / name, ignore_errors=True)
        return Path(shutil.copytree(folder, to / name))


def build_wheel(checkout: Path, to: Path) -> Path:
    """Build the wheel, of a copy: a build leaves folders behind, and takes what an older one left.

    Raises:
        PackagingFailed: setuptools cannot be installed, or refuses.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_sources(checkout, copy)
        done = subprocess.run(
            [*pip("wheel"), "--no-deps", "--wheel-dir", str(to), str(copy)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise PackagingFailed(f"the wheel: {why(done.stdout)}")
    [wheel] = to.glob("*.whl")
    _zip_again(wheel)
    return wheel


def _zip_again(wheel: Path) -> None:
    """A build writes the files' times, and the modes that the umask decides, into a wheel."""
    with zipfile.ZipFile(wheel) as built:
        files = {name: built.read(name) for name in built.namelist()}
    with zipfile.ZipFile(wheel, "w") as again:
        for name, content in files.items():  # in setuptools' order, which is sorted, RECORD last
            add_file(again, name, content)


def _copy_sources(checkout: Path, copy: Path) -> None:
    for name in _IN_THE_WHEEL:
        source = checkout / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, copy / name)


def _archive_of(target: Target, to: Path, progress: Callable[[str], None], checkout: Path) -> None:
    archive = make_archive(target, to, progress, checkout)
    if archive.compiled_by is None:
        raise PackagingFailed(
            f"python{target.python} is not on the PATH, and without it an archive starts twice as"
            f" slowly; install it, for example with: uv python install {target.python}"
        )


def _wheels(target: Target, checkout: Path, to: Path) -> list[Path]:
    return download(target, checkout / "handlers" / "requirements.txt", to)


def _sums(folder: Path) -> str:
    """As `sha256sum -c` reads them."""
    files = sorted(path for path in folder.iterdir() if path.name != _SUMS)
    return "".join(f"{sha256_of(path)}  {path.name}\n" for path in files)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a release; exit status 1 if it cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy.release", description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("dist"), help="where its folder is made")
    asked = parser.parse_args(arguments)
    targets = [target_named(name) for name in TARGETS]
    try:
        folder = make_release(asked.to, targets, _say)
    except (PackagingFailed, OSError) as error:
        sys.exit(f"release: {error}")
    sys.stdout.write(f"{(folder / _SUMS).read_text()}{folder}\n")


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    main()
