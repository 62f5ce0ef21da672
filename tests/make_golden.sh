#!/bin/sh
# Makes tests/golden/*.txt, the records that tests/parity.sh holds the program to, with NumPy.
# With --check: makes them elsewhere, and compares. Training is chaotic: in these cases NumPy agrees
# with itself to 1e-8, whichever of OpenBLAS's kernels computes, and with first weights that are
# another in the 13th digit.
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
export OPENBLAS_NUM_THREADS=1
input=data/input.txt hello=data/hello.txt utf8=tests/golden/utf8-input.txt

# record NAME OPTIONS COMMAND...: keeps what the command prints, and what the program is to be given
record() {
    name=$1 options=$2
    shift 2
    { echo "# $options"; "$python" "$@"; } >"$target/$name.txt" || exit 1
}

# name, text, seed, hidden size, steps
while read -r name text seed hidden steps; do
    eval "text=$text"
    options="$text -s $seed -H $hidden -T $steps -n 200 --print-every 100 --sample-every 100"
    record "$name" "$options" tests/reference.py "$text" "$seed" 200 "$hidden" "$steps"
done <<'END'
defaults $input 0 100 25
hello $hello 0 3 4
seed-1 $input 1 17 9
seed-last $utf8 4294967295 13 5
utf8 $utf8 0 20 10
one-step $utf8 7 16 1
END

# name, text, cell, layers, optimizer, learning rate, decay, seed, iterations, hidden size, steps
while read -r name text cell layers optimizer rate decay seed iters hidden steps; do
    eval "text=$text"
    every=$((iters / 2))
    options="$text --cell $cell -L $layers --optimizer $optimizer -l $rate --decay $decay -s $seed"
    options="$options -n $iters -H $hidden -T $steps --print-every $every --sample-every $every"
    record "$name" "$options" tests/reference_cells.py "$text" "$cell" "$layers" "$optimizer" \
        "$rate" "$decay" "$seed" "$iters" "$every" "$hidden" "$steps"
done <<'END'
rnn-2 $input rnn 2 adagrad 0.1 1 0 200 10 6
rnn-3 $utf8 rnn 3 adagrad 0.05 0.5 1 300 7 9
rnn-adam $utf8 rnn 1 adam 0.002 1 2 200 12 6
rnn-2-adam $input rnn 2 adam 0.002 1 3 100 9 7
rnn-3-adam $input rnn 3 adam 0.002 1 4 100 8 5
lstm $input lstm 1 adagrad 0.1 1 0 200 11 7
lstm-2 $utf8 lstm 2 adagrad 0.1 1 1 100 8 6
lstm-3 $input lstm 3 adagrad 0.05 1 2 100 6 5
lstm-adam $input lstm 1 adam 0.002 1 0 50 40 12
lstm-2-adam $utf8 lstm 2 adam 0.002 0.8 3 200 9 8
lstm-3-adam $hello lstm 3 adam 0.002 0.99 5 100 5 4
gru $input gru 1 adagrad 0.1 1 0 200 11 7
gru-2 $utf8 gru 2 adagrad 0.1 1 1 100 8 6
gru-3 $input gru 3 adagrad 0.05 1 2 100 6 5
gru-adam $utf8 gru 1 adam 0.002 0.8 3 200 9 8
gru-2-adam $input gru 2 adam 0.002 1 4 200 7 9
gru-3-adam $hello gru 3 adam 0.002 0.99 5 100 5 4
END

if [ "${1-}" ]; then
    "$python" tests/reference_cells.py --check || exit 1
    sh tests/parity.sh "$target"
fi
