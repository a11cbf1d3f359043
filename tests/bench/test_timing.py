"""Turns, intervals and ratios; no time is asserted."""

from __future__ import annotations

import random

import pytest
import torch

from swinkit.bench import ceilings, figure, interleaved, peak_memory, ratio


def test_contenders_take_turns_whose_order_turns_round():  # each turn: one call that is not timed, one that is
    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "abc"}
    told = []
    found = interleaved(calls, blocks=3, block_seconds=0.0, rest=0.0, told=told.append)
    assert "".join(order[-18:]) == "aabbccccbbaaaabbcc" and told == [0, 1, 2]
    assert {name: len(times) for name, times in found.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_block_repeats_what_is_short():
    count = []
    interleaved({"a": lambda: count.append(1)}, blocks=1, block_seconds=0.01, rest=0.0)
    assert len(count) > 10


def test_the_interval_of_twenty_is_from_the_sixth_to_the_fifteenth():
    values = random.Random(0).sample(range(1, 21), 20)
    found = figure(values)
    assert (found.median, found.low, found.high) == (10.5, 6, 15)  # Conover's table: 95.9 % of cases
    assert figure([3.0, 1.0, 2.0]).low == 1.0 and figure([3.0, 1.0, 2.0]).high == 3.0


def test_the_interval_holds_the_true_median_in_95_of_100_cases():
    draw = random.Random(1)
    inside = sum(
        found.low <= 0.0 <= found.high for found in (figure([draw.gauss(0, 1) for _ in range(20)]) for _ in range(2000))
    )
    assert 0.93 < inside / 2000 < 0.985


def test_a_block_that_was_slow_as_a_whole_does_not_matter():
    slow, fast = [2.0, 20.0, 2.0, 2.0, 200.0, 2.0], [1.0, 10.0, 1.0, 1.0, 100.0, 1.0]
    assert ratio(slow, fast) == figure([2.0] * 6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ceilings_are_calls_of_known_work(dtype):
    calls, most = ceilings(torch.device("cpu"), dtype)
    assert calls["matmul"]().dtype == dtype and most["matmul"] == 2 * 1024**3 and most["copy"] == 2 << 26
    calls["copy"]()


def test_memory_is_the_most_that_a_call_holds():
    def call():
        a = torch.ones(1 << 20)  # 4 MiB
        b = a + 1
        del a
        return (b * 2).sum()

    assert 8 << 20 <= peak_memory(call, torch.device("cpu")) < 9 << 20
