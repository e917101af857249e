"""A page that says what an endpoint's model takes, with a form to try it.

The page itself knows nothing of the model: a browser that opens a link sends no token, so it is given to anybody. It
asks for the token, and with it for what it shows.
"""

from __future__ import annotations

import html
import json
from typing import Any

from .examples import about, example_inference, example_request
from .inference import model_metadata
from .schema import Schema


def shown(schema: Schema, name: str, version: str, example: str | None = None) -> dict[str, Any]:
    """Return what the page shows of a model.

    Parameters
    ----------
    schema, name, version, example
        As of ``openapi.document``.
    """
    request, infer = example_request(schema, example), example_inference(schema)
    return {
        "name": name,
        "version": version,
        "about": about(schema),
        "inputs": model_metadata(schema, name, [version])["inputs"],
        # As text, in which a browser leaves every digit as it is.
        "request": json.dumps(request, indent=1, ensure_ascii=False),
        "infer": json.dumps(infer, indent=1, ensure_ascii=False),
    }


def page(nonce: str) -> str:
    """Return the page, which loads nothing but what `shown` returns.

    Parameters
    ----------
    nonce
        Of a Content-Security-Policy that lets this page's own script and style run, and nothing else.
    """
    return _PAGE.replace("NONCE", html.escape(nonce, quote=True))


def policy(nonce: str) -> str:
    """Return the Content-Security-Policy under which the page works."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


# What comes from the model is put in as text, never as HTML. Addresses are relative, so that the page works behind a
# proxy's prefix. The token stays in its field: neither in an address, nor in what a browser keeps.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer"><title>Try it</title>
<style nonce="NONCE">
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
textarea, pre { box-sizing: border-box; width: 100%; font: 13px/1.4 ui-monospace, monospace }
textarea { height: 14rem } pre { white-space: pre-wrap; min-height: 3rem; border: 1px solid #8884; padding: .5rem }
label { display: block; margin: .8rem 0 .2rem } input[type=password] { width: 24rem; max-width: 100% }
</style></head><body>
<h1 id="title">Try it</h1>
<form id="open" hidden>
<p>This endpoint wants its token. It lies in the file that <code>mlops deployments NAME</code> names.</p>
<label for="token">Token</label><input id="token" type="password" autocomplete="off">
<button type="submit">Open</button> <span id="refused" role="alert"></span>
</form>
<div id="model" hidden>
<p id="about"></p>
<table><thead><tr><th>input</th><th>datatype</th><th>shape</th></tr></thead><tbody id="inputs"></tbody></table>
<form id="form">
<label for="protocol">Protocol</label><select id="protocol"></select>
<label for="body">Request</label><textarea id="body" spellcheck="false"></textarea>
<p><button type="submit">Send</button> <span id="status" role="status"></span></p>
</form>
<pre id="answer" aria-live="polite"></pre>
</div>
<script nonce="NONCE">
const at = (id) => document.getElementById(id);
const ask = (path, more = {}) => {
  // Below a Jupyter server its own login counts, which wants to see its cookie told; our extension adds the token.
  const cookie = /(?:^|; *)_xsrf=([^;]*)/.exec(document.cookie);
  const token = at("token").value.trim();
  return fetch(path, {
    ...more,
    headers: {
      ...more.headers,
      ...(cookie ? { "x-xsrftoken": cookie[1] } : {}),
      ...(token ? { authorization: "Bearer " + token } : {}),
    },
  });
};
const row = (words) => {
  const line = document.createElement("tr");
  line.append(...words.map((word) => Object.assign(document.createElement("td"), { textContent: word })));
  return line;
};
let bodies = [];
let chosen = 0;
const show = (told) => {
  document.title = at("title").textContent = `${told.name} ${told.version}`;
  at("about").textContent = told.about;
  at("inputs").replaceChildren(...told.inputs.map((one) => row([one.name, one.datatype, JSON.stringify(one.shape)])));
  const infer = `v2/models/${told.name}/infer`;
  at("protocol").replaceChildren(
    new Option("MLflow scoring: POST invocations", "invocations"),
    new Option(`Open Inference Protocol: POST ${infer}`, `v2/models/${encodeURIComponent(told.name)}/infer`),
  );
  bodies = [told.request, told.infer];
  at("body").value = bodies[0];
  at("open").hidden = true;
  at("model").hidden = false;
};
const open = async () => {
  at("refused").textContent = "";
  try {
    const answer = await ask("docs/model.json");
    if (answer.ok) {
      show(await answer.json());
      return;
    }
    at("open").hidden = false;
    const told = answer.status === 401 ? "The token is another." : `${answer.status}: ${await answer.text()}`;
    at("refused").textContent = answer.status === 401 && at("token").value === "" ? "" : told;
  } catch (error) {
    at("open").hidden = false;
    at("refused").textContent = String(error);
  }
};
at("open").addEventListener("submit", (event) => {
  event.preventDefault();
  void open();
});
at("protocol").addEventListener("change", () => {
  bodies[chosen] = at("body").value;
  chosen = at("protocol").selectedIndex;
  at("body").value = bodies[chosen];
});
at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("status").textContent = "…";
  const started = performance.now();
  try {
    const headers = { "content-type": "application/json" };
    const answer = await ask(at("protocol").value, { method: "POST", headers, body: at("body").value });
    const text = await answer.text();
    at("status").textContent = `${answer.status} in ${Math.round(performance.now() - started)} ms`;
    at("answer").textContent = text;
  } catch (error) {
    at("status").textContent = String(error);
  }
});
void open();
</script></body></html>
"""
