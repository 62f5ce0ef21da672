# Process tests, read by run.sh: what is kept and gone on from, what is sampled from it, and losses.

small='-H 20 -s 3'
double=$PWD/build/min_char_rnn_double
text_says() { grep -o "$1" "$dir/out" | head -n 1; }
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
left_over() { find "$1" -name '*.tmp'; }
several() { for i in 1 2 3 4 5 6 7 8 9 10; do cat "$@"; done; }
utf8_text() { # in the file text: characters of 1, 2, 3 and 4 bytes
    characters 'a\303\251\342\202\254\360\237\230\200\n\303\251\342\202\254a\n'
    several "$dir/text" "$dir/text" >"$dir/utf8"
    mv "$dir/utf8" "$dir/text"
}

# ---- going on

resumes() { # where it is stopped, the loss before that, options: it is as if it had not been
    at=$1 before_it=$2
    shift 2
    works -n 300 --print-every 10 "$@" --save "$dir/whole" $text
    sed "1,/^iter $before_it, loss/d" "$dir/out" >"$dir/rest"
    works -n $at --print-every 10 "$@" --save "$dir/model" $text
    works -n 300 --print-every 10 "$@" --load "$dir/model" --save "$dir/model" $text
    same_file "${prog##*/}: the model of $* stopped at $at" "$dir/whole" "$dir/model"
    sed 1d "$dir/out" >"$dir/got"
    same_file "${prog##*/}: the lines of $* stopped at $at" "$dir/rest" "$dir/got"
    below 'lines that are compared' 15 "$(lines <"$dir/got")"
}

test_resume() {
    float=$prog
    for prog in "$float" "$double"; do
        for options in '-B 1' '-B 4' '-B 4 -t 2'; do
            resumes 123 120 $small $options --sample-every 50
            resumes 123 120 $small $options --sample-every 0 --val-fraction 0.1 --eval-every 50
        done
        resumes 150 140 $small --sample-every 50 --val-fraction 0.1 --eval-every 50
    done
    prog=$float
    whole_text=$text text=$dir/short # 39 chunks: it begins again on the way
    head -c 1000 $whole_text >$text
    resumes 123 120 $small --sample-every 0
    text=$whole_text
    resume_stopped
    resume_double
    resume_options
    resume_other_text
}

# Ended by a signal anywhere: what it goes on to is what it would have been.
resume_stopped() {
    start "$prog" -n 0 $small -B 3 --print-every 1 --sample-every 7 --save "$dir/model" $text
    trains
    end_by TERM
    n=$(sed -n 's/^\([0-9]*\) iterations in.*/\1/p' "$dir/err")
    below 'iterations until the signal' 0 "$n"
    works -n $((n + 20)) --sample-every 7 --load "$dir/model" --save "$dir/model" $text
    works -n $((n + 20)) $small -B 3 --sample-every 7 --save "$dir/whole" $text
    same_file "stopped by a signal after $n" "$dir/whole" "$dir/model"

    works -n 300 $small --sample-every 41 --save "$dir/whole" $text
    works -n 123 $small --sample-every 41 --save "$dir/at123" $text
    stopped_at_123 'in a long sample' 'larger_than 4096' --sample-length 100000000 $text
    several $text $text $text $text >"$dir/long"
    several $text >>"$dir/long"
    set -- --val-fraction 0.9 --sample-every 41
    works -n 300 $small "$@" --eval-every 0 --save "$dir/whole" "$dir/long"
    works -n 123 $small "$@" --eval-every 0 --save "$dir/at123" "$dir/long"
    stopped_at_123 'in a held-out loss' 'grep -q ^data' "$@" --eval-every 41 "$dir/long"
    works -n 300 "$@" --eval-every 0 --load "$dir/model" --save "$dir/model" "$dir/long"
    same_file 'stopped in a held-out loss, and gone on' "$dir/whole" "$dir/model"
    rm "$dir/long"

    works -n 123 $small --sample-every 41 --save "$dir/at123" $text
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

# What float keeps, double goes on from, and the reverse.
resume_double() {
    float=$prog
    for pair in "$float $double" "$double $float"; do
        prog=${pair% *}
        works -n 300 $small --sample-every 0 --save "$dir/model" $text
        mine=$(loss 300)
        prog=${pair#* }
        works -n 300 --load "$dir/model" --sample-every 0 $text
        says "what ${prog##*/} says to the other's model" 'model.*(single|double) precision' "$dir/err"
        below "distance of the loss in ${prog##*/}" "($mine - $(loss 300)) ^ 2" 1e-6
        works -n 310 --load "$dir/model" --sample-every 0 --save "$dir/model" $text
        same "what ${prog##*/} keeps" 310 "$(reached "$dir/model")"
        works -n 311 --load "$dir/model" --sample-every 0 $text
        says_not "what ${prog##*/} says to its own model" 'precision' "$dir/err"
    done
    prog=$float
}

resume_options() {
    works -n 50 $small -T 30 -B 2 --save "$dir/model" --sample-every 0 $text
    cp "$dir/model" "$dir/whole"
    while read -r name size has asked; do
        works -n 60 --load "$dir/model" --$name-$size $has $text
        refuses 2 "$name.$size.*( $has[^0-9].* $asked| $asked[^0-9].* $has)([^0-9]|$)" -n 60 \
            --load "$dir/model" --save "$dir/model" --$name-$size $asked $text
    done <<'END'
hidden size 20 21
seq length 30 25
batch size 2 1
END
    refuses 2 'bytes' -n 60 --load "$dir/model" --save "$dir/model" --bytes $text
    same_file 'a model that options contradict' "$dir/whole" "$dir/model"
    works -n 60 --load "$dir/model" -H 20 -T 30 -B 2 $text
    works -n 50 $small --bytes --sample-every 0 --save "$dir/bytes" $text
    works -n 60 --load "$dir/bytes" --bytes $text
    works -n 60 --load "$dir/bytes" $text

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
    same 'the hidden state for another text' 0 "$(tensor hprev "$dir/other1" | tr -d '\000' | bytes)"
    below 'bytes of it before that' 9 "$(tensor hprev "$dir/model" | tr -d '\000' | bytes)"
    { printf 'a'; cat $text; echo; } >"$dir/other"
    works -n 50 --sample-every 0 --load "$dir/other1" --save "$dir/model" "$dir/other"
    says 'yet another text' 'other.* not the text' "$dir/err"
    works -n 50 --sample-every 0 --load "$dir/model" --save "$dir/whole" "$dir/other"
    says_not 'the text that it learns by now' 'text' "$dir/err"
    same_file 'the model of that text' "$dir/whole" "$dir/model"

    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "ab"; printf "cdef" }' >"$dir/abab"
    works -n 200 $small --sample-every 0 --val-fraction 0.1 --eval-every 50 --save "$dir/low" "$dir/abab"
    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "fadecb" }' >"$dir/fade"
    works -n 200 --sample-every 0 --load "$dir/low" --val-fraction 0.1 --eval-every 1 \
        --save-best "$dir/best" "$dir/fade"
    same 'the best model on another text' 200 "$(tensor n "$dir/best" | od -An -tu8 | tr -d ' ')"

    # It begins at the beginning, where b follows a; after 2000 characters it is another letter.
    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "acbd" }' >"$dir/acbd"
    awk 'BEGIN { for (i = 0; i < 2000; i++) printf i < 1000 ? "ab" : "cd" }' >"$dir/other"
    works -n 1000 $small -T 2 --sample-every 0 --save "$dir/model" "$dir/acbd"
    works --load "$dir/model" --sample 1 --temperature 0 --prime a
    same 'what follows a' c "$(cat "$dir/out")"
    works -n 1700 --sample-every 0 --load "$dir/model" --save "$dir/model" "$dir/other"
    works --load "$dir/model" --sample 1 --temperature 0 --prime abababa
    same 'what follows a where the other text begins' b "$(cat "$dir/out")"

    printf 'To be,\nor n\303\253t to be, that is the question\n' >"$dir/other"
    works -n 50 $small --save "$dir/model" --sample-every 0 $text
    refuses 1 'other.*line 2.*offset 11.*U\+00EB|U\+00EB.*line 2.*offset 11' \
        -n 60 --load "$dir/model" "$dir/other"
}

# ---- what is kept stays

unwritable() { # status and reason when a model cannot be kept in a file: at once
    before_it=$(ls "$dir" | sed '/^out$/d; /^err$/d')
    refuses 1 "$1" -n 300 $small --save "$2" $text
    refuses 1 "$1" -n 300 $small --val-fraction 0.1 --save-best "$2" $text
    same "losses before $2 is found to be unwritable" 0 "$(grep -c loss "$dir/out")"
    same "what --save $2 leaves behind" "$before_it" "$(ls "$dir" | sed '/^out$/d; /^err$/d')"
}

test_nothing_lost() {
    unwritable 'none/model.*No such' "$dir/none/model"
    mkdir "$dir/folder"
    unwritable 'folder' "$dir/folder"
    same 'what is in a folder that is no file' '' "$(ls "$dir/folder")"
    chmod 555 "$dir/folder"
    if touch "$dir/folder/x" 2>/dev/null; then
        rm "$dir/folder/x"
        skip 'a read-only folder: whoever runs this may write anywhere (root)'
    else
        unwritable 'folder/model.*denied' "$dir/folder/model"
    fi
    rm -rf "$dir/folder"
    lost_devices
    cp $text "$dir/text"
    unwritable 'text cannot be written: it is no checkpoint' "$dir/text"
    same_file 'a text in the place of a model' $text "$dir/text"
    for text_there in 'hello' 'int f() { return 1; }'; do # short, or with the brace where a header's is
        echo "$text_there" >"$dir/kept"
        unwritable 'kept cannot be written: it is no checkpoint' "$dir/kept"
        mv "$dir/kept" "$dir/kept.tmp"
        unwritable 'kept cannot be written: it is no checkpoint' "$dir/kept"
        same 'a text beside it' "$text_there" "$(cat "$dir/kept.tmp")"
        rm "$dir/kept.tmp"
    done
    refuses 1 'kept cannot be written: it is no checkpoint' --save "$dir/kept" --log "$dir/kept" $text
    rm "$dir/kept"
    refuses 2 'save and --save-best' --save "$dir/kept" --save-best "$dir/kept" --val-fraction 0.1 $text
    : >"$dir/kept"
    works -n 1 $small --save "$dir/kept" $text
    same 'an empty file may be replaced' 1 "$(reached "$dir/kept")"

    lost_disk
    lost_killed
    lost_early
    lost_signals
    lost_diverged
    lost_output
    same 'what is left beside the models' '' "$(left_over "$dir")"
}

lost_devices() {
    for node in 'null 3' 'full 7'; do # of its own, so that none of the system's is at stake
        name=${node% *}
        if [ "$(uname)" = Linux ] && mknod "$dir/$name" c 1 ${node#* } 2>/dev/null &&
            { : >"$dir/$name"; } 2>/dev/null; then
            unwritable "$dir/$name" "$dir/$name"
            if [ -c "$dir/$name" ]; then pass; else fail "--save /dev/$name: no device any more"; fi
            ln -s "$name" "$dir/link"
            unwritable "$dir/link" "$dir/link"
            if [ -L "$dir/link" ]; then pass; else fail "--save over a link to /dev/$name"; fi
            rm "$dir/link"
        else
            skip "/dev/$name: whoever runs this may make no device of its own"
        fi
        rm -f "$dir/$name"
    done
}

fills_up() {
    cat /dev/zero >>"$dir/disk/fill"
    grep -q 'cannot be written' "$dir/err"
}

lost_disk() {
    mkdir "$dir/disk"
    trap 'umount "$dir/disk" 2>/dev/null; rm -rf "$dir"' EXIT
    if ! mount -t tmpfs -o size=64k none "$dir/disk" 2>/dev/null; then
        skip 'a small disk: whoever runs this may not mount one'
        return
    fi
    works -n 100 $small --sample-every 0 --save "$dir/disk/model" $text # 29 KB, twice
    cp "$dir/disk/model" "$dir/whole"
    start "$prog" -n 0 --sample-every 0 --save-every 10 --load "$dir/disk/model" \
        --save "$dir/disk/model" $text
    trains
    await fills_up
    end_by TERM
    same 'exit status when the disk has filled up' 1 $status
    says 'a disk that fills up' 'disk/model cannot be written: No space' "$dir/err"
    below 'what it had saved by then' 99 "$(reached "$dir/disk/model")"
    same 'what is left on a full disk' '' "$(left_over "$dir/disk")"

    cp "$dir/disk/model" "$dir/whole"
    refuses 1 'disk/model cannot be written: No space' -n 9000 --sample-every 0 --load "$dir/whole" \
        --save "$dir/disk/model" $text
    refuses 1 'disk/new cannot be written: No space' -n 9000 --sample-every 0 --load "$dir/whole" \
        --save "$dir/disk/new" $text
    same 'losses before a full disk is noticed' 0 "$(grep -c loss "$dir/out")"
    same_file 'the model on a full disk' "$dir/whole" "$dir/disk/model"
    same 'files on a full disk' 'fill model ' "$(ls "$dir/disk" | tr '\n' ' ')"
    umount "$dir/disk"
}

# Killed at any moment, also while it writes: there is a model, and it has not gone back.
lost_killed() {
    works -n 1 $small --sample-every 0 --save "$dir/model" $text
    times=30 bad=0 last=1
    [ $moment = 0.1 ] && [ -z "${SANITIZED-}" ] || times=5
    for pause in $(awk "BEGIN { srand(); for (i = 0; i < $times; i++) print $moment * rand() }")
    do
        "$prog" -q -n 0 --sample-every 0 --print-every 0 --save-every 1 --load "$dir/model" \
            --save "$dir/model" $text >"$dir/out" 2>"$dir/err" &
        pid=$!
        [ $times = 30 ] && sleep $pause || sleep 1
        kill -KILL $pid
        wait $pid 2>/dev/null
        now=$(reached "$dir/model")
        [ "${now:-0}" -ge "$last" ] || bad=$((bad + 1))
        last=${now:-$last}
    done
    same "models lost in $times kills" 0 $bad
    below 'iterations between the kills' 1 "$last"
    rm -f "$dir/model.tmp"
}

# What was there stays there until there is something to save.
lost_early() {
    works -n 50 $small --sample-every 0 --save "$dir/whole" $text
    cp "$dir/whole" "$dir/model"
    start "$prog" -n 0 --sample-every 0 --save-every 1000000000 --save "$dir/model" $text
    trains
    kill -KILL $pid
    wait $pid 2>/dev/null
    same_file 'a model before another one is saved' "$dir/whole" "$dir/model"
}

lost_signals() {
    for signal in 'INT 130' 'TERM 143' 'HUP 129'; do
        rm -f "$dir/model"
        start "$prog" -n 0 $small --save-every 0 --sample-every 0 --save "$dir/model" $text
        trains
        end_by "${signal% *}"
        same "how SIG${signal% *} ends it" "${signal#* }" $status
        n=$(sed -n 's/^\([0-9]*\) iterations in.*/\1/p' "$dir/err")
        below 'iterations until then' 0 "$n"
        same "the model after SIG${signal% *}" "$n" "$(reached "$dir/model")"
    done
}

lost_diverged() {
    works -n 50 $small --sample-every 0 --save "$dir/model" $text
    cp "$dir/model" "$dir/whole"
    run -n 200 -l 50 --save-every 1 --sample-every 0 --load "$dir/model" --save "$dir/model" $text
    n=$(sed -n 's/.*iteration \([0-9]*\):.*/\1/p' "$dir/err") # it takes a while, or does not
    below 'what a loss leaves that has gone up and up' "$(reached "$dir/model")" "${n:-201}"
    for options in '-l 1000' '-l 1e10' '-l 1e30'; do
        cp "$dir/whole" "$dir/model"
        refuses 1 'iteration [0-9]+: the loss has diverged' -n 3000 $options --save-every 1 \
            --sample-every 0 --load "$dir/model" --save "$dir/model" $text
        n=$(sed -n 's/.*iteration \([0-9]*\):.*/\1/p' "$dir/err")
        below "what $options leaves" "$(reached "$dir/model")" "$n"
    done
    says 'where it diverged' 'iteration 51:' "$dir/err"
    same_file 'the model before it diverged' "$dir/whole" "$dir/model"

    # The same, and stopped in the iteration that diverges: it takes a while.
    steps=20000
    [ "${SANITIZED-}" ] && steps=2000
    works -n 1 -H 100 -T $steps -B 5 -t 1 --sample-every 0 --save "$dir/model" $text
    cp "$dir/model" "$dir/whole"
    start "$prog" -n 0 -l 1e30 -t 1 --print-every 0 --sample-every 1 --sample-length 0 \
        --load "$dir/model" --save "$dir/model" $text
    await grep -q '^  $' "$dir/out"
    end_by TERM
    same 'samples when it was stopped' 2 "$(grep -c '^----$' "$dir/out")"
    same_file 'the model before it diverged, and was stopped' "$dir/whole" "$dir/model"
}

lost_output() {
    { "$prog" -n 0 --print-every 1 --sample-every 0 $small --save "$dir/piped" $text 2>"$dir/err"
        echo $? >"$dir/status"; } | head -n 3 >"$dir/out"
    same 'exit status with a closed pipe' 1 "$(cat "$dir/status")"
    says 'a closed pipe' 'standard output cannot be written' "$dir/err"
    below 'the model after a closed pipe' 1 "$(reached "$dir/piped")"
    "$prog" -n 20 $small --save "$dir/closed" $text >&- 2>"$dir/err"
    same 'exit status without standard output' 1 $?
    run -n 1 --load "$dir/closed" $text
    same "a model kept without standard output ($(cat "$dir/err"))" 0 $status
    says_not 'the record in it' 'data has|^iter' "$dir/closed"
    "$prog" -n 20 $small --save "$dir/closed" $text >"$dir/out" 2>&-
    same 'a model kept without standard error' 20 "$(reached "$dir/closed")"
    "$prog" -n 20 $small --log "$dir/log" $text >"$dir/out" 2>&-
    same 'exit status of a log without standard error' 0 $?
    says_not 'the summary in it' 'iterations in' "$dir/log"
    rm "$dir/log"
}

# ---- sampling

samples() { "$prog" --load "$dir/model" --sample "$@" >"$dir/out" 2>"$dir/err"; status=$?; }
written() { tr -d '\200-\277' <"$dir/out" | bytes; } # characters
only() { # what, the characters that may be in the sample
    same "$1: exit status ($(cat "$dir/err"))" 0 $status
    same "$1: what is not of the text" '' "$(tr -d "$2" <"$dir/out")"
}

test_sampling() {
    works -n 300 $small --sample-every 0 --save "$dir/model" $text
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
    sampling_stop
    sampling_endless
    sampling_utf8
    sampling_usage
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
    works -n 2000 -H 20 -T 4 --sample-every 0 --save "$dir/hello" data/hello.txt # no new line
    works --load "$dir/hello" --sample 4 --temperature 0 --prime h
    same 'what follows h' ello "$(cat "$dir/out")"
    works --load "$dir/hello" --sample 2 --temperature 0 --prime hel
    same 'what follows hel' lo "$(cat "$dir/out")"
    works --load "$dir/hello" --sample 9
    same 'a model without a new line' '9 ' "$(bytes <"$dir/out") $(tr -d helo <"$dir/out")"
    refuses 1 'prime.*U\+0078|U\+0078.*prime' --load "$dir/hello" --sample 9 --prime hex
    refuses 1 'stop.*U\+0078|U\+0078.*stop' --load "$dir/hello" --sample 9 --stop hex
    refuses 1 'prime.*0xFF|0xFF.*prime' --load "$dir/hello" --sample 9 --prime "$(printf 'h\377')"
    same 'what is written before it is refused' 0 "$(bytes <"$dir/out")"
}

sampling_stop() {
    for end in e the 'e '; do
        samples 1000000 --stop "$end"
        cp "$dir/out" "$dir/first"
        same "exit status of --stop '$end'" 0 $status
        below "bytes until '$end'" "$(bytes <"$dir/out")" 100000
        same "'$end' is where it ends" "$end." "$(tail -c ${#end} "$dir/out"; echo .)"
        same "how often '$end' is there" 1 "$(tr '\n' '|' <"$dir/out" | grep -o "$end" | lines)"
        samples "$(bytes <"$dir/first")"
        same_file 'what it would have written anyway' "$dir/out" "$dir/first"
    done
    samples 50 --stop ThereIsNoSuchText
    same 'a text that does not come up' 50 "$(bytes <"$dir/out")"
    run -n 1 $small -s 5 --print-every 0 --sample-length 100000 --stop e $text
    below 'bytes until --stop in training' "$(bytes <"$dir/out")" 10000
    same 'samples that end so' 2 "$(grep -c 'e $' "$dir/out")"
    refuses 1 'stop.*U\+007E' -n 200 $small --sample-every 0 --stop '~' $text # at the start, not later
}

ragged() { [ $(($(bytes <"$dir/out") % 1024)) -ne 0 ]; } # no buffer is of such a size

sampling_endless() {
    { "$prog" --load "$dir/model" --sample 0 2>"$dir/err"; } | head -c 100 >"$dir/out"
    same 'bytes of an endless one' 100 "$(bytes <"$dir/out")"
    same 'what it says when nobody reads on' 0 "$(bytes <"$dir/err")"
    start "$prog" --load "$dir/model" --sample 0
    await larger_than 100000
    await ragged # it does not wait until a buffer is full
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
    works -n 200 $small -T 8 --sample-every 0 --save "$dir/model" "$dir/first"
    samples 777 --prime "$(printf '\303\251\342\202\254')" --temperature 1e30
    same 'characters of UTF-8' 777 "$(written)"
    only 'UTF-8' 'a\n\303\251\342\202\254\360\237\230\200'
    samples 1000 --stop "$(printf '\360\237\230\200')"
    same 'where it stops' "$(printf '\360\237\230\200')" "$(tail -c 4 "$dir/out")"
    below 'characters until then' "$(written)" 100
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
    works -n 1 $small --bytes --sample-every 0 --save "$dir/model" "$dir/random"
    samples 5000
    same 'bytes of a sample of bytes' '0 5000' "$status $(bytes <"$dir/out")"
    below 'high bytes in it' 2000 "$(tr -cd '\200-\377' <"$dir/out" | bytes)"
}

sampling_usage() {
    refuses 2 'sample' --load "$dir/model" --sample 5 $text
    refuses 2 'sample' --load "$dir/model" --sample 5 --eval
    refuses 2 'load' --sample 5
    refuses 2 'load' --sample 5 --prime a
    refuses 2 'load' --eval $text
    refuses 2 'which text' --load "$dir/model" --eval
    refuses 2 'which text' --load "$dir/model"
    refuses 2 'prime' --prime a $text
    refuses 2 'prime' --load "$dir/model" --prime a $text
    refuses 2 'save-best.*val-fraction' --save-best "$dir/best" $text
    refuses 2 'save-best.*val-fraction' --save-best "$dir/best" --val-fraction 0 $text
    for option in save load save-best log prime stop; do
        refuses 2 "--$option" --$option= $text
    done
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
    awk 'BEGIN { for (i = 0; i < 1000; i++) printf "ab" }' >"$dir/text" # soon it is sure of all of it
    works -q -n 2000 -H 20 -T 8 -l 2 --val-fraction 0.1 --eval-every 200 --sample-every 0 "$dir/text"
    same 'held-out losses of 0' 11 "$(grep -c 'val loss' "$dir/out")"
    says 'a held-out loss of 0' '^iter 2000, val loss: 0.000000 nats' "$dir/out"

    works -n 100 $small --val-fraction 0.1 --eval-every 30 --print-every 20 --sample-every 0 $text
    same 'held-out losses' '0 30 60 90 100 ' \
        "$(sed -n 's/^iter \([0-9]*\), val loss: [0-9.]* nats\/char, [0-9.]* bits\/char$/\1 /p' \
            "$dir/out" | tr -d '\n')"
    same 'losses' '0 20 40 60 80 100 ' \
        "$(sed -n 's/^iter \(.*\), loss.*/\1 /p' "$dir/out" | tr -d '\n')"
    same 'the lines of iteration 60' 'loss val ' \
        "$(sed -n 's/^iter 60, \([a-z]*\).*/\1/p' "$dir/out" | tr '\n' ' ')"
    same 'lines' 12 "$(lines <"$dir/out")"
    same 'the first' "data has $(bytes <$text) characters, 64 unique." "$(head -n 1 "$dir/out")"
    below 'distance of the first held-out loss from log(V)' "($(val 0) - log(64)) ^ 2" 0.0001
    below 'what it has learnt' "$(val 100)" 3.6
    same 'nats that are not so many bits' '' "$(awk '/val loss/ {
        d = $7 - $5 / log(2); if (d * d > 1e-11) print }' "$dir/out")"

    for options in '' '-B 4 -t 2'; do
        works -n 100 $small $options --val-fraction 0.1 --eval-every 0 --print-every 9 \
            --sample-every 25 --save "$dir/model" $text
        mv "$dir/out" "$dir/first"
        same 'held-out losses with --eval-every 0' 0 "$(grep -c val "$dir/first")"
        works -n 100 $small $options --val-fraction 0.1 --eval-every 7 --print-every 9 \
            --sample-every 25 --save "$dir/model" $text
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
    works -n 60 "$@" --save "$dir/model" --save-best "$dir/best" $text
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

    works -n 108 "$@" -l 0.5 --save-best "$dir/best" $text # the loss goes up and down
    best=$(lowest "$dir/out")
    works -n 48 "$@" -l 0.5 --save "$dir/model" --save-best "$dir/best2" $text
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
    refuses 1 'text: 20 characters.*25 steps.*lower --seq-length$' -n 1 $small \
        --val-fraction 0.9 "$dir/text"
    works -n 1 $small -T 19 --val-fraction 0.9 "$dir/text"
}

# ---- the loss on a text

consistent() { # what the last --eval printed
    awk '{ nats = $3; bits = $5; perplexity = $NF; b = bits - nats / log(2)
        p = perplexity / exp(nats) - 1; exit !(b * b < 1e-11 && p * p < 1e-9) }' "$dir/out"
    same "nats, bits and perplexity go together: $(cat "$dir/out")" 0 $?
    says 'its line' '^[0-9]+ characters: [0-9.]+ nats/char, [0-9.]+ bits/char, perplexity [0-9.]+$' \
        "$dir/out"
    same 'lines of --eval' 1 "$(lines <"$dir/out")"
}

test_eval() {
    works -q -n 50 $small --val-fraction 0.1 --eval-every 50 --save "$dir/model" $text
    val=$(sed -n 's/^iter 50, val loss: \([0-9.]*\) .*/\1/p' "$dir/out")
    works --load "$dir/model" --eval --val-fraction 0.1 $text
    says '--eval of what is held out' "characters: $val nats" "$dir/out"
    for option in save save-best log; do
        refuses 2 'save and --log' --load "$dir/model" --eval --$option "$dir/x" $text
        refuses 2 'save and --log' --load "$dir/model" --sample 9 --$option "$dir/x"
    done
    refuses 2 'save-best' --val-fraction 0.1 --eval-every 0 --save-best "$dir/x" $text
    same 'a file that was not asked for' 0 "$(ls "$dir" | grep -c '^x$')"
    head -c 20 $text >"$dir/text"
    refuses 1 'needs a longer text' -n 60 --load "$dir/model" "$dir/text"
    works -q -n 50 $small --bytes --save "$dir/bytes" $text
    refuses 1 'prime.*character 0xE6' --load "$dir/bytes" --sample 9 --prime "$(printf '\346')"

    works -n 1 -l 0 $small --sample-every 0 --save "$dir/model" $text
    works --load "$dir/model" --eval $text
    consistent
    same 'what --eval says on standard error' 0 "$(bytes <"$dir/err")"
    same 'characters' "$(bytes <$text)" "$(sed 's/ .*//' "$dir/out")"
    below 'distance of what has learnt nothing from log(V)' "($(nats) - log(64)) ^ 2" 0.0001
    works -n 300 $small -B 3 --val-fraction 0.1 --sample-every 0 --save "$dir/model" $text
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
    for threads in 1 3; do # which is how many steps it takes at a time: 75, or 25
        works --load "$dir/model" --eval -t $threads "$dir/held"
        below "distance with $threads threads" "($last - $(nats)) ^ 2" 1e-10
    done
    float=$prog prog=$double mine=$last
    works --load "$dir/model" --eval "$dir/held"
    consistent
    below 'its distance in double' "($mine - $(nats)) ^ 2" 1e-10
    prog=$float

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
    refuses 1 'line 2.*offset 5.*U\+00EF|U\+00EF.*line 2.*offset 5' \
        --load "$dir/model" --eval "$dir/text"
    same 'what is printed then' 0 "$(bytes <"$dir/out")"
}

# ---- the table of losses

but_seconds() { awk -F '\t' '{ print $1, $2, $4, $5 }' "$1"; }
same_log() { # what; against the file whole.log
    but_seconds "$dir/whole.log" >"$dir/want"
    but_seconds "$dir/log" >"$dir/got"
    same_file "$1" "$dir/want" "$dir/got"
    same "$1: seconds that go back" '' \
        "$(awk -F '\t' 'NR > 1 { if ($3 < s) print; s = $3 }' "$dir/log")"
}
logs() { # an exit of 0 and a log of it: arguments
    works $small --print-every 10 --eval-every 25 --val-fraction 0.1 --sample-every 0 "$@" $text
}

test_log() {
    logs -n 300 -B 2 --log "$dir/whole.log"
    printf 'iter\tepoch\tseconds\tloss\tval_loss\n' >"$dir/want"
    head -n 1 "$dir/whole.log" >"$dir/got"
    same_file 'header' "$dir/want" "$dir/got"
    same 'rows that have not five columns' '' "$(awk -F '\t' 'NF != 5' "$dir/whole.log")"
    stream=$((($(bytes <$text) - $(held | bytes)) / 2))
    awk -F '\t' -v stream=$stream 'NR > 1 { e = $2 - $1 * 25 / stream; if (e * e > 1e-11) print }' \
        "$dir/whole.log" >"$dir/got"
    same 'epochs that are wrong' '' "$(cat "$dir/got")"
    sed -n 's/^iter \(.*\), loss: \(.*\)/\1 \2/p' "$dir/out" >"$dir/record"
    awk -F '\t' 'NR == FNR { split($0, a, " "); loss[a[1]] = a[2]; next }
        $1 in loss { d = $4 - loss[$1] / 25; if (d * d < 1e-11) n++ } END { print n }' \
        "$dir/record" "$dir/whole.log" >"$dir/got"
    same 'rows for the losses printed' "$(lines <"$dir/record")" "$(cat "$dir/got")"
    sed -n 's/^iter \(.*\), val loss: \(.*\) nats.*/\1 \2/p' "$dir/out" >"$dir/want"
    awk -F '\t' 'NR > 1 && $5 != "" { print $1, $5 }' "$dir/whole.log" >"$dir/got"
    same_file 'held-out losses' "$dir/want" "$dir/got"
    same 'rows' 37 "$(sed 1d "$dir/whole.log" | lines)" # of 0, 10, 20, 25, 30, ... 300
    same 'rows in order, none twice' '' "$(sed 1d "$dir/whole.log" | cut -f 1 | sort -nuc 2>&1)"
    log_resumed
    log_refused
}

log_resumed() {
    logs -n 123 -B 2 --save "$dir/model" --log "$dir/log"
    cp "$dir/model" "$dir/at123"
    logs -n 300 --load "$dir/model" --save "$dir/model" --log "$dir/log"
    same_log 'gone on'
    logs -n 200 --load "$dir/at123" --log "$dir/log" # from before the end of the table
    logs -n 300 --load "$dir/at123" --log "$dir/log"
    same_log 'gone on from what was kept earlier'
    head -c $(($(bytes <"$dir/whole.log") - 5)) "$dir/whole.log" >"$dir/log"
    logs -n 300 --load "$dir/at123" --log "$dir/log"
    same_log 'gone on after half a line'
    sed '/^260/,$d' "$dir/whole.log" >"$dir/log"
    printf '260\t0.1' >>"$dir/log"
    logs -n 255 --load "$dir/at123" --save "$dir/model"
    logs -n 300 --load "$dir/model" --log "$dir/log"
    same_log 'gone on where the table ends in half a line'

    logs -n 1 -B 2 --save "$dir/model"
    : >"$dir/log"
    start "$prog" -n 0 -q --print-every 10 --eval-every 25 --val-fraction 0.1 --sample-every 0 \
        --load "$dir/model" --save "$dir/model" --save-every 120 --log "$dir/log" $text
    await grep -q '^290' "$dir/log"
    kill -KILL $pid
    wait $pid 2>/dev/null
    n=$(($(reached "$dir/model") + 100))
    logs -n $n --load "$dir/model" --log "$dir/log"
    logs -n $n -B 2 --log "$dir/whole.log"
    sed '/^0\t/d' "$dir/whole.log" >"$dir/rest" # it began at 1, which is not printed
    mv "$dir/rest" "$dir/whole.log"
    same_log 'gone on after it was killed'
    logs -n 20 -B 2 --log "$dir/log"
    logs -n 20 -B 2 --log "$dir/whole.log"
    same_log 'begun again'
}

log_refused() {
    for file in $text LICENSE "$dir/model"; do
        cp "$file" "$dir/kept"
        refuses 1 'kept' -n 1 $small --log "$dir/kept" $text
        same_file "--log over $file" "$file" "$dir/kept"
    done
    refuses 1 'none/log: No such file' -n 1 $small --log "$dir/none/log" $text
    refuses 1 ': data: Is a directory' -n 1 $small --log data $text
    same 'losses before it is refused' 0 "$(grep -c loss "$dir/out")"
    if [ -c /dev/full ]; then
        ln -s /dev/full "$dir/link"
        run -n 1 $small --log "$dir/link" $text
        same 'exit status of a log on a full disk' 1 $status
    fi
}

# ---- on another machine

# A big-endian one reads what this one has kept, and keeps the same bytes.
test_big_endian() {
    for compiler in s390x-linux-gnu-gcc s390x-linux-gnu-gcc-12; do
        command -v $compiler >/dev/null && break
    done
    command -v $compiler >/dev/null || { skip 's390x: install gcc-s390x-linux-gnu'; return; }
    command -v qemu-s390x >/dev/null || { skip 's390x: install qemu-user'; return; }
    $compiler -std=gnu11 -O1 -static min_char_rnn.c -o "$dir/s390x" -lm -pthread
    works -n 50 $small -B 3 --val-fraction 0.1 --eval-every 10 --save "$dir/model" $text
    mv "$dir/out" "$dir/here"
    qemu-s390x "$dir/s390x" -n 50 --val-fraction 0.1 --load "$dir/model" --save "$dir/there" \
        $text >"$dir/out" 2>"$dir/err"
    same_file 'what a big-endian machine keeps' "$dir/model" "$dir/there"
    below 'distance of its loss' "($(loss 50) - $(sed -n 's/^iter 50, loss: //p' "$dir/here")) ^ 2" 1e-9
    qemu-s390x "$dir/s390x" -n 60 --val-fraction 0.1 --load "$dir/model" --save "$dir/there" \
        $text >"$dir/out" 2>"$dir/err"
    same 'what it has learned, here' 60 "$(reached "$dir/there")"
}
