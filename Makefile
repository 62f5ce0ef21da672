# make            builds the program, ./min_char_rnn
# make run        builds it and trains on data/input.txt
# make test       builds and tests it (make sanitize: under AddressSanitizer and UBSan)
# make bench      measures how fast it is
# CC, CFLAGS, LDFLAGS, PREFIX and DESTDIR are yours to set.

CFLAGS ?= -O3 -falign-loops=64 $(shell $(CC) -march=native -E -x c /dev/null >/dev/null 2>&1 && echo -march=native)
PREFIX ?= /usr/local
BUILD = $(CC) -std=gnu11 $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)
LIBS = -lm -pthread
SANITIZE = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

all: min_char_rnn

min_char_rnn: min_char_rnn.c
	$(BUILD) min_char_rnn.c -o $@ $(LIBS)

run: min_char_rnn
	./min_char_rnn data/input.txt

# The same program in double precision: it prints what NumPy prints.
double: build/min_char_rnn_double

build/min_char_rnn_double: min_char_rnn.c
	@mkdir -p build
	$(BUILD) -DREAL=double min_char_rnn.c -o $@ $(LIBS)

build/test_float: min_char_rnn.c tests/test.c
	@mkdir -p build
	$(BUILD) tests/test.c -o $@ $(LIBS)

build/test_double: min_char_rnn.c tests/test.c
	@mkdir -p build
	$(BUILD) -DREAL=double tests/test.c -o $@ $(LIBS)

build/damage: tests/damage.c
	@mkdir -p build
	$(CC) -std=gnu11 -O1 tests/damage.c -o $@

TESTED = min_char_rnn build/min_char_rnn_double build/test_float build/test_double build/damage

test:
	@$(MAKE) --no-print-directory -j2 $(TESTED)
	@sh tests/run.sh

# In a copy of the tree, so that an ordinary build stays as it is.
sanitize:
	@mkdir -p build/sanitize
	cp -R Makefile README.md LICENSE min_char_rnn.c data tests build/sanitize
	SANITIZED=yes $(MAKE) --no-print-directory -C build/sanitize test CFLAGS='$(SANITIZE)'

# Needs AFL++; FUZZ_SECONDS says for how long.
fuzz:
	@sh tests/fuzz.sh

bench: min_char_rnn
	@sh tests/bench.sh

install: min_char_rnn
	mkdir -p '$(DESTDIR)$(PREFIX)/bin'
	cp min_char_rnn '$(DESTDIR)$(PREFIX)/bin/'

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/min_char_rnn'

clean:
	rm -rf build min_char_rnn

.PHONY: all run double test sanitize fuzz bench install uninstall clean
