# Needs git, GNU make, bash and Python 3.11 or newer; everything else goes into .venv.
# Another Python: make PYTHON=python3.12 demo

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Tests run in two processes; more arguments to pytest: make test PYTEST_ARGS="-k track"
PYTEST_ARGS ?=
# Newer versions of everything: make lock LOCK_ARGS=--upgrade
LOCK_ARGS ?=

# uv works on the environment it is told, never on one that happens to be active.
UV := .venv/bin/uv --quiet
# With PYTHON given, a .venv made by another Python is made anew; without, the one that is there will do.
STAMP := .venv/.done$(if $(PYTHON),-$(subst /,-,$(PYTHON)))
# First line of the recipes that run tools: git, nbdime and MLflow start siblings, which they look up on PATH.
USE_VENV = export PATH="$(CURDIR)/.venv/bin:$$PATH"
# Not dependencies of the package, but held in constraints.txt all the same: what installs and builds it.
BUILD_TOOLS := editables hatchling uv

.PHONY: help setup demo notebooks test lint format docs widgets bench lock clean

help: ## List the targets
	@echo "mlops-jupyter: make TARGET"
	sed -nE 's/^([a-z]+):[^#]*## (.*)/  \1\t\2/p' Makefile | expand -t 12

setup: $(STAMP) ## Make .venv with the package, its dependencies and the test tools (once, then on changes)

define VENV_RECIPE
@wanted='$(PYTHON)'
runs() { "$$1" -c "$$2" >/dev/null 2>&1; }
recent='import sys; sys.exit(sys.version_info < (3, 11))'
version='import sys; print("%d.%d.%d" % sys.version_info[:3])'
whole() { runs .venv/bin/python "$$recent" && runs .venv/bin/python 'import pip'; }
if [ -z "$$wanted" ] && whole; then
    chosen=.venv/bin/python
else
    chosen= lacking=
    for python in $${wanted:-python3.13 python3.12 python3.11 python3}; do
        runs "$$python" "$$recent" || continue
        if runs "$$python" 'import ensurepip, venv'; then chosen=$$python; break; fi
        lacking=$${lacking:-$$python}
    done
    if [ -z "$$chosen" ]; then
        if [ -n "$$lacking" ]; then
            echo "$$lacking has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2
        elif [ -n "$$wanted" ]; then
            echo "PYTHON=$$wanted is not a Python 3.11 or newer." >&2
        else
            echo "No Python 3.11 or newer on PATH. Install one, or name it: make PYTHON=/path/to/python3.11 setup" >&2
        fi
        exit 1
    fi
fi
if ! whole || [ "$$("$$chosen" -c "$$version")" != "$$(.venv/bin/python -c "$$version")" ]; then
    echo "==> Making .venv with Python $$("$$chosen" -c "$$version")"
    "$$chosen" -m venv --clear .venv || { rm -rf .venv; exit 1; }
fi
echo "==> Installing uv into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt uv
endef

# The environment alone, with uv in it: what `make lock` needs, even when the old constraints no longer fit.
.venv/bin/uv:
	$(VENV_RECIPE)

$(STAMP): pyproject.toml constraints.txt
	$(VENV_RECIPE)
	echo "==> Installing mlops-jupyter, its dependencies and the test tools (a minute or two the first time)"
	$(UV) pip install --python .venv/bin/python -c constraints.txt -b constraints.txt --compile-bytecode \
	    -e . --group dev
	echo "==> Byte-compiling mlops_jupyter"
	.venv/bin/python -m compileall -q mlops_jupyter
	touch $@

demo: setup ## Run the main job: train models in tracked notebooks, headless, list the runs, deploy one and ask it
	@$(USE_VENV)
	mkdir -p .mlops/demo
	echo "==> Running notebooks/01_track.ipynb headless with max_depth=6"
	.venv/bin/mlops run notebooks/01_track.ipynb -p max_depth=6 --html --output .mlops/demo/01_track.ipynb
	echo "==> Listing the runs"
	.venv/bin/mlops runs
	echo "==> Running notebooks/04_deploy.ipynb headless, which registers a model"
	.venv/bin/mlops run notebooks/04_deploy.ipynb --html --output .mlops/demo/04_deploy.ipynb
	echo "==> Deploying it, and asking for three predictions"
	trap '.venv/bin/mlops undeploy demo --yes' EXIT
	.venv/bin/mlops deploy breast-cancer/latest --name demo
	head -4 notebooks/data/breast_cancer.csv | cut -d, -f1-30 >.mlops/demo/cases.csv
	.venv/bin/mlops predict demo .mlops/demo/cases.csv
	trap - EXIT
	.venv/bin/mlops undeploy demo --yes
	echo "==> Executed notebooks: .mlops/demo/01_track.ipynb, .mlops/demo/04_deploy.ipynb"
	echo "    As pages:           .mlops/demo/01_track.html, .mlops/demo/04_deploy.html"
	echo "    In JupyterLab:      .venv/bin/jupyter lab notebooks/01_track.ipynb"

notebooks: setup ## Run all of notebooks/ headless, with a JUnit report in build/
	@$(USE_VENV)
	echo "==> Running notebooks/ headless"
	.venv/bin/mlops run notebooks --junit build/notebooks.xml

test: setup ## Run all tests
	@$(USE_VENV)
	echo "==> Running the tests"
	.venv/bin/python -m pytest -q -n 2 $(PYTEST_ARGS)

lint: setup ## Check style, format, types and the layers
	@$(USE_VENV)
	echo "==> ruff check"
	ruff check
	echo "==> ruff format --check"
	ruff format --check
	echo "==> mypy"
	mypy
	echo "==> lint-imports"
	lint-imports --no-logo
	if [ -x labextension/node_modules/.bin/eslint ]; then
	    echo "==> prettier, eslint, stylelint and tsc in labextension"
	    cd labextension
	    npm run --silent lint
	    npm run --silent check
	else
	    echo "==> labextension is not checked: that needs Node, and once: cd labextension && npm ci"
	fi

format: setup ## Mend style and format where a tool can
	@$(USE_VENV)
	echo "==> ruff check --fix; ruff format"
	ruff check --fix --exit-zero
	ruff format
	if [ -x labextension/node_modules/.bin/prettier ]; then
	    echo "==> prettier --write"
	    cd labextension && npm run --silent format
	fi

docs: setup ## Write docs/verbs.md from the verbs' docstrings, and the front end's types from verbs and records
	@$(USE_VENV)
	echo "==> Writing docs/verbs.md"
	.venv/bin/python tests/write_verbs.py
	echo "==> Writing labextension/src/lab/generated.ts"
	.venv/bin/python tests/write_types.py

widgets: ## Build the browser half into mlops_jupyter/widgets and labextension (needs Node 20.19 or newer and npm)
	@echo "==> Building labextension/src into mlops_jupyter/widgets and mlops_jupyter/labextension"
	cd labextension
	npm ci --no-audit --no-fund --loglevel=error
	npm run --silent check
	npm run --silent build

bench: setup ## Run the benchmarks
	@$(USE_VENV)
	for benchmark in benchmarks/*.py; do
	    echo "==> $$benchmark"
	    .venv/bin/python "$$benchmark"
	done

lock: .venv/bin/uv ## Write constraints.txt anew from pyproject.toml
	@echo "==> Resolving pyproject.toml for every platform, Python 3.11 and newer"
	cp constraints.txt .venv/constraints.txt
	printf '%s\n' $(BUILD_TOOLS) | $(UV) pip compile pyproject.toml - --group dev --universal --python-version 3.11 \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(LOCK_ARGS) -o .venv/constraints.txt >/dev/null
	if grep -nE '://|^-|@|/' .venv/constraints.txt; then
	    echo "constraints.txt would name a registry or a path of this machine: see the lines above" >&2
	    exit 1
	fi
	{ sed '/^[^#]/,$$d' constraints.txt; cat .venv/constraints.txt; } >.venv/constraints.new
	cmp -s .venv/constraints.new constraints.txt || cp .venv/constraints.new constraints.txt
	rm .venv/constraints.txt .venv/constraints.new
	echo "==> constraints.txt holds $$(grep -c '==' constraints.txt) versions"

clean: ## Remove .venv, caches and build products; the runs under .mlops stay
	@echo "==> Removing .venv, caches and build products"
	rm -rf .venv build dist labextension/node_modules labextension/lib .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
