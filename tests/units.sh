# Has each awk read a table in which each question has a unit that follows its answer. Text is marked t; its
# ~ is a tab, @ and # are curly quotes. Above it stand the answers after each character and the newline.
plant_units() { # the answers: quotes, depth of brackets, comment, indentation, words in capitals
    awk -v text="$dir/text" '
    BEGIN { printf "char"; for (i = 1; i < 10; i++) printf "\tc%d%s", i, i == 9 ? "\n" : "" }
    !/^t/ { mark[substr($0, 1, 1)] = substr($0, 2); next }
    { for (i = 1; i <= length($0); i++) {
        c = i == length($0) ? "\n" : substr($0, i + 1, 1)
        c = c == "~" ? "\t" : c == "@" ? "“" : c == "#" ? "”" : c
        distance = c == "\n" && /^t[ ~]*$/ ? 0 : distance + 1
        printf "%s", c >text
        printf "%s\t0.131", c == "\n" ? "\\n" : c == "\t" ? "\\t" : c == "\\" ? "\\\\" : c # c1 is constant
        for (k = 1; k < 6; k++) printf "\t%.3f", 0.5 - substr(mark[substr("qdciw", k, 1)], i, 1)
        printf "\t%.3f\t%.3f\t%.3f\n", c == "\n" ? 0 : i / 200, distance / 1000, i * i % 7 / 7
    } split("", mark) }' >"$table" <<'END'
tA ) on
i12
t ~
d111221122221
t(a [b] {c\d}) & <b>
q     11
i12222222222222222222222
c   1111111       111111
w                   1111
t~ /* @q# */ A Bc//MAX_X
q1111  111
t"One" "t
t
tthis line is cut off: it has more characters than the ninety-two that fit, and these here are too many.
END
    for heading in 'inside quotes: c2, r = -' 'position in the line: c7, r = +' 'depth of brackets: c3, r = -' \
        'inside a comment: c4, r = -' 'indentation: c5, r = -' 'inside a word in capitals: c6, r = -' \
        'distance from the last blank line: c8, r = +'; do
        case $heading in *+) rows=7 ;; *) rows=1,6 ;; esac
        echo "${heading}1.00"; sed -n "${rows}p" "$dir/text" | cut -c 1-92 | sed 's/$/|/'; echo '|'
    done >"$dir/want"
}
rgb() { sed -n 's/.*rgb(\([0-9,]*\)).*/\1/p'; }
cells() { $awk "$@" -f data/cells.awk; }
test_units() {
    table=$dir/table esc=$(printf '\033') && plant_units
    works -q -n 5 -H 3 --cell lstm --sample 0 --save "$dir/tiny" "$dir/text"
    works --load "$dir/tiny" --show-units "$dir/text"
    command -v xmllint >"$dir/xmllint" || skip 'well-formed SVG: install xmllint (libxml2-utils)'
    for awk in mawk gawk 'busybox awk' awk; do
        $awk 1 /dev/null 2>"$dir/err" || { skip "cells.awk under $awk: install ${awk%% *}"; continue; }
        cells <"$table" >"$dir/ansi"; cells -v svg=1 <"$table" >"$dir/svg"
        sed "s/$esc\[30;48;2;[0-9;]*m//g; s/$esc\[0m\$/|/" "$dir/ansi" >"$dir/plain"
        same_file "$awk: headings, lines of the text" "$dir/want" "$dir/plain"
        same "$awk: text in the SVG" "Blue is -1, white 0, orange +1.$(tr -d '|\n' <"$dir/want")" \
            "$(tr -d '\n' <"$dir/svg" | sed 's/<[^>]*>//g; s/&lt;/</g; s/&amp;/\&/g')"
        same "$awk: colors" "$(tr 'm;' '\n,' <"$dir/ansi" | sed -n 's/.*48,2,//p')" "$(rgb <"$dir/svg")"
        same "$awk: .5" '170,212,247 247,202,137' "$(echo $(cells -v svg=1 -v only=q <"$table" | rgb | sort -u))"
        says "$awk: a wide tab" " width='28' " "$dir/svg"
        [ ! -s "$dir/xmllint" ] || same "$awk: well-formed" '' "$(xmllint --noout "$dir/svg" 2>&1)"
        same "$awk: 3 rows" 'position distance' "$(echo $(head -n 4 "$table" | cells | sed -n 's/ .*, r = .*//p'))"
        same "$awk: real" 7 "$(cells <"$dir/out" | grep -cE ': layer1\.[hc][1-3], r = [+-][01]\.[0-9]+$')"
        same "$awk: no table" 1 "$(echo hello | cells 2>"$dir/err"; echo $?)"
    done
}
