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
    while read -r real kind options; do
        [ $real = float ] && prog=$float most=1e-5 || prog=$double most=1e-9
        others_text $kind
        model=$dir/best-$real-$kind what="$real-$kind $options"
        works -q -n 200 $options --val-fraction 0.5 --eval-every 200 --sample-every 0 \
            --save-best "$model" "$dir/text"
        works -q --load "$model" --eval "$dir/half"
        eval=$(sed 's/.*characters: \([0-9.]*\) nats.*/\1/' "$dir/out")
        set -- $("$numpy" tests/read_numpy.py "$model" "$dir/half" "$dir/copy" "$dir/noted")
        apart "NumPy's loss, $what" "${1-none}" "$eval" $most 6e-7
        apart "NumPy's loss from val_loss, $what" "${1-none}" "${2-none}" $most
        case $options in
        *gru*) ;; # PyTorch's has r behind Whh
        *) cp "$dir/half" "$model.text"
            echo "$most ${2-none} $what" >>"$dir/for_torch" ;;
        esac

        same_file "NumPy's copy, $what" "$model" "$dir/copy"
        works -q --load "$model" --sample 100
        mv "$dir/out" "$dir/first"
        works -q --load "$dir/noted" --sample 100
        same_file "the sample of NumPy's copy with __metadata__, $what" "$dir/first" "$dir/out"
        works -n 201 --sample-every 0 --load "$dir/noted" --save "$dir/noted" "$dir/text"
        same 'what the copy has learned' 201 "$(sed -n 's/^iter \(201\), loss.*/\1/p' "$dir/out")"
    done <<'END'
float utf8 -H 9 -T 4
float bytes -H 17 -T 5 --bytes --cell lstm -L 2 --optimizer adam --dropout 0.1
float english -H 40 --cell gru -L 3
double english -H 30 -L 2 --optimizer adam
double utf8 -H 8 -T 3 --cell gru --optimizer adam
double bytes -H 31 --cell lstm --bytes
END
    prog=$float
    [ "$torch" ] || return
    "$torch" tests/read_torch.py $(for file in "$dir"/best-*.text; do
        echo "${file%.text}" "$file"; done) >"$dir/losses" # in the order of their names
    sort -k 3 "$dir/for_torch" >"$dir/expected"
    same 'losses from PyTorch' 4 "$(paste -d ' ' "$dir/losses" "$dir/expected" | lines)"
    while read -r loss most val_loss what; do
        apart "PyTorch's loss from val_loss, $what" "$loss" "${val_loss:-none}" $most
    done <<END
$(paste -d ' ' "$dir/losses" "$dir/expected")
END
}

others_text() { # in the file half; twice that in text
    case $1 in
    utf8*)
        characters '\303\274\303\237\n\355\225\234\352\265\255 \360\237\230\200 \346\274\242'
        cat "$dir/text" "$dir/text" "$dir/text" >"$dir/half" ;;
    bytes)
        awk 'BEGIN { for (i = 0; i < 300; i++) printf "%c", 1 + i * i % 127 }' >"$dir/half"
        printf '\000\377\303\n' >>"$dir/half" ;;
    *) head -c 2000 $text >"$dir/half" ;;
    esac
    cat "$dir/half" "$dir/half" >"$dir/text"
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
