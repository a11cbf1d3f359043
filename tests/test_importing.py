"""Importing a module computes nothing: no file is opened, no process started, no setting changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import swinkit

PACKAGE = Path(swinkit.__file__).parent

IMPORT_EVERY_ONE = """
import importlib, importlib.util, json, os, random, sys
package, modules = sys.argv[1], sys.argv[2:]
import numpy, torch
for name in ("cv2", "transformers.image_processing_backends", "rich.style"):  # set variables, draw numbers themselves
    if importlib.util.find_spec(name.partition(".")[0]):
        importlib.import_module(name)

def settings():
    return (
        dict(os.environ), random.getstate(), str(numpy.random.get_state()), torch.get_rng_state().tolist(),
        torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(), torch.cuda.is_initialized(),
    )

def importing():
    # the file whose import does this: another library's imports are its own affair
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return frame.f_code.co_filename if frame is not None else ""

touched, before = [], settings()
CHANGES = {"subprocess.Popen", "os.system", "os.mkdir", "os.remove", "os.rename"}

def watch(event, arguments):
    if event == "open":
        what = "" if str(arguments[0]).endswith((".py", ".pyc", ".so", ".pyd")) else f"opens {arguments[0]}"
    else:
        what = f"{event} {arguments}" if event in CHANGES or event.startswith("socket.") else ""
    if what and (file := importing()).startswith(package):
        touched.append(f"{file} {what}")

sys.addaudithook(watch)
for name in modules:
    importlib.import_module(name)
if before != settings():
    touched.append("a device, a global setting or a random state changed")
print(json.dumps(touched))
"""


def imported(package: Path, *modules: str) -> list[str]:
    """What importing these modules did besides."""
    call = [sys.executable, "-c", IMPORT_EVERY_ONE, str(package), *modules]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=240, cwd=package.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_every_module_touches_nothing():
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(PACKAGE.rglob("*.py"))]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__"]
    assert imported(PACKAGE, *names) == []


def test_the_watch_sees_what_an_import_does(tmp_path):
    (tmp_path / "touching").mkdir()
    body = "import os, pathlib, torch\npathlib.Path('left').write_text('')\nos.mkdir('x')\ntorch.set_num_threads(3)\n"
    (tmp_path / "touching" / "__init__.py").write_text(body)
    file = tmp_path / "touching"
    opens, makes, changed = imported(file, "touching")
    assert opens == f"{file / '__init__.py'} opens left"
    assert makes.startswith(f"{file / '__init__.py'} os.mkdir")
    assert changed.startswith("a device, a global setting")
