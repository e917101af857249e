"""What a notebook imports, read from its code."""

from __future__ import annotations

import pytest

from mlops_jupyter.capabilities.notebook_imports import imports_of, imports_of_file


def of(*sources: str | list[str]) -> tuple[str, ...]:
    return imports_of({"cells": [{"cell_type": "code", "source": source} for source in sources]})


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pandas as pd, numpy", ("numpy", "pandas")),
        ("import os, json, random", ()),
        ("from sklearn.linear_model import Ridge", ("sklearn.linear_model",)),
        ("from sklearn import metrics, base\nimport sklearn", ("sklearn.base", "sklearn.metrics")),
        ("from sklearn import *", ("sklearn",)),
        ("from sklearn.nothing import x", ("sklearn",)),
        ("import not_installed_anywhere", ()),
        ("from . import x", ()),
        ("%load_ext mlops_jupyter\nimport numpy\nx = !ls\ny, z = %time 1\n!pip list\nnumpy?", ("numpy",)),
        ("for _ in [1]:\n    %matplotlib inline\nimport numpy", ("numpy",)),
        ("%%mlops track fit\nimport numpy", ("numpy",)),
        ("%%bash\nimport -window root", ()),
        ("%%writefile x.py\nimport numpy", ()),
        ("def later():\n    import numpy", ()),
        ("try:\n    import numpy\nexcept ImportError:\n    pass", ()),
        ("if False:\n    import numpy", ()),
        ("with open('x') as f:\n    import numpy", ("numpy",)),
        ("import numpy\nthis is no python", ()),
        (["import numpy\n", "import pandas"], ("numpy", "pandas")),
        ("\x00", ()),
    ],
)
def test_imports(source, found):
    assert of(source) == found


def test_it_is_sorted_and_names_nothing_twice():
    assert of("import pandas", "import numpy", "import pandas") == ("numpy", "pandas")


def test_a_module_beside_the_notebook_is_left_to_it(tmp_path, monkeypatch):
    (tmp_path / "features.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert of("import features") == ()


@pytest.mark.parametrize("content", [{}, {"cells": None}, {"cells": [None, {"cell_type": "code"}]}])
def test_what_is_no_notebook_imports_nothing(content):
    assert imports_of(content) == ()


def test_files(tmp_path):
    assert imports_of_file(tmp_path / "gone.ipynb") == ()
    (tmp_path / "broken.ipynb").write_bytes(b"\xff{")
    assert imports_of_file(tmp_path / "broken.ipynb") == ()
