"""GitLab and GitHub through one suite: both hosts of merge requests keep the same promises."""

import pytest

from mlops_jupyter import registry
from mlops_jupyter.errors import ConfigurationError, Rejected, Unauthorized, Unavailable
from mlops_jupyter.protocols import Proposal
from tests.fakes.forges import Forge, serving

PROPOSAL = Proposal("review/train", "main", "A better\nmodel", "Two cells *changed*.")


@pytest.fixture(params=["gitlab", "github"])
def name(request):
    return request.param


@pytest.fixture
def forge():
    with serving(Forge()) as found:
        yield found


@pytest.fixture
def host(name, forge):
    return registry.load("code_review", name)(f"{forge.url}/ml/churn.git")


def test_a_merge_request_is_opened_with_the_text(host, forge):
    assert host.open(PROPOSAL, "a-token") == f"{forge.url}/ml/churn/1"
    ((_, told),) = forge.said
    assert "Two cells *changed*." in told.values()
    assert {"review/train", "main", "A better\nmodel"} <= set(told.values())


def test_one_that_is_open_gets_the_text_as_a_comment(host, forge):
    host.open(PROPOSAL, "a-token")
    assert host.open(PROPOSAL._replace(text="Once more."), "a-token") == f"{forge.url}/ml/churn/1"
    path, told = forge.said[-1]
    assert path.endswith(("/notes", "/comments"))
    assert told == {"body": "Once more."}
    assert len(forge.requests) == 1


def test_another_branch_gets_another_one(host, forge):
    host.open(PROPOSAL, "a-token")
    assert host.open(PROPOSAL._replace(branch="review/other"), "a-token") == f"{forge.url}/ml/churn/2"


def test_a_draft_is_one(host, forge):
    host.open(PROPOSAL._replace(draft=True), "a-token")
    ((_, told),) = forge.said
    assert told.get("draft") is True or told["title"].startswith("Draft: ")


def test_a_note_is_written_anew_at_its_second_call(host, forge):
    for number in range(130):
        forge.noted(f"remark {number}")
    forge.noted("<!-- mark --> a stranger's", stranger=True)
    first = host.note(7, "<!-- mark -->", "One.", "a-token")
    assert forge.said[-1][0].endswith(("/merge_requests/7/notes", "/issues/7/comments"))
    assert host.note(7, "<!-- mark -->", "Two.", "a-token") == first
    assert host.note(7, "<!-- other -->", "Three.", "a-token") != first
    bodies = [one["body"] for one in forge.notes[130:]]
    assert bodies == ["<!-- mark --> a stranger's", "<!-- mark -->\nTwo.", "<!-- other -->\nThree."]
    with pytest.raises(Unauthorized):
        host.note(7, "<!-- mark -->", "One.", "another-secret")


def test_a_token_that_is_not_let_in(host, forge):
    with pytest.raises(Unauthorized) as told:
        host.open(PROPOSAL, "another-secret")
    assert "another-secret" not in str(told.value)
    assert "_TOKEN" in (told.value.hint or "")


def test_the_host_s_own_words_are_told(host, forge):
    forge.failing = (422, "the branch has no commits")
    with pytest.raises(Rejected, match="the branch has no commits"):
        host.open(PROPOSAL, "a-token")
    forge.failing = (503, "maintenance")
    with pytest.raises(Unavailable, match="maintenance"):
        host.open(PROPOSAL, "a-token")


def test_a_host_that_is_away(name, forge):
    with serving(Forge()) as gone:
        address = gone.url
    with pytest.raises(Unavailable, match="does not answer"):
        registry.load("code_review", name)(f"{address}/ml/churn.git").open(PROPOSAL, "a-token")


def test_a_remote_that_names_no_project(name):
    with pytest.raises(ConfigurationError, match="names no"):
        registry.load("code_review", name)("/srv/churn.git").open(PROPOSAL, "a-token")


def test_gitlab_opens_one_at_the_push():
    gitlab = registry.load("code_review", "gitlab")("git@gitlab.example.org:ml/churn.git")
    assert gitlab.push_options(PROPOSAL._replace(draft=True)) == (
        "merge_request.create",
        "merge_request.target=main",
        "merge_request.title=A better model",
        "merge_request.draft",
    )
    assert gitlab.page(PROPOSAL) == (
        "https://gitlab.example.org/ml/churn/-/merge_requests/new?merge_request%5Bsource_branch%5D=review%2Ftrain"
    )


def test_github_opens_none_at_the_push():
    github = registry.load("code_review", "github")("https://github.com/ml/churn")
    assert github.push_options(PROPOSAL) == ()
    assert github.page(PROPOSAL) == "https://github.com/ml/churn/compare/main...review/train?expand=1"
