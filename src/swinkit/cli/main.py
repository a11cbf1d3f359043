"""The commands, and what becomes of what they return or raise."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from swinkit.files import ConfigError, NonFinite, UserError, did_you_mean

COMMANDS = {
    "models": "list the models: rank, parameters, GMACs, input size",
    "check": "read a data set completely and report every problem; changes nothing",
    "pack": "copy a folder of many files into a few archives",
    "train": "train a model on a data set; writes a run folder",
    "evaluate": "measure a run on a split",
    "predict": "apply a run to files and folders",
    "convert": "write weights in the layout of another project",
    "bench": "time a model in every way it runs here",
    "doctor": "show versions, devices, extras and caches",
}
"""name -> what it does; the command itself is `run(arguments) -> int` in the module of that name."""

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code: 0 done, 1 failed, 2 wrong usage or bad input, 130 interrupted."""
    try:
        code = _dispatch(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        return code
    except SystemExit as error:  # the option parser has answered: help (0) or wrong usage (2)
        return error.code if isinstance(error.code, int) else MISUSED
    except BrokenPipeError:
        # The reader of our output has gone. Python would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt as error:
        return _complain(str(error) or "interrupted", INTERRUPTED)
    except UserError as error:
        return _complain(str(error), MISUSED)
    except OSError as error:
        return _complain(_os_sentence(error), FAILED)
    except NonFinite as error:
        return _complain(str(error), FAILED)
    except Exception:
        _complain(
            "this is a defect of swinkit: please report what follows, with the output of `swinkit doctor`", FAILED
        )
        raise  # Python prints the traceback and exits with 1


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return DONE if arguments else MISUSED
    if arguments[0] in ("-V", "--version"):
        print(importlib.import_module("importlib.metadata").version("swinkit"))
        return DONE
    name, *rest = arguments
    if name not in COMMANDS:
        raise ConfigError(f"there is no command {name!r}: {did_you_mean(name, COMMANDS)}")
    return importlib.import_module(f"swinkit.cli.{name}").run(rest)


def _help() -> str:
    lines = [f"  {name:<10} {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        ["usage: swinkit COMMAND [OPTIONS]", "", *lines, "", "swinkit COMMAND --help shows what a command takes."]
    )


def _os_sentence(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def _complain(sentence: str, code: int) -> int:
    try:
        print(f"swinkit: {sentence}", file=sys.stderr)
    except OSError:
        pass  # nobody is listening any more; the exit code still tells
    return code
