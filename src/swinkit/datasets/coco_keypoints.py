"""People (or animals) with named points, in COCO's keypoint files: one record for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch

from swinkit.datasets.keypoint_file import KeypointFile, Pairs, Person, Picture, mirrored
from swinkit.datasets.splits import SPLITS, canonical, held_out, named, refuse
from swinkit.files import ConfigError, DataError
from swinkit.files.pictures import picture_size
from swinkit.files.tars import tar_members
from swinkit.types import Objects, Record, Region

LOOKS_FOR = (
    "<split>.json or annotations/person_keypoints_<split>*.json in COCO's keypoint form, beside images/, <split>/, "
    f"images/<split>/ or a plain <split>_images.tar (splits {', '.join('|'.join(names) for names in SPLITS.values())})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoKeypoints:
    """COCO keypoint annotations, top down: a record is one annotated thing, its picture and where to look for it."""

    path: str
    category: str = ""
    """Whose points are learnt, where several categories have some; empty: the only one."""
    points: tuple[str, ...] = ()
    """Names, as the files have them."""
    pairs: Pairs | None = None
    """Points that change places in a mirror, counted from 0; None: those that names tell apart by left and right."""
    skeleton: Pairs | None = None
    """Points that a line joins, counted from 0; None: as the files say."""
    padding: float = 1.25
    """What is looked at is the annotated box, this much larger."""
    whole: bool = False
    """Look at whole pictures instead: where each shows one thing, and predictions shall need no box."""
    holdout: float = 0.1
    """The share of the training pictures to validate on where there is no validation split."""

    serves: ClassVar[tuple[str, ...]] = ("pose",)
    modality: ClassVar[str] = "image"
    looks_for: ClassVar[str] = LOOKS_FOR

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")
        if not 0 < self.padding < 100:
            raise ConfigError(f"padding {self.padding}: give a factor, 1.25 leaves an eighth of the box on every side")
        count = len(self.points)
        for name, pairs in (("pairs", self.pairs), ("skeleton", self.skeleton)):
            if count and any(not 0 <= index < count for pair in pairs or () for index in pair):
                raise ConfigError(f"{name} {pairs}: wanted pairs of 0 to {count - 1}")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether annotation files lie where they are looked for."""
        return bool(_annotations(Path(path)))

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(_annotations(Path(self.path)))

    def resolved(self, *, strict: bool = True) -> CocoKeypoints:
        """The same with category, points, pairs and skeleton filled in."""
        if self.category and self.points and self.pairs is not None and self.skeleton is not None:
            return self
        files = self._files()
        anatomy = KeypointFile(files.get("train") or next(iter(files.values()))).anatomy(self.category)
        points = self.points or anatomy.points
        return replace(
            self,
            category=anatomy.category,
            points=points,
            pairs=mirrored(points) if self.pairs is None else self.pairs,
            skeleton=anatomy.skeleton if self.skeleton is None else self.skeleton,
        )

    def open(self, split: str = "train", *, strict: bool = True) -> CocoKeypointsSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed
        instead.
        """
        name, layout, files = canonical(split), self.resolved(strict=strict), self._files()
        source = "train" if name == "val" and name not in files else name
        if source not in files:
            raise DataError(self.path, f"has no {name} split, only {', '.join(files)}; looked for {LOOKS_FOR}")
        file = KeypointFile(files[source])
        anatomy = file.anatomy(layout.category)
        if anatomy.points != layout.points:
            came, wanted = (", ".join(names[:6]) for names in (anatomy.points, layout.points))
            raise DataError(file.path, f"has the points {came}, wanted are {wanted}", field="categories")
        people, problems, notes = file.people(anatomy)
        places, missing = _places(Path(self.path), files[source], source, [person.picture for person in people])
        problems += missing
        if strict:
            refuse(problems, name)
        people = [person for person in people if person.picture.name in places]
        if source == "train" and "val" not in files:
            out, note = held_out(self.path, sorted({person.picture.name for person in people}), self.holdout)
            people = [person for person in people if (person.picture.name in out) == (name == "val")]
            notes = [*notes, note]
        return CocoKeypointsSplit(layout, people, places, tuple(notes), tuple(problems))

    def _files(self) -> dict[str, Path]:
        path = Path(self.path)
        if found := _annotations(path):
            return found
        came = "holds no annotations" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
        raise DataError(path, f"{came}; looked for {LOOKS_FOR}")


class CocoKeypointsSplit:
    """One split; a record's target is one thing of `Objects`, and its region where to look."""

    def __init__(
        self,
        layout: CocoKeypoints,
        people: Sequence[Person],
        places: Mapping[str, Path],
        notes: tuple[str, ...] = (),
        problems: tuple[DataError, ...] = (),
    ) -> None:
        self.classes, self.ids, self.notes, self.problems = (layout.category,), (0,), notes, problems
        self._layout, self._people, self._places = layout, tuple(people), places
        self._checked: set[str] = set()

    def __len__(self) -> int:
        return len(self._people)

    def __getitem__(self, index: int) -> Record:
        person = self._people[index]
        picture, layout = person.picture, self._layout
        path = self._places[picture.name]
        if picture.size is not None and picture.name not in self._checked:
            if (found := picture_size(path)) != picture.size:
                said = f"{picture.size[1]}x{picture.size[0]} px, it has {found[1]}x{found[0]}"
                raise DataError(path, f"the annotations are for {said}: scale both or none", field="width, height")
            self._checked.add(picture.name)
        things = Objects(
            boxes=torch.tensor([person.box]),
            labels=torch.zeros(1, dtype=torch.int64),
            crowd=torch.zeros(1, dtype=torch.bool),
            points=torch.from_numpy(person.points)[None],
            areas=None if person.area is None else torch.tensor([person.area]),
            pairs=layout.pairs or (),
        )
        name = f"{Path(picture.name).with_suffix('').as_posix()}-{person.number}"
        region = None if layout.whole else grown(person.box, layout.padding)
        return Record(id=name, source=path, target=things, region=region)


def grown(box: Region, factor: float) -> Region:
    """The box made so much wider and higher about its middle."""
    left, top, right, bottom = box
    wide, high = (factor - 1) / 2 * (right - left), (factor - 1) / 2 * (bottom - top)
    return left - wide, top - high, right + wide, bottom + high


def _annotations(root: Path) -> dict[str, Path]:
    """Split -> its annotation file."""
    found: dict[str, Path] = {}
    for split, aliases in SPLITS.items():
        for alias in aliases:
            files = [root / f"{alias}.json", *sorted((root / "annotations").glob(f"person_keypoints_{alias}*.json"))]
            if split not in found and (file := next((file for file in files if file.is_file()), None)):
                found[split] = file
    return found


def _places(root: Path, file: Path, split: str, pictures: Sequence[Picture]) -> tuple[dict[str, Path], list[DataError]]:
    """Name -> where the picture lies, in a folder or in a tar; a problem for each that lies nowhere."""
    stem = file.stem.removeprefix("person_keypoints_")
    words = list(dict.fromkeys([stem, *SPLITS[split]]))
    folders = [root / "images", *(root / "images" / word for word in words), *(root / word for word in words), root]
    folders = [folder for folder in folders if folder.is_dir()]
    tars = [root / name for word in words for name in (f"{word}_images.tar", f"{word}.tar")] + [root / "images.tar"]
    tars = [(tar, tar_members(tar)) for tar in tars if tar.is_file()]
    found: dict[str, Path] = {}
    problems: list[DataError] = []
    for name in dict.fromkeys(picture.name for picture in pictures):
        inside = [name, *(f"{word}/{name}" for word in (*words, "images"))]
        place = next((folder / name for folder in folders if (folder / name).is_file()), None) or next(
            (tar / member for tar, members in tars for member in inside if member in members), None
        )
        if place is None:
            searched = ", ".join(each.name for each in (*folders[:-1], *(tar for tar, _ in tars))) or root.name
            problems.append(DataError(file, f"{name} is missing: looked in {searched}", field="images.file_name"))
        else:
            found[name] = place
    return found, problems
