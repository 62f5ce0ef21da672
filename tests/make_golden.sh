#!/bin/sh
# Makes tests/golden/*.txt, the records that tests/parity.sh holds the program to, with NumPy.
# With --check: makes them elsewhere, and compares. Training is chaotic: these cases are among those
# in which NumPy agrees with itself to 1e-8, whichever of OpenBLAS's kernels computes.
set -u
cd "$(dirname "$0")/.." || exit 1

for python in python3 /usr/bin/python3 ''; do
    [ "$python" ] || { echo 'make_golden.sh: python3-numpy is missing' >&2; exit 1; }
    "$python" -c 'import numpy' 2>/dev/null && break
done
case ${1-} in
'') target=tests/golden ;;
--check) target=$(mktemp -d) || exit 1; trap 'rm -rf "$target"' EXIT ;;
*) echo 'usage: make_golden.sh [--check]' >&2; exit 2 ;;
esac

# name, text, seed, hidden size, steps
while read -r name text seed hidden steps; do
    {
        echo "# $text -s $seed -H $hidden -T $steps -n 200 --print-every 100 --sample-every 100"
        OPENBLAS_NUM_THREADS=1 "$python" tests/reference.py "$text" "$seed" 200 "$hidden" "$steps"
    } >"$target/$name.txt" || exit 1
done <<'END'
defaults data/input.txt 0 100 25
hello data/hello.txt 0 3 4
seed-1 data/input.txt 1 17 9
seed-last tests/golden/utf8-input.txt 4294967295 13 5
utf8 tests/golden/utf8-input.txt 0 20 10
one-step tests/golden/utf8-input.txt 7 16 1
END

if [ "${1-}" ]; then
    sh tests/parity.sh "$target"
fi
