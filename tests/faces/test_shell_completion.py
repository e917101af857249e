"""The tab key in a real bash, which takes a word with a colon for three."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from mlops_jupyter import settings
from mlops_jupyter.commands import models
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="missing here: apt-get install bash")
PROMPT = "ready> "


@pytest.fixture
def known(project: Path) -> Path:
    """A project that has met churn/12, its champion, and churn/11."""
    current = settings.current()
    current.prepare_state()
    models.remember(current, "churn", "11")
    models.remember(current, "churn", "12", "champion")
    return project


@pytest.fixture
def bash(known: Path) -> Iterator[pexpect.spawn]:
    command = known / "bin" / "mlops"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m mlops_jupyter "$@"\n')
    command.chmod(0o700)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    told = {**os.environ, "PATH": path, "PS1": PROMPT, "PYTHONPATH": str(REPOSITORY), "TERM": "dumb"}
    shell = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], cwd=str(known), env=told, encoding="utf-8", timeout=60
    )
    shell.expect_exact(PROMPT)
    shell.sendline("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'")
    shell.expect_exact(PROMPT)
    shell.sendline('source <(_MLOPS_COMPLETE=bash_source mlops); echo "is $?"')
    shell.expect_exact("is 0")
    shell.expect_exact(PROMPT)
    yield shell
    shell.close(force=True)


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ("promote churn@", "promote churn@champion"),
        ("promote models:/churn@", "promote models:/churn@champion"),
        ("promote models:/churn/12 --to ch", "promote models:/churn/12 --to champion"),
        ("promote 'models:/churn@", "promote 'models:/churn@champion'"),
        ("deploy models:/churn/12 --name=ch", "deploy models:/churn/12 --name=churn"),
        ("deploy mod", "deploy models:/churn"),
        ("regis", "register"),
    ],
)
def test_a_word_is_completed_where_bash_cuts_it(bash, typed, made):
    bash.send(f"mlops {typed}\t")
    bash.expect_exact(f"mlops {made}")
    bash.sendintr()


def test_all_that_a_word_may_become_is_listed(bash):
    bash.send("mlops deploy models:/churn\t\t")
    for word in ("@champion", "/12", "/11"):
        bash.expect_exact(word)
    bash.sendintr()
