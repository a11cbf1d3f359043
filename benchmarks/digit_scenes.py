"""Digit scenes: swinkit's small model against a U-Net of five levels that is trained equally long.

python benchmarks/digit_scenes.py                    validation only, to choose by
python benchmarks/digit_scenes.py --publish          with the test split, into benchmarks/results/digit_scenes.json
"""

from __future__ import annotations

from segmentation import Contest, run

DIGIT_SCENES = Contest(bench="digit_scenes", data="digit_scenes", model="swin_nano", minutes=2.5, changes={})

if __name__ == "__main__":
    run(DIGIT_SCENES)
