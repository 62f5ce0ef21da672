# Process tests, read by run.sh: what the README shows is typed as it stands (with fewer iterations).

indented() { sed -n "/^    $1/,/^\$/s/^    //p" README.md; } # the lines of a block that begins so
fenced() { awk -v n="$1" '/^```/ { on = /python/ && ++k == n; next } on' README.md; } # Python, the n-th
typed() { (cd "$dir/readme" && sh -e "$dir/commands") >"$dir/out" 2>"$dir/err"; status=$?; }
fresh() { # a folder with the program and the texts
    rm -rf "$dir/readme" && mkdir "$dir/readme"
    ln -s "$prog" "$PWD/data" "$PWD/min_char_rnn.c" "$dir/readme"
}
evaluated() { # the loss that --eval prints for a model
    works --load "$dir/readme/$1" --eval data/input.txt
    sed -n 's/.*characters: \([0-9.]*\) nats.*/\1/p' "$dir/out"
}
prints_loss() { # what, the loss, a Python program: prints nearly that
    (cd "$dir/readme" && $python "$3") >"$dir/out" 2>"$dir/err"
    below "$1: distance of '$(tail -n 1 "$dir/out" "$dir/err" | tr '\n' ' ')' from $2" \
        "($(tail -n 1 "$dir/out" | sed 's/ .*//') - $2) ^ 2" 1e-9
}

test_readme() {
    fresh
    works --help
    sed -n '/^ *--cell/,$p' "$dir/out" >"$dir/want"
    indented '      --cell rnn' >"$dir/got"
    same_file 'the options' "$dir/want" "$dir/got"

    indented '..min_char_rnn .*--iters 50000' | sed 's/0000 /00 /' >"$dir/commands"
    same 'lines of the block' 4 "$(lines <"$dir/commands")"
    typed
    same "its exit status ($(head -c 300 "$dir/err"))" 0 $status
    says 'what --eval prints' '111573 characters: .* perplexity' "$dir/out"
    rnn=$(evaluated play.safetensors)
    indented '..min_char_rnn --load .* sed' >"$dir/commands"
    typed
    same "exit status of a sample that sed ends ($(head -c 300 "$dir/err"))" 0 $status
    same 'its last line' '' "$(tail -n 1 "$dir/out")"
    indented '..min_char_rnn data.input.txt --cell lstm' | sed 's/-n [0-9]*/-n 3/' >"$dir/commands"
    typed
    same "exit status of the LSTM ($(head -c 300 "$dir/err"))" 0 $status
    indented 'for cell in rnn gru lstm' | sed 's/-n [0-9]*/-n 3/; s/-T 100/-T 9/' >"$dir/commands"
    typed
    same "exit status of the gradients ($(head -c 300 "$dir/err"))" 0 $status
    for cell in rnn gru lstm; do
        same "steps of $cell.txt" 10 "$(grep -vc '^#\|^$' <"$dir/readme/$cell.txt" |
            awk -v n="$(grep -c '^#' "$dir/readme/$cell.txt")" '{ print $1 / n }')"
    done
    indented '..min_char_rnn min_char_rnn.c --cell' | sed 's/-n [0-9]*/-n 3/; s/-H 128/-H 9/' >"$dir/commands"
    typed
    same "exit status of the units ($(head -c 300 "$dir/err"))" 0 $status
    same 'pictures of units' 1 "$(grep -c '</svg>' "$dir/readme/cells.svg")"
    below 'marks in it' 10 "$(grep -c '<rect' "$dir/readme/cells.svg")"

    python_with numpy || return
    fenced 2 >"$dir/load.py"
    prints_loss NumPy "$rnn" "$dir/load.py"
    gru=$(evaluated gru.safetensors)
    { cat "$dir/load.py"; fenced 4; } >"$dir/gru.py"
    prints_loss 'NumPy, GRU' "$gru" "$dir/gru.py"
    fenced 1 >"$dir/readme/scale.py"
    indented '..min_char_rnn data.input.txt -n 1 ' | sed "s/-T 100/-T 9/; s|python3|$python|" >"$dir/commands"
    typed
    same "exit status of the scaled ones ($(head -c 300 "$dir/err"))" 0 $status
    python_with torch || return
    { cat "$dir/load.py"; fenced 3; } >"$dir/lstm.py"
    lstm=$(evaluated lstm.safetensors)
    prints_loss PyTorch "$lstm" "$dir/lstm.py"
}

test_picture() {
    command -v gnuplot >/dev/null || { skip 'gnuplot: install gnuplot-nox'; return; }
    fresh
    indented 'head -c 30000' | sed 's/-n 8000/-n 400/; s/-H 200/-H 20/' >"$dir/commands"
    typed
    same "exit status ($(head -c 300 "$dir/err"))" 0 $status
    same 'curves in the picture' 2 "$(grep -c 'id="gnuplot_plot_' "$dir/readme/loss.svg")"
    works --load "$dir/readme/best.safetensors" --sample 10

    ln -s data/input.txt "$dir/readme/tinyshakespeare.txt"
    { indented '..min_char_rnn tinyshakespeare.txt'; indented 'gnuplot .*quality'; } |
        sed 's/-n [0-9]*/-n 4/; s/-H [0-9]*/-H 9/; s/every [1-9][0-9]*/every 2/g' >"$dir/commands"
    typed
    same "exit status of the recipes ($(head -c 300 "$dir/err"))" 0 $status
    same 'their held-out losses' 9 "$(cat "$dir"/readme/record*5.txt "$dir/readme/record1.txt" |
        grep -c '^iter [024], val loss')"
    same 'curves in their picture' 3 "$(grep -c 'id="gnuplot_plot_' "$dir/readme/quality.svg")"
    works --load "$dir/readme/shakespeare.safetensors" --sample 10
}

test_sweep() {
    echo 1 | xargs -P 2 true 2>/dev/null || { skip 'this xargs has no -P'; return; }
    indented 'mkdir -p runs' >"$dir/block"
    for iters in '90' '40 90'; do # undisturbed, and in two parts
        fresh
        for n in $iters; do
            sed "s/-n 5000/-n $n --print-every 10/" "$dir/block" >"$dir/commands"
            typed
            same "exit status ($(head -c 300 "$dir/err"))" 0 $status
            cp -R "$dir/readme/runs" "$dir/readme/before"
            typed
            same 'what a sweep that is done does' '' "$(cd "$dir/readme" && diff -r runs before)"
            rm -rf "$dir/readme/before" "$dir"/readme/runs/*.done
        done
        same 'runs' 6 "$(cat "$dir"/readme/runs/*.txt | grep -c '^iter 90, loss')"
        cat "$dir"/readme/runs/*.safetensors >"$dir/models"
        [ "$iters" = 90 ] && mv "$dir/models" "$dir/want"
    done
    same_file 'models of an interrupted sweep' "$dir/want" "$dir/models"
}
