# Process tests, read by run.sh: what the README shows is typed as it stands (with fewer iterations).

indented() { sed -n "/^    $1/,/^\$/s/^    //p" README.md; } # the lines of a block that begins so
fenced() { awk -v n="$1" '/^```/ { on = /python/ && ++k == n; next } on' README.md; } # Python, the n-th
typed() { (cd "$dir/readme" && sh -e "$dir/commands") >"$dir/out" 2>"$dir/err"; status=$?; }

test_readme() {
    rm -rf "$dir/readme" && mkdir "$dir/readme" && ln -s "$prog" "$PWD/data" "$dir/readme"
    works --help
    sed -n '/^ .*-H/,$p' "$dir/out" >"$dir/want"
    indented '  -H, --hidden' >"$dir/got"
    same_file 'the options' "$dir/want" "$dir/got"

    indented '..min_char_rnn .*--iters 50000' | sed 's/0000 /00 /' >"$dir/commands"
    same 'lines of the block' 4 "$(lines <"$dir/commands")"
    typed
    same "its exit status ($(head -c 300 "$dir/err"))" 0 $status
    says 'what --eval prints' '111573 characters: .* perplexity' "$dir/out"
    loss=$(sed -n 's/.*111573 characters: \([0-9.]*\) nats.*/\1/p' "$dir/out")

    python_with numpy || return
    fenced 1 >"$dir/first.py"
    (cd "$dir/readme" && $python "$dir/first.py") >"$dir/out" 2>"$dir/err"
    below "NumPy: distance of '$(cat "$dir/out" "$dir/err")' from $loss" \
        "($(sed 's/ .*//' "$dir/out") - $loss) ^ 2" 1e-8
    python_with torch || return
    { cat "$dir/first.py"; fenced 2; } >"$dir/second.py"
    (cd "$dir/readme" && $python "$dir/second.py") >"$dir/out" 2>"$dir/err"
    below "PyTorch: distance of '$(tail -n 1 "$dir/out")' from $loss" \
        "($(sed -n '2s/ .*//p' "$dir/out") - $loss) ^ 2" 1e-8
}

test_picture() {
    command -v gnuplot >/dev/null || { skip 'gnuplot: install gnuplot-nox'; return; }
    mkdir -p "$dir/readme" && ln -sf "$prog" "$PWD/data" "$dir/readme"
    indented 'head -c 30000' | sed 's/-n 8000/-n 400/; s/-H 200/-H 20/' >"$dir/commands"
    typed
    same "exit status ($(head -c 300 "$dir/err"))" 0 $status
    same 'rows of the table' 4 "$(lines <"$dir/readme/loss.tsv")"
    same 'curves in the picture' 2 "$(grep -c 'id="gnuplot_plot_' "$dir/readme/loss.svg")"
    works --load "$dir/readme/best.safetensors" --sample 10
}

test_sweep() {
    echo 1 | xargs -P 2 true 2>/dev/null || { skip 'this xargs has no -P'; return; }
    indented 'mkdir -p runs' >"$dir/block"
    for iters in '90' '40 90'; do # undisturbed, and in two parts
        rm -rf "$dir/readme" && mkdir "$dir/readme" && ln -s "$prog" "$PWD/data" "$dir/readme"
        for n in $iters; do
            sed "s/-n 5000/-n $n --print-every 10/" "$dir/block" >"$dir/commands"
            typed
            same "exit status ($(head -c 300 "$dir/err"))" 0 $status
            cp -R "$dir/readme/runs" "$dir/readme/before"
            typed
            same 'what a sweep that is done does' '' "$(cd "$dir/readme" && diff -r runs before)"
            rm -rf "$dir/readme/before" "$dir"/readme/runs/*.done
        done
        same 'runs' 6 "$(cat "$dir"/readme/runs/*.tsv | grep -c '^90	')"
        cut -f 1,2,4,5 "$dir"/readme/runs/*.tsv >"$dir/tables"
        cat "$dir"/readme/runs/*.safetensors >>"$dir/tables"
        [ "$iters" = 90 ] && mv "$dir/tables" "$dir/want"
    done
    same_file 'tables and checkpoints of an interrupted sweep' "$dir/want" "$dir/tables"
}
