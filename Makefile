# make demo    trains on real data, from nothing: sets up what it needs, once
# make test    every test, likewise
#
# Set-up is remembered in stamp files; delete .venv or .build to have it done again.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# A failing suite does not keep the others from running; make still ends with an error.
MAKEFLAGS += --keep-going

PYTHON ?= python3
VENV := .venv
STAMPS := $(VENV)/stamps
IN_VENV := $(VENV)/bin

# PyTorch and what needs it are large: one environment serves every checkout on this machine.
FRAMEWORK_LIST := bindings/python/tests/requirements-frameworks.txt
CACHE := $(if $(TOPKLOSS_CACHE),$(TOPKLOSS_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/topkloss)
FRAMEWORKS := $(CACHE)/frameworks-$(shell { cat $(FRAMEWORK_LIST); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-12)

# What only the benchmark needs, in an environment that adds to that one.
PEER_LIST := bindings/python/benchmarks/requirements.txt
PEERS := $(CACHE)/peers-$(shell { cat $(FRAMEWORK_LIST) $(PEER_LIST); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-12)

LIBRARY := .build/release/libtopkloss.so
LIBRARY_SOURCES := Package.swift $(shell find include Sources -type f)
BINDING_SOURCES := $(shell find bindings/python -path '*/tests' -prune -o -path '*/benchmarks' -prune -o -type f \
  \( -name '*.py' -o -name '*.toml' -o -name py.typed -o -name '*.md' \) -print)
DEMO := examples/python/geonames

.PHONY: help build demo demo-quick bench test test-native test-swift test-python test-demo lint clean
help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

# ---- set-up

build: $(LIBRARY)

$(LIBRARY): $(LIBRARY_SOURCES)
	@command -v swift >/dev/null || { echo "Swift 6.3 is needed: no swift on PATH" >&2; exit 1; }
	@echo "==> building libtopkloss.so"
	swift build -c release --product topkloss
	@touch $(LIBRARY)

$(STAMPS)/venv:
	@echo "==> making a virtual environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/binding: $(STAMPS)/venv $(LIBRARY) $(BINDING_SOURCES)
	@echo "==> installing the Python binding"
	TOPKLOSS_LIBRARY_FILE="$(CURDIR)/$(LIBRARY)" $(IN_VENV)/pip install --quiet ./bindings/python
	touch $@

$(STAMPS)/demo: $(STAMPS)/venv $(DEMO)/requirements.txt
	@echo "==> installing what the demo needs"
	$(IN_VENV)/pip install --quiet -r $(DEMO)/requirements.txt
	touch $@

$(STAMPS)/test: $(STAMPS)/venv bindings/python/tests/requirements.txt
	@echo "==> installing what the tests need"
	$(IN_VENV)/pip install --quiet -r bindings/python/tests/requirements.txt
	touch $@

$(FRAMEWORKS)/complete: | $(FRAMEWORK_LIST)
	@echo "==> installing PyTorch and the papers' code in $(FRAMEWORKS) (once; this can take minutes)"
	rm -rf $(FRAMEWORKS)
	$(PYTHON) -m venv $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/pip install --quiet -r $(FRAMEWORK_LIST)
	touch $@

# The tree's own environment comes first; what it lacks is looked for in the shared one.
$(STAMPS)/frameworks: $(STAMPS)/venv $(FRAMEWORKS)/complete
	echo $(FRAMEWORKS)/lib/python*/site-packages > $$(echo $(VENV)/lib/python*/site-packages)/frameworks.pth
	touch $@

$(PEERS)/complete: | $(PEER_LIST) $(FRAMEWORKS)/complete
	@echo "==> installing the benchmark's other peers in $(PEERS) (once)"
	rm -rf $(PEERS)
	$(PYTHON) -m venv $(PEERS)
	echo $(FRAMEWORKS)/lib/python*/site-packages > $$(echo $(PEERS)/lib/python*/site-packages)/frameworks.pth
	$(PEERS)/bin/pip install --quiet -r $(PEER_LIST)
	touch $@

# ---- the main job

demo: $(STAMPS)/binding $(STAMPS)/demo
	$(IN_VENV)/python $(DEMO) $(ARGS)

demo-quick: $(STAMPS)/binding $(STAMPS)/demo
	$(IN_VENV)/python $(DEMO) --quick $(ARGS)

# Paths in ARGS are relative to bindings/python.
bench: $(STAMPS)/binding $(STAMPS)/frameworks $(PEERS)/complete
	cd bindings/python && PYTHONPATH=$$(echo $(PEERS)/lib/python*/site-packages) \
	  ../../$(IN_VENV)/python -m benchmarks --output ../../.build/bench $(ARGS)

# ---- JAX, boosted trees and scikit-learn: examples, and their tests

FRAMEWORK_EXAMPLES := $(addprefix examples/python/,jax boosting scikit_learn)
.PHONY: example-jax example-boosting example-scikit-learn test-framework-examples

example-jax: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/jax $(ARGS)

example-boosting: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/boosting $(ARGS)

example-scikit-learn: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/scikit_learn $(ARGS)

# One process each: modules of different examples have the same names.
test-framework-examples: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo $(STAMPS)/frameworks
	@echo "==> tests of the examples for JAX, boosted trees and scikit-learn"
	for example in $(FRAMEWORK_EXAMPLES); do $(IN_VENV)/python -m pytest -q $$example; done

# ---- tests

test: lint test-native test-swift test-python test-demo test-framework-examples

# Swift's test runner finds Python's headers through pkg-config.
PYTHON_HEADERS := $(STAMPS)/python-headers
$(PYTHON_HEADERS): $(STAMPS)/venv
	@pkg-config --exists python3-embed 2>/dev/null || { \
	  echo "==> installing libpython3-dev and pkg-config (Debian)"; \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	  $$as_root apt-get update -qq && $$as_root apt-get install -y -qq libpython3-dev pkg-config; }
	@touch $@

test-native: $(LIBRARY)
	@echo "==> C and C++ tests"
	Tests/C/run $(LIBRARY)

# The same tests for every instruction set; the second and third runs need no build.
test-swift: $(LIBRARY) $(STAMPS)/binding $(STAMPS)/test $(PYTHON_HEADERS)
	@echo "==> Swift tests"
	export TOPKLOSS_TEST_SITE_PACKAGES="$$(echo $(CURDIR)/$(VENV)/lib/python*/site-packages)"; \
	swift build -c release --build-tests; \
	for simd in avx512 avx2 portable; do \
	  echo "==> TOPKLOSS_SIMD=$$simd"; \
	  TOPKLOSS_SIMD=$$simd swift test -c release --skip-build --disable-xctest --quiet; \
	done

test-python: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks
	@echo "==> Python tests"
	cd bindings/python && ../../$(IN_VENV)/python -m pytest -q tests

test-demo: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo
	@echo "==> tests of the demo"
	$(IN_VENV)/python -m pytest -q $(DEMO)

lint: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo $(STAMPS)/frameworks
	@echo "==> linters"
	swift format lint --strict --recursive Package.swift Sources Tests
	cd bindings/python && ../../$(IN_VENV)/ruff check . && ../../$(IN_VENV)/ruff format --check . && ../../$(IN_VENV)/mypy --strict
	$(IN_VENV)/ruff check --line-length 100 $(DEMO)
	$(IN_VENV)/ruff format --check --line-length 100 $(DEMO)
	cd $(DEMO) && ../../../$(IN_VENV)/mypy --strict .
	$(IN_VENV)/ruff check --line-length 100 $(FRAMEWORK_EXAMPLES)
	$(IN_VENV)/ruff format --check --line-length 100 $(FRAMEWORK_EXAMPLES)
	for example in $(FRAMEWORK_EXAMPLES); do \
	  (cd $$example && MYPYPATH=../geonames ../../../$(IN_VENV)/mypy --strict .); done

clean:
	rm -rf .build $(VENV)
