"""Whatever a user writes before the host is never seen again."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.redaction import redacted, without_credentials

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
