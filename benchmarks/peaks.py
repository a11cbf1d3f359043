"""How much memory a piece of work takes."""

from __future__ import annotations

import threading

from swinkit.recipes.environment import memory


class Peak:
    """The most memory that this process takes, looked at ten times a second."""

    def __enter__(self) -> Peak:
        self.bytes, self._stop = memory(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self.bytes = max(self.bytes, memory())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
