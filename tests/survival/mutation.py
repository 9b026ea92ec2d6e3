"""Mutants of the code that decides and promotes: which of them do the tests let live?

Needs `pip install cosmic-ray`, whose operators make the mutants. Its own runner changes files in
place and starts an interpreter for each mutant; here a copy of the checkout is changed, and a
child is forked from a process that has imported all the libraries.

    python -m tests.survival.mutation [MODULE.py ...]
"""

import ast
import difflib
import hashlib
import importlib
import json
import os
import resource
import sys
from collections import Counter
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
    "models/fit.py",
    "models/selectors.py",
    "models/ripening.py",
    "models/image.py",
    "handlers/promotion.py",
    "models/guard.py",
)
PURE_TESTS = (
    "tests/models/test_guard.py",
    "tests/models/test_decision.py",
    "tests/models/test_ripening.py",
    "tests/survival/test_mutants.py",
)
TESTS = (
    "tests/handlers/test_reaction.py",
    "tests/survival/test_found.py",
    "tests/survival/test_adversary.py",
    "tests/handlers/test_guarding.py",
    "tests/survival/test_interleavings.py",
)
_QUICK = (
    "not broken_promotion and not seen_to_fail and not second_page and not 10_000"
    " and (not two_runs_at_once or anywhere)"
)
_LIBRARIES = (
    "aws_lambda_powertools", "boto3", "hypothesis", "moto.autoscaling.models", "moto.awslambda",
    "moto.cloudformation.models", "moto.ec2.models", "moto.events.models", "moto.sqs.models",
    "pydantic", "pytest", "rich", "typer", "yaml",
)  # fmt: skip
_JOBS = 2
_CPU_SECONDS = 150
_MEMORY_BYTES = 3 * 1024**3
_OF_A_KIND = 2
_TELLING = ("_Add", "_Sub", "_BitOr", "_BitAnd")  # other operators know no sets and no texts
_ALL_PASSED, _SOME_FAILED = 0, 1  # pytest's exit codes; any other: it could not even begin


class Mutant(NamedTuple):
    """One change of one module, as the lines of a diff."""

    module: str
    source: str
    diff: str


def mutants(module: str) -> Iterator[Mutant]:
    """What cosmic-ray's operators make of it: two at most of a kind on one line.

    Eight other comparisons in the place of one tell no more than two. What changes types alone is
    left out.
    """
    plugins, mutating = map(importlib.import_module, ("cosmic_ray.plugins", "cosmic_ray.mutating"))
    source = (ROOT / module).read_text()
    seen = {"", _behaviour(source)}
    kinds: Counter[tuple[str, str]] = Counter()
    for name in sorted(plugins.operator_names()):
        is_odd = "ReplaceBinaryOperator" in name and not name.endswith(_TELLING)
        if is_odd or "Variable" in name:  # those need to be told of variables
            continue
        operator, number = plugins.get_operator(name)(), 0
        while (mutated := mutating.mutate_code(source, operator, number)) is not None:
            number += 1
            behaviour, diff = _behaviour(mutated), _diff(source, mutated)
            kind = (name.partition("_")[0], diff.partition("\n")[0])
            if behaviour not in seen and kinds[kind] < _OF_A_KIND:
                seen.add(behaviour)
                kinds[kind] += 1
                yield Mutant(module, mutated, diff)


def _behaviour(source: str) -> str:
    """The program without its annotations; nothing if it is none."""

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

    try:
        return ast.dump(Untyped().visit(ast.parse(source)))
    except SyntaxError:
        return ""


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def fate(mutant: Mutant) -> str:
    """`killed`, `survived`, or `stillborn` if its module could not even be imported.

    The pure tests go first: they need no account.
    """
    with TemporaryDirectory() as folder:
        checkout = Path(folder)
        _copy(checkout)
        (checkout / mutant.module).write_text(mutant.source)
        quick = _tested(checkout, PURE_TESTS)
        return quick if quick != "survived" else _tested(checkout, TESTS)


def _tested(checkout: Path, tests: tuple[str, ...]) -> str:
    child = os.fork()
    if not child:
        _run_tests(checkout, tests)
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


def _run_tests(checkout: Path, tests: tuple[str, ...]) -> None:
    """Never returns: the child ends with pytest's exit code."""
    os.setpgid(0, 0)
    # a mutant that goes round for ever, or makes ever more of something, is killed by these
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
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
        # without the project's own options, which are xdist's
        how = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-k", _QUICK]
        os._exit(int(pytest.main([*how, *tests])))
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
        "source": hashlib.sha256((ROOT / module).read_bytes()).hexdigest()[:12],
        "mutants": len(made),
        "killed": fates.count("killed"),
        "stillborn": fates.count("stillborn"),
        "survived": survivors,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
