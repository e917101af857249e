// Made by `make docs` from the verbs, the grammar, the records and the errors: what the server sends, typed.

/** A number; what JSON has no number for is told by a word. */
export type Float = number | "NaN" | "Infinity" | "-Infinity";

/** A verb that can be called from here. */
export type VerbName =
  | "init"
  | "doctor"
  | "status"
  | "track"
  | "runs"
  | "compare"
  | "snapshot"
  | "history"
  | "diff"
  | "restore"
  | "review"
  | "reproduce"
  | "register"
  | "models"
  | "promote"
  | "run"
  | "warm"
  | "ci"
  | "deploy"
  | "deployments"
  | "predict"
  | "rows"
  | "feedback"
  | "traffic"
  | "rollback"
  | "logs"
  | "monitor"
  | "drift"
  | "undeploy"
  | "export"
  | "ui";

/** What a verb does. */
export type Effect =
  | "reads"
  | "writes"
  | "destroys";

/** Where a verb can be called. */
export type Place =
  | "anywhere"
  | "kernel";

/** How a parameter is written as JSON. */
export type Kind =
  | "text"
  | "path"
  | "integer"
  | "number"
  | "flag"
  | "choice"
  | "texts"
  | "paths"
  | "pairs"
  | "object"
  | "source";

/** What an answer's `error` may be. */
export type KnownError =
  | "MlopsError"
  | "CommandError"
  | "ConfigurationError"
  | "MissingDependency"
  | "NotFound"
  | "Conflict"
  | "ConfirmationRequired"
  | "ServiceError"
  | "Unavailable"
  | "Unauthorized"
  | "Rejected"
  | "ExecutionFailed"
  | "CheckFailed"
  | "Unexpected";

/** An adapter may have finer ones. */
export type ErrorName = KnownError | (string & Record<never, never>);

/** A run that some process has open now. */
export interface OpenRunSeen {
  readonly run_id: string;
  readonly name: string;
  readonly notebook: string | null;
  readonly started: string;
  readonly cell_id: string | null;
  readonly parent: string | null;
}

/** How an endpoint is: its status and restarts as of `Deployment`, and why it is not well. */
export interface EndpointHealth {
  readonly name: string;
  readonly status: "starting" | "ready" | "failed" | "stopping" | "stopped" | "unknown";
  readonly restarts: number;
  readonly error: string | null;
}

/** What goes on in a project now, as its files say: nothing is asked that could be slow. */
export interface Overview {
  readonly root: string;
  readonly open_runs: readonly OpenRunSeen[];
  readonly endpoints: readonly EndpointHealth[];
}

/** Which states of a notebook's cells its newest snapshots hold. */
export interface KeptSources {
  readonly ref: string | null;
  readonly taken: string | null;
  readonly checksums: readonly string[];
}

/** One name in a notebook's cell tagged `parameters`; its type is an annotation's, else that of the default. */
export interface Parameter {
  readonly name: string;
  readonly default: unknown;
  readonly type: string;
  readonly help: string;
  readonly annotated: boolean;
  readonly source: string;
}

/** One MLflow run as the store tells it. */
export interface Run {
  readonly run_id: string;
  readonly name: string;
  readonly experiment: string;
  readonly status: "RUNNING" | "SCHEDULED" | "FINISHED" | "FAILED" | "KILLED" | "UNTRACKED";
  readonly started: string | null;
  readonly duration_s: Float | null;
  readonly params: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, Float>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly parent: string | null;
  readonly tracking_uri: string;
  readonly link: string | null;
  readonly error: string | null;
  readonly notes: readonly string[];
  readonly history: Readonly<Record<string, { readonly step: readonly number[]; readonly time_ms: readonly number[]; readonly value: readonly Float[] }>>;
  readonly points: Readonly<Record<string, number>>;
  readonly notebook: string | null;
  readonly git_commit: string | null;
}

/** Runs in the order asked for, with what was asked. */
export interface RunTable {
  readonly runs: readonly Run[];
  readonly experiment: string;
  readonly query: string;
  readonly sort: string;
  readonly tracking_uri: string;
  readonly notes: readonly string[];
  readonly next_page: string | null;
  readonly more: boolean;
  readonly everywhere: boolean;
}

/** One notebook with one combination of parameters. */
export interface BatchRow {
  readonly name: string;
  readonly notebook: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly status: "RUNNING" | "SCHEDULED" | "FINISHED" | "FAILED" | "KILLED" | "UNTRACKED" | "SKIPPED";
  readonly run_id: string;
  readonly duration_s: Float | null;
  readonly metrics: Readonly<Record<string, Float>>;
  readonly output: string | null;
  readonly cell: number | null;
  readonly error: string | null;
  readonly failed: boolean;
}

/** One comparison of a gate, judged. */
export interface GateResult {
  readonly text: string;
  readonly verdict: "met" | "not met" | "no such metric" | "not judged";
  readonly value: Float | null;
  readonly bound: Float | null;
  readonly run: string;
  readonly run_id: string;
  readonly detail: string;
  readonly of: string;
  readonly passed: boolean;
}

/** Notebooks run headless, each with each combination of parameters. */
export interface Batch {
  readonly notebooks: readonly string[];
  readonly jobs: number;
  readonly engine: string;
  readonly run: Run;
  readonly total: number;
  readonly rows: readonly BatchRow[];
  readonly metric: string | null;
  readonly direction: "lower" | "higher" | null;
  readonly best: BatchRow | null;
  readonly notes: readonly string[];
  readonly gates: readonly GateResult[];
  readonly done: number;
  readonly skipped: number;
  readonly failed: number;
  readonly left: number;
}

/** One metric of several runs. */
export interface MetricComparison {
  readonly name: string;
  readonly values: readonly (Float | null)[];
  readonly direction: "lower" | "higher";
  readonly direction_from: "name" | "--lower" | "--higher";
  readonly best: readonly number[];
}

/** One thing in which runs differ: of each run, in their order, its value; null where it has none. */
export interface Difference {
  readonly name: string;
  readonly values: readonly (string | null)[];
}

/** One kind of things that were compared. */
export interface Section {
  readonly name: string;
  readonly differences: readonly Difference[];
  readonly same: number;
  readonly not_recorded: readonly string[];
  readonly text: string;
}

/** Runs side by side. */
export interface Comparison {
  readonly runs: readonly Run[];
  readonly metrics: readonly MetricComparison[];
  readonly sections: readonly Section[];
  readonly notes: readonly string[];
}

/** One version of a model behind an endpoint. */
export interface ServedVersion {
  readonly version: string;
  readonly source: string;
  readonly model: string | null;
  readonly percent: Float;
  readonly shadow: boolean;
  readonly canary: boolean;
  readonly run_id: string | null;
  readonly digest: string | null;
}

/** How a canary is promoted or rolled back by itself. */
export interface RolloutPolicy {
  readonly version: string;
  readonly steps: readonly Float[];
  readonly window_s: Float;
  readonly step_s: Float;
  readonly min_requests: number;
  readonly windows: number;
  readonly cooldown_s: Float;
}

/** What was decided about a canary, and why. */
export interface Decision {
  readonly at: string;
  readonly version: string;
  readonly verdict: "promote" | "hold" | "roll back";
  readonly reason: string;
  readonly percent: Float;
}

/** What an endpoint takes of a request, as `[serving]` of the settings says it; beyond that it refuses. */
export interface ServingLimits {
  readonly body_mb: Float;
  readonly rows: number;
  readonly columns: number;
  readonly timeout_s: Float;
  readonly queue: number;
}

/** What is served under a name, and how it is. */
export interface Deployment {
  readonly name: string;
  readonly target: string;
  readonly status: "starting" | "ready" | "failed" | "stopping" | "stopped" | "unknown";
  readonly versions: readonly ServedVersion[];
  readonly url: string | null;
  readonly socket: string | null;
  readonly port: number | null;
  readonly jupyter_url: string | null;
  readonly workers: number | null;
  readonly restarts: number;
  readonly error: string | null;
  readonly error_at: string | null;
  readonly started: string | null;
  readonly pid: number | null;
  readonly follows: string | null;
  readonly token_file: string | null;
  readonly log: string | null;
  readonly curl: string | null;
  readonly python: string | null;
  readonly notes: readonly string[];
  readonly auto: RolloutPolicy | null;
  readonly decisions: readonly Decision[];
  readonly not_followed: string | null;
  readonly jupyter_curl: string | null;
  readonly jupyter_python: string | null;
  readonly limits: ServingLimits | null;
}

/** All deployments that a project knows of. */
export interface Deployments {
  readonly deployments: readonly Deployment[];
  readonly notes: readonly string[];
}

/** An endpoint that is no more. */
export interface Undeployed {
  readonly name: string;
  readonly target: string;
  readonly was: "starting" | "ready" | "failed" | "stopping" | "stopped" | "unknown";
  readonly notes: readonly string[];
}

/** What an endpoint has answered. */
export interface Prediction {
  readonly name: string;
  readonly predictions: readonly unknown[];
  readonly request_ids: readonly string[];
  readonly versions: readonly string[];
  readonly duration_s: Float;
  readonly rows: readonly number[];
  readonly output: string | null;
}

/** The last lines of an endpoint's log. */
export interface LogLines {
  readonly name: string;
  readonly lines: readonly string[];
  readonly path: string;
}

/** How one version answered over time; each series has a value per instant, null where nothing is known. */
export interface VersionSeries {
  readonly version: string;
  readonly variant: string;
  readonly requests_per_s: readonly (Float | null)[];
  readonly errors_per_s: readonly (Float | null)[];
  readonly rows_per_s: readonly (Float | null)[];
  readonly p50_s: readonly (Float | null)[];
  readonly p95_s: readonly (Float | null)[];
  readonly p99_s: readonly (Float | null)[];
}

/** How values are distributed in the baseline and now, over the same bins. */
export interface Distribution {
  readonly edges: readonly Float[];
  readonly names: readonly string[];
  readonly baseline: readonly Float[];
  readonly now: readonly Float[];
}

/** How far a feature, or a prediction, has moved from its baseline. */
export interface FeatureDrift {
  readonly feature: string;
  readonly kind: "number" | "category" | "text" | "embedding";
  readonly method: "psi" | "ks" | "jensen_shannon" | "wasserstein" | "chi_square";
  readonly score: Float | null;
  readonly threshold: Float;
  readonly drifted: boolean;
  readonly scores: Readonly<Record<string, Float>>;
  readonly missing_baseline: Float;
  readonly missing_now: Float;
  readonly missing_drifted: boolean;
  readonly absent: boolean;
  readonly note: string | null;
  readonly distribution: Distribution | null;
}

/** What a model is asked and answers now, beside its baseline. */
export interface DriftReport {
  readonly name: string;
  readonly baseline: string;
  readonly rows_baseline: number;
  readonly rows_now: number;
  readonly features: readonly FeatureDrift[];
  readonly predictions: readonly FeatureDrift[];
  readonly version: string | null;
  readonly since: string | null;
  readonly until: string | null;
  readonly segment: string | null;
  readonly notes: readonly string[];
  readonly drifted: readonly FeatureDrift[];
  readonly untold: string | null;
}

/** One measure of how right a model is. */
export interface QualityMetric {
  readonly name: string;
  readonly value: Float | null;
  readonly low: Float | null;
  readonly high: Float | null;
  readonly labels: number;
}

/** How right the answers of a version were, by the labels that have come. */
export interface Quality {
  readonly version: string;
  readonly rows: number;
  readonly labelled: number;
  readonly metrics: readonly QualityMetric[];
  readonly segment: string | null;
  readonly foreign: number;
  readonly foreign_label: string | null;
  readonly unsaid: number;
}

/** An alert that fires. */
export interface Alert {
  readonly name: string;
  readonly severity: string;
  readonly summary: string;
  readonly since: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly silenced: boolean;
}

/** What a deployment does, and did in the time before. */
export interface Monitored {
  readonly name: string;
  readonly status: "starting" | "ready" | "failed" | "stopping" | "stopped" | "unknown";
  readonly source: string;
  readonly step_s: Float;
  readonly times: readonly Float[];
  readonly versions: readonly VersionSeries[];
  readonly in_flight: readonly (Float | null)[];
  readonly queued: readonly (Float | null)[];
  readonly drift: Readonly<Record<string, readonly (Float | null)[]>>;
  readonly quality: Readonly<Record<string, readonly (Float | null)[]>>;
  readonly range_s: Float;
  readonly reports: readonly DriftReport[];
  readonly qualities: readonly Quality[];
  readonly alerts: readonly Alert[];
  readonly decisions: readonly Decision[];
  readonly served: readonly ServedVersion[];
  readonly notes: readonly string[];
}

/** What became of labels that were given. */
export interface Feedback {
  readonly name: string;
  readonly labels: number;
  readonly joined: number;
  readonly duplicates: number;
  readonly unknown: number;
  readonly quality: readonly Quality[];
  readonly notes: readonly string[];
  readonly foreign: number;
}

/** What a deployment was asked, and answered. */
export interface LoggedRows {
  readonly name: string;
  readonly feature: string | null;
  readonly where: string;
  readonly matching: number;
  readonly looked_at: number;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly notes: readonly string[];
}

/** Which cell ended a headless run, and how. */
export interface CellFailure {
  readonly cell: number | null;
  readonly source: string;
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: string;
}

/** A notebook run headless. */
export interface Execution {
  readonly notebook: string;
  readonly output: string;
  readonly html: string | null;
  readonly cells: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly run: Run;
  readonly children: readonly Run[];
  readonly failure: CellFailure | null;
  readonly gates: readonly GateResult[];
  readonly notes: readonly string[];
}

/** A metric's last value in a run and in its reproduction, null where it has none. */
export interface ReproducedMetric {
  readonly run: string;
  readonly name: string;
  readonly before: Float | null;
  readonly after: Float | null;
  readonly same: boolean;
}

/** A run's snapshot, executed once more, and how what came out compares. */
export interface Reproduction {
  readonly run: Run;
  readonly verdict: "reproduced" | "differs" | "data changed" | "failed" | "not compared";
  readonly metrics: readonly ReproducedMetric[];
  readonly params: Section;
  readonly data: Section;
  readonly environment: Section;
  readonly snapshot: string;
  readonly execution: Execution;
  readonly tolerance: Float;
  readonly folder: string | null;
  readonly notes: readonly string[];
}

/** One thing that doctor looked at; `fix` is a command. */
export interface Check {
  readonly name: string;
  readonly level: "ok" | "warning" | "failed";
  readonly detail: string;
  readonly fix: string | null;
}

/** All that doctor looked at. */
export interface Diagnosis {
  readonly checks: readonly Check[];
  readonly failed: readonly Check[];
}

/** A snapshot of notebooks: a commit under a private ref, or outside git files of the project's own. */
export interface Snapshot {
  readonly ref: string;
  readonly commit: string | null;
  readonly notebooks: readonly string[];
  readonly origin: "live" | "disk";
  readonly new: boolean;
  readonly taken: string;
  readonly notes: readonly string[];
}

/** One version of a notebook, wherever it is kept. */
export interface Version {
  readonly kind: "live" | "file" | "commit" | "snapshot" | "run";
  readonly ref: string;
  readonly notebook: string;
  readonly time: string | null;
  readonly title: string;
  readonly author: string;
  readonly commit: string | null;
  readonly runs: readonly string[];
  readonly honesty: string | null;
}

/** The versions of a notebook, newest first. */
export interface History {
  readonly notebook: string;
  readonly versions: readonly Version[];
  readonly notes: readonly string[];
}

/** One output that differs. */
export interface OutputChange {
  readonly kind: "added" | "removed" | "changed";
  readonly name: string;
  readonly lines: readonly (readonly [string, string, readonly (readonly [number, number])[]])[];
  readonly before: readonly [string, number, string] | null;
  readonly after: readonly [string, number, string] | null;
}

/** One cell that differs. */
export interface CellChange {
  readonly kind: "added" | "removed" | "changed" | "moved";
  readonly type: string;
  readonly ident: string | null;
  readonly place_before: number | null;
  readonly place_after: number | null;
  readonly source: readonly (readonly [string, string, readonly (readonly [number, number])[]])[];
  readonly outputs: readonly OutputChange[];
  readonly metadata: readonly string[];
}

/** Two versions of a notebook side by side. */
export interface NotebookDiff {
  readonly before: Version;
  readonly after: Version;
  readonly cells: readonly CellChange[];
  readonly equal: number;
  readonly noise: number;
  readonly metadata: readonly string[];
  readonly notes: readonly string[];
  readonly differs: boolean;
}

/** A version of a notebook that was brought back. */
export interface Restored {
  readonly version: Version;
  readonly path: string;
  readonly kept: string | null;
  readonly notes: readonly string[];
}

/** A branch that was pushed for others to look at. */
export interface Review {
  readonly remote: string;
  readonly branch: string;
  readonly target: string;
  readonly commit: string;
  readonly forge: string | null;
  readonly link: string | null;
  readonly opened: boolean;
  readonly notebooks: readonly string[];
  readonly notes: readonly string[];
}

/** The file that tells a CI system what to do. */
export interface PipelineFile {
  readonly system: string;
  readonly path: string;
  readonly outcome: "created" | "updated" | "kept";
  readonly jobs: readonly string[];
  readonly edited: readonly string[];
  readonly notes: readonly string[];
}

/** A file that was written. */
export interface ExportedFile {
  readonly path: string;
  readonly outcome: "created" | "updated" | "kept";
  readonly edited: boolean;
}

/** Files for another system. */
export interface Exported {
  readonly system: string;
  readonly folder: string;
  readonly deployments: readonly string[];
  readonly files: readonly ExportedFile[];
  readonly notes: readonly string[];
}

/** A version of a registered model. */
export interface RegisteredVersion {
  readonly model: string;
  readonly version: string;
  readonly source: string;
  readonly created: string | null;
  readonly aliases: readonly string[];
  readonly run_id: string | null;
  readonly run: string | null;
  readonly metrics: Readonly<Record<string, Float>>;
  readonly description: string;
  readonly notes: readonly string[];
  readonly uri: string;
}

/** Registered models and their versions, the newest first within each model. */
export interface ModelTable {
  readonly versions: readonly RegisteredVersion[];
  readonly model: string | null;
  readonly tracking_uri: string;
  readonly notes: readonly string[];
}

/** An alias that points to another version now. */
export interface Promotion {
  readonly model: string;
  readonly alias: string;
  readonly version: string;
  readonly before: string | null;
  readonly run_id: string | null;
  readonly notes: readonly string[];
  readonly changed: boolean;
}

/** One file that init looked after. */
export interface SetupStep {
  readonly path: string;
  readonly outcome: "created" | "updated" | "kept";
  readonly detail: string;
}

/** What init did, file by file. */
export interface Setup {
  readonly root: string;
  readonly steps: readonly SetupStep[];
  readonly notes: readonly string[];
}

/** Where the user stands: project, store, notebook, open run. */
export interface Status {
  readonly root: string;
  readonly settings_file: string | null;
  readonly tracking_uri: string;
  readonly tracking_uri_from: string;
  readonly experiment: string;
  readonly notebook: string | null;
  readonly git_commit: string | null;
  readonly git_branch: string | null;
  readonly git_dirty: boolean | null;
  readonly open_run: Run | null;
  readonly notes: readonly string[];
}

/** One set of imports that a warm process holds. */
export interface WarmImports {
  readonly modules: readonly string[];
  readonly pid: number | null;
  readonly memory_bytes: number | null;
  readonly children: number;
  readonly left_out: Readonly<Record<string, string>>;
  readonly refused: string | null;
}

/** A project's warm process, from which kernels are forked. */
export interface WarmProcess {
  readonly root: string;
  readonly pid: number | null;
  readonly imports: readonly WarmImports[];
  readonly log: string | null;
  readonly kernelspec: string | null;
  readonly notes: readonly string[];
}

/** A web page that the user can open now. */
export interface WebPage {
  readonly title: string;
  readonly url: string;
  readonly jupyter_url: string | null;
  readonly detail: string;
}

/** A record by its mime type. */
export interface Records {
  readonly "application/vnd.mlops-jupyter.run+json": Run;
  readonly "application/vnd.mlops-jupyter.runtable+json": RunTable;
  readonly "application/vnd.mlops-jupyter.batch+json": Batch;
  readonly "application/vnd.mlops-jupyter.comparison+json": Comparison;
  readonly "application/vnd.mlops-jupyter.deployment+json": Deployment;
  readonly "application/vnd.mlops-jupyter.deployments+json": Deployments;
  readonly "application/vnd.mlops-jupyter.undeployed+json": Undeployed;
  readonly "application/vnd.mlops-jupyter.prediction+json": Prediction;
  readonly "application/vnd.mlops-jupyter.loglines+json": LogLines;
  readonly "application/vnd.mlops-jupyter.monitored+json": Monitored;
  readonly "application/vnd.mlops-jupyter.feedback+json": Feedback;
  readonly "application/vnd.mlops-jupyter.loggedrows+json": LoggedRows;
  readonly "application/vnd.mlops-jupyter.driftreport+json": DriftReport;
  readonly "application/vnd.mlops-jupyter.execution+json": Execution;
  readonly "application/vnd.mlops-jupyter.reproduction+json": Reproduction;
  readonly "application/vnd.mlops-jupyter.diagnosis+json": Diagnosis;
  readonly "application/vnd.mlops-jupyter.snapshot+json": Snapshot;
  readonly "application/vnd.mlops-jupyter.history+json": History;
  readonly "application/vnd.mlops-jupyter.notebookdiff+json": NotebookDiff;
  readonly "application/vnd.mlops-jupyter.restored+json": Restored;
  readonly "application/vnd.mlops-jupyter.review+json": Review;
  readonly "application/vnd.mlops-jupyter.pipelinefile+json": PipelineFile;
  readonly "application/vnd.mlops-jupyter.exported+json": Exported;
  readonly "application/vnd.mlops-jupyter.modeltable+json": ModelTable;
  readonly "application/vnd.mlops-jupyter.registeredversion+json": RegisteredVersion;
  readonly "application/vnd.mlops-jupyter.promotion+json": Promotion;
  readonly "application/vnd.mlops-jupyter.setup+json": Setup;
  readonly "application/vnd.mlops-jupyter.status+json": Status;
  readonly "application/vnd.mlops-jupyter.warmprocess+json": WarmProcess;
  readonly "application/vnd.mlops-jupyter.webpage+json": WebPage;
}

/** What a verb returns, if it is a record. */
export interface Returns {
  readonly init: Setup;
  readonly doctor: Diagnosis;
  readonly status: Status;
  readonly runs: RunTable;
  readonly compare: Comparison;
  readonly snapshot: Snapshot;
  readonly history: History;
  readonly diff: NotebookDiff | WebPage;
  readonly restore: Restored;
  readonly review: Review;
  readonly reproduce: Reproduction;
  readonly register: RegisteredVersion;
  readonly models: ModelTable;
  readonly promote: Promotion;
  readonly run: Execution | Batch;
  readonly warm: WarmProcess;
  readonly ci: PipelineFile;
  readonly deploy: Deployment;
  readonly deployments: Deployment | Deployments;
  readonly predict: Prediction;
  readonly rows: LoggedRows;
  readonly feedback: Feedback;
  readonly traffic: Deployment;
  readonly rollback: Deployment;
  readonly logs: LogLines;
  readonly monitor: Monitored;
  readonly drift: DriftReport;
  readonly undeploy: Undeployed;
  readonly export: Exported;
  readonly ui: WebPage;
}
