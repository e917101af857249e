"""Widgets without a kernel: real ipywidgets, their state as a headless notebook saves it."""

from __future__ import annotations

from typing import Any

import ipywidgets
import pytest

from mlops_jupyter.capabilities.widget_pictures import STATE, VIEW, add_pictures


def shown(widget: ipywidgets.Widget) -> dict[str, Any]:
    """Return the output that shows a widget, once pictures have been added to its notebook."""
    state = ipywidgets.Widget.get_manager_state(widgets=None)
    output = {"output_type": "display_data", "data": {VIEW: {"model_id": widget.model_id}, "text/plain": "w"}}
    notebook = {"metadata": {"widgets": {STATE: state}}, "cells": [{"cell_type": "code", "outputs": [output]}]}
    add_pictures(notebook)
    return output["data"]  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        (lambda: ipywidgets.IntSlider(7, description="depth"), ["depth", "7"]),
        (lambda: ipywidgets.IntRangeSlider(value=(2, 5)), ["2 – 5"]),
        (lambda: ipywidgets.Dropdown(options=["a", "b"], value="b", description="which"), ["which", "b"]),
        (lambda: ipywidgets.SelectMultiple(options=["a", "b", "c"], value=["a", "c"]), ["a, c"]),
        (lambda: ipywidgets.Checkbox(value=True, description="on"), ["☑", "on"]),
        (lambda: ipywidgets.Text("<b>"), ["&lt;b&gt;"]),
        (lambda: ipywidgets.HTML("<b>bold</b>"), ["<b>bold</b>"]),
        (lambda: ipywidgets.FloatProgress(3, max=10, description="fit"), ["fit", 'value="3"', "3 of 10"]),
        (lambda: ipywidgets.Button(description="go"), ["<button disabled>go</button>"]),
        (lambda: ipywidgets.Image(value=b"\x89PNG", format="png"), ["data:image/png;base64,iVBORw"]),
        (lambda: ipywidgets.HBox([ipywidgets.Label("left"), ipywidgets.Label("right")]), ["left", "right", "row"]),
        (lambda: ipywidgets.Tab([ipywidgets.Label("in")], titles=["one"]), ["<b>one</b>", "in"]),
        (lambda: ipywidgets.Output(outputs=({"output_type": "stream", "name": "stdout", "text": "hi"},)), ["hi"]),
    ],
)
def test_controls_are_readable_without_a_kernel(widget, words):
    html = shown(widget())["text/html"]
    assert [word for word in words if word not in html] == []


def test_a_password_is_not_written_out():
    html = shown(ipywidgets.Password("hunter2secret", description="DB"))["text/html"]
    assert "DB" in html
    assert "hunter2" not in html


def test_what_has_a_form_already_keeps_it_and_what_nobody_knows_has_none():
    unknown = {"output_type": "display_data", "data": {VIEW: {"model_id": "nowhere"}}}
    own = {"output_type": "display_data", "data": {VIEW: {"model_id": "nowhere"}, "text/html": "mine"}}
    notebook = {"metadata": {}, "cells": [{"cell_type": "code", "outputs": [unknown, own]}, {"cell_type": "markdown"}]}
    assert add_pictures(notebook) == 0
    assert (unknown["data"].keys(), own["data"]["text/html"]) == ({VIEW}, "mine")


def test_a_widget_that_holds_itself_ends():
    model = {"model_name": "VBoxModel", "state": {"children": ["IPY_MODEL_a"]}}
    output = {"output_type": "display_data", "data": {VIEW: {"model_id": "a"}}}
    add_pictures({"metadata": {"widgets": {STATE: {"state": {"a": model}}}}, "cells": [{"outputs": [output]}]})
    assert "text/html" not in output["data"]


def test_hidden_widgets_stay_hidden():
    hidden = ipywidgets.Label("secret", layout=ipywidgets.Layout(display="none"))
    assert "secret" not in shown(ipywidgets.VBox([hidden, ipywidgets.Label("seen")]))["text/html"]
