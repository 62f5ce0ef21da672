# Process tests, read by run.sh: a model as a file. Training goes on from it exactly; other programs
# and machines read it; and no command changes a file of the user.

tiny='-q -H 3 -T 4 --sample 0 --print-every 0'

# Makes two empty folders, with names that a careless program or test stumbles over. $f is for each
# case; $g has a text, and models of 3, 5 and 7 iterations.
folders() {
    name=$(printf 'a %%s folder, \303\274\\ $(id) * %0150d' 0)
    f=$(cd "$dir" && pwd -P)/$name/f g=$(cd "$dir" && pwd -P)/$name/g
    rm -rf "$dir/$name"
    mkdir -p "$f" "$g"
    head -c 2000 $text >"$g/text"
    for n in 3 5 7; do learn -n $n --save "$g/$n" "$g/text"; done
}
empty() { rm -rf "$f"; mkdir "$f"; }
learn() { works $tiny "$@"; }
learn_on() { start "$prog" $tiny -n 0 "$@"; } # without an end, in the background

# Prints kind, mode, owner, size, name and bytes of everything in $f, but no time.
look() {
    ls -lniAR "$f" | sed -e '/^total/d' -e 's/ [A-Z][a-z][a-z] [ 0-9][0-9] [ 0-9:]\{5\} / /'
    find "$f" -type f -exec cksum {} + | sort
}
names() { ls -A "$f" | tr '\n' ' '; }

# Prints n, p or epoch of a model, where it is below 2^24: the numbers come in the order of names.
number_of() {
    case $1 in epoch) place=3 ;; n) place=6 ;; p) place=8 ;; esac
    tail -c +$((9 + $(three_bytes <"$2") + 8 * place)) "$2" | three_bytes
}
three_bytes() { od -An -v -tu1 -N3 | awk '{ print $1 + 256 * $2 + 65536 * $3 }'; }
is_past() { [ "$(number_of n "$2")" -gt "$1" ]; }

test_resume() {
    folders
    held='--val-fraction 0.2 --eval-every 35' float=$prog
    for prog in "$float" "$double"; do
        while read -r options; do resumes $options; done <<END
--cell rnn
--cell rnn $held
-B 4 --decay 0.5 --bytes $held
-B 4 -t 2 --cell lstm --sample 0
-L 2 --cell lstm --optimizer adam --dropout 0.3
-B 4 -t 3 -L 2 --cell lstm --dropout 0.2 --decay 0.7 $held
--cell gru --decay 0.7 $held -l 2
-B 4 -t 2 -L 3 --cell gru --optimizer adam --dropout 0.5 --decay 0.9 $held
-B 4 -t 3 -L 8 --optimizer adam
END
    done
    prog=$float
    resume_after_signal
    resume_other_text
    resume_best
}

# A run that stops at 70 and goes on to 150 saves and prints what one run to 150 does.
resumes() { # options
    empty
    case $* in *val-fraction*) best=--save-best ;; *) best= ;; esac
    set -- -q -H 12 -T 10 -s 3 --sample 30 --sample-every 25 --print-every 5 "$@"
    works "$@" -n 150 --save "$f/whole" ${best:+$best "$f/best"} "$g/text"
    sed '1,/^iter 65, loss/d' "$dir/out" >"$dir/rest"
    works "$@" -n 70 --save "$f/half" ${best:+$best "$f/half_best"} "$g/text"
    works "$@" -n 150 --load "$f/half" --save "$f/half" ${best:+$best "$f/half_best"} "$g/text"
    sed 1d "$dir/out" >"$dir/got"
    same_file "${prog##*/}: the model of $*" "$f/whole" "$f/half"
    same_file "${prog##*/}: the lines of $*" "$dir/rest" "$dir/got"
    [ "$best" ] && same_file "${prog##*/}: the best model of $*" "$f/best" "$f/half_best"
}

# With --save, a signal saves the model as it is. With --save-best alone, the program looks for the
# best model once more.
resume_after_signal() {
    set -- -B 3 -t 2 -L 2 --cell lstm --optimizer adam --dropout 0.2 --val-fraction 0.2
    for save in --save-best --save; do
        empty
        learn_on "$@" $save "$f/m" --print-every 1 --eval-every 1e9 "$g/text"
        trains
        end_by TERM
        same "exit status after a signal, $save ($(cat "$dir/err"))" 143 $status
        n=$(number_of n "$f/m")
        below "iterations until the signal, $save" 0 "$n"
    done
    learn -n $((n + 20)) "$@" --load "$f/m" --save "$f/m" --eval-every 1e9 "$g/text"
    learn -n $((n + 20)) "$@" --save "$f/whole" --eval-every 1e9 "$g/text"
    same_file "the model after a signal at $n" "$f/whole" "$f/m"
    for every in 7 1000; do learn -n 50 "$@" --save "$f/$every" --eval-every $every "$g/text"; done
    same_file 'the model where the held-out loss is looked at more often' "$f/1000" "$f/7"
}

# With another text, training goes on at the same place; in a text too short for that, it begins
# again. It ends at once where --iters has been reached.
resume_other_text() {
    empty
    sed 's/First/first/' "$g/text" >"$f/other"
    head -c 150 "$g/text" >"$f/short"
    learn -n 50 --save "$f/m" "$g/text" # 200 characters
    cp "$g/text" "$f/wild"
    for expected in 'other 53 212 0' 'short 53 12 1' 'wild 53 12 1' 'other 50 200 0'; do
        cp "$f/m" "$f/on"
        set -- $expected
        [ $1 != wild ] || printf '\377\377\377\377\377\377\377\377' | # p is damaged
            dd of="$f/on" bs=1 seek=$((8 + $(three_bytes <"$f/on") + 64)) conv=notrunc 2>"$dir/log"
        learn -n ${2%0} --load "$f/on" --save "$f/on" "$f/$1" # 5 has been reached
        same 'the text; n, p, epoch' "$expected" \
            "$1 $(number_of n "$f/on") $(number_of p "$f/on") $(number_of epoch "$f/on")"
    done
    same_file 'the model where --iters has been reached' "$f/m" "$f/on"
}

# The best model is replaced only by a better one. With -l 0 nothing is learned.
resume_best() {
    empty
    cp "$g/7" "$f/unseen" # no held-out loss is in it
    while read -r file n iters rate load; do
        learn -n $iters ${rate:+-l $rate} ${load:+--load "$f/$load"} --save-best "$f/$file" \
            --val-fraction 0.2 --eval-every 25 "$g/text"
        same "iterations of the best model in $file, after $load" $n "$(number_of n "$f/$file")"
    done <<'END'
bad 0 50 0
good 100 100 0.1
good 100 175 0 bad
bad 100 100 0 good
new 100 125 0 good
unseen 25 32 0 unseen
END
}

# Runs a command that has to be refused at once, in one sentence. Everything stays as it is.
stays() { # words of the sentence, arguments
    sentence="^min_char_rnn: .*$1"
    shift
    seen=$(look)
    run $tiny -n 7 "$@"
    same "$thing: status, lines, sentences, output of $* ($(head -c 300 "$dir/err"))" '1 1 1 0' \
        "$status $(lines <"$dir/err") $(grep -c "$sentence" "$dir/err") $(bytes <"$dir/out")"
    same "$thing: everything, after $*" "$seen" "$(look)"
}

# What is said of a thing without --load, and with it; and a command that puts it at $f/m.
test_files() {
    folders
    while read -r words words_on thing command; do
        empty
        eval "$command" 2>"$dir/log" || { skip "$thing: needs root, or python3-minimal"; continue; }
        stays $words --save "$f/m" "$g/text"
        stays $words --save-best "$f/m" --val-fraction 0.2 "$g/text"
        stays $words --save "$f/new" --save-best "$f/m" --val-fraction 0.2 "$g/text"
        [ $thing = model ] && continue
        stays $words_on --load "$g/5" --save "$f/m" "$g/text"
        stays $words_on --load "$g/5" --save-best "$f/m" --val-fraction 0.2 "$g/text"
        [ $thing = precision ] && stays damaged --load "$f/m" --save "$f/new" "$g/text"
    done <<'END'
exists damaged text echo 'notes of mine' >"$f/m"
exists damaged link echo 'notes of mine' >"$f/notes"; ln -s notes "$f/m"
exists damaged empty : >"$f/m"
exists damaged foreign foreign_model >"$f/m"
exists - model cp "$g/5" "$f/m"
exists damaged hidden learn -n 1 -H 4 --save "$f/m" "$g/text"
exists damaged precision "$double" $tiny -n 1 --save "$f/m" "$g/text" >"$dir/out"
No.such No.such nothing ln -s none/m "$f/m"
symbolic symbolic loop ln -s m "$f/m"
regular regular folder mkdir "$f/m"
regular regular socket (cd "$f" && python3 -c 'from socket import *; socket(AF_UNIX).bind("m")')
regular regular device mknod "$f/m" c 1 3
regular regular fifo mkfifo "$dir/fifo"; ln "$dir/fifo" "$f/m"; release_it &
END
    rm -f "$dir/fifo"
    empty
    cp "$g/5" "$f/m"
    thing=both stays 'name two' --load "$g/3" --save "$f/m" --save-best "$f/m" --val-fraction 0.2 "$g/text"
}
# A program that opens the fifo would hang, until this opens it, too.
release_it() { while sleep 2; [ -p "$dir/fifo" ]; do : <>"$dir/fifo"; done >"$dir/log" 2>&1; }
foreign_model() { # another program's, in the same format
    header='{"wte.weight":{"dtype":"F32","shape":[10,4],"data_offsets":[0,160]}}    '
    printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s%0160d" "$header" 0
}

# What stays the same when a model is replaced: links, modes, and what is beside it.
test_kept() {
    folders
    mkdir "$f/disk"
    ln -s disk/m "$f/link"
    ln -s link "$f/second"
    cp "$g/5" "$f/disk/m"
    chmod 604 "$f/disk/m"
    echo 'notes of mine' | tee "$f/disk/m.tmp" "$f/disk/m~" "$f/disk/m.XXXXXX" >"$f/disk/.m"
    set -- "$(look | sed -e '/ m$/s/^ *[0-9]*//' -e '/\/disk\/m$/d')"
    learn -n 7 --load "$f/second" --save "$f/second" "$g/text"
    same 'links, modes and names after a model was replaced' "$1" \
        "$(look | sed -e '/ m$/s/^ *[0-9]*//' -e '/\/disk\/m$/d')"
    same_file 'the model that the links lead to' "$g/7" "$f/disk/m"
    (umask 027; learn -n 7 --save "$f/new" "$g/text")
    same 'the mode of a new model' '-rw-r-----' "$(ls -l "$f/new" | cut -c 1-10)"
    # The user moves the model away during a run: the next one is saved all the same.
    learn_on --eval-every 10 --save "$f/m" "$g/text"
    await is_past 0 "$f/m"
    mv "$f/m" "$f/moved"
    end_by TERM
    same "exit status after a model was moved away ($(head -n 1 "$dir/err"))" 143 $status
}

has_strace() { strace -qq -o "$dir/log" -e inject=close:error=EIO:when=9999 true 2>"$dir/log"; }

# Killed at any moment, a run leaves a whole model, of a multiple of --eval-every iterations.
test_killed() {
    folders
    cp "$g/7" "$f/m"
    for i in 1 2 3 4 5 6; do
        learn_on --eval-every 3 --load "$f/m" --save "$f/m" "$g/text"
        await is_past "$(number_of n "$f/m")" "$f/m"
        end_by KILL
        learn --load "$f/m" --eval "$g/text"
        same 'iterations of a killed run, modulo 3' 0 $(($(number_of n "$f/m") % 3))
    done 2>"$dir/log" # where the shell says that it was killed
}

# Two runs save to one file, one of them slowly. It is always a model of one of them.
test_two_runs() {
    folders
    has_strace || { skip 'install strace'; return; }
    for to in 5-1 6-1 7-1 5-2 6-2 7-2; do
        learn -n ${to%-*} -l ${to#*-} --load "$g/5" --save "$f/$to" "$g/text"
    done
    cp "$g/5" "$f/m"
    set -- $tiny -n 7 --eval-every 1 --load "$g/5" --save "$f/m" "$g/text" -l
    strace -qq -o "$dir/log" -e inject=write:delay_enter=100000 "$prog" "$@" 1 >"$dir/slow" 2>&1 &
    for i in 1 2 3 4 5 6; do
        run "$@" 2
        cp "$f/m" "$dir/now"
        for model in "$f"/[567]-[12] none; do cmp -s "$model" "$dir/now" && break; done
        same "exit status, and an unknown model ($(head -n 1 "$dir/err"))" 0 \
            "$status${model##*[12]}"
        sleep $moment
    done
    wait $!
    same "exit status of the other run ($(cat "$dir/slow"))" 0 $?
    same 'what two runs leave' '5-1 5-2 6-1 6-2 7-1 7-2 m ' "$(names)"
}

# A disk has no room: for the first model; and then, in a run that goes on, for a later one.
test_full_disk() {
    folders
    mount -t tmpfs -o nr_blocks=5 none "$f" 2>"$dir/log" || # a model takes two of them, or one
        { skip 'a small disk: only root may mount one, and not everywhere'; return; }
    trap 'umount "$f" 2>/dev/null; rm -rf "$dir"' EXIT
    thing='a full disk' stays 'No space' -H 300 --save "$f/m" --save-best "$f/best" --val-fraction 0.2 "$g/text"
    thing='a full disk' stays 'No space' -H 300 --save-best "$f/m" --val-fraction 0.2 "$g/text"
    learn -n 5 --save "$f/m" "$g/text"
    start "$prog" -n 0 -H 3 -T 4 --sample 0 --print-every 1 --eval-every 50 --load "$f/m" --save "$f/m" "$g/text"
    await is_past 5 "$f/m"
    await fills_up
    await larger_than $(($(bytes <"$dir/out") + 1)) # the run goes on
    end_by TERM
    same 'exit status, what is on the disk, claims' '1 fill m 0' "$status $(names)$(grep -c '^saved' "$dir/err")"
    learn --load "$f/m" --eval "$g/text"
    umount "$f"
}
fills_up() { cat /dev/zero >>"$f/fill" 2>"$dir/log"; grep -q 'No space' "$dir/err"; }

test_no_threads() { # then the first one does their work
    has_strace || { skip 'install strace'; return; }
    run -q -n 9 -B 16 -t 2 $text --save "$dir/threads"
    strace -qq -e inject=clone,clone3:error=EAGAIN "$prog" -q -n 9 -B 16 -t 2 $text --save "$dir/thread" 2>"$dir/log" >&2
    same_file 'a model' "$dir/threads" "$dir/thread"
}

# Each system call, from reading the model on, fails once, and is the last one once.
test_faults() {
    folders
    has_strace || { skip 'install strace'; return; }
    turn=0 step=$([ "${FAULTS-}" = all ] && echo 1 || echo 7) # make test tries every seventh
    while read -r place target options; do
        models=
        for iters in 5 6; do # the models that there may be; the last is the one to get
            faults_run -o "$dir/calls"
            same "$place: exit status where nothing fails ($(head -n 1 "$dir/err"))" 0 $status
            end=$(sum m) models="$models $(sum m)"
        done
        models="$models $(sum ../g/5) "
        [ $target = none ] || models="$models$(sum ../g/3) "
        sed 's/^[0-9]* *//' "$dir/calls" | awk -F '(' '{ n[$1]++ }
            /^[^e].*"\.\.\/g\/5"/ { on = 1 }
            on && $1 ~ /open|read|write|close|seek|sync|rename|link|stat|mod|own|trunc|fcntl|cwd/ {
                print $1, n[$1] }' >"$dir/list"
        same "$place: calls that do not flush a file, rename it, and flush its folder" '' \
            "$(grep -oE '^fsync|^rename' "$dir/list" | tr '\n' . | sed 's/fsync.rename.fsync.//g')"
        while read -r call n; do
            for how in error=EIO signal=KILL error=ENOSPC error=EINTR; do
                turn=$((turn + 1))
                [ $((turn % step)) = 0 ] || continue
                faults_run -o /dev/null -e trace=$call -e inject=$call:$how:when=$n
                faults_check
                same "$place: $call $n: $how ($(head -n 1 "$dir/err"))" '' "$wrong"
            done
        done <"$dir/list"
    done <<'END'
old m --save m
new none --save m
link target --save m
best m --save-best m --val-fraction 0.2
END
}
sum() { (cd "$f" && cksum <"$1") 2>"$dir/log" | tr ' ' -; }

faults_run() { # options of strace
    empty
    echo 'a neighbour' >"$f/m.tmp"
    [ $target = none ] || cp "$g/3" "$f/$target"
    [ $place = link ] && ln -s target "$f/m"
    files=$(names)
    { (cd "$f" && strace -f -qq "$@" "$prog" $tiny -n $iters --eval-every 1 --load ../g/5 $options \
        ../g/text) >"$dir/out" 2>"$dir/err"; status=$?; } 2>"$dir/log"
}

# There is a whole model, or nothing new; the exit status and the message say which.
faults_check() {
    wrong= now=$(names)
    case $models in *" $(sum m) "*) is_model=yes ;; *) is_model= ;; esac
    case $how in *EIO) reason=output.error ;; *C) reason=device ;; *) reason=system.call ;; esac
    case $status in
    0)  [ "$(sum m)" = "$end" ] || wrong='exit status 0, and the model is not saved'
        [ -s "$dir/err" ] && wrong='exit status 0, and a message' ;;
    1)  [ -s "$dir/out" ] || grep -q 'standard output' "$dir/err" || is_model=
        [ "$is_model" ] || [ "$files" = "$now" ] || wrong="no whole model is there: $now"
        grep -q . "$dir/err" || wrong='exit status 1, and no message'
        grep -qv "^min_char_rnn: .*$reason\$" "$dir/err" && wrong="a message without '$reason'" ;;
    137) # nothing could be tidied up
        [ "$is_model" ] || { [ $target = none ] && ! [ -s "$f/m" ]; } || wrong='no model at m' ;;
    *) wrong="exit status $status" ;;
    esac
    case "$status$call m $files" in 137* | 1unlink* | *" $now") ;; *) wrong="there is $now" ;; esac
    [ "$(cat "$f/m.tmp")" = 'a neighbour' ] || wrong='the neighbour has changed'
    [ $place != link ] || [ -L "$f/m" ] || wrong='the link is gone'
}

test_damage() { # damage.c
    folders
    printf 'F\303\274\303\237e\n\355\225\234\352\265\255 fuss \360\237\230\200 and on\n' >"$g/text"
    for real in "$prog" "$double"; do
        empty
        "$real" -q -n 200 -H 5 -T 4 -B 3 --sample 0 --save "$f/model" "$g/text" >"$dir/out"
        suite "$PWD/build/damage" "$real" "$f/model" "$f"
        group=damage # which suite changes
    done
}

python_with() { # a module: sets $python to one that has it
    for python in python3 /usr/bin/python3; do "$python" -c "import $1" 2>"$dir/log" && return; done
    skip "install python3-$1"
    false
}

# NumPy and PyTorch read a model, and compute the loss that --eval prints with six decimals, and
# that val_loss has with all. NumPy's copy, in the safetensors library's order, is the same bytes.
test_others() {
    python_with numpy || return
    folders
    export PYTHONDONTWRITEBYTECODE=1
    numpy=$python float=$prog
    three='\303\274\303\237\n\355\225\234\352\265\255 \360\237\230\200 \346\274\242'
    printf "$three$three$three" >"$g/utf8"
    { head -c 300 $text; printf '\000\377\303\n'; } >"$g/bytes"
    set --
    while read -r real kind options; do
        [ $real = float ] && prog=$float || prog=$double
        empty
        half=$g/$kind model=$g/$real-$kind what="$real $kind $options"
        cat "$half" "$half" >"$f/twice"
        works -q -n 200 $options --val-fraction 0.5 --sample 0 --save-best "$model" "$f/twice"
        works --load "$model" --eval "$half"
        eval=$(sed 's/.*characters: \([0-9.]*\) nats.*/\1/' "$dir/out")
        "$numpy" tests/read_numpy.py "$model" "$half" "$f/copy" "$f/noted" >"$dir/out" 2>&1
        read -r loss val_loss most <"$dir/out"
        below "NumPy's loss from --eval, $what" "($loss - $eval) ^ 2" "($most * $loss + 6e-7) ^ 2"
        below "NumPy's loss from val_loss, $what" "($loss - $val_loss) ^ 2" "($most * $loss) ^ 2"
        same_file "NumPy's copy, $what" "$model" "$f/copy"
        works -q -n 201 --sample 0 --load "$f/noted" --save "$f/noted" "$f/twice" # has __metadata__
        works -q -n 201 --sample 0 --load "$model" --save "$f/on" "$f/twice"
        same_file "a copy with __metadata__, after an iteration, $what" "$f/on" "$f/noted"
        case $options in *gru*) ;; *) set -- "$@" "$model" "$half" ;; esac # PyTorch's GRU differs
    done <<'END'
float utf8 -H 9 -T 4
float bytes -H 17 -T 5 --bytes --cell lstm -L 2 --optimizer adam --dropout 0.1
float text -H 20 --cell gru -L 3
double text -H 30 -L 2 --optimizer adam
double utf8 -H 8 -T 3 --cell gru --optimizer adam -L 8
double bytes -H 31 --cell lstm --bytes
END
    prog=$float
    python_with torch || return
    "$python" tests/read_torch.py "$@" >"$dir/losses" 2>"$dir/log"
    same "losses from PyTorch ($(tail -n 1 "$dir/log"))" 4 "$(lines <"$dir/losses")"
    while read -r loss val_loss most model; do
        below "PyTorch's loss from val_loss, $model" "($loss - $val_loss) ^ 2" "($most * $loss) ^ 2"
    done <"$dir/losses"
}

# A big-endian machine reads what this one has saved, saves the same bytes, and goes on.
test_big_endian() {
    command -v qemu-s390x >"$dir/log" || { skip 'install qemu-user'; return; }
    gcc=$(command -v s390x-linux-gnu-gcc || command -v s390x-linux-gnu-gcc-12) ||
        { skip 'install gcc-s390x-linux-gnu'; return; }
    folders
    "$gcc" -std=gnu11 -O0 -static min_char_rnn.c -o "$dir/s390x" -lm -pthread
    set -- -q -H 7 -B 3 --cell lstm -L 2 --optimizer adam
    works "$@" -n 50 --val-fraction 0.1 --save "$f/m" "$g/text"
    for n in 50 55; do
        qemu-s390x "$dir/s390x" "$@" -n $n --load "$f/m" --save "$f/$n" "$g/text" >"$dir/out" 2>&1
        same "iterations on a big-endian machine ($(cat "$dir/out"))" $n "$(number_of n "$f/$n")"
    done
    same_file 'what a big-endian machine saves' "$f/m" "$f/50"
    works --load "$f/55" --eval "$g/text"
}

# Where sizes have 32 bits, a file of 3 GB is there, too, and stays.
test_large_file() {
    ${CC:-cc} -m32 -std=gnu11 -O0 min_char_rnn.c -o "$dir/p32" -lm -pthread \
        -idirafter /usr/include/x86_64-linux-gnu 2>"$dir/log" # where gcc-multilib is missing
    "$dir/p32" -V >"$dir/log" 2>&1 || { skip 'install libc6-dev-i386, lib32gcc-12-dev'; return; }
    folders
    dd if=/dev/null of="$f/m" bs=1048576 seek=3072 2>"$dir/log" || { skip 'a large file'; return; }
    printf 'a large text of mine\n' | dd of="$f/m" conv=notrunc 2>"$dir/log"
    seen=$(ls -lni "$f/m")
    for load in '' ${FAULTS:+--load}; do # with --load the program reads it, which takes a while
        "$dir/p32" $tiny -n 7 $load ${load:+"$g/5"} --save "$f/m" "$g/text" >"$dir/out" 2>"$dir/err"
        same 'status, sentences, and how a file of 3 GB begins' "1 1 $seen a large text of mine" \
            "$? $(grep -c '^p32: .' "$dir/err") $(ls -lni "$f/m") $(head -n 1 "$f/m")"
    done
    rm "$f/m"
}
