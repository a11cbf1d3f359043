"""CamVid, 480x360, official splits, from scratch, single scale: swinkit against a U-Net that is trained equally long.

    python benchmarks/camvid.py --part swin --minutes 50 >swin.log 2>&1
    python benchmarks/camvid.py --part control >control.log 2>&1      as long as the other side took
    (both with --publish: the test split once, into benchmarks/results/camvid.json)

Both sides see pictures at half their size and are scored at the full one. Weights are chosen on the validation split.
The test sequence 0001TP is filmed at dusk and stated apart.
"""

from __future__ import annotations

from pathlib import Path

from segmentation import Contest, run

NAMES = "Sky Building Pole Road Pavement Tree SignSymbol Fence Car Pedestrian Bicyclist".split()
VOID = 11
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "camvid"

CAMVID = Contest(
    bench="camvid",
    data=str(DATA),
    model="swin_micro",
    minutes=50,
    changes={
        "data": {"classes": NAMES, "ids": list(range(len(NAMES))), "ignore": [VOID]},
        "modality": {"scale": 0.5},
        "training": {"batch": 4, "rate": 1e-3},
    },
    parts={
        "dusk (0001TP)": lambda name: name.startswith("0001TP"),
        "day": lambda name: not name.startswith("0001TP"),
    },
)

if __name__ == "__main__":
    run(CAMVID)
