"""Chapter 3 of the tutorial, made to run: N = 512 tokens in blocks of K = 8, attention inside and across the blocks.

A block is summed up by a marker, a learned token that opens it. First every token and marker attends to the nine rows
of its own block; then all of them ask the markers of all blocks, which by now have gathered what their blocks hold.
Local and Cross side by side go through one projection, and the result is added to the tokens.

What was corrected, and why:
- Attention weights come from a softmax over the keys, after scaling by the root of the head width: each row of weights
  is a distribution. This is asserted, and so is that the output is the weighted sum of the values.
- The queries of the cross term are tokens as well as markers. If markers alone asked, nothing would bring what they
  learn back to the tokens of their block.
- A sum over unordered markers could not tell near blocks from far ones: a small network on the log distance between
  blocks gives each pair a bias, at any length.
- The weights are worked out here by hand from the parameters, and compared with what the module answers.

    python examples/tutorial_chapter3.py --tokens 512 --block 8
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from swinkit.backbone import Patches, SwinConfig
from swinkit.layers.cross_block import CrossBlockAttention
from swinkit.models import Model
from swinkit.ops.blocks import close_blocks, open_blocks
from swinkit.ops.windows import plan

CHANNELS, HEADS = 32, 4


@dataclass(frozen=True)
class Answer:
    """What one attention did, step by step."""

    local_weights: Tensor
    """[blocks heads rows rows]: row i of a block looks at row j of the same block; row 0 is the marker."""
    local: Tensor
    """[blocks heads rows d]"""
    cross_weights: Tensor
    """[blocks heads rows blocks]: row i of a block looks at the marker of block j."""
    cross: Tensor
    """[blocks heads rows d]"""
    output: Tensor
    """[blocks rows channels]"""


def by_hand(attention: CrossBlockAttention, blocks: Tensor) -> Answer:
    """The formulas, one line each, for blocks [blocks rows channels] without padding."""

    def heads(x: Tensor) -> Tensor:
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # [blocks heads rows d]

    scale = (CHANNELS // HEADS) ** -0.5
    q, k, v, asked = (heads(part) for part in attention.qkvc(blocks).chunk(4, -1))

    local_bias = torch.zeros(HEADS, blocks.shape[1], blocks.shape[1])
    local_bias[:, 1:, 1:] = attention.bias()
    to, out_of, own = attention.marker_bias
    local_bias[:, 1:, 0], local_bias[:, 0, 1:], local_bias[:, 0, 0] = to[:, None], out_of[:, None], own
    local_weights = (q @ k.transpose(-1, -2) * scale + local_bias).softmax(-1)
    local = local_weights @ v

    markers = local[:, :, 0].flatten(1)  # [blocks channels]
    keys, values = (
        part.unflatten(-1, (HEADS, -1)).transpose(0, 1) for part in attention.marker_kv(markers).chunk(2, -1)
    )
    place = torch.arange(len(blocks))
    distance = place[:, None] - place  # from block j to block i
    logs = distance.sign() * (distance.abs() + 1).log2()
    cross_bias = attention.distance(logs[..., None]).permute(0, 2, 1)[:, :, None]  # [blocks heads 1 blocks]
    scores = asked @ keys.transpose(-1, -2) * scale + cross_bias
    cross_weights = scores.softmax(-1)
    cross = cross_weights @ values

    both = torch.cat([local, cross], 1).transpose(1, 2).flatten(2)
    return Answer(local_weights, local, cross_weights, cross, attention.projection(both))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--block", type=int, default=8)
    options = parser.parse_args()
    if options.block < 1 or options.tokens < 1 or options.tokens % options.block:
        parser.error(f"{options.tokens} tokens do not make whole blocks of {options.block}: give a multiple")
    torch.manual_seed(0)
    show(options.tokens, options.block)
    return 0


@torch.no_grad()
def show(tokens: int, block: int) -> None:
    """Partition, attention inside and across, output."""
    stem = Patches(size=(1,), channels=1)
    config = SwinConfig(
        stem=stem, mixing="cross_block", width=CHANNELS, depths=(1,), heads=(HEADS,), window=((block,),)
    )
    stage = Model(config, lambda levels: torch.nn.Identity()).eval().backbone.stages[0]
    attention: CrossBlockAttention = stage.blocks[0].attention
    for parameter in attention.parameters():  # fresh biases are zero, which would prove nothing
        torch.nn.init.normal_(parameter, std=0.3)

    x = torch.randn(1, tokens, CHANNELS)
    cut = plan((tokens,), stage.cuts[0], x.device)
    blocks = open_blocks(x, stage.marker, cut)
    count = tokens // block
    print(f"N = {tokens} tokens in blocks of K = {block}: {count} blocks, each opened by a marker: {shape(blocks)}")
    assert torch.equal(close_blocks(blocks, cut), x), "the partition loses nothing"

    answer = by_hand(attention, blocks[0])
    print(f"weights inside blocks   {shape(answer.local_weights)}: block, head, row, row")
    print(f"weights across blocks   {shape(answer.cross_weights)}: block, head, row, marker")
    print(f"output                  {shape(answer.output)}: block, row, channel")
    for weights in (answer.local_weights, answer.cross_weights):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    torch.testing.assert_close(answer.output, attention(blocks, cut)[0], rtol=1e-4, atol=1e-5)
    print("the module answers the same, and every row of weights adds up to 1")

    full, ours = tokens**2, count * (block + 1) * (block + 1 + count)
    print(f"pairs of a query and a key: {full:,d} in full attention, {ours:,d} here")
    row = answer.cross_weights[0, 0, 1]
    print(f"token 0, head 0: looks at the marker of its own block with {row[0]:.4f}, of the last with {row[-1]:.4f}")
    changed = x.clone()
    changed[0, -1] += 1
    reach = (attention(open_blocks(changed, stage.marker, cut), cut) - attention(blocks, cut)).abs().amax((0, 2, 3))
    print(f"a change of the last token reaches {int((reach > 0).sum())} of {count} blocks in one step")


def shape(x: Tensor) -> str:
    return " x ".join(map(str, x.shape))


if __name__ == "__main__":
    sys.exit(main())
