#!/bin/sh
# Fuzzes the program with AFL++ (make fuzz): compiled with ASan and UBSan, it reads damaged
# checkpoints for one half of FUZZ_SECONDS (120), and odd texts for the other. Fails if one made it
# crash or hang, and names the file. Needs Debian's afl++.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=$((${FUZZ_SECONDS:-120} / 2)) work=$PWD/build/fuzz failed=0
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1
export AFL_QUIET=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0:allocator_may_return_null=1
ASAN_OPTIONS=$ASAN_OPTIONS:max_allocation_size_mb=64
command -v afl-clang-fast >/dev/null || { echo 'skipped fuzzing: install afl++'; exit 0; }
rm -rf "$work"
mkdir -p "$work/checkpoint" "$work/text" || exit 1
afl-clang-fast -std=gnu11 -g -O1 min_char_rnn.c -o "$work/program" -lm -pthread || exit 1
printf 'hello\303\251\n hello\342\202\254\n' >"$work/text/utf8"
printf '\360\237\230\200\r\n\000\357\273\277abc\tabc\t' >"$work/text/odd"
for options in '' '--cell lstm -L 2 --optimizer adam' '--cell gru -B 2 --bytes'; do
    "$work/program" -q -n 2 -H 2 -T 2 $options --save "$work/checkpoint/${#options}" \
        "$work/text/utf8" >/dev/null
done
fuzz() { # a kind of file, and the program's arguments, @@ being the file
    kind=$1
    shift
    timeout -s INT $seconds afl-fuzz -i "$work/$kind" -o "$work/found-$kind" -x tests/fuzz.dict \
        -t 2000 -m none -- "$work/program" "$@" >"$work/log-$kind" 2>&1
    [ -d "$work/found-$kind/default" ] || { cat "$work/log-$kind"; exit 1; }
    for file in "$work/found-$kind"/default/crashes/id* "$work/found-$kind"/default/hangs/id*; do
        [ -f "$file" ] || continue
        echo "FAILED: $file"
        failed=1
    done
}
fuzz checkpoint -q --load @@ --sample 3
fuzz text -q -n 2 --sample 5 -H 2 -T 2 @@
exit $failed
