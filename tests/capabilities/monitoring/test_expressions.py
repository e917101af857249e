"""The table of PromQL: each expression is whole, and names only what an endpoint exposes."""

from __future__ import annotations

import pytest

from mlops_jupyter.capabilities.monitoring.expressions import EXPRESSIONS, SELECTOR, WINDOW, selector


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_an_expression_is_written_for_an_endpoint(name):
    expression = EXPRESSIONS[name]
    text = expression.promql(selector("churn"), "30s")
    assert expression.name == name
    assert '{job="mlops",endpoint="churn"' in text
    assert SELECTOR not in text
    assert WINDOW not in text
    assert all(label in text for label in expression.labels)


def test_a_label_cannot_end_its_selector():
    assert selector('a"} or up{x="', version="1") == 'job="mlops",endpoint="a\\"} or up{x=\\"",version="1"'
