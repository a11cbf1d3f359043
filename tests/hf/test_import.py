"""transformers is imported for the bridge only, and missed in one sentence."""

from __future__ import annotations

import subprocess
import sys


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)


def test_the_rest_of_swinkit_does_not_import_it():
    done = python("import sys, swinkit, swinkit.api, swinkit.cli.main; sys.exit('transformers' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_a_missing_transformers_is_one_sentence_with_the_command():
    done = python("import sys; sys.modules['transformers'] = None; import swinkit.hf")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last == "swinkit.files.errors.MissingExtra: this needs transformers: pip install 'swinkit[hf]'"
    assert "During handling" not in done.stderr


def test_anything_else_that_is_missing_is_shown_as_it_is():
    done = python("import sys; sys.modules['torch'] = None; import swinkit.hf")
    assert "MissingExtra" not in done.stderr and "ModuleNotFoundError" in done.stderr
