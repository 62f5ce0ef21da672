# Draws what `--show-cells` prints as an SVG: awk -f data/cells.awk. Only questions that match the
# pattern `only` are drawn, if there is one: awk -v only='quotes|line' -f data/cells.awk

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}
function put(text, y, weight) { # with a width of its own for each character, whatever the font
    if (text !~ /[^ ]/) return
    printf "<text x=\"10\" y=\"%d\" textLength=\"%.1f\" font-weight=\"%s\" xml:space=\"preserve\">",
        y, 7.2 * length(text), weight
    print escaped(text) "</text>"
}
function draw(text, signs, digits, y,    i, sign) {
    for (i = 1; i <= length(text); i++) {
        sign = substr(signs, i, 1)
        if (sign ~ /[-+]/)
            printf "<rect x=\"%.1f\" y=\"%d\" width=\"7.2\" height=\"16\" fill=\"%s\" opacity=\"%.2f\"/>\n",
                10 + 7.2 * (i - 1), y - 12, sign == "-" ? "#d33" : "#36c",
                (substr(digits, i, 1) + 0.5) / 14
    }
    put(text, y, "normal")
}

BEGIN {
    y = 8
    body = ""
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"" (height ? height : 600) "\""
    print "     font-family=\"monospace\" font-size=\"12\">"
    print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
}
/^[a-z ]*: layer [0-9]+, unit [0-9]+, r = / {
    shown = $0 ~ only
    lines = 0
    if (shown) put($0, y += 26, "bold")
    next
}
shown {
    kept[lines++ % 3] = $0
    if (lines % 3 == 0) draw(kept[0], kept[1], kept[2], y += 16)
}
END { print "</svg>" }
