"""Imports cost nothing, and name only what is installed with the package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions

ABOVE = {"cli", "__main__", "__init__"}  # may speak of the package as a whole


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def imports(source, *, run_at_import: bool) -> set[str]:
    """Modules that a file imports: with `run_at_import` only those outside functions and `if TYPE_CHECKING`."""
    names: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if run_at_import and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(source.tree)
    return names


def foreign(names: set[str]) -> set[str]:
    return {n for n in names if n.partition(".")[0] not in {*sys.stdlib_module_names, "swinkit"}}


def canonical(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]).lower()


@cache
def providers() -> dict[str, list[str]]:
    return {name: [canonical(p) for p in packages] for name, packages in packages_distributions().items()}


def distributions(names: set[str]) -> set[str]:
    """The packages that install these modules."""
    roots = {name.partition(".")[0] for name in foreign(names)}
    return {package for root in roots for package in providers().get(root, [root])}


def declared(root) -> tuple[set[str], dict[str, set[str]]]:
    """Packages that always come with swinkit, and those of each extra."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = {name: {canonical(line) for line in lines} for name, lines in project["optional-dependencies"].items()}
    return {canonical(line) for line in project["dependencies"]}, {n: e for n, e in extras.items() if n != "test"}


def test_importing_swinkit_does_not_import_torch():
    assert python("-c", "import sys, swinkit; print('torch' in sys.modules)").strip() == "False"


def test_help_does_not_import_torch():
    script = (
        "import runpy, sys; sys.argv = ['swinkit', '--help']\n"
        "try: runpy.run_module('swinkit', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('torch' in sys.modules)"
    )
    assert python("-c", script).splitlines()[-1] == "False"


def test_nothing_below_the_command_line_imports_the_whole_package(sources, root):
    rooms = {path.stem for path in (root / "src" / "swinkit").iterdir()}
    whole = []
    for source in sources:
        for node in source.walk(ast.Import, ast.ImportFrom) if source.room not in ABOVE else ():
            names = {alias.name for alias in node.names}
            if "swinkit" in names or (getattr(node, "module", "") == "swinkit" and not names <= rooms):
                whole.append(source.at(node))
    assert not whole


def test_imports_are_absolute(sources):
    assert not [source.at(node) for source in sources for node in source.walk(ast.ImportFrom) if node.level]


GUARDED = {f"src/swinkit/ops/attention/fused_{part}.py": "triton" for part in ("kernels", "wide", "op")}
"""Module -> the extra that it needs at import; only functions import it, where that extra is known to be there."""


def test_guarded_modules_are_imported_by_functions_only(sources):
    names = {name.removeprefix("src/").removesuffix(".py").replace("/", ".") for name in GUARDED}
    for source in sources:
        if source.name not in GUARDED:
            assert not names & set(imports(source, run_at_import=True)), source.name


def test_what_is_imported_is_declared(sources, root):
    core, extras = declared(root)
    undeclared = {}
    for source in sources:
        # the room of an extra is imported by those who have it, and so is a guarded module
        own = extras.get(source.room, set()) | extras.get(GUARDED.get(source.name, ""), set())
        at_import = distributions(imports(source, run_at_import=True)) - core - own
        everywhere = distributions(imports(source, run_at_import=False)) - core - set().union(*extras.values())
        if missing := at_import | everywhere:
            undeclared[source.name] = missing
    assert not undeclared, "the core declares what modules import, extras what functions import"


def test_what_is_declared_is_imported(sources, root):
    core, _ = declared(root)
    used = set().union(*(distributions(imports(source, run_at_import=False)) for source in sources))
    unused = core - used
    assert not unused


def test_weights_know_only_the_configuration_of_the_backbone(sources):
    allowed = ("swinkit.weights", "swinkit.backbone.config", "swinkit.types", "swinkit.files")
    ours = {
        f"{source.name}: {name}"
        for source in sources
        if source.room == "weights"
        for name in imports(source, run_at_import=False)
        if name.startswith("swinkit") and not name.startswith(allowed)
    }
    assert not ours
