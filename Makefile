# modgate: `make demo` shows the main job, `make test` runs everything.
DEPS  := libevent libevent_openssl libevent_pthreads libcurl libpcre2-8 libhs \
         jansson yaml-0.1 sqlite3 libssl libcrypto zlib libzstd
BUILD ?= build
CC    ?= gcc
WARN  := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
         -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla -Werror
OPT   ?= -O2 -D_FORTIFY_SOURCE=2
HARD  := -fPIE -fstack-protector-strong -fno-strict-overflow
CFLAGS  += -std=c11 -D_GNU_SOURCE -g $(OPT) $(HARD) $(WARN) $(SAN) -Iinclude -I. \
           $(shell pkg-config --cflags $(DEPS) 2>/dev/null)
LDFLAGS += -pie -Wl,-z,relro,-z,now -rdynamic $(SAN)
LDLIBS  += $(shell pkg-config --libs $(DEPS) 2>/dev/null) -lpthread -lm

SRC   := $(wildcard gateway/*.c gateway/*/*.c filters/*.c)
OBJ   := $(SRC:%.c=$(BUILD)/%.o)
LIB   := $(BUILD)/libmodgate.a
TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/test_*.c))

all: $(BUILD)/modgate

$(BUILD)/modgate: $(BUILD)/gateway/main.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(filter-out $(BUILD)/gateway/main.o,$(OBJ))
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

unit: $(TESTS)
	@for t in $(TESTS); do $$t || exit 1; done

clean:
	rm -rf build build-*

.PHONY: all unit clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
