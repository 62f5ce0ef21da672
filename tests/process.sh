# Process tests, read by run.sh: what goes in, what comes out, and what gets refused.

test_record() {
    works -n 1 $text
    same 'first line' "data has $(bytes <$text) characters, 64 unique." "$(head -n 1 "$dir/out")"
    below 'distance of the loss at iteration 0 from log(V)*T' "($(loss 0) - 25 * log(64)) ^ 2" 0.001
    works -n 1 --sample-length 50 --print-every 0 $text # two samples: at the start and at the end
    same 'bytes of the samples' $((2 * (50 + 13))) "$(sed 1d "$dir/out" | bytes)"
    same 'the rule above a sample' '---- ' "$(sed -n '2p; 3s/\(.\).*/\1/p' "$dir/out" | tr -d '\n')"
    same 'the rule below a sample' ' ----' "$(tail -n 2 "$dir/out" | sed 's/.* $/ /' | tr -d '\n')"

    characters 'a\303\251\342\202\254\360\237\230\200\n\303\251\342\202\254a\n' # 1, 2, 3 and 4 bytes
    works -n 1 -T 8 --sample-length 70 --sample-every 5 --print-every 0 "$dir/text"
    same 'UTF-8' 'data has 9 characters, 5 unique.' "$(head -n 1 "$dir/out")"
    same 'UTF-8 characters in the samples' 166 "$(sed 1d "$dir/out" | tr -d '\200-\277' | bytes)"
    same 'bytes that are not the text'\''s' '' \
        "$(sed 1d "$dir/out" | tr -d 'a\n \303\251\342\202\254\360\237\230\200-')"

    works -n 10 --print-every 3 --sample-every 4 --sample-length 0 $text
    same 'losses' '0 3 6 9 10 ' "$(sed -n 's/^iter \(.*\), loss.*/\1 /p' "$dir/out" | tr -d '\n')"
    same 'rules of samples' 8 "$(grep -c '^----$' "$dir/out")"
    works -n 10 --print-every 0 --sample-every 4 --sample-length 0 $text
    same 'no losses, four samples' '0 8' "$(grep -c loss "$dir/out") $(grep -c '^----$' "$dir/out")"
    works -n 10 --print-every 7 --sample-every 0 $text
    same 'losses, no samples' '3 0' "$(grep -c loss "$dir/out") $(grep -c '^----$' "$dir/out")"
    works -n 10 --print-every 0 --sample-every 0 $text
    same 'neither' 1 "$(lines <"$dir/out")"
}

test_learning() {
    works -n 2000 --sample-every 0 $text
    below 'loss after 2000 iterations' "$(loss 2000)" 78
    works -n 600 -B 4 --sample-every 0 --print-every 300 $text
    below 'loss of four streams after 600 iterations' "$(loss 600)" 95
    works -n 8000 -H 3 -T 4 --sample-every 8000 --sample-length 8 data/hello.txt
    below 'loss on hello' "$(loss 8000)" 0.1
    same 'sample after hello' ' ello' "$(tail -n 3 "$dir/out" | head -n 1 | cut -c 1-5)"
}

test_determinism() {
    for options in '-n 300 -s 5' '-n 40 -B 4 -t 2' '-n 40 -B 5 -t 3 -H 33 -T 7'; do
        works $options --print-every 20 --sample-every 100 $text
        mv "$dir/out" "$dir/first"
        works $options --print-every 20 --sample-every 100 $text
        same_file "twice the same: $options" "$dir/first" "$dir/out"
    done
    works -n 1 -s 6 $text
    mv "$dir/out" "$dir/first"
    works -n 1 -s 7 $text
    if cmp -s "$dir/first" "$dir/out"; then fail 'seeds 6 and 7 print the same'; else pass; fi
    printf 'data has 5 characters, 4 unique.\n' >"$dir/first"
    works -n 123 --sample-every 0 --print-every 0 -T 4 data/hello.txt
    same_file 'nothing but the first line' "$dir/first" "$dir/out"
    same 'lines on standard error' 1 "$(lines <"$dir/err")"
    says 'summary' '^123 iterations in [0-9.]+ s: [0-9]+ iterations/s, [0-9]+ characters/s$' "$dir/err"
    works -n 1 --quiet $text
    same '--quiet on standard error' 0 "$(bytes <"$dir/err")"
}

test_input() {
    works -n 50 $text
    mv "$dir/out" "$dir/first"
    works -n 50 - <$text
    same_file 'standard input' "$dir/first" "$dir/out"
    cat $text | "$prog" -n 50 - >"$dir/out" 2>/dev/null
    same_file 'a pipe' "$dir/first" "$dir/out"
    works $text -n 50
    same_file 'options after INPUT' "$dir/first" "$dir/out"
    works --iter=50 -- $text
    same_file 'a shortened option' "$dir/first" "$dir/out"

    characters 'ab\r\nab\r\n'
    works -n 1 -T 3 "$dir/text"
    same 'CR and LF' 'data has 8 characters, 4 unique.' "$(head -n 1 "$dir/out")"
    characters '\357\273\277abc'
    works -n 1 -T 3 "$dir/text"
    same 'a BOM' 'data has 4 characters, 4 unique.' "$(head -n 1 "$dir/out")"
    characters 'a\000b\000'
    works -n 1 -T 3 --sample-length 90 --print-every 0 "$dir/text"
    same 'NUL' 'data has 4 characters, 3 unique.' "$(head -n 1 "$dir/out")"
    below 'NUL among the samples' 0 "$(tr -cd '\000' <"$dir/out" | bytes)"

    head -c 4096 /dev/urandom >"$dir/random"
    works -n 1 --bytes --sample-length 5000 --print-every 0 "$dir/random"
    says '--bytes' '^data has 4096 characters, 2[0-9]+ unique.$' "$dir/out"
    same 'bytes of the samples' $((2 * (5000 + 13))) "$(sed 1d "$dir/out" | bytes)"
    below 'high bytes in the samples' 2000 "$(tr -cd '\200-\377' <"$dir/out" | bytes)"

    awk 'BEGIN { # 65535 characters: all code points from U+0800 on but the halves of UTF-16
        for (c = 2048; n < 65535; c++) if (c < 55296 || c > 57343) { n++
            if (c < 65536) printf "%c", 224 + int(c / 4096)
            else printf "%c%c", 240 + int(c / 262144), 128 + int(c / 4096) % 64
            printf "%c%c", 128 + int(c / 64) % 64, 128 + c % 64 } }' >"$dir/all"
    works -n 1 -H 1 -T 1 --sample-every 0 "$dir/all"
    same 'all there can be' 'data has 65535 characters, 65535 unique.' "$(head -n 1 "$dir/out")"
    printf 'A' >>"$dir/all"
    refuses 1 'more than 65535 unique characters.*--bytes' -n 1 -H 1 -T 1 "$dir/all"
    works -n 1 --bytes "$dir/all"
}

test_bad_input() {
    refuses 1 "$dir/none: No such file" "$dir/none"
    refuses 1 ' -x: No such file' -- -x
    refuses 1 'input.txt/x: Not a directory' $text/x
    refuses 1 ': data: Is a directory' data
    refuses 1 ': -: Is a directory' - <.
    refuses 1 ': -: Bad file descriptor' - <&-
    refuses 1 ': -: the file is empty' - </dev/null
    characters ''
    refuses 1 'text: the file is empty' "$dir/text"
    refuses 1 'text: the file is empty' --bytes "$dir/text"
    characters 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    refuses 1 'a single unique character: nothing to ' "$dir/text"
    if chmod 000 "$dir/text" && [ ! -r "$dir/text" ]; then
        refuses 1 'text: Permission denied' "$dir/text"
    else
        skip 'permissions: whoever runs this may read everything (root)'
    fi
    rm -f "$dir/text"

    head -c 25 $text >"$dir/text"
    refuses 1 'text: 25 characters.* 25 steps.*: lower --seq-length$' -n 1 "$dir/text"
    works -n 1 -T 24 "$dir/text"
    head -c 103 $text >"$dir/text"
    refuses 1 ': 25 characters .*stream.* 25 steps.*: lower --seq-length or --batch-size$' -n 1 -B 4 "$dir/text"
    head -c 104 $text >"$dir/text"
    works -n 1 -B 4 "$dir/text"
    refuses 1 ': 0 characters .*stream' -n 1 -B 65535 "$dir/text"

    while read -r line offset byte bytes; do # what is no UTF-8, after a text, and at its very end
        for rest in '' 'xxxxxxxx'; do
            characters "a\303\251\n\342\202\254\n$bytes$rest"
            refuses 1 "text: line $line, byte offset $offset: 0x$byte.*iconv.*--bytes" "$dir/text"
        done
        works -n 1 -T 5 --bytes "$dir/text"
    done <<'END'
3 10 FF ok\377
4 9 C3 \n\303
3 8 C3 \303(
3 8 80 \200
3 9 C0 a\300\200
3 8 E0 \340\200\257
3 8 ED \355\240\200
3 8 F0 \360\237\230
3 8 F4 \364\220\200\200
3 8 F5 \365\200\200\200
5 12 E9 \n\nat\351\040
END
}

# Every option with a number: what it takes, from, to (as a message prints it), and two that are outside.
test_numbers() {
    while read -r name takes least most less more; do
        case $takes in
        N) kind='a whole number' last=$((more - 1)) also='1.5 1e2 1e-2' ;;
        X) kind='a number' last=$most also='1e999 1e-999 . e 1e 1,5 --1' ;;
        esac
        for value in '' ' 1' '1 ' x 1x 0x10 nan inf 99999999999999999999999999999999 -1 - $less $more $also
        do
            run --$name="$value" -n 1 $text
            echo "min_char_rnn: --$name $value: takes $kind from $least to $most" >"$dir/want"
            same "exit status of --$name='$value'" 2 $status
            same_file "--$name='$value' ($(cat "$dir/err"))" "$dir/want" "$dir/err"
        done
        for value in "$least" "$last"; do
            works --$name="$value" --help
        done
    done <<END
hidden-size N 1 1000000 0 1000001
seq-length N 1 65535 0 65536
batch-size N 1 65535 0 65536
learning-rate X 0 1e+30 -0.1 1.1e30
clip X 0 1e+30 -0.1 1.1e30
iters N 0 1e+15 -1 1000000000000001
seed N 0 4294967295 -1 4294967296
threads N 0 1024 -1 1025
print-every N 0 1e+15 -1 1000000000000001
sample-every N 0 1e+15 -1 1000000000000001
sample-length N 0 1e+15 -1 1000000000000001
temperature X 0 1e+30 -0.1 1.1e30
save-every N 0 1e+15 -1 1000000000000001
val-fraction X 0 0.9 -0.1 0.91
eval-every N 0 1e+15 -1 1000000000000001
sample N 0 1e+15 -1 1000000000000001
END
    refuses 2 'hidden-size x: takes' -H x $text
    refuses 1 'memory: lower --hidden-size' -H 1000000 -T 100 -B 1024 -t 1024 $text # in no machine
    if [ "$(cat /proc/sys/vm/overcommit_memory 2>/dev/null)" = 1 ]; then
        skip 'memory that is not to be had: this system promises any (vm.overcommit_memory)'
    else
        refuses 1 'memory: lower --hidden-size' -H 1000000 $text
    fi
}

test_options() {
    refuses 2 'wrong' --wrong $text
    refuses 2 'help shows' -Z $text
    refuses 2 'ambiguous' --s=5 $text
    refuses 2 'argument.*hidden-size|hidden-size.*argument' $text --hidden-size
    refuses 2 'argument.*H|H.*argument' $text -H
    refuses 2 'argument' --bytes=3 $text
    refuses 2 'which text\? Name a file'
    refuses 2 'which text\? Name a file' -n 5
    refuses 2 "'a' and 'b' are two texts" a b
    same 'a usage error prints nothing on standard output' 0 "$(bytes <"$dir/out")"

    works --help
    while read -r letter option preset; do
        says "--help shows --$option" "^ *$letter *--$option .*$preset" "$dir/out"
    done <<'END'
-H, hidden-size \(100\)$
-T, seq-length \(25\)$
-B, batch-size \(1\)$
-l, learning-rate \(0\.1\)$
-c, clip \(5\)$
-n, iters \(100000\)$
-s, seed \(0\)$
-t, threads
() print-every \(1000\)$
() sample-every \(10000\)$
() sample-length \(200\)$
() temperature \(1\)$
() stop
() bytes
-o, save
() save-every \(10000\)$
-i, load
() val-fraction \(0\)$
() eval-every \(10000\)$
() save-best
() log
() sample
() prime
() eval
-q, quiet
-h, help
-V, version
END
    same '--help on standard error' 0 "$(bytes <"$dir/err")"
    below 'columns of --help' "$(awk 'length > n { n = length } END { print n }' "$dir/out")" 101
    for option in help version; do
        works --$option
        mv "$dir/out" "$dir/first"
        works -$(echo $option | sed 's/version/V/; s/help/h/')
        same_file "short for --$option" "$dir/first" "$dir/out"
    done
    says '--version' '^min_char_rnn [0-9]+\.[0-9]+' "$dir/out"
}

test_failures() {
    for rate in 1e30 1e10 1000; do
        refuses 1 'iteration [1-9][0-9]*: the loss has diverged.*lower --learning-rate' -n 200 -l $rate $text
    done
    if [ -c /dev/full ]; then
        for arguments in --help --version "-n 1 $text" "-n 1 --sample-every 0 --print-every 0 $text"; do
            "$prog" $arguments >/dev/full 2>"$dir/err"
            same "exit status of $arguments >/dev/full" 1 $?
            says "$arguments >/dev/full" "^min_char_rnn: standard output cannot be written: No space" \
                "$dir/err"
        done
    else
        skip 'a full disk: there is no /dev/full (Linux has one)'
    fi
    { "$prog" -n 2000 --print-every 1 $text 2>"$dir/err"; echo $? >"$dir/status"; } | head -n 1 >"$dir/out"
    same 'exit status with a closed pipe' 1 "$(cat "$dir/status")"
    says 'a closed pipe' '^min_char_rnn: standard output cannot be written: Broken pipe' "$dir/err"
    same 'what came through' 1 "$(grep -c '^data has' "$dir/out")"
    "$prog" -n 1 $text >&- 2>"$dir/err"
    same 'exit status without standard output' 1 $?
    says 'no standard output' '^min_char_rnn: standard output cannot be written: Bad file' "$dir/err"
    "$prog" -n 1 $text >"$dir/out" 2>&-
    same 'exit status without standard error' 0 $?
}
