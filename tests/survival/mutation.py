"""Mutants of the code that decides and promotes: which of them do the tests let live?

Needs `pip install cosmic-ray`, whose operators make the mutants. Its own runner changes files in
place and starts an interpreter for each mutant; here a copy of the checkout is changed, and a
child is forked from a process that has imported all the libraries.

    python -m tests.survival.mutation [MODULE.py ...]
"""

import ast
import difflib
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("mutants.json")
MODULES = (
    "models/decision.py",
    "models/selectors.py",
    "models/image.py",
    "handlers/promotion.py",
    "handlers/observation.py",
)
TESTS = (
    "tests/test_decision.py",
    "tests/test_follows.py",
    "tests/test_reaction.py",
    "tests/survival/test_found.py",
    "tests/survival/test_adversary.py",
    "tests/survival/test_interleavings.py",
)
_NOT_RUN = "not broken_promotion and not seen_to_fail and not stale"  # they are slow, or about this
_LIBRARIES = (
    "aws_lambda_powertools", "boto3", "hypothesis", "moto.autoscaling.models", "moto.awslambda",
    "moto.cloudformation.models", "moto.ec2.models", "moto.events.models", "moto.sqs.models",
    "pydantic", "pytest", "rich", "samtranslator.translator.transform", "typer", "yaml",
)  # fmt: skip
_JOBS = 2
_SECONDS = 150
_ALL_PASSED, _SOME_FAILED = 0, 1  # pytest's exit codes; any other: it could not even begin


class Mutant(NamedTuple):
    """One change of one module, as the lines of a diff."""

    module: str
    source: str
    diff: str


def mutants(module: str) -> Iterator[Mutant]:
    """All that cosmic-ray's operators make of it, but for those that change types alone."""
    plugins, mutating = map(importlib.import_module, ("cosmic_ray.plugins", "cosmic_ray.mutating"))
    source = (ROOT / module).read_text()
    seen = {_behaviour(source)}
    for name in sorted(plugins.operator_names()):
        if "Variable" in name:  # these need to be told of variables
            continue
        operator, number = plugins.get_operator(name)(), 0
        while (mutated := mutating.mutate_code(source, operator, number)) is not None:
            number += 1
            behaviour = _behaviour(mutated)
            if behaviour not in seen:
                seen.add(behaviour)
                yield Mutant(module, mutated, _diff(source, mutated))


def _behaviour(source: str) -> str:
    """The program without its annotations."""

    class Untyped(ast.NodeTransformer):
        def visit_arg(self, node: ast.arg) -> ast.arg:
            node.annotation = None
            return node

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
            node.returns = None
            self.generic_visit(node)
            return node

        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
            node.annotation = ast.Constant(None)
            self.generic_visit(node)
            return node

    return ast.dump(Untyped().visit(ast.parse(source)))


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def fate(mutant: Mutant) -> str:
    """`killed`, `survived`, or `stillborn` where its module could not even be imported."""
    with TemporaryDirectory() as folder:
        checkout = Path(folder)
        _copy(checkout)
        (checkout / mutant.module).write_text(mutant.source)
        child = os.fork()
        if not child:
            _run_tests(checkout)
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    code = os.waitstatus_to_exitcode(status)
    return {_ALL_PASSED: "survived", _SOME_FAILED: "killed"}.get(code, "stillborn")


def _copy(checkout: Path) -> None:
    for part in ("models", "handlers"):
        (checkout / part).mkdir()
        for file in (ROOT / part).glob("*.py"):
            (checkout / part / file.name).write_bytes(file.read_bytes())
    for part in ("tests", "infra"):
        (checkout / part).symlink_to(ROOT / part)
    (checkout / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())


def _run_tests(checkout: Path) -> None:
    """Never returns: the child ends with pytest's exit code."""
    signal.alarm(_SECONDS)  # a mutant that goes round for ever is killed by it
    with suppress(BaseException):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os.chdir(checkout)
        sys.dont_write_bytecode = True
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they complain of being imported before
        sys.path.insert(0, str(checkout))
        for name in [m for m in sys.modules if m.split(".")[0] == "tests"]:
            del sys.modules[name]
        pytest = importlib.import_module("pytest")
        how = ["-x", "-q", "-p", "no:cacheprovider", "-k", _NOT_RUN]
        os._exit(int(pytest.main([*how, *TESTS])))
    os._exit(3)


def main(modules: list[str]) -> None:
    for library in _LIBRARIES:
        importlib.import_module(library)
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    decision = (ROOT / MODULES[0]).read_text()
    if (unchanged := fate(Mutant(MODULES[0], decision, ""))) != "survived":
        raise SystemExit(f"the tests do not pass without any mutant: {unchanged}")
    for module in modules or MODULES:
        results[module] = _result(module)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")


def _result(module: str) -> dict[str, Any]:
    made = list(mutants(module))
    with ThreadPoolExecutor(_JOBS) as jobs:
        fates = list(jobs.map(fate, made))
    survivors = [m.diff for m, f in zip(made, fates, strict=True) if f == "survived"]
    sys.stdout.write(f"{module}: {len(made)} mutants, {len(survivors)} survived\n")
    sys.stdout.writelines(f"{diff}\n\n" for diff in survivors)
    return {
        "mutants": len(made),
        "killed": fates.count("killed"),
        "stillborn": fates.count("stillborn"),
        "survived": survivors,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
