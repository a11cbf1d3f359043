"""Fill a virtual environment from the pinned lists beside this file.

    python constraints/install.py FOLDER core|test|peers

Every package but torch comes with hashes. torch is the pinned CPU build, found where pip finds it: pip's find-links
and index are handed on to uv. SWINKIT_ANY_TORCH=1 takes whatever build is there already or the registry serves;
SWINKIT_INSTALLER=pip leaves uv out. Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LISTS = Path(__file__).resolve().parent
KINDS = ("core", "test", "peers")
ANY_TORCH = os.environ.get("SWINKIT_ANY_TORCH") == "1"
PROBE = "import torch; print(torch.__version__.split('+')[0], torch.version.cuda or torch.version.hip or 'cpu')"


def main() -> None:
    """Make the environment where it is missing, install, and look at what arrived."""
    if len(sys.argv) != 3 or sys.argv[2] not in KINDS:
        sys.exit(f"usage: python constraints/install.py FOLDER {'|'.join(KINDS)}")
    if sys.version_info < (3, 11):  # noqa: UP036  (this is where an older one is told)
        sys.exit(f"swinkit needs Python 3.11 or newer, this is {sys.version.split()[0]}: say make PYTHON=python3.12")
    folder, kind = Path(sys.argv[1]).absolute(), sys.argv[2]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        run([sys.executable, "-m", "venv", str(folder)])
    install = installer(python)
    torch(python, install)
    run([*install, "--no-deps", "--require-hashes", "-r", str(LISTS / f"{kind}.txt")])
    run([*install, "--no-deps", "--no-build-isolation", "-e", str(LISTS.parent)])
    version, build = probe(python) or sys.exit(f"torch does not import in {folder}: remove that folder and try again")
    if build != "cpu" and not ANY_TORCH:
        sys.exit(f"torch {version} in {folder} is a build for {build}; SWINKIT_ANY_TORCH=1 accepts it")
    print(f"{folder.name}: {kind}, torch {version} ({build})")


def installer(python: Path) -> list[str]:
    """The install command: uv, or pip where uv cannot be had."""
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    uv = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    if os.environ.get("SWINKIT_INSTALLER") == "pip":
        return pip
    if not works([str(python), "-m", "uv", "--version"]):
        if not works([*pip, "--require-hashes", "-r", str(LISTS / "installer.txt")]):
            return pip
    hand_pip_settings_on(python)
    return uv


def hand_pip_settings_on(python: Path) -> None:
    """uv does not read pip's settings: give it pip's local wheels, index and certificates unless it has its own."""
    for name, setting, separator in (
        ("UV_FIND_LINKS", "find-links", ","),
        ("UV_DEFAULT_INDEX", "index-url", " "),
        ("SSL_CERT_FILE", "cert", " "),
    ):
        value = os.environ.get("PIP_" + setting.upper().replace("-", "_")) or output(
            [str(python), "-m", "pip", "config", "get", f"global.{setting}"]
        )
        if value and name not in os.environ:
            os.environ[name] = separator.join(value.split())


def torch(python: Path, install: list[str]) -> None:
    """Install torch unless a fitting one is there; never download a CUDA build unasked."""
    wanted = (LISTS / "torch.txt").read_text().strip()
    found = probe(python)
    if found and (ANY_TORCH or (f"torch=={found[0]}" == wanted and found[1] == "cpu")):
        return
    if ANY_TORCH:
        return run([*install, wanted])
    if sys.platform == "darwin":  # the registry's builds for macOS carry no local version and no CUDA
        return run([*install, "--no-deps", wanted])
    exact = [*install, "--no-deps", f"{wanted}+cpu"]
    if works(exact) or ("uv" in install and works([*exact, "--torch-backend", "cpu"])):
        return None
    sys.exit(
        f"no CPU build of {wanted} was found: put its wheel into a folder and name that folder in PIP_FIND_LINKS, "
        "or set SWINKIT_ANY_TORCH=1 to take the registry's build (several GB with CUDA)"
    )


def probe(python: Path) -> tuple[str, str] | None:
    """Version and build of the environment's torch, None where it does not import."""
    words = output([str(python), "-W", "ignore", "-c", PROBE]).split()
    return (words[0], words[1]) if len(words) == 2 else None


def output(command: list[str]) -> str:
    """What the command prints, empty where it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def works(command: list[str]) -> bool:
    """Whether the command ends well; nobody needs to read why it does not, something else is tried next."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def run(command: list[str]) -> None:
    """The command, its output shown; the first failure ends the program."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"failed with exit code {done.returncode}: {' '.join(command)}")


if __name__ == "__main__":
    main()
