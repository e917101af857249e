"""What a test needs and the machine lacks."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def cannot(reason: str, *, mended: bool) -> NoReturn:
    """Skip a test; in CI, where the machine could be mended, fail it: nobody reads there what is skipped."""
    if os.environ.get("CI") == "true" and mended:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def may_install() -> bool:
    """Tell whether Debian's packages can be installed from here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None
