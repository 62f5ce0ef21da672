#!/bin/sh
# All tests, as `make test` runs them from the top of the tree: the unit tests in float and double,
# the comparison with NumPy, damaged checkpoints, and then the program as a process (the other .sh:
# real files, signals and terminals). `sh tests/run.sh signals` runs only test_signals.
set -u
export LC_ALL=C SHELL=/bin/sh
# A sanitizer's complaint gets an exit status that the program never has. Refused memory is the
# program's to report; what it still holds at the end, the system takes back.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0:exitcode=99 UBSAN_OPTIONS=exitcode=99
unset POSIXLY_CORRECT

prog=$PWD/min_char_rnn
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
    if grep -Eq -e "$2" "$3"; then
        pass
    else
        fail "$1: expected /$2/, got '$(head -c 400 "$3")'"
    fi
}
says_not() {
    if grep -Eq -e "$2" "$3"; then fail "$1: /$2/ is in '$(head -c 400 "$3")'"; else pass; fi
}
below() { # what, a number, the limit
    if awk "BEGIN { exit !($2 < $3) }" 2>/dev/null; then pass; else fail "$1: expected $2 < $3"; fi
}

# The program's output goes to the files out and err, its exit status to $status.
run() { "$prog" "$@" >"$dir/out" 2>"$dir/err"; status=$?; }
works() { # arguments that it accepts
    run "$@"
    same "exit status of: $* ($(head -c 400 "$dir/err"))" 0 $status
}
refuses() { # exit status, what the message must say, arguments
    want=$1 pattern=$2
    shift 2
    run "$@"
    if [ $status -eq "$want" ] && grep -Eq -e "$pattern" "$dir/err" &&
        tail -n 1 "$dir/err" | grep -q '^min_char_rnn: .'; then
        pass
    else
        fail "$*: expected status $want and /$pattern/, got $status and '$(head -c 400 "$dir/err")'"
    fi
}
text_says() { grep -o "$1" "$dir/out" | head -n 1; }
loss() { sed -n "s/^iter $1, loss: //p" "$dir/out"; } # the one printed at an iteration
bytes() { wc -c | tr -d ' '; }
lines() { wc -l | tr -d ' '; }
characters() { printf "$1" >"$dir/text"; } # makes a text

# Waits until a command succeeds; fails when it has not within 20 seconds.
await() {
    for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        for tenth in 1 2 3 4 5 6 7 8 9 10; do "$@" && return; sleep $moment; done
    done 2>/dev/null
    fail "waited in vain for: $*"
}

# ---- all of them

suite() { # a command whose last line says how many passed and failed
    group=$*
    "$@" >"$dir/suite" 2>&1
    status=$?
    cat "$dir/suite"
    set -- $(tail -n 1 "$dir/suite" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p')
    passed=$((passed + ${1:-0})) failed=$((failed + ${2:-0}))
    if [ $# -ne 2 ] || { [ $status -ne 0 ] && [ "$2" -eq 0 ]; }; then
        fail "exit status $status, and no 'N passed, N failed' to go with it"
    fi
}

. tests/process.sh
. tests/system.sh
. tests/kept.sh
. tests/files.sh
. tests/checkpoints.sh
. tests/readme.sh
if [ $# -eq 0 ]; then
    # Two halves, side by side. What builds, or needs other programs, is the second; those have
    # nothing to say to a sanitizer.
    set -- files faults install sweep
    [ "${SANITIZED-}" ] || set -- "$@" readme picture others big_endian build
    sh tests/run.sh "$@" >"$dir/second" 2>&1 &
    other_half=$!

    characters 'F\303\274\303\237e\n\355\225\234\352\265\255 fuss fish \360\237\230\200 and so on\n'
    for program in ./min_char_rnn ${SANITIZED-build/min_char_rnn_double}; do # damage.c has its way
        [ -x "$program" ] || continue
        folder=$dir/damage-${program##*/}
        mkdir "$folder"
        $program -q -n 200 -H 5 -T 4 -B 3 --save "$folder/model" "$dir/text" >/dev/null
        build/damage $program "$folder/model" "$folder" >"$folder/log" 2>&1 &
        damages="${damages-} $!"
    done
    for program in build/test_float build/test_double 'sh tests/parity.sh'; do
        echo "$program:"
        suite $program
    done
    wait $damages
    for folder in "$dir"/damage-*; do
        echo "build/damage, ${folder##*/damage-}:"
        suite cat "$folder/log"
    done
    set -- record learning determinism input bad_input reading numbers meaning options usage
    set -- "$@" failures resume nothing_lost sampling held_out eval inside corpus
    set -- "$@" signals pipes terminal source
fi
case " $* " in *' terminal '*) has_script && look_ahead ;; esac
for group; do
    before=$passed
    "test_$group"
    echo "$group: $((passed - before)) passed"
done
if [ "${other_half-}" ]; then
    wait $other_half
    suite cat "$dir/second"
    skipped=$((skipped + $(grep -c '^skipped' "$dir/second")))
fi
printf '%s' "$passed passed, $failed failed"
[ $skipped -eq 0 ] && echo || echo ", $skipped skipped"
[ $failed -eq 0 ]
