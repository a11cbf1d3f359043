"""The first signal asks, the second ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from swinkit.engine import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_asks(number):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert not interruption.asked
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # at once: a terminal and a launcher may both send theirs
        assert interruption.asked
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_process_at_once(number):
    program = f"""
import os, time
from swinkit.engine import Interruption
with Interruption() as interruption:
    os.kill(os.getpid(), {int(number)})
    interruption._first -= 2  # two seconds later
    os.kill(os.getpid(), {int(number)})
    time.sleep(60)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -number


def test_in_another_thread_it_takes_no_signals():
    def use() -> None:
        with Interruption() as interruption:
            assert not interruption.asked

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
