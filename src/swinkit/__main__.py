"""`python -m swinkit` equals `swinkit`."""

from __future__ import annotations

import sys

from swinkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
