# Process tests, read by run.sh: checkpoints as other programs read and write them, and odd files.

apart() { # what, two numbers, and how far they may be apart: relative, and absolute
    below "distance of $1: $2 from $3" "($2 - $3) ^ 2" "($4 * $2 + ${5:-0}) ^ 2"
}
python_with() { # a module: sets $python to one that has it
    for python in python3 /usr/bin/python3; do
        "$python" -c "import $1" 2>/dev/null && return
    done
    skip "there is no Python with $1: install python3-$1"
    return 1
}

# The loss of a checkpoint on a text, in NumPy and PyTorch. --eval prints six decimals; val_loss,
# which is in the checkpoint, has them all.
test_others() {
    python_with numpy || return
    export PYTHONDONTWRITEBYTECODE=1
    numpy=$python
    torch=
    python_with torch && torch=$python
    float=$prog
    for real in float double; do
        [ $real = float ] && most=1e-5 || { prog=$PWD/build/min_char_rnn_double most=1e-9; }
        for kind in utf8 bytes english; do
            case $kind in
            utf8)
                characters '\303\274\303\237\n\355\225\234\352\265\255 \360\237\230\200 \346\274\242'
                cat "$dir/text" "$dir/text" "$dir/text" >"$dir/half"
                options='-H 9 -T 4' ;;
            bytes)
                awk 'BEGIN { for (i = 0; i < 300; i++) printf "%c", 1 + i * i % 127 }' >"$dir/half"
                printf '\000\377\303\n' >>"$dir/half"
                options='-H 17 -T 5 -B 3 --bytes' ;;
            english)
                head -c 2000 $text >"$dir/half"
                options='-H 40 -B 2' ;;
            esac
            cat "$dir/half" "$dir/half" >"$dir/text"
            works -q -n 200 $options --val-fraction 0.5 --eval-every 200 --save-best "$dir/best" \
                -o "$dir/model" "$dir/text"
            works -q --load "$dir/model" --eval "$dir/half"
            eval=$(sed 's/.*characters: \([0-9.]*\) nats.*/\1/' "$dir/out")
            set -- $("$numpy" tests/read_numpy.py "$dir/model" "$dir/half" "$dir/copy")
            apart "NumPy's loss, $real, $kind" "${1-none}" "$eval" $most 6e-7
            set -- $("$numpy" tests/read_numpy.py "$dir/best" "$dir/half")
            apart "NumPy's loss from val_loss, $real, $kind" "${1-none}" "${2-none}" $most
            if [ "$torch" ]; then
                loss=$("$torch" tests/read_torch.py "$dir/best" "$dir/half")
                apart "PyTorch's loss from val_loss, $real, $kind" "${loss:-none}" "${2-none}" $most
            fi

            works -q --load "$dir/model" --sample 100
            mv "$dir/out" "$dir/first"
            works -q --load "$dir/copy" --sample 100
            same_file "the sample of NumPy's copy, $real, $kind" "$dir/first" "$dir/out"
            works -q --load "$dir/copy" --eval "$dir/half"
            says "--eval of NumPy's copy, $real, $kind" " $eval nats/char" "$dir/out"
        done
    done
    prog=$float
}

# What afl-fuzz kept (tests/fuzz.sh): each file is accepted or refused, and there is no third.
test_corpus() {
    for file in tests/corpus/checkpoint/* tests/corpus/text/*; do
        case $file in
        */\*) fail "there is nothing in ${file%/*}"; continue ;;
        */checkpoint/*) run --quiet --load "$file" --sample 3 ;;
        *) run --quiet -n 2 --sample-length 5 -H 2 -T 2 "$file" ;;
        esac
        grep -v '^==[0-9]*==WARNING: AddressSanitizer failed to allocate' "$dir/err" >"$dir/said"
        case $status in
        0) same "$file: lines on standard error that are not the program's" 0 \
            "$(grep -vc '^min_char_rnn: .' "$dir/said")" ;;
        1) same "$file: lines on standard error, and the program's" '1 1' \
            "$(lines <"$dir/said") $(grep -c '^min_char_rnn: .' "$dir/said")" ;;
        *) fail "$file: exit status $status: $(head -c 400 "$dir/err")" ;;
        esac
    done
}
