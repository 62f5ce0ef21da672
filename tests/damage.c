/* Gives damaged checkpoints to the program. It has to refuse each in one sentence, with exit status
1, no crash and little memory. Some only look different, and have to give the original's sample; of
others it is enough that nothing bad happens. FAULTS=all tries more. It is called with the absolute
paths of the program, of a checkpoint (a vanilla RNN's, H = 5, T = 4, B = 3) and of a folder. */

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof *(array))
typedef unsigned long long count;
enum { TENSORS = 27, ROOM = 1 << 22, MEMORY = 200000000 };
typedef enum { REFUSED, LOADED, EITHER } Outcome;
typedef struct { char name[16], type[4]; count rows, cols, size; char *data; } Tensor;
typedef struct { char at[ROOM]; size_t size; } Bytes;

static size_t passed, failed;
static const char *program;
static count hole_to;
static Bytes whole, file, sample;         // the original; what is tried; what the original gives
static Tensor good[TENSORS], k[TENSORS];  // the original, taken apart; and with a change

static void read_file(Bytes *b, const char *name) {
    FILE *in = fopen(name, "rb");
    if (!in) exit(1);
    b->at[b->size = fread(b->at, 1, ROOM - 1, in)] = '\0';
    fclose(in);
}

static void put(char *to, uint64_t bits, size_t size) { // little-endian
    for (; size-- > 0; bits >>= 8) *to++ = bits & 0xFF;
}

static int run(const char *path, const char *length) { // the program; returns its exit status
    int status = -1;
    fflush(stdout);
    if (fork() == 0) {
        if (!getenv("SANITIZED")) setrlimit(RLIMIT_AS, &(struct rlimit){ MEMORY, MEMORY });
        dup2(open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
        dup2(open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
        alarm(60); // longer than any of this can take
        execl(program, program, "--load", path, "--sample", length, (char *)NULL);
        _exit(127);
    }
    wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Tries what is in file, with a hole behind it up to hole_to.
static void check(Outcome outcome, const char *what, count number) {
    static Bytes out, err;
    FILE *to = fopen("damaged", "wb");
    if (!to || fwrite(file.at, 1, file.size, to) != file.size || fflush(to) != 0) exit(1);
    const bool made = hole_to <= file.size || ftruncate(fileno(to), hole_to) == 0;
    fclose(to);
    if (!made) return; // this disk has no such holes
    const int status = run("damaged", outcome == LOADED ? "40" : "1");
    read_file(&out, "out");
    read_file(&err, "err");
    const char *said = *err.at == '=' ? strchr(err.at, '\n') + 1 : err.at; // behind a sanitizer's
    const bool one_line = strchr(said, '\n') == err.at + err.size - 1;     // remark about memory
    const bool names_it = strstr(said, ": damaged") == strchr(said, ':');
    const bool refused = status == 1 && out.size == 0 && one_line && names_it;
    const bool same = out.size == sample.size && !memcmp(out.at, sample.at, out.size);
    const bool loaded = status == 0 && err.size == 0 && (same || outcome == EITHER);
    const bool right = (refused && outcome != LOADED) || (loaded && outcome != REFUSED);
    *(right ? &passed : &failed) += 1;
    if (!right) printf("FAILED  %s %llu: status %d, %.300s\n", what, number, status, err.at);
}

// Makes k the file, with this in front of its tensors, and this behind them, and tries it. Returns
// the length that the header gives it; where that is much, the file gets only some of the numbers.
static count compose(Outcome outcome, const char *front, const char *end, const char *what, count number) {
    count place = 0;
    char *to = file.at + 8 + sprintf(file.at + 8, "{%s", front);
    for (const Tensor *t = k; t < k + TENSORS; t++) {
        const count begin = place;
        to += sprintf(to, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu,%llu],"
                      "\"data_offsets\":[%llu,%llu]}", t > k ? "," : "", t->name, t->type, t->rows,
                      t->cols, begin, place += t->rows * t->cols * t->size);
    }
    for (to += sprintf(to, "}%s", end); (to - file.at) % 8 != 0; ) *to++ = ' ';
    const count header = to - file.at;
    put(file.at, header - 8, 8);
    for (const Tensor *t = k; t < k + TENSORS && t->rows * t->cols < 5000; t++)
        for (size_t j = 0; j < t->rows * t->cols * t->size; j++) *to++ = t->data[j];
    file.size = to - file.at;
    memcpy(k, good, sizeof k);
    check(outcome, what, number);
    return header + place;
}

static void take_apart(void) {
    const char *s = whole.at + 8;
    int length = 0;
    for (Tensor *t = good; t < good + TENSORS; t++, s += length) {
        sscanf(s, "%*[{,]\"%15[^\"]\":{\"dtype\":\"%3[^\"]\",\"shape\":[%llu,%llu],"
               "\"data_offsets\":[%*u,%*u]}%n", t->name, t->type, &t->rows, &t->cols, &length);
        t->size = atoi(t->type + 1) / 8;
    }
    char *data = whole.at + (s - whole.at + 1 + 7) / 8 * 8;
    for (Tensor *t = good; t < good + TENSORS; data += t->rows * t->cols * t->size, t++)
        t->data = data;
    memcpy(k, good, sizeof k);
}

static void test_lengths(void) {
    const size_t header = good[0].data - whole.at, stride = getenv("FAULTS") ? 1 : 13;
    memcpy(file.at, whole.at, whole.size + 8000); // zeros behind it
    for (file.size = 0; file.size < 20; file.size++) check(REFUSED, "cut to", file.size);
    for (size_t i = 1; i <= TENSORS; i++) {
        const size_t start = good[i - 1].data - whole.at;
        const size_t n[] = { header - i, start - 1, start, whole.size - i, whole.size + i * 99 };
        for (int j = 0; j < 5; j++) file.size = n[j], check(REFUSED, "length", n[j]);
    }
    const count lengths[] = { 0, 1, header - 16, header - 9, header - 7, header, whole.size,
                              1ull << 31, 1ull << 32 | (header - 8), 1ull << 63, -8, -1 };
    file.size = whole.size;
    for (size_t i = 0; i < COUNT(lengths); i++)
        put(file.at, lengths[i], 8), check(REFUSED, "length of the header:", lengths[i]);
    for (size_t i = 0; i < whole.size; i += i < 16 ? 1 : i < header ? stride : 3 * stride) {
        memcpy(file.at, whole.at, whole.size);
        file.at[i] ^= 1 << i % 7;
        check(i < header ? REFUSED : EITHER, "a bit changed in byte", i);
    }
}

// Numbers out of range, sizes that the header does not have, and files for which there is no memory.
static void test_numbers(void) {
    static const struct { Outcome outcome; const char *name; count i, n, to[8]; } rows[] = {
        { REFUSED, "hidden_size", 0, 6, { 0, 6, 20000, 23168, 1000000, 1ull << 32 | 5 } },
        { REFUSED, "batch_size", 0, 3, { 0, 65535, -1 } },
        { REFUSED, "vocab_size", 0, 5, { 0, 1, 65535, 65536, -1 } },
        { REFUSED, "seq_length", 0, 2, { 0, 65536 } },
        { REFUSED, "cell", 0, 3, { 0, 2, 4 } }, { REFUSED, "layers", 0, 4, { 0, 2, 9, -1 } },
        { REFUSED, "optimizer", 0, 3, { 0, 2, 3 } }, { REFUSED, "bytes", 0, 2, { 2, -1 } },
        { REFUSED, "chars", 1, 3, { 0x110000, 0x80000000, -1 } },
        { REFUSED, "rng", 624, 2, { 625, -1 } }, { LOADED, "rng", 624, 1, { 624 } },
        { LOADED, "n", 0, 2, { 1000000000000000, -1 } }, { LOADED, "p", 0, 2, { INT64_MAX, -1 } },
        { LOADED, "seq_length", 0, 1, { 65535 } }, { LOADED, "val_loss", 0, 1, { -1 } }, // NaN
        { EITHER, "chars", 1, 2, { 10, 0xD800 } }, { EITHER, "bytes", 0, 1, { 1 } },
        { EITHER, "Why", 0, 1, { -1 } }, { EITHER, "Whh", 0, 1, { -1 } },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j < rows[i].n; j++) {
            const count to = rows[i].to[j];
            Tensor *t = k;
            while (strcmp(t->name, rows[i].name)) t++;
            memcpy(file.at, whole.at, file.size = whole.size);
            put(file.at + (t->data - whole.at) + rows[i].i * t->size, to, t->size);
            check(rows[i].outcome, t->name, to);
            if (i > 0 || to < 7) continue;
            put(t->data = (char[8]){ 0 }, to, 8);
            for (t = k; t < k + TENSORS; t++) {
                if (t->rows == 5) t->rows = to;
                if (t->cols == 5) t->cols = to;
            }
            hole_to = compose(REFUSED, "", "", "short, with a hidden_size of", to);
            if (to < 30000 && !getenv("SANITIZED")) check(REFUSED, "long, with a hidden_size", to);
            hole_to = 0;
        }
    const size_t header = good[0].data - whole.at;
    memcpy(file.at, whole.at, file.size = whole.size);
    put(file.at + header, 65535, 8);        // batch_size is the first number,
    put(file.at + header + 4 * 8, 1000, 8); // hidden_size the fifth
    hole_to = 1000000;
    check(REFUSED, "states for which the file is too short", 0);
    hole_to = 0;
}

static void test_headers(void) {
    for (size_t i = 0; i < TENSORS; i++) {
        strcpy(k[i].type, i % 2 ? "U64" : "F16");
        compose(REFUSED, "", "", "type", i);
        k[i].rows = good[i].cols, k[i].cols = good[i].rows;
        if (k[i].rows != k[i].cols) compose(REFUSED, "", "", "shape", i);
    }
    compose(LOADED, "\"__metadata__\":{\"a\":\"}}]{[\\\"\\\\\"},", "", "__metadata__", 0);
    compose(LOADED, "", "        ", "blanks behind", 8);
    compose(REFUSED, "", "       x", "more than blanks behind", 8);
    compose(REFUSED, "\"other\":{},", "", "other things in front", 1);
}

int main(int argc, char **argv) {
    if (argc != 4 || chdir(argv[3]) != 0) return 2;
    program = argv[1];
    read_file(&whole, argv[2]);
    run(argv[2], "40");
    read_file(&sample, "out");
    take_apart();
    compose(LOADED, "", "", "the original", 0);
    if (file.size != whole.size || memcmp(file.at, whole.at, file.size) || sample.size < 40)
        printf("FAILED  the library would write another file\n"), failed++;
    test_lengths();
    test_numbers();
    test_headers();
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
