#!/bin/sh
# make bench: how fast ./min_char_rnn is, beside what it can be measured against. Some minutes.
# TEXT=file: another text than data/input.txt. ROUNDS=n: other than 5. A machine's speed changes
# from second to second: so the programs take turns, and every figure is the median of the rounds,
# every ratio the median of the ratios within a round.
set -eu
export LC_ALL=C OPENBLAS_NUM_THREADS=1
: "${TEXT=data/input.txt}" "${ROUNDS=5}"
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' HUP INT TERM

# What there is to compare with: sgemm and NumPy's network, and PyTorch's.
python= peers=
for p in python3 /usr/bin/python3; do
    $p -c 'import resource' 2>"$temp/why" && python=$p || continue
    $p -c 'import numpy; assert "openblas" in open("/proc/self/maps").read()' 2>"$temp/why" || continue
    peers='sgemm numpy'
    $p -c 'import torch' 2>"$temp/why" && peers='sgemm numpy torch'
    break
done

# A peer's characters per second (sgemm's FLOP/s), or '-' where it is not installed.
peer() {
    case " $peers " in *" $1 "*) $python tests/bench_peers.py "$@" ;; *) echo - ;; esac
}

# Runs the program; prints its summary.
run() { ./min_char_rnn "$TEXT" --print-every 0 "$@" 2>&1 >"$temp/out"; }

# Characters per second of training: iterations, then options.
train() { n=$1; shift; run -n "$n" --sample-every 0 "$@" | sed 's/.*: \([0-9]*\) .*/\1/'; }

# Characters per second of sampling: one iteration's summary, with two such samples in its time.
sample() { run -n 1 --sample "$1" | awk -v n="$1" '{ printf "%.0f", 2 * n / $4 }'; }

# Adds a row to the table, from rounds of "characters/s sgemm numpy torch".
# What it is, characters and FLOP an iteration (0: none), and threads.
row() {
    awk -v what="$1" -v chars="$2" -v flop="$3" -v threads="$4" '
        function median(a, n,  i, j, x) {
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && a[j] < a[j-1]; j--) { x = a[j]; a[j] = a[j-1]; a[j-1] = x }
            return n % 2 ? a[(n+1)/2] : (a[n/2] + a[n/2+1]) / 2
        }
        { speed[NR] = $1
          share[NR] = $2 > 0 && flop ? $1 / chars * flop / $2 / threads : 0
          numpy[NR] = $3 > 0 ? $1 / $3 : 0
          torch[NR] = $4 > 0 ? $1 / $4 : 0 }
        function cell(format, x) { return x ? sprintf(format, x) : "-" }
        END { s = median(speed, NR)
              printf "| %s | %s | %.0f | %s | %s | %s | %s |\n", what,
                     flop ? cell(s / chars < 100 ? "%.1f" : "%.0f", s / chars) : "-", s,
                     cell("%.1f", s / chars * flop / 1e9), cell("%.0f%%", 100 * median(share, NR)),
                     cell("%.1fx", median(numpy, NR)), cell("%.1fx", median(torch, NR)) }'
}

# A row of training: what it is, H, T, B, threads; for other cells than rnn also PyTorch's name of
# the cell, its gates, and layers.
train_row() {
    what=$1 H=$2 T=$3 B=$4 threads=$5 cell=${6-RNN} gates=${7-1} layers=${8-1}
    chars=$((T * B)) n=10 round=0
    flop=$((6 * (gates * H * H * (2 * layers - 1) + H * V) * chars))
    options="-H $H -T $T -B $B -t $threads"
    [ "$cell" = RNN ] || options="$options --cell $(echo "$cell" | tr A-Z a-z) -L $layers --optimizer adam"
    for try in first second; do # as many iterations as take a second
        c=$(train "$n" $options)
        n=$((c / chars + 1))
    done
    while [ $((round += 1)) -le "$ROUNDS" ]; do
        c=$(train "$n" $options) gemm=$(peer sgemm) numpy=-
        [ "$B" -gt 1 ] || numpy=$(peer numpy "$TEXT" "$H" "$T")
        echo "$c $gemm $numpy $(peer torch "$TEXT" "$H" "$T" "$B" "$threads" "$cell" "$layers")"
    done | row "$what" "$chars" "$flop" "$threads"
}

# A text that cannot be read, or is too short for the batches, ends it here.
./min_char_rnn "$TEXT" -q -n 1 -T 50 -B 50 --sample-every 0 >"$temp/out"
data=$(sed 1q "$temp/out") # ... characters, V unique.
V=${data#*, } V=${V% unique*}
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>"$temp/why" | head -n 1)
echo "${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores; $(${CC:-cc} --version | head -n 1)," \
    "${CFLAGS--O3 -march=native}; the $data"
echo
echo '| what | iterations/s | characters/s | GFLOP/s | share of sgemm | to NumPy | to PyTorch |'
echo '|---|---|---|---|---|---|---|'
train_row 'defaults: H=100 T=25 B=1' 100 25 1 1
train_row 'H=512 T=25 B=1' 512 25 1 1
train_row 'H=128 T=50 B=50, 1 thread' 128 50 50 1
train_row 'H=128 T=50 B=50, 2 threads' 128 50 50 2
train_row 'H=512 T=50 B=32, 1 thread' 512 50 32 1
train_row 'LSTM, 2 layers: H=128 T=50 B=50, 1 thread' 128 50 50 1 LSTM 4 2
train_row 'LSTM, 2 layers: H=128 T=50 B=50, 2 threads' 128 50 50 2 LSTM 4 2
train_row 'LSTM: H=256 T=50 B=50, 1 thread' 256 50 50 1 LSTM 4
train_row 'GRU, 2 layers: H=128 T=50 B=50, 1 thread' 128 50 50 1 GRU 3 2
# A large vocabulary, as in Chinese: 3,000 characters of three bytes, most of them rare.
awk 'BEGIN { for (i = 1; i <= 300000; i++) {
    c = 19968 + int(3000 * (i * 7919 % 300007 / 300007) ^ 3)
    printf "%c%c%c", 224 + int(c / 4096), 128 + int(c / 64) % 64, 128 + c % 64 } }' >"$temp/many"
(TEXT=$temp/many V=3000; train_row 'V=3000: H=100 T=25 B=1' 100 25 1 1)
n=$(($(sample 50000) / 2)) round=0
while [ $((round += 1)) -le "$ROUNDS" ]; do
    echo "$(sample "$n") - $(peer numpy "$TEXT" 100) $(peer torch "$TEXT" 100)"
done | row 'sampling, H=100' 1 0 1

# Loading: the repository's own text, which is ASCII, over and over.
while cat data/input.txt; do :; done 2>"$temp/why" | head -c 100000000 >"$temp/100MB"
round=0
[ -z "$python" ] || while [ $((round += 1)) -le "$ROUNDS" ]; do
    $python tests/bench_peers.py load ./min_char_rnn "$temp/100MB" -n 1 --sample-every 0
done | sort -n | awk '
    { took[NR] = $1; memory = $2 }
    END { s = took[int((NR + 1) / 2)]
          printf "| loading 100 MB of ASCII: %.2f s, %.1f bytes of memory per byte", s, memory / 1e8
          printf " | - | %.0f | - | - | - | - |\n", 1e8 / s }'
echo
echo 'sgemm: 256x256x256 by OpenBLAS, one thread (two threads: twice that). -: no such thing.'
[ "$peers" = 'sgemm numpy torch' ] || echo 'To compare with NumPy and PyTorch, install python3-numpy, libopenblas0, python3-torch.'
