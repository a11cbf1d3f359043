"""Files and functions that can be read in one sitting, named for what is in them."""

from __future__ import annotations

import ast
import re

KERNELS = "src/swinkit/ops/attention/"
DRAWERS = {"util", "utils", "misc", "helper", "helpers", "common", "base", "core"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_a_file_is_short(script_or_source):
    limit = 400 if script_or_source.name.startswith(KERNELS) else 250
    assert len(script_or_source.lines) <= limit, "split it by idea"


def test_a_function_is_short(script_or_source):
    long = [
        f"{script_or_source.at(node)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in script_or_source.walk(*DEFINITIONS)
        if node.end_lineno - node.lineno + 1 > 60
    ]
    assert not long, long


def test_no_file_or_folder_is_a_drawer(script_or_source):
    words = {re.sub(r"\.py$", "", part) for part in script_or_source.name.split("/")}
    assert not words & DRAWERS, "name the idea"


def test_no_folder_is_deeper_than_two(source):
    assert source.name.count("/") <= 4


def test_a_file_says_what_it_is_for(source):
    assert ast.get_docstring(source.tree), f"{source.name} has no docstring"


def test_public_names_are_documented(source):
    silent = [
        f"{source.at(node)}: {node.name}"
        for node in source.tree.body
        if isinstance(node, (*DEFINITIONS, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
    ]
    assert not silent, silent
