import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.remotes import forge_of, hosted


@pytest.mark.parametrize(
    ("remote", "base", "path"),
    [
        ("git@gitlab.example.org:ml/churn.git", "https://gitlab.example.org", "ml/churn"),
        ("gitlab.example.org:ml/deep/churn", "https://gitlab.example.org", "ml/deep/churn"),
        ("ssh://git@gitlab.example.org:2222/ml/churn.git", "https://gitlab.example.org", "ml/churn"),
        ("https://gitlab.example.org/ml/churn.git/", "https://gitlab.example.org", "ml/churn"),
        ("http://localhost:8080/ml/churn", "http://localhost:8080", "ml/churn"),
        ("https://ana:secret@github.com/ml/churn.git", "https://github.com", "ml/churn"),
    ],
)
def test_addresses_of_projects(remote, base, path):
    assert hosted(remote) == (base, path)


@pytest.mark.parametrize(
    "remote",
    ["/srv/churn.git", "../churn.git", "file:///srv/churn.git", "C:\\churn.git", "", "x", "http://[", "http://a:b/c/d"],
)
def test_what_is_on_no_host(remote):
    assert hosted(remote) is None
    assert forge_of(remote) is None


def test_which_forge_it_is():
    assert forge_of("git@gitlab.example.org:ml/churn.git") == "gitlab"
    assert forge_of("https://github.com/ml/churn") == "github"
    assert forge_of("https://git.example.org/ml/gitlab") is None


@given(st.text())
def test_any_text_is_read(remote):
    found = hosted(remote)
    assert found is None or "/" in found.path
