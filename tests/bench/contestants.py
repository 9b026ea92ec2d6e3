"""The functions that the benchmarks start: the reactor as it is deployed, and what one might write.

All have Lambda's own folder on their path: awslambdaric and, as in Lambda, boto3. Libraries are the
versions that `handlers/requirements.txt` pins, for all of them. Each trusts the authorities that it
would trust in Lambda, and one more: the embedded AWS's.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handlers.clients import AUTHORITIES
from infra.deploy.archive import CHECKOUT, make_archive
from infra.deploy.requirements import target_named
from tests.support.builders import ACCOUNT, INSTANCE, REGION, TEMPLATE
from tests.support.lambda_runtime import Function, runtime_folder
from tests.support.tls import certificate

_RIVALS = Path(__file__).parent / "rivals"
_NAIVE = ("aws-lambda-powertools[parser,tracer]", "boto3")


@dataclass(frozen=True)
class Contestant:
    """A function, and the bytes of what is deployed for it."""

    name: str
    function: Function
    certificate: Path
    zipped: int
    unpacked: int


def contestants(work: Path) -> list[Contestant]:
    """All of them, made in that folder: the plain script, and ours right after it.

    What is compared ought to be measured at the same time.
    """
    compiled, sources = _runtime(work / "runtime"), work / "runtime_without_pyc"
    shutil.copytree(compiled, sources, ignore=shutil.ignore_patterns("__pycache__"))
    certificate, bundle = _trust(work, compiled)
    return [
        _rival("plain script", "plain", compiled, certificate, bundle),
        _ours(compiled, certificate),
        _rival("plain script, no .pyc", "plain", sources, certificate, bundle),
        _rival("with SourceVersion", "source_version", compiled, certificate, bundle),
        _rival("naive, no .pyc", "naive", sources, certificate, bundle, *_NAIVE),
        _rival("signed by hand", "signed", compiled, certificate, certificate),
    ]


def plain_and_ours(work: Path) -> list[Contestant]:
    runtime = _runtime(work / "runtime")
    certificate, bundle = _trust(work, runtime)
    plain = _rival("plain script", "plain", runtime, certificate, bundle)
    return [plain, _ours(runtime, certificate)]


def _trust(work: Path, runtime: Path) -> tuple[Path, Path]:
    """The embedded AWS's certificate, and botocore's authorities with it among them."""
    made, bundle = certificate(work), work / "bundle.pem"
    bundle.write_text((runtime / "botocore" / "cacert.pem").read_text() + made.read_text())
    return made, bundle


def _ours(runtime: Path, certificate: Path) -> Contestant:
    work = certificate.parent
    archive = make_archive(target_named("host"), work / "ours.zip", _quiet)
    code = work / "ours"
    with zipfile.ZipFile(archive.path) as unpacked:
        unpacked.extractall(code)
    with (code / AUTHORITIES.name).open("a") as authorities:
        authorities.write(certificate.read_text())
    function = _function(code, runtime, "handlers.reactor.lambda_handler")
    return Contestant("ami-reactor", function, certificate, archive.size, archive.unpacked)


def _rival(
    name: str,
    module: str,
    runtime: Path,
    certificate: Path,
    bundle: Path,
    *libraries: str,
) -> Contestant:
    code = certificate.parent / name
    code.mkdir()
    shutil.copy(_RIVALS / f"{module}.py", code)
    if libraries:
        _install(code, *libraries)
    files = [path for path in code.rglob("*") if path.is_file()]
    archive = code.with_name(f"{name}.zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as whole:
        for path in files:
            whole.write(path, path.relative_to(code))
    return Contestant(
        name,
        _function(code, runtime, f"{module}.lambda_handler", AWS_CA_BUNDLE=str(bundle)),
        certificate,
        zipped=archive.stat().st_size,
        unpacked=sum(path.stat().st_size for path in files),
    )


def _function(code: Path, runtime: Path, handler: str, **environment: str) -> Function:
    return Function(
        code=code,
        runtime=runtime,
        handler=handler,
        account=ACCOUNT,
        region=REGION,
        environment={
            "IMAGE_NAME": f"AwsBackup_{INSTANCE}_*",
            "LAUNCH_TEMPLATE_ID": TEMPLATE,
            "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's disk is read-only
            **environment,
        },
    )


def _runtime(folder: Path) -> Path:
    folder.mkdir()
    _install(folder, "boto3")
    for linked in runtime_folder(folder).iterdir():
        if linked.is_symlink() and linked.is_dir():
            source = linked.resolve()
            linked.unlink()
            shutil.copytree(source, linked, ignore=shutil.ignore_patterns("__pycache__"))
    compile_all = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, *compile_all, str(folder)], check=True)
    return folder


def _install(folder: Path, *libraries: str) -> None:
    pins = folder.with_name(f"{folder.name}.pins")
    pinned = (CHECKOUT / "handlers" / "requirements.txt").read_text()
    pins.write_text("\n".join(re.findall(r"^\S+==\S+", pinned, re.MULTILINE)))
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    where = ["--no-compile", "--target", str(folder), "--constraint", str(pins)]
    subprocess.run([*pip, "--no-warn-conflicts", *where, *libraries], check=True)


_quiet: Callable[[str], None] = str  # its progress is not shown
