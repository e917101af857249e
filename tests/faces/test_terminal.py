"""What a shell, a script and CI see of ``mlops``: words on standard error, results on standard output, an exit code."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from mlops_jupyter import __version__, errors
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.faces import terminal as face
from mlops_jupyter.verbs import VERBS
from tests.fakes import verbs as fakes

# The error tree as the class list says it: what a person can meet, and its exit code and HTTP status.
TREE = {
    "CommandError": (2, 400),
    "ConfigurationError": (3, 422),
    "MissingDependency": (3, 422),
    "NotFound": (4, 404),
    "Conflict": (4, 409),
    "ConfirmationRequired": (4, 409),
    "ServiceError": (5, 502),
    "Unavailable": (5, 502),
    "Unauthorized": (5, 502),
    "Rejected": (5, 502),
    "ExecutionFailed": (6, 200),
    "CheckFailed": (1, 200),
}


@pytest.fixture
def mlops(monkeypatch, capsys, clean_environment):
    """Run ``mlops`` with the test verbs within this process: code, standard output, standard error."""
    for name, verb in fakes.TEST_VERBS.items():
        monkeypatch.setitem(VERBS, name, verb)

    def run(*words: str) -> tuple[int, str, str]:
        code = face.run(list(words))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


# --- the error tree ----------------------------------------------------------------------------------------------


def test_the_tree_is_complete():
    classes = {
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, MlopsError) and kind is not MlopsError
    }
    assert classes == set(TREE)
    assert (MlopsError.exit_code, MlopsError.http_status) == (errors.UNEXPECTED_EXIT, 500)


def test_the_table_of_the_docstring_is_what_the_classes_say():
    told = {
        name: (int(code), int(status))
        for name, code, status in re.findall(r"─ (\w+).* (\d+)   (\d+)$", errors.__doc__, re.MULTILINE)
    }
    assert told == {name: expected for name, expected in TREE.items() if name in told}
    kinds = re.search(r"ServiceError\(service\) +(.*?)  ", errors.__doc__)[1].split(" | ")
    assert {*told, *kinds} == set(TREE)


@pytest.mark.parametrize("name", TREE)
def test_each_class_has_its_exit_code(name, mlops):
    kind = getattr(errors, name)
    assert (kind.exit_code, kind.http_status) == TREE[name]
    code, out, err = mlops("stop", name)
    assert code == TREE[name][0]
    lines = err.splitlines()
    assert lines[0].startswith(f"{name}: ")
    assert len(lines) <= 2
    assert all(line.startswith("  → ") for line in lines[1:])
    assert out == ("" if name != "CheckFailed" else "\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NotFound", "NotFound: the kiln is cold\n  → light it\n"),
        (
            "MissingDependency",
            (
                "MissingDependency: the kiln needs a package that is not installed\n"
                "  → pip install 'mlops-jupyter[kiln]'\n"
            ),
        ),
        (
            "ExecutionFailed",
            "ExecutionFailed: bake.ipynb failed at cell 3: ValueError: too hot\n  → look at the cell\n",
        ),
    ],
)
def test_an_error_is_one_or_two_lines(name, said, mlops):
    assert mlops("stop", name)[2] == said


def test_debug_shows_the_traceback_of_an_error(mlops):
    code, _, err = mlops("stop", "NotFound", "--debug")
    assert code == 4
    assert "Traceback (most recent call last)" in err
    assert 'tests/fakes/verbs.py"' in err


def test_an_unexpected_exception_is_a_bug_and_says_so(mlops):
    assert mlops("burst") == (
        70,
        "",
        "RuntimeError: the boiler has no water\n  → this is a bug in mlops; run it again with --debug\n",
    )


def test_debug_shows_the_traceback_of_a_bug(mlops):
    code, _, err = mlops("burst", "--debug")
    assert code == 70
    assert err.startswith("Traceback (most recent call last)")
    assert err.endswith("RuntimeError: the boiler has no water\n")


# --- bad words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["xyzzy"], "there is no verb xyzzy\n  → mlops --help"),
        (["rums"], "there is no verb rums\n  → did you mean: mlops runs?"),
        (["runs", "--limt", "3"], "runs has no option --limt\n  → did you mean --limit?"),
        (["runs", "--limit"], "runs: option '--limit' requires an argument\n  → mlops runs --help"),
        (["runs", "--limit", "many"], ("runs: invalid value for '-n' / '--limit': 'many' is not a valid integer\n"
         "  → mlops runs --help")),
        (["runs", "--limit", "0"], "--limit must be at least 1, not 0\n  → mlops runs --limit 20"),
        (["run"], "which notebook? none is named\n  → mlops run NOTEBOOK.ipynb"),
        (
            ["ui", "tensorbord"],
            ("ui: invalid value for '[mlflow|tensorboard]': 'tensorbord' is not one of 'mlflow', 'tensorboard'\n"
            "  → mlops ui --help"),
        ),
        (["--xyzzy"], "mlops has no option --xyzzy\n  → mlops --help"),
        (["--debgu", "runs"], "mlops has no option --debgu\n  → mlops --help"),
        (["track", "baseline"], "track needs a notebook around it\n  → in a notebook: %%mlops track"),
        (["log"], "log is for Python code\n  → call mlops_jupyter.log(…)"),
        (["log", "loss=0.1"], "log is for Python code\n  → call mlops_jupyter.log(…)"),
    ],
)  # fmt: skip
def test_bad_words_are_one_or_two_lines_and_exit_2(words, said, mlops, project):
    assert mlops(*words) == (2, "", f"CommandError: {said}\n")


def test_the_real_command_with_a_bad_verb(terminal, project):
    done = terminal("xyzzy")
    assert (done.code, done.out) == (2, "")
    assert done.err == "CommandError: there is no verb xyzzy\n  → mlops --help\n"


# --- a cell's body is a file here --------------------------------------------------------------------------------


def test_a_source_is_a_file(mlops, project):
    (project / "poem.txt").write_text("été seen", encoding="utf-8")
    code, out, _ = mlops("count", "poem.txt", "--letter", "é")
    assert code == 0
    assert "2 × é in 'été seen'" in out


def test_a_source_may_come_down_a_pipe(project):
    process = fakes.start("count", "-", stdin=subprocess.PIPE)
    out, _ = process.communicate("seen", timeout=60)
    assert process.returncode == 0
    assert "2 × e in 'seen'" in out


def test_a_source_that_is_not_there_or_no_text(mlops, project):
    assert mlops("count", "nothing.txt") == (4, "", "NotFound: there is no file nothing.txt\n  → check the path\n")
    (project / "binary").write_bytes(b"ab\xff")
    assert mlops("count", "binary") == (
        3,
        "",
        "ConfigurationError: cannot read binary: it is not UTF-8 text (byte 2)\n  → check the path\n",
    )
    assert mlops("count", ".")[:2] == (3, "")


# --- results -----------------------------------------------------------------------------------------------------


def test_a_failed_check_prints_its_record_and_exits_1(mlops):
    code, out, err = mlops("judge")
    assert (code, err) == (1, "CheckFailed: accuracy is too low\n  → train it longer\n")
    assert out == "✗ accuracy               0.7 is less than 0.9\n"


def test_a_failed_check_prints_its_record_as_json(mlops):
    code, out, _ = mlops("judge", "--json")
    assert code == 1
    check = {"name": "accuracy", "level": "failed", "detail": "0.7 is less than 0.9", "fix": None}
    assert json.loads(out) == {"checks": [check], "failed": [check]}


def test_strict_changes_nothing_in_a_terminal(mlops):
    assert mlops("judge", "--strict") == mlops("judge")


def test_a_failed_check_in_a_kernel_shows_its_record_and_strict_raises(kernel):
    kernel.run(fakes.CELL)
    shown = kernel.run("%mlops judge")
    assert shown.status == "ok"
    assert shown.records("diagnosis")[0]["failed"][0]["name"] == "accuracy"

    strict = kernel.run("%mlops judge --strict")
    assert (strict.ename, strict.evalue) == ("CheckFailed", "accuracy is too low (train it longer)")
    assert strict.traceback == ["CheckFailed: accuracy is too low", "  → train it longer"]

    caught = kernel.run(
        "import mlops_jupyter\n"
        "try:\n    mlops_jupyter.judge()\n"
        "except mlops_jupyter.errors.CheckFailed as answer:\n    found = answer.record\n"
        "found"
    )
    assert caught.records("diagnosis") == shown.records("diagnosis")


def test_errors_and_bugs_in_a_kernel(kernel):
    kernel.run(fakes.CELL)
    error = kernel.run("%mlops stop NotFound")
    assert (error.status, error.ename, error.evalue) == ("error", "NotFound", "the kiln is cold (light it)")
    assert error.traceback == ["NotFound: the kiln is cold", "  → light it"]
    debug = kernel.run("%mlops stop NotFound --debug")
    assert any("tests/fakes/verbs.py" in line for line in debug.traceback)
    bug = kernel.run("%mlops burst")
    assert bug.ename == "RuntimeError"
    assert "in burst()" in re.sub(r"\x1b\[[\d;]*m", "", "\n".join(bug.traceback))


@pytest.fixture
def run_with_odd_numbers(project):
    from tests.fakes.store import WritableStore

    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    run_id = store.create_run("churn", "odd", {})
    now = datetime.now(UTC)
    store.log(run_id, metrics=[("nan", float("nan"), now, 0), ("half", 0.5, now, 0)])
    store.finish_run(run_id, "FINISHED")
    return run_id


def test_json_is_valid_and_alone_on_standard_output(terminal, run_with_odd_numbers):
    done = terminal("runs", "--json")
    assert done.code == 0

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    table = json.loads(done.out, parse_constant=refuse)
    assert [run["run_id"] for run in table["runs"]] == [run_with_odd_numbers]
    assert table["runs"][0]["metrics"] == {"nan": "NaN", "half": 0.5}


def test_alone_it_shows_where_you_stand(terminal, project):
    alone, status = terminal(), terminal("status")
    assert alone == status
    assert alone.code == 0
    assert f"project         {project}\n" in alone.out
    assert alone.out.endswith("mlops --help lists the verbs, %mlops? in a notebook\n")


def test_the_module_is_the_command(project):
    done = subprocess.run(
        [sys.executable, "-m", "mlops_jupyter", "xyzzy"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "CommandError: there is no verb xyzzy\n  → mlops --help\n"


def test_help_lists_the_verbs_that_work_here(mlops):
    code, out, _ = mlops("--help")
    assert code == 0
    listed = re.findall(r"^  (\w+) {2,}", out.partition("Verbs:")[2], re.MULTILINE)
    assert listed == [name for name, verb in VERBS.items() if verb.place != "code"]
    assert mlops("-h")[1] == out


def test_version(mlops):
    assert mlops("--version")[:2] == (0, f"mlops, version {__version__}\n")


# --- interrupts and pipes ----------------------------------------------------------------------------------------


def test_ctrl_c_ends_with_130(project):
    process = fakes.start("dwell")
    assert process.stderr.readline() == " 50% waiting\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "\ninterrupted\n")


def test_a_reader_that_has_gone_away_is_no_bug(project):
    reader, writer = os.pipe()
    os.close(reader)
    process = fakes.start("judge", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "bug" not in err
    assert "Traceback" not in err
