"""The OpenAPI document is valid, its examples are answered, and the page holds nothing that a browser would run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.serving import inference, openapi, scoring, trial_page
from mlops_jupyter.serving.schema import Schema
from tests.serving.test_fuzz import SCHEMAS


def _resolved(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {**document["components"]["schemas"][name], "components": document["components"]}


def _example(document: dict[str, Any], path: str) -> Any:
    return document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_examples_fit_the_document_and_the_model(name):
    schema = SCHEMAS[name]
    document = json.loads(json.dumps(openapi.document(schema, "churn", "3")))
    scored = _example(document, "/invocations")
    jsonschema.validate(scored, _resolved(document, "ScoringRequest"))
    assert scoring.decode(json.dumps(scored).encode(), "application/json", schema, Limits()).count == 1
    if schema.columns and not schema.named:
        return
    inferred = document["paths"]["/v2/models/churn/infer"]["post"]["requestBody"]["content"]["application/json"][
        "example"
    ]
    jsonschema.validate(inferred, _resolved(document, "InferenceRequest"))
    assert inference.decode(json.dumps(inferred).encode(), None, schema, Limits()).rows.count == 1


def test_the_document_is_openapi_and_asks_for_the_token():
    document = openapi.document(SCHEMAS["all"], "churn", "3", '{"dataframe_split": {"data": []}}')
    assert document["openapi"] == "3.1.0"
    assert document["security"] == [{"token": []}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["responses"], path
            is_open = path == "/ping" or path.startswith("/v2/health/")
            assert (operation.get("security") == []) is is_open
    text = json.dumps(document)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found: Any = document
        for part in reference.split("/"):
            found = found[part]
    score = document["paths"]["/invocations"]["post"]
    assert set(score["responses"]) == {"200", "400", "401", "413", "415", "429", "500", "503", "504"}
    assert score["requestBody"]["content"]["application/json"]["example"] == {"dataframe_split": {"data": []}}
    assert "answered" in score["responses"]["200"]["headers"]["x-mlops-version"]["description"]


def test_what_is_wrong_does_not_fit_the_document():
    document = openapi.document(SCHEMAS["doubles"], "churn", "3")
    wanted = _resolved(document, "ScoringRequest")
    for wrong in (
        {"dataframe_split": {"columns": ["a"], "data": [[1.0]]}},
        {"dataframe_records": [{"a": 1.0, "b": 2.0, "c": 3.0}]},
        {"dataframe_records": [{"a": "x", "b": 2.0}]},
        {"dataframe_records": []},
        [1.0],
    ):
        assert not jsonschema.Draft202012Validator(wanted).is_valid(wrong), wrong


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_loads_nothing_and_knows_nothing_of_a_model():
    page = trial_page.page("n0nce")
    parts = _Parts()
    parts.feed(page)
    scripts = [attributes for tag, attributes in parts.tags if tag == "script"]
    assert scripts == [{"nonce": "n0nce"}]
    assert not [tag for tag, _ in parts.tags if tag in {"img", "link", "iframe", "object"}]
    for _, attributes in parts.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "style", "href"}]
    assert "innerHTML" not in page
    assert "'nonce-n0nce'" in trial_page.policy("n0nce")
    assert "unsafe" not in trial_page.policy("n0nce")


def test_what_the_page_shows_has_every_digit():
    schema = Schema.from_signature({"inputs": json.dumps([{"type": "long", "name": "a", "required": True}])})
    told = trial_page.shown(schema, "m", "3", '{"inputs": {"a": [9007199254740993]}}')
    assert json.loads(told["request"]) == {"inputs": {"a": [9007199254740993]}}
    assert told["inputs"] == [{"name": "a", "datatype": "INT64", "shape": [-1]}]
