"""Clips as grids: frames drawn, one view for all of them, motion, several views."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinkit.files import ConfigError, DataError
from swinkit.modalities import Video
from swinkit.tasks import Classify
from swinkit.types import ClassScores, Record

STILL = {"zoom": (1.0, 1.0), "stretch": 0.0, "flip": 0.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}


def clip(count: int = 20, size: tuple[int, int] = (32, 40)) -> np.ndarray:
    """A white square that moves to the right on grey."""
    frames = np.full((count, *size, 3), 100, np.uint8)
    for index in range(count):
        frames[index, 8:16, index : index + 8] = 255
    return frames


def video(**changes: object) -> Video:
    return Video(**{"frames": 4, "decoded": 20, "size": (32, 32), "shorter": 32} | changes)  # type: ignore[arg-type]


def test_evaluation_takes_the_middle_of_every_part() -> None:
    sample = video().standard(video().read(Record(id="a", source=clip())))
    assert sample.grid.shape == (3, 4, 32, 32)
    assert [int(torch.nonzero(frame[8] == 255)[0]) for frame in sample.grid[0]] == [0, 3, 8, 13]  # 2, 7, 12, 17 less 4
    assert sample.size == (20, 32, 40)


def test_training_draws_a_frame_of_every_part_in_order_and_moves_all_alike() -> None:
    modality = video(speed=0.0, **STILL)
    sample = modality.read(Record(id="a", source=clip(), target=1))
    starts = set()
    for seed in range(20):
        view = modality.augment(sample, np.random.default_rng(seed))
        assert view.grid.shape == (3, 4, 32, 32)
        assert view.target == 1
        places = [int(torch.nonzero(frame.amax(0) == 255)[0]) for frame in view.grid[0] if (frame == 255).any()]
        assert places == sorted(places)
        starts.add(tuple(places))
    assert len(starts) > 5
    again = [modality.augment(sample, np.random.default_rng(3)).grid for _ in "ab"]
    assert torch.equal(*again)


def test_motion_is_the_change_of_brightness_and_starts_anew_with_every_view() -> None:
    modality = video(motion=True, colour=False, views=2)
    assert modality.channels == 2
    batch = modality.collate([modality.standard(modality.read(Record(id="a", source=clip())))])
    grid = batch.grid[0]
    assert grid.shape == (2, 8, 32, 32)
    assert grid[1, 0].abs().max() == grid[1, 4].abs().max() == 0
    torch.testing.assert_close(grid[1, 1], grid[0, 1] - grid[0, 0])
    assert batch.valid is None
    assert batch.target is None


def test_views_are_averaged_by_the_task() -> None:
    class Bright(torch.nn.Module):
        def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
            assert grid.shape[2] == 4
            return torch.stack([grid.mean((1, 2, 3, 4)), torch.zeros(len(grid))], 1)

    modality = video(views=2)
    batch = modality.collate([modality.standard(modality.read(Record(id=str(n), source=clip(n)))) for n in (9, 20)])
    found = Classify(classes=("a", "b")).predict(Bright(), batch)
    parts = [Bright()(part).softmax(1) for part in batch.grid.chunk(2, 2)]
    torch.testing.assert_close(torch.stack([each.scores for each in found]), (parts[0] + parts[1]) / 2)


def test_a_clip_is_drawn_as_its_frames_with_the_answer() -> None:
    modality = video()
    sample = modality.standard(modality.read(Record(id="a", source=clip())))
    plain = modality.draw_target(sample, ("a", "b"))
    assert plain.shape == (34, 4 * 34, 3)
    drawn = modality.draw(sample, ClassScores(id="a", scores=torch.tensor([0.9, 0.1]), classes=("a", "b")))
    assert drawn.shape[0] > plain.shape[0]


def test_wrong_settings_and_arrays_are_named() -> None:
    for wrong in ({"frames": 0}, {"views": 0}, {"size": (64, 32)}, {"std": 0.0}, {"speed": 1.0}, {"flip": 2.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            video(**wrong)
    with pytest.raises(DataError, match=r"clips are \[frames height width 3\]"):
        video().read(Record(id="a", source=np.zeros((3, 3, 3), np.uint8)))


def test_only_motion_is_what_changed_in_tenths_whatever_the_brightness():
    video = Video(frames=4, decoded=4, size=(6, 8), whole=True, only_motion=True)
    clip = np.full((4, 24, 40, 3), 51, np.uint8)  # 0.2 of full brightness
    clip[2:, :, 20:] = 102
    sample = video.read(Record(id="clip", source=clip))
    grid = video.collate([video.standard(sample)]).grid
    assert video.channels == 1 and grid.shape == (1, 1, 4, 6, 8)  # squeezed, nothing cut off
    expected = torch.zeros(4, 6, 8)
    expected[2, :, 4:] = 2.0
    torch.testing.assert_close(grid[0, 0], expected, atol=1e-5, rtol=0)
    darker = video.read(Record(id="clip", source=clip - 51))
    torch.testing.assert_close(video.collate([video.standard(darker)]).grid, grid, atol=1e-5, rtol=0)
