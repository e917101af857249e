"""Whatever a user writes before the host is never seen again."""

from __future__ import annotations

import json
import threading
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.redaction import redacted, scrubbed, without_credentials

SCHEMES = st.sampled_from(["http", "https", "postgresql", "mysql+pymysql", "mssql+pyodbc", "ssh", "git+https"])
# Something that cannot be part of what stays: the host, the port and the path.
SECRET = st.text(min_size=1).map(lambda text: f"s3cret{text}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://ana:pw@mlflow.corp/team/", "https://mlflow.corp/team/"),
        ("https://ana@mlflow.corp", "https://mlflow.corp"),
        ("https://:pw@mlflow.corp", "https://mlflow.corp"),
        ("https://host/path?token=pw#pw", "https://host/path"),
        ("https://ana:p@w@host:8443/", "https://host:8443/"),
        ("postgresql://ana:pw@[::1]:5432/mlflow", "postgresql://[::1]:5432/mlflow"),
        ("postgresql+psycopg2://ana:pw@db,db2/mlflow?sslmode=require", "postgresql+psycopg2://db,db2/mlflow"),
        # SQLAlchemy takes these as they are.
        ("postgresql://ana:p/w@db/mlflow", "postgresql://db/mlflow"),
        ("postgresql://ana:p#w@db/mlflow", "postgresql://db/mlflow"),
        ("postgresql://ana:p?w@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("https://host/a@b", "https://host/a@b"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        # No URL, or one without a host, has no place for credentials.
        ("sqlite:////home/ana/mlflow.db", "sqlite:////home/ana/mlflow.db"),
        ("file:///home/ana/mlruns", "file:///home/ana/mlruns"),
        ("git@github.com:group/project.git", "git@github.com:group/project.git"),
        ("/srv/git/project.git", "/srv/git/project.git"),
        ("../project", "../project"),
        ("databricks", "databricks"),
        ("", ""),
        ("http://[broken", "(unreadable address)"),
    ],
)
def test_what_is_shown(url, shown):
    assert without_credentials(url) == shown


@given(SCHEMES, st.none() | SECRET, st.none() | SECRET, SECRET)
def test_no_quoted_credential_is_ever_shown(scheme, user, password, query):
    before = quote(user or "", safe="") + ("" if password is None else ":" + quote(password, safe=""))
    shown = without_credentials(f"{scheme}://{before}@host:1234/path?token={quote(query)}")
    assert shown == f"{scheme}://host:1234/path"


@given(SCHEMES, SECRET)
def test_nor_is_one_that_was_not_quoted(scheme, password):
    assume("@" not in password)
    shown = without_credentials(f"{scheme}://ana:{password}@host/path")
    assert "s3cret" not in shown


@given(st.text())
def test_any_text_is_taken(text):
    assert isinstance(without_credentials(text), str)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("API request to http://ana:pw@h:1/api failed", "API request to http://h:1/api failed"),
        ("(http://ana@h) and postgresql://u:p/w@db/x", "(http://h) and postgresql://db/x"),
        ("https://h:8080/a@b wrote to ana@h", "https://h:8080/a@b wrote to ana@h"),
        ("nothing: here // at @all", "nothing: here // at @all"),
    ],
)
def test_a_message_loses_only_the_credentials_in_it(text, shown):
    assert redacted(text) == shown


@given(st.text(), SCHEMES, SECRET, st.text())
def test_no_message_keeps_a_quoted_credential(before, scheme, password, after):
    url = f"{scheme}://ana:{quote(password, safe='')}@host/"
    assert "s3cret" not in redacted(f"{before} {url} {after}")


@pytest.mark.parametrize(
    "name",
    [
        "GITLAB_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "OPENAI_APIKEY",
        "openai_api_key",
        "KEY",
        "API_KEYS",
        "PGPASSWD",
        "TOKEN_2",
    ],
)
def test_a_secret_variable_s_value_leaves_its_name(name):
    said = scrubbed("using glpat-12345 for glpat-12345!", {name: "glpat-12345"})
    assert said == f"using [{name}] for [{name}]!"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOME", "/home/ana"),
        ("TOKENIZERS_PARALLELISM", "disable-all"),
        ("KEYBOARD", "dvorak-de"),
        ("SSH_KEY_PATH", "/home/ana"),
        ("KEY", "ana"),
        ("KEY", ""),
        ("SECRET", "Enabled"),
    ],
)
def test_other_variables_leave_the_text_alone(name, value):
    text = f"/home/ana said {value}, Enabled and dvorak-de"
    assert scrubbed(text, {name: value}) == text


def test_the_longer_of_two_secrets_goes_first():
    environment = {"A_TOKEN": "abcdef", "B_TOKEN": "abcdef-ghi"}
    assert scrubbed("abcdef-ghi abcdef", environment) == "[B_TOKEN] [A_TOKEN]"


def test_urls_lose_their_credentials_too():
    assert scrubbed("from http://ana:hunter2@h/x", {"A_KEY": "hunter2"}) == "from http://h/x"


@given(SECRET.filter(lambda text: len(text.strip()) >= 6))
def test_no_way_of_printing_shows_a_secret(secret):
    environment = {"MY_TOKEN": secret}
    for printed in (secret, repr(secret), json.dumps(secret), quote_plus(secret), f"<{secret}>"):
        assert secret.strip() not in scrubbed(f"before {printed} after", environment)
        assert "s3cret" not in scrubbed(f"before {printed} after", environment)


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_and_environment_is_taken(text, environment):
    assert isinstance(scrubbed(text, environment), str)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "http://a:b" * 100_000,
        "http://" * 140_000 + " ana@example.org",
        "http://ana:1" + "0" * 1_000_000 + "@",
        '{"url":"https://example.org/x","by":"ana@example.org"},' * 20_000,
        "ana@example.org http://h " * 40_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_is_read_in_no_time(text):
    done = threading.Event()

    def work():
        scrubbed(text, {"MY_TOKEN": "x" * 2000})
        without_credentials(text)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(60)
