"""Three-way merges by git, and where two sides clash."""

from mlops_jupyter.adapters.git.merging import GitTextMerge
from mlops_jupyter.protocols import Clash

BASE = "".join(f"line {number}\n" for number in range(1, 21))


def merge(tmp_path, mine, theirs):
    return GitTextMerge().merge(tmp_path, BASE, mine, theirs)


def test_changes_apart_are_both_in_it(tmp_path):
    mine, theirs = BASE.replace("line 2\n", "mine\n"), BASE.replace("line 18\n", "theirs ü\n")
    assert merge(tmp_path, mine, theirs) == (mine.replace("line 18\n", "theirs ü\n"), ())


def test_clashes_are_told_by_the_lines_of_one_s_own_text(tmp_path):
    mine = BASE.replace("line 2\n", "").replace("line 9\n", "mine\nand more\n").replace("line 18\n", "mine too\n")
    theirs = BASE.replace("line 9\n", "theirs\n").replace("line 18\n", "")
    found = merge(tmp_path, mine, theirs)
    assert found.clashes == (Clash(8, 9), Clash(18, 18))


def test_lines_that_one_side_has_deleted(tmp_path):
    found = merge(tmp_path, BASE.replace("line 5\n", ""), BASE.replace("line 5\n", "theirs\n"))
    assert len(found.clashes) == 1
