"""Write docs/serving_protocols.md: each request of the corpus given to MLflow's scoring server and to ours."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.serving.both import Answer, Both
from tests.serving.corpus import MODELS, Sent, save_models, sent

TARGET = Path(__file__).parents[1] / "docs" / "serving_protocols.md"

_HEAD = """# What the endpoint answers, and what MLflow does

Made by `python -m tests.write_protocols`, which gives each request to MLflow's scoring server and to the endpoint's
code around the same model. A test holds the page to what both answer.

Where both answer with a prediction (200), the answers are equal after parsing, number for number: a float32 as the
double that it is, a date as MLflow writes it, a table as records. There is one exception, on purpose: where MLflow
writes `NaN` or `Infinity`, which is not JSON, the endpoint writes `null`.

Where the endpoint refuses, it answers with `error_code` and `message`. The message holds the names of columns and the
number of the row, counted from 0, and never a value; `deploy --verbose-errors` adds the value. MLflow's holds the
caller's data.

Bodies of language models are refused: MLflow's server hands an object with `messages`, `prompt` or `input` to the
model as it is and gives back what this returns, without `predictions` around it and unseen by the signature. The
endpoint answers 400 and `BAD_REQUEST`, and says that the object goes into `inputs`: `{"inputs": [{"messages":
[...]}]}` is a row of a model whose signature has a column `messages`. No answer is streamed.

`/v2/models/…/infer` takes `application/json`, `application/octet-stream` (the binary extension: JSON, then raw
tensors; `Inference-Header-Content-Length` says where they begin) and a request without a `Content-Type`, as Triton's
client sends it. Anything else is a 415.

What the endpoint refuses and MLflow answers is in the last column, and so is what only the endpoint answers.
"""


def page(both: dict[str, Both]) -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for name, about in MODELS.items():
        parts += [f"## {about}\n", "| request | MLflow | endpoint | why they differ |", "|---|---|---|---|"]
        parts += [_line(both[name], one) for one in sent() if one.model == name]
        parts.append("")
    return "\n".join(parts)


def _line(both: Both, one: Sent) -> str:
    theirs, ours = both.theirs(one), both.ours(one)
    same = ", equal" if theirs.is_answered and ours.is_answered and theirs.parsed() == ours.parsed() else ""
    return f"| {one.what} | {theirs.status} | {_said(ours)}{same} | {one.why} |"


def _said(answer: Answer) -> str:
    return str(answer.status)


def servers(folder: Path) -> dict[str, Both]:
    """Return both servers around every model of the corpus."""
    return {name: Both(path) for name, path in save_models(folder).items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        TARGET.write_text(page(servers(Path(made))), encoding="utf-8")
    print(f"wrote {TARGET}", file=sys.stderr)
