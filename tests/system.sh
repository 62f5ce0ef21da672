# Process tests, read by run.sh: signals, terminals, building and installing; and the source itself.

# Starts a command in the background, with its output in the files out and err.
start() {
    : >"$dir/out"
    "$@" >"$dir/out" 2>"$dir/err" &
    pid=$!
}
trains() { await grep -q loss "$dir/out"; }
writes_on() { # it prints, after what it has printed
    size=$(bytes <"$dir/out")
    await larger_than "$size"
}
larger_than() { [ "$(bytes <"$dir/out")" -gt "$1" ]; }
# Sends it a signal, and waits until it has ended; what does not end gets killed.
end_by() {
    kill -"$1" $pid
    (await false; kill -KILL $pid) >/dev/null 2>&1 &
    guard=$!
    wait $pid 2>/dev/null
    status=$?
    kill -KILL $guard # a shell just forked can lose other signals
    wait $guard 2>/dev/null
}
# Runs it in the foreground, where SIGINT is not ignored, and sends it that.
interrupted() {
    rm -f "$dir/pid"
    { await test -s "$dir/pid"; sleep $moment; sleep $moment; kill -INT "$(cat "$dir/pid")"; } &
    sh -c 'echo $$ >"$0"; exec "$@"' "$dir/pid" "$@" >"$dir/out" 2>"$dir/err"
    status=$?
}

test_signals() {
    for signal in 'INT 130' 'TERM 143' 'HUP 129'; do
        start "$prog" -n 0 $text
        trains
        end_by "${signal% *}"
        same "how SIG${signal% *} ends it" "${signal#* }" $status
        says "summary after SIG${signal% *}" '^[1-9][0-9]* iterations in' "$dir/err"
        same "last line after SIG${signal% *}" 'iter' "$(tail -n 1 "$dir/out" | cut -c 1-4)"
    done
    start nohup "$prog" -n 0 --print-every 1 $text
    trains
    kill -HUP $pid
    writes_on
    end_by TERM
    same 'under nohup, SIGHUP is nothing' 143 $status

    start "$prog" -n 0 --sample-length 1000000000 $text
    await larger_than 4096
    end_by TERM
    same 'how a signal ends it in the middle of a sample' 143 $status
    says 'summary after a sample cut short' 'iterations in' "$dir/err"

    # An iteration takes seconds, and begins when a sample has been printed: an empty one.
    start "$prog" -n 0 -H 400 -T 30000 --sample-length 0 $text
    await grep -q '^  $' "$dir/out"
    kill -TERM $pid
    sleep $moment
    end_by TERM
    same 'how a second signal ends it' 143 $status
    same 'a second signal does not wait' 0 "$(bytes <"$dir/err")"

    start "$prog" -n 0 --print-every 1 --sample-every 0 $text
    trains
    kill -STOP $pid
    sleep $moment
    size=$(bytes <"$dir/out")
    sleep $moment
    same 'bytes written while it is stopped' "$size" "$(bytes <"$dir/out")"
    kill -CONT $pid
    writes_on
    end_by TERM
    same 'how it ends after it went on' 143 $status
}

test_pipes() {
    mkfifo "$dir/fifo"
    sleep 3 <"$dir/fifo" & # a reader that does not read
    "$prog" -n 0 -H 9 --sample-length 100000 $text >"$dir/fifo" 2>"$dir/err" &
    pid=$!
    sleep 1
    end_by TERM
    same 'how a signal ends it while a pipe is full' 143 $status
    says_not 'a full pipe' 'cannot be written' "$dir/err"

    sh -c 'kill -INT $$' 2>/dev/null
    if [ $? -eq 0 ]; then
        skip 'SIGINT while it reads: SIGINT is ignored here'
        return
    fi
    { echo 'text that is slow to come'; sleep 3; } >"$dir/fifo" &
    interrupted "$prog" -n 1 - <"$dir/fifo"
    same 'how SIGINT ends it while it reads' 130 $status
    interrupted "$prog" -n 0 $text
    same 'how SIGINT ends it in the foreground' 130 $status
}

escape=$(printf '\033')
shown() { tr -d '\r' <"$1" | sed "s/.*$escape\[K//"; } # what stays when lines are rewritten
on_terminal() { script -qec "$1" /dev/null; }          # runs a command line

test_terminal() {
    if ! script --version 2>/dev/null | grep -q util-linux; then
        skip 'there is no script of util-linux (bsdutils)'
        return
    fi
    options="-n 1500 --print-every 100 --sample-every 500 $text"
    status_line='iter [0-9]+/1500 \([0-9]+%\), [0-9.]+ nats/char, [0-9]+ char/s, 0:[0-9]+:[0-9]+ left'
    works $options
    on_terminal "'$prog' $options" >"$dir/tty" </dev/null
    same 'exit status on a terminal' 0 $?
    shown "$dir/tty" | sed '$d' >"$dir/record"
    same_file 'the record on a terminal' "$dir/out" "$dir/record"
    shown "$dir/tty" | tail -n 1 >"$dir/last"
    says 'the last line on a terminal' '^1500 iterations in .*characters/s$' "$dir/last"
    tr '\r' '\n' <"$dir/tty" | grep "^$escape\[K" >"$dir/lines"
    says 'status line' "$status_line" "$dir/lines"

    on_terminal "'$prog' $options >'$dir/record'" >"$dir/tty" </dev/null
    same_file 'the record in a file' "$dir/out" "$dir/record"
    tr '\r' '\n' <"$dir/tty" >"$dir/lines"
    says 'status line' "$status_line" "$dir/lines"
    same 'lines that stay on the terminal' 1 "$(shown "$dir/tty" | lines)"
    on_terminal "'$prog' -q $options >'$dir/record'" >"$dir/tty" </dev/null
    same '--quiet on a terminal' 0 "$(bytes <"$dir/tty")"
    on_terminal "'$prog' -q $options" </dev/null | tr -d '\r' >"$dir/record"
    same_file '--quiet, the record on a terminal' "$dir/out" "$dir/record"
    on_terminal "'$prog' -n x $text" >"$dir/tty" </dev/null
    same 'exit status of a wrong command on a terminal' 2 $?

    : >"$dir/out"
    { await grep -q loss "$dir/out"; printf '\003'; await grep -q iterations "$dir/tty"; } |
        on_terminal "'$prog' -n 0 $text >'$dir/out'" >"$dir/tty"
    same 'how Ctrl-C ends it' 130 $?
    shown "$dir/tty" | tail -n 1 >"$dir/last"
    says 'the last line after Ctrl-C' '^[0-9]+ iterations in .*characters/s$' "$dir/last"
    says 'status line with no end' "$escape\[Kiter [0-9]+, [0-9.]+ nats/char, [0-9]+ char/s" "$dir/tty"
}

# As the first comment of the source says, with nothing but the source.
test_build() {
    line=$(sed -n 's/^ *\(cc .*\) && .*/\1/p' min_char_rnn.c | head -n 1)
    same 'the first comment names a compiler' cc "${line%% *}"
    mkdir "$dir/alone"
    cp min_char_rnn.c "$dir/alone"
    for flags in '' '-std=c11'; do
        if ! command -v cc >/dev/null; then
            skip 'the first comment: there is no cc'
        elif (cd "$dir/alone" && eval "$line $flags") >"$dir/err" 2>&1; then
            same "warnings of $line $flags" 0 "$(bytes <"$dir/err")"
            "$dir/alone/min_char_rnn" -n 10 $text >"$dir/out" 2>"$dir/err"
            same "exit status, built by $line $flags" 0 $?
            says "what it prints, built by $line $flags" '^iter 10, loss: ' "$dir/out"
        else
            fail "$line $flags: $(head -n 5 "$dir/err")"
        fi
        rm -f "$dir/alone/min_char_rnn"
    done
}

test_install() {
    make install DESTDIR="$dir/root" PREFIX=/usr >"$dir/err" 2>&1
    same "exit status of make install ($(cat "$dir/err"))" 0 $?
    same_file 'make install' min_char_rnn "$dir/root/usr/bin/min_char_rnn"
    "$dir/root/usr/bin/min_char_rnn" --version >"$dir/out" 2>&1
    same "exit status where it was installed ($(cat "$dir/out"))" 0 $?
    make uninstall DESTDIR="$dir/root" PREFIX=/usr >"$dir/err" 2>&1
    same "exit status of make uninstall ($(cat "$dir/err"))" 0 $?
    same 'files left by make uninstall' '' "$(find "$dir/root" -type f)"
}

test_source() {
    # Blank lines and those that are comment alone are not code, as cloc counts.
    below 'lines of code' "$(sed '/\/\*/,/\*\//d' min_char_rnn.c | grep -vcE '^ *(//.*)?$')" 1001
    same 'lines of more than 100 columns' '' "$(awk 'length > 100 { print NR }' min_char_rnn.c)"
    same 'functions of more than 60 lines' '' "$(awk '
        /^(static|int|__attribute__)/ && !start { start = NR; name = $0 }
        /;/ && NR == start || /^}./ { start = 0 } # no function, or one on a single line
        /^}$/ { if (start && NR - start >= 60) print name; start = 0 }' min_char_rnn.c)"
    same 'notes to self' '' "$(grep -nE 'TO[D]O|FIX[M]E|X[X]X' min_char_rnn.c)"
}
