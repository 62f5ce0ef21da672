# Process tests, read by run.sh: signals, pipes, terminals, building, installing, and the source.

ended_by() { # what, the signal that has to end it; before that it saves a model in $dir/caught
    same "$1: what ends it" "$2" "$(kill -l $status | sed 's/^SIG//')"
    same "$1: the iterations of the summary, and of the model" \
        "$(reached "$dir/caught") saved: $(cd "$dir" && pwd -P)/caught" \
        "$(sed 's/^\([1-9][0-9]*\) iterations in .* characters\/s$/\1/' "$dir/err" | tr '\n' ' ' | sed 's/ $//')"
    rm -f "$dir/caught"
}

ignores() { { sh -c "kill -$1 \$\$"; } 2>/dev/null && skip "SIG$1: it is ignored here"; }

test_signals() {
    set -- "$prog" -n 0 -H 20 --print-every 1 --sample 0 --save "$dir/caught" $text
    for signal in TERM HUP XCPU; do
        ignores $signal && continue # HUP: under nohup
        start "$@"
        trains
        end_by $signal
        ended_by "SIG$signal" $signal
    done
    start sh -c 'trap "" INT HUP; exec "$@"' sh "$@" # as nohup does
    trains
    kill -INT $pid
    kill -HUP $pid
    sleep $moment
    await larger_than "$(bytes <"$dir/out")"
    end_by TERM
    ended_by 'SIGTERM, where SIGINT and SIGHUP are ignored' TERM
    start "$prog" -n 0 -H 20 --print-every 0 --sample 0 --eval-every 1 --save "$dir/caught" $text
    await [ -s "$dir/caught" ]
    end_by TERM
    same 'the record of a run that a signal ends' 'data has 111573 characters, 64 unique.' \
        "$(cat "$dir/out")"
    rm -f "$dir/caught"
    ignores INT && return # in the foreground: in the background a shell has it ignored
    : >"$dir/out"
    { trains; kill -INT "$(cat "$dir/pid")"; } &
    sh -c 'echo $$ >"$0"; exec "$@"' "$dir/pid" "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    ended_by SIGINT INT
}

# The reader of a pipe stops after a line: so the program waits in the middle of a sample.
test_pipes() {
    mkfifo "$dir/fifo"
    for signals in one two; do
        [ $signals = one ] && want='143, 1 iterations, 200013' || want='143, '
        rm -f "$dir/line" "$dir/go"
        { read -r line; : >"$dir/line"; await [ -f "$dir/go" ]; cat >"$dir/rest"; } <"$dir/fifo" &
        "$prog" -n 0 -H 5 --sample 200000 --save "$dir/pipe$signals" $text >"$dir/fifo" 2>"$dir/err" &
        pid=$!
        await [ -f "$dir/line" ]
        kill -TERM $pid
        sleep $moment
        same 'messages after a first signal, in a sample' '' "$(kill -0 $pid 2>&1; cat "$dir/err")"
        if [ $signals = one ]; then : >"$dir/go"; end_by 0; else end_by TERM; fi
        : >"$dir/go"
        wait
        got="$status, $(sed -n '1s/ in .*//p' "$dir/err"), $(sed '$d' "$dir/rest" | bytes)"
        [ $signals = one ] || got=${got%, *}
        same "status, summary, bytes after signals: $signals" "$want" "$got"
    done
}

test_output() { # that cannot be written
    refused <<'END'
-q -n 9 input >&- & --help >&- & --load model >&- & --load model --eval input >&- | standard output: Bad file descriptor
-q -n 9 --sample 0 --print-every 0 --save closed input >&- | standard output: Bad file descriptor
END
    same 'the model that is saved nevertheless' 0 "$(reached "$dir/closed")"
    try '-n 9 input 2>&-'
    same 'exit status without standard error' 0 $status
    (ulimit -f 1; try '-q -n 0 --print-every 1 input'; exit $status)
    same 'where files may not be so long' "1 ${prog##*/}: standard output: File too large" \
        "$? $(cat "$dir/err")"
    # The reader of a pipe goes away.
    { try '-q -n 0 --print-every 1 --save piped input >&3'; echo $status >"$dir/status"; } 3>&1 |
        head -n 3 >"$dir/x"
    same 'training' "1 ${prog##*/}: standard output: Broken pipe" "$(cat "$dir/status" "$dir/err" | tr '\n' ' ' | sed 's/ $//')"
    below 'iterations of the model that it saves' 1 "$(reached "$dir/piped")"
    { try '--load model --sample 0 >&3'; echo $status >"$dir/status"; } 3>&1 | head -n 3 >"$dir/x"
    says 'a sample: exit status' '^(1|141)$' "$dir/status" # SIGPIPE may be ignored here
    [ -c /dev/full ] || { skip 'a full disk: there is no /dev/full (Linux has one)'; return; }
    refused <<'END'
-q -n 0 --print-every 9 --sample 0 --save full input >/dev/full & --version >/dev/full & --load model --show-units input >/dev/full & --load model --show-gradients input >/dev/full | standard output: No space left on device
END
    same 'the model that is saved then' 0 "$(reached "$dir/full")"
    "$prog" --load "$dir/model" --sample 0 >/dev/full 2>"$dir/err" &
    pid=$!
    end_by 0
    same 'status of an endless sample on a full disk' 1 $status
}

# Runs "$arguments" on a terminal, in $dir. What a terminal shows in the end goes to the file shown.
on_terminal() {
    export dir prog arguments
    escape=$(printf '\033')
    script -qec 'cd "$dir" && eval "\"\$prog\" $arguments"' /dev/null >"$dir/tty"
    status=$?
    tr '\r' '\n' <"$dir/tty" | sed "s/$escape\\[K/ESC/g" >"$dir/lines"
    tr -d '\r' <"$dir/tty" | sed "s/.*$escape\\[K//; ${1-}" >"$dir/shown"
    return $status
}

test_terminal() {
    script --version 2>&1 | grep -q util-linux || { skip 'a terminal: install bsdutils'; return; }
    rates='s/in [0-9.]* s: [0-9]*/in X/'
    while IFS='|' read -r arguments pattern; do
        try "$arguments"
        sed "$rates" "$dir/out" "$dir/err" >"$dir/want"
        want=$status
        on_terminal "$rates" </dev/null
        same "exit status on a terminal: $arguments" $want $status
        same_file "what stays on a terminal: $arguments" "$dir/want" "$dir/shown"
        says "what comes on a terminal: $arguments" "$pattern" "$dir/lines"
    done <<'END'
-n 1500 -H 20 --print-every 100 --sample-every 500 --val-fraction 0.05 --eval-every 500 input|^(ESC)+iter 1500, loss: [0-9.]+$
-n 1500 -H 20 input >record|^(ESC)+1500 iterations
-n 9 -q input|^(ESC)?iter 9, loss: [0-9.]+$
-n 9 -l 1e30 input|^ESCmin_char_rnn: iteration 1
END
    ignores INT && return
    arguments='-n 2e7 -H 5 --print-every 100000 input >record'; : >"$dir/tty"
    { await grep -q nats "$dir/tty"; printf '\003'; await grep -q iterations "$dir/tty"; } |
        on_terminal
    same 'status after Ctrl-C' 130 $?
    says 'the status line' '^ESCiter [0-9]+, [0-9.]+ nats/char, [0-9.]+ min left' "$dir/lines"
    says 'the last line after Ctrl-C' '^[0-9]+ iterations in .*characters/s$' "$dir/shown"
}

# As the first comment of the source says, with nothing but the source.
test_build() {
    command -v cc >/dev/null || { skip 'the command in the first comment: install cc'; return; }
    line=$(sed -n 's|^// *\(cc .*\)|\1|p' min_char_rnn.c | head -n 1)
    mkdir "$dir/alone"
    cp min_char_rnn.c data/hello.txt "$dir/alone"
    (cd "$dir/alone" && eval "$line -std=c11 -Wall -O0" && ./min_char_rnn -q -n 9 -T 4 hello.txt) \
        >"$dir/out" 2>&1
    same "exit status, first line and lines of: $line" '0 data has 5 characters, 4 unique. 9' \
        "$? $(head -n 1 "$dir/out") $(lines <"$dir/out")"
}

test_install() { # in a folder whose name make can pass on
    make install DESTDIR=build/root PREFIX=/usr >"$dir/err" 2>&1
    same "exit status of make install ($(cat "$dir/err"))" 0 $?
    same_file 'make install' min_char_rnn build/root/usr/bin/min_char_rnn
    make uninstall DESTDIR=build/root PREFIX=/usr >"$dir/err" 2>&1
    same "make uninstall ($(cat "$dir/err")): status, files" '0 ' "$? $(find build/root -type f)"
    rm -r build/root
}

# The ceilings of the source.
test_source() {
    while IFS='|' read -r what limit command; do
        below "$what" "$(eval "$command" <min_char_rnn.c)" "$limit + 0.001"
    done <<'END'
lines|1500|lines
bytes|69632|bytes
characters in a line of code|38|awk '{ sub(/\/\/.*/, ""); gsub(/^[ \t]+|[ \t]+$/, "") } length { n += length; code++ } END { print n / code }'
lines of code for a line of comment|8.33|awk '/^ *\/\// { comments++; next } NF { code++ } END { print code / comments }'
columns of the widest line|92|awk 'length > n { n = length } END { print n }'
lines of the longest function|60|awk '/^[a-z].*\)[ \t]*{$/ || /^{$/ { if (!start) start = NR } /^}/ { if (start && NR - start > n) n = NR - start; start = 0 } END { print n }'
the line of rnn_forward|200|sed -n '/^static [a-z]* rnn_forward(.*{/='
the line of train|370|sed -n '/^static [a-z]* train(/='
the line of section 10|520|sed -n '\|^// ==== 10 |='
END
}
