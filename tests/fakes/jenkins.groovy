// groovy jenkins.groovy JENKINSFILE WORKSPACE RESULT.json: run a declarative pipeline as Jenkins would, on this machine.
//
// It knows what our pipelines use: agent, options, environment, stages, parallel, steps, post { always }, and the steps
// sh, junit and archiveArtifacts. A stage that fails skips those after it; parallel ones all run; post runs always.
import groovy.json.JsonOutput

class StepFailed extends RuntimeException {
    StepFailed(String words) { super(words) }
}

class Build {
    final File workspace
    final Map<String, String> env
    boolean failed = false
    final Map<String, String> stages = [:]
    final Map<String, List> published = [junit: [], archived: []]
    Closure afterwards = null

    Build(File workspace) {
        this.workspace = workspace
        this.env = new LinkedHashMap(System.getenv())
        this.env.WORKSPACE = workspace.path
    }

    void enter(Closure body, Object delegate) {
        body.delegate = delegate
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
    }
}

class Pipeline {
    final Build build
    Pipeline(Build build) { this.build = build }
    String getAny() { 'any' }
    void agent(Object which) { }
    void options(Closure body) { build.enter(body, new Options()) }
    void environment(Closure body) { build.enter(body, new Environment(build)) }
    void stages(Closure body) { build.enter(body, new Stages(build, true)) }
    void post(Closure body) { build.afterwards = body }
}

class Options {
    void timeout(Map how) { assert how.time && how.unit }
    void buildDiscarder(Object how) { }
    Object logRotator(Map how) { how }
}

class Environment {
    private final Build build
    Environment(Build build) { this.@build = build }
    Object getProperty(String name) { name == 'env' ? this.@build.env : this.@build.env[name] }
    void setProperty(String name, Object value) { this.@build.env[name] = value.toString() }
}

class Stages {
    final Build build
    final boolean inOrder
    Stages(Build build, boolean inOrder) { this.build = build; this.inOrder = inOrder }

    void stage(String name, Closure body) {
        if (inOrder && build.failed) {
            build.stages[name] = 'skipped'
            return
        }
        try {
            build.stages[name] = 'passed'
            build.enter(body, new Stage(build, name))
        } catch (StepFailed failure) {
            println "stage ${name}: ${failure.message}"
            build.stages[name] = 'failed'
            build.failed = true
        }
    }
}

class Stage {
    final Build build
    final String name
    Stage(Build build, String name) { this.build = build; this.name = name }
    void steps(Closure body) { build.enter(body, new Steps(build)) }
    void parallel(Closure body) { build.enter(body, new Stages(build, false)) }
}

class Steps {
    final Build build
    Steps(Build build) { this.build = build }

    void sh(String script) {
        File file = File.createTempFile('step', '.sh')
        try {
            file.setText(script, 'UTF-8')
            ProcessBuilder starting = new ProcessBuilder('sh', '-xe', file.path).directory(build.workspace).inheritIO()
            starting.environment().clear()
            starting.environment().putAll(build.env)
            int code = starting.start().waitFor()
            if (code != 0) { throw new StepFailed("script returned exit code ${code}") }
        } finally {
            file.delete()
        }
    }

    void junit(Map how) { build.published.junit << how.testResults }
    void archiveArtifacts(Map how) { build.published.archived << how.artifacts }
}

class Post {
    final Build build
    Post(Build build) { this.build = build }
    void always(Closure body) { build.enter(body, new Steps(build)) }
}

Build build = new Build(new File(args[1]))
Script script = new GroovyShell(new Binding(env: build.env)).parse(new File(args[0]))
script.metaClass.pipeline = { Closure body -> build.enter(body, new Pipeline(build)) }
script.run()
if (build.afterwards != null) { build.enter(build.afterwards, new Post(build)) }
new File(args[2]).setText(
    JsonOutput.toJson([failed: build.failed, stages: build.stages] + build.published), 'UTF-8')
System.exit(build.failed ? 1 : 0)
