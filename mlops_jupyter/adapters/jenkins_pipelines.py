"""Jenkins: a declarative ``Jenkinsfile``."""

from __future__ import annotations

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
from ..protocols import NotebookJob, PipelinePart, PipelinePlan

_HEAD = """\
pipeline {{
    // An agent with Python {python} and git; with Docker: agent {{ docker {{ image 'python:{python}' }} }}
    agent any
    options {{
        timeout(time: 1, unit: 'HOURS')
        buildDiscarder(logRotator(numToKeepStr: '30'))
    }}
{parameters}    environment {{
        PATH = "${{env.WORKSPACE}}/.venv/bin:${{env.PATH}}"
        // The workspace keeps what pip has downloaded.
        PIP_CACHE_DIR = "${{env.WORKSPACE}}/.cache/pip"
{root}        // Where an agent has everything installed, set {install_variable} to false in the folder's properties or
        // the system's. MLFLOW_TRACKING_URI belongs there too; its token among the credentials, and here:
        // MLFLOW_TRACKING_TOKEN = credentials('mlflow-tracking-token')
    }}
    stages {{
"""

_STAGE = """\
        stage('{name}') {{
            steps {{
                sh '''
{lines}                '''
            }}
        }}
"""

_BEGIN = """\
        stage('notebooks') {
            // One fails with 1 when a gate is not met, with 6 when a cell fails; it does not end the others.
            parallel {
"""

_JOB = """\
                stage('{name}') {{
                    steps {{{hint}
                        sh '''
{lines}                        '''
                    }}
                }}
"""

_END = """\
            }
        }
"""

_STAGES_END = """\
    }
"""

_PARAMETERS = """\
    parameters {
        booleanParam(name: 'DEPLOY', defaultValue: false, description: 'Deploy the model, from the default branch')
    }
"""

# A stage that waits for a yes would hold an agent until the time is over: who builds says it beforehand.
_DEPLOY = """\
        stage('{deploy}') {{
            // Deploys when somebody builds with DEPLOY set, on the default branch alone. The endpoint lives where the
            // stage runs: name with agent {{ label '…' }} the machine that is to serve. There it is below
            // $HOME/mlops-deployments, or where {place} says.
            when {{
                allOf {{
                    expression {{ params.DEPLOY }}
                    anyOf {{
                        branch 'main'
                        branch 'master'
                    }}
                }}
            }}
            steps {{
                sh '''
{lines}                '''
            }}
        }}
"""

# The one line of Python prints the id of the note that an earlier build has left, if it did: on GitLab its author is an
# author, on GitHub a user.
_REVIEW = """\
    post {{
        always {{
            // What has changed and what came out, for those who review a merge or pull request. Written there where the
            // step has a token. Keep one among the credentials (for GitLab a project access token, role Reporter, scope
            // api; for GitHub a person's that may write pull requests), and put around the step:
            // withCredentials([string(credentialsId: 'gitlab-token', variable: 'GITLAB_TOKEN')]) {{ ... }}
            // or GITHUB_TOKEN. Without it the build's log has the text.
            sh '''
                set +x # the log shows no token
                if [ -z "${{CHANGE_ID:-}}" ]; then exit 0; fi
                mkdir -p {results}
                echo '<!-- mlops -->' >{results}/review.txt
                cat {results}/*.md >>{results}/review.txt || echo 'No summary was left.' >>{results}/review.txt
                cat {results}/review.txt
                page="${{CHANGE_URL#*://}}"
                host="${{CHANGE_URL%%://*}}://${{page%%/*}}"
                path="${{page#*/}}"
                case "$path" in
                */-/merge_requests/*)
                    token="${{GITLAB_TOKEN:-}}" api="$host/api/v4" method=PUT
                    notes="$api/projects/$(echo "${{path%%/-/*}}" | sed 's|/|%2F|g')/merge_requests/$CHANGE_ID/notes"
                    old="$notes"
                    ;;
                *)
                    token="${{GITHUB_TOKEN:-}}" api="$host/api/v3" method=PATCH
                    if [ "$host" = https://github.com ]; then api=https://api.github.com; fi
                    old="$api/repos/${{path%/pull/*}}/issues/comments"
                    notes="$api/repos/${{path%/pull/*}}/issues/$CHANGE_ID/comments"
                    ;;
                esac
                if [ -z "$token" ]; then
                    echo 'There is no token: no note is written on the merge request.'
                    exit 0
                fi
                call() {{
                    set -- --header "Authorization: Bearer $token" --header 'Content-Type: application/json' "$@"
                    curl --fail --silent --show-error "$@"
                }}
                write() {{
                    # The note of an earlier build is written anew: a merge request has one.
                    me="$(call "$api/user")" || return 1
                    found="$(call "$notes?per_page=100")" || return 1
                    id="$(printf %s "$found" | ME="$me" python3 -c '{own}')" || return 1
                    python3 -c '{body}' <{results}/review.txt >{results}/review.json
                    if [ -n "$id" ]; then
                        call --request "$method" --data @{results}/review.json "$old/$id" >/dev/null
                    else
                        call --request POST --data @{results}/review.json "$notes" >/dev/null
                    fi
                }}
                write || echo 'No note was written on the merge request.'
            '''
"""
_OWN = (
    'import json, os, sys; me = json.loads(os.environ["ME"])["id"]; '
    'own = [one for one in json.load(sys.stdin) if (one.get("author") or one["user"]).get("id") == me]; '
    'print(*[one["id"] for one in own if one["body"].startswith("<!-- mlops -->")][:1])'
)
# GitHub takes 65536 letters.
_BODY = 'import json, sys; json.dump({"body": sys.stdin.read()[:60000]}, sys.stdout)'

_POST = """\
            junit testResults: '{results}/*.xml', allowEmptyResults: true
            archiveArtifacts artifacts: '{kept}',{left_out} allowEmptyArchive: true
        }}
    }}
}}
"""


def _install(plan: PipelinePlan) -> tuple[str, ...]:
    return ("# What an earlier build has left in the workspace.", f"rm -rf {RESULTS}", *install_lines(plan))


class JenkinsPipelines:
    """A declarative pipeline with one stage for each notebook, in parallel."""

    title = "Jenkins"
    file = "Jenkinsfile"
    comment = "//"

    def parts(self, plan: PipelinePlan) -> tuple[PipelinePart, ...]:
        """Return the file's parts."""
        root = "" if plan.root == "." else f"        MLOPS_JUPYTER_ROOT = '{_groovy(plan.root)}'\n"
        kept = ",".join(f"{_groovy(path)}**" for path in kept_paths(plan))
        without = ",".join(f"{_groovy(path)}**" for path in left_out(plan))
        excluded = f" excludes: '{without}'," if without else ""
        return (
            PipelinePart("setup", self._head(plan, root)),
            PipelinePart("install", _STAGE.format(name="install", lines=_script(_install(plan), 20))),
            PipelinePart(LINT, _STAGE.format(name=LINT, lines=_script(lint_lines(plan), 20))),
            PipelinePart("notebooks", _BEGIN),
            *(PipelinePart(f"run/{job.name}", self._job(job, plan)) for job in plan.jobs),
            *self._end(plan),
            PipelinePart(REVIEW, _REVIEW.format(results=RESULTS, own=_OWN, body=_BODY)),
            PipelinePart("post", _POST.format(results=RESULTS, kept=kept, left_out=excluded)),
        )

    def jobs(self, plan: PipelinePlan) -> tuple[str, ...]:
        """Return the stages' names."""
        return ("install", LINT, *(job.name for job in plan.jobs), *(() if plan.deploy is None else (DEPLOY,)))

    def notes(self, plan: PipelinePlan, file: str) -> tuple[str, ...]:
        """Say what is left to set in Jenkins."""
        told = ["give the post step GITLAB_TOKEN or GITHUB_TOKEN by withCredentials for a note on each merge request"]
        if plan.embedded:
            told.append("runs stay in the build's artifacts until MLFLOW_TRACKING_URI is set for the job or its folder")
        if file != self.file:
            told.append(f"Jenkins reads it once the job's script path is {file}")
        return tuple(told)

    def elsewhere(self) -> tuple[str, str]:
        """Return another script path."""
        return "notebooks.Jenkinsfile", "and set the job's script path to it"

    def _head(self, plan: PipelinePlan, root: str) -> str:
        parameters = "" if plan.deploy is None else _PARAMETERS
        return _HEAD.format(python=plan.python, root=root, install_variable=INSTALL_VARIABLE, parameters=parameters)

    def _end(self, plan: PipelinePlan) -> tuple[PipelinePart, ...]:
        if plan.deploy is None:
            return (PipelinePart("end", _END + _STAGES_END),)
        lines = deploy_lines(plan, plan.deploy, "JENKINS_NODE_COOKIE=dontKillMe")
        stage = _DEPLOY.format(deploy=DEPLOY, place=PLACE_VARIABLE, lines=_script(lines, 20))
        return (PipelinePart("end", _END), PipelinePart(DEPLOY, stage), PipelinePart("stages", _STAGES_END))

    def _job(self, job: NotebookJob, plan: PipelinePlan) -> str:
        hint = "" if plan.gates else f"\n                        // A gate is an option of the command: {EXAMPLE_GATE}"
        lines = _script(run_lines(job, plan.gates), 28)
        return _JOB.format(name=job.name, hint=hint, lines=lines)


def _script(lines: tuple[str, ...], depth: int) -> str:
    return _groovy(indented(lines, depth))


def _groovy(text: str) -> str:
    """Write a text as it stands between Groovy's quotes; a backslash of the shell's is no line to be continued."""
    return text.replace("\\", "\\\\").replace("'''", "\\'\\'\\'") if "\n" in text else _one_line(text)


def _one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
