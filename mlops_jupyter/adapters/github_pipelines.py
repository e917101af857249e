"""GitHub Actions: a workflow below ``.github/workflows``."""

from __future__ import annotations

import json

from ..capabilities.pipelines.steps import (
    DEPLOY,
    EXAMPLE_GATE,
    INSTALL_VARIABLE,
    LINT,
    NO_STATE,
    PLACE_VARIABLE,
    RESULTS,
    REVIEW,
    continued,
    deploy_lines,
    gate_words,
    indented,
    install_lines,
    kept_paths,
    left_out,
    lint_lines,
)
from ..protocols import DeployJob, NotebookJob, PipelinePart, PipelinePlan

_HEAD = """\
name: notebooks

on:
  push:
    branches: [main, master]
  pull_request:
  workflow_dispatch:
{inputs}
permissions:
  contents: read

# A newer push ends the run of an older one{but}.
concurrency:
  group: notebooks-${{{{ github.ref }}}}{group}
  cancel-in-progress: {cancel}

env:
  # Where a runner or an image has everything installed, write "false".
  {install_variable}: "true"
  # The tracking server and its token are never written here: Settings > Secrets and variables > Actions.
  MLFLOW_TRACKING_URI: ${{{{ secrets.MLFLOW_TRACKING_URI }}}}
  MLFLOW_TRACKING_TOKEN: ${{{{ secrets.MLFLOW_TRACKING_TOKEN }}}}
  MLFLOW_TRACKING_USERNAME: ${{{{ secrets.MLFLOW_TRACKING_USERNAME }}}}
  MLFLOW_TRACKING_PASSWORD: ${{{{ secrets.MLFLOW_TRACKING_PASSWORD }}}}
{root}
jobs:
"""

_STEPS = """\
      - uses: actions/checkout@v6
        with:
          fetch-depth: 0 # the whole history: notebooks are compared with the target branch
      - uses: actions/setup-python@v6
        if: env.{install_variable} != 'false'
        with:
          python-version: "{python}"
{cache}"""

_INSTALL = """\
      - name: Install
        run: |
{install}          echo "$PWD/.venv/bin" >>"$GITHUB_PATH"
"""

_LINT = """\
  {lint}:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    steps:
{steps}      - name: Lint
        run: |
{lines}"""

_NOTEBOOKS = """\
  notebooks:
    name: ${{{{ matrix.name }}}}
    needs: {lint}
    runs-on: ubuntu-latest
    timeout-minutes: 60
    strategy:
      fail-fast: false # one notebook's failure does not end the others
      matrix:
        include:
"""

_JOB = """\
          - name: {name}
            notebook: {notebook}
            # What its run has to fulfil{hint}
            gates: {gates}
"""

_RUN = """\
    steps:
{steps}      # It fails with 1 when a gate is not met, with 6 when a cell fails.
      - name: Run
        env:
          NAME: ${{{{ matrix.name }}}}
          NOTEBOOK: ${{{{ matrix.notebook }}}}
          AGAINST: ${{{{ github.event.pull_request.base.sha }}}}
        run: |
          mkdir -p {results}
{lines}      - name: Summary
        if: ${{{{ !cancelled() }}}}
        env:
          NAME: ${{{{ matrix.name }}}}
        run: |
          if [ -f "{results}/$NAME.md" ]; then cat "{results}/$NAME.md" >>"$GITHUB_STEP_SUMMARY"; fi
      - uses: actions/upload-artifact@v6
        if: ${{{{ !cancelled() }}}}
        with:
          name: notebook-${{{{ matrix.name }}}}
          path: |
{kept}          include-hidden-files: true # .mlops holds the runs
          retention-days: 30
"""

_REVIEW = """\
  # What has changed and what came out, as one comment on the pull request. A fork's pull request has no right to
  # write one: its summary is on the run's page.
  {review}:
    if: ${{{{ !cancelled() && github.event_name == 'pull_request' && !github.event.pull_request.head.repo.fork }}}}
    needs: notebooks
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      pull-requests: write
    steps:
      - uses: actions/download-artifact@v7
        with:
          pattern: notebook-*
          path: artifacts
      - name: Comment
        env:
          GH_TOKEN: ${{{{ github.token }}}}
          GH_REPO: ${{{{ github.repository }}}}
          NUMBER: ${{{{ github.event.pull_request.number }}}}
        run: |
          echo '<!-- mlops -->' >review.md
          # Of one folder alone an artifact has what is in it. GitHub takes 65536.
          find artifacts -name '*.md' -not -path '*/.mlops/*' -exec cat {{}} + | head -c 60000 >>review.md
          # The comment of an earlier push is written anew: a pull request has one.
          old=$(gh api --paginate "repos/$GH_REPO/issues/$NUMBER/comments" --jq \
            '.[] | select(.user.type == "Bot" and (.body | startswith("<!-- mlops -->"))) | .id' | tail -n 1)
          if [ -n "$old" ]; then
            gh api --method PATCH "repos/$GH_REPO/issues/comments/$old" --field body=@review.md >/dev/null
          else
            gh pr comment "$NUMBER" --body-file review.md
          fi
"""

_INPUTS = """\
    inputs:
      deploy:
        description: Deploy the model, from the default branch
        type: boolean
        default: false
"""

# One deployment at a time, and none that is cut short by a newer push.
_APART = {
    "but": ", but no deployment",
    "group": "${{ inputs.deploy && '-deploy' || '' }}",
    "cancel": "${{ !inputs.deploy }}",
}
_TOGETHER = {"but": "", "group": "", "cancel": "true"}

_DEPLOY = """\
  # Deploys when somebody starts the workflow with "deploy" set, on the default branch alone; reviewers can be asked for
  # in Settings > Environments. The endpoint lives where the job runs: name a runner of your own that is to serve.
  # There it is below $HOME/mlops-deployments, or where {place} says.
  {deploy}:
    if: ${{{{ inputs.deploy && github.ref_name == github.event.repository.default_branch }}}}
    needs: notebooks
    runs-on: ubuntu-latest
    timeout-minutes: 20
    environment: {environment}
    steps:
{steps}      - name: Deploy
        run: |
{lines}"""


class GitHubPipelines:
    """A workflow of GitHub Actions with one matrix of notebooks."""

    title = "GitHub Actions"
    file = ".github/workflows/mlops.yml"
    comment = "#"

    def parts(self, plan: PipelinePlan) -> tuple[PipelinePart, ...]:
        """Return the file's parts."""
        steps = self._steps(plan)
        root = "" if plan.root == "." else f"  MLOPS_JUPYTER_ROOT: {json.dumps(plan.root, ensure_ascii=False)}\n"
        kept = (*kept_paths(plan), *(f"!{path}**" for path in left_out(plan)))
        inputs, concurrency = ("", _TOGETHER) if plan.deploy is None else (_INPUTS, _APART)
        words = [
            'mlops run "$NOTEBOOK"',
            "${{ matrix.gates }}",
            f'--output "{RESULTS}/$NAME.ipynb" --html {NO_STATE}',
            f'--junit "{RESULTS}/$NAME.xml" --markdown "{RESULTS}/$NAME.md"',
            '${AGAINST:+--against "$AGAINST"}',
        ]
        return (
            PipelinePart(
                "setup", _HEAD.format(install_variable=INSTALL_VARIABLE, root=root, inputs=inputs, **concurrency)
            ),
            PipelinePart(LINT, _LINT.format(lint=LINT, steps=steps, lines=indented(lint_lines(plan), 10))),
            PipelinePart("notebooks", _NOTEBOOKS.format(lint=LINT)),
            *(PipelinePart(f"run/{job.name}", self._job(job, plan)) for job in plan.jobs),
            PipelinePart(
                "run",
                _RUN.format(
                    steps=steps, results=RESULTS, lines=indented(continued(words), 10), kept=indented(kept, 12)
                ),
            ),
            PipelinePart(REVIEW, _REVIEW.format(review=REVIEW)),
            *(() if plan.deploy is None else (PipelinePart(DEPLOY, self._deploy(plan, plan.deploy)),)),
        )

    def jobs(self, plan: PipelinePlan) -> tuple[str, ...]:
        """Return the jobs' names."""
        last = () if plan.deploy is None else (DEPLOY,)
        return (LINT, *(f"notebooks ({job.name})" for job in plan.jobs), REVIEW, *last)

    def notes(self, plan: PipelinePlan, file: str) -> tuple[str, ...]:
        """Say what is left to set in GitHub."""
        told = []
        if plan.embedded:
            told.append("runs stay in the artifacts until MLFLOW_TRACKING_URI is a secret of the repository's Actions")
        if not file.startswith(".github/workflows/"):
            told.append(f"GitHub reads workflows below .github/workflows only, not {file}")
        return tuple(told)

    def elsewhere(self) -> tuple[str, str]:
        """Return another workflow."""
        return ".github/workflows/notebooks.yml", "which GitHub reads as well"

    def _job(self, job: NotebookJob, plan: PipelinePlan) -> str:
        quoted = [json.dumps(words, ensure_ascii=False) for words in (job.name, job.notebook)]
        return _JOB.format(
            name=quoted[0],
            notebook=quoted[1],
            gates=json.dumps(" ".join(gate_words(plan.gates)), ensure_ascii=False),
            hint="." if plan.gates else f', for instance "{EXAMPLE_GATE}".',
        )

    def _deploy(self, plan: PipelinePlan, deploy: DeployJob) -> str:
        return _DEPLOY.format(
            deploy=DEPLOY,
            environment=json.dumps(deploy.name, ensure_ascii=False),
            place=PLACE_VARIABLE,
            steps=self._checkout(plan),
            lines=indented(deploy_lines(plan, deploy, "RUNNER_TRACKING_ID="), 10),
        )

    def _steps(self, plan: PipelinePlan) -> str:
        return self._checkout(plan) + _INSTALL.format(install=indented(install_lines(plan), 10))

    def _checkout(self, plan: PipelinePlan) -> str:
        # setup-python fails where it is told to cache by files that are not there.
        named = indented(plan.locks, 12)
        cache = f"          cache: pip\n          cache-dependency-path: |\n{named}" if plan.locks else ""
        return _STEPS.format(
            install_variable=INSTALL_VARIABLE,
            python=plan.python,
            cache=cache,
        )
