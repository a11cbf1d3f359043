"""transformers tells of every file it reads and writes; here only of errors."""

from __future__ import annotations

import pytest
from transformers.utils import logging


@pytest.fixture(autouse=True)
def quiet():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
