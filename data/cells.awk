# Shows what single units of a network respond to. Reads the table that --show-units prints,
# and for each question below finds the unit that follows the answer best: the one whose
# value after each character has the highest |r| with it (Pearson's, over the whole text).
# Prints the lines of the text where the answer varies most, on a background that shows the
# unit's value: blue is -1, white 0, and orange +1. On a terminal, or as a picture:
#
#   ./min_char_rnn --load c.safetensors --show-units min_char_rnn.c | awk -f data/cells.awk
#   ./min_char_rnn --load c.safetensors --show-units min_char_rnn.c |
#       awk -v svg=1 -f data/cells.awk >cells.svg
#
# With -v only='quotes|line', it asks only the questions whose names match. To add a
# question, add two lines to answer(): one brings a variable up to date, the other asks:
#
#   in_number = index("0123456789", c) > 0
#   ask("inside a number", in_number)

# The questions, asked after each character c of the text. A line is blank if there are only
# blanks and tabs in it (and the \r that ends the lines of a text from Windows).
function answer(c, before) {
    blank_line = c == "\n" && indent == column

    quoted = quoted_after(c, before)
    ask("inside quotes", quoted)

    column = c == "\n" ? 0 : column + 1
    ask("position in the line", column)

    depth += index("([{", c) ? 1 : index(")]}", c) && depth > 0 ? -1 : 0
    ask("depth of brackets", depth)

    comment = comment_after(c)
    ask("inside a comment", comment != "")

    indent = c == "\n" ? 0 : indent + (index(" \t\r", c) && indent == column - 1)
    ask("indentation", indent)

    capitals = is_capital(c) || capitals > 1 && index("0123456789_", c) ? capitals + 1 : 0
    ask("inside a word in capitals", capitals > 1)

    distance = blank_line ? 0 : distance + 1
    ask("distance from the last blank line", distance)
}
function quoted_after(c, before) {
    if (blank_line || c == "”") return 0 # at a blank line, somebody forgot to close them
    if (c == "“") return 1
    return c == "\"" && before != "\\" ? !quoted : quoted + 0
}
function is_capital(c) { return index("ABCDEFGHIJKLMNOPQRSTUVWXYZ", c) > 0 }
function comment_after(c,    pair, opens, closes) { # "/*" or "//" inside a comment, else ""
    pair = half_pair c
    opens = comment == "" && (pair == "/*" || pair == "//")
    closes = comment == "/*" && pair == "*/" || comment == "//" && c == "\n"
    half_pair = opens || closes ? "" : c # the star of /*/ does not count twice
    return opens ? pair : closes ? "" : comment
}

# Questions are numbered as they are first asked; those that are left out have number 0. All
# sums, of answers and of units, are sums of differences from the first value: then what
# never changes makes exactly 0, in spite of rounding.
function ask(name, value,    q) {
    if (!(name in number)) {
        number[name] = name ~ only ? ++questions : 0
        question[number[name]] = name
        first_answer[number[name]] = value
    }
    q = number[name]
    difference[q] = value - first_answer[q]
}
function add_up(    u, q, x, y, row) {
    for (u = 1; u <= units; u++) {
        x = value_of[u] = $(u + 1) - first_value[u]
        sum[u] += x
        squares[u] += x * x
    }
    for (q = 1; q <= questions; q++) {
        y = difference[q]
        if (y == 0) continue # as it mostly is: saves a third of the time
        answer_sum[q] += y
        answer_squares[q] += y * y
        row = q * units
        for (u = 1; u <= units; u++) products[row + u] += value_of[u] * y
    }
}
function pearson(q, u,    x, y, xy, r, i) { # 0 if one of the two never changes
    x = characters * squares[u] - sum[u] * sum[u]
    y = characters * answer_squares[q] - answer_sum[q] * answer_sum[q]
    xy = characters * products[q * units + u] - sum[u] * answer_sum[q]
    if (!(x > 0 && y > 0)) return 0
    r = 1
    for (i = 0; i < 60; i++) # Newton's way to a square root: busybox may lack sqrt()
        r = (r + xy * xy / x / y / r) / 2
    return xy < 0 ? -r : r
}
function best_unit(q,    u, size, best, most) { # 0 if there is none
    best = most = 0
    for (u = 1; u <= units; u++) {
        size = pearson(q, u)
        if (size < 0) size = -size
        if (size > most) {
            most = size
            best = u
        }
    }
    return best
}

# The text is cut into passages of six lines, or of 600 characters if its lines are long.
# For each question, the one where the answer varied most is kept, as lines of the table.
function add_to_passage(c,    q) {
    passage[++passage_length] = $0
    for (q = 1; q <= questions; q++) {
        passage_sum[q] += difference[q]
        passage_squares[q] += difference[q] * difference[q]
    }
    if (c == "\n") passage_lines++
    if (passage_lines == 6 || passage_length == 600) end_passage()
}
function end_passage(    q, i, variation) {
    for (q = 1; q <= questions; q++) {
        variation = passage_squares[q] - passage_sum[q] * passage_sum[q] / passage_length
        passage_sum[q] = passage_squares[q] = 0
        if (q in kept_length && variation <= kept_variation[q]) continue
        kept_variation[q] = variation
        kept_length[q] = passage_length
        for (i = 1; i <= passage_length; i++) kept[q, i] = passage[i]
    }
    passage_length = passage_lines = 0
}
function unescaped(c) {
    return c == "\\n" ? "\n" : c == "\\t" ? "\t" : c == "\\\\" ? "\\" : c
}

# Both kinds of output: a heading, then a passage character by character.
function show(q, u,    i, cell) {
    show_heading(sprintf("%s: %s, r = %+.2f", question[q], unit[u], pearson(q, u)))
    for (i = 1; i <= kept_length[q]; i++) {
        split(kept[q, i], cell, "\t")
        show_character(unescaped(cell[1]), cell[u + 1])
    }
    if (unescaped(cell[1]) != "\n") end_line()
}
function show_heading(text) {
    if (!svg) print text
    else draw_text(text, " font-weight=\"bold\"", top += 12)
    top += 18
}
function show_character(c, value) {
    if (c ~ /^[\001-\010\013-\037\177]$/) c = " " # a terminal obeys them, SVG forbids them
    if (c == "\n" || columns == 100) end_line()
    if (c == "\n") return
    if (svg) draw(c, value, c == "\t" ? 4 - columns % 4 : 1)
    else printf "%s%s", colour("\033[30;48;2;%d;%d;%dm", value), c
}
function end_line() {
    if (!svg) print "\033[0m"
    else if (columns > 0) draw_text(line, " textLength=\"" 6.6 * columns "\"", top)
    top += 15
    line = ""
    columns = 0
}
function colour(format, value) {
    if (value < 0)
        return sprintf(format, tint(86, -value), tint(170, -value), tint(240, -value))
    return sprintf(format, tint(240, value), tint(150, value), tint(20, value))
}
function tint(full, part) { return 255 - (255 - full) * part }

# The picture is collected in body. A line of the text is drawn at top: what stands in it so
# far is in line, and fills that many columns, of 6.6 pixels each.
function draw(c, value, wide) {
    body = body "<rect x=\"" 10 + 6.6 * columns "\" y=\"" top "\" width=\"" 6.6 * wide
    body = body "\" height=\"15\" fill=\"" colour("#%02x%02x%02x", value) "\"/>\n"
    line = line (c == "\t" ? substr("    ", 1, wide) : c)
    columns += wide
}
function draw_text(text, attributes, y) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    body = body "<text x=\"10\" y=\"" y + 11 "\"" attributes ">" text "</text>\n"
}

BEGIN { FS = "\t" }
NR == 1 {
    units = $1 == "char" ? NF - 1 : 0
    if (units == 0) exit
    for (u = 1; u <= units; u++) unit[u] = $(u + 1)
    next
}
NR == 2 { for (u = 1; u <= units; u++) first_value[u] = $(u + 1) }
{
    characters++
    character = unescaped($1)
    answer(character, last_character)
    last_character = character
    add_up()
    add_to_passage(character)
}
END {
    if (!characters) {
        print "cells.awk: this is not what --show-units prints" >"/dev/stderr"
        exit 1
    }
    if (passage_length > 0) end_passage()
    for (q = 1; q <= questions; q++) {
        u = best_unit(q)
        if (u > 0) show(q, u)
    }
    if (svg) {
        print "<svg width=\"680\" height=\"" top + 10 "\" shape-rendering=\"crispEdges\""
        print " font-family=\"monospace\" font-size=\"11\" xml:space=\"preserve\""
        print " xmlns=\"http://www.w3.org/2000/svg\">"
        print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
        print body "</svg>"
    }
}
