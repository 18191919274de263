# SPDX-License-Identifier: MIT
# ceymail-metrics. `make help` lists what there is.
#
#   VARIANT=release|debug|sanitize|tsan|fuzz   how it is compiled, each under $(BUILD)/VARIANT
#   DESTDIR, prefix, sysconfdir, ...           where `make install` puts things
#   V=1                                        shows the commands

VERSION := 0.1.0
VARIANT ?= release
BUILD ?= build
OUT := $(BUILD)/$(VARIANT)

prefix ?= /usr
sysconfdir ?= /etc
libexecdir ?= $(prefix)/libexec
sbindir ?= $(prefix)/sbin
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
unitdir ?= $(prefix)/lib/systemd/system
generatordir ?= $(prefix)/lib/systemd/system-generators
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
bashcompletiondir ?= $(datadir)/bash-completion/completions
zshcompletiondir ?= $(datadir)/zsh/vendor-completions
INSTALL ?= install

PKG_CONFIG ?= pkg-config
LIBRARIES := fcgi openssl libmariadb libsystemd
TEST_LIBRARIES := libcurl

CXXFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Werror
HARDENING := -fstack-protector-strong -fPIE -D_GLIBCXX_ASSERTIONS
LINK_HARDENING := -pie -Wl,-z,relro,-z,now

ifeq ($(VARIANT),release)
  HARDENING += -D_FORTIFY_SOURCE=2
else ifeq ($(VARIANT),debug)
  CXXFLAGS := -O0 -g3
else ifeq ($(VARIANT),sanitize)
  CXXFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
  WARNINGS += -Wno-maybe-uninitialized  # what g++ says of its own headers once sanitizers have been put into them
else ifeq ($(VARIANT),tsan)
  CXXFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
  WARNINGS += -Wno-tsan  # the fences of std::shared_ptr and its kin, which this sanitizer does not see
else ifeq ($(VARIANT),fuzz)
  # libFuzzer is clang's. The standard library stays g++ 12's, of which clang 19 is the first to see std::expected:
  # older ones do not claim the __cpp_concepts that it asks for.
  CXX := clang++-19
  WARNINGS += -Wno-deprecated-declarations  # in the std::stable_partition of g++ 12, whose headers excuse only g++
  CXXFLAGS := -O2 -gline-tables-only -fno-omit-frame-pointer -fno-sanitize-recover=all \
    -fsanitize=fuzzer-no-link,address,undefined
else
  $(error VARIANT=$(VARIANT) is none of release, debug, sanitize, tsan, fuzz)
endif

ifeq ($(V),1)
  Q :=
  say = @:
else
  Q := @
  say = @printf '  %-4s %s\n'
endif

# Asked when something is compiled, not when the Makefile is read: before that they may not be installed.
compile_flags = -std=c++23 $(CXXFLAGS) $(WARNINGS) $(HARDENING) -Iinclude -pthread \
  $(shell $(PKG_CONFIG) --cflags $(LIBRARIES)) $(CPPFLAGS) -MMD -MP
link_flags = $(CXXFLAGS) $(LINK_HARDENING) -pthread $(LDFLAGS)
link_libraries = $(shell $(PKG_CONFIG) --libs $(LIBRARIES)) -lboost_program_options $(LDLIBS)
# Tests are compiled once and run once: optimizing them takes longer than they gain. Fuzz targets run millions of times.
test_flags = $(if $(filter-out fuzz,$(VARIANT)),-O0) -U_FORTIFY_SOURCE -Itests -DBOOST_TEST_DYN_LINK \
  $(shell $(PKG_CONFIG) --cflags $(TEST_LIBRARIES))
test_libraries = -lboost_unit_test_framework $(shell $(PKG_CONFIG) --libs $(TEST_LIBRARIES))

# Every directory of src is a room of the library, but for those that hold a main().
PROGRAM_ROOMS := responder token settings
PROGRAMS := $(OUT)/ceymail-metrics $(OUT)/ceymail-token $(OUT)/ceymail-settings
TEST_KINDS := unit component e2e torture console

objects = $(patsubst %.cpp,$(OUT)/%.o,$(wildcard $(1)/*.cpp))
ROOMS := $(filter-out $(PROGRAM_ROOMS),$(notdir $(patsubst %/,%,$(wildcard src/*/))))
LIBRARY := $(OUT)/libceymail.a
LIBRARY_OBJECTS := $(foreach room,$(ROOMS),$(call objects,src/$(room)))
SUPPORT := $(OUT)/libsupport.a
TESTS := $(foreach kind,$(TEST_KINDS),$(if $(wildcard tests/$(kind)/*.cpp),$(OUT)/tests-$(kind)))

.PHONY: all programs tests help
.DEFAULT_GOAL := all

all: dependencies-build ## builds the programs (the default)
	@$(MAKE) --no-print-directory programs

programs: $(PROGRAMS)
tests: $(foreach kind,$(TEST_KINDS),$(OUT)/tests-$(kind))

# Tells the sanitizers where to report.
ifneq ($(filter sanitize tsan,$(VARIANT)),)
  REPORTS := $(OUT)/tests/sanitize/reports.o
  $(REPORTS): CPPFLAGS += -DCEYMAIL_REPORTS='"$(abspath $(OUT))/reports"'
endif

$(OUT)/ceymail-metrics: $(call objects,src/responder) $(LIBRARY)
$(OUT)/ceymail-token: $(call objects,src/token) $(LIBRARY)
$(OUT)/ceymail-settings: $(call objects,src/settings) $(LIBRARY)
$(PROGRAMS): $(REPORTS)
$(PROGRAMS):
	$(say) LINK $@
	$(Q)$(CXX) $(link_flags) -o $@ $^ $(link_libraries)

$(foreach kind,$(TEST_KINDS),$(eval $(OUT)/tests-$(kind): $(call objects,tests/$(kind)) $(SUPPORT) $(LIBRARY)))
$(TESTS): $(REPORTS)
$(TESTS):
	$(say) LINK $@
	$(Q)$(CXX) $(link_flags) -o $@ $^ $(test_libraries) $(link_libraries)

# Preloaded by tests into the programs; not part of a test program, since they stand in for malloc and the clock.
INTERPOSERS := $(OUT)/failing-calls.so $(OUT)/turned-clock.so
tests: $(INTERPOSERS)
$(OUT)/tests-torture: | $(OUT)/failing-calls.so
$(OUT)/failing-calls.so: tests/interpose/failing_calls.cpp
$(OUT)/turned-clock.so: tests/interpose/turned_clock.cpp
$(INTERPOSERS):
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++23 -O2 -g $(WARNINGS) -Iinclude -Itests -fPIC -shared -MMD -MP -o $@ $<

$(LIBRARY): $(LIBRARY_OBJECTS)
$(SUPPORT): $(call objects,tests/support)
$(LIBRARY) $(SUPPORT):
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The numbered files of deploy/sql are part of the program: ceymail-token needs no file to set a database up.
SCHEMA := $(OUT)/src/database/schema_files.inc
$(SCHEMA): $(sort $(wildcard deploy/sql/*.sql))
	@mkdir -p $(@D)
	$(Q)for file in $^; do printf '{"%s", R"sql(' "$${file##*/}"; cat "$$file"; printf ')sql"},\n'; done >$@
$(OUT)/src/database/schema.o: $(SCHEMA)
$(OUT)/src/database/schema.o: CPPFLAGS += -I$(OUT)/src/database

# Another version compiles anew what names it, and nothing else.
VERSIONED := $(patsubst %.cpp,$(OUT)/%.o,$(shell grep -rl --include='*.cpp' CEYMAIL_VERSION src tests))
$(VERSIONED): CPPFLAGS += -DCEYMAIL_VERSION='"$(VERSION)"'
$(VERSIONED): $(OUT)/version
$(OUT)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
.PHONY: FORCE
FORCE:

# So are the style sheet and the script of the settings page.
PAGE_FILES := $(patsubst src/%,$(OUT)/src/%.inc,$(wildcard src/page/*.css src/page/*.js))
$(PAGE_FILES): $(OUT)/src/%.inc: src/%
	@mkdir -p $(@D)
	$(Q){ printf 'R"file('; cat $<; printf ')file"\n'; } >$@
$(OUT)/src/page/files.o: $(PAGE_FILES)
$(OUT)/src/page/files.o: CPPFLAGS += -I$(OUT)/src/page

$(OUT)/src/%.o: src/%.cpp
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(compile_flags) -c -o $@ $<

$(OUT)/tests/%.o: tests/%.cpp
	$(say) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) $(compile_flags) $(test_flags) -c -o $@ $<

# What `make bench` measures with: one program a file, compiled as what it measures.
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

# Each tests/fuzz/NAME_fuzz.cpp is a program of libFuzzer's; built with VARIANT=fuzz.
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.cpp,$(OUT)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.cpp))
FUZZ_SUPPORT := $(patsubst %,$(OUT)/tests/support/%.o,fastcgi_records malformed_requests request_validation_reference)

.PHONY: fuzzers
fuzzers: $(FUZZ_TARGETS) $(OUT)/fuzz/write-seeds
$(FUZZ_TARGETS): link_flags += -fsanitize=fuzzer
$(FUZZ_TARGETS): $(OUT)/fuzz/%: $(OUT)/tests/fuzz/%_fuzz.o $(FUZZ_SUPPORT) $(LIBRARY)
$(OUT)/fuzz/write-seeds: $(OUT)/tests/fuzz/write_seeds.o $(FUZZ_SUPPORT) $(LIBRARY)
$(FUZZ_TARGETS) $(OUT)/fuzz/write-seeds:
	$(say) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CXX) $(link_flags) -o $@ $^ $(link_libraries)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

# --- what `make run` and `make check` stand on -------------------------------------------------------------------

dependencies_of = $(or $(dependencies_of_$1),$1)
dependencies_of_run := build run
dependencies_of_check := build run check browser node
dependencies_of_tests := build run check
dependencies_of_demo := build run demo
dependencies_of_console := build run check demo browser
dependencies_of_bench := build run bench
dependencies_of_fuzz := build fuzz
dependencies_of_tidy := build tidy
dependencies_of_check-settings := build run check browser node
dependencies_of_deb := build package
dependencies_of_check-machine := build package machine

dependencies_of_check-bare := machine

DEPENDENCIES := $(addprefix dependencies-,build run demo check tests console check-settings lint tidy bench fuzz deb check-machine check-bare)
.PHONY: $(DEPENDENCIES)
$(DEPENDENCIES): dependencies-%:
	@deploy/dependencies/install $(call dependencies_of,$*)

# What root has compiled is handed to whoever called sudo, so that the next make can do without.
build_now = @+{ $(MAKE) --no-print-directory -j$$(nproc) $1 $(if $(SUDO_UID),&& \
  chown -R $(SUDO_UID):$(SUDO_GID) $(OUT)); }

.PHONY: run demo check check-console check-settings pictures torture clean
run: dependencies-run ## a miniature mail server with the responder in front; ONCE=1 prints one scrape and ends
	$(call build_now,programs) >&2
	@exec deploy/miniature/run $(OUT) $(BUILD)/run

demo: dependencies-demo ## the same with a Prometheus, its console, and a mail load; prints where to look
	$(call build_now,programs) >&2
	@exec deploy/miniature/demo $(OUT) $(BUILD)/demo

check: dependencies-check ## builds, runs all tests, ends with `N passed, N failed`
	$(call build_now,programs tests)
	@tests/run $(OUT) $(TEST_KINDS) settings

torture: dependencies-tests ## proves the 15 guarantees; 10 minutes, best with nothing else to do
	$(call build_now,programs tests)
	@CEYMAIL_TORTURE=full TEST_ORDER=--random=0 tests/run $(OUT) torture

# README.md bears the table and the picture of a bench run that was worth keeping; docs/pictures/growth.csv is its CSV.
.PHONY: bench bench-programs bench-picture bench-readme
bench: dependencies-bench ## this and its peers side by side; 15 quiet minutes as root; QUICK=1, ONLY="queue memory"
	$(call build_now,programs bench-programs)
	@python3 -B tests/bench/run.py $(OUT) $(BUILD) $(ONLY)

bench-programs: $(BENCH_PROGRAMS)

bench-picture: ## draws docs/pictures/growth.svg from the CSV beside it
	@python3 -B tests/bench/picture.py docs/pictures/growth.csv docs/pictures/growth.svg

bench-readme: ## puts what `make bench` has measured into README.md, table and picture
	cp $(BUILD)/bench.csv docs/pictures/growth.csv
	@$(MAKE) --no-print-directory bench-picture
	sed -i -e '/<!-- bench: begin/,/<!-- bench: end/{//!d}' -e '/<!-- bench: begin/r $(BUILD)/bench.md' README.md

check-console: dependencies-console ## opens the console in a headless Chromium and looks at what it draws
	$(call build_now,programs $(OUT)/tests-console)
	@tests/run $(OUT) console

pictures: dependencies-console ## takes the README's pictures anew, from a demo; 6 minutes
	$(call build_now,programs) >&2
	@deploy/miniature/pictures $(OUT) $(BUILD)/demo docs/pictures

.PHONY: check-bare
check-bare: dependencies-check-bare ## make run on a bare Debian below a closed home directory; CHECK=check also make check there
	@tests/bare/run $(BUILD) $(CHECK)

.PHONY: fuzz sanitize
sanitize: dependencies-tests ## runs the tests on programs that watch their memory, what is undefined, and their threads
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=sanitize programs \
	  $(addprefix $(BUILD)/sanitize/tests-,unit component e2e)
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=tsan programs $(addprefix $(BUILD)/tsan/tests-,unit component)
	@tests/sanitize/run $(BUILD)

fuzz: dependencies-fuzz ## hands the parsers whatever libFuzzer thinks of; SECONDS_EACH=30, EXECUTIONS=0 for each
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=fuzz fuzzers
	@tests/fuzz/run $(BUILD)/fuzz $(FUZZ)

check-settings: dependencies-check-settings ## the settings page in a browser, through nginx and Apache; screenshots in build/check-settings
	@$(MAKE) --no-print-directory -j$$(nproc) programs $(OUT)/turned-clock.so
	@tests/run $(OUT) settings

.PHONY: lint format tidy
lint: dependencies-lint ## which room includes which, the layout of the code, scripts, manual pages
	@tests/lint

tidy: dependencies-tidy ## has clang-tidy look for bugs; some minutes
	@$(MAKE) --no-print-directory $(SCHEMA) $(PAGE_FILES)
	@printf '%s\n' $(wildcard src/*/*.cpp) | xargs -P "$$(nproc)" -n 4 sh -c 'clang-tidy-19 --quiet "$$@" -- \
	  -std=c++23 -Iinclude $(addprefix -I$(OUT)/src/,database page) -DCEYMAIL_VERSION='\''"$(VERSION)"'\'' \
	  $(shell $(PKG_CONFIG) --cflags $(LIBRARIES)) 2>/dev/null' tidy && echo 'tidy: nothing found'

format: dependencies-lint ## lays out the code
	clang-format-19 -i $$(git ls-files '*.cpp' '*.hpp')

# --- what an administrator gets ------------------------------------------------------------------------------------

.PHONY: install deb check-machine
examplesdir = $(datadir)/doc/ceymail-metrics/examples
sharedir = $(datadir)/ceymail-metrics
# The root that the services see, see their units: empty, and all that is bound into it has its place there.
sandboxdir = $(prefix)/lib/ceymail-metrics/root
SANDBOX_DIRECTORIES = boot dev efi etc/ceymail-metrics etc/systemd/system home proc root run sys tmp usr/lib/ssl \
  $(patsubst /%,%,$(libraries)) var/spool var/tmp
SANDBOX_FILES = etc/ld.so.cache $(patsubst /%,%,$(loader)) \
  $(addprefix $(patsubst /%,%,$(libexecdir))/,ceymail-metrics ceymail-settings)
# What of the host is executed besides: its libraries, where the compiler says that a Debian has them, and their loader.
libraries = /usr/lib$(addprefix /,$(shell $(CXX) -print-multiarch))
loader = $(shell readelf -l $(OUT)/ceymail-metrics | sed -n 's/.*interpreter: \(.*\)]/\1/p')

# MODE, DIRECTORY, FILES: what there is of them.
put = $(if $(wildcard $3),$(Q)$(INSTALL) -d $(DESTDIR)$2 && $(INSTALL) -m $1 $(wildcard $3) $(DESTDIR)$2/)

install: programs ## the programs and all that belongs to them, under DESTDIR and prefix
	$(call put,755,$(libexecdir),$(OUT)/ceymail-metrics $(OUT)/ceymail-settings)
	$(call put,755,$(sbindir),$(OUT)/ceymail-token)
	$(Q)ln -sfr $(DESTDIR)$(libexecdir)/ceymail-metrics $(DESTDIR)$(sbindir)/ceymail-metrics
	$(if $(wildcard $(DESTDIR)$(sysconfdir)/ceymail-metrics/ceymail-metrics.conf),,\
	  $(call put,644,$(sysconfdir)/ceymail-metrics,deploy/config/ceymail-metrics.conf))
	$(call put,644,$(unitdir),deploy/systemd/*.service deploy/systemd/*.socket)
	$(Q)sed -i -e 's#/usr/libexec/#$(libexecdir)/#g; s#/usr/lib/ceymail-metrics#$(prefix)/lib/ceymail-metrics#' \
	  -e 's#/usr/lib/x86_64-linux-gnu#$(libraries)#g; s#/lib64/ld-linux-x86-64.so.2#$(loader)#g' \
	  $(DESTDIR)$(unitdir)/ceymail-metrics.service $(DESTDIR)$(unitdir)/ceymail-settings.service
	$(Q)$(INSTALL) -d $(addprefix $(DESTDIR)$(sandboxdir)/,$(SANDBOX_DIRECTORIES))
	$(Q)ln -sfn usr/lib $(DESTDIR)$(sandboxdir)/lib
	$(Q)ln -sfn ../run $(DESTDIR)$(sandboxdir)/var/run
	$(Q)for file in $(SANDBOX_FILES); do $(INSTALL) -D -m 644 /dev/null $(DESTDIR)$(sandboxdir)/$$file; done
	$(call put,755,$(generatordir),deploy/systemd/ceymail-metrics-generator)
	$(call put,644,$(sysusersdir),deploy/systemd/sysusers.d/*.conf)
	$(call put,644,$(tmpfilesdir),deploy/systemd/tmpfiles.d/*.conf)
	$(call put,644,$(sysconfdir)/nginx/snippets,nginx/ceymail-metrics.conf nginx/ceymail-settings.conf)
	$(call put,644,$(sysconfdir)/nginx/conf.d,nginx/ceymail-metrics-upstream.conf nginx/ceymail-settings-upstream.conf)
	$(call put,644,$(sysconfdir)/apache2/conf-available,apache/ceymail-metrics.conf apache/ceymail-settings.conf)
	$(call put,644,$(examplesdir)/nginx,nginx/*.conf)
	$(call put,644,$(examplesdir)/apache,apache/*.conf)
	$(call put,644,$(examplesdir)/systemd,deploy/systemd/tcp-mariadb.conf)
	$(call put,644,$(sharedir)/sql,deploy/sql/*.sql)
	$(call put,644,$(sharedir)/prometheus,deploy/prometheus/*.*)
	$(call put,644,$(sharedir)/prometheus/consoles,deploy/prometheus/consoles/*.html)
	$(call put,644,$(sharedir)/grafana/dashboards,deploy/grafana/dashboards/*.json)
	$(call put,644,$(sharedir)/grafana/provisioning/dashboards,deploy/grafana/provisioning/dashboards/*.yaml)
	$(call put,644,$(sharedir)/grafana/provisioning/datasources,deploy/grafana/provisioning/datasources/*.yaml)
	$(call put,644,$(mandir)/man5,deploy/man/*.5)
	$(call put,644,$(mandir)/man8,deploy/man/*.8)
	$(call put,644,$(bashcompletiondir),deploy/completion/bash/ceymail-metrics)
	$(Q)ln -sf ceymail-metrics $(DESTDIR)$(bashcompletiondir)/ceymail-token
	$(call put,644,$(zshcompletiondir),deploy/completion/zsh/_*)

deb: dependencies-deb ## build/ceymail-metrics_VERSION_ARCH.deb
	@deploy/package $(VERSION) $(BUILD)

check-machine: dependencies-check-machine ## boots a Debian, installs the package there, tries what an administrator meets
	@tests/machine/run $(BUILD) $(VERSION)

clean: ## removes what was built
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
