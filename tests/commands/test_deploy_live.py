"""A live model is deployed: logged to the run of the cell that made it, registered, and answering."""

from __future__ import annotations

import nbformat
import pytest

import mlops_jupyter
from mlops_jupyter.errors import CommandError
from tests.fakes.notebooks import write_notebook

LOAD = "%load_ext mlops_jupyter"
FIT = """%%mlops track fit --no-autolog
import pandas
from sklearn.linear_model import LogisticRegression
table = pandas.DataFrame({"age": [20.0, 30.0, 60.0, 70.0], "visits": [1.0, 2.0, 8.0, 9.0]})
model = LogisticRegression().fit(table, [0, 0, 1, 1])"""


def test_from_a_cell_to_an_answer_and_away(project, terminal, stored_runs):
    write_notebook(
        project / "churn.ipynb",
        LOAD,
        FIT,
        "%mlops deploy $model --name churn --data $table",
        "answers = %mlops predict churn {table}\nanswers",
        "%mlops undeploy churn --yes",
    )
    done = terminal("run", "churn.ipynb", "--output", "out.ipynb", timeout=600)
    assert done.code == 0, done.err
    cells = nbformat.read(project / "out.ipynb", as_version=4).cells
    said = ["".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs) for cell in cells[2:5]]
    assert "ready  churn" in said[0]
    assert "note: the model is version 1 of churn" in said[0]
    assert [line.split()[1] for line in said[1].splitlines()[1:5]] == ["0", "0", "1", "1"]
    assert said[2] == "100% churn has endedchurn is no longer deployed (local); it was ready"
    assert not (project / ".mlops" / "endpoints" / "churn").exists()
    fit = next(run for run in stored_runs() if run.name == "fit")
    (version,) = mlops_jupyter.models("churn").versions
    assert version.run_id == fit.run_id


def test_a_live_model_needs_a_name(project):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(CommandError, match="needs the name of its deployment"):
        mlops_jupyter.deploy(LogisticRegression())
