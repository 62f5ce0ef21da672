# Shows what single units of a network respond to. For each question in ask_all(), it finds
# the unit whose value has the highest |r| with the answer (Pearson's, over the whole text).
# It prints the six lines where the answer changes most, on colors of that unit's value:
#   ./min_char_rnn --load c.safetensors --show-units min_char_rnn.c | awk -f data/cells.awk
#   ./min_char_rnn --load c.safetensors --show-units min_char_rnn.c |
#       awk -v svg=1 -f data/cells.awk >cells.svg
# With -v only='quotes|line', it asks the questions whose names match. To add a question,
# add two lines to ask_all() like those there: the first finds the answer, the second asks.

function ask_all(c) { # after the character c; last_c is the one before it
    blank_line = c == "\n" && column == indent
    quoted = blank_line ? 0 : index("\"“”", c) ? !quoted : quoted
    ask("inside quotes", quoted)
    column = c == "\n" ? 0 : column + 1
    ask("position in the line", column)
    depth += index("([{", c) ? 1 : index(")]}", c) && depth > 0 ? -1 : 0
    ask("depth of brackets", depth)
    comment = comment_after(last_c c)
    ask("inside a comment", comment != "")
    indent = c == "\n" ? 0 : index(" \t", c) && indent == column - 1 ? column : indent
    ask("indentation", indent)
    capitals = c ~ /^[A-Z]$/ || c == "_" && capitals > 0 ? capitals + 1 : 0
    ask("inside a word in capitals", capitals > 1)
    distance = blank_line ? 0 : distance + 1
    ask("distance from the last blank line", distance)
}
function comment_after(pair) { # the pair that opened the comment, or ""
    if (comment == "" && (pair == "/*" || pair == "//")) return pair
    if (comment == "/*" && pair == "*/" || comment == "//" && pair ~ /\n$/) return ""
    return comment
}

# The table has units (u) in the columns from 2 on. The answers (q) get columns behind them.
function ask(question, answer,    q, u) {
    if (only != "" && question !~ only) return
    q = ++columns
    name[q] = question
    changes[q] += answer != last_answer[q]
    last_answer[q] = answer
    add_up(q, answer)
    if (answer != 0) # mostly it is 0, and adds nothing
        for (u = 2; u <= units; u++) products[q * units + u] += answer * value[u]
}
function add_up(i, x) { # in column i
    sum[i] += x
    squares[i] += x * x
}
function covariance(product, a, b) { return (product - a * b / characters) / characters }
function pearson(q, u,    x, y, root, i) { # 0 if the unit or the answer never changes
    x = covariance(squares[u], sum[u], sum[u])
    y = covariance(squares[q], sum[q], sum[q])
    if (x < 1e-9 || y < 1e-9) return 0
    for (root = 1; i < 60; i++) root = (root + x * y / root) / 2 # busybox may lack sqrt()
    return covariance(products[q * units + u], sum[q], sum[u]) / root
}
function best_unit(q,    u, best) { # nothing if no unit has an r
    for (u = 2; u <= units; u++) {
        r[q, u] = pearson(q, u)
        if (r[q, u] * r[q, u] > r[q, best] * r[q, best]) best = u
    }
    return best
}

# For each question, the rows of the six lines where the answer changes most are kept.
function end_six_lines(    q, i) {
    for (q = units + 1; q <= columns; q++) {
        if (changes[q] < most_changes[q]) continue
        most_changes[q] = changes[q]
        kept_rows[q] = rows
        for (i = 1; i <= rows; i++) kept[q, i] = row[i]
    }
    split("", changes)
    rows = lines = 0
}
function show(q, u,    heading, i, cell) {
    heading = sprintf("%s: %s, r = %+.2f", name[q], name[u], r[q, u])
    if (svg) draw_text(heading)
    else print heading
    y += 18
    for (i = 1; i <= kept_rows[q]; i++) {
        split(kept[q, i], cell)
        show_character(unescaped(cell[1]), cell[u])
    }
    end_line() # makes a blank line, or ends a text that has no newline at its end
}
function unescaped(c) {
    return c == "\\n" ? "\n" : c == "\\t" ? "\t" : c == "\\\\" ? "\\" : c
}
function show_character(c, value) {
    if (c == "\n") end_line()
    else if (svg) draw(c, color("rgb(%d,%d,%d)", value), c == "\t" ? 28 : 7)
    else printf "%s%s", color("\033[30;48;2;%d;%d;%dm", value), c
}
function color(format, v) { # blue for -1, white for 0, orange for +1
    if (v < 0) return sprintf(format, 255 + 169 * v, 255 + 85 * v, 255 + 15 * v)
    return sprintf(format, 255 - 15 * v, 255 - 105 * v, 255 - 235 * v)
}
function end_line() {
    if (!svg) print "\033[0m"
    x = 10
    y += 16
}
function draw(c, fill, width) { # at x and y
    body = body "<rect x='" x "' y='" y "' width='" width "' height='16' fill='" fill "'/>"
    draw_text(c == "&" ? "&amp;" : c == "<" ? "&lt;" : c)
    x += width
}
function draw_text(text) { body = body "<text x='" x "' y='" y + 12 "'>" text "</text>\n" }

BEGIN { FS = "\t"; x = 10; y = 36 }
NR == 1 && $1 != "char" { print "cells: no table of --show-units" >"/dev/stderr"; exit 1 }
NR == 1 { units = split($0, name) }
NR > 1 {
    for (u = 2; u <= units; u++) add_up(u, value[u] = $u + 0)
    columns = units
    c = unescaped($1)
    ask_all(c)
    if (column <= 92) row[++rows] = $0 # longer lines are cut
    if (c == "\n" && ++lines == 6) end_six_lines()
    last_c = c
}
END {
    characters = NR - 1
    end_six_lines()
    for (q = units + 1; q <= columns; q++) if (u = best_unit(q)) show(q, u)
    if (!svg) exit
    print "<svg xmlns='http://www.w3.org/2000/svg' width='680' height='" y "'"
    print "font-family='monospace' font-size='12'><path fill='#fff' d='M0 0h680v9999H0'/>"
    print "<text x='10' y='20'>Blue is -1, white 0, orange +1.</text>\n" body "</svg>"
}
