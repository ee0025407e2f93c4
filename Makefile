# `make help` lists what there is, from the lines that begin with ## here and in examples/native.mk.
#
# Set-up is remembered in stamp files; delete .venv or .build to have it done again.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# A failing suite does not keep the others from running; make still ends with an error.
MAKEFLAGS += --keep-going

PYTHON ?= python3
PYTHON_VERSION := $(shell $(PYTHON) --version)
VENV := .venv
STAMPS := $(VENV)/stamps
IN_VENV := $(VENV)/bin
# One at a time, where make runs several jobs: they write into the same folders.
# Modules are compiled when they are first imported: most of what comes along never is.
PIP = flock $(VENV) $(IN_VENV)/pip install --quiet --no-compile

# PyTorch and what needs it are large: one environment serves every checkout on this machine.
FRAMEWORK_LIST := bindings/python/tests/requirements-frameworks.txt
CACHE_ROOT := $(or $(XDG_CACHE_HOME),$(if $(HOME),$(HOME)/.cache))
CACHE_ASKED := $(or $(TOPKLOSS_CACHE),$(if $(CACHE_ROOT),$(CACHE_ROOT)/topkloss))
# Targets are named by it, and a space would end their names. What needs none of it goes on without.
CACHE := $(if $(filter 1,$(words $(CACHE_ASKED))),$(abspath $(CACHE_ASKED)),.build/no-cache)
need_cache = $(if $(filter 1,$(words $(CACHE_ASKED))),,$(error TOPKLOSS_CACHE has to be a folder without spaces in its \
  name$(if $(CACHE_ASKED),$(comma) and "$(CACHE_ASKED)" is none)))
comma := ,
FRAMEWORKS := $(CACHE)/frameworks-$(shell { cat $(FRAMEWORK_LIST); echo "$(PYTHON_VERSION)"; } 2>/dev/null | sha256sum | cut -c1-12)

# What only the benchmark needs, in an environment that adds to that one.
PEER_LIST := bindings/python/benchmarks/requirements.txt
PEERS := $(CACHE)/peers-$(shell { cat $(FRAMEWORK_LIST) $(PEER_LIST); echo "$(PYTHON_VERSION)"; } 2>/dev/null | sha256sum | cut -c1-12)

# What the recipes and Keras's tests need, likewise.
RECIPE_LIST := bindings/python/tests/requirements-recipes.txt
RECIPES := $(CACHE)/recipes-$(shell { cat $(FRAMEWORK_LIST) $(RECIPE_LIST); echo "$(PYTHON_VERSION)"; } 2>/dev/null | sha256sum | cut -c1-12)

# The oldest PyTorch that is promised.
OLDEST_LIST := bindings/python/tests/requirements-torch-oldest.txt
OLDEST := $(CACHE)/torch-oldest-$(shell { cat $(OLDEST_LIST); echo "$(PYTHON_VERSION)"; } 2>/dev/null | sha256sum | cut -c1-12)

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

# A program that is asked for its options alone needs Python alone: nothing is built or installed for it.
ASKED := $(filter -h --help,$(ARGS))
needs = $(if $(ASKED),,$(1))
IN_DEMO := $(if $(ASKED),$(PYTHON),$(IN_VENV)/python)

.PHONY: help build install uninstall cities example-c example-cpp example-rust demo demo-quick bench test test-install \
  test-native-examples test-native test-swift test-python test-demo lint clean
## this list; times are of two cores, after set-up, which says what it does and how long it takes
help:
	@awk '/^# ---- / { print "\n" substr($$0, 8) } /^## / { text = substr($$0, 4) } \
	  /^[a-z][a-z0-9 -]*:/ && text { sub(/:.*/, ""); n = split($$0, names, " "); \
  for (i = 1; i <= n; i++) printf "  make %-24s %s\n", names[i], text; text = "" }' $(MAKEFILE_LIST)

# ---- set-up

## libtopkloss.so, libtopkloss_cuda.so, libtopkloss_xla.so in .build/release (3 min)
build: $(LIBRARY) $(LINK) $(CUDA_LINK) $(XLA_LINK)

$(LIBRARY): $(LIBRARY_SOURCES)
	@command -v swift >/dev/null || { echo "Swift 6.3 is needed: no swift on PATH" >&2; exit 1; }
	@echo "==> building libtopkloss.so, and beside it libtopkloss_cuda.so and libtopkloss_xla.so (about 3 minutes on two cores)"
	swift build -c release --product topkloss
	swift build -c release --product topkloss_cuda
	swift build -c release --product topkloss_xla
	@touch $(LIBRARY)

# For Linux on aarch64, whatever this is.
AARCH64_LIBRARY := .build/aarch64/libtopkloss.so
.PHONY: aarch64
## libtopkloss.so and libtopkloss_xla.so for Linux on aarch64, in .build/aarch64 (2 min)
aarch64: $(AARCH64_LIBRARY)

AARCH64_TOOLS := $(STAMPS)/aarch64-tools
$(AARCH64_TOOLS): | $(STAMPS)/venv
	@{ command -v aarch64-linux-gnu-g++ && command -v qemu-aarch64-static; } >/dev/null || { $(call install_debian,\
	  gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static); }
	@touch $@

$(AARCH64_LIBRARY): $(LIBRARY_SOURCES) packaging/aarch64/build.py $(AARCH64_TOOLS)
	@echo "==> building libtopkloss.so and libtopkloss_xla.so for aarch64 (about 2 minutes)"
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
	@echo "==> installing what the demo needs (half a minute)"
	$(PIP) -r $(DEMO)/requirements.txt
	touch $@

$(STAMPS)/test: $(STAMPS)/venv bindings/python/tests/requirements.txt
	@echo "==> installing what the tests need (half a minute)"
	$(PIP) -r bindings/python/tests/requirements.txt
	touch $@

# Called with an environment's folder and what pip is to put there; what is there already is not fetched again.
define install_shared
$(need_cache)mkdir -p $(CACHE); exec 9>$(1).lock; flock 9; [ -x $(1)/bin/pip ] || $(PYTHON) -m venv $(1); \
$(if $(filter $(FRAMEWORKS) $(OLDEST),$(1)),,\
echo $(FRAMEWORKS)/lib/python*/site-packages >$$(echo $(1)/lib/python*/site-packages)/frameworks.pth;) \
$(1)/bin/pip install --quiet --no-compile $(2); touch $@
endef

$(FRAMEWORKS)/complete: | $(FRAMEWORK_LIST)
	@echo "==> installing PyTorch, JAX, the boosters and the papers' code in $(FRAMEWORKS) (once: 6 GB, some minutes)"
	@$(call install_shared,$(FRAMEWORKS),-r $(FRAMEWORK_LIST))

# What one example needs, into the same environment: tests add the rest, and install nothing twice.
NEEDS_pytorch := torch -r $(DEMO)/requirements.txt
NEEDS_segmentation := torch -r examples/python/segmentation/requirements.txt
NEEDS_jax := jax -r examples/python/jax/requirements.txt
NEEDS_boosting := xgboost-cpu lightgbm -r examples/python/boosting/requirements.txt
NEEDS_scikit-learn := -r examples/python/scikit_learn/requirements.txt
NEEDS_cifar-lt := torch rich
NEEDS_evidence := -r examples/python/evidence/requirements.txt
NEEDS_torch := torch numpy
# Stamps have a hash of what was asked for, and of the demo's list, which other lists name, in their names: times of files
# say nothing where several checkouts share an environment. Called with what an example is called.
for = for-$(1)-$(shell { echo "$(NEEDS_$(1))"; cat $(DEMO)/requirements.txt $(filter %.txt,$(NEEDS_$(1))); } | sha256sum | cut -c1-12)
# The pattern's stem without the hash.
needed = $(NEEDS_$(patsubst %-$(lastword $(subst -, ,$*)),%,$*))
$(FRAMEWORKS)/for-%: | $(FRAMEWORK_LIST)
	@echo "==> installing $(needed) in $(FRAMEWORKS) (once: $(if $(filter torch %/evidence/requirements.txt,$(needed)),5 GB and some minutes,less than 1 GB and a minute))"
	@$(call install_shared,$(FRAMEWORKS),--constraint $(FRAMEWORK_LIST) $(needed))

# The tree's own environment comes first; what it lacks is looked for in the shared one. Only after the tree has its own:
# pip would take for installed what is there.
$(STAMPS)/frameworks: $(STAMPS)/venv $(FRAMEWORKS)/complete | $(STAMPS)/test $(STAMPS)/demo
	echo $(FRAMEWORKS)/lib/python*/site-packages > $$(echo $(VENV)/lib/python*/site-packages)/frameworks.pth
	touch $@

$(PEERS)/complete: | $(PEER_LIST) $(FRAMEWORKS)/complete
	@echo "==> installing the benchmark's other peers in $(PEERS) (once)"
	@$(call install_shared,$(PEERS),-r $(PEER_LIST))

$(RECIPES)/complete: | $(RECIPE_LIST) $(FRAMEWORKS)/complete
	@echo "==> installing what the recipes train with in $(RECIPES) (once; a minute)"
	@$(call install_shared,$(RECIPES),-r $(RECIPE_LIST))

NEEDS_trainer := accelerate transformers
NEEDS_lightning := lightning
NEEDS_keras := keras
$(RECIPES)/for-%: | $(RECIPE_LIST)
	@echo "==> installing $(needed) in $(RECIPES) (once; a minute)"
	@$(call install_shared,$(RECIPES),--constraint $(RECIPE_LIST) $(needed))

# Called with what is missing, as Debian names it.
define install_debian
echo "==> installing $(1) (Debian)"; \
exec 9<Makefile; flock 9; as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
$$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends $(1)
endef

# ---- the main job

## trains nine models on 119,000 city names, compares ten methods, draws two pictures (3 min)
demo: $(call needs,$(STAMPS)/binding $(STAMPS)/demo)
	$(IN_DEMO) $(DEMO) $(ARGS)

## the same on fewer names: to see it run (40 s)
demo-quick: $(call needs,$(STAMPS)/binding $(STAMPS)/demo)
	$(IN_DEMO) $(DEMO) --quick $(ARGS)

# Paths in ARGS are relative to bindings/python.
## how fast, next to others (15 min; ARGS=--quick 1 min)
bench: $(STAMPS)/binding $(STAMPS)/frameworks $(PEERS)/complete
	cd bindings/python && PYTHONPATH=$$(echo $(PEERS)/lib/python*/site-packages) \
	  ../../$(IN_VENV)/python -m benchmarks --output ../../.build/bench $(ARGS)

# ---- what follows from the header

abigail = command -v abidiff >/dev/null || { $(call install_debian,abigail-tools); }

.PHONY: generate stubs
# First what the library is built from: without it a new loss does not compile. The stubs are made from the package.
## what follows from include/topkloss.h (1 min)
generate: $(STAMPS)/test
	$(IN_VENV)/python -m abi
	@$(abigail)
	$(IN_VENV)/python -m abi.picture
	$(MAKE) --no-print-directory stubs

## of that, the stubs of topkloss.torch and topkloss.jax (10 s)
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
## the kernels for GPUs as they are committed (4 min)
ptx: $(PTX_ENVIRONMENT)
	$(IN_VENV)/python packaging/ptx/build.py $(FAMILIES)

# Makes them all again, and compares the bytes.
## whether they are (4 min)
ptx-check: $(PTX_ENVIRONMENT)
	$(IN_VENV)/python packaging/ptx/build.py --check $(or $(FAMILIES),$(basename $(notdir $(wildcard Sources/CPTX/ptx/*.ptx))))

# ---- packages

$(STAMPS)/packaging: $(STAMPS)/venv bindings/python/packaging-requirements.txt
	@echo "==> installing what building packages needs (half a minute)"
	$(PIP) -r bindings/python/packaging-requirements.txt
	touch $@

# auditwheel gives the wheel the tag of the oldest glibc that has the symbols which the library needs.
.PHONY: wheel
# The same bytes whenever they are built: the time of the last commit, or of nothing where there is none.
EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),315532800)
wheel wheel-aarch64 test-wheel release test-release: export SOURCE_DATE_EPOCH := $(EPOCH)
## dist/: the wheel for this processor, and the source archive (20 s)
wheel: $(LIBRARY) $(STAMPS)/packaging
	@echo "==> building the wheel and the source archive"
	rm -rf .build/wheel dist/*.tar.gz dist/*_$$(uname -m).whl
	TOPKLOSS_LIBRARY_FILE="$(CURDIR)/$(LIBRARY)" $(IN_VENV)/python -m build --no-isolation --quiet --wheel --outdir .build/wheel bindings/python
	$(IN_VENV)/python -m build --no-isolation --quiet --sdist --outdir dist bindings/python
	PATH="$(CURDIR)/$(IN_VENV):$$PATH" $(IN_VENV)/auditwheel repair --wheel-dir dist .build/wheel/*.whl

# The same for aarch64, beside it. auditwheel takes the processor from the library, and the oldest glibc from its symbols.
.PHONY: wheel-aarch64
## the wheel for aarch64 (10 s)
wheel-aarch64: $(AARCH64_LIBRARY) $(STAMPS)/packaging
	@echo "==> building the wheel for aarch64"
	rm -rf .build/wheel-aarch64 dist/*_aarch64.whl
	TOPKLOSS_LIBRARY_FILE="$(CURDIR)/$(AARCH64_LIBRARY)" $(IN_VENV)/python -m build --no-isolation --quiet --wheel \
	  --outdir .build/wheel-aarch64 bindings/python
	PATH="$(CURDIR)/$(IN_VENV):$$PATH" $(IN_VENV)/auditwheel repair --wheel-dir dist .build/wheel-aarch64/*.whl

# The wheel that test-wheel has, too; of aarch64 only what is built already, for that takes minutes. As a release, in a
# folder of its own: dist/ may have files of others.
RELEASE := .build/test-release
AARCH64_BUILT = $(shell $(MAKE) --question $(AARCH64_LIBRARY) >/dev/null 2>&1 && echo $(AARCH64_LIBRARY))
.PHONY: release test-release
# First of all, for the rest takes minutes. Where git cannot tell, its own words are what is shown.
define committed
changes=$$(git status --porcelain); \
[ -z "$$changes" ] || { echo "Not committed, and so in no release (RELEASE_ANYWAY=1 makes it all the same):"; echo "$$changes"; exit 1; } >&2; \
tag=v$$(sed -n 's/^.define TOPKLOSS_VERSION "\(.*\)"/\1/p' include/topkloss.h); tags=$$(git tag --points-at HEAD); \
grep -qxF "$$tag" <<<"$$tags" || echo "Warning: this commit has no tag $$tag" >&2
endef
## dist/: wheels, source archive, tarballs of both processors, bill of materials, checksums (1 min; aarch64 2 more, once)
release:
	@$(if $(RELEASE_ANYWAY),,$(committed))
	$(MAKE) --no-print-directory $(LIBRARY) $(AARCH64_LIBRARY) $(STAMPS)/packaging $(STAMPS)/test
	rm -rf dist
	$(MAKE) --no-print-directory wheel
	$(MAKE) --no-print-directory wheel-aarch64
	$(IN_VENV)/python packaging/release dist $(LIBRARY) $(AARCH64_LIBRARY)
	TOPKLOSS_RELEASE="$(CURDIR)/dist" $(IN_VENV)/python -m pytest -q --config-file bindings/python/pyproject.toml Tests/Release

## of what a release has besides, and of make help (20 s)
test-release: wheel $(STAMPS)/test
	@echo "==> tests of a release"
	rm -rf $(RELEASE)
	mkdir -p $(RELEASE)
	cp dist/*_$$(uname -m).whl dist/*.tar.gz $(RELEASE)
	$(if $(AARCH64_BUILT),$(MAKE) --no-print-directory wheel-aarch64)
	$(if $(AARCH64_BUILT),cp dist/*_aarch64.whl $(RELEASE))
	$(IN_VENV)/python packaging/release $(RELEASE) $(LIBRARY) $(AARCH64_BUILT)
	TOPKLOSS_RELEASE="$(CURDIR)/$(RELEASE)" $(IN_VENV)/python -m pytest -q --config-file bindings/python/pyproject.toml \
	  Tests/Release

.PHONY: test-wheel
## of the wheel and of the source archive (1 min)
test-wheel: wheel $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo
	@echo "==> tests of the wheel and of the source archive, without Swift"
	cd bindings/python && TOPKLOSS_DIST="$(CURDIR)/dist" ../../$(IN_VENV)/python -m pytest -q tests/test_wheel.py

# ---- training loops in Python, and their tests

FRAMEWORK_EXAMPLES := $(addprefix examples/python/,pytorch evidence cifar_lt segmentation jax boosting scikit_learn)
.PHONY: example-pytorch example-cifar-lt example-segmentation example-jax example-boosting example-scikit-learn \
  test-framework-examples

IN_EXAMPLE = $(if $(ASKED),$(PYTHON),PYTHONPATH=$$(echo $(FRAMEWORKS)/lib/python*/site-packages) $(IN_VENV)/python)

## which country is a city in? in PyTorch (2 min)
example-pytorch: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,pytorch))
	$(IN_EXAMPLE) examples/python/pytorch $(ARGS)

# A GPU's work: examples/python/cifar_lt/README.md.
## long-tailed CIFAR by the published recipes; ARGS="--made --quick --recipe all" to see it run (1 min)
example-cifar-lt: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,cifar-lt))
	$(IN_EXAMPLE) examples/python/cifar_lt $(ARGS)

## street scenes with rare classes, in PyTorch (3 min)
example-segmentation: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,segmentation))
	$(IN_EXAMPLE) examples/python/segmentation $(ARGS)

## which country is a city in? in JAX (1 min)
example-jax: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,jax))
	$(IN_EXAMPLE) examples/python/jax $(ARGS)

## which country is a place in? by XGBoost and LightGBM (2 min)
example-boosting: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,boosting))
	$(IN_EXAMPLE) examples/python/boosting $(ARGS)

## which country is a city in? a pipeline of scikit-learn (3 min)
example-scikit-learn: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,scikit-learn))
	$(IN_EXAMPLE) examples/python/scikit_learn $(ARGS)

.PHONY: evidence
## what the papers claim, on three data sets (1 hour; ARGS=--quick 3 min)
evidence: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,evidence))
	$(IN_EXAMPLE) examples/python/evidence $(ARGS)

# One process each: modules of different examples have the same names.
## of the examples for PyTorch, JAX, boosted trees and scikit-learn, and of the evidence's protocol (5 min)
test-framework-examples: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo $(STAMPS)/frameworks
	@echo "==> tests of the examples for PyTorch, JAX, boosted trees and scikit-learn"
	for example in $(FRAMEWORK_EXAMPLES); do $(IN_VENV)/python -m pytest -q $$example; done

# ---- recipes: other frameworks' own training loops, on made data; docs/recipes.md

RECIPE_EXAMPLES := $(addprefix examples/python/,made trainer lightning ddp keras)
IN_RECIPES = PYTHONPATH=$$(echo $(RECIPES)/lib/python*/site-packages) $(IN_VENV)/python
.PHONY: example-trainer example-lightning example-ddp example-keras test-recipes

IN_RECIPE = $(if $(ASKED),$(PYTHON),PYTHONPATH=$(RECIPE_PATHS) $(IN_VENV)/python)
RECIPE_PATHS = $$(echo $(RECIPES)/lib/python*/site-packages):$$(echo $(FRAMEWORKS)/lib/python*/site-packages)

## Hugging Face's Trainer (1 min)
example-trainer: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,torch) $(RECIPES)/$(call for,trainer))
	$(IN_RECIPE) examples/python/trainer $(ARGS)

## a Lightning module (1 min)
example-lightning: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,torch) $(RECIPES)/$(call for,lightning))
	$(IN_RECIPE) examples/python/lightning $(ARGS)

## two processes of PyTorch's DistributedDataParallel (30 s)
example-ddp: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,torch))
	$(IN_EXAMPLE) $(call needs,-m torch.distributed.run --standalone --nproc-per-node 2) examples/python/ddp $(ARGS)

## a Keras model (1 min); KERAS_BACKEND=jax: with JAX
example-keras: $(call needs,$(STAMPS)/binding $(FRAMEWORKS)/$(call for,$(if $(filter jax,$(KERAS_BACKEND)),jax,torch)) $(RECIPES)/$(call for,keras))
	KERAS_BACKEND=$(or $(KERAS_BACKEND),torch) $(IN_RECIPE) examples/python/keras $(ARGS)

# A process for each backend of Keras, which is chosen when it is imported; imports take the most of their time.
## of the recipes and of topkloss.keras (2 min)
test-recipes: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks $(RECIPES)/complete
	@echo "==> tests of topkloss.keras and of the recipes"
	KERAS_BACKEND=torch $(IN_RECIPES) -m pytest -q --config-file bindings/python/pyproject.toml \
	  bindings/python/tests_keras $(RECIPE_EXAMPLES)
	KERAS_BACKEND=jax JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(IN_RECIPES) -m pytest -q -k 'not quick_run' \
	  --config-file bindings/python/pyproject.toml bindings/python/tests_keras examples/python/keras

# ---- documentation

# In an environment of its own, beside the one with PyTorch and the others: their modules are imported.
DOCS_LIST := docs/site/requirements.txt
DOCS := $(CACHE)/docs-$(shell { cat $(FRAMEWORK_LIST) $(DOCS_LIST); echo "$(PYTHON_VERSION)"; } 2>/dev/null | sha256sum | cut -c1-12)

$(DOCS)/complete: | $(DOCS_LIST) $(FRAMEWORKS)/complete
	@echo "==> installing what the documentation is made with in $(DOCS) (once)"
	@$(call install_shared,$(DOCS),-r $(DOCS_LIST))

.PHONY: docs
## the documentation as a site, in .build/docs/html (1 min)
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

## every test, linters too (15 min; from nothing 20)
test: lint test-native test-gpu test-reproducible test-fuzz test-growth test-install test-native-examples test-swift test-python \
  test-demo test-wheel test-release test-framework-examples test-recipes

# Swift's test runner finds Python's headers through pkg-config.
PYTHON_HEADERS := $(STAMPS)/python-headers
$(PYTHON_HEADERS): $(STAMPS)/venv
	@pkg-config --exists python3-embed 2>/dev/null || { $(call install_debian,libpython3-dev pkg-config); }
	@touch $@

## of the C interface, in C and C++ (2 min)
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
## of the kernels for devices, emulated (2 min)
test-gpu: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/ptxas $(PTX_ENVIRONMENT)
	@echo "==> tests of the kernels for devices"
	$(IN_VENV)/python packaging/ptx/build.py --check turn
	$(IN_VENV)/python -m pytest -q Tests/GPU

# ThreadSanitizer needs a library of its own. Not part of `test`: minutes, and what CI has time for is in Tests/C/run.
.PHONY: soak test-valgrind test-tsan
## a million losses from eight threads, and 20,000 forks (5 min)
soak: $(LIBRARY)
	@echo "==> a million losses from eight threads, and 20,000 forks against first use"
	Tests/C/run_long soak $(LIBRARY)

## the C tests of memory (20 min); Tests/C/README.md
test-valgrind: $(LIBRARY)
	@command -v valgrind >/dev/null || { $(call install_debian,valgrind libc6-dbg); }
	Tests/C/run_long memory $(LIBRARY)

## the C tests of threads, by ThreadSanitizer (5 min)
test-tsan:
	@echo "==> building libtopkloss.so for ThreadSanitizer (about 3 minutes)"
	TOPKLOSS_KERNELS=avx2 swift build -c release --sanitize=thread --scratch-path .build/tsan --product topkloss
	Tests/C/run_long threads .build/tsan/release/libtopkloss.so

# On another processor: emulated, many times slower, and so not part of `test`. The quick one has what is the processor's.
.PHONY: test-aarch64 test-aarch64-quick
## the C and C++ tests and the wheel on aarch64, emulated (30 min)
test-aarch64: $(AARCH64_LIBRARY) $(AARCH64_TOOLS) $(LIBRARY)
	@echo "==> C and C++ tests on aarch64"
	Tests/C/run $(AARCH64_LIBRARY) aarch64-linux-gnu $(LIBRARY)
	$(MAKE) --no-print-directory wheel-aarch64
	Tests/AArch64/run dist/*_aarch64.whl $(need_cache)$(CACHE)/aarch64-python

## what is that processor's of them (2 min)
test-aarch64-quick: $(AARCH64_LIBRARY) $(AARCH64_TOOLS) $(LIBRARY)
	@echo "==> the quickest tests on aarch64"
	ONLY='agree|floating-point environment$$|header|export|instruction|it needs|its soname|1 MB' \
	  Tests/C/run $(AARCH64_LIBRARY) aarch64-linux-gnu $(LIBRARY)

# The same sources with a counter at every branch, for the fuzzer to see where it has been. Kernels are AVX2's alone where
# the machine has it: the others are compared with as they are installed.
INSTRUMENTED := .build/instrumented/release/libtopkloss.so
$(INSTRUMENTED): $(LIBRARY_SOURCES)
	@echo "==> building libtopkloss.so for the fuzzer (about 3 minutes)"
	TOPKLOSS_KERNELS=$$(! grep -qsw avx2 /proc/cpuinfo || echo avx2) swift build -c release --product topkloss \
	  --scratch-path .build/instrumented -Xswiftc -Xfrontend -Xswiftc -sanitize=fuzzer \
	  -Xswiftc -Xfrontend -Xswiftc -sanitize-coverage=edge,inline-8bit-counters,pc-table
	@touch $@

# TIME=seconds, RUNS=executions, INPUT=file, SEED=number, SUBJECT=another library: Tests/Fuzz/README.md.
.PHONY: fuzz test-fuzz
## random calls for a minute, or TIME=seconds: Tests/Fuzz/README.md
fuzz: $(if $(SUBJECT),,$(INSTRUMENTED) $(LIBRARY))
	TIME="$(TIME)" RUNS="$(RUNS)" INPUT="$(INPUT)" SEED="$(SEED)" \
	  Tests/Fuzz/run $(if $(SUBJECT),$(SUBJECT) $(SUBJECT),$(INSTRUMENTED) $(LIBRARY))

# So many arrays for every public function of the package, others in every run; about 20 minutes.
.PHONY: fuzz-python
## random arrays for every public function of the package (20 min)
fuzz-python: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks
	cd bindings/python && TOPKLOSS_HOSTILE_EXAMPLES=$(or $(EXAMPLES),2000) \
	  ../../$(IN_VENV)/python -m pytest -q tests/test_hostile_arrays.py

# Half a minute, of the same choices each time, of the library as it is installed: no build of its own.
## random calls, the same each time (30 s)
test-fuzz: $(LIBRARY)
	@echo "==> fuzzing, half a minute"
	rm -rf .build/fuzz-test
	TIME=$(or $(TIME),25) WORK=.build/fuzz-test SEED=1 Tests/Fuzz/run $(LIBRARY) $(LIBRARY)

# Only the module of the entry points is compiled again, and all is linked; `make reproducible` compiles every module.
.PHONY: test-reproducible reproducible
## the library from another folder has the same bytes: one module (1 min)
test-reproducible: $(LIBRARY)
	@echo "==> the library from another folder (a compiler for about a minute)"
	$(PYTHON) Tests/Reproducible/rebuild.py $(LIBRARY) TopKLoss

## the same of every module (5 min)
reproducible: $(LIBRARY)
	$(PYTHON) Tests/Reproducible/rebuild.py $(LIBRARY)

.PHONY: test-growth
## programs of older versions, on this library and on a later one (1 min)
test-growth: $(LIBRARY) $(STAMPS)/test
	@echo "==> programs of older versions, on this library and on a later one (a compiler for about a minute)"
	Tests/Growth/run $(LIBRARY) $(CURDIR)/$(IN_VENV)/python

# The same tests for every instruction set; the second and third runs need no build.
## through the C interface, and with Python embedded, in Swift (4 min)
test-swift: $(LIBRARY) $(LINK) $(STAMPS)/binding $(STAMPS)/test $(PYTHON_HEADERS)
	@echo "==> Swift tests (first a compiler for about 3 minutes)"
	export TOPKLOSS_TEST_SITE_PACKAGES="$$(echo $(CURDIR)/$(VENV)/lib/python*/site-packages)"; \
	swift build -c release --build-tests; \
	for simd in avx512 avx2 portable; do \
	  echo "==> TOPKLOSS_SIMD=$$simd"; \
	  TOPKLOSS_SIMD=$$simd swift test -c release --skip-build --disable-xctest --quiet; \
	done

## of the Python package (6 min)
test-python: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks
	@echo "==> Python tests"
	cd bindings/python && ../../$(IN_VENV)/python -m pytest -q tests

## of the demo (1 min)
test-demo: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo
	@echo "==> tests of the demo"
	$(IN_VENV)/python -m pytest -q $(DEMO)

# Whether the tests notice lines that are wrong: Tests/Mutation/README.md. Takes an hour.
.PHONY: mutate
## whether the tests notice lines that are wrong (1 hour); Tests/Mutation/README.md
mutate: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/frameworks
	@echo "==> mutations"
	$(IN_VENV)/python Tests/Mutation/mutate.py $(ARGS)

# Of one cache: what is imported is read once for all.
lint: export MYPY_CACHE_DIR := $(CURDIR)/.build/mypy
## linters, generated files, and whether the ABI is kept (3 min)
lint: $(STAMPS)/binding $(STAMPS)/test $(STAMPS)/demo $(STAMPS)/frameworks
	@echo "==> linters"
	$(IN_VENV)/python -m abi --check
	@$(abigail)
	$(IN_VENV)/python -m abi.picture --check
	$(IN_VENV)/python -m abi.python_stubs --check
	$(IN_VENV)/ruff check --config bindings/python/pyproject.toml abi
	$(IN_VENV)/ruff format --check --config bindings/python/pyproject.toml abi
	$(IN_VENV)/mypy --strict abi
	$(IN_VENV)/ruff check --config bindings/python/pyproject.toml Tests/Mutation Tests/AArch64 Tests/Release packaging docs/site
	$(IN_VENV)/ruff format --check --config bindings/python/pyproject.toml Tests/Mutation Tests/AArch64 Tests/Release packaging docs/site
	$(IN_VENV)/mypy --strict packaging/aarch64/build.py
	cd packaging/ptx && ../../$(IN_VENV)/mypy --strict .
	cd packaging/release && MYPYPATH=../../bindings/python ../../$(IN_VENV)/mypy --strict --follow-imports=silent .
	$(IN_VENV)/mypy --strict Tests/Release
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

## libraries, headers, pkg-config and CMake files: PREFIX=/usr/local, LIBDIR, INCLUDEDIR, DESTDIR (1 s)
install: $(LIBRARY)
	$(INSTALL) install $(LIBRARY) $(CUDA_LIBRARY) $(XLA_LIBRARY)

## takes away what install put there
uninstall:
	$(INSTALL) uninstall

## of make install, with programs out of the tree (30 s)
test-install: $(LIBRARY)
	@echo "==> make install, with programs out of the tree"
	@{ command -v cmake && command -v pkg-config; } >/dev/null || { $(call install_debian,cmake pkg-config); }
	Tests/Install/run $(MAKE)

# Not part of `test`, for its environment, made once, is large.
$(OLDEST)/complete: | $(OLDEST_LIST)
	@echo "==> installing the oldest PyTorch that is promised in $(OLDEST) (once; this can take minutes)"
	@$(call install_shared,$(OLDEST),-r $(OLDEST_LIST))

.PHONY: test-torch-oldest
## of topkloss.torch with the oldest PyTorch that is promised (3 min; once 5 GB)
test-torch-oldest: $(LIBRARY) $(OLDEST)/complete
	@echo "==> tests of topkloss.torch with the oldest PyTorch"
	cd bindings/python && TOPKLOSS_LIBRARY="$(CURDIR)/$(LIBRARY)" PYTHONPATH=src PYTHONDONTWRITEBYTECODE=1 \
	  $(OLDEST)/bin/python -m pytest -q tests/test_torch_*.py

# On a system from before glibc 2.34, made once: not part of `test`, for it takes root's rights and minutes.
.PHONY: test-debian11
## on a system with glibc 2.31 (1 min; made once by root, minutes)
test-debian11: $(LIBRARY)
	Tests/Install/debian11 $(LIBRARY) $(need_cache)$(CACHE)/debian11

include examples/native.mk

## deletes what was built here; environments that checkouts share stay
clean:
	rm -rf .build dist $(VENV)
