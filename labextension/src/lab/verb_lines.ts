// Made by `make docs` from the verb table: its lines as literals, which is how translations are found.
import type { TranslationBundle } from "@jupyterlab/translation";

/** What a verb does, translated; of one that a newer server has, its own `line`. */
// prettier-ignore
export function translatedLine(name: string, line: string, trans: TranslationBundle): string {
  switch (name) {
    case "init":
      return trans.__("Set a project up: settings, state folder, .gitignore, notebooks in git.");
    case "doctor":
      return trans.__("Check what is installed, reachable and configured, and say what mends it.");
    case "status":
      return trans.__("Show the project, the store, the notebook and the open run.");
    case "track":
      return trans.__("Run a cell, a block or a function as an MLflow run.");
    case "runs":
      return trans.__("List runs, newest first.");
    case "compare":
      return trans.__("Put runs side by side: what differs between them, and which is better.");
    case "snapshot":
      return trans.__("Keep notebooks as they are now, without outputs, and the project's tracked files with them.");
    case "history":
      return trans.__("List the versions of a notebook, newest first.");
    case "diff":
      return trans.__("Put two versions of a notebook side by side.");
    case "restore":
      return trans.__("Bring a version of a notebook back, as a copy beside it.");
    case "review":
      return trans.__("Push a branch and open the merge request.");
    case "reproduce":
      return trans.__("Execute a run's snapshot once more, and compare the metrics.");
    case "register":
      return trans.__("Register a model: a live object, a run's model, or a folder.");
    case "models":
      return trans.__("List registered models, their versions and aliases.");
    case "promote":
      return trans.__("Point an alias to a version of a registered model.");
    case "run":
      return trans.__("Run notebooks headless, as MLflow runs.");
    case "warm":
      return trans.__("Keep a process that has imported what notebooks need, so that their kernels start at once.");
    case "ci":
      return trans.__("Write the pipeline file that runs notebooks headless in CI.");
    case "deploy":
      return trans.__("Deploy a model: an endpoint that answers predictions, and outlives this process.");
    case "deployments":
      return trans.__("List deployments, or show one: address, versions and their shares, restarts, how to ask it.");
    case "predict":
      return trans.__("Ask an endpoint for predictions.");
    case "rows":
      return trans.__("Show logged rows of a deployment: those behind the drift of a feature, or of a segment.");
    case "feedback":
      return trans.__("Give labels that came late, and see how right the answers were; without labels, see it.");
    case "traffic":
      return trans.__("Share a deployment's traffic out between its versions; without shares, show them.");
    case "rollback":
      return trans.__("Let a deployment serve what it served before the last change; once more goes further back.");
    case "logs":
      return trans.__("Show the last lines of an endpoint's log.");
    case "monitor":
      return trans.__("Show what a deployment does: throughput, latency, errors, drift, quality, alerts.");
    case "drift":
      return trans.__("Tell how far data has moved: of a deployment from its training data, or of one table from another.");
    case "undeploy":
      return trans.__("End an endpoint, when it has answered what is open, and remove all that it has left.");
    case "export":
      return trans.__("Write files that let other systems watch deployments.");
    case "ui":
      return trans.__("Open a tool's web pages inside Jupyter.");
    default:
      return line;
  }
}
