# make demo           trains on real data, from nothing: sets up what it needs, once
# make test           every test, likewise
# make lint           linters, generated files, and whether the ABI is kept: the quickest part of it
# make build          libtopkloss.so, libtopkloss_cuda.so, libtopkloss_xla.so in .build/release; make install, make uninstall: PREFIX=/usr/local
# make wheel          dist/, with a source archive
# make aarch64        .build/aarch64/libtopkloss.so; make wheel-aarch64, make test-aarch64-quick, make test-aarch64
# make bench          how fast, next to others
# make fuzz           a minute, or TIME=seconds: Tests/Fuzz/README.md; make fuzz-python
# make soak           minutes of losses and of forks; make test-valgrind, make test-tsan: Tests/C/README.md
# make reproducible   builds the library again in another folder, and compares the bytes
# make generate       what follows from include/topkloss.h
# make docs           the documentation as a site, in .build/docs/html
# make ptx            the kernels for GPUs as they are committed; make ptx-check, whether they are; make test-gpu, on this processor
# make clean
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
# One at a time, where make runs several jobs: they write into the same folders.
# Modules are compiled when they are first imported: most of what comes along never is.
PIP = flock $(VENV) $(IN_VENV)/pip install --quiet --no-compile

# PyTorch and what needs it are large: one environment serves every checkout on this machine.
FRAMEWORK_LIST := bindings/python/tests/requirements-frameworks.txt
CACHE := $(if $(TOPKLOSS_CACHE),$(TOPKLOSS_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/topkloss)
FRAMEWORKS := $(CACHE)/frameworks-$(shell { cat $(FRAMEWORK_LIST); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-12)

# What only the benchmark needs, in an environment that adds to that one.
PEER_LIST := bindings/python/benchmarks/requirements.txt
PEERS := $(CACHE)/peers-$(shell { cat $(FRAMEWORK_LIST) $(PEER_LIST); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-12)

# What the recipes and Keras's tests need, likewise.
RECIPE_LIST := bindings/python/tests/requirements-recipes.txt
RECIPES := $(CACHE)/recipes-$(shell { cat $(FRAMEWORK_LIST) $(RECIPE_LIST); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-12)

# The oldest PyTorch that is promised.
OLDEST_LIST := bindings/python/tests/requirements-torch-oldest.txt
OLDEST := $(CACHE)/torch-oldest-$(shell { cat $(OLDEST_LIST); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-12)

LIBRARY := .build/release/libtopkloss.so
CUDA_LIBRARY := .build/release/libtopkloss_cuda.so
CUDA_LINK := $(CUDA_LIBRARY).1
XLA_LIBRARY := .build/release/libtopkloss_xla.so
XLA_LINK := $(XLA_LIBRARY).1
# By the name that a linker writes into programs: see Package.swift.
LINK := $(LIBRARY).$(shell sed -n 's/^.define TOPKLOSS_ABI_VERSION //p' include/topkloss.h)
LIBRARY_SOURCES := Package.swift $(shell find include Sources -type f ! -name '*.hpp')
BINDING_SOURCES := $(shell find bindings/python -path '*/tests' -prune -o -path '*/benchmarks' -prune -o -type f \
  \( -name '*.py' -o -name '*.pyi' -o -name '*.toml' -o -name py.typed -o -name '*.md' \) -print)
DEMO := examples/python/geonames

.PHONY: help build install uninstall cities example-c example-cpp example-rust demo demo-quick bench test test-install \
  test-native-examples test-native test-swift test-python test-demo lint clean
help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile

# ---- set-up

build: $(LIBRARY) $(LINK) $(CUDA_LINK) $(XLA_LINK)

$(LIBRARY): $(LIBRARY_SOURCES)
	@command -v swift >/dev/null || { echo "Swift 6.3 is needed: no swift on PATH" >&2; exit 1; }
	@echo "==> building libtopkloss.so, and beside it libtopkloss_cuda.so and libtopkloss_xla.so"
	swift build -c release --product topkloss
	swift build -c release --product topkloss_cuda
	swift build -c release --product topkloss_xla
	@touch $(LIBRARY)

# For Linux on aarch64, whatever this is.
AARCH64_LIBRARY := .build/aarch64/libtopkloss.so
.PHONY: aarch64
aarch64: $(AARCH64_LIBRARY)

AARCH64_TOOLS := $(STAMPS)/aarch64-tools
$(AARCH64_TOOLS): | $(STAMPS)/venv
	@{ command -v aarch64-linux-gnu-g++ && command -v qemu-aarch64-static; } >/dev/null || { $(call install_debian,\
	  gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static); }
	@touch $@

$(AARCH64_LIBRARY): $(LIBRARY_SOURCES) packaging/aarch64/build.py $(AARCH64_TOOLS)
	@echo "==> building libtopkloss.so for aarch64"
	$(PYTHON) packaging/aarch64/build.py $@

# What programs that were linked with the library where it was built look for.
$(LINK) $(CUDA_LINK) $(XLA_LINK): | $(LIBRARY)
	ln -sf $(notdir $(basename $@)) $@

$(STAMPS)/venv:
	@echo "==> making a virtual environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/binding: $(STAMPS)/venv $(LIBRARY) $(BINDING_SOURCES)
	@echo "==> installing the Python binding"
	TOPKLOSS_LIBRARY_FILE="$(CURDIR)/$(LIBRARY)" $(PIP) ./bindings/python
	touch $@

$(STAMPS)/demo: $(STAMPS)/venv $(DEMO)/requirements.txt
	@echo "==> installing what the demo needs"
	$(PIP) -r $(DEMO)/requirements.txt
	touch $@

$(STAMPS)/test: $(STAMPS)/venv bindings/python/tests/requirements.txt
	@echo "==> installing what the tests need"
	$(PIP) -r bindings/python/tests/requirements.txt
	touch $@

$(FRAMEWORKS)/complete: | $(FRAMEWORK_LIST)
	@echo "==> installing PyTorch and the papers' code in $(FRAMEWORKS) (once; this can take minutes)"
	rm -rf $(FRAMEWORKS)
	$(PYTHON) -m venv $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/pip install --quiet --no-compile -r $(FRAMEWORK_LIST)
	touch $@

# The tree's own environment comes first; what it lacks is looked for in the shared one. Only after the tree has its own:
# pip would take for installed what is there.
$(STAMPS)/frameworks: $(STAMPS)/venv $(FRAMEWORKS)/complete | $(STAMPS)/test $(STAMPS)/demo
	echo $(FRAMEWORKS)/lib/python*/site-packages > $$(echo $(VENV)/lib/python*/site-packages)/frameworks.pth
	touch $@

$(PEERS)/complete: | $(PEER_LIST) $(FRAMEWORKS)/complete
	@echo "==> installing the benchmark's other peers in $(PEERS) (once)"
	rm -rf $(PEERS)
	$(PYTHON) -m venv $(PEERS)
	echo $(FRAMEWORKS)/lib/python*/site-packages > $$(echo $(PEERS)/lib/python*/site-packages)/frameworks.pth
	$(PEERS)/bin/pip install --quiet --no-compile -r $(PEER_LIST)
	touch $@

$(RECIPES)/complete: | $(RECIPE_LIST) $(FRAMEWORKS)/complete
	@echo "==> installing what the recipes train with in $(RECIPES) (once; this can take minutes)"
	rm -rf $(RECIPES)
	$(PYTHON) -m venv $(RECIPES)
	echo $(FRAMEWORKS)/lib/python*/site-packages > $$(echo $(RECIPES)/lib/python*/site-packages)/frameworks.pth
	$(RECIPES)/bin/pip install --quiet --no-compile -r $(RECIPE_LIST)
	touch $@

# Called with what is missing, as Debian names it.
define install_debian
echo "==> installing $(1) (Debian)"; \
exec 9<Makefile; flock 9; as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
$$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends $(1)
endef

# ---- the main job

demo: $(STAMPS)/binding $(STAMPS)/demo
	$(IN_VENV)/python $(DEMO) $(ARGS)

demo-quick: $(STAMPS)/binding $(STAMPS)/demo
	$(IN_VENV)/python $(DEMO) --quick $(ARGS)

# Paths in ARGS are relative to bindings/python.
bench: $(STAMPS)/binding $(STAMPS)/frameworks $(PEERS)/complete
	cd bindings/python && PYTHONPATH=$$(echo $(PEERS)/lib/python*/site-packages) \
	  ../../$(IN_VENV)/python -m benchmarks --output ../../.build/bench $(ARGS)

# ---- what follows from the header

abigail = command -v abidiff >/dev/null || { $(call install_debian,abigail-tools); }

.PHONY: generate stubs
# First what the library is built from: without it a new loss does not compile. The stubs are made from the package.
generate: $(STAMPS)/test
	$(IN_VENV)/python -m abi
	@$(abigail)
	$(IN_VENV)/python -m abi.picture
	$(MAKE) --no-print-directory stubs

stubs: $(STAMPS)/test $(STAMPS)/binding $(STAMPS)/frameworks
	$(IN_VENV)/python -m abi.python_stubs

# ---- the kernels for devices, as PTX

PTX_ENVIRONMENT := $(STAMPS)/ptx
$(PTX_ENVIRONMENT): $(STAMPS)/venv packaging/ptx/requirements.txt
	@echo "==> installing LLVM for PTX"
	$(PIP) -r packaging/ptx/requirements.txt
	touch $@

# FAMILIES="turn batch": these alone.
.PHONY: ptx ptx-check
ptx: $(PTX_ENVIRONMENT)
	$(IN_VENV)/python packaging/ptx/build.py $(FAMILIES)

# Makes them all again, and compares the bytes.
ptx-check: $(PTX_ENVIRONMENT)
	$(IN_VENV)/python packaging/ptx/build.py --check $(or $(FAMILIES),$(basename $(notdir $(wildcard Sources/CPTX/ptx/*.ptx))))

# ---- packages

$(STAMPS)/packaging: $(STAMPS)/venv bindings/python/packaging-requirements.txt
	@echo "==> installing what building packages needs"
	$(PIP) -r bindings/python/packaging-requirements.txt
	touch $@

# auditwheel gives the wheel the tag of the oldest glibc that has the symbols which the library needs.
.PHONY: wheel
# The same bytes whenever they are built: the time of the last commit, or of nothing where there is none.
wheel test-wheel: export SOURCE_DATE_EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),315532800)
wheel: $(LIBRARY) $(STAMPS)/packaging
	@echo "==> building the wheel and the source archive"
	rm -rf .build/wheel dist/*.tar.gz dist/*_$$(uname -m).whl
	TOPKLOSS_LIBRARY_FILE="$(CURDIR)/$(LIBRARY)" $(IN_VENV)/python -m build --no-isolation --quiet --wheel --outdir .build/wheel bindings/python
	$(IN_VENV)/python -m build --no-isolation --quiet --sdist --outdir dist bindings/python
	PATH="$(CURDIR)/$(IN_VENV):$$PATH" $(IN_VENV)/auditwheel repair --wheel-dir dist .build/wheel/*.whl

# The same for aarch64, beside it. auditwheel takes the processor from the library, and the oldest glibc from its symbols.
.PHONY: wheel-aarch64
wheel-aarch64: $(AARCH64_LIBRARY) $(STAMPS)/packaging
	@echo "==> building the wheel for aarch64"
	rm -rf .build/wheel-aarch64 dist/*_aarch64.whl
	TOPKLOSS_LIBRARY_FILE="$(CURDIR)/$(AARCH64_LIBRARY)" $(IN_VENV)/python -m build --no-isolation --quiet --wheel \
	  --outdir .build/wheel-aarch64 bindings/python
	PATH="$(CURDIR)/$(IN_VENV):$$PATH" $(IN_VENV)/auditwheel repair --wheel-dir dist .build/wheel-aarch64/*.whl

.PHONY: test-wheel
test-wheel: wheel $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo
	@echo "==> tests of the wheel and of the source archive, without Swift"
	cd bindings/python && TOPKLOSS_DIST="$(CURDIR)/dist" ../../$(IN_VENV)/python -m pytest -q tests/test_wheel.py

# ---- training loops in Python, and their tests

FRAMEWORK_EXAMPLES := $(addprefix examples/python/,pytorch cifar_lt segmentation jax boosting scikit_learn)
.PHONY: example-pytorch example-cifar-lt example-segmentation example-jax example-boosting example-scikit-learn test-framework-examples

example-pytorch: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/pytorch $(ARGS)

# A GPU's work: ARGS="--made --quick --recipe all" to see it run; examples/python/cifar_lt/README.md.
example-cifar-lt: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/cifar_lt $(ARGS)

example-segmentation: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/segmentation $(ARGS)

example-jax: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/jax $(ARGS)

example-boosting: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/boosting $(ARGS)

example-scikit-learn: $(STAMPS)/binding $(STAMPS)/demo $(STAMPS)/frameworks
	$(IN_VENV)/python examples/python/scikit_learn $(ARGS)

# One process each: modules of different examples have the same names.
test-framework-examples: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo $(STAMPS)/frameworks
	@echo "==> tests of the examples for PyTorch, JAX, boosted trees and scikit-learn"
	for example in $(FRAMEWORK_EXAMPLES); do $(IN_VENV)/python -m pytest -q $$example; done

# ---- recipes: other frameworks' own training loops, on made data; docs/recipes.md

RECIPE_EXAMPLES := $(addprefix examples/python/,made trainer lightning ddp keras)
IN_RECIPES = PYTHONPATH=$$(echo $(RECIPES)/lib/python*/site-packages) $(IN_VENV)/python
.PHONY: example-trainer example-lightning example-ddp example-keras test-recipes

example-trainer example-lightning: example-%: $(STAMPS)/binding $(STAMPS)/frameworks $(RECIPES)/complete
	$(IN_RECIPES) examples/python/$* $(ARGS)

example-ddp: $(STAMPS)/binding $(STAMPS)/frameworks
	$(IN_VENV)/python -m torch.distributed.run --standalone --nproc-per-node 2 examples/python/ddp $(ARGS)

# KERAS_BACKEND=jax: with JAX.
example-keras: $(STAMPS)/binding $(STAMPS)/frameworks $(RECIPES)/complete
	KERAS_BACKEND=$(or $(KERAS_BACKEND),torch) $(IN_RECIPES) examples/python/keras $(ARGS)

# A process for each backend of Keras, which is chosen when it is imported; imports take the most of their time.
test-recipes: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks $(RECIPES)/complete
	@echo "==> tests of topkloss.keras and of the recipes"
	KERAS_BACKEND=torch $(IN_RECIPES) -m pytest -q --config-file bindings/python/pyproject.toml \
	  bindings/python/tests_keras $(RECIPE_EXAMPLES)
	KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(IN_RECIPES) -m pytest -q -k 'not quick_run' \
	  --config-file bindings/python/pyproject.toml bindings/python/tests_keras examples/python/keras

# ---- documentation

# In an environment of its own, beside the one with PyTorch and the others: their modules are imported.
DOCS_LIST := docs/site/requirements.txt
DOCS := $(CACHE)/docs-$(shell { cat $(FRAMEWORK_LIST) $(DOCS_LIST); $(PYTHON) --version; } 2>/dev/null | sha256sum | cut -c1-12)

$(DOCS)/complete: | $(DOCS_LIST) $(FRAMEWORKS)/complete
	@echo "==> installing what the documentation is made with in $(DOCS) (once)"
	rm -rf $(DOCS)
	$(PYTHON) -m venv $(DOCS)
	echo $(FRAMEWORKS)/lib/python*/site-packages > $$(echo $(DOCS)/lib/python*/site-packages)/frameworks.pth
	$(DOCS)/bin/pip install --quiet --no-compile -r $(DOCS_LIST)
	touch $@

.PHONY: docs
docs: $(LIBRARY) $(DOCS)/complete
	@echo "==> the documentation, in .build/docs/html"
	TOPKLOSS_LIBRARY="$(CURDIR)/$(LIBRARY)" PYTHONPATH=bindings/python/src PYTHONDONTWRITEBYTECODE=1 \
	  $(DOCS)/bin/python docs/site/build.py .build/docs

# ---- tests

# Idle workers of OpenMP and OpenBLAS spin, on processors that another suite has work for.
test-python test-demo test-wheel test-framework-examples test-recipes: export OPENBLAS_NUM_THREADS := 1
test-python: export OMP_WAIT_POLICY := passive
test-demo test-wheel test-framework-examples test-recipes: export OMP_NUM_THREADS := 1
# Else torch.compile starts processes that import PyTorch themselves.
test-python test-framework-examples: export TORCHINDUCTOR_COMPILE_THREADS := 1

test: lint test-native test-gpu test-reproducible test-fuzz test-growth test-install test-native-examples test-swift test-python \
  test-demo test-wheel test-framework-examples test-recipes

# Swift's test runner finds Python's headers through pkg-config.
PYTHON_HEADERS := $(STAMPS)/python-headers
$(PYTHON_HEADERS): $(STAMPS)/venv
	@pkg-config --exists python3-embed 2>/dev/null || { $(call install_debian,libpython3-dev pkg-config); }
	@touch $@

test-native: $(LIBRARY)
	@[ -e "$$(gcc -print-file-name=libomp.so.5)" ] || { $(call install_debian,libomp5-14); }
	@echo "==> C and C++ tests"
	Tests/C/run $(LIBRARY)

# The kernels for devices, emulated; TOPKLOSS_GPU_TESTS=all does what a run of minutes has time for.
$(STAMPS)/ptxas: $(STAMPS)/venv Tests/GPU/requirements.txt
	@echo "==> installing ptxas"
	$(PIP) -r Tests/GPU/requirements.txt
	touch $@

.PHONY: test-gpu
test-gpu: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/ptxas $(PTX_ENVIRONMENT)
	@echo "==> tests of the kernels for devices"
	$(IN_VENV)/python packaging/ptx/build.py --check turn
	$(IN_VENV)/python -m pytest -q Tests/GPU

# ThreadSanitizer needs a library of its own. Not part of `test`: minutes, and what CI has time for is in Tests/C/run.
.PHONY: soak test-valgrind test-tsan
soak: $(LIBRARY)
	@echo "==> a million losses from eight threads, and 20,000 forks against first use"
	Tests/C/run_long soak $(LIBRARY)

test-valgrind: $(LIBRARY)
	@command -v valgrind >/dev/null || { $(call install_debian,valgrind libc6-dbg); }
	Tests/C/run_long memory $(LIBRARY)

test-tsan:
	TOPKLOSS_KERNELS=avx2 swift build -c release --sanitize=thread --scratch-path .build/tsan --product topkloss
	Tests/C/run_long threads .build/tsan/release/libtopkloss.so

# On another processor: emulated, many times slower, and so not part of `test`. The quick one has what is the processor's.
.PHONY: test-aarch64 test-aarch64-quick
test-aarch64: $(AARCH64_LIBRARY) $(AARCH64_TOOLS) $(LIBRARY)
	@echo "==> C and C++ tests on aarch64"
	Tests/C/run $(AARCH64_LIBRARY) aarch64-linux-gnu $(LIBRARY)
	$(MAKE) --no-print-directory wheel-aarch64
	Tests/AArch64/run dist/*_aarch64.whl $(CACHE)/aarch64-python

test-aarch64-quick: $(AARCH64_LIBRARY) $(AARCH64_TOOLS) $(LIBRARY)
	@echo "==> the quickest tests on aarch64"
	ONLY='agree|floating-point environment$$|header|export|instruction|it needs|its soname|1 MB' \
	  Tests/C/run $(AARCH64_LIBRARY) aarch64-linux-gnu $(LIBRARY)

# The same sources with a counter at every branch, for the fuzzer to see where it has been. Kernels are AVX2's alone where
# the machine has it: the others are compared with as they are installed.
INSTRUMENTED := .build/instrumented/release/libtopkloss.so
$(INSTRUMENTED): $(LIBRARY_SOURCES)
	@echo "==> building libtopkloss.so for the fuzzer"
	TOPKLOSS_KERNELS=$$(! grep -qsw avx2 /proc/cpuinfo || echo avx2) swift build -c release --product topkloss \
	  --scratch-path .build/instrumented -Xswiftc -Xfrontend -Xswiftc -sanitize=fuzzer \
	  -Xswiftc -Xfrontend -Xswiftc -sanitize-coverage=edge,inline-8bit-counters,pc-table
	@touch $@

# TIME=seconds, RUNS=executions, INPUT=file, SEED=number, SUBJECT=another library: Tests/Fuzz/README.md.
.PHONY: fuzz test-fuzz
fuzz: $(if $(SUBJECT),,$(INSTRUMENTED) $(LIBRARY))
	TIME="$(TIME)" RUNS="$(RUNS)" INPUT="$(INPUT)" SEED="$(SEED)" \
	  Tests/Fuzz/run $(if $(SUBJECT),$(SUBJECT) $(SUBJECT),$(INSTRUMENTED) $(LIBRARY))

# So many arrays for every public function of the package, others in every run; about 20 minutes.
.PHONY: fuzz-python
fuzz-python: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks
	cd bindings/python && TOPKLOSS_HOSTILE_EXAMPLES=$(or $(EXAMPLES),2000) \
	  ../../$(IN_VENV)/python -m pytest -q tests/test_hostile_arrays.py

# Half a minute, of the same choices each time, of the library as it is installed: no build of its own.
test-fuzz: $(LIBRARY)
	@echo "==> fuzzing, half a minute"
	rm -rf .build/fuzz-test
	TIME=$(or $(TIME),25) WORK=.build/fuzz-test SEED=1 Tests/Fuzz/run $(LIBRARY) $(LIBRARY)

# Only the module of the entry points is compiled again, and all is linked; `make reproducible` compiles every module.
.PHONY: test-reproducible reproducible
test-reproducible: $(LIBRARY)
	@echo "==> the library from another folder"
	$(PYTHON) Tests/Reproducible/rebuild.py $(LIBRARY) TopKLoss

reproducible: $(LIBRARY)
	$(PYTHON) Tests/Reproducible/rebuild.py $(LIBRARY)

.PHONY: test-growth
test-growth: $(LIBRARY) $(STAMPS)/test
	@echo "==> programs of older versions, on this library and on a later one"
	Tests/Growth/run $(LIBRARY) $(CURDIR)/$(IN_VENV)/python

# The same tests for every instruction set; the second and third runs need no build.
test-swift: $(LIBRARY) $(LINK) $(STAMPS)/binding $(STAMPS)/test $(PYTHON_HEADERS)
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

# Whether the tests notice lines that are wrong: Tests/Mutation/README.md. Takes an hour.
.PHONY: mutate
mutate: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks
	@echo "==> mutations"
	$(IN_VENV)/python Tests/Mutation/mutate.py $(ARGS)

# Of one cache: what is imported is read once for all.
lint: export MYPY_CACHE_DIR := $(CURDIR)/.build/mypy
lint: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo $(STAMPS)/frameworks
	@echo "==> linters"
	$(IN_VENV)/python -m abi --check
	@$(abigail)
	$(IN_VENV)/python -m abi.picture --check
	$(IN_VENV)/python -m abi.python_stubs --check
	$(IN_VENV)/ruff check --config bindings/python/pyproject.toml abi
	$(IN_VENV)/ruff format --check --config bindings/python/pyproject.toml abi
	$(IN_VENV)/mypy --strict abi
	$(IN_VENV)/ruff check --config bindings/python/pyproject.toml Tests/Mutation Tests/AArch64 packaging docs/site
	$(IN_VENV)/ruff format --check --config bindings/python/pyproject.toml Tests/Mutation Tests/AArch64 packaging docs/site
	$(IN_VENV)/mypy --strict packaging/aarch64/build.py
	cd packaging/ptx && ../../$(IN_VENV)/mypy --strict .
	cd docs/site && MYPYPATH=../.. ../../$(IN_VENV)/mypy --strict --ignore-missing-imports --follow-imports=silent .
	$(IN_VENV)/python packaging/ptx/build.py --check
	cd Tests/Mutation && ../../$(IN_VENV)/mypy --strict . ../Reproducible
	cd Tests/GPU && ../../$(IN_VENV)/ruff check --config ../../bindings/python/pyproject.toml .
	cd Tests/GPU && ../../$(IN_VENV)/ruff format --check --config ../../bindings/python/pyproject.toml .
	cd Tests/GPU && ../../$(IN_VENV)/mypy --strict .
	swift format lint --strict --recursive Package.swift Sources Tests
	cd bindings/python && ../../$(IN_VENV)/ruff check . && ../../$(IN_VENV)/ruff format --check . && ../../$(IN_VENV)/mypy --strict
	$(IN_VENV)/ruff check --line-length 100 $(DEMO)
	$(IN_VENV)/ruff format --check --line-length 100 $(DEMO)
	cd $(DEMO) && ../../../$(IN_VENV)/mypy --strict .
	$(IN_VENV)/ruff check --line-length 100 $(FRAMEWORK_EXAMPLES)
	$(IN_VENV)/ruff format --check --line-length 100 $(FRAMEWORK_EXAMPLES)
	for example in $(FRAMEWORK_EXAMPLES); do \
	  (cd $$example && MYPYPATH=../geonames ../../../$(IN_VENV)/mypy --strict .); done
	$(IN_VENV)/ruff check --line-length 100 $(RECIPE_EXAMPLES)
	$(IN_VENV)/ruff format --check --line-length 100 $(RECIPE_EXAMPLES)
	for example in $(RECIPE_EXAMPLES); do (cd $$example && MYPYPATH=../made ../../../$(IN_VENV)/mypy --strict \
	  --config-file ../../../bindings/python/pyproject.toml .); done
	@command -v rustfmt >/dev/null || { $(call install_debian,rustfmt); }
	rustfmt --check --edition 2021 examples/rust/train.rs

# ---- install, for C, C++ and Rust programs of others

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
INSTALL := PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DESTDIR="$(DESTDIR)" packaging/install

install: $(LIBRARY)
	$(INSTALL) install $(LIBRARY) $(CUDA_LIBRARY) $(XLA_LIBRARY)

uninstall:
	$(INSTALL) uninstall

test-install: $(LIBRARY)
	@echo "==> make install, with programs out of the tree"
	@{ command -v cmake && command -v pkg-config; } >/dev/null || { $(call install_debian,cmake pkg-config); }
	Tests/Install/run $(MAKE)

# Not part of `test`, for its environment, made once, is large.
$(OLDEST)/complete: | $(OLDEST_LIST)
	@echo "==> installing the oldest PyTorch that is promised in $(OLDEST) (once; this can take minutes)"
	rm -rf $(OLDEST)
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/pip install --quiet --no-compile -r $(OLDEST_LIST)
	touch $@

.PHONY: test-torch-oldest
test-torch-oldest: $(LIBRARY) $(OLDEST)/complete
	@echo "==> tests of topkloss.torch with the oldest PyTorch"
	cd bindings/python && TOPKLOSS_LIBRARY="$(CURDIR)/$(LIBRARY)" PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 \
	  $(OLDEST)/bin/python -m pytest -q tests/test_torch_*.py

# On a system from before glibc 2.34, made once: not part of `test`, for it takes root's rights and minutes.
.PHONY: test-debian11
test-debian11: $(LIBRARY)
	Tests/Install/debian11 $(LIBRARY) $(CACHE)/debian11

include examples/native.mk

clean:
	rm -rf .build dist $(VENV)
