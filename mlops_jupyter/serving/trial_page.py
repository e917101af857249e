"""A page that says what an endpoint's model takes, with a form to try it."""

from __future__ import annotations

import html
import json

from .examples import about, example_inference, example_request
from .inference import model_metadata
from .schema import Schema


def page(schema: Schema, name: str, version: str, example: str | None = None, *, nonce: str = "") -> str:
    """Return a page that says what the model takes and has a form to try it; it loads nothing from elsewhere.

    Parameters
    ----------
    schema, name, version, example
        As of ``openapi.document``.
    nonce
        Of a Content-Security-Policy that lets this page's own script and style run, and nothing else.
    """
    metadata = model_metadata(schema, name, [version])
    lines = "".join(
        f"<tr><td>{html.escape(one['name'])}</td><td>{one['datatype']}</td><td>{one['shape']}</td></tr>"
        for one in metadata["inputs"]
    )
    request = json.dumps(example_request(schema, example), indent=1, ensure_ascii=False)
    return _PAGE.format(
        title=html.escape(f"{name} {version}"),
        about=html.escape(about(schema)),
        rows=lines,
        request=html.escape(request),
        infer=html.escape(json.dumps(example_inference(schema), indent=1, ensure_ascii=False)),
        name=html.escape(name, quote=True),
        nonce=html.escape(nonce, quote=True),
    )


def policy(nonce: str) -> str:
    """Return the Content-Security-Policy under which the page works."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


# The answer is put in as text, never as HTML. Addresses are relative, so that the page works behind a proxy's prefix.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style nonce="{nonce}">
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} td, th {{ padding: .2rem .8rem .2rem 0; text-align: left }}
textarea, pre {{ box-sizing: border-box; width: 100%; font: 13px/1.4 ui-monospace, monospace }}
textarea {{ height: 14rem }} pre {{ white-space: pre-wrap; min-height: 3rem; border: 1px solid #8884; padding: .5rem }}
label {{ display: block; margin: .8rem 0 .2rem }} input[type=password] {{ width: 24rem; max-width: 100% }}
</style></head><body>
<h1>{title}</h1>
<p>{about}</p>
<table><thead><tr><th>input</th><th>datatype</th><th>shape</th></tr></thead><tbody>{rows}</tbody></table>
<form id="form">
<label for="token">Token</label><input id="token" type="password" autocomplete="off">
<label for="protocol">Protocol</label><select id="protocol">
<option value="invocations">MLflow scoring: POST invocations</option>
<option value="v2/models/{name}/infer">Open Inference Protocol: POST v2/models/{name}/infer</option></select>
<label for="body">Request</label><textarea id="body" spellcheck="false">{request}</textarea>
<p><button type="submit">Send</button> <span id="status" role="status"></span></p>
</form>
<pre id="answer" aria-live="polite"></pre>
<p><a href="openapi.json">OpenAPI document</a></p>
<template id="infer">{infer}</template>
<script nonce="{nonce}">
const at = (id) => document.getElementById(id);
const bodies = {{ 0: at("body").value, 1: at("infer").content.textContent }};
let chosen = 0;
at("protocol").addEventListener("change", () => {{
  bodies[chosen] = at("body").value;
  chosen = at("protocol").selectedIndex;
  at("body").value = bodies[chosen];
}});
// Below a Jupyter server its own login is what counts: it adds the token, and wants to see its cookie told.
const cookie = /(?:^|; *)_xsrf=([^;]*)/.exec(document.cookie);
if (cookie) document.querySelectorAll("#token, label[for=token]").forEach((one) => {{ one.hidden = true; }});
const headers = () => ({{
  "content-type": "application/json",
  ...(cookie ? {{ "x-xsrftoken": cookie[1] }} : {{ authorization: "Bearer " + at("token").value }}),
}});
at("form").addEventListener("submit", async (event) => {{
  event.preventDefault();
  at("status").textContent = "…";
  const parts = at("protocol").value.split("/").map(encodeURIComponent).join("/");
  const started = performance.now();
  try {{
    const answer = await fetch(parts, {{
      method: "POST",
      headers: headers(),
      body: at("body").value,
    }});
    const text = await answer.text();
    at("status").textContent = `${{answer.status}} in ${{Math.round(performance.now() - started)}} ms`;
    at("answer").textContent = text;
  }} catch (error) {{
    at("status").textContent = String(error);
  }}
}});
</script></body></html>
"""
