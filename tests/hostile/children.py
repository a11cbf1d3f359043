"""What the child that reads listings takes for every pickle of a folder: `python -S children.py LISTING FOLDER`.

Small, so that what a child takes before it becomes itself is little. Writes JSON: name -> the most bytes it held.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys


def main() -> None:
    """Run one child after the other."""
    program, folder = sys.argv[1:]
    most = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as pickle:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", program], stdin=pickle, stdout=subprocess.DEVNULL
            )
            most[name] = os.wait4(child.pid, 0)[2].ru_maxrss << 10
    sys.stdout.write(json.dumps(most))


if __name__ == "__main__":
    main()
