# ---- training loops in C, C++ and Rust, built as their readers would: against an installed prefix

EXAMPLES := .build/examples
# Relative, for targets of make cannot have the spaces that the tree's own path may have.
LOCAL_PREFIX := .build/prefix
RPATH := -Wl,-rpath,$(CURDIR)/$(LOCAL_PREFIX)/lib
INSTALLED := $(LOCAL_PREFIX)/lib/pkgconfig/topkloss.pc
CITIES := $(EXAMPLES)/cities.tsv
CITIES_SOURCES := $(DEMO)/write_cities.py $(DEMO)/data.py $(DEMO)/features.py
RUSTC_FLAGS := --edition 2021 -D warnings -L $(LOCAL_PREFIX)/lib -C link-arg="$(RPATH)"

$(INSTALLED): $(LIBRARY) $(shell find include packaging -type f)
	PREFIX="$(CURDIR)/$(LOCAL_PREFIX)" LIBDIR= INCLUDEDIR= DESTDIR= packaging/install install $(LIBRARY)

## .build/examples/cities.tsv, which they train on (10 s)
cities: $(CITIES)

$(CITIES): $(CITIES_SOURCES) $(STAMPS)/demo
	@echo "==> writing $@"
	$(IN_VENV)/python $(DEMO)/write_cities.py $@

$(EXAMPLES)/c/train: $(INSTALLED) $(wildcard examples/c/*.[ch])
	@command -v pkg-config >/dev/null || { $(call install_debian,pkg-config); }
	@mkdir -p $(@D)
	$(CC) -std=c99 -O3 -march=native -Wall -Wextra -Wpedantic -Werror -Wconversion -Wshadow examples/c/*.c \
	  $$(PKG_CONFIG_PATH=$(LOCAL_PREFIX)/lib/pkgconfig pkg-config --define-variable=prefix=$(LOCAL_PREFIX) \
	    --cflags --libs topkloss) "$(RPATH)" -lm -o $@

$(EXAMPLES)/cpp/train: $(INSTALLED) $(wildcard examples/cpp/*)
	@{ command -v cmake && [ -d /usr/include/eigen3 ]; } >/dev/null || { $(call install_debian,cmake libeigen3-dev); }
	cmake -S examples/cpp -B $(@D) -DCMAKE_PREFIX_PATH="$(CURDIR)/$(LOCAL_PREFIX)" -DCMAKE_CXX_FLAGS=-Werror
	cmake --build $(@D)
	@touch $@

$(EXAMPLES)/rust/train: $(INSTALLED) $(wildcard examples/rust/*.rs)
	@command -v rustc >/dev/null || { $(call install_debian,rustc); }
	@mkdir -p $(@D)
	rustc $(RUSTC_FLAGS) -C opt-level=3 -C target-cpu=native examples/rust/train.rs -o $@

$(EXAMPLES)/rust/tests: $(EXAMPLES)/rust/train
	rustc $(RUSTC_FLAGS) --test examples/rust/train.rs -o $@

## which country is a city in? in C, in C++ with Eigen, in Rust (10 s)
example-c example-cpp example-rust: example-%: $(EXAMPLES)/%/train $(CITIES)
	$< $(ARGS) $(CITIES)

## of those (1 min)
test-native-examples: $(EXAMPLES)/rust/tests $(CITIES) | $(EXAMPLES)/c/train $(EXAMPLES)/cpp/train $(EXAMPLES)/rust/train
	@echo "==> training loops in C, C++ and Rust"
	$(EXAMPLES)/rust/tests --quiet
	Tests/Examples/run $(CITIES) $(EXAMPLES)/c/train $(EXAMPLES)/cpp/train $(EXAMPLES)/rust/train
