"""One input of samples that have several."""

from __future__ import annotations

from dataclasses import replace

from swinkit.types.protocols import Dataset
from swinkit.types.values import Record


class PartOf:
    """The samples of a data set that have the input of that name, as a data set of that input alone."""

    def __init__(self, data: Dataset, name: str) -> None:
        self.classes = data.classes
        self._data, self._name = data, name
        self._rows = [index for index in range(len(data)) if name in data[index].parts]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Record:
        record = self._data[self._rows[index]]
        return replace(record.parts[self._name], target=record.target)
