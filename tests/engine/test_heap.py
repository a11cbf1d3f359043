"""Blocks that training frees are there for its next step."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from swinkit.engine import keep_heap
kept = sys.argv[1] == "keep" and keep_heap()
def step():
    torch.ones(6 * 2**20, dtype=torch.uint8).add_(1), torch.ones(2**22, dtype=torch.float32).mul_(2)
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str, **environment: str) -> tuple[bool, int]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    words = [sys.executable, "-c", FAULTS, how]
    found = subprocess.run(words, env=plain | environment, capture_output=True, text=True, check=True)  # noqa: S603
    kept, count = found.stdout.split()
    return kept == "1", int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_a_step_finds_the_blocks_of_the_last_one() -> None:
    kept, count = faults("keep")
    assert kept
    assert count < 5600, "each of 20 steps touches 5,600 pages: they may be new once, where the heap still grows"


def test_who_set_the_allocator_is_left_alone() -> None:
    assert faults("keep", MALLOC_TOP_PAD_="1000000")[0] is False
