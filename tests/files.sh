# Process tests, read by run.sh: no command destroys a file that it did not make. Each kind of loss
# has happened, most of them in the first edition (23c9cca).

tiny='-q -H 3 -T 4 --sample-every 0 --print-every 0'
root() { [ "$(id -u)" = 0 ]; }

# What is at a path (kind, mode, links, owner, bytes), and the names beside it.
look() {
    for file; do
        ls -lnd "$file" | awk '{ print $1, $2, $3, $4, $NF }'
        [ ! -f "$file" ] || cksum <"$file"
        ls -A "${file%/*}"
    done
}
stays() { # what the message says, a file, arguments: refused at once, and the file is what it was
    says=$1 file=$2
    shift 2
    before_it=$(look "$file")
    refuses 1 "$says" $tiny --print-every 1 -n 7 "$@"
    same "losses before $file is looked at" 0 "$(grep -c loss "$dir/out")"
    same "$file, after $*" "$before_it" "$(look "$file")"
}
is_there() { if [ -s "$1" ]; then pass; else fail "$2: there is none"; fi; }
learn() { works $tiny "$@" "$dir/short"; } # options
gives() { # a file, the file that it was made like: a model, and the very one
    same_file "${1##*/}, made like ${2##*/}" "$2" "$1"
}

test_files() {
    mkdir "$dir/f" "$dir/g"
    f=$dir/f g=$dir/g
    head -c 2000 $text >"$dir/short"
    learn -n 5 --save "$g/5"
    learn -n 7 --save "$g/7"
    learn -n 5 -s 1 --save "$g/5s"
    learn -n 7 -s 1 --save "$g/7s"
    files_of_others
    files_of_ours
    files_by_other_names
    files_links
    files_modes
    files_beside
    files_special
    files_mounted
    files_full
    files_put_there
    files_best
    files_read
    files_canonical
    files_32
    files_linked_later
    files_slowly
    rm -rf "$f" "$g" "$dir/short"
}

# During a run the two models become one file, as deduplication does it: both can be saved.
files_linked_later() {
    "$prog" $tiny -n 0 --save "$f/m" --save-every 50 --val-fraction 0.1 --eval-every 50 \
        --save-best "$f/best" "$dir/short" >"$dir/out" 2>"$dir/err" &
    pid=$!
    await [ -s "$f/best" ]
    ln -f "$f/best" "$f/m"
    kill -TERM $pid
    wait $pid 2>/dev/null
    same 'exit status where both models became one file' 143 $?
    works --load "$f/m" --sample 1
    rm "$f"/*
    if [ -z "${SANITIZED-}" ]; then # sanitizers take more
        (ulimit -s 1024; run $tiny -n 5 --save-every 2 --save "$f/m" "$dir/short"; exit $status)
        same 'exit status with a stack of 1 MB' 0 $?
    fi
    rm -f "$f"/*
}

# ---- what a model may not replace

files_of_others() {
    cp "$dir/short" "$f/text"
    stays 'f/text cannot be saved: .*name another' "$f/text" --save "$f/text" "$dir/short"
    : >"$f/other" # of another program, in the same container
    set -- '{"embed.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}}'
    { printf "\\$(printf %o ${#1})\\0\\0\\0\\0\\0\\0\\0%s" "$1"; head -c 32 /dev/zero; } >"$f/other"
    stays 'f/other cannot be saved: .*no' "$f/other" --save "$f/other" "$dir/short"
    stays 'f/other cannot be saved' "$f/other" --load "$g/5" --save-best "$f/other" \
        --val-fraction 0.1 "$dir/short"
    # UTF-16 without a mark, and a text of zeros: eight bytes that a length can have, and a brace
    printf '\001\001\002\001\003\001\000\000{\000a\000b\000}\000' >"$f/utf16"
    stays 'f/utf16 cannot be saved' "$f/utf16" --save "$f/utf16" "$dir/short"
    { printf '\110\000\000\000\000\000\000\000{"hidden_size":{"dtype":"U64","shape":[1,1],'
        printf '"data_offsets":[0,8]}}    '; head -c 8 /dev/zero; } >"$f/first" # edition
    stays 'f/first cannot be saved' "$f/first" --load "$g/5" --save "$f/first" "$dir/short"
    head -c 4000 "$g/5" >"$f/half"
    stays 'f/half cannot be saved' "$f/half" --load "$g/5" --save "$f/half" "$dir/short"
    rm "$f"/*
}

files_of_ours() {
    cp "$g/5" "$f/m" # --load was forgotten
    stays 'f/m cannot be saved: .*model.*--load.*remove' "$f/m" --save "$f/m" "$dir/short"
    stays 'f/m cannot be saved: .*model.*--load.*remove' "$f/m" --save-best "$f/m" \
        --val-fraction 0.1 "$dir/short"
    learn -n 7 --load "$g/5" --save "$f/m"
    gives "$f/m" "$g/7"
    : >"$f/empty"
    learn -n 7 --save "$f/empty"
    gives "$f/empty" "$g/7"
    learn -n 7 --save-every 0 --save "$f/end" # saved at the end, too
    gives "$f/end" "$g/7"
    rm "$f"/*
}

# INPUT, and the other model, by any name. INPUT is a model here, which nothing else protects.
files_by_other_names() {
    works $tiny -n 5 --bytes --save "$g/bytes" "$g/5"
    cp "$g/bytes" "$f/m"
    ln -s m "$f/link"
    ln "$f/m" "$f/hard"
    ln -s . "$f/here"
    for name in m ./m link hard here/m ../f/m; do
        stays 'it is the text' "$f/m" --load "$g/bytes" --save "$f/$name" "$f/m"
        stays 'it is the text' "$f/m" --load "$g/bytes" --save-best "$f/m" --val-fraction 0.1 \
            "$f/$name"
    done
    for name in m hard; do
        before_it=$(look "$f/m")
        refuses 1 'it is the text' $tiny -n 7 --load "$g/bytes" --save "$f/$name" - <"$f/m"
        refuses 1 'it is the text' $tiny -n 7 --load "$g/bytes" --save "$f/$name" /dev/stdin <"$f/m"
        same "standard input, given to --save as $name" "$before_it" "$(look "$f/m")"
    done

    cp "$g/5" "$f/m"
    set -- --val-fraction 0.1 "$dir/short"
    for name in m ./m link hard here/m; do
        stays 'one file' "$f/m" --load "$g/5" --save "$f/m" --save-best "$f/$name" "$@"
        stays 'one file' "$f/m" --load "$g/5" --save "$f/$name" --save-best "$f/m" "$@"
    done
    rm "$f/m" "$f/hard"
    for name in m ./m link here/m here/link; do # and where there is nothing yet
        refuses 1 'one file' $tiny -n 7 --save "$f/m" --save-best "$f/$name" "$@"
        refuses 1 'one file' $tiny -n 7 --save "$f/$name" --save-best "$f/m" "$@"
        same "what is left of $name" 'here link ' "$(ls "$f" | tr '\n' ' ')"
    done
    rm "$f"/*
}

# ---- how it is replaced

files_links() {
    mkdir "$f/disk"
    ln -s disk/m "$f/link"
    ln -s link "$f/second"
    learn -n 5 --save "$f/second"
    same 'where a link leads to nothing' 'disk link second m' "$(echo $(ls "$f" "$f/disk" |
        sed 's/.*://'))"
    gives "$f/disk/m" "$g/5"
    learn -n 7 --load "$f/link" --save "$f/link"
    gives "$f/disk/m" "$g/7"
    same 'a link' 'disk/m link' "$(readlink "$f/link") $(readlink "$f/second")"
    same 'what is beside it' 'm' "$(ls -A "$f/disk")"
    stays 'none/m|No such' "$f/link" --save "$f/disk/none/m" "$dir/short"
    ln -s loop "$f/loop"
    stays 'f/loop cannot be saved' "$f/loop" --save "$f/loop" "$dir/short"
    rm -r "$f"/*
}

mode() { ls -lnd "$1" | cut -c 1-10; }
files_modes() {
    cp "$g/5" "$f/m"
    for bits in 600 640 666 700; do
        chmod $bits "$f/m"
        before_it=$(mode "$f/m")
        (umask 077; learn -n 7 --load "$g/5" --save "$f/m")
        same "a mode of $bits is kept" "$before_it" "$(mode "$f/m")"
    done
    if root; then
        chown 1234:4321 "$f/m"
        learn -n 7 --load "$g/5" --save "$f/m"
        same 'owner and group are kept' '1234 4321' "$(ls -ln "$f/m" | awk '{ print $3, $4 }')"
    else
        skip 'whose the file is: whoever runs this may give nothing away'
    fi
    (umask 027; learn -n 7 --save "$f/new")
    same 'the mode of a new one' '-rw-r-----' "$(mode "$f/new")"
    chmod 444 "$f/m"
    stays 'f/m cannot be saved: .*protected.*chmod' "$f/m" --load "$g/5" --save "$f/m" "$dir/short"
    rm -f "$f"/*
}

# What is beside it belongs to others; what kill -9 leaves hinders nobody.
files_beside() {
    for name in m.tmp m.tmp. m.tmp.XXXXXX m~ .m; do echo "$name of mine" >"$f/$name"; done
    before_it=$(look "$f/m.tmp" "$f/m.tmp.XXXXXX" "$f/.m" | sed '/^m$/d')
    learn -n 5 --save "$f/m"
    learn -n 7 --load "$f/m" --save "$f/m"
    gives "$f/m" "$g/7"
    same 'what is beside it' "$before_it" "$(look "$f/m.tmp" "$f/m.tmp.XXXXXX" "$f/.m" |
        sed '/^m$/d')"
    rm "$f/m.tmp"
    mkdir "$f/m.tmp"
    learn -n 7 --load "$g/5" --save "$f/m"
    gives "$f/m" "$g/7"
    rm -r "$f"/* "$f"/.m
}

# ---- where it cannot be replaced

files_special() {
    mkdir "$f/folder"
    stays 'f/folder cannot be saved: .*not a regular' "$f/folder" --save "$f/folder" "$dir/short"
    stays 'f/none/m cannot be saved: No such' "$f/folder" --save "$f/none/m" "$dir/short"
    mkfifo "$f/fifo" # which nobody reads: to open it would last for ever
    stays 'f/fifo cannot be saved: .*not a regular' "$f/fifo" --save "$f/fifo" "$dir/short"
    rmdir "$f/folder"
    if python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
        "$f/socket" 2>/dev/null; then
        stays 'f/socket cannot be saved: .*not a reg' "$f/socket" --save "$f/socket" "$dir/short"
    else
        skip 'a socket: install python3-minimal'
    fi
    if root && mknod "$f/null" c 1 3 2>/dev/null; then
        stays 'f/null cannot be saved: .*not a regular' "$f/null" --save "$f/null" "$dir/short"
    else
        skip 'a device: whoever runs this may make none'
    fi
    (ulimit -f 1; run $tiny -n 7 --load "$g/5" --save "$f/m" "$dir/short"; exit $status) 2>/dev/null
    same 'exit status where files may not be so long' 1 $?
    says 'files that may not be so long' 'f/m cannot be saved: File too large' "$dir/err"
    same 'what is left then' 0 "$(ls -A "$f" | grep -c m)"
    rm -rf "$f"/*
}

files_mounted() {
    cp "$g/5" "$f/m"
    if chattr +i "$f/m" 2>/dev/null; then
        stays 'f/m cannot be saved: Operation not permitted' "$f/m" --load "$g/5" --save "$f/m" \
            "$dir/short"
        chattr -i "$f/m"
    else
        skip 'an immutable file: whoever runs this may make none, or not here'
    fi
    trap 'umount "$dir/f/m" "$dir/f" 2>/dev/null; rm -rf "$dir"' EXIT
    if mount --bind "$g/7" "$f/m" 2>/dev/null; then
        stays 'f/m cannot be saved: .*busy' "$f/m" --load "$g/5" --save "$f/m" "$dir/short"
        umount "$f/m"
    else
        skip 'a file that is mounted: whoever runs this may not mount one'
    fi
    if root && command -v setpriv >/dev/null; then
        nobody='setpriv --reuid 65534 --regid 65534 --clear-groups'
        chmod 711 "$dir"
        chmod 1777 "$f"
        chmod 666 "$f/m"
        cp "$prog" "$dir/short" "$g/5" "$f"
        chmod a+rx "$f/${prog##*/}"
        before_it=$(look "$f/m")
        $nobody "$f/${prog##*/}" $tiny --print-every 1 -n 7 --load "$f/5" --save "$f/m" \
            "$f/short" >"$dir/out" 2>"$dir/err"
        same "exit status for another's file in a sticky folder" 1 $?
        says "another's file in a sticky folder" 'f/m cannot be saved: .*(permit|denied)' "$dir/err"
        same "losses before another's file is looked at" 0 "$(grep -c loss "$dir/out")"
        same "another's file in a sticky folder" "$before_it" "$(look "$f/m")"
        chmod 700 "$dir"
        chmod 755 "$f"
    else
        skip "another's file in a sticky folder: takes root, and setpriv (install util-linux)"
    fi
    rm -f "$f"/*
}

# A disk with room for two models, then for one, then for none.
files_full() {
    if ! mount -t tmpfs -o size=20k none "$f" 2>/dev/null; then # five pages; a model takes two
        skip 'a small disk: whoever runs this may not mount one'
        return
    fi
    learn -n 5 --save "$f/m"
    learn -n 7 --load "$f/m" --save "$f/m"
    gives "$f/m" "$g/7"
    head -c 12000 /dev/zero >"$f/fill"
    stays 'f/m cannot be saved: No space' "$f/m" --load "$g/5" --save "$f/m" "$dir/short"
    stays 'f/new cannot be saved: No space' "$f/m" --load "$g/5" --save "$f/new" "$dir/short"
    : >"$f/fill"
    start "$prog" $tiny -n 0 --print-every 1 --save-every 50 --load "$g/5" --save "$f/m" \
        "$dir/short"
    trains
    await files_fill
    end_by TERM
    same 'exit status when the disk has filled up' 1 $status
    works --load "$f/m" --eval "$dir/short"
    same 'what is on it' 'fill m ' "$(ls -A "$f" | tr '\n' ' ')"
    umount "$f"
}
files_fill() {
    cat /dev/zero >>"$f/fill"
    grep -q 'f/m cannot be saved: No space' "$dir/err"
}

# ---- what changes while it runs

files_put_there() {
    cp "$g/5" "$f/m"
    start "$prog" $tiny -n 0 --print-every 1 --save-every 0 --load "$f/m" --save "$f/m" "$dir/short"
    trains
    echo 'notes of mine' >"$f/notes"
    mv "$f/notes" "$f/m"
    end_by TERM
    same 'exit status where a file of mine is by now' 1 $status
    says 'a file of mine' 'f/m cannot be saved: .*name another' "$dir/err"
    same 'a file of mine' 'notes of mine' "$(cat "$f/m")"
    same 'what is beside it' m "$(ls -A "$f")"
    rm "$f/m"
}

# The loss that a model is remembered by is that of a file that is there.
files_best() {
    set -- --val-fraction 0.2 --eval-every 1 -l 0
    learn -n 1 "$@" --save "$f/m"
    learn -n 2 "$@" --load "$f/m" --save-best "$f/best"
    is_there "$f/best" 'the best model, where another was better'
    learn -n 2 "$@" --save "$f/2" --save-best "$f/best2"
    rm "$f/best2"
    learn -n 3 "$@" --load "$f/2" --save-best "$f/best2"
    is_there "$f/best2" 'the best model, after it was deleted'
    rm "$f"/*
}

# ---- reading models

files_read() {
    works --load "$g/7" --eval "$dir/short"
    mv "$dir/out" "$dir/first"
    cat "$g/7" | "$prog" --load /dev/stdin --eval "$dir/short" >"$dir/out" 2>"$dir/err"
    same_file "a model that comes through a pipe ($(cat "$dir/err"))" "$dir/first" "$dir/out"
    mkfifo "$f/fifo"
    cat "$g/7" >"$f/fifo" &
    works --load "$f/fifo" --eval "$dir/short"
    same_file 'a model that comes through a named pipe' "$dir/first" "$dir/out"
    for size in 0 7 8 1000 4000 $(($(bytes <"$g/7") - 1)); do
        head -c $size "$g/7" >"$f/fifo" &
        refuses 1 'f/fifo: it is.*(no checkpoint|damaged)' --load "$f/fifo" --eval "$dir/short"
    done
    { cat "$g/7"; echo; } >"$f/fifo" &
    refuses 1 'f/fifo: it is damaged' --load "$f/fifo" --eval "$dir/short"
    rm "$f/fifo"
    wait

    # As far in the text as a number goes: it begins again.
    cp "$g/5" "$f/m"
    header=$(head -c 2 "$f/m" | od -An -tu1 | awk '{ print $1 + 256 * $2 }')
    printf '\377\377\377\377\377\377\377\177' | # p is the ninth number
        dd of="$f/m" bs=1 seek=$((8 + header + 64)) conv=notrunc 2>/dev/null
    learn -n 7 --load "$f/m" --save "$f/end"
    rm "$f/m" "$f/end"
}

# The bytes are those of the safetensors library (0.3.3 and later): the largest types first, then by
# name; compact JSON; spaces up to the next multiple of 8.
files_canonical() {
    command -v python3 >/dev/null || { skip 'what the library writes: install python3'; return; }
    for options in '-H 3' '-H 10 --bytes' '-H 3 -L 3 --cell lstm' '-H 2 -B 7 --cell gru -L 2' \
        '-H 4 --optimizer adam' '-H 11 -T 100 --cell lstm --optimizer adam -L 8'; do
        works -q -n 1 $options --sample-every 0 --save "$f/m" "$dir/short"
        python3 -c '
import json, sys
data = open(sys.argv[1], "rb").read()
length = int.from_bytes(data[:8], "little")
header = json.loads(data[8:8 + length])
place = 0
order = sorted(header, key=lambda name: (["I64", "F64", "F32", "I32"].index(header[name]["dtype"]),
                                         name.encode()))
for name in order:
    t = header[name]
    size = int(t["dtype"][1:]) // 8
    for n in t["shape"]: size *= n
    header[name] = {"dtype": t["dtype"], "shape": t["shape"], "data_offsets": [place, place + size]}
    place += size
text = json.dumps({name: header[name] for name in order}, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
assert data[:8 + length] == len(text).to_bytes(8, "little") + text, "header"
assert len(data) == 8 + length + place, "length"
' "$f/m" >"$dir/out" 2>&1
        same "what the library writes, $options: $(tail -n 1 "$dir/out")" 0 $?
        rm "$f/m"
    done
}

# Where sizes have 32 bits, a text of 3 GB is a file, too.
files_32() {
    [ "${SANITIZED-}" ] && return
    for options in '-m32' '-m32 -I/usr/include/x86_64-linux-gnu'; do # headers without gcc-multilib
        ${CC:-cc} $options -std=gnu11 -O0 min_char_rnn.c -o "$f/p32" -lm -pthread 2>/dev/null &&
            break
    done
    if ! "$f/p32" --version >/dev/null 2>&1; then
        skip 'a 32-bit build: install libc6-dev-i386 lib32gcc-12-dev'
        return
    fi
    float=$prog prog=$f/p32
    if dd if=/dev/null of="$f/large" bs=1048576 seek=3072 2>/dev/null; then
        printf 'a large text of mine\n' | dd of="$f/large" conv=notrunc 2>/dev/null
        before_it=$(ls -ln "$f/large")
        refuses 1 'f/large cannot be saved' $tiny -n 7 --save "$f/large" "$dir/short"
        same 'a text of 3 GB' "$before_it" "$(ls -ln "$f/large")"
        same 'how it begins' 'a large text of mine' "$(head -n 1 "$f/large")"
    else
        skip 'a text of 3 GB: there is no room for one'
    fi
    prog=$float
    rm "$f"/*
}

# ---- system calls that fail, or take their time (strace)

has_strace() {
    strace -qq -o "$dir/log" -e trace=close -e inject=close:error=EIO:when=9999 true 2>"$dir/log" &&
        return
    skip "$1: install strace"
    return 1
}
# Starts the program with a call slowed down: which, when, arguments
slow() {
    inject=$1
    shift
    start strace -D -qq -o /dev/null -e trace="${inject%%:*}" -e inject="$inject" "$prog" $tiny "$@"
}
ended() { { kill -KILL $pid; wait $pid; } 2>/dev/null; } # or it has by itself

# Only ENOENT means that nothing is there.
files_stat() {
    cp "$g/5" "$f/m"
    before_it=$(look "$f/m")
    for error in EIO EOVERFLOW EACCES ENOMEM; do
        for file in "$f/m" "$f/new"; do
            strace -qq -o /dev/null -P "$file" -e trace=%%stat -e inject=%%stat:error=$error \
                "$prog" $tiny --load "$g/5" --save "$file" "$dir/short" >"$dir/out" 2>"$dir/err"
            same "exit status where stat says $error" 1 $?
            says "where stat says $error" "^min_char_rnn: $file cannot be saved: " "$dir/err"
            same "what is there where stat says $error" "$before_it" "$(look "$f/m")"
        done
    done
    rm "$f/m"
}

files_slowly() {
    has_strace 'calls that fail, or take their time' || return
    files_stat
    # Two begin at once; one has tried the name, while the other is done with it.
    slow fsync:delay_enter=800000:when=1 -n 0 --save-every 0 --save "$f/m" "$dir/short"
    sleep $moment; sleep $moment; sleep $moment
    learn -n 5 --save "$f/m"
    sleep 1
    gives "$f/m" "$g/5"
    ended
    cp "$g/5" "$f/m" # the same for one that goes on
    slow fsync:delay_enter=800000:when=1 -n 0 --save-every 0 --load "$g/5" --save "$f/m" \
        "$dir/short"
    sleep $moment; sleep $moment; sleep $moment
    learn -n 7 --load "$f/m" --save "$f/m"
    sleep 1
    gives "$f/m" "$g/7"
    ended
    echo 'notes of mine' >"$dir/notes" # come while a model is being written
    cp "$g/5" "$f/m"
    slow fsync:delay_enter=800000:when=3 -n 7 --load "$g/5" --save "$f/m" "$dir/short"
    sleep $moment; sleep $moment; sleep $moment; sleep $moment
    mv "$dir/notes" "$f/m"
    wait $pid
    same 'exit status where a file of mine has come meanwhile' 1 $?
    same 'a file of mine, that has come meanwhile' 'notes of mine' "$(cat "$f/m")"
    # Two save at once: one writes half, the other all, the first the rest.
    cp "$g/5" "$f/m"
    slow write:delay_enter=300000:when=2+ -n 7 --load "$g/5" --save "$f/m" "$dir/short"
    for i in 1 2 3 4 5 6; do
        sleep $moment
        run $tiny -n 7 --load "$g/5s" --save "$f/m" "$dir/short"
        case $(cksum <"$f/m") in
        "$(cksum <"$g/5")" | "$(cksum <"$g/7")" | "$(cksum <"$g/7s")") pass ;;
        *) fail 'two runs that save to one file: it is neither of them' ;;
        esac
    done
    wait $pid
    same 'what is left of two runs' m "$(ls -A "$f" | sed 's/m[.]tmp[.]....../temporary/')"
    rm "$f"/*

    strace -f -qq -o "$f/log" -e trace=rename,renameat,renameat2,fsync \
        "$prog" $tiny -n 5 --save "$f/m" "$dir/short" >"$dir/out" 2>"$dir/err"
    same 'calls: a file is flushed, then renamed, then its folder is flushed' \
        'fsync rename fsync fsync rename fsync ' \
        "$(sed -n 's/^[0-9]* *\([a-z]*\).*/\1/p' "$f/log" | tr '\n' ' ')"
    rm "$f"/*

    # The best model cannot be saved, once; the next that is as good is.
    strace -f -qq -o /dev/null -e trace=rename -e inject=rename:error=EIO:when=2 \
        "$prog" $tiny -n 1 -l 0 --val-fraction 0.2 --eval-every 1 --save-best "$f/best" \
        "$dir/short" >"$dir/out" 2>"$dir/err"
    says 'the best model, that could not be saved' 'f/best cannot be saved: Input/output' "$dir/err"
    is_there "$f/best" 'the best model, after it could not be saved'
    rm -f "$f"/*
}

# Each call from the first that reads a model to the end, made to fail once, and killed once.
test_faults() {
    has_strace 'faults in each system call' || return
    mkdir "$dir/f" "$dir/g"
    f=$dir/f g=$dir/g
    head -c 1000 $text >"$dir/short"
    held='--val-fraction 0.1 --eval-every 1'
    learn -n 3 -H 2 --save "$g/3" # shorter than what takes its place
    learn -n 5 --save "$g/5"
    learn -n 5 $held --save "$g/5v"
    faults=0 lost=0 turn=0 step=7 # make test tries every seventh
    [ "${FAULTS-}" = all ] && step=1
    [ "${SANITIZED-}" ] && step=29
    faults_of old --load "$g/5" --save "$f/m"
    faults_of new --load "$g/5" --save "$f/m"
    if [ $step = 1 ]; then
        faults_of link --load "$g/5" --save "$f/m"
        faults_of old --load "$g/5v" --save-best "$f/m" $held
    fi
    echo "faults injected: $faults, files lost: $lost"
    same 'files that faults have destroyed' 0 $lost
    rm -rf "$f" "$g" "$dir/short"
}

# A folder as it is before each: what is at m.
faults_place() {
    rm -rf "$f"
    mkdir "$f"
    echo 'a neighbour' >"$f/m.tmp"
    case $1 in
    old) cp "$g/3" "$f/m" ;;
    link) cp "$g/3" "$f/target"; ln -s target "$f/m" ;;
    esac
}

faults_of() { # what is at m, options
    place=$1
    shift
    set -- $tiny -n 6 --save-every 1 "$@" "$dir/short"
    for n in 5 6; do # what is to be at m, undisturbed
        faults_place $place
        strace -f -qq -o "$dir/log" "$prog" "$@" -n $n >"$dir/out" 2>"$dir/err"
        same "exit status where nothing fails ($(head -n 1 "$dir/err"))" 0 $?
        cp "$f/m" "$g/end$n"
    done
    calls='openat newfstatat fstat stat statx read write close fchmod fchown fsync lseek fcntl'
    calls="$calls ftruncate rename renameat renameat2 unlink unlinkat readlink getcwd"
    awk -v folder="$g/5" -v calls=" $calls " '
        { sub(/^[0-9]+ +/, ""); call = $0; sub(/\(.*/, "", call); n[call]++ }
        call != "execve" && index($0, folder) { on = 1 }
        on && index(calls, " " call " ") { print call, n[call] }' "$dir/log" >"$dir/calls"
    below 'calls that there are to fail' 30 "$(lines <"$dir/calls")"
    while read -r call n; do
        for how in error=EIO signal=KILL error=ENOSPC error=EINTR; do
            turn=$((turn + 1))
            case $call=$how in # those that come seldom always fail once
            lseek*EIO | ftruncate*EIO | rename*EIO) ;;
            *) [ $((turn % step)) = 0 ] || continue ;;
            esac
            faults_place $place
            strace -f -qq -o /dev/null -e trace=$call -e inject=$call:$how:when=$n "$prog" "$@" \
                >"$dir/out" 2>"$dir/err" </dev/null
            faults_check "$place: $call $n: $how" $?
        done
    done <"$dir/calls"
    # What they have left is in nobody's way.
    run "$@"
    same 'exit status after all that' 0 $status
}

faults_check() { # what, exit status
    faults=$((faults + 1))
    now=
    [ ! -e "$f/m" ] || now=$(cksum <"$f/m")
    case $place$now in
    "$place$(cksum <"$g/end5")" | "$place$(cksum <"$g/end6")") known=yes ;;
    new | *"$(cksum <"$g/3")") known=yes ;; # what was there
    "new$(cksum </dev/null)") known=yes ;; # only tried
    *) known= ;;
    esac
    if ! [ "$known" ]; then
        lost=$((lost + 1))
        fail "$1: what is at m is no model that was there or was to be: $(head -n 1 "$dir/err")"
    elif [ "$place" = link ] && ! [ -L "$f/m" ]; then
        lost=$((lost + 1))
        fail "$1: the link"
    elif [ "$(cat "$f/m.tmp")" != 'a neighbour' ]; then
        lost=$((lost + 1))
        fail "$1: the neighbour"
    else
        case $2$(sed 's/^min_char_rnn: .*/s/' "$dir/err" | tr -d '\n') in
        0 | 0s) # it was not in the way, or what failed was done again
            [ "$now" = "$(cksum <"$g/end6")" ] && pass || fail "$1: exit status 0, and not saved" ;;
        1s) pass ;;
        137*) pass; return ;; # it may leave what it was writing
        *) fail "$1: exit status $2: $(head -c 400 "$dir/err")" ;;
        esac
        left=$(ls -A "$f" | grep -c 'm.tmp.')
        [ $left = 0 ] && pass || [ "${1#*unlink}" != "$1" ] || fail "$1: a temporary file is left"
    fi
}
