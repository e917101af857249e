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

_REVIEW = """\
    post {{
        always {{
            // What has changed and what came out, for those who review a merge or pull request. With the GitLab plugin
            // write after it: addGitLabMRComment comment: readFile('{results}/review.txt')
            // with the GitHub one: pullRequest.comment(readFile('{results}/review.txt'))
            sh '''
                if [ -n "${{CHANGE_ID:-}}" ]; then
                    mkdir -p {results}
                    cat {results}/*.md >{results}/review.txt || echo 'No summary was left.' >{results}/review.txt
                    cat {results}/review.txt
                fi
            '''
"""

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
        excluded = "".join(f" excludes: '{_groovy(path)}**'," for path in left_out(plan))
        return (
            PipelinePart("setup", self._head(plan, root)),
            PipelinePart("install", _STAGE.format(name="install", lines=_script(_install(plan), 20))),
            PipelinePart(LINT, _STAGE.format(name=LINT, lines=_script(lint_lines(plan), 20))),
            PipelinePart("notebooks", _BEGIN),
            *(PipelinePart(f"run/{job.name}", self._job(job, plan)) for job in plan.jobs),
            *self._end(plan),
            PipelinePart(REVIEW, _REVIEW.format(results=RESULTS)),
            PipelinePart("post", _POST.format(results=RESULTS, kept=kept, left_out=excluded)),
        )

    def jobs(self, plan: PipelinePlan) -> tuple[str, ...]:
        """Return the stages' names."""
        return ("install", LINT, *(job.name for job in plan.jobs), *(() if plan.deploy is None else (DEPLOY,)))

    def notes(self, plan: PipelinePlan, file: str) -> tuple[str, ...]:
        """Say what is left to set in Jenkins."""
        told = []
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
