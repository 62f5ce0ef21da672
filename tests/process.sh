# Process tests, read by run.sh: what goes in, what comes out, and what gets refused.

test_record() {
    works -n 1 $text
    same 'first line' "data has $(bytes <$text) characters, 64 unique." "$(head -n 1 "$dir/out")"
    below 'distance of the loss at iteration 0 from log(V)*T' "($(loss 0) - 25 * log(64)) ^ 2" 0.001
    works -n 1 --sample-length 50 --print-every 0 $text # two samples: at the start and at the end
    same 'bytes of the samples' $((2 * (50 + 13))) "$(sed 1d "$dir/out" | bytes)"
    same 'the rule above a sample' '---- ' "$(sed -n '2p; 3s/\(.\).*/\1/p' "$dir/out" | tr -d '\n')"
    same 'the rule below a sample' ' ----' "$(tail -n 2 "$dir/out" | sed 's/.* $/ /' | tr -d '\n')"

    characters 'a\303\251\342\202\254\360\237\230\200\n\303\251\342\202\254a\n' # 1 to 4 bytes
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
    says 'summary' '^123 iterations in [0-9.]+ s: [0-9]+ iterations/s, [0-9]+ characters/s$' \
        "$dir/err"
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
    characters '\357\273\277abc\357\273\277'
    works -n 1 -T 2 "$dir/text"
    same 'a mark at the start, and one later' 'data has 4 characters, 4 unique.' \
        "$(head -n 1 "$dir/out")"
    works -n 1 -T 2 --bytes "$dir/text"
    same 'the bytes of a mark' 'data has 9 characters, 6 unique.' "$(head -n 1 "$dir/out")"
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
    run "$(printf '%s/x\302\233y\177z' "$dir")" # what moves a cursor is not printed
    same 'a name with control characters' 'x??y?z' "$(grep -ao 'x.*z' "$dir/err")"
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
    refuses 1 'text: .*25 characters.* 25 steps.* longer text.* lower --seq-length' -n 1 "$dir/text"
    works -n 1 -T 24 "$dir/text"
    head -c 103 $text >"$dir/text"
    refuses 1 ':.* 103 characters .* 4 streams.* 104: .* lower --seq-length or --batch-size$' \
        -n 1 -B 4 "$dir/text"
    head -c 104 $text >"$dir/text"
    works -n 1 -B 4 "$dir/text"
    refuses 1 ':.* 104 characters .* 65535 streams.*--batch-size' -n 1 -B 65535 "$dir/text"

    while read -r line offset byte bytes; do # what is no UTF-8, after a text, and at its very end
        for rest in '' 'xxxxxxxx'; do
            characters "a\303\251\n\342\202\254\n$bytes$rest"
            refuses 1 "text: line $line, byte offset $offset: 0x$byte begins no UTF-8" "$dir/text"
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

# What a text that is no UTF-8 is, and what to do about it. Where the advice is a filter, following
# it has to help.
advises() { # a pattern, and the only one of these that is good advice; a filter, or nothing
    refuses 1 "$1" -n 1 -T 2 "$dir/text"
    same "advice given for $1" 1 "$(grep -oE \
        'iconv -f UTF-(16|32)|gunzip|--load|head -c|iconv -c|[(]file' "$dir/err" | lines)"
    [ "$2" ] && command -v ${2%% *} >/dev/null || return 0
    eval "$2" <"$dir/text" >"$dir/mended" 2>/dev/null
    works -n 1 -T 2 "$dir/mended"
    same "characters after: $2" "$3" "$(text_says '^data has [0-9]*' | sed 's/.* //')"
}

test_reading() {
    characters '\377\376n\000a\000\357\000v\000e\000\n\000'
    advises 'UTF-16' 'iconv -f UTF-16 -t UTF-8' 6
    characters '\376\377\000n\000a\000\357\000v\000e\000\n'
    advises 'UTF-16' 'iconv -f UTF-16 -t UTF-8' 6
    characters '\377\376\000\000n\000\000\000\357\000\000\000\n\000\000\000n\000\000\000'
    advises 'UTF-32' 'iconv -f UTF-32 -t UTF-8' 4
    characters '\000\000\376\377\000\000\000n\000\000\000\357\000\000\000\n\000\000\000n'
    advises 'UTF-32' 'iconv -f UTF-32 -t UTF-8' 4
    echo 'to be or not to be' | gzip >"$dir/text"
    advises 'compressed.*gunzip' gunzip 19
    run -n 1 -H 2 --save "$dir/checkpoint" $text
    cp "$dir/checkpoint" "$dir/text"
    advises 'checkpoint.*--load' '' # a kilobyte of header first, all ASCII
    run -n 1 -H 2 -B 1234 -T 9 --save "$dir/checkpoint2" $text
    cp "$dir/checkpoint2" "$dir/text"
    advises 'checkpoint.*--load' ''
    characters 'na\303\257ve, th\303\251 \342\202'
    advises 'line 1, byte offset 13: 0xE2.* ends.* a character.*head -c' 'head -c 13' 11
    characters 'na\303\257ve\n\360\237\230'
    advises 'line 2, byte offset 7: 0xF0.* ends.* a character.*head -c' 'head -c 7' 6
    characters 'na\303\257ve, th\303\251, caf\351 and caf\303\251 as well'
    advises 'rest is UTF-8.*iconv -c' 'iconv -c -f UTF-8 -t UTF-8' 32
    characters 'it\222s a caf\351, \223quoted\224, for \200 5\n'
    advises '[(]file.*iconv -f ENCODING.*--bytes' 'iconv -f CP1252 -t UTF-8' 31
    characters '\307\321\261\333 \305\330\275\272\306\256\n'
    advises '[(]file.*iconv -f ENCODING.*--bytes' 'iconv -f EUC-KR -t UTF-8' 7
    reading_shown
}

# Names and characters in a message: shown where that does no harm, and never what moves a cursor.
reading_shown() {
    characters 'plain text\n'
    works -n 1 -T 3 --save "$dir/plain" "$dir/text"
    while read -r bytes shown number; do
        characters "plain\\n$bytes text"
        refuses 1 "line 2, byte offset 6: .*character $shown.*(0x|U\\+)0*$number.* vocabulary" \
            --load "$dir/plain" -n 2 "$dir/text"
        same "control characters about U+$number" 0 "$(tr -d ' -~\n\200-\377' <"$dir/err" | bytes)"
        same "C1 characters about U+$number" 0 "$(grep -c "$(printf '\302[\200-\237]')" "$dir/err")"
    done <<'END'
\303\251 .?é E9
\360\237\230\200 .?😀 1F600
\t .* 9
\033 .* 1B
\177 .* 7F
\302\233 .* 9B
END
    name=$(printf 'a\nb\033[31mc\r\177') # a name with all that
    cp $text "$dir/$name"
    : >"$dir/all"
    for arguments in '--load' '--load m -n 2' '--load m --save' '--save' \
        '--val-fraction 0.1 --save-best'; do
        case $arguments in
        *m*) run $(echo "$arguments" | sed "s|m|$dir/plain|") "$dir/$name" ;;
        *) run $arguments "$dir/none/$name" $text ;;
        esac
        cat "$dir/err" >>"$dir/all"
    done
    run "$dir/$name" "$dir/$name"
    cat "$dir/err" >>"$dir/all"
    run --sample "$name"
    cat "$dir/err" >>"$dir/all"
    same 'messages that have such a name' 7 "$(lines <"$dir/all")"
    same 'control characters in them' 0 "$(tr -d ' -~\n' <"$dir/all" | bytes)"
    works -n 1 -T 2 -H 2 --save "$dir/model" "$dir/$name"
    cat "$dir/$name" "$dir/$name" >"$dir/twice"
    mv "$dir/twice" "$dir/$name"
    run -n 1 --load "$dir/model" "$dir/$name" # another text, and nothing to do
    same 'lines about it' 3 "$(lines <"$dir/err")"
    same 'control characters in them' 0 "$(tr -d ' -~\n' <"$dir/err" | bytes)"
}

# Every option with a number: what it takes, from, to (as a message prints it), and two that are
# outside.
test_numbers() {
    while read -r name takes least most less more; do
        case $takes in
        N) kind='a whole number' last=$((more - 1)) also='1.5 1e-2' ;;
        X) kind='a number' last=$most also='1e999 1e-999 . e 1,5 --1' ;;
        esac
        for value in '' ' 1' '1 ' x 1x 1e 1-1 0x10 nan inf 99999999999999999999999999999999 -1 - \
            $less $more $also; do
            run --$name="$value" -n 1 $text
            echo "min_char_rnn: --$name $value: takes $kind from $least to $most" >"$dir/want"
            same "exit status of --$name='$value'" 2 $status
            same_file "--$name='$value' ($(cat "$dir/err"))" "$dir/want" "$dir/err"
        done
        for value in "$least" "$last"; do
            works --$name="$value" --help
        done
    done <<END
layers N 1 8 0 9
hidden-size N 1 1000000 0 1000001
seq-length N 1 65535 0 65536
batch-size N 1 65535 0 65536
learning-rate X 0 1e+30 -0.1 1.1e30
decay X 0 1 -0.1 1.1
dropout X 0 0.9 -0.1 1
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
    refuses 2 'layers 9: takes' -L 9 $text
    for value in lst LSTM 'rnn|lstm' 2 rnn, ''; do # every other word, and parts of the right ones
        refuses 2 "cell $value: takes.*rnn.*lstm.*gru" --cell "$value" $text
        refuses 2 "optimizer $value: takes.*adagrad.*adam" --optimizer "$value" $text
    done
    works -n 10 --print-every 0 --sample-every 0 $text
    mv "$dir/out" "$dir/first"
    works -n 1e1 -H 1e+2 -T 2.5e1 --print-every 0 --sample-every 0e0 $text
    same_file 'whole numbers as 1e1' "$dir/first" "$dir/out"
    says '1e1 iterations' '^10 iterations' "$dir/err"
    refuses 1 'memory' -H 1000000 -T 100 -B 1024 -t 1024 $text # in no machine
    says 'what needs less memory' '--hidden-size' "$dir/err"
    if [ "$(cat /proc/sys/vm/overcommit_memory 2>/dev/null)" = 1 ]; then
        skip 'memory that is not to be had: this system promises any (vm.overcommit_memory)'
    else
        refuses 1 'memory.*--hidden-size' -H 1000000 $text
    fi
}

# What numbers mean: gradients that are clipped or not, steps of a length.
test_meaning() {
    set -- -n 60 -H 20 --print-every 20 --sample-every 0 $text
    works --clip 5 "$@"
    mv "$dir/out" "$dir/clipped"
    works --clip 1e30 "$@"
    mv "$dir/out" "$dir/first"
    works --clip 0 "$@"
    same_file '--clip 0 is no clipping at all' "$dir/first" "$dir/out"
    if cmp -s "$dir/clipped" "$dir/out"; then fail '--clip 5 clips nothing'; else pass; fi
    for pair in 'adagrad 0.1' 'adam 0.002'; do
        works --optimizer ${pair% *} "$@"
        mv "$dir/out" "$dir/first"
        works --optimizer ${pair% *} -l ${pair#* } "$@"
        same_file "learning rate of ${pair% *}" "$dir/first" "$dir/out"
        works --optimizer ${pair% *} -l 0.05 "$@"
        if cmp -s "$dir/first" "$dir/out"; then fail "${pair% *} at 0.05"; else pass; fi
    done
    # The rate falls with each pass: a text of 8 chunks is passed 12 times.
    head -c 202 $text >"$dir/text"
    set -- -n 100 -H 20 --print-every 8 --sample-every 0 "$dir/text"
    works "$@"
    mv "$dir/out" "$dir/first"
    works --decay 0.5 "$@"
    same 'the first pass is as it was' "$(sed 3q "$dir/first")" "$(sed 3q "$dir/out")"
    if cmp -s "$dir/first" "$dir/out"; then fail '--decay changes nothing'; else pass; fi
    works --decay 0 "$@"
    kept=$(sed -n 's/.*loss: //p' "$dir/out" | sed '1,3d' | sort -u | lines)
    below 'losses with --decay 0, which learns for one pass alone' "$kept" 15
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
() cell.*rnn.lstm.gru \(rnn\)$
-L, layers \(1\)$
-H, hidden-size \(100\)$
-T, seq-length \(25\)$
-B, batch-size \(1\)$
() optimizer.*adagrad.adam \(adagrad\)$
() bytes
-l, learning-rate 0\.1.*0\.002
() decay \(1\)$
() dropout \(0\)$
-c, clip \(5\)$
-n, iters \(100000\)$
-s, seed \(0\)$
-t, threads
() print-every \(1000\)$
() sample-every \(10000\)$
() sample-length \(200\)$
() temperature \(1\)$
-o, save
() save-every \(10000\)$
-i, load
() val-fraction \(0\)$
() eval-every \(10000\)$
() save-best
() sample
() prime
() eval
() show-cells
() show-gradients
() color
-q, quiet
-h, help
-V, version
END
    same 'options of --help' 33 "$(grep -cE '^ +(-., )?--[a-z]' "$dir/out")"
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

# Options that do not go together: each with a word of what it is about.
test_usage() {
    makes "$dir/fixed" -n 1 -H 2 $text
    cp "$dir/fixed" "$dir/first"
    while read -r about arguments; do
        refuses 2 "$about" $(echo "$arguments" |
            sed "s|MODEL|$dir/fixed|g; s|TEXT|$text|; s|NEW|$dir/new|")
        same "what it prints: $arguments" 0 "$(bytes <"$dir/out")"
    done <<'END'
load --sample 5
load --sample 5 --prime a
load --eval TEXT
load --show-cells TEXT
load --show-gradients TEXT
INPUT --load MODEL --sample 5 TEXT
which.text --load MODEL
which.text --load MODEL --eval
which.text --load MODEL --show-cells
which.text --load MODEL --show-gradients
prime --prime a TEXT
prime --load MODEL --prime a TEXT
prime --load MODEL --eval --prime a TEXT
one --load MODEL --sample 5 --eval
one --load MODEL --eval --show-cells TEXT
one --load MODEL --show-cells --show-gradients TEXT
one --load MODEL --sample 0 --show-gradients TEXT
color --color TEXT
color --load MODEL --sample 5 --color
color --load MODEL --show-gradients --color TEXT
save --load MODEL --sample 5 --save NEW
save --load MODEL --eval --save NEW TEXT
save --load MODEL --eval --save-best NEW TEXT
save --load MODEL --show-cells --save NEW TEXT
save --load MODEL --show-gradients --save-best NEW TEXT
val-fraction --save-best NEW TEXT
val-fraction --save-best NEW --val-fraction 0 TEXT
val-fraction --save-best NEW --val-fraction 0.1 --eval-every 0 TEXT
END
    while read -r option; do # what a model is made of is fixed
        refuses 2 "fixed.*--${option%% *}([^a-z]|\$)" --load "$dir/fixed" -n 5 --save "$dir/fixed" \
            --$option $text
    done <<'END'
cell lstm
layers 2
hidden-size 3
seq-length 24
batch-size 2
optimizer adam
bytes
END
    same_file 'a model that options contradict' "$dir/first" "$dir/fixed"
    same 'a file that was not asked for' 0 "$(ls "$dir" | grep -c '^new$')"
    head -c 3000 "$dir/first" >"$dir/cut" # damaged, before anything else
    refuses 1 'cut: it is damaged' --load "$dir/cut" -H 3 $text
    works --load "$dir/fixed" -n 2 --cell rnn -L 1 -H 2 -T 25 -B 1 --optimizer adagrad $text
    makes "$dir/fixed2" -n 1 -H 2 --bytes $text
    works --load "$dir/fixed2" -n 2 --bytes $text
    works --load "$dir/fixed2" -n 2 $text
    for option in save load save-best prime; do
        refuses 2 "--$option" --$option= $text
    done
    refuses 2 'log' --log x $text
    refuses 2 'stop' --stop x $text
}

test_failures() {
    for rate in 1e30 1e10 1000; do
        refuses 1 'iteration [1-9][0-9]*: the loss has diverged.*lower --learning-rate' -n 200 \
            -l $rate $text
    done
    if [ -c /dev/full ]; then
        for arguments in --help --version "-n 1 $text" \
            "-n 1 --sample-every 0 --print-every 0 $text"; do
            "$prog" $arguments >/dev/full 2>"$dir/err"
            same "exit status of $arguments >/dev/full" 1 $?
            says "$arguments >/dev/full" \
                "^min_char_rnn: standard output cannot be written: No space" "$dir/err"
        done
    else
        skip 'a full disk: there is no /dev/full (Linux has one)'
    fi
    { "$prog" -n 2000 --print-every 1 $text 2>"$dir/err"; echo $? >"$dir/status"; } |
        head -n 1 >"$dir/out"
    same 'exit status with a closed pipe' 1 "$(cat "$dir/status")"
    says 'a closed pipe' '^min_char_rnn: standard output cannot be written: Broken pipe' "$dir/err"
    same 'what came through' 1 "$(grep -c '^data has' "$dir/out")"
    "$prog" -n 1 $text >&- 2>"$dir/err"
    same 'exit status without standard output' 1 $?
    says 'no standard output' '^min_char_rnn: standard output cannot be written: Bad file' \
        "$dir/err"
    "$prog" -n 1 $text >"$dir/out" 2>&-
    same 'exit status without standard error' 0 $?
}
