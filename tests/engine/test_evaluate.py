"""Figures over a split, the model left as it was."""

from __future__ import annotations

import torch
from toy_training import Paint, Plain, Stripes, Toy

from swinkit.engine import Interruption, Loader, evaluate, evaluating

LOADER = Loader(dataset=Stripes(9), modality=Plain(), batch=4)


def test_every_sample_counts_once():
    counts = list(evaluating(Toy(), Paint(), LOADER))
    assert [(c.done, c.total) for c in counts] == [(4, 9), (8, 9), (9, 9), (9, 9)]
    assert [c.metrics is None for c in counts] == [True, True, True, False]
    metrics = evaluate(Toy(), Paint(), LOADER)
    assert metrics.details() == {"cells": sum(64 - 8 * (i % 5) for i in range(9))}


def test_modes_come_back_even_when_one_leaves_early():
    model = Toy().train()
    model.head.eval()
    seen = []
    model.stem.register_forward_hook(lambda module, *_: seen.append((module.training, torch.is_grad_enabled())))
    events = evaluating(model, Paint(), LOADER)
    next(events)
    events.close()
    assert seen == [(False, False)]
    assert model.training and model.dropout.training and not model.head.training


def test_an_interruption_gives_no_figures():
    interruption = Interruption()
    interruption.asked = True
    assert [c.metrics for c in evaluating(Toy(), Paint(), LOADER, interruption=interruption)] == [None]


def test_mixed_precision_is_used():
    kinds = []
    model = Toy()
    model.head.register_forward_hook(lambda _, __, output: kinds.append(output.dtype))
    evaluate(model, Paint(), LOADER, precision="bf16")
    assert set(kinds) == {torch.bfloat16}
