# modgate: `make demo` shows the main job, `make test` runs everything.
DEPS  := libevent libevent_openssl libcurl libpcre2-8 jansson yaml-0.1 \
         sqlite3 libssl libcrypto zlib libzstd icu-uc icu-i18n opencc
BUILD ?= build
ifeq ($(origin CC),default)
CC    := gcc
endif
PREFIX ?= /usr/local
WARN  := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
         -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla -Werror
OPT   ?= -O2 -D_FORTIFY_SOURCE=2
HARD  := -fPIE -fstack-protector-strong -fno-strict-overflow
CFLAGS  += -std=c11 -D_GNU_SOURCE -g $(OPT) $(HARD) $(WARN) $(SAN) -Iinclude -I. \
           $(shell pkg-config --cflags $(DEPS) 2>/dev/null)
LDFLAGS += -pie -Wl,-z,relro,-z,now -rdynamic $(SAN)
LDLIBS  += $(shell pkg-config --libs $(DEPS) 2>/dev/null) -lpthread -lm

SRC   := $(wildcard gateway/*.c gateway/*/*.c filters/*.c filters/*/*.c)
OBJ   := $(SRC:%.c=$(BUILD)/%.o)
LIB   := $(BUILD)/libmodgate.a
TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/test_*.c))
FUZZ  := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
CRASH := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/crash/*.c))
BENCH := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
# Unit tests whose modules have threads; only these run under TSan.
THREADED := $(foreach t,auth keys limits audit audit_reader audit_treelog door takeover \
            server worker,$(filter %_$t,$(TESTS)))

SUB     = @$(MAKE) --no-print-directory \
          $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
SANE    = OPT="-O1 -fno-omit-frame-pointer"
AS_ASAN = BUILD=build-asan $(SANE) \
          SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"
AS_TSAN = BUILD=build-tsan $(SANE) SAN="-fsanitize=thread"
AS_FUZZ = BUILD=build-fuzz $(SANE) CC=clang WARN=-Wall \
          SAN="-fsanitize=address,fuzzer-no-link"
AS_COV  = BUILD=build-cov OPT=-O0 SAN=--coverage

all: $(BUILD)/modgate
programs: all $(TESTS) $(CRASH)
threaded: $(THREADED)
fuzzers: $(FUZZ)
benches: $(BENCH)

# ---- for people: each installs what it misses and says so ----
deps:
	@tests/setup build
demo run:
	@tests/setup build demo
	$(SUB) all
	@tests/demo $(if $(filter run,$@),--serve)
test:
	@tests/setup build demo test
	$(SUB) programs
	$(SUB) $(AS_ASAN) programs
	$(SUB) $(AS_TSAN) all threaded
	$(SUB) $(AS_FUZZ) fuzzers
	@tests/run all
unit: $(TESTS)
	@tests/run unit@$(BUILD)
asan:
	@tests/setup build demo test
	$(SUB) $(AS_ASAN) programs
	@tests/run unit@build-asan raw@build-asan cases@build-asan \
	    ops@build-asan clients@build-asan
tsan:
	$(SUB) $(AS_TSAN) threaded
	@tests/run unit@build-tsan
fuzz fuzz-long:
	@tests/setup build test
	$(SUB) $(AS_FUZZ) fuzzers
	@tests/run --seed 0 --seconds $(if $(filter fuzz-long,$@),60,5) fuzz
crash-long: all $(CRASH)
	@tests/run --rounds 50 crash
bench:
	@tests/setup build bench
	$(SUB) all benches
	@tests/bench/run
coverage:
	$(SUB) $(AS_COV) programs
	@tests/run unit@build-cov raw@build-cov coverage@build-cov
# Only the lines that were changed since the last commit.
format:
	git clang-format -f --extensions c,h HEAD -- gateway filters include tests
install: all
	install -D -m 755 $(BUILD)/modgate $(DESTDIR)$(PREFIX)/bin/modgate
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/modgate/policies policies/*.yaml
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/modgate/policies policies/*.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/modgate/policies/lists policies/lists/*.txt
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/modgate/policies/lists/cn policies/lists/cn/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/modgate \
	    gateway/modgate.example.yaml gateway/modgate.service LICENSE
	sed -i 's|/usr/local|$(PREFIX)|' $(DESTDIR)$(PREFIX)/share/modgate/modgate.service
	sed -i 's|: \.\./policies/|: $(PREFIX)/share/modgate/policies/|' \
	    $(DESTDIR)$(PREFIX)/share/modgate/modgate.example.yaml
	install -D -m 644 include/modgate/filter.h \
	    $(DESTDIR)$(PREFIX)/include/modgate/filter.h
clean:
	rm -rf build build-*

# ---- for files ----
$(BUILD)/modgate: $(BUILD)/gateway/main.o $(LIB)
	@echo "LD $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(filter-out $(BUILD)/gateway/main.o,$(OBJ))
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(LIB)
	@echo "LD $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIB)
	@echo "LD $@"; $(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"; $(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

.PHONY: all programs threaded fuzzers benches deps demo run test unit asan tsan \
	fuzz fuzz-long crash-long bench coverage format install clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
