#!/bin/sh
# Fuzzes the program with AFL++, as `make fuzz` runs it: compiled with ASan and UBSan, it reads
# damaged checkpoints for the first half of FUZZ_SECONDS (120) and odd texts for the second. Fails
# if one made it crash or hang, and says which. Needs Debian's afl++.
#
# usage: fuzz.sh           fuzzes, from what is in tests/corpus and a few checkpoints made here
#        fuzz.sh --keep    and then puts what reaches the most of the program into tests/corpus
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=$((${FUZZ_SECONDS:-120} / 2))
work=$PWD/build/fuzz
corpus=tests/corpus
export AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1
export AFL_QUIET=1 AFL_ALLOW_TMP=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1
# Memory that a size asks for in vain must be refused here as it would be by a smaller machine.
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0:allocator_may_return_null=1
ASAN_OPTIONS=$ASAN_OPTIONS:max_allocation_size_mb=64

for compiler in afl-clang-fast afl-gcc-fast ''; do
    command -v "$compiler" >/dev/null && command -v afl-fuzz >/dev/null && break
done
if [ -z "$compiler" ]; then
    echo 'skipped fuzzing: there is no afl-fuzz with its compiler: install afl++'
    exit 0
fi

rm -rf "$work"
mkdir -p "$work/checkpoint" "$work/text" || exit 1
for program in float double; do
    $compiler -std=gnu11 -g -O1 -DREAL=$program min_char_rnn.c -o "$work/$program" -lm -pthread ||
        exit 1
done

# ---- where it starts: small files of every kind, and the corpus

printf 'hello\303\251\n hello\342\202\254\n' >"$work/text/utf8"
printf 'abab' >"$work/text/least"
printf '\360\237\230\200\r\n\000\357\273\277abc\tabc\t' >"$work/text/odd"
{
    for program in float double; do
        "$work/$program" -q -n 3 -H 2 -T 2 --save "$work/checkpoint/$program" "$work/text/utf8"
    done
    "$work/float" -q -n 2 -H 1 -T 1 -B 2 --bytes --save "$work/checkpoint/bytes" "$work/text/odd"
    "$work/float" -q -n 2 -H 1 -T 1 -L 2 --cell lstm --optimizer adam \
        --save "$work/checkpoint/lstm" "$work/text/least"
    "$work/float" -q -n 2 -H 1 -T 1 --cell gru --save "$work/checkpoint/gru" "$work/text/least"
} >/dev/null
for kind in checkpoint text; do
    for file in "$corpus/$kind"/*; do
        [ ! -f "$file" ] || cp "$file" "$work/$kind/corpus-${file##*/}"
    done
done

# ---- the two kinds

failed=0

# fuzz KIND ARGUMENTS...: fuzzes the program with these, @@ being the file
fuzz() {
    kind=$1
    shift
    found=$work/found-$kind
    dictionary=
    [ "$kind" = text ] || dictionary='-x tests/fuzz.dict'
    afl-fuzz -m none -t 2000 -V $seconds $dictionary -i "$work/$kind" -o "$found" -- \
        "$work/float" "$@" >"$work/$kind.log" 2>&1
    if ! [ -s "$found/default/fuzzer_stats" ]; then
        tail -n 20 "$work/$kind.log"
        echo "FAILED $kind: afl-fuzz did not run"
        failed=1
        return
    fi
    bad=$(find "$found/default/crashes" "$found/default/hangs" -type f -name 'id*')
    echo "$kind: $(sed -n 's/^execs_done *: //p' "$found/default/fuzzer_stats") executions," \
        "$(find "$found/default/queue" -type f -name 'id*' | wc -l | tr -d ' ') inputs kept," \
        "$(printf '%s' "$bad" | grep -c .) that crash or hang"
    [ -z "$bad" ] && return
    failed=1
    printf '%s\n' "$bad" | sed "s/^/FAILED $kind: /"
    echo "as in: $work/float $(echo "$*" | sed 's/@@/FILE/')"
}

# keep KIND MOST BYTES ARGUMENTS...: of the inputs that between them reach all that was reached,
# the smallest, as many as that and as many bytes
keep() {
    kind=$1 most=$2 room=$3
    shift 3
    rm -rf "$work/few"
    afl-cmin -m none -t 2000 -i "$work/found-$kind/default/queue" -o "$work/few" -- \
        "$work/float" "$@" >"$work/cmin.log" 2>&1 || { tail "$work/cmin.log"; failed=1; return; }
    rm -rf "${corpus:?}/$kind"
    mkdir -p "$corpus/$kind"
    number=0
    for file in $(find "$work/few" -type f -size +0 -exec ls -Sr {} +); do
        size=$(wc -c <"$file")
        [ $number -lt "$most" ] && [ "$size" -le "$room" ] || continue
        number=$((number + 1)) room=$((room - size))
        cat "$file" >"$corpus/$kind/$(printf '%02d' $number)"
    done
    echo "$kind: $number inputs in $corpus/$kind"
}

fuzz checkpoint --quiet --load @@ --sample 3
fuzz text --quiet -n 2 --sample-length 5 -H 2 -T 2 @@
if [ "${1-}" = --keep ]; then
    keep checkpoint 12 60000 --quiet --load @@ --sample 3
    keep text 32 30000 --quiet -n 2 --sample-length 5 -H 2 -T 2 @@
fi
exit $failed
