# Everything a fresh machine needs beyond Python 3.11, make and git is installed by
# these targets into .venv and the user cache, without root.
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
CORE := */argogrant/grants/*,*/argogrant/argocd/*
CHAOS_MINUTES ?= 30
HOSTILE_MINUTES ?= 30
SOAK_CHANGES ?= 10000
RULES := $(VENV)/bin/pytest tests/unit tests/contract -m "not long" \
  --numprocesses 2 --dist loadfile
# Each worker has a control plane of its own; a cluster that is named there is only once.
TEST_WORKERS ?= $(if $(ARGOGRANT_TEST_KUBECONFIG),0,3)
ON_CONTROL_PLANES := --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
# What the pages show comes from these files; deleted ones are no prerequisites.
SHOWN := README.md argocd charts crds docs examples manifests operator tests
SHOWN_FILES := $(wildcard $(shell git ls-files -- $(SHOWN) 2>/dev/null))
PAGES_PASSED := build/pages-passed

.PHONY: setup check lint test test-long test-pages coverage chaos hostile soak demo bench \
  bench-failover bench-memory bench-startup generate docs tutorial plugin requirements control-plane control-plane-path

setup: $(READY)

$(READY): requirements-dev.txt pyproject.toml
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(VENV)/bin/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

control-plane: $(READY)
	@PYTHONPATH=tests $(PYTHON) -m controlplane build

control-plane-path: $(READY)
	@PYTHONPATH=tests $(PYTHON) -m controlplane path

lint: $(READY)
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) docs/check_prose.py

# Rules first; then everything on real parts.
test: control-plane
	$(RULES)
	$(VENV)/bin/pytest tests/integration tests/hostile tests/chaos -m "not long" $(ON_CONTROL_PLANES)

# Tests that repeat something many times or wait for long: kills, attacks, restarts, ends
# that something obstructs, the real application controller, another cluster.
test-long: control-plane
	$(VENV)/bin/pytest tests/unit tests/integration tests/chaos \
	  tests/hostile/test_representative.py -m long $(ON_CONTROL_PLANES)

# Plays the documentation: its commands run, and print what the pages show.
test-pages: control-plane
	$(VENV)/bin/pytest tests/pages $(ON_CONTROL_PLANES)

# `make check` plays the pages again if a file has changed since they last passed. The
# time is that of the beginning: a file that changes meanwhile is newer.
$(PAGES_PASSED): $(SHOWN_FILES) $(READY)
	@mkdir -p $(@D)
	@touch $@.started
	@$(MAKE) --no-print-directory test-pages
	@mv $@.started $@

# The tests of rules run every branch of the pure core, and nine in ten elsewhere. To
# measure it doubles their time, so `make test` does not.
coverage: control-plane
	$(VENV)/bin/coverage erase
	$(RULES) --cov --cov-report=
	@$(VENV)/bin/coverage report --include='$(CORE)' --fail-under=100 --skip-covered
	@$(VENV)/bin/coverage report --omit='$(CORE)' --fail-under=90 --skip-covered

# Random operations and faults against real parts; `-m chaos replay FILE` runs one again.
chaos: control-plane
	@PYTHONPATH=tests $(PYTHON) -m chaos run --minutes $(CHAOS_MINUTES)

# Attackers in every position, while others' access has to end; exit code 1 if it is late.
hostile: control-plane
	@PYTHONPATH=tests $(PYTHON) -m hostile run --minutes $(HOSTILE_MINUTES)

# Every kind of input changes thousands of times; exit code 1 if memory grows with them.
soak: control-plane
	@PYTHONPATH=tests $(PYTHON) -m hostile soak --changes $(SOAK_CHANGES)

check: lint test coverage test-long $(PAGES_PASSED)

demo: control-plane
	@PYTHONPATH=tests $(PYTHON) examples/demo.py

# Types the tutorial on a control plane, and writes what is seen into the page.
tutorial: control-plane
	@PYTHONPATH=tests $(PYTHON) docs/generate_tutorial.py

SIZES := 100,1000,10000

bench: control-plane
	@PYTHONPATH=tests:benchmarks $(PYTHON) -m bench --sizes $(SIZES) $(BENCH_OPTIONS)

# One part by itself; what was measured of the others stays.
bench-failover bench-memory bench-startup: control-plane
	@PYTHONPATH=tests:benchmarks $(PYTHON) -m bench $(@:bench-%=%) $(BENCH_OPTIONS)

# The documentation as a site, in build/site; strict: a link that leads nowhere fails.
docs: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet
	@echo "build/site/index.html"

generate: $(READY)
	$(PYTHON) docs/generate.py
	$(PYTHON) docs/generate_audit.py
	$(PYTHON) docs/generate_argocd.py
	$(PYTHON) docs/generate_errors.py
	$(PYTHON) docs/generate_commands.py
	$(PYTHON) docs/generate_chart.py
	$(PYTHON) docs/generate_picture.py
	$(PYTHON) examples/render.py

# What krew installs: an archive for this platform, and its manifest.
plugin: $(READY)
	$(PYTHON) krew/build.py build/plugin

# Pins what pyproject.toml needs. uv keeps the present versions unless
# PIN_OPTIONS=--upgrade.
PIN := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
  --no-strip-extras --no-header --no-annotate $(PIN_OPTIONS)

requirements:
	$(PIN) pyproject.toml --output-file requirements.txt
	$(PIN) pyproject.toml --group dev --constraints requirements.txt \
	  --output-file requirements-dev.txt
