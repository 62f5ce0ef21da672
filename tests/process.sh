# Process tests, read by run.sh: what goes in, what comes out, and what is refused.

# The shell runs the commands of the tables below in the folder $dir: so no name and no message has
# a path in it. Standard input is empty, unless a command redirects it.
try() {
    [ -d "$dir/folder" ] || texts
    (cd "$dir" && eval "\"\$prog\" $1") </dev/null >"$dir/out" 2>"$dir/err"
    status=$?
}
each() { # runs a function on each of some commands, with " & " between them
    rest="$2 & "
    while [ "$rest" ]; do one=${rest%%" & "*} rest=${rest#*" & "}; "$1" "$one"; done
}
matches() { # what, a pattern of the shell, got
    case $3 in $2) pass ;; *) fail "$1: expected '$2', got '$3'" ;; esac
}
refused() { # a table: commands | the message of each, as a pattern of the shell
    while IFS='|' read -r commands message; do each is_refused "${commands%"${commands##*[! ]}"}"; done
}
is_refused() {
    try "$1"
    matches "$1" "1 ${prog##*/}:$message" "$status $(grep -v '^==' "$dir/err")" # a sanitizer's lines
}
prints() { # a table: a command | a sed script | what it selects of the output, as a pattern
    while IFS='|' read -r command script wanted; do
        try "$command"
        got=$(tr '\t' ' ' <"$dir/out" | sed -n "$script" | tr '\n' '~')
        matches "$command ($(cat "$dir/err"))" "0$wanted" "$status $got"
    done
}
alike() { # a table: a command | commands that print the same
    while IFS='|' read -r command others; do
        try "$command"
        mv "$dir/out" "$dir/first"
        each is_alike "$others"
    done
}
is_alike() {
    try "$1"
    same "exit status and messages of $1" '0 ' "$status $(cat "$dir/err")"
    same_file "what $1 prints, and $command" "$dir/first" "$dir/out"
}
texts() { # the texts and the models that the tables name
    mkdir "$dir/folder"
    cp $text "$dir/input"
    cp data/hello.txt "$dir/hello"
    for n in 25 103 104 404; do head -c $n $text >"$dir/$n"; done
    for file in 'empty ' 'mark \357\273\277' 'marks \357\273\277abc\357\273\277' 'one x' 'ab ab' \
        'aaa aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' 'crlf ab\r\nab\r\n' 'nul a\000b\000' \
        'utf8 a\303\251\342\202\254\360\237\230\200\n\303\251\342\202\254a\n' \
        'foreign ab\n\n\303\251' 'unprintable ab\n\033' 'cycle abcdabcdabcdabcdabcdabcdabcdabcd' \
        'escapes a\tb\n\\c\tb\n\\ca\na\tb\n\\c\tb\n\\ca\n'; do
        printf "${file#* }" >"$dir/${file%% *}"
    done
    while read -r name how; do try "-q --save $name $how"; done <<'END'
model -n 60 -H 20 input
lstm -n 5 -H 3 -L 2 --cell lstm input
bytes -n 20 -H 5 --bytes input
END
}

test_record() {
    prints <<'END'
--help |/--iters/p| * (100000)~
-n 1 input              |1p;/loss/p| data has 111573 characters, 64 unique.~iter 0, loss: 103.97????~iter 1, loss: 103.97????~
-n 10 --print-every 3 --sample-every 4 --sample 0 input |s/, loss.*//p| iter 0~iter 3~iter 6~iter 9~iter 10~
-n 10 --print-every 0 --sample-every 4 --sample 1 input |/----/p| ----~----~----~----~----~----~----~----~
-n 10 --print-every 0 --sample-every 0 input |p| data has 111573 characters, 64 unique.~
-n 9 --print-every 0 --eval-every 4 --val-fraction 0.1 --sample 0 input |s/val loss: [0-9.]* nats.char, [0-9.]* bits.char$/-/p| iter 0, -~iter 4, -~iter 8, -~iter 9, -~
-n 2 --eval-every 1 --print-every 1 --val-fraction 0.1 --sample 0 input |s/loss: .*//p| iter 0, val ~iter 0, ~iter 1, val ~iter 1, ~iter 2, val ~iter 2, ~
-n 1 --eval-every 0 --val-fraction 0.1 --sample 0 input |/^iter/p| iter 0, loss*~iter 1, loss*~
-n 1 -T 8 utf8           |1p| data has 9 characters, 5 unique.~
-n 1 -T 8 --bytes utf8   |1p| data has 18 characters, 11 unique.~
-n 1 -T 3 crlf           |1p| data has 8 characters, 4 unique.~
-n 1 -T 3 nul            |1p| data has 4 characters, 3 unique.~
-n 1 -T 2 marks          |1p| data has 4 characters, 4 unique.~
-n 1 -T 1 --sample 4 ab  |2,4p| ----~ [ab][ab][ab][ab] ~----~
-n 1 -B 4 104            |1p| data has 104 characters, 39 unique.~
-n 2000 --sample 0 --print-every 2000 input     |$p| iter 2000, loss: [67]?.*
-n 600 -B 4 --sample 0 --print-every 600 input  |$p| iter 600, loss: [89]?.*
-n 8000 -H 3 -T 4 --sample-every 8000 --sample 8 hello |1!{/---/d;p}| * ello*~iter 8000, loss: 0.0*~
END
    try '-n 1 -T 8 --sample 70 --print-every 0 utf8' # blanks and rules apart, it has the text's bytes
    same 'characters in two samples, others' '166 0' "$(sed 1d "$dir/out" | tr -d '\200-\277' | bytes) \
$(sed 1d "$dir/out" | tr -d 'a\n \303\251\342\202\254\360\237\230\200-' | bytes)"
    try '-n 123 --sample 0 -T 4 hello'
    same 'summary' '123 iterations in X s: X characters/s' "$(sed 's/[0-9.]* s: [0-9]*/X s: X/' "$dir/err")"
}

# What options mean, and that the same command prints the same again.
test_meaning() {
    alike <<'END'
-q -n 40 input | -q -n 40 input & -q -n 40 - <input & --iter=40 --quiet -- input & input -qn40 & -q -n 1 -n 4e1 input
-q -n 40 input | -q -n 40 --cell rnn -L 1 -H 100 -T 25 -B 1 --optimizer adagrad -l 0.1 --decay 1 --dropout 0 -c 5 input & -q -n 40 -s 0 -t 0 --print-every 1000 --sample-every 10000 --eval-every 10000 --sample 200 input
-q -n 40 input | -q -n 40 --temperature 1 --val-fraction 0 input & input -q --sample 0x0C8 -H +1e2 -n ' 40' -T 25.0
-L2 -H9 -T9 -B3 -l.2 -c2 -n9 -s3 -t2 -q input | --layers 2 --hidden-size 9 --seq-length 9 --batch-size 3 --learning-rate 0.2 --clip 2 --iters 9 --seed 3 --threads 2 --quiet input
-q -n 9 -B 9 --dropout 0.5 input | -t 0 -q -n 9 -B 9 --dropout 0.5 input & -t 1 -q -n 9 -B 9 --dropout 0.5 input
-q -n 40 --optimizer adam input  | -q -n 40 --optimizer adam -l 0.002 input
-q -n 40 -c 0 input              | -q -n 40 -c 1e30 input
--load model           | -i model & --load model --sample 200 --temperature 1 --seed 0 -q
--load model --temperature 0 | --load model --temperature 1e-300 -s 2 & --load model --temperature 0 -s 3
--load bytes --prime a | --load bytes --prime a --bytes -H 5 --cell rnn
--load model --eval input | --load model --eval - <input & --load model --eval --val-fraction 0.5 -n 5 -l 3 input
--help    | -h & --eval -h input --bytes extra & --help --load none
--version | -V & -V none
END
    seen=
    for options in 404 '-n 41 404' '--print-every 10 404' '--sample-every 20 404' '--sample 100 404' \
        '--temperature 0.9 404' '--val-fraction 0.1 404' '--val-fraction 0.2 404' '-s 1 404' \
        '--val-fraction 0.1 --eval-every 10 404' '--cell lstm 404' '--cell gru 404' '-L 2 404' \
        '-H 99 404' '-T 24 404' '-B 2 404' '--optimizer adam 404' '-l 0.2 404' '-c 0.5 404' \
        '--decay 0.5 404' '--decay 0 404' '--dropout 0.1 404' '--dropout 0.5 404' 'utf8 -T 8' \
        '--bytes utf8 -T 8' '--load model' '--load model -s 1' '--load model --sample 100' \
        '--load bytes' '--load model --prime Q' '--load model --temperature 0.5'; do
        try "-q -n 40 $options"
        sum=$(cksum <"$dir/out")
        case $seen in *"$sum"*) fail "$options prints the same as another command" ;; esac
        same "exit status of $options ($(cat "$dir/err"))" 0 $status
        seen="$seen/$sum"
    done
}

test_options() {
    refused <<'END'
 & -n 5 & --save new | no text: name one (-: standard input)
input --cell | --cell takes a value: see --help
input -n    | -n takes a value: see --help
input hello | 'hello' is a second text: name one
-qZ input & -Zq input | -Z: no such option: see --help
--wrong input & --s=5 input & --sample-length 5 input & --save-every 5 input & --color input & --show-cells input | --[csw]*: no such option: see --help
--eval input & --show-units input & --show-gradients - & --load model --eval & --load model --show-units & --load model --show-gradients & --load model --eval --show-units input & --load model --eval --show-gradients input & --load model --show-units --show-gradients input | use one of --eval and --show-..., with --load and INPUT
--prime a input & --load model --prime a input & --load model --eval --prime a input | --prime is for a sample alone: no INPUT
--load model --save new & --load model --save-best new & --load model --eval --save new input & --load model --show-units --save new input & --load model --show-gradients --save-best new input | only training saves: *
--save-best new input & --save-best new --val-fraction 0 input & --save-best new --val-fraction 0.1 --eval-every 0 input | --save-best needs --val-fraction and --eval-every
--save new --save-best new --val-fraction 0.1 input & --save new --save-best ./new --val-fraction 0.1 input | --save and --save-best: name two files
--cell lst input & --cell '' input & --cell LSTM input & --cell 2 input & --cell rnn, input & --cell=gr input & --optimizer sgd input | --*: takes [ra]*|*
END
    same 'files that refused commands made' 0 "$(ls "$dir" | grep -c '^new')"
    # What options take, and the limits; what is beyond them.
    while read -r takes least most less more names; do
        for name in $names; do
            case $takes in
            flag) echo "--$name=1 input | --$name=1: no such option: see --help" ;;
            FILE | TEXT) ;;
            *)  limits="*number from $least to $most"
                echo "--$name $less input | --$name $less: takes a$limits"
                echo "--$name=$more input | --$name $more: takes a$limits"
                echo "-h | -h --$name $least & -h --$name=$most" >&3 ;;
            esac
            [ $takes = flag ] || echo "input --$name | --$name takes a value: see --help"
        done
    done >"$dir/table" 3>"$dir/accepted" <<'END'
N 1 8 0 9                                layers
N 1 1000000 0 1000001                    hidden-size
N 1 65535 0 65536                        seq-length batch-size
X 0 1e+30 -0.1 1.1e30                    learning-rate clip temperature
X 0 1 -0.1 1.1                           decay
X 0 0.9 -1e-9 0.91                       dropout val-fraction
N 0 1e+15 -1 1000000000000001            iters print-every sample-every eval-every sample
N 0 4294967295 -1 4294967296             seed
N 0 1024 -1 1025                         threads
TEXT - - - -                             prime
FILE - - - -                             save save-best load
flag - - - -                             bytes eval show-units show-gradients quiet help version
END
    # What is no number, and no whole number.
    for value in "''" "'5 '" 1-1 1e 0x10g nan inf -inf 1e999 -- . 5, 1.5 1e-2 9999999999999999; do
        echo "-n $value input | --iters *: takes a whole number from 0 to 1e+15"
        case $value in 1.5 | 1e-2 | 9*) continue ;; esac
        echo "-l $value input | --learning-rate *: takes a number from 0 to 1e+30"
    done >>"$dir/table"
    refused <"$dir/table"
    alike <"$dir/accepted"
    try --help
    same 'options, and wide lines, of --help' '30 0' \
        "$(grep -c '^  [ -].[ ,] --' "$dir/out") $(awk 'length > 80' "$dir/out" | lines)"
}

test_input() {
    refused <<'END'
none & --load none & --load model --eval none | none: No such file or directory
-- -x              | -x: No such file or directory
folder & --load folder | folder: Is a directory
- <folder          | -: Is a directory
- <&-              | -: Bad file descriptor
- & --load - --eval - <model | -: no text, or one character
empty & --bytes empty & --load empty & --load model --eval empty | empty: *
mark & --load model --eval mark & --load model --show-units mark & --load model --show-gradients mark | mark: *
one & --bytes one & --load model --eval one | one: *
aaa                | aaa: a single character: nothing to learn
25 & -n 99 --load model 25 | 25: too short: 25 characters to learn from, 26 needed, 0 held out: take *
-B 4 103           | 103: too short: 103 characters to learn from, 104 needed, *
-B 65535 -T 65535 input | input: too short: * 4294901760 needed, 0 held out: take a longer text, lower -T or -B, or change --val-fraction
--val-fraction 0.9 104 & --val-fraction 1e-9 104 & -n 1 --val-fraction 0.01 104 | 104: *
-n 99 --load model foreign & --load model --eval foreign & --load model --show-units foreign | foreign, line 3: *U+00E9 'é': *
--load model --eval unprintable | unprintable, line 2: *U+001B '': *
--load model --prime aé & --load bytes --prime é | --prime, line 1: *U+00[EC][93] '[éÃ]*': *
--load model --prime "$(printf 'a\303')" | --prime*byte offset 1: 0xC3 is not UTF-8*
--load input       | input: damaged, or no model of this size and build: name another
--load model --show-gradients 25 | 25 is too short: *
--load model -T 24 --eval input  | leave --seq-length out: model has its own
-H 1000000 -L 8 --cell lstm input | no memory for *GB: lower -H, -L, -T or -B
-n 200 -l 1000 input & -n 200 -l 1e30 --cell lstm input & -n 200 -l 1e10 --optimizer adam -L 3 input | iteration 1: loss *: lower --learning-rate
END
    for option in 'cell lstm' 'layers 2' 'hidden-size 21' 'batch-size 2' 'optimizer adam' 'bytes '; do
        message=" leave --${option% *} out: model has its own"
        set -- "--load model --$option"
        each is_refused "$1 input & $1 --sample 5 & $1 --show-gradients input"
    done
    cp "$dir/input" "$dir/unreadable"
    chmod 000 "$dir/unreadable"
    message=' unreadable: Permission denied'
    [ -r "$dir/unreadable" ] && skip 'an unreadable file: root reads it' || is_refused unreadable
    # Bytes that are not UTF-8, at the end of a text and within: the line, the byte's offset, the byte.
    for row in '3 10 FF ok\377' '4 9 C3 \n\303' '3 8 C3 \303(' '3 8 80 \200' '3 9 C0 a\300\200' \
        '3 8 E0 \340\200\257' '3 8 ED \355\240\200' '3 8 F0 \360\237\230' '3 8 F4 \364\220\200\200' \
        '3 8 F5 \365\200\200\200' '3 8 F8 \370\210\200\200' '5 12 E9 \n\nat\351\040'; do
        set -- $row
        message=" *, line $1, byte offset $2: 0x$3 is not UTF-8: *iconv*--bytes"
        for rest in '' xxxxxxxx; do
            printf "a\303\251\n\342\202\254\n$4$rest" >"$dir/bad"
            is_refused bad
        done
    done
    awk 'BEGIN { # 65535 characters: all code points from U+0800 on but the halves of UTF-16
        for (c = 2048; n < 65535; c++) if (c < 55296 || c > 57343) { n++
            if (c < 65536) printf "%c", 224 + int(c / 4096)
            else printf "%c%c", 240 + int(c / 262144), 128 + int(c / 4096) % 64
            printf "%c%c", 128 + int(c / 64) % 64, 128 + c % 64 } }' >"$dir/all"
    { cat "$dir/all"; printf A; } >"$dir/more"
    message=' more: over 65535 different characters: try --bytes'
    is_refused '-n 1 -H 1 -T 1 more'
    prints <<'END'
-n 1 -H 1 -T 1 --sample 0 all          |1p| data has 65535 characters, 65535 unique.~
-n 1 -H 1 -T 1 --sample 0 --bytes more |1p| data has 200701 characters, 82 unique.~
END
}

test_sampling() {
    try '-q -n 200 -H 20 -T 8 --save utf8_model utf8'
    try '-q -n 1500 -H 10 -T 4 --save cycle_model cycle'
    prints <<'END'
--load cycle_model --sample 6 --temperature 0 --prime abc  |p| dabcda*
--load cycle_model --sample 6 --temperature 0 --prime abcd |p| abcdab*
--load cycle_model --sample 8                              |p| [abcd]*
END
    for row in '1000 model --sample 1000' '200 model' \
        '777 utf8_model --sample 777 --prime é€ --temperature 1e30'; do
        try "--load ${row#* }"
        same "exit status, characters and a newline, messages: $row" "0 $((${row%% *} + 1)) " \
            "$status $(tr -d '\200-\277' <"$dir/out" | bytes) $(cat "$dir/err")"
        cp "$dir/out" "$dir/sample${row%% *}"
    done
    same 'a shorter sample' "$(head -c 200 "$dir/sample1000")" "$(cat "$dir/sample200")"
    head -c 4096 /dev/urandom >"$dir/random"
    try '-q -n 1 --bytes --sample 5000 --print-every 0 random'
    same 'bytes of two samples of bytes' $((2 * (5000 + 13))) "$(sed 1d "$dir/out" | bytes)"
    below 'high bytes in them' 3000 "$(tr -cd '\200-\377' <"$dir/out" | bytes)"
    start "$prog" --load "$dir/model" --sample 0
    await larger_than 100000
    end_by TERM
    same 'an endless sample, ended by SIGTERM: status, messages' '143 ' "$status $(cat "$dir/err")"
}

nats() { sed -n 's/.*: \([0-9.]*\) nats.*/\1/p' "$dir/out" | tail -n 1; } # the last one printed
# Held-out losses, --eval, and the model that --save-best keeps.
test_losses() {
    head -c 100416 $text >"$dir/kept" # what --val-fraction 0.1 leaves
    tail -c 11157 $text >"$dir/held"
    for i in 1 2 3 4 5 6 7 8 9 10; do cat "$dir/held"; done >"$dir/ten"
    for row in '1e-5 held -H 20' '1e-5 held -H 9 --cell lstm -L 2 --dropout 0.3' \
        '1e-5 held -H 9 --cell gru -L 2 -t 2' '0.01 held -H 20 -B 4 -t 2' '0.001 ten -H 20'; do
        set -- $row
        try "-n 100 ${row#* * } --val-fraction 0.1 --eval-every 30 --sample 0 --save new input"
        held=$(nats)
        try "--load new --eval $2"
        below "distance of --eval from the held-out loss, $row" "($held - $(nats)) ^ 2" "$1 ^ 2"
        rm "$dir/new"
    done
    below 'nats, and bits in nats' "$(awk '{ print ($3 - $5 * log(2)) ^ 2 }' "$dir/out")" 1e-10
    # What is held out is not learned; when it is read makes no difference to what is.
    for options in kept '--val-fraction 0.1 input' '--val-fraction 0.1 --eval-every 7 input'; do
        try "-n 50 -H 20 -B 2 -t 2 --print-every 9 --sample-every 25 $options"
        sed '1d; / val loss/d' "$dir/out" >"$dir/rest"
        [ "$options" != kept ] || cp "$dir/rest" "$dir/want"
        same_file "the record of $options" "$dir/want" "$dir/rest"
    done
    set -- --val-fraction 0.1 --eval-every 12 --sample 0
    try "-n 60 -H 20 $* --save rising --save-best best input"
    best=$(nats)
    try "-n 120 -l 5 $* --load rising --save rising --save-best best input" # the rate is too high
    below 'the lowest held-out loss, which is not the last' "$best" "$(nats)"
    try '--load best --eval held'
    below 'distance of the loss of the best model from the lowest' "($best - $(nats)) ^ 2" 1e-10
}

test_inside() {
    set -- '-n 5 -H 2 -T 5 escapes --save'
    each try "$1 2_small -L 2 & $1 lstm_small --cell lstm & $1 gru_small --cell gru"
    prints <<'END'
--load model --eval input |p| 111573 characters: *.?????? nats/char, *.?????? bits/char~
--load bytes --eval ab    |p| 2 characters: *.?????? nats/char, *.?????? bits/char~
--load 2_small --show-units escapes    |1p| char layer1.h1 layer1.h2 layer2.h1 layer2.h2~
--load gru_small --show-units escapes  |1p| char layer1.h1 layer1.h2~
--load lstm_small --show-units escapes |1p| char layer1.h1 layer1.h2 layer1.c1 layer1.c2~
--load lstm_small --show-units escapes |2,12s/ .*//p| a~\\t~b~\\n~\\\\~c~\\t~b~\\n~\\\\~c~
--load lstm_small --show-gradients escapes     |s/ [0-9.e-]*$/ x/p| 0 x~1 x~2 x~3 x~4 x~5 x~
--load gru_small --show-gradients -T 3 escapes |s/ [0-9.e-]*$/ x/p| 0 x~1 x~2 x~3 x~
--load 2_small --show-gradients -T 20 escapes  |1p;$s/ .*//p| 0 1~20~
END
    for name in lstm model; do
        try "--load $name --show-units input"
        same "rows of the units of $name: all, of another length, of numbers from -1 to 1" \
            '111574 0 111573' "$(awk -F '\t' 'NR == 1 { n = NF } n != NF { bad++ }
            END { print NR, bad + 0 }' "$dir/out") $(sed "s/^[^	]*//" "$dir/out" |
            grep -cE '^(	-?(0\.[0-9]{3}|1\.000))+$')"
    done
}
