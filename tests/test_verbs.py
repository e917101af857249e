"""The verb table says what the functions say, and its page says what the help says."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import click
import pytest
from docstring_parser import numpydoc

from mlops_jupyter import grammar, verbs
from mlops_jupyter.verbs import VERBS
from tests import write_verbs

EACH = pytest.mark.parametrize("name", list(VERBS))

# The public contract of DESIGN section 3, as far as it is built: arguments in capitals, then options.
CONTRACT: dict[str, set[str]] = {
    "init": {"DIRECTORY"},
    "doctor": set(),
    "status": set(),
    "track": {"NAME", "--experiment", "--tag", "--param", "--parent", "--autolog", "--no-autolog"},
    "log": {"STEP"},
    "runs": {"QUERY", "--sort", "--limit"},
    "compare": {"RUNS"},
    "snapshot": {"NOTEBOOKS", "-m", "--allow"},
    "history": {"NOTEBOOK", "--limit", "--prune", "--yes"},
    "diff": {"A", "B", "--notebook", "--web"},
    "restore": {"REF", "NOTEBOOK", "--replace", "--yes"},
    "review": {"NOTEBOOKS", "--branch", "--target", "-m", "--runs", "--draft", "--allow"},
    "reproduce": {"RUN", "--tolerance", "--env", "--keep", "--timeout"},
    "run": {
        "NOTEBOOKS",
        "-p",
        "--sweep",
        "--params",
        "--jobs",
        "--engine",
        "--best",
        "--output",
        "--html",
        "--resume",
        "--timeout",
        "--experiment",
        "--push",
        "--yes",
    },
    "ci": {"SYSTEM", "NOTEBOOKS", "--require", "--output"},
    "warm": {"NOTEBOOKS", "--import", "--kernelspec", "--stop", "--idle"},
    "register": {"MODEL", "--name"},
    "models": set(),
    "promote": {"MODEL", "--to"},
    "deploy": {"MODEL", "--name", "--data", "--target", "--workers", "--canary", "--auto", "--shadow"},
    "deployments": set(),
    "predict": {"NAME", "DATA"},
    "feedback": {"NAME", "DATA", "--request-id", "--label", "--row", "--segment", "--by"},
    "rows": {"NAME", "FEATURE", "--segment", "--since", "--version", "--limit"},
    "traffic": {"NAME", "SHARES"},
    "rollback": {"NAME"},
    "logs": {"NAME", "--follow", "-f", "--lines"},
    "undeploy": {"NAME", "--yes"},
    "ui": {"TOOL"},
    "monitor": {"NAME", "--since", "--source"},
    "drift": {"BASELINE", "NOW", "--since", "--evidently", "--html"},
    "export": {"SYSTEM", "NAME", "--output", "--slow", "--objective", "--require"},
}


@EACH
def test_the_line_is_the_first_of_the_docstring(name):
    function = grammar.verb_function(VERBS[name])
    assert VERBS[name].line == (inspect.getdoc(function) or "").splitlines()[0]


@EACH
def test_the_target_imports(name):
    module, _, attribute = VERBS[name].target.partition(":")
    assert module == f"mlops_jupyter.commands.{name}"
    assert callable(getattr(importlib.import_module(module), attribute))
    assert attribute == name


@EACH
def test_effect_and_place_are_known_words(name):
    assert VERBS[name].effect in {"reads", "writes", "destroys"}
    assert VERBS[name].place in {"anywhere", "kernel", "code"}


@EACH
def test_every_parameter_has_help(name):
    for parameter in grammar.command(name).params:
        help_text = parameter.text if isinstance(parameter, click.Argument) else parameter.help
        assert help_text, f"{parameter.name} of {name} is not explained in the docstring"


@EACH
def test_every_verb_says_what_it_returns_and_raises_nothing_foreign(name):
    documentation = numpydoc.parse(inspect.getdoc(grammar.verb_function(VERBS[name])))
    errors = vars(importlib.import_module("mlops_jupyter.errors"))
    assert all(one.type_name in errors for one in documentation.raises)
    if name != "log":
        assert documentation.returns is not None


def test_the_names_are_those_of_the_design():
    assert set(VERBS) == set(CONTRACT)


@EACH
def test_the_arguments_and_options_are_those_of_the_design(name):
    offered = set()
    for parameter in grammar.command(name).params:
        if isinstance(parameter, click.Argument):
            offered.add(parameter.name.upper())
        else:
            offered.update((*parameter.opts, *parameter.secondary_opts))
    assert offered >= CONTRACT[name]


@EACH
def test_every_verb_of_the_table_is_a_function_of_the_package(name):
    package = importlib.import_module("mlops_jupyter")
    assert name in dir(package)
    assert callable(getattr(package, name))


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mlops_jupyter' has no attribute 'trakc'"):
        importlib.import_module("mlops_jupyter").trakc  # noqa: B018


def test_the_page_is_what_the_help_prints():
    written = write_verbs.TARGET.read_text(encoding="utf-8")
    assert written == write_verbs.page(), "docs/verbs.md is not what the help says: run make docs"


def test_the_table_imports_nothing_of_the_project():
    tree = ast.parse(Path(verbs.__file__).read_text(encoding="utf-8"))
    imported = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or "."] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    ]
    assert set(imported) == {"__future__", "typing"}
    assert not any(node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
