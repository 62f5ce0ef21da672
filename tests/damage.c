/* Checkpoints that are damaged, and checkpoints that only look different, each given to the program
as a file: the former have to be refused with one line and exit status 1, the latter have to give
the sample that the original gives. A line for each that fails, then how many passed and failed.

usage: damage PROGRAM CHECKPOINT DIRECTORY     the last is for files, which are taken away again */

#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof *(a))
typedef unsigned long long count;

static size_t passed, failed;
static const char *program, *original;
static char path[4096], out_path[4096], err_path[4096]; // what is read, printed and said

__attribute__((noreturn, format(printf, 1, 2)))
static void give_up(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    printf("\n0 passed, 1 failed\n");
    exit(1);
}

// -------------------------------------------------------------------------------------------------
// Bytes, and files of them

typedef struct { char *at; size_t size; } Bytes;

static void append(Bytes *b, const void *more, size_t size) {
    b->at = realloc(b->at, b->size + size + 1);
    if (!b->at) give_up("no memory for %zu bytes", b->size + size);
    memcpy(b->at + b->size, more, size);
    b->size += size;
    b->at[b->size] = '\0';
}

__attribute__((format(printf, 2, 3)))
static void print(Bytes *b, const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length >= (int)sizeof line) give_up("too long: %s", line);
    append(b, line, length);
}

static void repeat(Bytes *b, const char *text, size_t times) {
    while (times-- > 0) append(b, text, strlen(text));
}

static Bytes read_file(const char *name) {
    Bytes b = { NULL, 0 };
    char part[65536];
    FILE *file = fopen(name, "rb");
    if (!file) give_up("%s cannot be read", name);
    append(&b, "", 0);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0; ) append(&b, part, got);
    fclose(file);
    return b;
}

static void write_file(Bytes b) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(b.at, 1, b.size, file) != b.size || fclose(file) != 0)
        give_up("%s cannot be written", path);
}

static void set_bits(void *at, uint64_t bits, size_t size) { // little-endian
    for (unsigned char *to = at; size-- > 0; bits >>= 8) *to++ = bits & 0xFF;
}

static uint64_t get_bits(const void *at, size_t size) {
    uint64_t bits = 0;
    while (size-- > 0) bits = bits << 8 | ((const unsigned char *)at)[size];
    return bits;
}

// -------------------------------------------------------------------------------------------------
// The program as a process

// NOTED is LOADED, but a line may be said about it; EITHER: one of them, but nothing else.
typedef enum { REFUSED, LOADED, NOTED, EITHER } Outcome;

static Bytes sample; // what the original gives

// Runs the program; returns its exit status, or -1 and what it died of.
static int run_program(const char *checkpoint, const char *length, int *signal_number) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int err = open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(out, 1);
        dup2(err, 2);
        alarm(60); // longer than any of this can take
        execl(program, program, "--quiet", "--load", checkpoint, "--sample", length, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) give_up("there are no processes");
    *signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool one_line(Bytes said) { // and it is the program's
    const char prefix[] = "min_char_rnn: ", *end = strchr(said.at, '\n');
    return end && strlen(said.at) == said.size && end == said.at + said.size - 1 &&
           strncmp(said.at, prefix, sizeof prefix - 1) == 0;
}

static void check_path(Outcome outcome, const char *checkpoint, const char *name) {
    const bool whole_sample = outcome == LOADED || outcome == NOTED;
    int signal_number, status = run_program(checkpoint, whole_sample ? "40" : "1", &signal_number);
    Bytes out = read_file(out_path), said = read_file(err_path);
    bool refused = status == 1 && out.size == 0 && one_line(said);
    bool loaded = status == 0 && out.size > 0 &&
                  (said.size == 0 || (outcome != LOADED && one_line(said)));
    if (whole_sample)
        loaded = loaded && out.size == sample.size && memcmp(out.at, sample.at, out.size) == 0;
    bool ok = outcome == REFUSED ? refused : whole_sample ? loaded : refused || loaded;
    *(ok ? &passed : &failed) += 1;
    if (!ok)
        printf("FAILED  %s: exit status %d, signal %d, %zu bytes on standard output, "
               "saying: %.400s%s", name, status, signal_number, out.size, said.at,
               said.size && said.at[said.size - 1] == '\n' ? "" : "\n");
    free(out.at);
    free(said.at);
}

static void check_bytes(Outcome outcome, Bytes b, const char *name) {
    write_file(b);
    check_path(outcome, path, name);
    unlink(path);
}

// -------------------------------------------------------------------------------------------------
// A checkpoint taken apart, and put together again

enum { MOST = 40 };

typedef struct {
    char name[400], dtype[32], shape[200], place[200]; // as they stand in the header
    char *data;
    count rows, cols, size, begin, end; // of its numbers, that of each, and where they were
} Tensor;

typedef struct {
    Tensor at[MOST];
    size_t n;
    const char *before, *after; // the other tensors in the header
    const char *keys;           // the order of an entry's: dtype, shape, offsets
    Bytes data;
} Checkpoint;

static Bytes whole;        // the original
static size_t header_size;
static Checkpoint good;

static Checkpoint copy_good(void) {
    Checkpoint k = good;
    k.data = (Bytes){ NULL, 0 };
    append(&k.data, good.data.at, good.data.size);
    return k;
}

// Reads the original, which is as the program writes it.
static void take_apart(void) {
    whole = read_file(original);
    header_size = whole.size < 8 ? 0 : get_bits(whole.at, 8);
    if (header_size < 2 || header_size > whole.size - 8) give_up("%s is no checkpoint", original);
    append(&good.data, whole.at + 8 + header_size, whole.size - 8 - header_size);
    good.before = good.after = "";
    good.keys = "dso";
    int length;
    for (const char *s = whole.at + 9; good.n < MOST; s += length + 1) {
        Tensor *t = &good.at[good.n];
        length = 0;
        if (sscanf(s, "\"%15[^\"]\":{\"dtype\":\"%7[^\"]\",\"shape\":[%20[^]]],"
                   "\"data_offsets\":[%31[^]]]}%n", t->name, t->dtype, t->shape, t->place,
                   &length) != 4 || length == 0 ||
            sscanf(t->shape, "%llu,%llu", &t->rows, &t->cols) != 2 ||
            sscanf(t->place, "%llu,%llu", &t->begin, &t->end) != 2 || t->end > good.data.size)
            break;
        t->size = atoi(t->dtype + 1) / 8;
        good.n++;
    }
    if (good.n != 24) give_up("%s: %zu tensors, not 24", original, good.n);
}

static Bytes header_of(const Checkpoint *k) {
    Bytes header = { NULL, 0 };
    print(&header, "{");
    append(&header, k->before, strlen(k->before));
    for (const Tensor *t = k->at; t < k->at + k->n; t++) {
        print(&header, "%s\"%s\":{", t > k->at ? "," : "", t->name);
        for (const char *key = k->keys; *key; key++) {
            if (key > k->keys) print(&header, ",");
            if (*key == 'd') print(&header, "\"dtype\":\"%s\"", t->dtype);
            if (*key == 's') print(&header, "\"shape\":[%s]", t->shape);
            if (*key == 'o') print(&header, "\"data_offsets\":[%s]", t->place);
        }
        print(&header, "}");
    }
    append(&header, k->after, strlen(k->after));
    print(&header, "}");
    return header;
}

static Bytes joined(Bytes header, Bytes data) {
    Bytes b = { NULL, 0 };
    char length[8];
    set_bits(length, header.size, 8);
    append(&b, length, 8);
    append(&b, header.at, header.size);
    append(&b, data.at, data.size);
    return b;
}

static void check_header(Outcome outcome, Bytes header, Bytes data, const char *name) {
    Bytes b = joined(header, data);
    check_bytes(outcome, b, name);
    free(b.at);
}

// Writes it and gives it to the program, then forgets it.
__attribute__((format(printf, 3, 4)))
static void check(Outcome outcome, Checkpoint *k, const char *format, ...) {
    char name[512];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    Bytes header = header_of(k);
    check_header(outcome, header, k->data, name);
    free(header.at);
    free(k->data.at);
}

static Tensor *find(Checkpoint *k, const char *name) {
    for (Tensor *t = k->at; t < k->at + k->n; t++)
        if (strcmp(t->name, name) == 0) return t;
    give_up("%s has no %s", original, name);
}

static char *number(Checkpoint *k, const Tensor *t, count i) {
    return k->data.at + t->begin + i * t->size;
}

static void set_real(char *at, count size, double value) {
    union { float f; uint32_t bits; } single = { .f = value };
    union { double f; uint64_t bits; } twice = { .f = value };
    set_bits(at, size == 4 ? single.bits : twice.bits, size);
}

// -------------------------------------------------------------------------------------------------
// The file as a whole

static void test_lengths(void) {
    char name[100];
    size_t points[200], n = 0;
    for (size_t i = 0; i <= 16; i++) points[n++] = i;
    points[n++] = 8 + header_size / 2;
    points[n++] = 8 + header_size - 1;
    points[n++] = 8 + header_size;
    for (size_t i = 0; i < good.n; i++) {
        points[n++] = 8 + header_size + good.at[i].end - 1;
        points[n++] = 8 + header_size + good.at[i].end;
    }
    for (size_t i = 0; i < n; i++)
        if (points[i] < whole.size) {
            snprintf(name, sizeof name, "cut to %zu bytes of %zu", points[i], whole.size);
            check_bytes(REFUSED, (Bytes){ whole.at, points[i] }, name);
        }

    const uint64_t lengths[] = {
        0, 1, 2, header_size / 2, header_size + 8, whole.size - 9, whole.size - 8, whole.size - 7,
        whole.size, 1ull << 31, (1ull << 31) - 1, 1ull << 32, (1ull << 32) + header_size,
        1ull << 63, (1ull << 63) + header_size, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 8,
    };
    for (size_t i = 0; i < COUNT(lengths); i++) {
        Bytes b = { NULL, 0 };
        append(&b, whole.at, whole.size);
        set_bits(b.at, lengths[i], 8);
        snprintf(name, sizeof name, "header length %llu", (count)lengths[i]);
        check_bytes(REFUSED, b, name);
        free(b.at);
    }
}

static void test_other_files(const char *directory) {
    check_bytes(REFUSED, (Bytes){ whole.at, 0 }, "an empty file");
    Bytes text = { NULL, 0 };
    repeat(&text, "First Citizen:\nBefore we proceed any further, hear me speak.\n", 100);
    check_bytes(REFUSED, text, "a text");
    check_bytes(REFUSED, (Bytes){ whole.at + 8, whole.size - 8 }, "no header length");
    free(text.at);
    check_path(REFUSED, directory, "a directory");
    check_path(REFUSED, path, "a file that is not there");
    check_path(EITHER, "/dev/null", "/dev/null");
}

// -------------------------------------------------------------------------------------------------
// Each tensor's entry in the header

// One of each type, of each kind of shape, the first and the last: for what is the same for all.
static bool typical(size_t i) {
    static const char *const names[] = { "hidden_size", "n", "val_loss", "rng", "Why", "chars" };
    for (size_t j = 0; j < COUNT(names); j++)
        if (strcmp(names[j], good.at[i].name) == 0) return true;
    return false;
}

static void test_entry(size_t i) {
    const Tensor *was = &good.at[i];
    Checkpoint k = copy_good();
    memmove(&k.at[i], &k.at[i + 1], (--k.n - i) * sizeof(Tensor));
    check(REFUSED, &k, "%s missing", was->name);
    k = copy_good();
    k.at[k.n++] = *was;
    check(REFUSED, &k, "%s twice", was->name);
    k = copy_good();
    strcpy(k.at[i].name, "other");
    check(REFUSED, &k, "%s under another name", was->name);

    static const char *const dtypes[] = {
        "F16", "BF16", "I64", "F128", "F32", "F64", "U32", "U64", "", "garbage of more letters",
        "I32", "U8", "BOOL", "f32", "u64",
        "F", "32", "F3", "F33", "F39", "U65", "F 32", "F-32", "F032", "F32 ", "F320", "U640",
        "F8", "\\u0046", "F99999999999999999999",
    };
    for (size_t j = 0; j < (typical(i) ? COUNT(dtypes) : 10); j++)
        if (strcmp(dtypes[j], was->dtype) != 0) {
            k = copy_good();
            strcpy(k.at[i].dtype, dtypes[j]);
            check(REFUSED, &k, "%s of type '%s'", was->name, dtypes[j]);
        }
    static const struct { const char *dtype; count size; } widths[] = {
        { "F16", 2 }, { "BF16", 2 }, { "U8", 1 }, { "BOOL", 1 }, { "U32", 4 }, { "U64", 8 },
        { "I64", 8 }, { "I32", 4 }, { "F128", 16 }, { "", 0 },
    };
    for (size_t j = 0; j < COUNT(widths); j++) // with as many bytes as that takes
        if (strcmp(widths[j].dtype, was->dtype) != 0) {
            k = copy_good();
            strcpy(k.at[i].dtype, widths[j].dtype);
            snprintf(k.at[i].place, sizeof k.at[i].place, "%llu,%llu", (count)k.data.size,
                     (count)k.data.size + was->rows * was->cols * widths[j].size);
            repeat(&k.data, "\001", was->rows * was->cols * widths[j].size);
            check(REFUSED, &k, "%s of type '%s' and its size", was->name, widths[j].dtype);
        }
    static const char *const keys[] = { "", "so", "do", "ds" };
    for (size_t j = 0; j < (typical(i) ? COUNT(keys) : 0); j++) {
        k = good;
        Bytes all = header_of(&k), header = { NULL, 0 }, one;
        k.keys = keys[j];
        k.at[0] = *was;
        k.n = 1;
        one = header_of(&k); // the entry between its braces takes the place of the good one
        char key[sizeof was->name + 8], name[sizeof was->name + 40];
        snprintf(key, sizeof key, "\"%s\":{", was->name);
        char *there = strstr(all.at, key);
        append(&header, all.at, there - all.at);
        append(&header, one.at + 1, one.size - 2);
        there = strchr(there, '}') + 1;
        append(&header, there, strlen(there));
        snprintf(name, sizeof name, "%s with no more than '%s'", was->name, keys[j]);
        check_header(REFUSED, header, good.data, name);
        free(all.at), free(header.at), free(one.at);
    }
}

static void check_shape(size_t i, const char *shape) {
    if (strcmp(shape, good.at[i].shape) == 0) return; // is as it was
    Checkpoint k = copy_good();
    snprintf(k.at[i].shape, sizeof k.at[i].shape, "%s", shape);
    check(REFUSED, &k, "%s of shape [%s]", good.at[i].name, shape);
}

static void test_shape(size_t i) {
    const count m = good.at[i].rows, n = good.at[i].cols, high = 1ull << 63;
    const count pairs[][2] = {
        { 0, 0 }, { m, 0 }, { 0, n }, { n, m }, { m + 1, n }, { m, n + 1 }, { m - 1, n },
        { m, n - 1 }, { m * n, 1 }, { 1, m * n }, { 2 * m, n }, { high, 1 }, { high, 2 },
        { high + m, n }, { m, high + n }, { UINT64_MAX, 1 }, { UINT64_MAX, UINT64_MAX },
        { 1ull << 32, 1ull << 32 },
        { (1ull << 32) + m, n }, { m, (1ull << 32) + n }, { (1ull << 62) + m, n },
        { 0 - m, 0 - n }, { high / 4 + m, n },
    };
    char shape[100];
    for (size_t j = 0; j < COUNT(pairs); j++) {
        snprintf(shape, sizeof shape, "%llu,%llu", pairs[j][0], pairs[j][1]);
        if (strcmp(shape, "1,1") != 0 || m * n != 1) check_shape(i, shape);
    }
    static const char *const forms[] = { // of the two numbers
        "", "%llu", "%llu,%llu,1", "1,%llu,%llu", "-%llu,-%llu", "-%llu,%llu", "%llu,-%llu",
        "%llu,%llu,", ",%llu,%llu", "%llu;%llu", "%llu.0,%llu", "%llue0,%llu", "\"%llu\",%llu",
        "[%llu,%llu]", "null", "%llu,0x%llx", "10000000000000000000%llu,%llu",
        "18446744073709551616%llu,%llu", "%llu,184467440737095516160%llu",
    };
    for (size_t j = 0; j < (typical(i) ? COUNT(forms) : 0); j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(shape, sizeof shape, forms[j], m, n);
#pragma GCC diagnostic pop
        check_shape(i, shape);
    }
}

static void check_place(size_t i, const char *place, const char *what) {
    if (strcmp(place, good.at[i].place) == 0) return;
    Checkpoint k = copy_good();
    snprintf(k.at[i].place, sizeof k.at[i].place, "%s", place);
    check(REFUSED, &k, "%s at [%s], %s", good.at[i].name, place, what);
}

static void test_place(size_t i) {
    const Tensor *t = &good.at[i], *next = &good.at[i + 1 < good.n ? i + 1 : 0];
    const count b = t->begin, e = t->end, size = e - b, all = good.data.size, high = 1ull << 63;
    const struct { count begin, end; const char *what; } pairs[] = {
        { e, b, "reversed" }, { b, b, "empty" }, { 0, 0, "empty" }, { b, e + 1, "one too long" },
        { b, e - 1, "one too short" }, { b + 1, e, "one too short" }, { b - 1, e, "one too long" },
        { i ? b - 1 : 1, i ? e - 1 : e + 1, "overlapping by a byte" },
        { next->begin, next->begin + size, "overlapping" }, { all, all + size, "after the end" },
        { all - size + 1, all + 1, "one past the end" }, { b, UINT64_MAX, "too long" },
        { b, high, "too long" }, { high, high + size, "far away" },
        { high + b, high + e, "far away" },
        { UINT64_MAX - size, UINT64_MAX, "far away" }, { 0 - size, 0, "before the beginning" },
        { 4 - size, 4, "before the beginning" }, { (1ull << 32) + b, (1ull << 32) + e, "far away" },
        { b, (1ull << 32) + e, "too long" }, { high + b, e, "too long" },
        { UINT64_MAX, UINT64_MAX, "empty" }, { UINT64_MAX, size - 1, "before the beginning" },
    };
    char place[100];
    for (size_t j = 0; j < COUNT(pairs); j++) {
        snprintf(place, sizeof place, "%llu,%llu", pairs[j].begin, pairs[j].end);
        check_place(i, place, pairs[j].what);
    }
    static const char *const forms[] = { // of the two numbers
        "", "%llu", "%llu,%llu,1", "-%llu,-%llu", "-%llu,%llu", "%llu,-%llu", "%llu,%llu,",
        "%llu;%llu", "%llu.0,%llu", "%llu,%llu.0", "%llu,%llue0", "\"%llu\",\"%llu\"",
        "[%llu,%llu]", "null", "18446744073709551616%llu,%llu",
        "1844674407370955161600000%llu,%llu",
        "%llu,18446744073709551616%llu",
    };
    for (size_t j = 0; j < (typical(i) ? COUNT(forms) : 0); j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(place, sizeof place, forms[j], b, e);
#pragma GCC diagnostic pop
        if (b > 0 || (strcmp(forms[j], "-%llu,%llu") && strcmp(forms[j], "-%llu,-%llu")))
            check_place(i, place, "which is no pair of offsets");
    }
    const count sums[] = { size, 1, 8, b + 1, high };
    for (size_t j = 0; j < COUNT(sums); j++) { // written as they would be with a sign
        snprintf(place, sizeof place, "-%llu,%llu", sums[j], size - sums[j]);
        if (sums[j] <= size) check_place(i, place, "before the beginning");
    }
}

// -------------------------------------------------------------------------------------------------
// The numbers

static void check_whole(Outcome outcome, const char *name, count i, uint64_t value) {
    Checkpoint k = copy_good();
    const Tensor *t = find(&k, name);
    if (outcome == REFUSED && value == get_bits(number(&k, t, i), t->size)) {
        free(k.data.at);
        return;
    }
    set_bits(number(&k, t, i), value, t->size);
    check(outcome, &k, "number %llu of %s is %llu", i, name, (count)value);
}

static void check_real(Outcome outcome, size_t tensor, count i, double value) {
    Checkpoint k = copy_good();
    const Tensor *t = &k.at[tensor];
    set_real(number(&k, t, i), t->size, value);
    check(outcome, &k, "number %llu of %s is %g", i, t->name, value);
}

static void test_wholes(void) {
    static const char *const sizes[] = {
        "hidden_size", "seq_length", "batch_size", "vocab_size", "bytes",
    };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        Checkpoint k = copy_good();
        const uint64_t is = get_bits(number(&k, find(&k, sizes[i]), 0), 8);
        free(k.data.at);
        const uint64_t values[] = {
            1ull << 32, (1ull << 32) + is, 1ull << 63, (1ull << 63) + is, UINT64_MAX,
            UINT64_MAX - is, 1000001, 0, 2, is + 1, is - 1,
        };
        for (size_t j = 0; j < COUNT(values); j++) // no shape shows what seq_length has to be
            if (strcmp(sizes[i], "seq_length") != 0 || j < 8)
                check_whole(REFUSED, sizes[i], 0, values[j]);
    }
    check_whole(REFUSED, "seq_length", 0, 65536);
    check_whole(REFUSED, "batch_size", 0, 65536);
    check_whole(REFUSED, "vocab_size", 0, 65536);
    check_whole(REFUSED, "vocab_size", 0, 1);
    check_whole(REFUSED, "n", 0, 1ull << 63);
    check_whole(REFUSED, "n", 0, UINT64_MAX);

    check_whole(REFUSED, "rng", 624, 625); // how many words are used up
    check_whole(REFUSED, "rng", 624, UINT32_MAX);
    check_whole(REFUSED, "rng", 624, 1u << 31);
    check_whole(REFUSED, "rng", 625, 2); // whether a number waits
    check_whole(REFUSED, "rng", 625, UINT32_MAX);
    check_whole(LOADED, "rng", 624, 624);
    check_whole(LOADED, "rng", 624, 0);
}

static void test_chars(void) {
    Checkpoint k = copy_good();
    const Tensor *chars = find(&k, "chars");
    const count last = chars->rows - 1;
    const uint32_t first = get_bits(number(&k, chars, 0), 4);
    const uint32_t second = get_bits(number(&k, chars, 1), 4);
    const uint32_t highest = get_bits(number(&k, chars, last), 4);
    set_bits(number(&k, chars, 0), second, 4);
    set_bits(number(&k, chars, 1), first, 4);
    check(REFUSED, &k, "chars not ascending");
    k = copy_good();
    set_bits(number(&k, chars, 0), highest, 4);
    set_bits(number(&k, chars, last), first, 4);
    check(REFUSED, &k, "chars not ascending, the first and the last");
    check_whole(REFUSED, "chars", 1, first);
    check_whole(REFUSED, "chars", last - 1, highest);
    check_whole(REFUSED, "chars", 0, UINT32_MAX);
    static const uint32_t no_characters[] = {
        0x110000, 0x110001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF,
    };
    for (size_t i = 0; i < COUNT(no_characters); i++)
        check_whole(REFUSED, "chars", last, no_characters[i]);
}

static void test_reals(void) {
    const double infinity = 1e308 * 10, odd[] = { infinity - infinity, infinity, -infinity };
    for (size_t i = 0; i < good.n; i++) {
        const Tensor *t = &good.at[i];
        if (t->dtype[0] != 'F') continue;
        const count last = t->rows * t->cols - 1;
        for (size_t j = 0; j < COUNT(odd); j++) {
            check_real(REFUSED, i, 0, odd[j]);
            if (last > 0) check_real(REFUSED, i, last, odd[j]);
        }
        if (t->name[0] == 'm') { // a sum of squares
            check_real(REFUSED, i, 0, -1);
            check_real(REFUSED, i, last, -1e-6);
        }
        check_real(EITHER, i, 0, t->size == 4 ? 3e38 : 1e308);
        check_real(EITHER, i, last, t->size == 4 ? -3e38 : -1e308);
    }
    Checkpoint k = copy_good();
    for (const Tensor *t = k.at; t < k.at + k.n; t++)
        for (count j = 0; t->dtype[0] == 'F' && j < t->rows * t->cols; j++)
            set_real(number(&k, t, j), t->size, t->size == 4 ? 3e38 : 1e308);
    check(EITHER, &k, "every number as high as can be");
}

// -------------------------------------------------------------------------------------------------
// The header as a text

static void test_headers(void) {
    static const struct { Outcome outcome; const char *before, *after, *name; } around[] = {
        { REFUSED, "x", "", "a letter before it" }, { REFUSED, "[", "]", "an array" },
        { REFUSED, "\"", "", "an unterminated string" }, { REFUSED, "", "\"", "a quote after it" },
        { REFUSED, "{", "", "a brace more" }, { REFUSED, "", "}", "a brace more at the end" },
        { REFUSED, "", "]", "a bracket more at the end" },
        { REFUSED, "null", "", "null before it" },
        { EITHER, "", ",", "a comma after it" }, { EITHER, "", "x", "a letter after it" },
        { EITHER, "", "{}", "another object after it" }, { EITHER, "  ", "", "spaces before it" },
        { EITHER, "\357\273\277", "", "a byte order mark" },
    };
    Bytes text = header_of(&good);
    for (size_t i = 0; i < COUNT(around); i++) {
        Bytes header = { NULL, 0 };
        print(&header, "%s", around[i].before);
        append(&header, text.at, text.size);
        print(&header, "%s", around[i].after);
        check_header(around[i].outcome, header, good.data, around[i].name);
        free(header.at);
    }
    static const char *const alone[] = {
        "", " ", "{", "}", "{}", "[]", "[{}]", "null", "0", "\"\"", "\"", "{\"", "{\"\\",
        "{\"\\\"}", "{\"hidden_size\"", "{\"hidden_size\":", "{\"hidden_size\":{",
        "{\"hidden_size\":{}}",
        "{\"hidden_size\":null}", "{\"hidden_size\":{\"dtype\":\"",
        "{\"hidden_size\":{\"dtype\":\"U6", "{\"hidden_size\":{\"shape\":[",
        "{\"hidden_size\":{\"data_offsets\":[0,", "{\"__metadata__\":",
    };
    for (size_t i = 0; i < COUNT(alone); i++)
        check_header(REFUSED, (Bytes){ (char *)alone[i], strlen(alone[i]) }, good.data, alone[i]);

    const size_t points[] = { 0, 1, 5, text.size / 2, text.size - 1 };
    char name[100];
    for (size_t i = 0; i < COUNT(points); i++) { // one byte is another
        Bytes header = { NULL, 0 };
        append(&header, text.at, text.size);
        header.at[points[i]] = '\0';
        snprintf(name, sizeof name, "a NUL in the header, byte %zu of %zu", points[i], text.size);
        check_header(REFUSED, header, good.data, name);
        free(header.at);
        snprintf(name, sizeof name, "a header of %zu bytes cut to %zu", text.size, points[i]);
        check_header(REFUSED, (Bytes){ text.at, points[i] }, good.data, name);
    }
    free(text.at);
}

static void test_nesting(void) {
    static const char *const brackets[] = { "{", "[", "{\"a\":", "[{\"a\":" };
    enum { DEPTH = 100000 };
    for (size_t i = 0; i < COUNT(brackets); i++)
        for (int before = 0; before < 2; before++) {
            Bytes header = { NULL, 0 };
            if (before) print(&header, "{\"a\":");
            repeat(&header, brackets[i], DEPTH);
            check_header(REFUSED, header, good.data, "100,000 brackets");
            free(header.at);
        }
    Bytes nested = { NULL, 0 };
    print(&nested, "\"a\":");
    repeat(&nested, "[", DEPTH);
    repeat(&nested, "]", DEPTH);
    print(&nested, ",");
    Checkpoint k = copy_good();
    k.before = nested.at;
    check(EITHER, &k, "100,000 brackets that are closed again");
    free(nested.at);
}

// -------------------------------------------------------------------------------------------------
// What is the same checkpoint in other words

// The tensors' data in the order given, forwards or backwards, so many bytes apart.
static void rearrange(Checkpoint *k, bool backwards, size_t gap) {
    Bytes data = { NULL, 0 };
    for (size_t j = 0; j < k->n; j++) {
        Tensor *t = &k->at[backwards ? k->n - 1 - j : j];
        repeat(&data, "x", gap);
        count begin = data.size;
        append(&data, k->data.at + t->begin, t->end - t->begin);
        snprintf(t->place, sizeof t->place, "%llu,%llu", begin, (count)data.size);
    }
    free(k->data.at);
    k->data = data;
}

static void test_order(void) {
    static const char *const keys[] = { "dso", "dos", "sdo", "sod", "ods", "osd" };
    for (size_t i = 0; i < COUNT(keys); i++) {
        Checkpoint k = copy_good();
        k.keys = keys[i];
        check(LOADED, &k, "an entry's keys in the order %s", keys[i]);
    }
    for (int backwards = 0; backwards < 2; backwards++)
        for (size_t shift = 0; shift < good.n; shift += 5) {
            Checkpoint k = copy_good();
            for (size_t j = 0; j < k.n; j++) k.at[j] = good.at[(j + shift) % k.n];
            if (backwards)
                for (size_t j = 0; j < k.n; j++) k.at[j] = good.at[k.n - 1 - (j + shift) % k.n];
            Checkpoint other = k;
            other.data = copy_good().data;
            check(LOADED, &k, "header in another order, data not: %zu, %d", shift, backwards);
            rearrange(&other, shift % 2, 0);
            check(LOADED, &other, "header and data in another order: %zu, %d", shift, backwards);
        }
}

// The same numbers, kept in the other precision.
static void test_precision(void) {
    Checkpoint k = copy_good();
    Bytes data = { NULL, 0 };
    bool wider = false;
    for (Tensor *t = k.at; t < k.at + k.n; t++) {
        count begin = data.size;
        if (strcmp(t->dtype, "F32") == 0) {
            strcpy(t->dtype, "F64");
            wider = true;
            for (count j = 0; j < t->rows * t->cols; j++) {
                union { uint32_t bits; float f; } x = { get_bits(number(&k, t, j), 4) };
                char eight[8];
                set_real(eight, 8, x.f);
                append(&data, eight, 8);
            }
        } else
            append(&data, k.data.at + t->begin, t->end - t->begin);
        snprintf(t->place, sizeof t->place, "%llu,%llu", begin, (count)data.size);
    }
    free(k.data.at);
    k.data = data;
    if (!wider) { // it was double already
        free(data.at);
        return;
    }
    const Tensor *Wxh = find(&k, "Wxh");
    count first;
    sscanf(Wxh->place, "%llu", &first);
    Checkpoint high = k;
    high.data = (Bytes){ NULL, 0 };
    append(&high.data, data.at, data.size);
    check(NOTED, &k, "in double");
    set_real(high.data.at + first, 8, 1e39);
    check(REFUSED, &high, "in double, a number that is too high for a float");
}

// Blanks between all tokens.
static Bytes spread(Bytes header, const char *blank) {
    Bytes b = { NULL, 0 };
    bool quoted = false;
    for (const char *s = header.at; s < header.at + header.size; s++) {
        bool mark = !quoted && strchr("{}[]:,", *s);
        if (mark && s > header.at) append(&b, blank, strlen(blank));
        append(&b, s, 1);
        if (mark) append(&b, blank, strlen(blank));
        if (*s == '\\') append(&b, ++s, 1);
        else if (*s == '"') quoted = !quoted;
    }
    return b;
}

static void test_blanks(void) {
    static const char *const blanks[] = {
        " ", "\n", "\t", "\r\n", " \t\r\n  ", "\n                                        ",
    };
    char name[64];
    Checkpoint k = good;
    k.before = "\"__metadata__\":{\"a b\":\" \\\" { \",\"c\":\"\"},";
    Bytes text = header_of(&k);
    for (size_t i = 0; i < COUNT(blanks); i++) {
        Bytes header = spread(text, blanks[i]);
        snprintf(name, sizeof name, "blanks of kind %zu between all tokens", i);
        check_header(LOADED, header, good.data, name);
        free(header.at);
    }
    const size_t trailing[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 5000, 1000000 };
    for (size_t i = 0; i < COUNT(trailing); i++) {
        Bytes header = { NULL, 0 };
        append(&header, text.at, text.size);
        repeat(&header, " ", trailing[i]);
        snprintf(name, sizeof name, "%zu trailing spaces", trailing[i]);
        check_header(LOADED, header, good.data, name);
        free(header.at);
    }
    free(text.at);

    Bytes more = { NULL, 0 };
    append(&more, whole.at, whole.size);
    for (size_t n = 1; n <= 4096; n *= 8) {
        repeat(&more, "x", n);
        snprintf(name, sizeof name, "%zu bytes after the last tensor", more.size - whole.size);
        check_bytes(LOADED, more, name);
    }
    free(more.at);
}

static void test_metadata(void) {
    static const char *const strings[] = {
        "{}", "{\"format\":\"pt\"}", "{\"a\":\"\"}", "{\"\":\"\"}", "{\"a\":\"{\"}",
        "{\"a\":\"}\"}", "{\"a\":\"}}}]\"}", "{\"a\":\"[[[{{{\"}", "{\"a\":\"\\\"\"}",
        "{\"a\":\"\\\\\"}",
        "{\"a\":\"\\\\\\\"\"}", "{\"a\":\"\\\"}\"}", "{\"a\":\"Wxh\"}", "{\"Wxh\":\"Wxh\"}",
        "{\"Wxh\":\"{\"}", "{\"hidden_size\":\"7\",\"n\":\"0\"}",
        "{\"a\":\"\\\"Wxh\\\":{\\\"dtype\\\":\\\"F16\\\",\\\"shape\\\":[1]}\"}",
        "{\"a\":\"{\\\"Wxh\\\":{\",\"b\":\":{\"}", "{\"\\\"Wxh\\\":{\":\"\\\"Wxh\\\":{\"}",
        "{\"a\":\",\\\"rng\\\" : {\"}", "{\"a\":\"Wxh:{\"}", "{\"a\":\"\\u0022Wxh\\u0022:{\"}",
        "{\"a\":\"\\n\\t\\/\\b\"}", "{\"a\":\"\303\251\355\225\234\360\237\230\200\"}",
        "{\"dtype\":\"F16\",\"shape\":\"[1]\",\"data_offsets\":\"[0,1]\"}",
        "{\"a\\\"\":\"b\",\"\\\\\":\"\\\\\"}",
    };
    char first[512], last[512];
    for (size_t i = 0; i < COUNT(strings); i++) {
        snprintf(first, sizeof first, "\"__metadata__\":%s,", strings[i]);
        snprintf(last, sizeof last, ",\"__metadata__\":%s", strings[i]);
        Checkpoint k = copy_good();
        k.before = first;
        check(LOADED, &k, "__metadata__ %s, first", strings[i]);
        k = copy_good();
        k.after = last;
        check(LOADED, &k, "__metadata__ %s, last", strings[i]);
    }
    Bytes much = { NULL, 0 };
    print(&much, "\"__metadata__\":{\"a\":\"");
    repeat(&much, "it was the best of times ", 40000);
    print(&much, "\"},");
    Checkpoint k = copy_good();
    k.before = much.at;
    check(LOADED, &k, "a megabyte of __metadata__");
    free(much.at);
}

static void test_extra_tensors(void) {
    static const char *const names[] = {
        "x", "Wx", "xh", "Wxh2", "mmWxh", "lstm.Wxh", "Wxh:", "Wxh\\\\", "dtype", "shape",
        "data_offsets", "hidden", "a{b", "a}b", "a[b", "a]b", "\303\251", "\\\"", "\\\"Wxh",
        "Wxh\\\"",
        "a name of quite some length, longer than any that this program writes, which does not "
        "matter as it is not read, or it should not be; and it goes on for more than two lines, so "
        "that what has room for just one does not have room for it, nor does what has room for two "
        "of them: it takes three hundred bytes",
    };
    for (size_t i = 0; i < COUNT(names); i++)
        for (int first = 0; first < 2; first++) {
            Checkpoint k = copy_good();
            Tensor extra = { .dtype = "BF16", .shape = "2,3,1", .begin = k.data.size };
            snprintf(extra.name, sizeof extra.name, "%s", names[i]);
            append(&k.data, "0123456789ab", 12);
            extra.end = k.data.size;
            if (first) memmove(&k.at[1], k.at, k.n * sizeof(Tensor));
            k.at[first ? 0 : k.n] = extra;
            k.n++;
            rearrange(&k, false, 0);
            check(LOADED, &k, "an extra tensor, %s: %s", first ? "first" : "last", names[i]);
        }
    Checkpoint k = copy_good();
    k.after = ",\"scalar\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}";
    rearrange(&k, false, 1);
    check(LOADED, &k, "a byte before each tensor");
    k = copy_good();
    k.before = "\"nothing\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},";
    check(LOADED, &k, "an extra tensor of no numbers");
}

int main(int argc, char **argv) {
    if (argc != 4) give_up("usage: damage PROGRAM CHECKPOINT DIRECTORY");
    program = argv[1];
    original = argv[2];
    snprintf(path, sizeof path, "%s/damaged", argv[3]);
    snprintf(out_path, sizeof out_path, "%s/damage.out", argv[3]);
    snprintf(err_path, sizeof err_path, "%s/damage.err", argv[3]);
    take_apart();
    int signal_number, status = run_program(original, "40", &signal_number);
    sample = read_file(out_path);
    if (status != 0 || sample.size < 40) give_up("%s is not read: %d", original, status);
    check_path(LOADED, original, "the original");

    test_lengths();
    test_other_files(argv[3]);
    for (size_t i = 0; i < good.n; i++) {
        test_entry(i);
        test_shape(i);
        test_place(i);
    }
    test_wholes();
    test_chars();
    test_reals();
    test_headers();
    test_nesting();
    test_order();
    test_precision();
    test_blanks();
    test_metadata();
    test_extra_tensors();
    unlink(out_path);
    unlink(err_path);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
