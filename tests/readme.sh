# Process tests, read by run.sh: the README's commands are typed as they stand, with fewer
# iterations and smaller networks, in a folder with links to what they need.

block() { # the n-th indented block that runs the program or gnuplot
    awk -v RS= -v n="$1" '/^    .*(min_char_rnn |gnuplot )/ && ++k == n' README.md | sed 's/^    //'
}
fewer() {
    sed 's/-n [1-9][0-9][0-9]*/-n 4/; s/--iters 3000/--iters 4/; s/2e4/2e1/; s/0000 /00 /
        s/-H [0-9]*/-H 9/; s/-T 100/-T 9/; s/every [1-9][0-9]*/every 2/
        s/<= 60000/<= 600/; s/seq 100/seq 3/; s/% 40 /% 400 /'
}
types() { # the n-th block, which begins with a pattern
    block "$1" | fewer >"$dir/commands"
    says "block $1" "$2" "$dir/commands"
    (cd "$dir/readme" && sh -e "$dir/commands") >"$dir/out" 2>"$dir/err"
    same "exit status of block $1 ($(tail -c 300 "$dir/err"))" 0 $?
}
readme_folder() {
    rm -rf "$dir/readme"
    mkdir "$dir/readme"
    ln -s "$prog" "$PWD/data" "$PWD/min_char_rnn.c" "$PWD/README.md" "$dir/readme"
    ln -s "$PWD/$text" "$dir/readme/tinyshakespeare.txt"
}

test_readme() {
    below 'lines of the README' "$(lines <README.md)" 301
    works --help
    grep -o -e ' --[a-z][a-z-]*' "$dir/out" | sort -u >"$dir/options"
    grep -o -e '[ `]--[a-z][a-z-]*' README.md | tr '`' ' ' | sort -u | comm -23 - "$dir/options" >"$dir/log"
    same 'options that the program does not have' ' --check' "$(cat "$dir/log")" # make_golden.sh has it
    same 'blocks of commands' '' "$(block 10)"
    readme_folder
    types 1 'lstm .*'
    says 'the last line of training, and a sample' '^iter 4, loss: ' "$dir/out"
    types 2 'hello.txt'
    same 'texts in it' 3 "$(grep -c '^data has' "$dir/out")"
    types 3 '--iters 500 .*--save'
    end=$(loss 1000)
    eval=$(sed -n 's/.*characters: \([0-9.]*\) nats.*/\1/p' "$dir/out")
    works $text --iters 1000
    same 'the loss of a run in one piece' "$(loss 1000)" "$end"
    types 4 'tinyshakespeare.txt --cell lstm'
    same 'held-out losses' 6 "$(cat "$dir/readme/"*256.txt | grep -c '^iter [024], val loss: ')"
    command -v gnuplot >"$dir/log" && types 5 gnuplot
    python_with numpy || return
    awk '/^```/ { on = /python/; next } on' README.md >"$dir/program"
    (cd "$dir/readme" && "$python" "$dir/program") >"$dir/out" 2>"$dir/err"
    same "words that NumPy prints ($(tail -n 1 "$dir/err"))" 2 "$(wc -w <"$dir/out" | tr -d ' ')"
    below "NumPy's loss from --eval's" "($(sed 's/ .*//' "$dir/out") - $eval) ^ 2" 1e-9
}

test_readme_inside() {
    readme_folder
    types 6 'min_char_rnn.c --cell lstm'
    same 'questions, the units that follow them' 7 "$(grep -c ': layer1.[hc][0-9]*, r = ' "$dir/out")"
    same 'questions in the picture' 2 "$(grep -c '<text .*layer1' "$dir/readme/cells.svg")"
    types 7 'for cell in rnn gru lstm'
    for cell in rnn gru lstm; do
        same "steps of $cell.txt" '0 1 2 3 4 5 6 7 8 9 ' \
            "$(cut -d' ' -f1 "$dir/readme/$cell.txt" | tr '\n' ' ')"
    done
    command -v gnuplot >"$dir/log" || { skip 'install gnuplot-nox'; return; }
    types 8 gnuplot
    same 'curves in the picture' 3 "$(grep -c 'id="gnuplot_plot_' "$dir/readme/gradients.svg")"
}

test_readme_tasks() {
    readme_folder
    types 9 'reverse()'
    for name in reverse way size; do
        works --load "$dir/readme/$name.safetensors" --sample 1
    done
    same 'questions' '4 10 4' \
        "$(cd "$dir/readme" && echo $(for f in reverse way long; do lines <$f.test; done))"
    for name in reverse way; do
        sort "$dir/readme/$name.txt" >"$dir/trained"
        sort "$dir/readme/$name.test" | comm -12 - "$dir/trained" >"$dir/log"
        same "questions that are in $name.txt, too" '' "$(cat "$dir/log")"
    done
    below 'minus the lines that are reversed' \
        -"$(grep -c '^\(.\)\(.\)\(.\)>\3\2\1$' "$dir/readme/reverse.txt")" 0
}
