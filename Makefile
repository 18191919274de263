# SPDX-License-Identifier: MIT
# ceymail-metrics. `make help` lists the targets. install.mk holds `make install`.
#
#   VARIANT=release|debug|sanitize|tsan|fuzz|coverage   kind of build; the output goes to $(BUILD)/VARIANT
#   V=1                                                 shows the commands

# CHANGELOG.md alone has the version: that of its first section.
VERSION := $(shell awk '/^.. [0-9]/ { print $$2; exit }' CHANGELOG.md)
VARIANT ?= release
BUILD ?= build
OUT := $(BUILD)/$(VARIANT)

PKG_CONFIG ?= pkg-config
LIBRARIES := fcgi openssl libmariadb libsystemd
TEST_LIBRARIES := libcurl libpcre2-8

# Looked for when a file is compiled: before that it may not be installed.
ifeq ($(origin CXX),default)
  CXX = $(eval CXX := $(or $(shell deploy/dependencies/compiler),$(error there is no compiler)))$(CXX)
endif

CXXFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Werror
HARDENING := -fstack-protector-strong -fPIE -D_GLIBCXX_ASSERTIONS
LINK_HARDENING := -pie -Wl,-z,relro,-z,now

ifeq ($(VARIANT),release)
  # Ubuntu's g++ defines it too, and so do the flags of dpkg-buildpackage, to another value.
  HARDENING += $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
else ifeq ($(VARIANT),debug)
  CXXFLAGS := -O0 -g3
else ifeq ($(VARIANT),sanitize)
  CXXFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
  WARNINGS += -Wno-maybe-uninitialized  # false positives of g++ in its own headers under sanitizers
else ifeq ($(VARIANT),tsan)
  CXXFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
  WARNINGS += -Wno-tsan  # this sanitizer does not model the fences of std::shared_ptr
else ifeq ($(VARIANT),fuzz)
  # libFuzzer is part of clang. The standard library is still g++ 12's. Its std::expected needs clang 19 or newer:
  # older ones define too low a value of __cpp_concepts.
  CXX := clang++-19
  WARNINGS += -Wno-deprecated-declarations  # from std::stable_partition in the headers of g++ 12
  CXXFLAGS := -O2 -gline-tables-only -fno-omit-frame-pointer -fno-sanitize-recover=all \
    -fsanitize=fuzzer-no-link,address,undefined
else ifeq ($(VARIANT),coverage)
  # clang's counters are in a file that each process maps when it starts. So they are kept after _exit(2) and signals,
  # and a process confined by Landlock and seccomp still counts. Only src is instrumented. Its objects are linked before
  # those of the tests and not optimized, so that inline functions of the headers are its instrumented ones.
  coverage_flags := -fprofile-instr-generate=$(abspath $(OUT))/profiles/now/%m%c.profraw
  $(OUT)/src/%.o: CXX := clang++-19
  $(OUT)/src/%.o: CXXFLAGS := -O0 -fcoverage-mapping -mllvm -runtime-counter-relocation $(coverage_flags)
  $(OUT)/src/%.o: WARNINGS := -w  # g++ is the one that warns
else
  $(error VARIANT=$(VARIANT) is none of release, debug, sanitize, tsan, fuzz, coverage)
endif

ifeq ($(V),1)
  Q :=
  say = @:
else
  Q := @
  say = @printf '  %-4s %s\n'
endif

# Expanded when a file is compiled: the libraries may not be installed when the Makefile is read.
compile_flags = -std=c++23 $(CXXFLAGS) $(WARNINGS) $(HARDENING) -Iinclude -pthread \
  $(shell $(PKG_CONFIG) --cflags $(LIBRARIES)) $(CPPFLAGS) -MMD -MP
link_flags = $(CXXFLAGS) $(LINK_HARDENING) -pthread $(LDFLAGS)
link_libraries = $(shell $(PKG_CONFIG) --libs $(LIBRARIES)) -lboost_program_options $(LDLIBS)
# Tests are compiled without optimization, which takes longer than it saves. Fuzz targets are optimized.
test_flags = $(if $(filter-out fuzz,$(VARIANT)),-O0) -U_FORTIFY_SOURCE -Itests -DBOOST_TEST_DYN_LINK \
  $(shell $(PKG_CONFIG) --cflags $(TEST_LIBRARIES))
test_libraries = -lboost_unit_test_framework $(shell $(PKG_CONFIG) --libs $(TEST_LIBRARIES))

# Every directory of src is a room of the library, except those that hold a main().
PROGRAM_ROOMS := responder token settings attach
PROGRAMS := $(OUT)/ceymail-metrics $(OUT)/ceymail-token $(OUT)/ceymail-settings $(OUT)/ceymail-attach
TEST_KINDS := unit component e2e torture console

objects = $(patsubst %.cpp,$(OUT)/%.o,$(wildcard $(1)/*.cpp))
ROOMS := $(filter-out $(PROGRAM_ROOMS),$(notdir $(patsubst %/,%,$(wildcard src/*/))))
LIBRARY := $(OUT)/libceymail.a
LIBRARY_OBJECTS := $(foreach room,$(ROOMS),$(call objects,src/$(room)))
SUPPORT := $(OUT)/libsupport.a
ALL_TEST_KINDS := $(TEST_KINDS) fleet
TESTS := $(foreach kind,$(ALL_TEST_KINDS),$(if $(wildcard tests/$(kind)/*.cpp),$(OUT)/tests-$(kind)))

.PHONY: all programs tests help
.DEFAULT_GOAL := all

all: dependencies-build ## builds the programs (the default)
	@$(MAKE) --no-print-directory programs

programs: $(PROGRAMS)
tests: $(foreach kind,$(TEST_KINDS),$(OUT)/tests-$(kind))

# The path to which the sanitizers write their reports.
ifneq ($(filter sanitize tsan,$(VARIANT)),)
  REPORTS := $(OUT)/tests/sanitize/reports.o
  $(REPORTS): CPPFLAGS += -DCEYMAIL_REPORTS='"$(abspath $(OUT))/reports"'
endif

$(OUT)/ceymail-metrics: $(call objects,src/responder) $(LIBRARY)
$(OUT)/ceymail-token: $(call objects,src/token) $(LIBRARY)
$(OUT)/ceymail-settings: $(call objects,src/settings) $(LIBRARY)
$(OUT)/ceymail-attach: $(call objects,src/attach) $(LIBRARY)
$(PROGRAMS): $(REPORTS)
$(PROGRAMS):
	$(say) LINK $@
	$(Q)$(CXX) $(link_flags) -o $@ $^ $(link_libraries)
ifeq ($(VARIANT),coverage)
  $(PROGRAMS) $(TESTS): private CXX := clang++-19
  $(PROGRAMS) $(TESTS): private link_flags += $(coverage_flags) -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive
endif

$(foreach kind,$(ALL_TEST_KINDS),$(eval $(OUT)/tests-$(kind): $(call objects,tests/$(kind)) $(SUPPORT) $(LIBRARY)))
$(TESTS): $(REPORTS)
$(TESTS):
	$(say) LINK $@
	$(Q)$(CXX) $(link_flags) -o $@ $^ $(test_libraries) $(link_libraries)

# Tests preload these into the programs. They replace malloc and the clock, so no test program links them.
INTERPOSERS := $(OUT)/failing-calls.so $(OUT)/turned-clock.so $(OUT)/stepped-clock.so
tests: $(INTERPOSERS)
$(OUT)/tests-torture: | $(OUT)/failing-calls.so
$(OUT)/failing-calls.so: tests/interpose/failing_calls.cpp
$(OUT)/turned-clock.so: tests/interpose/turned_clock.cpp
$(OUT)/stepped-clock.so: tests/interpose/stepped_clock.cpp
$(INTERPOSERS):
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++23 -O2 -g $(WARNINGS) -Iinclude -Itests -fPIC -shared -MMD -MP -o $@ $<

$(LIBRARY): $(LIBRARY_OBJECTS)
$(SUPPORT): $(call objects,tests/support)
$(LIBRARY) $(SUPPORT):
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The numbered files of deploy/sql are compiled in: ceymail-token needs no files to set up a database.
SCHEMA := $(OUT)/src/database/schema_files.inc
$(SCHEMA): $(sort $(wildcard deploy/sql/*.sql))
	@mkdir -p $(@D)
	$(Q)for file in $^; do printf '{"%s", R"sql(' "$${file##*/}"; cat "$$file"; printf ')sql"},\n'; done >$@
$(OUT)/src/database/schema.o: $(SCHEMA)
$(OUT)/src/database/schema.o: CPPFLAGS += -I$(OUT)/src/database

# A change of the version recompiles only the files that name it.
VERSIONED := $(patsubst %.cpp,$(OUT)/%.o,$(shell grep -rl --include='*.cpp' CEYMAIL_VERSION src tests))
$(VERSIONED): CPPFLAGS += -DCEYMAIL_VERSION='"$(VERSION)"'
$(VERSIONED): $(OUT)/version
$(OUT)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
.PHONY: FORCE
FORCE:

# The style sheet and the script of the settings page are compiled in.
PAGE_FILES := $(patsubst src/%,$(OUT)/src/%.inc,$(wildcard src/page/*.css src/page/*.js))
$(PAGE_FILES): $(OUT)/src/%.inc: src/%
	@mkdir -p $(@D)
	$(Q){ printf 'R"file('; cat $<; printf ')file"\n'; } >$@
$(OUT)/src/page/settings_page.o: $(PAGE_FILES)
$(OUT)/src/page/settings_page.o: CPPFLAGS += -I$(OUT)/src/page

$(OUT)/src/%.o: src/%.cpp
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(compile_flags) -c -o $@ $<

$(OUT)/tests/%.o: tests/%.cpp
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(compile_flags) $(test_flags) -c -o $@ $<

# `make bench` runs these: one program per file, compiled with the flags of the measured programs.
BENCH_PROGRAMS := $(patsubst tests/bench/%.cpp,$(OUT)/bench/%,$(wildcard tests/bench/*.cpp))
$(OUT)/tests/bench/%.o: tests/bench/%.cpp
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(compile_flags) -Itests -c -o $@ $<
$(OUT)/bench/%: $(OUT)/tests/bench/%.o $(SUPPORT) $(LIBRARY)
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CXX) $(link_flags) -o $@ $^ -lbenchmark $(link_libraries)
.PRECIOUS: $(OUT)/tests/bench/%.o

# Compiled with the tests, so that a change that breaks them is noticed. Only `make bench` and `make fuzz` link them.
tests: $(call objects,tests/bench) $(call objects,tests/fuzz)

# Each tests/fuzz/NAME_fuzz.cpp is a libFuzzer program, built with VARIANT=fuzz.
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.cpp,$(OUT)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.cpp))
FUZZ_SUPPORT := $(patsubst %,$(OUT)/tests/support/%.o,dashboard_session fastcgi_records maillog_reference \
  malformed_requests request_validation_reference)

.PHONY: fuzzers
fuzzers: $(FUZZ_TARGETS) $(OUT)/fuzz/write-seeds
$(FUZZ_TARGETS): link_flags += -fsanitize=fuzzer
$(FUZZ_TARGETS): $(OUT)/fuzz/%: $(OUT)/tests/fuzz/%_fuzz.o $(FUZZ_SUPPORT) $(LIBRARY)
$(OUT)/fuzz/write-seeds: $(OUT)/tests/fuzz/write_seeds.o $(FUZZ_SUPPORT) $(LIBRARY)
$(FUZZ_TARGETS) $(OUT)/fuzz/write-seeds:
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CXX) $(link_flags) -o $@ $^ $(link_libraries) $(shell $(PKG_CONFIG) --libs libpcre2-8)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

# --- dependencies of the targets ----------------------------------------------------------------------------------

dependencies_of = $(or $(dependencies_of_$1),$1)
dependencies_of_run := build run
dependencies_of_check := build run check browser node
dependencies_of_tests := build run check
dependencies_of_demo := build run demo
dependencies_of_fleet := build run demo fleet
dependencies_of_console := build run check demo browser
dependencies_of_bench := build run check bench fleet package machine
dependencies_of_fuzz := build fuzz
dependencies_of_coverage := build run check fuzz coverage
dependencies_of_mutate := build run check fuzz coverage
dependencies_of_tidy := build tidy
dependencies_of_model := build model
dependencies_of_soak := build run soak
dependencies_of_check-settings := build run check browser node
dependencies_of_check-grafana := node
dependencies_of_deb := build package
dependencies_of_release := build package release
dependencies_of_check-machine := build package machine $(if $(filter fleet,$(HOST)),push)
dependencies_of_cross := machine
dependencies_of_check-cross := machine demo

dependencies_of_check-bare := machine
dependencies_of_check-fleet := build run check demo fleet push

DEPENDENCIES := $(addprefix dependencies-,build run demo fleet check tests console check-settings check-grafana lint tidy model soak coverage mutate bench fuzz deb release check-machine check-bare check-fleet cross check-cross)
.PHONY: $(DEPENDENCIES)
$(DEPENDENCIES): dependencies-%:
	@deploy/dependencies/install $(call dependencies_of,$*)

# The output is owned by the user who called sudo, so that later builds do not need root.
build_now = @+{ $(MAKE) --no-print-directory -j$$(nproc) $1 $(if $(SUDO_UID),&& \
  chown -R $(SUDO_UID):$(SUDO_GID) $(OUT)); }

.PHONY: run demo fleet check check-console check-settings check-grafana pictures torture log-storm clean
run: dependencies-run ## starts a small mail server with the responder; ONCE=1 prints one scrape and stops
	$(call build_now,programs) >&2
	@exec deploy/miniature/run $(OUT) $(BUILD)/run

demo: dependencies-demo ## the same with a Prometheus, its console and a mail load; prints the addresses
	$(call build_now,programs) >&2
	@exec deploy/miniature/demo $(OUT) $(BUILD)/demo

fleet: dependencies-fleet ## starts three hosts on a Galera cluster, with Prometheus, VictoriaMetrics and Alertmanager; ONCE=1
	$(call build_now,programs) >&2
	@exec deploy/miniature/fleet $(OUT) $(BUILD)/fleet

check: dependencies-check ## builds and runs the tests of seven kinds, see tests/README.md; ends with `N passed, N failed`
	$(call build_now,programs tests)
	@tests/run $(OUT) $(TEST_KINDS) settings grafana

torture: dependencies-tests ## proves the 15 guarantees; 10 minutes on an idle machine
	$(call build_now,programs tests)
	@CEYMAIL_TORTURE=full TEST_ORDER=--random=0 tests/run $(OUT) torture

log-storm: dependencies-tests ## rotates a log 50 times of each kind under load while its readers are killed; a minute
	$(call build_now,programs $(OUT)/tests-component)
	@CEYMAIL_TORTURE=full TEST_FILTER=log_storm tests/run $(OUT) component

# README.md shows the table and the picture of one bench run; docs/pictures/growth.csv is its CSV.
.PHONY: bench bench-programs bench-picture bench-readme
bench: dependencies-bench ## measures this and its peers; 15 minutes as root on an idle machine; QUICK=1, ONLY="queue memory"
	$(call build_now,programs bench-programs)
	@python3 -B tests/bench/run.py $(OUT) $(BUILD) $(ONLY)

.PHONY: bench-fleet
bench-fleet: dependencies-bench ## measures Prometheus, its rules and the fleet dashboard for many hosts; 20 minutes as root; HOSTS=500 REPLAYS=5000 MINUTES=2 BESIDE=REVISION
	$(call build_now,programs)
	@HOSTS=$(HOSTS) REPLAYS=$(REPLAYS) MINUTES=$(MINUTES) BESIDE=$(BESIDE) ONLY="$(ONLY)" \
	  timeout 1800 python3 -B tests/bench/fleet.py $(OUT) $(BUILD)

bench-programs: $(BENCH_PROGRAMS) $(OUT)/tests-fleet

bench-picture: ## draws docs/pictures/growth.svg from the CSV beside it
	@python3 -B tests/bench/picture.py docs/pictures/growth.csv docs/pictures/growth.svg

bench-readme: ## updates table and picture in README.md from the last `make bench`
	cp $(BUILD)/bench.csv docs/pictures/growth.csv
	@$(MAKE) --no-print-directory bench-picture
	sed -i -e '/<!-- bench: begin/,/<!-- bench: end/{//!d}' -e '/<!-- bench: begin/r $(BUILD)/bench.md' README.md

check-console: dependencies-console ## tests the console in a headless Chromium
	$(call build_now,programs $(OUT)/tests-console)
	@tests/run $(OUT) console

pictures: dependencies-console ## takes the README's pictures from a demo; 6 minutes
	$(call build_now,programs) >&2
	@deploy/miniature/pictures $(OUT) $(BUILD)/demo docs/pictures

.PHONY: check-bare
check-bare: dependencies-check-bare ## runs `make run` on a bare Debian in a closed home directory; CHECK=check: `make check` too
	@tests/bare/run $(BUILD) $(CHECK)

.PHONY: check-fleet
check-fleet: dependencies-check-fleet ## tests three hosts on a Galera cluster, a token for 20 hosts, and pushing, as root; 5 minutes; RACES=1000, AWAY=60: seconds without a receiver; 14 minutes with AWAY=600
	$(call build_now,programs $(OUT)/tests-fleet)
	@CEYMAIL_RACES=$(RACES) CEYMAIL_AWAY=$(AWAY) timeout 1800 tests/fleet/side_by_side $(OUT)

.PHONY: fuzz sanitize
sanitize: dependencies-tests ## runs the tests under the address, undefined-behaviour and thread sanitizers
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=sanitize programs \
	  $(addprefix $(BUILD)/sanitize/tests-,unit component e2e)
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=tsan programs $(addprefix $(BUILD)/tsan/tests-,unit component)
	@tests/sanitize/run $(BUILD)

fuzz: dependencies-fuzz ## fuzzes the parsers; for each SECONDS_EACH=30, EXECUTIONS=0
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=fuzz fuzzers
	@tests/fuzz/run $(BUILD)/fuzz $(FUZZ)

check-settings: dependencies-check-settings ## tests the settings page in a browser, behind nginx and Apache; screenshots in build/check-settings
	@$(MAKE) --no-print-directory -j$$(nproc) programs $(OUT)/turned-clock.so
	@tests/run $(OUT) settings

check-grafana: dependencies-check-grafana ## checks the dashboards against the types of Grafana
	@tests/run $(OUT) grafana

# The report of the coverage says which suites run against which change.
.PHONY: coverage mutate
coverage: dependencies-coverage ## reports which lines and branches the tests reach; half an hour; ONLY="unit component/cgi"
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=coverage programs tests
	@tests/coverage/run $(BUILD)/coverage $(BUILD)/coverage-report $(ONLY)

mutate: dependencies-mutate ## changes src in N=300 places of SEED=1 and looks which changes no test notices; ROOMS="admission"
	@N=$(N) SEED=$(SEED) ROOMS="$(ROOMS)" tests/mutation/run $(BUILD)/mutate $(BUILD)/coverage

.PHONY: lint format tidy
lint: dependencies-lint ## checks the includes between rooms, the code's format, scripts and manual pages
	@tests/lint

tidy: dependencies-tidy ## runs clang-tidy; some minutes
	@$(MAKE) --no-print-directory $(SCHEMA) $(PAGE_FILES)
	@printf '%s\n' $(wildcard src/*/*.cpp) | xargs -P "$$(nproc)" -n 4 sh -c 'clang-tidy-19 --quiet "$$@" -- \
	  -std=c++23 -Iinclude $(addprefix -I$(OUT)/src/,database page) -DCEYMAIL_VERSION='\''"$(VERSION)"'\'' \
	  $(shell $(PKG_CONFIG) --cflags $(LIBRARIES)) 2>/dev/null' tidy && echo 'tidy: nothing found'

format: dependencies-lint ## formats the code
	clang-format-19 -i $$(git ls-files '*.cpp' '*.hpp')

.PHONY: model
model: dependencies-model ## checks models of limiter, revocation, snapshot and log position with spin; two minutes; MODEL=limiter
	@tests/model/run $(BUILD)/model $(MODEL)

# Installed as by a package, so that no path of the build is used.
.PHONY: soak
soak: dependencies-soak ## a mail server under load, disturbed, for HOURS=2 as root; an oracle judges each scrape; SEED=
	$(call build_now,programs $(OUT)/stepped-clock.so)
	@$(MAKE) --no-print-directory install DESTDIR=$(abspath $(BUILD))/soak/root >/dev/null
	@HOURS=$(HOURS) SEED=$(SEED) tests/soak/run $(BUILD)/soak/root $(OUT)/stepped-clock.so $(BUILD)/soak

# --- installation and package --------------------------------------------------------------------------------------

include install.mk

# ARCH, unless it is the architecture of this system.
FOREIGN = $(if $(ARCH),$(filter-out $(shell dpkg --print-architecture),$(ARCH)))
foreign_build = $(BUILD)/$(or $(SUITE),bookworm)-$(ARCH)
package_foreign = FOR=$(ARCH) WITHIN="deploy/cross $(ARCH) $(BUILD)" deploy/package $(VERSION) $(foreign_build) $(BUILD)

.PHONY: deb check-arm64 check-machine
deb: dependencies-$(if $(FOREIGN),cross,deb) ## builds build/ceymail-metrics_VERSION_ARCH.deb; ARCH=arm64 cross-builds it as root
	@$(if $(FOREIGN),$(package_foreign),deploy/package $(VERSION) $(BUILD))

.PHONY: release
release: dependencies-release ## builds the package twice, compares, and writes build/dist; KEY= signs it, REPOSITORY= of apt
	@KEY='$(KEY)' REPOSITORY='$(REPOSITORY)' deploy/release $(VERSION) $(BUILD)

check-arm64: ARCH := arm64
check-arm64: dependencies-check-cross ## cross-builds the package for arm64, and runs it and its unit tests under qemu
	@$(package_foreign)
	@tests/cross/run $(ARCH) $(VERSION) $(BUILD) $(foreign_build)

check-machine: dependencies-check-machine ## boots a Debian or Ubuntu (SUITE=jammy), installs the package and tests it; HOST=ceymail WEB=nginx (or apache): a CeyMail host; HOST=mail: compares the mail metrics with what was done; HOST=fleet: Ansible, one token for many hosts, pushing; HOST=upgrade: installs and upgrades by apt
	@tests/machine/run $(BUILD) $(VERSION)

.PHONY: check-first-hour
check-first-hour: dependencies-check-machine ## follows the README and the manual pages on a CeyMail host that it boots
	@HOST=first-hour tests/machine/run $(BUILD) $(VERSION)

clean: ## removes the build directory
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile install.mk
