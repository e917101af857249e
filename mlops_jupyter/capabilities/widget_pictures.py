"""Widgets as a reader without a kernel can see them: their last state as plain HTML beside the live view.

A front end that is not connected to a kernel, such as GitHub's or an exported page without network, shows nothing of an
output that is only a widget's view. The models are those of ipywidgets' own controls, as their states are saved:
https://ipywidgets.readthedocs.io/en/stable/embedding.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
_REFERENCE = "IPY_MODEL_"
# A widget may hold itself.
_DEEPEST = 20


def add_pictures(notebook: Mapping[str, Any]) -> int:
    """Give each output that is only a widget's view an HTML form too, and return how many were given one.

    Parameters
    ----------
    notebook
        A notebook of nbformat 4 with the state of its widgets; changed in place.
    """
    models = notebook.get("metadata", {}).get("widgets", {}).get(STATE, {}).get("state", {})
    count = 0
    for cell in notebook.get("cells", ()):
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if VIEW not in data or "text/html" in data or any(kind.startswith("image/") for kind in data):
                continue
            picture = _picture(models, data[VIEW].get("model_id", ""), _DEEPEST)
            if picture:
                data["text/html"] = picture
                count += 1
    return count


def _picture(models: Mapping[str, Any], ident: str, depth: int) -> str:
    model = models.get(ident.removeprefix(_REFERENCE))
    if model is None or depth == 0:
        return ""
    state: Mapping[str, Any] = model.get("state", {})
    if state.get("layout") is not None and _is_hidden(models, state):
        return ""
    name = str(model.get("model_name", "")).removesuffix("Model")
    if (draw := _DRAWN.get(name)) is not None:
        return draw(state, model)
    if isinstance(children := state.get("children"), Sequence) and not isinstance(children, str):
        return _box(models, name, state, depth)
    return _control(state)


def _is_hidden(models: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    layout = models.get(str(state["layout"]).removeprefix(_REFERENCE), {}).get("state", {})
    return bool(layout.get("display") == "none" or layout.get("visibility") == "hidden")


def _box(models: Mapping[str, Any], name: str, state: Mapping[str, Any], depth: int) -> str:
    count, old = len(state["children"]), state.get("_titles") or {}
    titles = state.get("titles") or [old.get(str(index), "") for index in range(count)]
    drawn = []
    for index, child in enumerate(state["children"]):
        picture = _picture(models, str(child), depth - 1)
        title = titles[index] if name in {"Tab", "Accordion", "Stack"} and index < len(titles) else ""
        if picture:
            drawn.append(f"<div>{f'<b>{escape(str(title))}</b>' if title else ''}{picture}</div>")
    if not drawn:
        return ""
    flow = "row" if name == "HBox" else "column"
    return f'<div style="display:flex;flex-flow:{flow} wrap;gap:4px 12px">{"".join(drawn)}</div>'


def _control(state: Mapping[str, Any]) -> str:
    """Draw anything that has a description and a value."""
    if (options := state.get("_options_labels")) is not None:
        places = index if isinstance(index := state.get("index"), list | tuple) else [index]
        value: object = ", ".join(str(options[place]) for place in places if place is not None)
    elif "value" in state:
        value = state["value"]
    else:
        return ""
    if isinstance(value, list | tuple):
        value = " – ".join(map(str, value))
    shown = {True: "☑", False: "☐"}.get(value, value) if isinstance(value, bool) else value
    return _labelled(state, f"<code>{escape(str(shown))}</code>")


def _labelled(state: Mapping[str, Any], content: str) -> str:
    label = escape(str(state.get("description") or ""))
    return f"<span>{label} {content}</span>" if label else f"<span>{content}</span>"


def _progress(state: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    low, high, value = (float(state.get(key) or 0) for key in ("min", "max", "value"))
    said = f"{value:g} of {high:g}"
    return _labelled(state, f'<progress max="{high - low:g}" value="{value - low:g}">{said}</progress> {said}')


def _image(state: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    for buffer in model.get("buffers", ()):
        if buffer.get("path") == ["value"] and buffer.get("encoding") == "base64":
            kind = escape(str(state.get("format") or "png"), quote=True)
            return f'<img alt="" src="data:image/{kind};base64,{escape(buffer["data"], quote=True)}">'
    return ""


def _output(state: Mapping[str, Any], _: Mapping[str, Any]) -> str:
    return "".join(_shown(output) for output in state.get("outputs", ()))


def _shown(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "error":
        return f"<pre>{escape(str(output.get('ename')))}: {escape(str(output.get('evalue')))}</pre>"
    data = output.get("data", {"text/plain": output.get("text", "")})
    if "text/html" in data:
        return _text(data["text/html"])
    if "image/png" in data:
        return f'<img alt="" src="data:image/png;base64,{escape(_text(data["image/png"]), quote=True)}">'
    return f"<pre>{escape(_text(data.get('text/plain', '')))}</pre>"


def _text(value: object) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


_Draw = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
_DRAWN: Mapping[str, _Draw] = {
    "HTML": lambda state, _: _labelled(state, str(state.get("value") or "")),
    "HTMLMath": lambda state, _: _labelled(state, str(state.get("value") or "")),
    "Label": lambda state, _: _labelled(state, escape(str(state.get("value") or ""))),
    "Button": lambda state, _: f"<button disabled>{escape(str(state.get('description') or ''))}</button>",
    "IntProgress": _progress,
    "FloatProgress": _progress,
    "Image": _image,
    # As on the screen.
    "Password": lambda state, _: _labelled(state, "••••••••"),
    "Output": _output,
}
