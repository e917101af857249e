"""``python -m mlops_jupyter`` is ``mlops``."""

from __future__ import annotations

from .faces.start import main

if __name__ == "__main__":
    main()
