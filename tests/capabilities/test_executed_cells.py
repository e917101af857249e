"""What ran, in order, bounded, and cheap enough to be told of every cell."""

from __future__ import annotations

import json
import subprocess
import sys

from mlops_jupyter.capabilities.executed_cells import ExecutedCells
from tests.conftest import REPOSITORY


def test_cells_come_in_the_order_they_ran():
    cells = ExecutedCells()
    cells.ran("b", 1, "x = 1", ok=True)
    cells.ran("a", 2, "1/0", ok=False)
    cells.ran("b", 3, "x = 'größe'", ok=True)
    cells.ran(None, 4, "print(x)", ok=True)
    assert json.loads(cells.as_json()) == [
        {"id": "b", "execution_count": 1, "source": "x = 1", "ok": True},
        {"id": "a", "execution_count": 2, "source": "1/0", "ok": False},
        {"id": "b", "execution_count": 3, "source": "x = 'größe'", "ok": True},
        {"id": None, "execution_count": 4, "source": "print(x)", "ok": True},
    ]
    assert "größe" in cells.as_json()


def test_no_cell_yet():
    assert json.loads(ExecutedCells().as_json()) == []


def test_the_oldest_go_and_are_counted():
    cells = ExecutedCells(at_most=3)
    for count in range(10):
        cells.ran(str(count), count, "pass", ok=True)
    told = json.loads(cells.as_json())
    assert told[0] == {"id": None, "execution_count": None, "source": "", "ok": None, "left_out": 7}
    assert [item["execution_count"] for item in told[1:]] == [7, 8, 9]
    assert cells.left_out == 7
    assert len(cells) == 3


def test_much_source_is_bounded_too():
    cells = ExecutedCells(characters=1000)
    for count in range(50):
        cells.ran(None, count, "x" * 300, ok=True)
    assert len(cells) == 3
    assert cells.left_out == 47


def test_one_huge_cell_is_cut_and_says_so():
    cells = ExecutedCells()
    cells.ran(None, 1, "small", ok=True)
    cells.ran(None, 2, "x" * 7_000_000, ok=True)
    small, huge = json.loads(cells.as_json())
    assert small["source"] == "small"
    assert huge["source"].endswith("x\n# … 6,500,000 characters left out")


def test_sources_are_cleaned_one_by_one():
    cells = ExecutedCells()
    cells.ran(None, 1, 'token = "hunter22"', ok=True)
    assert json.loads(cells.as_json(lambda text: text.replace("hunter22", "*")))[0]["source"] == 'token = "*"'


def test_the_stub_can_import_it_for_next_to_nothing():
    code = (
        "import __future__, collections, importlib, json, sys, typing; before = set(sys.modules)\n"
        "from mlops_jupyter.capabilities.executed_cells import ExecutedCells\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    # Without the machine's own start-up files, which import what they like.
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [
        "mlops_jupyter",
        "mlops_jupyter.capabilities",
        "mlops_jupyter.capabilities.executed_cells",
        "mlops_jupyter.capabilities.vscode",
    ]
