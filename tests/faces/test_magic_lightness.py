"""What loading costs, by Python's own import times; and what the magic says of itself: help and completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops_jupyter.verbs import VERBS
from tests.fakes.notebooks import write_notebook

HEAVY = {"mlflow", "pandas", "numpy", "ipywidgets", "anywidget", "jupyter_server"}
# Verbs that do nothing but compute with tables: their functions cannot be had without numpy.
ON_TABLES = {"drift", "feedback", "monitor", "rows"}
LATE = {"click", "mlops_jupyter.records", "mlops_jupyter.grammar"}
SHELL = "from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\n"


def imported(code: str) -> set[str]:
    """Run Python and return every module that it imported, by ``-X importtime`` and by what is there at the end.

    The import times leave out what ``importlib`` loads by name, which is how this package is lazy; and a module
    that was imported and taken out again would be in the times alone.
    """
    seen = f"{code}\nimport sys\nopen('modules', 'w').write('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", seen], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 10
    return {line.rpartition("|")[2].strip() for line in lines[1:]} | set(Path("modules").read_text().split())


def unwanted(modules: set[str], names: set[str]) -> set[str]:
    """Return those of the modules that are, or lie in, one of the names."""
    return {module for module in modules for name in names if module == name or module.startswith(f"{name}.")}


def test_load_ext_imports_nothing_heavy(project):
    modules = imported(f"{SHELL}shell.run_line_magic('load_ext', 'mlops_jupyter')")
    assert "mlops_jupyter.faces.magic" in modules
    assert unwanted(modules, HEAVY | LATE) == set()


def test_load_ext_imports_next_to_nothing_of_its_own(project):
    with_it = imported(f"{SHELL}shell.run_line_magic('load_ext', 'mlops_jupyter')")
    nothing = project / "do_nothing.py"
    nothing.write_text("def load_ipython_extension(shell):\n    pass\n")
    without = imported(f"{SHELL}shell.run_line_magic('load_ext', 'do_nothing')")
    assert with_it - without == {"mlops_jupyter", "mlops_jupyter.faces", "mlops_jupyter.faces.magic"}


def test_an_ordinary_cell_stays_light(project):
    cells = f"{SHELL}shell.run_line_magic('load_ext', 'mlops_jupyter')\nshell.run_cell('x = 1')\nshell.run_cell('x')"
    assert unwanted(imported(cells), HEAVY | LATE) == set()


def test_importing_the_package_imports_nothing_of_it(project):
    modules = imported("import mlops_jupyter; mlops_jupyter.__version__")
    assert {module for module in modules if module.startswith("mlops_jupyter")} == {"mlops_jupyter"}
    assert unwanted(modules, HEAVY | LATE | {"IPython"}) == set()


def test_dir_lists_the_verbs_without_importing_them(project):
    modules = imported(f"import mlops_jupyter; assert set(dir(mlops_jupyter)) >= set({list(VERBS)})")
    assert {module for module in modules if module.startswith("mlops_jupyter.")} == {"mlops_jupyter.verbs"}


@pytest.mark.parametrize("words", [["--help"], ["bogus"], ["--version"]])
def test_the_terminal_s_help_imports_no_verb(words, project):
    code = f"import sys\nfrom mlops_jupyter.faces import terminal\nterminal.run({words!r})"
    modules = imported(code)
    assert "click" in modules
    assert unwanted(modules, HEAVY | {"papermill", "nbformat", "IPython", "mlops_jupyter.commands"}) == set()


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.place != "code"])
def test_a_verb_s_help_imports_no_mlflow(name, project):
    code = f"import sys\nfrom mlops_jupyter.faces import terminal\nterminal.run(['{name}', '--help'])"
    heavy = HEAVY - {"numpy", "pandas"} if name in ON_TABLES else HEAVY
    assert unwanted(imported(code), heavy | {"papermill", "nbformat", "IPython"}) == set()


# --- formatters --------------------------------------------------------------------------------------------------

REGISTERED = (
    "print('Run' in {name for module, name in "
    "get_ipython().display_formatter.mimebundle_formatter.deferred_printers if module == 'mlops_jupyter.records.runs'})"
)


@pytest.mark.parametrize(
    "first",
    ["%mlops status", "import mlops_jupyter; mlops_jupyter.status", "from mlops_jupyter import status", "%mlops runs"],
)
def test_formatters_come_with_the_first_verb(first, kernel):
    assert kernel.run(REGISTERED).stdout == "False\n"
    assert kernel.run("import mlops_jupyter\nx = 1").status == "ok"
    assert kernel.run(REGISTERED).stdout == "False\n"
    kernel.run(first)
    assert kernel.run(REGISTERED).stdout == "True\n"


def test_a_python_call_shows_the_same_as_a_magic_without_the_extension(start_kernel):
    kernel = start_kernel(load=False)
    (by_python,) = kernel.run("import mlops_jupyter\nmlops_jupyter.status()").displayed
    kernel.run("%load_ext mlops_jupyter")
    (by_magic,) = kernel.run("%mlops status").displayed
    assert by_python == by_magic
    assert set(by_magic) == {"text/plain", "text/html", "application/vnd.mlops-jupyter.status+json"}


# --- help and completion -----------------------------------------------------------------------------------------


def test_the_magic_s_question_mark_lists_the_verbs(kernel):
    reply = kernel.client.execute_interactive("%mlops?", timeout=30, output_hook=lambda _: None)
    (page,) = reply["content"]["payload"]
    width = max(map(len, VERBS))
    for name, verb in VERBS.items():
        assert (f"  {name:<{width}}  {verb.line}" in page["data"]["text/plain"]) == (verb.place != "code")
    assert (
        kernel.run("%mlops --help").stdout.splitlines()[0]
        == "%mlops VERB …          one verb; %mlops alone shows where you stand"
    )


def test_a_verb_s_help_in_the_notebook_is_the_terminal_s(kernel, terminal):
    here, there = kernel.run("%mlops runs --help").stdout, terminal("runs", "--help").out
    assert here.split() == there.split()  # the terminal's lines are as long as it is wide


def test_completion_in_a_kernel(kernel, project):
    write_notebook(project / "train.ipynb", "x = 1")
    (project / "data.csv").touch()
    for typed, wanted in {
        "%mlops ru": ["runs", "run"],
        "%mlops ": [name for name, verb in VERBS.items() if verb.place != "code"],
        "%%mlops tra": ["track", "traffic"],
        "x = %mlops runs --li": ["--limit"],
        "x = 1\n%mlops runs --so": ["--sort"],
        "%mlops run ": ["train.ipynb", "data.csv", "mlops.toml"],
        "%mlops run tr": ["train.ipynb"],
        "%mlops ui ": ["mlflow", "tensorboard"],
        "%mlops runs --limit 3 --all": ["--all-experiments"],
    }.items():
        assert kernel.complete(typed) == sorted(wanted), typed


def test_completion_replaces_only_the_word_under_the_cursor(kernel):
    code = "x = %mlops runs --li"
    ident = kernel.client.complete(code, len(code))
    content = kernel._reply(ident, 30)
    assert (content["cursor_start"], content["cursor_end"]) == (len(code) - 4, len(code))


def test_completion_elsewhere_is_ipython_s(kernel):
    assert "numbers" not in kernel.complete("%mlops ru")
    kernel.run("numbers = [1]")
    assert kernel.complete("numbe") == ["numbers"]
    assert "%mlops" in kernel.complete("%mlo")
    assert "runs" not in kernel.complete("%mlopsx ru")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("mlops ru", ["runs", "run"]),
        ("mlops ", [name for name, verb in VERBS.items() if verb.place != "code"]),
        ("mlops runs --l", ["--limit"]),
        ("mlops runs --limit 3 --exp", ["--experiment"]),
        ("mlops ui ", ["mlflow", "tensorboard"]),
        ("mlops ui m", ["mlflow"]),
        ("mlops bogus --", ["--version", "--help"]),
    ],
)
def test_completion_in_the_shell(line, wanted, terminal, project):
    words = line.split(" ")
    done = terminal(_MLOPS_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert (done.code, done.err) == (0, "")
    assert [one.partition(",")[2] for one in done.out.split()] == wanted
    assert all(one.startswith("plain,") for one in done.out.split())


def test_the_shell_completes_paths_itself(terminal, project):
    done = terminal(_MLOPS_COMPLETE="bash_complete", COMP_WORDS="mlops run tr", COMP_CWORD="2")
    assert done.out.split() == ["file,tr"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_is_told_how(shell, terminal, project):
    done = terminal(_MLOPS_COMPLETE=f"{shell}_source")
    assert done.code == 0
    assert f"_MLOPS_COMPLETE={shell}_complete" in done.out
