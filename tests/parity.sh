#!/bin/sh
# Holds what the program prints, in double, to what NumPy printed: samples character for character,
# losses within 1e-6. A line for each case that differs, then how many passed and failed.
#
# usage: parity.sh          runs $PROGRAM (build/min_char_rnn_double)
#        parity.sh DIR      compares the records in DIR, as make_golden.sh writes them, instead
cd "$(dirname "$0")/.." || exit 1
program=${PROGRAM-build/min_char_rnn_double} # may be several words: qemu-aarch64 program
record=$(mktemp) || exit 1
trap 'rm -f "$record"' EXIT

# compare GOLDEN RECORD: says where they part, if they do
compare() {
    LC_ALL=C awk '
    function parted(why) { print why; status = 1; exit 1 }
    function loss(line) { sub(/.*loss: /, "", line); return line + 0 }
    function before_loss(line) { sub(/loss: .*/, "", line); return line }
    BEGIN {
        getline want < ARGV[1] # the arguments
        while ((getline want < ARGV[1]) > 0) {
            line++
            if ((getline got < ARGV[2]) <= 0)
                parted("ends before line " line ": " want)
            if (want ~ /^iter [0-9]+, loss: [0-9.]+$/) {
                apart = loss(want) - loss(got)
                if (before_loss(want) != before_loss(got) || !(-1e-6 < apart && apart < 1e-6))
                    parted("line " line ": " got ", not " want)
            } else if (want != got)
                parted("line " line ": " got ", not " want)
        }
        if ((getline got < ARGV[2]) > 0)
            parted("goes on after line " line ": " got)
        exit status || line < 12 # a header, three samples, three losses
    }' "$1" "$2"
}

passed=0 failed=0
for golden in tests/golden/*.txt; do
    case $golden in *-input.txt) continue ;; esac
    if [ "${1-}" ]; then
        sed 1d "$1/${golden##*/}" >"$record"
    else
        read -r _ arguments <"$golden"
        $program $arguments -q >"$record"
    fi
    status=$?
    if [ $status = 0 ] && why=$(compare "$golden" "$record"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        [ $status = 0 ] || why="the program ended with status $status"
        echo "FAILED $golden: $why"
    fi
done
[ $((passed + failed)) -gt 0 ] || { failed=1; echo 'FAILED there is nothing in tests/golden'; }
echo "$passed passed, $failed failed"
[ $failed = 0 ]
