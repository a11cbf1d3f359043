"""Files of HTS-AT: microsoft's names behind `sed_model.`, one channel, and what stands around the Swin kept."""

from __future__ import annotations

import pytest
import torch
from weights.published_names import attention, linear, norm, offsets, same, valued

from swinkit import weights
from swinkit.files import CheckpointError
from swinkit.weights.buffers import mask

AROUND = {
    "sed_model.spectrogram_extractor.stft.conv_real.weight": (9, 1, 16),
    "sed_model.spectrogram_extractor.stft.conv_imag.weight": (9, 1, 16),
    "sed_model.logmel_extractor.melW": (9, 8),
    **norm("sed_model.bn0", 8),
    "sed_model.bn0.running_mean": (8,),
    "sed_model.bn0.running_var": (8,),
    "sed_model.tscam_conv.weight": (6, 32, 2, 3),
    "sed_model.tscam_conv.bias": (6,),
    **linear("sed_model.head", 6, 6),
}
WIDTH, DEPTHS, HEADS, WINDOW = 8, (2, 2, 2), (1, 2, 4), 8


def checkpoint():
    """HTSAT_Swin_Transformer inside its lightning module, for 128 x 128: maps of 32, 16 and 8 tokens a side."""
    names = {"patch_embed.proj.weight": (WIDTH, 1, 4, 4), "patch_embed.proj.bias": (WIDTH,)}
    names |= norm("patch_embed.norm", WIDTH) | norm("norm", 32)
    for stage, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
        c = WIDTH * 2**stage
        for block in (f"layers.{stage}.blocks.{b}" for b in range(depth)):
            names |= attention(f"{block}.attn", c, heads, (2 * WINDOW - 1) ** 2)
            names |= norm(f"{block}.norm1", c) | norm(f"{block}.norm2", c)
            names |= linear(f"{block}.mlp.fc1", 4 * c, c) | linear(f"{block}.mlp.fc2", c, 4 * c)
        if stage < 2:
            merging = f"layers.{stage}.downsample"
            names |= norm(f"{merging}.norm", 4 * c) | linear(f"{merging}.reduction", 2 * c, 4 * c, bias=False)
    file = valued({f"sed_model.{name}": shape for name, shape in names.items()} | AROUND)
    file["sed_model.bn0.num_batches_tracked"] = torch.tensor(7)
    for name in [name for name in file if name.endswith("bias_table")]:
        file[name.replace("bias_table", "index")] = offsets(WINDOW, WINDOW)
    for stage, side in ((0, 32), (1, 16)):  # the last map is one window, which is not shifted
        file[f"sed_model.layers.{stage}.blocks.1.attn_mask"] = mask((side, side), (WINDOW, WINDOW), (4, 4))
    return file


def test_the_swin_is_found_and_the_rest_comes_back_bit_for_bit():
    file = checkpoint()
    read = weights.read({"state_dict": file, "epoch": 1})
    assert (read.origin.layout, read.origin.size) == ("hts_at", (128, 128))
    assert (read.config.stem.channels, read.config.stem.size) == (1, (4, 4))
    assert (read.config.depths, read.config.heads, read.config.windows) == (DEPTHS, HEADS, ((8, 8),) * 3)
    assert (read.config.small_map, read.config.pad_tokens) == ("shrink_block", "mask")
    assert set(read.leftovers) == {*AROUND, "sed_model.bn0.num_batches_tracked"}
    written = weights.write(read.state, read.config, "hts_at", origin=read.origin, leftovers=read.leftovers)
    assert same(written, file)


def test_its_own_head_is_no_classifier_of_the_swin():
    """`head` maps classes to classes and is not used beside tscam_conv."""
    read = weights.read(checkpoint())
    assert read.classes is None
    assert read.leftovers["sed_model.head.weight"].shape == (6, 6)


def test_what_is_strange_inside_the_swin_is_refused():
    with pytest.raises(CheckpointError, match="fit no known layout"):
        weights.read(checkpoint() | {"sed_model.layers.0.gate": torch.zeros(1)})
