"""Files and functions that can be read in one sitting, named for what is in them."""

from __future__ import annotations

import ast
import re

KERNELS = "src/swinkit/ops/attention/"
DRAWERS = {"util", "utils", "misc", "helper", "helpers", "common", "base", "core"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_files_are_short(scripts_and_sources):
    lengths = {file.name: len(file.lines) for file in scripts_and_sources}
    long = {name: n for name, n in lengths.items() if n > (400 if name.startswith(KERNELS) else 250)}
    assert not long, "split by idea"


def test_functions_are_short(scripts_and_sources):
    lengths = {
        f"{file.at(node)} {node.name}": node.end_lineno - node.lineno + 1
        for file in scripts_and_sources
        for node in file.walk(*DEFINITIONS)
    }
    assert not {name: n for name, n in lengths.items() if n > 60}


def test_no_file_or_folder_is_a_drawer(scripts_and_sources):
    parts = {file.name: {re.sub(r"\.py$", "", part) for part in file.name.split("/")} for file in scripts_and_sources}
    assert not [name for name, words in parts.items() if words & DRAWERS], "name the idea"


def test_no_folder_is_deeper_than_two(sources):
    assert not [file.name for file in sources if file.name.count("/") > 4]


def test_files_say_what_they_are_for(sources):
    assert not [file.name for file in sources if not ast.get_docstring(file.tree)]


def test_public_names_are_documented(sources):
    silent = [
        f"{file.at(node)} {node.name}"
        for file in sources
        for node in file.tree.body
        if isinstance(node, (*DEFINITIONS, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
    ]
    assert not silent
