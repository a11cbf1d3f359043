"""What a file from a stranger could use: it is not in the package at all, or in one known place."""

from __future__ import annotations

import ast

import pytest

PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
HARMLESS = {"UnpicklingError", "PickleError"}  # what torch's weights-only reader raises
NEVER = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
    "torch.hub.load",
    "torch.jit.load",
}
NEVER_METHODS = {"extractall", "unpack_archive"}


def dotted(node: ast.AST) -> str:
    """`a.b.c` for such an expression, else empty."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and dotted(node.value):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def keyword(call: ast.Call, name: str) -> object:
    """The constant given for a keyword argument, None where it is absent or not a constant."""
    return next((getattr(k.value, "value", None) for k in call.keywords if k.arg == name), None)


def findings(source) -> list[str]:
    """Every line that runs or unpacks what it is given."""
    found = []
    for node in source.walk(ast.Import):
        found += [f"{source.at(node)}: import {a.name}" for a in node.names if a.name in PICKLES - {"pickle"}]
    for node in source.walk(ast.ImportFrom):
        if node.module in PICKLES and not {alias.name for alias in node.names} <= HARMLESS:
            found.append(f"{source.at(node)}: from {node.module}")
    for node in source.walk(ast.Attribute):
        if dotted(node.value) == "pickle" and node.attr not in HARMLESS:
            found.append(f"{source.at(node)}: pickle.{node.attr}")
    for call in source.walk(ast.Call):
        name = dotted(call.func)
        method = name.rpartition(".")[2] or getattr(call.func, "attr", "")
        if name in NEVER or method in NEVER_METHODS:
            found.append(f"{source.at(call)}: {name or method}")
        if keyword(call, "shell") is True or keyword(call, "allow_pickle") is True:
            found.append(f"{source.at(call)}: {name} with shell or allow_pickle")
    return found


def torch_loads(source) -> list[ast.Call]:
    return [call for call in source.walk(ast.Call) if dotted(call.func) == "torch.load"]


def test_nothing_runs_or_unpacks_what_a_file_says(sources):
    assert not [found for source in sources for found in findings(source)]


@pytest.mark.parametrize(
    "line",
    [
        "pickle.load(file)",
        "import dill",
        "from pickle import Unpickler",
        "from cloudpickle import loads",
        "eval(text)",
        "yaml.load(text)",
        "archive.extractall(folder)",
        "zipfile.ZipFile(path).extractall()",
        "subprocess.run(line, shell=True)",
        "np.load(path, allow_pickle=True)",
        "os.system(line)",
    ],
)
def test_the_search_finds(line, sources):
    source = type(sources[0])(sources[0].path.with_name("never_written.py"))
    source.__dict__["lines"] = [line]  # fills the cached property: nothing is read
    assert len(findings(source)) == 1


def test_one_file_reads_pickled_weights_and_only_as_weights(sources):
    files = {source.name: torch_loads(source) for source in sources if torch_loads(source)}
    assert len(files) <= 1, f"torch.load belongs into one file, it is in {', '.join(files)}"
    for name, calls in files.items():
        for call in calls:
            assert keyword(call, "weights_only") is True, f"{name}:{call.lineno}: weights_only=True is missing"


def assertions_on_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Assert]:
    """Assertions of a public function that speak of what it was given."""
    if function.name.startswith("_") and function.name != "__post_init__":
        return []
    given = {a.arg for a in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]}
    if function.name != "__post_init__":  # there the fields are what the caller passed
        given -= {"self"}
    asserts = [node for node in ast.walk(function) if isinstance(node, ast.Assert)]
    return [a for a in asserts if given & {name.id for name in ast.walk(a.test) if isinstance(name, ast.Name)}]


def test_arguments_are_checked_with_errors_not_assertions(sources):
    """`python -O` drops assertions: they are for our own mistakes, never for what a caller passed in."""
    assert not [
        source.at(found)
        for source in sources
        for function in source.walk(ast.FunctionDef, ast.AsyncFunctionDef)
        for found in assertions_on_arguments(function)
    ]
