#!/bin/sh
# Runs all tests, as `make test` does, from the top of the tree: the unit tests in float and double,
# the comparison with NumPy, damaged checkpoints, and the program as a process (the other .sh).
# `sh tests/run.sh signals pipes` runs test_signals and test_pipes alone.
set -u
export LC_ALL=C SHELL=/bin/sh OPENBLAS_NUM_THREADS=1 # its threads wait for long on a busy machine
# A sanitizer that complains ends the program with a status that it never has itself. The program
# has to report memory that is refused; what it still holds at the end, the system takes back.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0:exitcode=99 UBSAN_OPTIONS=exitcode=99
unset POSIXLY_CORRECT

prog=$PWD/min_char_rnn double=$PWD/build/min_char_rnn_double
text=data/input.txt
passed=0 failed=0 skipped=0 group= status=
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'kill ${other_half-} 2>/dev/null; exit 1' HUP INT TERM
sleep 0.1 2>/dev/null && moment=0.1 || moment=1 # POSIX promises whole seconds only

# ---- what the tests are made of

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); printf 'FAILED  %s: %s\n' "$group" "$1"; }
skip() { skipped=$((skipped + 1)); printf 'skipped %s: %s\n' "$group" "$1"; }
same() { # what, expected, got
    if [ "$2" = "$3" ]; then pass; else fail "$1: expected '$2', got '$3'"; fi
}
same_file() { # what, expected, got
    if cmp -s "$2" "$3"; then pass; else fail "$1: $(cmp "$2" "$3" 2>&1)"; fi
}
says() { # what, a pattern, the file that has a line like it
    if grep -Eq -e "$2" "$3"; then pass; else fail "$1: no /$2/ in '$(head -c 400 "$3")'"; fi
}
below() { # what, a number, the limit
    if awk "BEGIN { exit !($2 < $3) }" 2>/dev/null; then pass; else fail "$1: expected $2 < $3"; fi
}

# The program's output goes to the files out and err, its exit status to $status.
run() { "$prog" "$@" >"$dir/out" 2>"$dir/err"; status=$?; }
works() { # arguments that the program accepts
    run "$@"
    same "exit status of: $* ($(head -c 400 "$dir/err"))" 0 $status
}
reached() { # the iteration that the model in a file has reached; nothing, if it is no model
    "$prog" -q --load "$1" -n 1 --sample-every 0 $text 2>/dev/null | sed -n '2s/^iter \(.*\), .*/\1/p'
}
loss() { sed -n "s/^iter $1, loss: //p" "$dir/out"; } # the one printed at an iteration
bytes() { wc -c | tr -d ' '; }
lines() { wc -l | tr -d ' '; }

await() { # waits until a command succeeds; fails if it has not within 20 seconds
    tries=200
    until "$@" 2>/dev/null; do
        [ $tries -gt 0 ] || { fail "waited in vain for: $*"; return; }
        sleep $moment
        tries=$((tries - 1))
    done
}
start() { : >"$dir/out"; "$@" >"$dir/out" 2>"$dir/err" & pid=$!; } # in the background
trains() { await grep -q loss "$dir/out"; }
larger_than() { [ "$(bytes <"$dir/out")" -gt "$1" ]; }
end_by() { # sends it a signal, and waits until it has ended; kills it if it does not end
    kill -"$1" $pid 2>/dev/null
    (await false; kill -KILL $pid) >/dev/null 2>&1 &
    guard=$!
    wait $pid 2>/dev/null
    status=$?
    kill -KILL $guard 2>/dev/null # a shell that was just forked can lose other signals
    wait $guard 2>/dev/null
}
suite() { # a command whose last line says how many passed and failed
    group=$*
    "$@" >"$dir/suite" 2>&1
    status=$?
    cat "$dir/suite"
    set -- $(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$dir/suite")
    passed=$((passed + ${1:-0})) failed=$((failed + ${2:-0}))
    [ $status -eq 0 ] || [ ${2:-0} -gt 0 ] || set --
    [ $# -eq 2 ] || fail "exit status $status, and no 'N passed, N failed' to go with it"
}

. tests/process.sh
. tests/system.sh
. tests/files.sh
. tests/units.sh
. tests/readme.sh
groups() { sed -n 's/^test_\([a-z_]*\)() {.*/\1/p' "$@"; } # the tests in these files
if [ $# -eq 0 ]; then # two halves, side by side
    sh tests/run.sh $(groups tests/files.sh tests/units.sh tests/readme.sh) >"$dir/second" 2>&1 &
    other_half=$!
    set -- $(groups tests/process.sh tests/system.sh)
    for program in build/test_float build/test_double 'sh tests/parity.sh'; do suite $program; done
fi
for group; do
    passed_before=$passed
    "test_$group"
    echo "$group: $((passed - passed_before)) passed"
done
if [ "${other_half-}" ]; then
    wait $other_half
    suite cat "$dir/second"
    skipped=$((skipped + $(grep -c '^skipped' "$dir/second")))
fi
[ $skipped -eq 0 ] && skips= || skips=", $skipped skipped"
echo "$passed passed, $failed failed$skips"
[ $failed -eq 0 ]
