// groovy jenkins.groovy JENKINSFILE WORKSPACE RESULT.json: run a declarative pipeline as Jenkins would, on this machine.
//
// It knows what our pipelines use: agent, options, parameters, environment, stages, when, parallel, steps,
// post { always }, and the steps sh, junit and archiveArtifacts. A stage that fails skips those after it; parallel ones
// all run; post runs always. A parameter has the value of the variable PARAM_<name>, the branch is BRANCH_NAME. At the
// end all processes are ended that a build has left and that bear its cookie, as Jenkins does.
import groovy.json.JsonOutput

class StepFailed extends RuntimeException {
    StepFailed(String words) { super(words) }
}

class Build {
    final File workspace
    final Map<String, String> env
    boolean failed = false
    final Map<String, String> stages = [:]
    final Map<String, Object> params = [:]
    final Map<String, List> published = [junit: [], archived: []]
    Closure afterwards = null

    Build(File workspace) {
        this.workspace = workspace
        this.env = new LinkedHashMap(System.getenv())
        this.env.WORKSPACE = workspace.path
        this.env.JENKINS_NODE_COOKIE = UUID.randomUUID().toString()
    }

    void endWhatIsLeft() {
        String mark = "JENKINS_NODE_COOKIE=${env.JENKINS_NODE_COOKIE}"
        // By hand: Groovy of old cannot call static methods of Java's interfaces, as ProcessHandle has them.
        new File('/proc').listFiles().findAll { File one -> one.name.isInteger() }.each { File one ->
            try {
                if (new File(one, 'environ').getText('UTF-8').split('\0').contains(mark)) {
                    ['kill', '-9', one.name].execute().waitFor()
                }
            } catch (IOException gone) {
                // It has ended, or belongs to somebody else.
            }
        }
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
    void parameters(Closure body) { build.enter(body, new Parameters(build)) }
    void environment(Closure body) { build.enter(body, new Environment(build)) }
    void stages(Closure body) { build.enter(body, new Stages(build, true)) }
    void post(Closure body) { build.afterwards = body }
}

class Options {
    void timeout(Map how) { assert how.time && how.unit }
    void buildDiscarder(Object how) { }
    Object logRotator(Map how) { how }
}

class Parameters {
    final Build build
    Parameters(Build build) { this.build = build }
    void booleanParam(Map how) {
        build.params[how.name] = (build.env["PARAM_${how.name}".toString()] ?: how.defaultValue.toString()).toBoolean()
    }
}

// Each condition is added to those of the block around it.
class When {
    final Build build
    final List<Boolean> found = []
    When(Build build) { this.build = build }
    void allOf(Closure body) { found << inner(body).every() }
    void anyOf(Closure body) { found << inner(body).any() }
    void expression(Closure body) { found << (body() as boolean) }
    void branch(String name) { found << (build.env.BRANCH_NAME == name) }

    private List<Boolean> inner(Closure body) {
        When one = new When(build)
        build.enter(body, one)
        one.found
    }
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
            Stage one = new Stage(build, name)
            build.enter(body, one)
            one.work()
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
    private Closure todo = null
    private Object by = null
    private boolean wanted = true

    void when(Closure body) {
        When one = new When(build)
        build.enter(body, one)
        wanted = one.found.every()
    }

    void steps(Closure body) { todo = body; by = new Steps(build) }
    void parallel(Closure body) { todo = body; by = new Stages(build, false) }

    void work() {
        if (wanted) { build.enter(todo, by) } else { build.stages[name] = 'skipped' }
    }
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
Script script = new GroovyShell(new Binding(env: build.env, params: build.params)).parse(new File(args[0]))
script.metaClass.pipeline = { Closure body -> build.enter(body, new Pipeline(build)) }
script.run()
if (build.afterwards != null) { build.enter(build.afterwards, new Post(build)) }
build.endWhatIsLeft()
new File(args[2]).setText(
    JsonOutput.toJson([failed: build.failed, stages: build.stages] + build.published), 'UTF-8')
System.exit(build.failed ? 1 : 0)
