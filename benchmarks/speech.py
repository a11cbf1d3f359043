"""Spoken digits, spelled words and voice prompts from scratch, each beside a plain control in the same script.

    python benchmarks/speech.py --bench fsdd --data FOLDER              validation only, to choose by
    python benchmarks/speech.py --bench an4_mfcc --data FOLDER --publish     with the test split, once, into results

Benches: fsdd (official split), fsdd_speakers (each speaker left out in turn, the mean of six), an4_mfcc, voice_prompts,
fsdd_strings (connected digits: each speaker left out in turn, strings of 3 to 7 clips). Where each speaker is left out,
one clip in ten of the others is for validation; nothing is chosen by the one who was left out.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from classification import wilson
from contest import Trained, fresh, pace, say, train_control, train_swin, with_steps
from controls.frames import FrameNet
from controls.spectra import accuracy
from record import contest_command, contest_options, plain_entry, publish, rounded
from speech_search import with_words
from speech_strings import SPEAKERS, write

from swinkit.datasets import SoundTable
from swinkit.engine import evaluate, pick_device
from swinkit.recipes import Recipe, classify, transcribe
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.text import merged, parse_settings

FSDD: dict[str, Any] = {
    "data": {"label": "digit", "hold_out": "files"},
    "modality": {"rank": 2, "speed": 0.1, "warp": 0.1, "noise": 0.3, "time_masks": 0, "band_masks": 0,
                 "normalise": "bands"},
    "task": {"pool": "max"},
    "model": {"changes": {"drop_path": 0.1}},
    "training": {"batch": 32, "micro_batch": None},
}  # fmt: skip
"""Pictures of the sound, whose digit may be anywhere in it; masks made the few clips harder, not the model better."""
OTHERS: dict[str, Any] = {
    "bands": 32, "window": 0.0128, "limits": [120, 3900], "range": 50.0, "normalise": "whole",
    "speed": 0.15, "warp": 0.3, "colour": 12.0, "shift": 0.2, "noise": 0.5, "voices": [0.8, 0.9, 1.0, 1.11, 1.25],
}  # fmt: skip
"""For voices that were never heard: bands and windows too wide to show the pitch of a voice, no hum, silence alike in
quiet and noisy recordings (bands by themselves were mostly about that), other vocal tracts, other microphones."""
CHANGES: dict[str, dict[str, Any]] = {
    "fsdd": FSDD,
    "fsdd_speakers": merged(FSDD, {"modality": OTHERS}),
    "an4_mfcc": {
        "modality": {
            "source": "cepstra",
            "warp": 0.12,
            "speed": 0.15,
            "time_masks": 6,
            "time_share": 0.06,
            "band_masks": 0,
        },
        "model": {"changes": {"width": 144, "depths": [2, 2, 2], "heads": [4, 4, 4], "drop_path": 0.15}},
        "training": {"batch": 32, "micro_batch": 8, "ema": 0.995},
    },
    "voice_prompts": {
        "modality": {"speed": 0.15, "warp": 0.1, "time_masks": 3},
        "training": {"batch": 16, "micro_batch": 4, "ema": 0.995},
    },
    "fsdd_strings": {
        "modality": {**FSDD["modality"], **OTHERS, "shift": 0.1},
        "model": {"name": "swin_nano", "changes": {"merge": [[1, 1], [2, 2], [2, 1]], "drop_path": 0.1}},
        "training": {"batch": 32, "micro_batch": 8, "ema": 0.995},
    },
}
"""What each bench sets, for both sides."""
CONTROL = {"training": {"optimiser": "adamw", "rate": 2e-3, "weight_decay": 1e-2}}
"""How the control is trained instead."""
METRIC = {
    "fsdd": "accuracy",
    "fsdd_speakers": "accuracy",
    "an4_mfcc": "wer",
    "voice_prompts": "wer",
    "fsdd_strings": "wer",
}
MINUTES = {"fsdd": 15.0, "fsdd_speakers": 18.0, "an4_mfcc": 18.0, "voice_prompts": 18.0, "fsdd_strings": 36.0}
DRAWS = 2000
"""Resamplings of the split for an interval."""


def run(options: argparse.Namespace) -> None:
    """Train, evaluate, write."""
    found = folds(options) if options.bench in ("fsdd_speakers", "fsdd_strings") else single(options)
    if options.publish:
        sides, recipe, steps = found
        entry = plain_entry(options.bench, METRIC[options.bench], sides, recipe, _command(options, steps))
        say(f"written: {publish(entry)}")


def single(options: argparse.Namespace) -> tuple[dict[str, Any], Recipe, int]:
    """One training, and its control: an SVM for classes, a convolutional network for transcripts."""
    recipe = _recipe(options, Path(options.data), {})
    steps = options.steps or pace(recipe, fresh(recipe)).steps(60 * (options.minutes or MINUTES[options.bench]))
    recipe = with_steps(recipe, steps)
    own = _searching(options, train_swin(recipe, Path(options.out) / "swin", _command(options, steps)))
    splits = ["val", *(["test"] if options.publish else [])]
    sides = {"swin": _side(options, own, splits)}
    if METRIC[options.bench] == "accuracy":
        sides["control"] = {"name": "log spectrum in 8 time bins, RBF SVM", **accuracy(recipe, splits)}
    elif not options.no_control:
        other = _recipe(options, Path(options.data), merged(CONTROL, parse_settings(options.control_set)))
        make = lambda: FrameNet(other, width=options.width)  # noqa: E731
        control_steps = options.control_steps or pace(other, make).steps(own.seconds)
        trained = train_control(with_steps(other, control_steps), make, Path(options.out) / "control")
        trained = _searching(options, trained)
        sides["control"] = {**_side(options, trained, splits), "name": f"convolutional network, width {options.width}"}
    say(f"{sides}")
    return sides, recipe, steps


def folds(options: argparse.Namespace) -> tuple[dict[str, Any], Recipe, int]:
    """A training for every speaker left out; the mean, and its 95 % by Student's t over the speakers.

    The last weights count: which ones suit another voice, validation on known voices cannot tell.
    """
    rows: list[dict[str, Any]] = []
    steps = options.steps
    for speaker in options.speakers or SPEAKERS:
        out = Path(options.out) / speaker
        if options.bench == "fsdd_strings":
            place = out / ("data" + options.voice)  # another voice for validation is other data, so another run
            shutil.rmtree(place, ignore_errors=True)
            data = write(Path(options.data), place, speaker, options.seed, voice=options.voice)
            recipe = _recipe(options, data, {})
        else:
            data = Path(options.data)
            recipe = _recipe(options, data, {"data": {"test_speakers": [speaker]}})
        share = 60 * (options.minutes or MINUTES[options.bench]) / len(SPEAKERS)
        steps = steps or pace(recipe, fresh(recipe)).steps(share)
        recipe = with_steps(recipe, steps, evaluations=1)
        own = train_swin(recipe, out / "run", _command(options, steps))
        splits = ["val", *(["test"] if options.publish else [])]
        row = {"speaker": speaker, **_side(options, own, splits)}
        if options.bench == "fsdd_speakers":
            row["control"] = accuracy(recipe, splits)
        elif options.publish:
            shutil.rmtree(out / "alone", ignore_errors=True)
            path = write(Path(options.data), out / "alone", speaker, options.seed, alone=True)
            alone = SoundTable(path=str(path), target="text", classes=recipe.task.classes)
            row["isolated"] = _figures(own, "test", alone)["figures"]["wer"]
        say(f"{row}")
        rows.append(row)
    return _mean(options, rows), recipe, steps


def _mean(options: argparse.Namespace, rows: list[dict[str, Any]]) -> dict[str, Any]:
    own = _over([row["value"] for row in rows]) if options.publish else {}
    facts = {**rows[0], **own, "speakers": rows, "seconds": round(sum(row["seconds"] for row in rows), 1)}
    if options.bench == "fsdd_speakers":
        controls = _over([row["control"]["value"] for row in rows]) if options.publish else {}
        return {"swin": facts, "control": {"name": "log spectrum in 8 time bins, RBF SVM", **controls}}
    if options.publish:
        facts["isolated"] = rounded(float(np.mean([row["isolated"] for row in rows])))
    return {"swin": facts, "control": {"name": "the same model on single clips", "value": facts.get("isolated")}}


def _over(values: list[float]) -> dict[str, Any]:
    from scipy.stats import t

    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    reach = float(t.ppf(0.975, len(values) - 1)) * error
    return {"value": rounded(mean), "interval": [rounded(max(0.0, mean - reach)), rounded(mean + reach)]}


def _recipe(options: argparse.Namespace, data: Path, more: Mapping[str, Any]) -> Recipe:
    changes = merged(merged(CHANGES[options.bench], more), parse_settings(options.set))
    changes = merged(changes, {"training": {"seed": options.seed, "steps": 100}})
    make = classify if METRIC[options.bench] == "accuracy" else transcribe
    return make(data, model=options.model or None, seed=options.seed, changes=changes, say=say)


def _searching(options: argparse.Namespace, trained: Trained) -> Trained:
    """With `--ngram`: texts are searched with a word model of the training texts, weighed as validation likes best."""
    return with_words(trained, options.ngram, Path(options.out) / "words.arpa") if options.ngram else trained


def _command(options: argparse.Namespace, steps: int) -> str:
    command = contest_command("speech", options, steps)
    return command.replace(" --seed ", f" --ngram {options.ngram} --seed ", 1) if options.ngram else command


def _side(options: argparse.Namespace, trained: Trained, splits: list[str]) -> dict[str, Any]:
    training, metric = trained.recipe.training, METRIC[options.bench]
    facts: dict[str, Any] = {
        "name": trained.recipe.model.name, "parameters": trained.parameters, "steps": training.steps,
        "batch": training.batch, "rate": training.rate, "seconds": round(trained.seconds, 1),
    }  # fmt: skip
    if options.ngram:
        task: Any = trained.recipe.task
        chosen = {"weight": task.ngram_weight, "bonus": task.word_bonus}
        facts["search"] = {"ngram": options.ngram, "beam": task.beam, **chosen}
        greedy = replace(trained, recipe=replace(trained.recipe, task=replace(task, beam=0, ngram=None)))
        facts["without_search"] = {split: _figures(greedy, split)["figures"] for split in splits}
    for split in splits:
        found = _figures(trained, split)
        facts["validation" if split == "val" else "figures"] = found["figures"]
        if split == "test":
            facts |= {"value": found["figures"][metric], "interval": found["interval"]}
    say(f"{facts}")
    return facts


def _figures(trained: Trained, split: str, layout: Any = None) -> dict[str, Any]:
    """Figures on a split and the 95 % of the main one: Wilson's for accuracy, utterances drawn anew for errors."""
    recipe = trained.recipe
    data = open_data(recipe, split, layout)
    once, task, rows = loader(recipe, data, batch=16), recipe.task, []
    metrics: Any = evaluate(trained.model, task, once, device=pick_device(recipe.training.device))
    found = {name: rounded(value) for name, value in metrics.result().items() if "/" not in name}
    if "wer" not in found:
        return {"figures": found, "interval": [rounded(bound) for bound in wilson(found["accuracy"], len(data))]}
    for batch in loader(recipe, data, batch=1).once():
        one: Any = evaluate_one(trained, batch)
        rows.append([sum(one.words[kind] for kind in ("substitutions", "deletions", "insertions")),
                     sum(one.words[kind] for kind in ("substitutions", "deletions", "hits"))])  # fmt: skip
    draws = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=DRAWS)
    errors, words = (draws @ np.array(rows)).T
    return {"figures": found, "interval": [rounded(value) for value in np.quantile(errors / words, (0.025, 0.975))]}


def evaluate_one(trained: Trained, batch: Any) -> Any:
    """The counts of one sample."""
    import torch

    metrics = trained.recipe.task.metrics()
    with torch.inference_mode():
        metrics.update(trained.recipe.task.predict(trained.model.eval(), batch), batch)
    return metrics


def main() -> None:
    parser = contest_options(__doc__, model="", out="runs/speech", width=192, minutes="15 to 36")
    parser.add_argument("--bench", choices=METRIC, default="fsdd")
    parser.add_argument("--speakers", nargs="+", help="only these folds, to choose by")
    parser.add_argument("--voice", default="", help="fsdd_strings: validate on this speaker alone, to choose by")
    parser.add_argument("--ngram", type=int, default=0, help="search with a word model of this order, of train's texts")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
