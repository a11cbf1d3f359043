"""Texts in a model: alone as in a batch (S11), and documents of 65,536 tokens in memory that grows with them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import torch

from swinkit.backbone import SwinConfig, Tokens
from swinkit.modalities import Text
from swinkit.models import Model
from swinkit.tasks import Classify, Reconstruct, Tag
from swinkit.types import Sample

TASKS = [Classify(classes=("a", "b", "c")), Tag(classes=("a", "b", "c")), Reconstruct(vocabulary=20)]
LENGTHS = (1, 3, 17, 30)

ONE = """
import json, sys
import torch
from swinkit.backbone import SwinConfig, Tokens
from swinkit.models import Model, prepared
from swinkit.tasks import Classify

mixing, length = sys.argv[1], int(sys.argv[2])
config = SwinConfig(stem=Tokens(vocabulary=500, channels=3), width=32, depths=(2, 2), heads=(2, 2), window=((256,),),
                    merge=((1,), (1,)), small_map="pad", conditional_position=True, mixing=mixing)

def high():
    rows = open("/proc/self/status").read().splitlines()
    return next(int(row.split()[1]) << 10 for row in rows if row.startswith("VmHWM"))

torch.set_num_threads(1)
model = prepared(Model(config, Classify(classes=("a", "b")).head, outputs=(1,)).eval())
with torch.inference_mode():
    model(torch.randint(1, 500, (1, 3, 300)))
    before = high()
    answer = model(torch.randint(1, 500, (1, 3, length)))
print(json.dumps([high() - before, bool(answer.isfinite().all())]))
"""


def config(mixing: str) -> SwinConfig:
    body: dict[str, Any] = dict(width=16, depths=(2, 1), heads=(2, 2), window=((4,),), merge=((1,), (1,)))
    stem = Tokens(vocabulary=20, channels=2)
    return SwinConfig(
        stem=stem, **body, small_map="pad", conditional_position=True, mixing=mixing, init_std=None
    )  # fmt: skip


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@pytest.mark.parametrize("mixing", ["shifted", "cross_block"])
def test_a_text_gets_alone_what_it_gets_in_a_batch(task, mixing):
    torch.manual_seed(0)
    model = Model(config(mixing), task.head, outputs=(1,)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    grids = [torch.randint(3, 20, (2, length)) for length in LENGTHS]
    modality = Text(grams=1)
    samples = [Sample(id=str(grid.shape[1]), grid=grid, size=(grid.shape[1],)) for grid in grids]
    together = modality.collate(samples)
    assert together.valid is not None
    with torch.inference_mode():
        found = task.predict(model, together)
        for sample, one in zip(samples, found, strict=True):
            (alone,) = task.predict(model, modality.collate([sample]))
            assert alone.to_json().keys() == one.to_json().keys()
            torch.testing.assert_close(alone.scores, one.scores, rtol=1e-5, atol=1e-6)
            assert type(task) is Classify or alone.labels.equal(one.labels)
        whole = model(together.grid, together.valid)
        for row, (grid, length) in enumerate(zip(grids, LENGTHS, strict=True)):
            alone = model(grid[None])[0]
            torch.testing.assert_close(
                whole[row] if whole.ndim == 2 else whole[row, :, :length], alone, rtol=1e-5, atol=1e-5
            )


def test_what_is_hidden_is_not_seen():
    torch.manual_seed(0)
    model = Model(config("shifted"), Reconstruct(vocabulary=20).head, outputs=(1,)).eval()
    torch.nn.init.normal_(model.mask_token)
    grid, mask = torch.randint(3, 20, (1, 2, 12)), torch.zeros(1, 12, dtype=torch.bool)
    mask[0, 5] = True
    other = grid.clone()
    other[:, :, 5] = 3 + (grid[:, :, 5] - 2) % 17
    assert not torch.equal(grid, other)
    assert model(grid, None, mask).equal(model(other, None, mask)) and not model(grid).equal(model(other))
    assert [name for name, _, _ in model.parameter_groups() if name == "mask_token"] == ["mask_token"]


@pytest.mark.slow
@pytest.mark.parametrize("mixing", ["shifted", "cross_block"])
def test_memory_grows_with_the_length_of_a_document(mixing, record_property):
    """65,536 tokens at a window of 256, forward on a CPU: at most 2.6 times what 32,768 take, and 1 GiB."""
    taken = {}
    for length in (32_768, 65_536):
        done = subprocess.run(
            [sys.executable, "-c", ONE, mixing, str(length)], capture_output=True, text=True, check=True
        )
        taken[length], finite = json.loads(done.stdout)
        assert finite
    record_property("bytes", taken)
    assert taken[65_536] < 2.6 * taken[32_768] and taken[65_536] < 1 << 30, taken
