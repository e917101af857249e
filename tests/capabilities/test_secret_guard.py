"""What the guard finds in notebooks, what it leaves alone, and that it never tells a secret."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter import registry
from mlops_jupyter.capabilities.notebooks.reading import read
from mlops_jupyter.capabilities.secret_guard import find_secrets, refuse_secrets
from mlops_jupyter.errors import ConfigurationError, Conflict
from mlops_jupyter.protocols import SecretMatch
from tests.conftest import REPOSITORY

LETTERS = string.ascii_letters + string.digits
AWS = string.ascii_uppercase + "234567"
HEX = "0123456789abcdef"


def random_text(length: int, characters: str = LETTERS, seed: int = 5) -> str:
    return "".join(random.Random(f"{seed} {length} {characters}").choices(characters, k=length))  # noqa: S311


# Made here, so that this file holds nothing of a token's shape.
GITHUB = "gh" + "p_" + random_text(36)
WORD = "hunter2" + "horse"
SHAPES = {
    "github pat": f'token = "{GITHUB}"',
    "github fine grained pat": "".join(["x = 'github", "_pat_", random_text(22), "_", random_text(59), "'"]),
    "gitlab pat": "".join(['gl = "gl', "pat-", random_text(20), '"']),
    "slack bot token": "-".join(["xoxb", *(random_text(12, string.digits, s) for s in "ab"), "Qr7" * 8]),
    "openai api key": "".join(["sk-", "proj-", random_text(58), "T3Blbk", "FJ", random_text(58, seed=6)]),
    "anthropic api key": "".join(['k = "sk-', "ant-api03-", random_text(93), 'AA"']),
    "huggingface access token": "".join(['login("h', "f_", random_text(34, string.ascii_letters), '")']),
    "gcp api key": "".join(['maps = "AI', "za", random_text(35), '"']),
    "private key": "\n".join(["".join([f"-----{end} RSA PRIV", "ATE KEY-----"]) for end in ("BEGIN", "END")]).replace(
        "\n", f"\n{random_text(64)}" * 4 + "\n"
    ),
    "generic credential uri": "".join(["postgresql://ana:", random_text(14), "@db.acme.com:5432/shop"]),
    "databricks api token": "".join(['host, t = "x", "dap', "i", random_text(32, HEX), '"']),
    "stripe access token": "".join(['stripe.key = "sk', "_live_", random_text(24), '"']),
    "aws access token": "".join(
        ['id = "AK', "IA", random_text(16, AWS), '"\naws_secret_access_key = "', random_text(40), '"']
    ),
    "password": f'db_password = "{WORD}"',
    "access token": "".join(['tracking_token = "', random_text(32, HEX), '"']),
    "environment variable": "".join(["%env DB_PASSWORD=", random_text(16)]),
    "bearer token": "".join(['headers = {"Authorization": "Bearer ', random_text(40), '"}']),
    "kaggle key": "".join(['{"username":"ana","key":"', random_text(32, HEX), '"}']),
    "wandb key": "".join(['wandb.login(key="', random_text(40, HEX), '")']),
}
NOISE = base64.b64encode(random.Random(1).randbytes(2_000_000)).decode()  # noqa: S311
INNOCENT = [
    f'run_id = "{uuid.UUID(int=2**127 // 3)}"',
    f'commit = "{random_text(40, HEX)}"',
    f"Run {random_text(32, HEX)} finished; model models:/m-{random_text(32, HEX)}",
    f"digest sha256:{random_text(64, HEX)} md5={random_text(32, HEX)}",
    f"s3://bucket/1/{random_text(32, HEX)}/artifacts  --hash=sha256:{random_text(64, HEX)}",
    "loss=0.12345678901234567 lr=1.2345678901234567e-17 [0.30000000000000004, -1.7976931348623157e+308]",
    'password = os.environ["DB_PASSWORD"]; token = getpass.getpass("Token: ")',
    'def connect(user, password=None, token: str = ""): ...',
    'api_key = "YOUR_API_KEY"; password = "<password>"; token = "xxxxxxxxxxxxxxxx"',
    'url = f"postgresql://{user}:{password}@{host}/db"',
    'tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased", eos_token="<|endoftext|>", pad_token="[PAD]")',
    'primary_key = "customer_id"; secret_name = "churn-db"; params = dict(key="n_estimators")',
    "KeyError: 'password'",
    "<__main__.Net object at 0x7fc8cfd85e10>",
    f'<div id="T_{random_text(5, HEX)}" class="dataframe" data-key="row_heading">',
    f'<img src="data:image/png;base64,{NOISE[:4000]}">',
    "https://user@acme.com/path postgresql://localhost/shop",
]


@pytest.fixture(scope="module")
def scanner():
    return registry.load("secret_scanner", "kingfisher")()


def code(text="x = 1", ident="a", outputs=(), **metadata):
    return {"cell_type": "code", "id": ident, "metadata": metadata, "source": text, "outputs": list(outputs)}


def notebook(*cells, **metadata):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


def display(mime, data):
    return {"output_type": "display_data", "metadata": {}, "data": {mime: data}}


def places(told, scanner):
    return [
        (one.cell, one.cell_id, one.where, one.kind, one.line) for one in find_secrets(told, scanner, project="churn")
    ]


@pytest.mark.parametrize("kind", SHAPES)
def test_tokens_of_every_shape_are_found_and_named(kind, scanner):
    told = notebook(code("import os"), code(["# first\n", SHAPES[kind]], "b"))
    found = find_secrets(told, scanner, project="churn")
    assert kind in {one.kind for one in found}
    assert {(one.cell, one.cell_id, one.where) for one in found} == {(1, "b", "source")}
    assert min(one.line for one in found) == 2


@pytest.mark.parametrize("text", INNOCENT)
def test_what_notebooks_are_full_of_is_no_secret(text, scanner):
    outputs = [{"output_type": "stream", "name": "stdout", "text": text}, display("text/html", text)]
    assert places(notebook(code(text, outputs=outputs, note=text), own=text), scanner) == []


@pytest.mark.parametrize("name", sorted(one.name for one in (REPOSITORY / "notebooks").glob("*.ipynb")))
def test_the_tutorial_has_none(name, scanner):
    file = REPOSITORY / "notebooks" / name
    assert places(read(file.read_bytes(), name), scanner) == []


def test_pictures_are_not_looked_at(scanner):
    shown = display("image/png", GITHUB)
    assert places(notebook(code(outputs=[shown])), scanner) == []
    assert places(notebook(code(outputs=[display("image/png", NOISE), display("text/plain", NOISE)])), scanner) == []


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "stream", "name": "stdout", "text": ["one\n", f"{GITHUB}\n"]},
        display("text/plain", f"one\n'{GITHUB}'"),
        display("text/html", f"<td>\n<b>{GITHUB}</b></td>"),
        display("image/svg+xml", ["<svg>\n", f"<text>{GITHUB}</text></svg>"]),
        display("application/json", {"a": [1, {"token": GITHUB}]}),
        display("application/vnd.x+json", [GITHUB]),
        {"output_type": "error", "ename": "E", "evalue": GITHUB, "traceback": []},
        {
            "output_type": "error",
            "ename": "E",
            "evalue": "",
            "traceback": ["\x1b[31mE", f"\x1b[0m x = '\x1b[32m{GITHUB}'"],
        },
        {**display("text/plain", ""), "metadata": {"note": GITHUB}},
    ],
)
def test_outputs_are_looked_through(output, scanner):
    ((cell, _, where, kind, _),) = places(notebook(code(), code(ident="b", outputs=[output])), scanner)
    assert (cell, where, kind) == (1, "output", "github pat")


def test_code_that_is_highlighted_is_read_as_code(scanner):
    colours = f'\x1b[0mdb_password \x1b[38;5;241m=\x1b[39m \x1b[33m"{WORD}"\x1b[39m'
    tags = f'<span class="n">db_password</span> <span>=</span> <span class="s2">&quot;{WORD}&quot;</span>'
    trace = {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["Traceback", colours]}
    found = places(notebook(code(outputs=[trace]), code(ident="b", outputs=[display("text/html", tags)])), scanner)
    assert found == [(0, "a", "output", "password", 2), (1, "b", "output", "password", 1)]


def test_metadata_and_parameters_are_looked_through(scanner):
    told = notebook(code(note=GITHUB), papermill={"parameters": {"db_password": WORD, "alpha": 0.5}})
    assert places(told, scanner) == [
        (0, "a", "metadata", "github pat", None),
        (None, None, "metadata", "password", None),
    ]


def test_a_key_pair_in_two_cells_is_seen(scanner):
    ident, secret = SHAPES["aws access token"].split("\n")
    kinds = {(cell, kind) for cell, _, _, kind, _ in places(notebook(code(ident), code(secret, "b")), scanner)}
    assert (0, "aws access token") in kinds
    assert (1, "access token") in kinds


def test_lines_count_characters_that_take_several_bytes(scanner):
    told = notebook(code("# é ü 漢字 🎉\n\n" + f'x = "{GITHUB}"'))
    assert places(told, scanner) == [(0, "a", "source", "github pat", 3)]


def test_a_fingerprint_is_of_secret_kind_and_project(scanner):
    told = notebook(code(SHAPES["github pat"]), code(f"print('{GITHUB}')", "b"), code(SHAPES["password"], "c"))
    first, second, third = find_secrets(told, scanner, project="churn")
    assert first.fingerprint == second.fingerprint != third.fingerprint
    assert find_secrets(told, scanner, project="churn")[0] == first
    assert find_secrets(told, scanner, project="other")[0].fingerprint != first.fingerprint
    assert first.fingerprint != hashlib.sha256(GITHUB.encode()).hexdigest()[:16]
    assert len(first.fingerprint) == 16


def test_it_refuses_and_says_how_to_go_on(scanner):
    told = notebook(code(SHAPES["github pat"]), code("x", "b", [display("text/plain", SHAPES["password"])]))
    with pytest.raises(Conflict) as caught:
        refuse_secrets(told, "train.ipynb", scanner, project="churn")
    first, second = (one.fingerprint for one in find_secrets(told, scanner, project="churn"))
    assert caught.value.message == (
        "train.ipynb holds 2 things that look like secrets: "
        f"cell 0 source line 1, github pat ({first}); cell 1 output line 1, password ({second})"
    )
    assert caught.value.hint.endswith(f"if it is none: --allow {first},{second}")
    assert caught.value.exit_code == 4
    with pytest.raises(Conflict, match=r"holds what looks like a secret: cell 1 output"):
        refuse_secrets(told, "train.ipynb", scanner, [first], project="churn")
    refuse_secrets(told, "train.ipynb", scanner, [first, second], project="churn")
    refuse_secrets(notebook(code()), "train.ipynb", scanner, project="churn")


def test_many_are_counted(scanner):
    cells = [code(f'password = "{random_text(12, seed=seed)}"', f"c{seed}") for seed in range(8)]
    with pytest.raises(Conflict, match=r"holds 8 things that look like secrets: .*; and 3 more"):
        refuse_secrets(notebook(*cells), "n", scanner, project="churn")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(
    st.text(LETTERS + "!@%^&*-_+=/", min_size=8, max_size=40).filter(lambda text: len(set(text)) > 6),
    st.sampled_from(["source", "stream", "html", "trace", "parameters"]),
)
def test_no_secret_is_ever_told(scanner, secret, where):
    text = f'# é\ndb_password = "{secret}"'
    outputs = {
        "stream": [{"output_type": "stream", "name": "stdout", "text": text}],
        "html": [display("text/html", text)],
        "trace": [{"output_type": "error", "ename": "E", "evalue": text, "traceback": [text]}],
    }
    told = notebook(
        code(text if where == "source" else "x", outputs=outputs.get(where, [])),
        **({"papermill": {"parameters": {"db_password": secret}}} if where == "parameters" else {}),
    )
    found = find_secrets(told, scanner, project="churn")
    assert secret not in repr(found)
    if not found:
        refuse_secrets(told, "n", scanner, project="churn")
        return
    with pytest.raises(Conflict) as caught:
        refuse_secrets(told, "n", scanner, project="churn")
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value.__dict__)


class Finds:
    """A scanner that knows one word; what the guard does with places needs no rules."""

    def __init__(self, word):
        self.word = word

    def scan(self, content):
        at, found = content.find(self.word), []
        while at >= 0:
            found.append(SecretMatch("word", at, at + len(self.word)))
            at = content.find(self.word, at + 1)
        return tuple(found)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=15,
)


@given(json_values, json_values, json_values, st.integers(0, 3))
def test_whatever_a_notebook_holds_the_place_is_right(metadata, data, attachments, place):
    cells = [
        {**code("x", f"c{number}", [{"output_type": "display_data", "data": data, "text": data, "metadata": metadata}])}
        for number in range(4)
    ]
    for cell in cells:
        cell["metadata"], cell["attachments"] = metadata, attachments
    cells[place]["source"] = ["é\n", "the §§word§§"]
    found = find_secrets({"cells": cells, "metadata": metadata}, Finds("§§word§§".encode()), project="churn")
    assert [(one.cell, one.cell_id, one.where, one.line) for one in found] == [(place, f"c{place}", "source", 2)]


def test_what_the_scanner_says_in_trouble_shows_nothing(scanner, monkeypatch):
    from mlops_jupyter.adapters import kingfisher_secrets

    class Broken:
        def scan(self, content):
            raise RuntimeError(f"cannot scan {content!r}")

    monkeypatch.setattr(kingfisher_secrets, "_scanner", Broken)
    with pytest.raises(ConfigurationError, match="Kingfisher cannot look for secrets here: RuntimeError") as caught:
        find_secrets(notebook(code(GITHUB)), scanner, project="churn")
    assert GITHUB not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_rules_match_their_own_examples(scanner):
    file = Path(registry.load("secret_scanner", "kingfisher").scan.__code__.co_filename).with_name(
        "kingfisher_rules.yml"
    )
    examples = [line.strip()[3:-1] for line in file.read_text().splitlines() if line.startswith("      - '")]
    assert len(examples) == 6
    for example in examples:
        assert len(find_secrets(notebook(code(example)), scanner, project="churn")) == 1, example
