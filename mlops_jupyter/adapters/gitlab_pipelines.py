"""GitLab CI/CD: ``.gitlab-ci.yml``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..capabilities.pipelines.steps import (
    DEPLOY,
    EXAMPLE_GATE,
    INSTALL_VARIABLE,
    LINT,
    PLACE_VARIABLE,
    RESULTS,
    REVIEW,
    deploy_lines,
    indented,
    install_lines,
    kept_paths,
    left_out,
    lint_lines,
    run_lines,
)
from ..protocols import DeployJob, NotebookJob, PipelinePart, PipelinePlan

# The part before the colon keeps our jobs apart from those of a file that includes this one.
_PREFIX = "notebooks:"
_PLAIN = re.compile(r"[A-Za-z_.][\w./-]*")
_AGAINST = '${CI_MERGE_REQUEST_DIFF_BASE_SHA:+--against "$CI_MERGE_REQUEST_DIFF_BASE_SHA"}'

_SETUP = """\
# What all jobs share.
.mlops:
  image: python:{python}
  rules:
    # Merge requests, tags, and branches that have no merge request.
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH && $CI_OPEN_MERGE_REQUESTS
      when: never
    - if: $CI_COMMIT_BRANCH || $CI_COMMIT_TAG
  variables:
    # Where an image or a runner has everything installed, set {install_variable} to "false" and name the image above.
    {install_variable}: "true"
    PIP_CACHE_DIR: "$CI_PROJECT_DIR/.cache/pip"
    # The whole history: notebooks are compared with the target branch.
    GIT_DEPTH: "0"
{root}    # The tracking server and its token are never written here. Set them, masked, in Settings > CI/CD > Variables:
    # MLFLOW_TRACKING_URI, and MLFLOW_TRACKING_TOKEN or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
    # GitLab's own server of runs is $CI_API_V4_URL/projects/$CI_PROJECT_ID/ml/mlflow
  cache:
    key:{key}
    paths:
      - .cache/pip
  before_script:
    - |
{install}  interruptible: true
  timeout: 1 hour
"""

_LINT = """\
{prefix}{lint}:
  extends: .mlops
  script:
    - |
{lines}"""

_JOB = """\
{prefix}{name}:
  extends: .mlops
  needs: ["{prefix}{lint}"]
  script:
    # The job fails with 1 when a gate is not met, with 6 when a cell fails.{gates}
    - |
{lines}  artifacts:
    when: always
    expire_in: 30 days
    paths:
{kept}{left_out}    reports:
      junit: {results}/{name}.xml
"""

_REVIEW = """\
# What has changed and what came out, as a note on the merge request. For that, make a project access token (role
# Reporter, scope api) and keep it, masked, in the variable GITLAB_TOKEN. Without it the job's log has the text.
{prefix}{review}:
  extends: .mlops
  needs:
{needs}  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      when: always # also when a gate was not met
  before_script: []
  script:
    - |
      mkdir -p {results}
      echo '<!-- mlops -->' >{results}/review.txt
      cat {results}/*.md >>{results}/review.txt || echo 'No notebook has left a summary.' >>{results}/review.txt
      cat {results}/review.txt
      if [ -z "${{GITLAB_TOKEN:-}}" ]; then
        echo 'GITLAB_TOKEN is not set: no note is written on the merge request'
        exit 0
      fi
      notes="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"
      api() {{ curl --fail --silent --show-error --header "PRIVATE-TOKEN: $GITLAB_TOKEN" "$@"; }}
      # The note of an earlier push is written anew: a merge request has one.
      me=$(api "$CI_API_V4_URL/user")
      old=$(api "$notes?per_page=100&sort=desc" | ME="$me" python3 -c 'import json, os, sys
      me = json.loads(os.environ["ME"])["id"]
      own = [one for one in json.load(sys.stdin) if one["author"]["id"] == me]
      print(*[one["id"] for one in own if one["body"].startswith("<!-- mlops -->")][:1])')
      if [ -n "$old" ]; then
        api --request PUT --data-urlencode "body@{results}/review.txt" "$notes/$old" >/dev/null
      else
        api --request POST --data-urlencode "body@{results}/review.txt" "$notes" >/dev/null
      fi
"""

_DEPLOY = """\
# Deploys when somebody starts it, on the default branch alone. The endpoint lives where the job runs: give it, with
# tags, a runner with a shell on the machine that is to serve. There it is below $HOME/mlops-deployments, or where
# {place} says.
{prefix}{deploy}:
  extends: .mlops
  needs:
{needs}  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      when: manual
      allow_failure: true # the pipeline is done without it
  environment:
    name: {environment}
  # One deployment at a time, and none that is cut short by a newer push.
  resource_group: {environment}
  interruptible: false
  before_script: []
  script:
    - |
{lines}"""


class GitLabPipelines:
    """A file of GitLab's CI/CD that may also be included by another: it sets nothing but its own jobs."""

    title = "GitLab CI/CD"
    file = ".gitlab-ci.yml"
    comment = "#"

    def parts(self, plan: PipelinePlan) -> tuple[PipelinePart, ...]:
        """Return the file's parts."""
        return (
            PipelinePart("setup", self._setup(plan)),
            PipelinePart(LINT, _LINT.format(prefix=_PREFIX, lint=LINT, lines=indented(lint_lines(plan), 6))),
            *(PipelinePart(f"run/{job.name}", self._job(job, plan)) for job in plan.jobs),
            PipelinePart(REVIEW, self._review(plan)),
            *(() if plan.deploy is None else (PipelinePart(DEPLOY, self._deploy(plan, plan.deploy)),)),
        )

    def jobs(self, plan: PipelinePlan) -> tuple[str, ...]:
        """Return the jobs' names."""
        last = () if plan.deploy is None else (DEPLOY,)
        return tuple(_PREFIX + name for name in (LINT, *(job.name for job in plan.jobs), REVIEW, *last))

    def notes(self, plan: PipelinePlan, file: str) -> tuple[str, ...]:
        """Say what is left to set in GitLab."""
        told = ["set GITLAB_TOKEN in Settings > CI/CD > Variables for a note on each merge request"]
        if plan.embedded:
            told.append("runs stay in the jobs' artifacts until MLFLOW_TRACKING_URI is set there as well")
        if file != self.file:
            told.append(f"GitLab reads it once {self.file} has: include: [{{local: {file}}}]")
        return tuple(told)

    def elsewhere(self) -> tuple[str, str]:
        """Return a file for `include`."""
        return ".gitlab/notebooks.yml", f"and write into {self.file}: include: [{{local: .gitlab/notebooks.yml}}]"

    def _setup(self, plan: PipelinePlan) -> str:
        files = "".join(f"\n        - {_scalar(name)}" for name in plan.locks[:2])  # GitLab takes two
        root = "" if plan.root == "." else f"    MLOPS_JUPYTER_ROOT: {_scalar(plan.root)}\n"
        return _SETUP.format(
            python=plan.python,
            install_variable=INSTALL_VARIABLE,
            root=root,
            key=f"\n      files:{files}" if files else " mlops",
            install=indented(install_lines(plan), 6),
        )

    def _job(self, job: NotebookJob, plan: PipelinePlan) -> str:
        hint = "" if plan.gates else f"\n    # A gate is an option of the command: {EXAMPLE_GATE}"
        return _JOB.format(
            prefix=_PREFIX,
            lint=LINT,
            name=job.name,
            gates=hint,
            lines=indented(run_lines(job, plan.gates, _AGAINST), 6),
            kept=indented((f"- {_scalar(path)}" for path in kept_paths(plan)), 6),
            left_out=_excluded(left_out(plan)),
            results=RESULTS,
        )

    def _review(self, plan: PipelinePlan) -> str:
        needs = indented((f'- "{_PREFIX}{job.name}"' for job in plan.jobs), 4)
        return _REVIEW.format(prefix=_PREFIX, review=REVIEW, needs=needs, results=RESULTS)

    def _deploy(self, plan: PipelinePlan, deploy: DeployJob) -> str:
        return _DEPLOY.format(
            prefix=_PREFIX,
            deploy=DEPLOY,
            needs=indented((f'- "{_PREFIX}{job.name}"' for job in plan.jobs), 4),
            environment=_scalar(deploy.name),
            place=PLACE_VARIABLE,
            lines=indented(deploy_lines(plan, deploy, ""), 6),
        )


def _excluded(paths: Sequence[str]) -> str:
    """Return what of the artifacts is left out."""
    listed = "".join(f"      - {_scalar(f'{path}**/*')}\n" for path in paths)
    return f"    exclude:\n{listed}" if paths else ""


def _scalar(words: str) -> str:
    """Write a text as YAML's single-quoted scalar, where it needs quotes."""
    return words if _PLAIN.fullmatch(words) else "'" + words.replace("'", "''") + "'"
