# The commands people type; `make help` lists them. Each brings what it needs into place first.
# Thin on purpose: scripts/setup.sh installs, CMakePresets.json builds, ctest tests.
MODEL := .deps/models/SmolLM2-135M-Instruct.Q4_1.gguf
ETBRIDGE := build/release/bin/etbridge
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup build chat test arm64-test asan-test tsan-test fuzz bench format format-check tidy size clean

help:  ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*##/  make \1\t/' | expand -t 20

setup:
	@scripts/setup.sh

build: setup  ## set up, then build build/release/bin/etbridge
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release -j $(JOBS)

chat: build  ## talk to SmolLM2 (without a terminal: one prompt a line from standard input)
	@$(ETBRIDGE) chat $(MODEL)

test: setup  ## build with warnings as errors and run every test
	@cmake --preset dev --log-level=WARNING
	@cmake --build --preset dev -j $(JOBS)
	@ctest --preset dev -j $(JOBS)

ifeq ($(shell uname -m),aarch64)
arm64-test: test
else
arm64-test:  ## the tests on 64-bit ARM: natively on an ARM host, else cross-built and under qemu
	@scripts/setup.sh --arm64
	@cmake --preset arm64 --log-level=WARNING
	@cmake --build --preset arm64 -j $(JOBS)
	@ctest --preset arm64 -j $(JOBS)
endif

asan-test: setup  ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@cmake --preset asan-ubsan --log-level=WARNING
	@cmake --build --preset asan-ubsan -j $(JOBS)
	@ctest --preset asan-ubsan -j $(JOBS)

tsan-test: setup  ## the tests under ThreadSanitizer
	@cmake --preset tsan --log-level=WARNING
	@cmake --build --preset tsan -j $(JOBS)
	@ctest --preset tsan -j $(JOBS)

fuzz:  ## every fuzz target for FUZZ_SECONDS (60) with libFuzzer and the sanitizers
	@scripts/setup.sh --tools
	@cmake --preset fuzz --log-level=WARNING
	@cmake --build --preset fuzz -j $(JOBS) --target etb_fuzzers
	@scripts/fuzz.sh build/fuzz/bin $(FUZZ_SECONDS)

bench: build  ## measure beside llama.cpp on this machine (the first run builds llama.cpp)
	@.deps/venv/bin/python bench/compare.py $(ETBRIDGE) $(MODEL)

format:  ## clang-format over every C++ file
	@scripts/setup.sh --tools
	@find src apps include tests bench fuzz \( -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) 2>/dev/null | xargs clang-format -i

format-check:  ## fails if `make format` would change a file
	@tools/check_format.sh

tidy:  ## clang-tidy over every source of the dev build
	@scripts/setup.sh --tools
	@cmake --preset dev --log-level=WARNING
	@scripts/tidy.sh build/dev $(JOBS)

size: build  ## stripped size of the core, and the libraries it needs
	@tools/size_report.sh build/release

clean:  ## remove every build (what set-up fetched stays)
	@rm -rf build
