"""The table of commands and what becomes of what they return or raise."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest
from tiny_runs import digest, mask_folder, settings, trained

from swinkit.cli.main import COMMANDS, main
from swinkit.files import NonFinite


def python(*words: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    "words", [["--help"], [], ["train", "--help"], ["predict", "--help"], ["trian"], ["train", "--mdel", "x"]]
)
def test_help_and_misuse_are_answered_without_torch(words):
    code = (
        "import sys; from swinkit.cli.main import main; code = main(sys.argv[1:]); "
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules; sys.exit(code)"
    )
    answer = python("-c", code, *words)
    assert answer.returncode == (0 if "--help" in words else 2), answer.stderr
    assert "Traceback" not in answer.stderr


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {name}" in told for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    assert main([name, "--help"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"usage: swinkit {name}")
    assert not told.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trian"], "there is no command 'trian': did you mean 'train'?"),
        (["doctor", "--jsno"], "doctor has no option --jsno: did you mean '--json'?"),
        (
            ["train", "segment", "digit_scenes", "--model", "swin_nanno"],
            "no model 'swin_nanno': did you mean 'swin_nano'?",
        ),
        (["train", "segmnt", "digit_scenes"], "no task 'segmnt': did you mean 'segment'?"),
        (
            ["train", "segment", "digit_scenes", "--set", "training.rat=1"],
            "training.rat: no such setting: did you mean 'rate'?",
        ),
        (["train", "segment", "digit_scenes", "--set", "rate"], "--set rate: wanted NAME=VALUE"),
        (["train", "segment", "digit_scenes", "--recipe", "none.yaml"], "none.yaml: cannot be read"),
        (["train"], "train needs TASK and DATA, or a --recipe"),
        (["train", "--resume"], "--resume: say which run with --out RUN"),
        (["evaluate", "none"], "none: there is no such run folder"),
        (["predict", "none", "a.png", "--out", "out"], "none: there is no such run folder"),
        (["check", "segment", "none"], "none: does not exist"),
        (["check", "sgment", "none"], "no task 'sgment': did you mean 'segment'?"),
    ],
)
def test_misuse_is_one_sentence_and_exit_code_2(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr()
    assert says in told.err.splitlines()[-1]
    assert not told.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["evaluate"], "missing from swinkit evaluate: RUN the run folder; see swinkit evaluate --help"),
        (["predict", "run", "a.png"], "missing from swinkit predict: --out DIR where the predictions go; see "),
        (["predict", "run", "a.png", "--out"], "missing value for argument '--out'"),
        (["train", "segment", "data", "--epochs", "many"], "--epochs: 'many' is no value for it; see swinkit train"),
        (["models", "more", "words"], "unrecognized options: more, words; see swinkit models --help"),
    ],
)
def test_words_that_are_missing_or_wrong_are_one_sentence(words, says, capsys):
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"swinkit: {says}") and len(told.err.splitlines()) == 1
    assert not told.out


def test_a_terminal_gets_the_sentence_without_frame_and_colour():
    ours, theirs = pty.openpty()
    process = subprocess.run([sys.executable, "-m", "swinkit", "evaluate"], stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert process.returncode == 2
    assert said.splitlines() == [
        "swinkit: missing from swinkit evaluate: RUN the run folder; see swinkit evaluate --help"
    ]


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (NonFinite("step 3: loss is nan"), 1, "swinkit: step 3: loss is nan"),
        (OSError(28, "No space left on device", "/x/y"), 1, "swinkit: /x/y: No space left on device"),
        (KeyboardInterrupt(), 130, "swinkit: interrupted"),
        (KeyboardInterrupt("stopped at step 3"), 130, "swinkit: stopped at step 3"),
    ],
)
def test_errors_become_exit_codes(monkeypatch, capsys, error, code, says):
    def fail(_):
        raise error

    monkeypatch.setattr("swinkit.cli.doctor.run", fail)
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == f"{says}\n"


def test_a_defect_keeps_its_traceback_and_asks_for_a_report(monkeypatch, capsys):
    def fail(_):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("swinkit.cli.doctor.run", fail)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])
    assert "defect of swinkit" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error():
    code = "import sys; from swinkit.cli.main import main; import swinkit.cli.doctor as d\n"
    code += "d.run = lambda _: [print('x' * 100) for _ in range(100000)] and 0\nsys.exit(main(['doctor']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_python_m_swinkit_is_swinkit():
    answer = python("-m", "swinkit", "doctor", "--json")
    assert answer.returncode == 0
    assert "versions" in json.loads(answer.stdout)


def test_the_whole_way_from_a_folder_to_predictions(tmp_path, capsys):
    data, run, out = mask_folder(tmp_path / "data"), str(tmp_path / "run"), str(tmp_path / "out")
    before = digest(data)
    assert main(["check", "segment", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert main(["train", "segment", str(data), "--out", run, *settings()]) == 0
    told = capsys.readouterr()
    assert told.out == f"run: {run}\nreport: {run}/report.html\n"
    assert "validation: miou" in told.err
    assert main(["evaluate", run, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["figures"]["miou"] >= 0
    assert main(["evaluate", run, str(data), "--split", "val"]) == 0
    assert "miou" in capsys.readouterr().out
    assert main(["predict", run, str(data / "test" / "images"), "--out", out, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 4
    assert main(["predict", run, str(data / "test" / "images"), "--out", out]) == 2
    assert main(["train", "--resume", "--out", run]) == 0
    assert main(["train", "segment", str(data), "--out", run, *settings(training__rate=1), "--resume"]) == 2
    assert "training.rate: 0.002, 1" in capsys.readouterr().err
    assert digest(data) == before


def test_a_recipe_file_says_it_all_and_options_come_on_top(tmp_path, capsys):
    recipe = trained() / "recipe.json"
    words = ["--recipe", str(recipe), "--set", "training.steps=1", "--seed", "3", "--dry-run"]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.startswith("dry run: one batch was trained on, evaluated and saved: loss ")
    assert not list(tmp_path.iterdir())
    part = tmp_path / "part.yaml"
    part.write_text("training: {steps: 2, rat: 1}\n")
    assert main(["train", "segment", "digit_scenes", "--recipe", str(part), "--dry-run"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"swinkit: {part}: training.rat: no such setting")


def test_predict_does_the_others_and_says_2(tmp_path, capsys):
    good = trained().parent / "data" / "test" / "images" / "test0.png"
    bad = tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    assert main(["predict", str(trained()), str(bad), str(good), "--out", str(tmp_path / "out"), "--json"]) == 2
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert [entry["id"] for entry in document["predictions"]] == ["test0"]
    assert document["problems"][0]["file"] == str(bad)
    assert told.err.startswith(f"swinkit: {bad}: ")
