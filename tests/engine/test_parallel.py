"""Devices, shares, and starting in one process; several processes are in tests/faults/test_two_processes.py."""

from __future__ import annotations

import os

import pytest
import torch

from swinkit.engine import World, launch, pick_device
from swinkit.files import ConfigError


def test_a_device_that_is_not_there_is_an_error_that_names_it():
    assert pick_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "abacus"):
        with pytest.raises(ConfigError, match=f"device '{name}' is not available"):
            pick_device(name)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 7, 30])
def test_shares_are_whole_and_even(size, count):
    shares = [range(count)[World(rank, size).share(count)] for rank in range(size)]
    assert [item for share in shares for item in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_is_this_one():
    assert launch(lambda world, word: (world, word, os.getpid()), "hello") == (World(), "hello", os.getpid())
    assert World.current() == World() and World().main and World().gather(3) == [3]
