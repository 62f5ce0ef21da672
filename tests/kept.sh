# Process tests, read by run.sh: what is saved and gone on from, what is sampled from it, losses,
# and what there is to see inside.

small='-H 20 -s 3'
double=$PWD/build/min_char_rnn_double
makes() { # a model in a file, which must be a new one: the file, and how
    rm -f "$1"
    model=$1
    shift
    works --save "$model" "$@"
}
# How far the model in a file has come; nothing, when it cannot be loaded.
reached() {
    "$prog" -q --load "$1" -n 1 --sample-every 0 $text 2>/dev/null |
        sed -n 's/^iter \([0-9]*\), loss.*/\1/p'
}
tensor() { # its bytes in a file
    set -- "$2" $(head -c 4096 "$2" | tr '{}' '\n\n' | grep -a -A 1 "\"$1\":\$" |
        sed -n 's/.*"data_offsets":\[\([0-9]*\),\([0-9]*\)\].*/\1 \2/p')
    header=$(head -c 8 "$1" | od -An -v -tu1 | awk '{ print $1 + 256 * $2 }')
    tail -c +$((9 + header + $2)) "$1" | head -c $(($3 - $2))
}
left_over() { find "$1" -name '*.tmp*'; }
several() { for i in 1 2 3 4 5 6 7 8 9 10; do cat "$@"; done; }
utf8_text() { # in the file text: characters of 1, 2, 3 and 4 bytes
    characters 'a\303\251\342\202\254\360\237\230\200\n\303\251\342\202\254a\n'
    several "$dir/text" "$dir/text" >"$dir/utf8"
    mv "$dir/utf8" "$dir/text"
}

# ---- going on

resumes() { # what it is made of: stopped at 70, it is as if it had not been, in file and record
    makes "$dir/whole" -n 150 --print-every 5 "$@" $text
    sed '1,/^iter 65, loss/d' "$dir/out" >"$dir/rest"
    makes "$dir/model" -n 70 --print-every 5 "$@" $text
    fixed=$(echo "$*" | sed 's/-[HBTL] [0-9]*//g; s/--cell [a-z]*//; s/--optimizer [a-z]*//')
    works -n 150 --print-every 5 $fixed --load "$dir/model" --save "$dir/model" $text
    same_file "${prog##*/}: the model of $*" "$dir/whole" "$dir/model"
    sed 1d "$dir/out" >"$dir/got"
    same_file "${prog##*/}: the lines of $*" "$dir/rest" "$dir/got"
    below 'lines that are compared' 15 "$(lines <"$dir/got")"
}

# A text of 2,000 characters is passed again and again: four streams, for example, are 50 chunks.
test_resume() {
    float=$prog whole_text=$text text=$dir/short
    head -c 2000 $whole_text >$text
    held='--val-fraction 0.1 --eval-every 35'
    for prog in "$float" "$double"; do
        while read -r options; do
            resumes -H 12 -s 3 -T 10 --sample-length 30 $options
        done <<END
--sample-every 25
--sample-every 0 $held
-B 4 --sample-every 25 --decay 0.5
-B 4 -t 2 --sample-every 35 $held
-B 4 -t 2 --cell lstm --sample-every 25
-L 2 --cell lstm --optimizer adam --dropout 0.3 --sample-every 0
-B 4 -t 3 -L 2 --cell lstm --dropout 0.2 --decay 0.7 --sample-every 25 $held
--cell gru --decay 0.7 --sample-every 25
-B 4 -t 2 -L 3 --cell gru --optimizer adam --dropout 0.5 --decay 0.9 --sample-every 35 $held
-B 4 -L 8 --optimizer adam --sample-every 25
-B 4 -t 2 -L 2 --dropout 0.2 --sample-every 0 $held
END
    done
    resume_threads
    prog=$float text=$whole_text
    resume_stopped
    resume_precision
    resume_finished
    resume_other_text
}

# In double a sum's order makes no difference that is printed, and dropout's mask makes none at all.
resume_threads() {
    for threads in 1 2 3; do
        works -n 20 -H 12 -T 10 -B 6 -L 2 --cell gru --dropout 0.5 -t $threads --print-every 1 $text
        mv "$dir/out" "$dir/threads$threads"
    done
    same_file 'two threads, with dropout' "$dir/threads1" "$dir/threads2"
    same_file 'three threads, with dropout' "$dir/threads1" "$dir/threads3"
    works -n 20 -H 12 -T 10 -B 6 -L 2 --cell gru --dropout 0.5 -s 1 --print-every 1 $text
    if cmp -s "$dir/threads1" "$dir/out"; then fail 'seeds 0 and 1 drop the same'; else pass; fi
}

# Ended by a signal anywhere: what it goes on to is what it would have been.
resume_stopped() {
    set -- $small -B 3 -L 2 --cell lstm --optimizer adam
    start "$prog" -n 0 "$@" --dropout 0.2 --print-every 1 --sample-every 7 --save "$dir/ended" $text
    trains
    end_by TERM
    n=$(sed -n 's/^\([0-9]*\) iterations in.*/\1/p' "$dir/err")
    below 'iterations until the signal' 0 "$n"
    works -n $((n + 20)) --dropout 0.2 --sample-every 7 --load "$dir/ended" --save "$dir/ended" \
        $text
    makes "$dir/whole" -n $((n + 20)) "$@" --dropout 0.2 --sample-every 7 $text
    same_file "stopped by a signal after $n" "$dir/whole" "$dir/ended"

    makes "$dir/at123" -n 123 $small --sample-every 41 $text
    stopped_at_123 'in a long sample' 'larger_than 4096' --sample-length 100000000 $text
    several $text $text $text $text >"$dir/long_text"
    several $text >>"$dir/long_text"
    set -- --val-fraction 0.9 --sample-every 41
    makes "$dir/whole" -n 300 $small "$@" --eval-every 0 "$dir/long_text"
    makes "$dir/at123" -n 123 $small "$@" --eval-every 0 "$dir/long_text"
    stopped_at_123 'in a held-out loss' 'grep -q ^data' "$@" --eval-every 41 "$dir/long_text"
    works -n 300 "$@" --eval-every 0 --load "$dir/model" --save "$dir/model" "$dir/long_text"
    same_file 'stopped in a held-out loss, and gone on' "$dir/whole" "$dir/model"
    rm "$dir/long_text"

    makes "$dir/at123" -n 123 $small --sample-every 41 $text
    stopped_unread
}

# A pipe of 16 pages, of which 15 are full, takes the first line, and not the sample, which is
# complete by then. It was drawn, but not printed: it is drawn again.
stopped_unread() {
    mkfifo "$dir/fifo"
    cp "$dir/at123" "$dir/model"
    sleep 2 <"$dir/fifo" &
    { head -c 61440 /dev/zero
        exec "$prog" -n 0 --sample-every 41 --sample-length 4075 --load "$dir/model" \
            --save "$dir/model" $text 2>"$dir/err"; } >"$dir/fifo" &
    pid=$!
    sleep 1
    end_by TERM
    if grep -q '^0 iterations' "$dir/err"; then
        same 'how it ends when nobody reads the sample' 143 $status
        same_file 'stopped when nobody reads the sample' "$dir/at123" "$dir/model"
    else
        skip 'a pipe that is full at the end of a sample: pipes are larger here'
    fi
    rm "$dir/fifo"
}

stopped_at_123() { # in what, when, options
    what=$1 when=$2
    shift 2
    cp "$dir/at123" "$dir/model"
    start "$prog" -n 0 --sample-every 41 --load "$dir/model" --save "$dir/model" "$@"
    await $when "$dir/out"
    sleep $moment
    end_by TERM
    same "how it ends $what" 143 $status
    says "it has not gone on $what" '^0 iterations' "$dir/err"
    same_file "stopped $what" "$dir/at123" "$dir/model"
}

# A model of the other precision is refused, and stays.
resume_precision() {
    for pair in "$float $double" "$double $float"; do
        prog=${pair% *}
        makes "$dir/model" -n 5 $small --sample-every 0 $text
        cp "$dir/model" "$dir/first"
        prog=${pair#* }
        refuses 1 'model: .*(checkpoint|precision)' -n 9 --load "$dir/model" --save "$dir/model" \
            $text
        refuses 1 'model.*cannot be saved: ' -n 9 $small --save "$dir/model" $text
        same_file "what ${prog##*/} does to the other's model" "$dir/first" "$dir/model"
    done
    prog=$float
}

resume_finished() {
    makes "$dir/model" -n 50 $small -T 30 -B 2 --sample-every 0 $text
    cp "$dir/model" "$dir/whole"
    for n in 50 7; do
        works -n $n --sample-every 0 --load "$dir/model" --save "$dir/model" $text
        same 'losses when --iters has been reached' 'iter 50' "$(text_says '^iter [0-9]*')"
        same 'lines when --iters has been reached' 2 "$(lines <"$dir/out")"
        says 'what it says when --iters has been reached' '50 iterations.*--iters' "$dir/err"
        says 'summary when --iters has been reached' '^0 iterations' "$dir/err"
        same_file 'the model when --iters has been reached' "$dir/whole" "$dir/model"
    done
}

resume_other_text() {
    works -n 60 --sample-every 0 --load "$dir/model" $text
    says_not 'the same text' 'text' "$dir/err"
    { printf 'a'; cat $text; } >"$dir/other"
    works -n 50 --sample-every 0 --load "$dir/model" --save "$dir/other1" "$dir/other"
    says 'another text' 'other.* not the text' "$dir/err"
    same 'p for another text' 0 "$(tensor p "$dir/other1" | tr -d '\000' | bytes)"
    same 'the hidden state for another text' 0 \
        "$(tensor hprev "$dir/other1" | tr -d '\000' | bytes)"
    below 'bytes of it before that' 9 "$(tensor hprev "$dir/model" | tr -d '\000' | bytes)"
    { printf 'a'; cat $text; echo; } >"$dir/other"
    works -n 50 --sample-every 0 --load "$dir/other1" --save "$dir/model" "$dir/other"
    says 'yet another text' 'other.* not the text' "$dir/err"
    works -n 50 --sample-every 0 --load "$dir/model" --save "$dir/whole" "$dir/other"
    says_not 'the text that it learns by now' 'text' "$dir/err"
    same_file 'the model of that text' "$dir/whole" "$dir/model"

    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "ab"; printf "cdef" }' >"$dir/abab"
    makes "$dir/low" -n 200 $small --sample-every 0 --val-fraction 0.1 --eval-every 50 "$dir/abab"
    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "fadecb" }' >"$dir/fade"
    works -n 200 --sample-every 0 --load "$dir/low" --val-fraction 0.1 --eval-every 1 \
        --save-best "$dir/best" "$dir/fade"
    same 'the best model on another text' 200 "$(tensor n "$dir/best" | od -An -tu8 | tr -d ' ')"

    # It begins at the beginning, where b follows a; after 2000 characters it is another letter.
    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "acbd" }' >"$dir/acbd"
    awk 'BEGIN { for (i = 0; i < 2000; i++) printf i < 1000 ? "ab" : "cd" }' >"$dir/other"
    makes "$dir/model" -n 1000 $small -T 2 --sample-every 0 "$dir/acbd"
    works --load "$dir/model" --sample 1 --temperature 0 --prime a
    same 'what follows a' c "$(cat "$dir/out")"
    works -n 1700 --sample-every 0 --load "$dir/model" --save "$dir/model" "$dir/other"
    works --load "$dir/model" --sample 1 --temperature 0 --prime abababa
    same 'what follows a where the other text begins' b "$(cat "$dir/out")"
}

# ---- what is saved stays (and tests/files.sh)

test_nothing_lost() {
    mkdir "$dir/here" # nothing else is in it
    lost_killed
    lost_diverged
    lost_output
    same 'what is left beside the models' '' "$(left_over "$dir/here")"
}

# Killed at any moment, also while it writes: there is a model, and it has not gone back.
lost_killed() {
    makes "$dir/killed" -n 1 $small --sample-every 0 $text
    times=15 bad=0 last=1
    [ $moment = 0.1 ] && [ -z "${SANITIZED-}" ] || times=4
    for pause in $(awk "BEGIN { srand(); for (i = 0; i < $times; i++) print $moment * rand() }")
    do
        "$prog" -q -n 0 --sample-every 0 --print-every 0 --save-every 1 --load "$dir/killed" \
            --save "$dir/killed" $text >"$dir/out" 2>"$dir/err" &
        pid=$!
        [ $times = 15 ] && sleep $pause || sleep 1
        kill -KILL $pid
        wait $pid 2>/dev/null
        now=$(reached "$dir/killed")
        [ "${now:-0}" -ge "$last" ] || bad=$((bad + 1))
        last=${now:-$last}
    done
    same "models lost in $times kills" 0 $bad
    below 'iterations between the kills' 1 "$last"
    cp "$dir/killed" "$dir/first" # what was there stays until there is something to save
    start "$prog" -n 0 --sample-every 0 --save-every 1e9 --print-every 1 --load "$dir/killed" \
        --save "$dir/killed" $text
    trains
    kill -KILL $pid
    wait $pid 2>/dev/null
    same_file 'a model before another one is saved' "$dir/first" "$dir/killed"
}

lost_diverged() {
    makes "$dir/here/model" -n 50 $small --sample-every 0 $text
    cp "$dir/here/model" "$dir/whole"
    run -n 200 -l 50 --save-every 1 --sample-every 0 --load "$dir/here/model" \
        --save "$dir/here/model" $text
    n=$(sed -n 's/.*iteration \([0-9]*\):.*/\1/p' "$dir/err") # it takes a while, or does not
    below 'what a loss leaves that has gone up and up' "$(reached "$dir/here/model")" "${n:-201}"
    for options in '-l 1000' '-l 1e10' '-l 1e30'; do
        cp "$dir/whole" "$dir/here/model"
        refuses 1 'iteration [0-9]+: the loss has diverged' -n 3000 $options --save-every 1 \
            --sample-every 0 --load "$dir/here/model" --save "$dir/here/model" $text
        n=$(sed -n 's/.*iteration \([0-9]*\):.*/\1/p' "$dir/err")
        below "what $options leaves" "$(reached "$dir/here/model")" "$n"
    done
    says 'where it diverged' 'iteration 51:' "$dir/err"
    same_file 'the model before it diverged' "$dir/whole" "$dir/here/model"

    # The same, and stopped in the iteration that diverges: it takes a while.
    steps=20000
    [ "${SANITIZED-}" ] && steps=2000
    makes "$dir/here/model" -n 1 -H 100 -T $steps -B 5 -t 1 --sample-every 0 $text
    cp "$dir/here/model" "$dir/whole"
    start "$prog" -n 0 -l 1e30 -t 1 --print-every 0 --sample-every 1 --sample-length 0 \
        --load "$dir/here/model" --save "$dir/here/model" $text
    await grep -q '^  $' "$dir/out"
    end_by TERM
    same 'samples when it was stopped' 2 "$(grep -c '^----$' "$dir/out")"
    same_file 'the model before it diverged, and was stopped' "$dir/whole" "$dir/here/model"
}

lost_output() {
    { "$prog" -n 0 --print-every 1 --sample-every 0 $small --save "$dir/here/piped" $text \
        2>"$dir/err"
        echo $? >"$dir/status"; } | head -n 3 >"$dir/out"
    same 'exit status with a closed pipe' 1 "$(cat "$dir/status")"
    says 'a closed pipe' 'standard output cannot be written' "$dir/err"
    below 'the model after a closed pipe' 1 "$(reached "$dir/here/piped")"
    "$prog" -n 20 $small --save "$dir/here/closed" $text >&- 2>"$dir/err"
    same 'exit status without standard output' 1 $?
    run -n 1 --load "$dir/here/closed" $text
    same "a model kept without standard output ($(cat "$dir/err"))" 0 $status
    says_not 'the record in it' 'data has|^iter' "$dir/here/closed"
    rm "$dir/here/closed"
    "$prog" -n 20 $small --save "$dir/here/closed" $text >"$dir/out" 2>&-
    same 'a model kept without standard error' 20 "$(reached "$dir/here/closed")"
}

# ---- sampling

samples() { "$prog" --load "$dir/model" --sample "$@" >"$dir/out" 2>"$dir/err"; status=$?; }
written() { tr -d '\200-\277' <"$dir/out" | bytes; } # characters
only() { # what, the characters that may be in the sample
    same "$1: exit status ($(cat "$dir/err"))" 0 $status
    same "$1: what is not of the text" '' "$(tr -d "$2" <"$dir/out")"
}

test_sampling() {
    makes "$dir/model" -n 300 $small --sample-every 0 $text
    samples 1000
    same 'exit status' 0 $status
    same 'bytes of a sample' 1000 "$(bytes <"$dir/out")"
    same 'standard error of a sample' 0 "$(bytes <"$dir/err")"
    same 'characters that the text lacks' '' \
        "$(tr -d "\n$(tr -d '\n-' <$text | fold -w 1 | sort -u | tr -d '\n')-" <"$dir/out")"
    cp "$dir/out" "$dir/first"
    samples 1000
    same_file 'twice the same' "$dir/first" "$dir/out"
    samples 1000 --seed 0
    same_file 'the preset seed' "$dir/first" "$dir/out"
    samples 500
    head -c 500 "$dir/first" >"$dir/half"
    same_file 'a shorter one' "$dir/half" "$dir/out"
    samples 1000 --seed 1
    if cmp -s "$dir/first" "$dir/out"; then fail 'seeds 0 and 1 write the same'; else pass; fi
    samples 1000 --prime Q
    if cmp -s "$dir/first" "$dir/out"; then fail 'Q and a new line go on alike'; else pass; fi
    samples 1000 --prime "
"
    same_file 'the preset prime' "$dir/first" "$dir/out"
    sampling_temperature
    sampling_prime
    sampling_endless
    sampling_utf8
    sampling_wrong
}

sampling_temperature() {
    samples 300 --temperature 0 --seed 1
    cp "$dir/out" "$dir/first"
    samples 300 --temperature 0 --seed 2
    same_file 'temperature 0, whatever the seed' "$dir/first" "$dir/out"
    samples 300 --temperature 1e-30 --seed 3
    same_file 'temperature 1e-30' "$dir/first" "$dir/out"
    samples 10000 --temperature 1e30
    same 'bytes at 1e30' 10000 "$(bytes <"$dir/out")"
    same 'characters at 1e30: all there are' 64 "$(fold -w 1 "$dir/out" | sort -u | lines)"
    samples 10000 --temperature 0.5
    cold=$(gzip -c <"$dir/out" | bytes)
    samples 10000
    below 'the colder, the less there is in it' "$cold" "$(gzip -c <"$dir/out" | bytes)"
}

sampling_prime() {
    for prime in T "$(head -c 1000 $text)" 'First
Citizen:'; do
        samples 100 --prime "$prime"
        same "bytes after ${#prime} of --prime" '0 100' "$status $(bytes <"$dir/out")"
    done
    makes "$dir/hello" -n 2000 -H 20 -T 4 --sample-every 0 data/hello.txt # no new line
    works --load "$dir/hello" --sample 4 --temperature 0 --prime h
    same 'what follows h' ello "$(cat "$dir/out")"
    works --load "$dir/hello" --sample 2 --temperature 0 --prime hel
    same 'what follows hel' lo "$(cat "$dir/out")"
    works --load "$dir/hello" --sample 9
    same 'a model without a new line' '9 ' "$(bytes <"$dir/out") $(tr -d helo <"$dir/out")"
    refuses 1 'prime.* x .*78' --load "$dir/hello" --sample 9 --prime hex
    refuses 1 'prime.*0xFF|0xFF.*prime' --load "$dir/hello" --sample 9 --prime "$(printf 'h\377')"
    same 'what is written before it is refused' 0 "$(bytes <"$dir/out")"
}

sampling_endless() {
    { "$prog" --load "$dir/model" --sample 0 2>"$dir/err"; } | head -c 100 >"$dir/out"
    same 'bytes of an endless one' 100 "$(bytes <"$dir/out")"
    same 'what it says when nobody reads on' 0 "$(bytes <"$dir/err")"
    { "$prog" --load "$dir/model" --sample 0 2>"$dir/err"; echo $? >"$dir/status"; } |
        sed '/^[a-z]/q' >"$dir/out" # as the README ends a sample after a text
    same 'lines that begin so' 1 "$(grep -c '^[a-z]' "$dir/out")"
    says 'the last line' '^[a-z]' "$dir/out"
    same 'what it says then' '141 0' "$(cat "$dir/status") $(bytes <"$dir/err")"
    start "$prog" --load "$dir/model" --sample 0
    await larger_than 100000
    end_by TERM
    same 'how a signal ends an endless one' 143 $status
    same 'what it says then' 0 "$(bytes <"$dir/err")"
    size=$(bytes <"$dir/out")
    cp "$dir/out" "$dir/first"
    samples "$size"
    same_file 'what an endless one writes' "$dir/out" "$dir/first"
    if [ -c /dev/full ]; then
        "$prog" --load "$dir/model" --sample 5 >/dev/full 2>"$dir/err"
        same 'exit status on a full disk' 1 $?
        "$prog" --load "$dir/model" --sample 0 >/dev/full 2>"$dir/err"
        same 'exit status on a full disk, endlessly' 1 $?
        says 'a full disk' 'standard output cannot be written: No space' "$dir/err"
    fi
}

sampling_utf8() {
    utf8_text
    cp "$dir/text" "$dir/first"
    makes "$dir/model" -n 200 $small -T 8 --sample-every 0 "$dir/first"
    samples 777 --prime "$(printf '\303\251\342\202\254')" --temperature 1e30
    same 'characters of UTF-8' 777 "$(written)"
    only 'UTF-8' 'a\n\303\251\342\202\254\360\237\230\200'
    if command -v iconv >/dev/null; then
        for size in 100 1000 10000; do
            start "$prog" --load "$dir/model" --sample 0
            await larger_than $size
            end_by TERM
            iconv -f UTF-8 -t UTF-8 "$dir/out" >/dev/null 2>"$dir/err"
            same "a sample that was stopped is UTF-8 ($(cat "$dir/err"))" 0 $?
        done
    else
        skip 'whether a sample that was stopped is UTF-8: there is no iconv'
    fi
    head -c 4096 /dev/urandom >"$dir/random"
    makes "$dir/model" -n 1 $small --bytes --sample-every 0 "$dir/random"
    samples 5000
    same 'bytes of a sample of bytes' '0 5000' "$status $(bytes <"$dir/out")"
    below 'high bytes in it' 2000 "$(tr -cd '\200-\377' <"$dir/out" | bytes)"
}

sampling_wrong() {
    refuses 1 'none: No such file' --load "$dir/none" --sample 5
    refuses 1 'LICENSE' --load LICENSE --sample 5
    head -c 5000 "$dir/hello" >"$dir/cut"
    refuses 1 'cut' --load "$dir/cut" --sample 5
}

# ---- held-out loss

held() { # the end of the text that --val-fraction 0.1 holds out
    tail -c $(($(bytes <$text) / 10)) $text
}
val() { sed -n "s/^iter $1, val loss: \([0-9.]*\) nats.*/\1/p" "$dir/out"; }
nats() { sed -n 's/.*: \([0-9.]*\) nats.*/\1/p' "$dir/out"; } # of --eval
lowest() { sed -n 's/.*val loss: \([0-9.]*\) nats.*/\1/p' "$1" | sort -n | head -n 1; }

test_held_out() {
    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "ab" }' >"$dir/text" # soon it is sure of it
    works -q -n 2000 -H 20 -T 8 -l 2 --val-fraction 0.1 --eval-every 200 --sample-every 0 \
        "$dir/text"
    same 'held-out losses of 0' 11 "$(grep -c 'val loss' "$dir/out")"
    says 'a held-out loss of 0' '^iter 2000, val loss: 0.000000 nats' "$dir/out"

    works -n 100 $small --val-fraction 0.1 --eval-every 30 --print-every 20 --sample-every 0 $text
    same 'held-out losses' '0 30 60 90 100 ' \
        "$(sed -n 's/^iter \([0-9]*\), val loss: [0-9.]* nats\/char, [0-9.]* bits\/char$/\1 /p' \
            "$dir/out" | tr -d '\n')"
    same 'losses' '0 20 40 60 80 100 ' \
        "$(sed -n 's/^iter \(.*\), loss.*/\1 /p' "$dir/out" | tr -d '\n')"
    same 'the lines of iteration 60' 'val loss ' \
        "$(sed -n 's/^iter 60, \([a-z]*\).*/\1/p' "$dir/out" | tr '\n' ' ')"
    same 'lines' 12 "$(lines <"$dir/out")"
    same 'the first' "data has $(bytes <$text) characters, 64 unique." "$(head -n 1 "$dir/out")"
    below 'distance of the first held-out loss from log(V)' "($(val 0) - log(64)) ^ 2" 0.0001
    below 'what it has learnt' "$(val 100)" 3.6
    same 'nats that are not so many bits' '' "$(awk '/val loss/ {
        d = $7 - $5 / log(2); if (d * d > 1e-11) print }' "$dir/out")"

    for options in '' '-B 4 -t 2'; do
        works -n 100 $small $options --val-fraction 0.1 --eval-every 0 --print-every 9 \
            --sample-every 25 $text
        mv "$dir/out" "$dir/first"
        same 'held-out losses with --eval-every 0' 0 "$(grep -c val "$dir/first")"
        works -n 100 $small $options --val-fraction 0.1 --eval-every 7 --print-every 9 \
            --sample-every 25 $text
        same 'held-out losses with --eval-every 7' 16 "$(grep -c val "$dir/out")"
        sed '/^iter .* val loss/d' "$dir/out" >"$dir/rest"
        same_file "the rest of the record $options" "$dir/first" "$dir/rest"
    done
    works -n 100 $small --val-fraction 0.5 --eval-every 0 --print-every 9 --sample-every 0 $text
    below 'distance from the record of another part' 0.01 "($(loss 99) - $(sed -n \
        's/^iter 99, loss: //p' "$dir/first")) ^ 2"
    head -c $(($(bytes <$text) - $(held | bytes))) $text >"$dir/kept"
    works -n 100 $small --print-every 9 --sample-every 25 "$dir/kept"
    sed 1d "$dir/out" >"$dir/rest"
    works -n 100 $small --print-every 9 --sample-every 25 --val-fraction 0.1 --eval-every 0 $text
    sed 1d "$dir/out" >"$dir/got"
    same_file 'it learns the rest of the text' "$dir/rest" "$dir/got"
    held_out_best
    held_out_sizes
}

held_out_best() {
    held >"$dir/held"
    set -- $small --val-fraction 0.1 --eval-every 12 --print-every 0 --sample-every 0
    rm -f "$dir/best" "$dir/best2"
    makes "$dir/model" -n 60 "$@" --save-best "$dir/best" $text
    works -n 120 "$@" -l 5 --load "$dir/model" --save "$dir/model" --save-best "$dir/best" $text
    best=$(val 60) end=$(val 120)
    same 'the lowest held-out loss, before it learns too fast' "$best" "$(lowest "$dir/out")"
    below 'the lowest, which is not the last' "$best" "$end"
    same 'where --save-best is from' 60 "$(reached "$dir/best")"
    works --load "$dir/best" --eval "$dir/held"
    below 'distance of its loss from the lowest' "($best - $(nats)) ^ 2" 1e-10
    works --load "$dir/model" --eval "$dir/held"
    below 'distance of the last loss from the one printed' "($end - $(nats)) ^ 2" 1e-10
    cp "$dir/best" "$dir/first"
    works -n 180 "$@" -l 5 --load "$dir/model" --save-best "$dir/best" $text
    same_file 'what is worse is not kept, after going on' "$dir/first" "$dir/best"

    rm "$dir/best"
    works -n 108 "$@" -l 0.5 --save-best "$dir/best" $text # the loss goes up and down
    best=$(lowest "$dir/out")
    makes "$dir/model" -n 48 "$@" -l 0.5 --save-best "$dir/best2" $text
    works -n 108 "$@" -l 0.5 --load "$dir/model" --save-best "$dir/best2" $text
    for file in best best2; do
        works --load "$dir/$file" --eval "$dir/held"
        below "distance of the loss of $file" "($best - $(nats)) ^ 2" 1e-10
    done
}

held_out_sizes() {
    head -c 200 $text >"$dir/text"
    refuses 1 'val-fraction' -n 1 $small --val-fraction 0.005 "$dir/text"
    refuses 1 'val-fraction' -n 1 $small --val-fraction 1e-9 "$dir/text"
    works -n 1 $small --val-fraction 0.01 "$dir/text"
    refuses 1 'text: .*20 characters.*25 steps.*lower --seq-length' -n 1 $small \
        --val-fraction 0.9 "$dir/text"
    works -n 1 $small -T 19 --val-fraction 0.9 "$dir/text"
}

# ---- the loss on a text

consistent() { # what the last --eval printed
    awk '{ nats = $3; bits = $5; perplexity = $NF; b = bits - nats / log(2)
        p = perplexity / exp(nats) - 1; exit !(b * b < 1e-11 && p * p < 1e-9) }' "$dir/out"
    same "nats, bits and perplexity go together: $(cat "$dir/out")" 0 $?
    says 'its line' \
        '^[0-9]+ characters: [0-9.]+ nats/char, [0-9.]+ bits/char, perplexity [0-9.]+$' "$dir/out"
    same 'lines of --eval' 1 "$(lines <"$dir/out")"
}

test_eval() {
    makes "$dir/model" -q -n 50 $small --val-fraction 0.1 --eval-every 50 $text
    val=$(sed -n 's/^iter 50, val loss: \([0-9.]*\) .*/\1/p' "$dir/out")
    works --load "$dir/model" --eval --val-fraction 0.1 $text
    says '--eval of what is held out' "characters: $val nats" "$dir/out"
    head -c 20 $text >"$dir/text"
    refuses 1 'longer text|more text' -n 60 --load "$dir/model" "$dir/text"
    makes "$dir/bytes" -q -n 50 $small --bytes $text
    refuses 1 'prime.*0xE6' --load "$dir/bytes" --sample 9 --prime "$(printf '\346')"

    makes "$dir/model" -n 1 -l 0 $small --sample-every 0 $text
    works --load "$dir/model" --eval $text
    consistent
    same 'what --eval says on standard error' 0 "$(bytes <"$dir/err")"
    same 'characters' "$(bytes <$text)" "$(sed 's/ .*//' "$dir/out")"
    below 'distance of what has learnt nothing from log(V)' "($(nats) - log(64)) ^ 2" 0.0001
    makes "$dir/model" -n 300 $small --val-fraction 0.1 --sample-every 0 $text
    last=$(val 300)
    held >"$dir/held"
    cp "$dir/model" "$dir/first"
    works --load "$dir/model" --eval "$dir/held"
    consistent
    below 'distance from the held-out loss' "($last - $(nats)) ^ 2" 1e-10
    same_file 'the model that it reads' "$dir/first" "$dir/model"
    mv "$dir/out" "$dir/first"
    works --load "$dir/model" --eval - <"$dir/held"
    same_file 'standard input' "$dir/first" "$dir/out"
    # In four streams it begins four times, with a state of 0.
    works -n 300 --load "$dir/model" --val-fraction 0.1 --sample-every 0 $text
    below 'distance of the held-out loss, gone on' "($last - $(val 300)) ^ 2" 1e-12
    makes "$dir/four" -n 100 $small -B 4 -t 2 --val-fraction 0.1 --sample-every 0 $text
    four=$(val 100)
    works --load "$dir/four" --eval "$dir/held"
    below 'distance of the held-out loss in four streams' "($four - $(nats)) ^ 2" 1e-4
    for cell in lstm gru; do
        makes "$dir/model2" -n 100 $small --cell $cell -L 2 --dropout 0.3 --val-fraction 0.1 \
            --sample-every 0 $text
        four=$(val 100)
        works --load "$dir/model2" --eval "$dir/held"
        below "distance of --eval from the held-out loss, $cell" "($four - $(nats)) ^ 2" 1e-10
    done

    several "$dir/held" >"$dir/text" # read as one, each goes on from the last
    works --load "$dir/model" --eval "$dir/text"
    below 'distance of ten times the text' "($last - $(nats)) ^ 2" 0.0001
    characters 'xy'
    works --load "$dir/model" --eval "$dir/text"
    consistent
    characters 'x'
    refuses 1 'text' --load "$dir/model" --eval "$dir/text"
    characters ''
    refuses 1 'empty' --load "$dir/model" --eval "$dir/text"
    characters 'no\nna\303\257ve'
    refuses 1 'line 2.*offset 5.*EF' \
        --load "$dir/model" --eval "$dir/text"
    same 'what is printed then' 0 "$(bytes <"$dir/out")"
}

# ---- inside

code_text() { # in the file text: all that --show-cells asks about, some 4000 characters
    for i in 1 2 3 4 5 6 7 8 9 10; do
        printf 'int f(int a) {\n    if (a > %s && (a < 9)) {\n        g("some text", a);\n' $i
        printf '    } /* a\n comment, %s */\n    return BIG_ONE + a[%s];\n}\n\nAND so on\n' $i $i
    done >"$dir/text"
    several "$dir/text" >"$dir/code"
    head -c 4000 "$dir/code" >"$dir/text"
}

test_inside() {
    code_text
    for cell in rnn lstm gru; do
        makes "$dir/$cell" -n 60 -H 15 -L 2 --cell $cell "$dir/text"
        works --load "$dir/$cell" --show-cells "$dir/text"
        mv "$dir/out" "$dir/first"
        works --load "$dir/$cell" --show-cells "$dir/text"
        same_file 'twice the same' "$dir/first" "$dir/out"
        same 'what it says on standard error' 0 "$(bytes <"$dir/err")"
        sed -nE 's/^(.*): layer [12], unit ([1-9]|1[0-5]), r = [+-](0\.[0-9]{2}|1\.00) \(['$(
            [ $cell = lstm ] && echo hc || echo h)']\)$/\1/p' "$dir/out" >"$dir/got"
        cat >"$dir/want" <<'END'
inside quotes
position in the line
depth of brackets
inside a comment
inside the condition of an if
indentation
inside a word in capitals
distance from the last blank line
END
        same_file "questions about $cell ($(head -n 1 "$dir/out"))" "$dir/want" "$dir/got"
    done
    same 'lines that are no line of the text with two of marks' '' "$(awk '
        / r = .*\)$/ { k = 0; next }
        { k++ } k % 3 == 1 { n = length; next }
        length != n || $0 !~ (k % 3 == 2 ? "^[ +-]*$" : "^[0-9]*$") { print NR ": " $0 }' \
        "$dir/out")"
    sed '/ r = .*)$/d' "$dir/out" | awk 'NR % 3 == 1' >"$dir/want"
    same 'lines that are not in the text' 0 "$(grep -vcxFf "$dir/text" "$dir/want")"

    works --load "$dir/gru" --show-cells --color "$dir/text"
    escape=$(printf '\033')
    same 'characters that are in color' 1 "$(($(grep -c "$escape\[[0-9;]*48;2;" "$dir/out") > 20))"
    sed "s/$escape\[[0-9;]*m//g; / r = .*)\$/d" "$dir/out" >"$dir/got"
    same_file 'without its colors, the same lines of text' "$dir/want" "$dir/got"
    if has_script; then
        mv "$dir/out" "$dir/first"
        on_terminal "'$prog' --load '$dir/gru' --show-cells '$dir/text'" </dev/null | tr -d '\r' \
            >"$dir/out"
        same_file 'in color on a terminal' "$dir/first" "$dir/out"
    else
        skip 'color on a terminal: there is no script of util-linux (bsdutils)'
    fi
    echo 'int f int a' >"$dir/plain_text" # no quotes, brackets or capitals
    works --load "$dir/rnn" --show-cells - <"$dir/plain_text"
    same 'questions that the text asks' 'position in the line:distance from the last blank line:' \
        "$(sed -n 's/: layer.*/:/p' "$dir/out" | tr -d '\n')"
    inside_gradients
}

inside_gradients() {
    for cell in rnn lstm gru; do
        for steps in '' 40; do
            works --load "$dir/$cell" --show-gradients ${steps:+-T $steps} "$dir/text"
            state=h
            [ $cell = lstm ] && state=hc
            same "gradients of $cell: steps" "$(for s in $(echo $state | sed 's/./& /g'); do
                seq 0 ${steps:-25}; done)" "$(sed -nE 's/^([0-9]+) [0-9.e+-]+ #*$/\1/p' "$dir/out")"
            same 'sizes of what is 0 steps back' ${#state} \
                "$(grep -cx '0 1 ########################################' "$dir/out")"
            same 'lines that are neither steps, nor headings, nor blank' 0 \
                "$(grep -vcE '^[0-9]+ [0-9.e+-]+ #*$|^# |^$' "$dir/out")"
        done
    done
    # A bar has ten marks for each power of ten.
    same 'bars that are too long or too short' '' "$(awk '
        /^[0-9]/ { bar = 40 + 10 * log($2) / log(10)
        if (bar < 0) bar = 0
        if (length($3) > bar + 0.1 || length($3) < bar - 1.1) print }' "$dir/out")"
    head -c 20 "$dir/text" >"$dir/cut"
    refuses 1 'cut: .*20 characters' --load "$dir/rnn" --show-gradients "$dir/cut"
    works --load "$dir/rnn" --show-gradients -T 19 "$dir/cut"
    refuses 2 'model.*layers|layers.*' --load "$dir/rnn" --show-gradients -L 1 "$dir/text"
}

# ---- on another machine

# A big-endian one reads what this one has kept, and keeps the same bytes.
test_big_endian() {
    for compiler in s390x-linux-gnu-gcc s390x-linux-gnu-gcc-12; do
        command -v $compiler >/dev/null && break
    done
    command -v $compiler >/dev/null || { skip 's390x: install gcc-s390x-linux-gnu'; return; }
    command -v qemu-s390x >/dev/null || { skip 's390x: install qemu-user'; return; }
    $compiler -std=gnu11 -O0 -static min_char_rnn.c -o "$dir/s390x" -lm -pthread
    makes "$dir/model" -n 50 -H 7 -s 3 -B 3 --cell lstm -L 2 --optimizer adam --val-fraction 0.01 \
        --eval-every 10 $text
    mv "$dir/out" "$dir/here"
    qemu-s390x "$dir/s390x" -n 50 --val-fraction 0.01 --load "$dir/model" --save "$dir/there" \
        $text >"$dir/out" 2>"$dir/err"
    same_file 'what a big-endian machine keeps' "$dir/model" "$dir/there"
    below 'distance of its loss' \
        "($(loss 50) - $(sed -n 's/^iter 50, loss: //p' "$dir/here")) ^ 2" 1e-9
    qemu-s390x "$dir/s390x" -n 60 --val-fraction 0.01 --load "$dir/model" --save "$dir/on" \
        $text >"$dir/out" 2>"$dir/err"
    same 'what it has learned, here' 60 "$(reached "$dir/on")"
}
