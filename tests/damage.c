/* Checkpoints that are damaged, each given to the program as a file and through a pipe: it has to
refuse them with one sentence and exit status 1, and never with a crash. And some that only look
different, which have to give the sample that the original gives. The original itself has to be what
the safetensors library would write. A line for each that fails, then how many passed and failed.

usage: damage PROGRAM CHECKPOINT DIRECTORY    a vanilla RNN's, of H = 5, T = 4, B = 3; the directory
                                              is for files, which are taken away again */

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof *(a))
typedef unsigned long long count;
typedef enum { REFUSED, LOADED, EITHER } Outcome;
enum { MOST = 40, ROOM = 1 << 22 };

typedef struct { char name[16], type[4]; count rows, cols, size; char *data; } Tensor;
typedef struct { Tensor at[MOST]; size_t n; } Model;
typedef struct { char at[ROOM]; size_t size; } Bytes;

static size_t passed, failed;
static const char *program, *says = ""; // what a refusal has to say
static char path[4096], out_path[4096], err_path[4096];
static Bytes whole, file, sample; // the original; what is given to the program; what the original gives
static Model good;

static void read_file(Bytes *b, const char *name) {
    FILE *in = fopen(name, "rb");
    b->size = in ? fread(b->at, 1, ROOM - 1, in) : 0;
    b->at[b->size] = '\0';
    if (in) fclose(in);
}

// Little-endian, as everything in the file is.
static void put(char *to, uint64_t bits, size_t size) {
    for (; size-- > 0; bits >>= 8) *to++ = bits & 0xFF;
}
static uint64_t get(const char *at, size_t size) {
    uint64_t bits = 0;
    while (size-- > 0) bits = bits << 8 | (unsigned char)at[size];
    return bits;
}

// Runs the program on the file, or on its bytes through a pipe. Returns its exit status, or -1.
static int run(bool piped, const char *length) {
    int ends[2] = { -1, -1 };
    fflush(stdout);
    if (piped && pipe(ends) != 0) exit(1);
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit most = { 2000000000, 2000000000 }; // bytes of memory, of which no test
        if (!getenv("SANITIZED")) setrlimit(RLIMIT_AS, &most); // needs much to be refused
        dup2(piped ? ends[0] : open("/dev/null", O_RDONLY), 0);
        if (piped) close(ends[1]);
        dup2(open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
        dup2(open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
        alarm(60); // longer than any of this can take
        execl(program, program, "--load", piped ? "/dev/stdin" : path, "--sample", length, (char *)NULL);
        _exit(127);
    }
    if (piped) {
        close(ends[0]);
        for (size_t done = 0; done < file.size; ) {
            const ssize_t now = write(ends[1], file.at + done, file.size - done);
            if (now <= 0) break; // it has seen enough
            done += now;
        }
        close(ends[1]);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_once(Outcome outcome, const char *what, count number, bool piped) {
    static Bytes out, err;
    const int status = run(piped, outcome == LOADED ? "40" : "1");
    read_file(&out, out_path), read_file(&err, err_path);
    char prefix[4200];
    snprintf(prefix, sizeof prefix, "min_char_rnn: %s", piped ? "/dev/stdin" : path);
    const bool sentence = strncmp(err.at, prefix, strlen(prefix)) == 0 && strstr(err.at, says) &&
                          strchr(err.at, '\n') == err.at + err.size - 1;
    const bool refused = status == 1 && out.size == 0 && sentence;
    bool loaded = status == 0 && out.size > 0 && err.size == 0;
    if (outcome == LOADED)
        loaded = loaded && out.size == sample.size && memcmp(out.at, sample.at, out.size) == 0;
    const bool right = (refused && outcome != LOADED) || (loaded && outcome != REFUSED);
    *(right ? &passed : &failed) += 1;
    if (!right)
        printf("FAILED  %s %llu%s: exit status %d, %zu bytes of sample, saying: %.300s\n", what, number,
               piped ? ", through a pipe" : "", status, out.size, err.at);
}

// Gives the program what is in file, with a hole behind it up to a length.
static void check_long(Outcome outcome, const char *what, count number, count length) {
    FILE *to = fopen(path, "wb");
    if (!to || fwrite(file.at, 1, file.size, to) != file.size || fflush(to) != 0) exit(1);
    if (length > file.size && ftruncate(fileno(to), length) != 0) length = 0; // no such files here
    fclose(to);
    if (length >= file.size) check_once(outcome, what, number, false);
    if (length == file.size) check_once(outcome, what, number, true);
    unlink(path);
}
static void check(Outcome outcome, const char *what, count number) {
    check_long(outcome, what, number, file.size);
}

// ---- what the library writes

static int in_order(const void *a, const void *b) { // the largest type first, then by name
    static const char order[] = "I64 F64 F32 I32";
    const Tensor *x = a, *y = b;
    const char *place = strstr(order, x->type), *other = strstr(order, y->type);
    return place != other ? (place > other) - (place < other) : strcmp(x->name, y->name);
}

// Puts a model into file: with this in front of its tensors, and after its header. Returns how long
// it is by its header, which may be longer than it is.
static count compose(const Model *k, const char *before, const char *after) {
    count place = 0;
    char *to = file.at + 8 + sprintf(file.at + 8, "{%s", before);
    for (const Tensor *t = k->at; t < k->at + k->n; t++) {
        const count end = place + t->rows * t->cols * t->size;
        to += sprintf(to, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu,%llu],\"data_offsets\":[%llu,%llu]}",
                      t > k->at ? "," : "", t->name, t->type, t->rows, t->cols, place, end);
        place = end;
    }
    to += sprintf(to, "}%s", after);
    while ((to - file.at) % 8 != 0) *to++ = ' ';
    put(file.at, to - file.at - 8, 8);
    for (const Tensor *t = k->at; t < k->at + k->n; t++) {
        const size_t size = t->rows * t->cols * t->size;
        if (size > 100000 || to + size > file.at + ROOM) break;
        memcpy(to, t->data, size), to += size;
    }
    file.size = to - file.at;
    return 8 + get(file.at, 8) + place;
}

static void take_apart(const char *name) { // the original, which is as the program writes it
    read_file(&whole, name);
    char *data = whole.at + 8 + get(whole.at, 8);
    int length;
    for (const char *s = whole.at + 9; good.n < MOST; s += length + 1) {
        Tensor *t = &good.at[good.n];
        length = 0;
        if (sscanf(s, "\"%15[^\"]\":{\"dtype\":\"%3[^\"]\",\"shape\":[%llu,%llu],"
                   "\"data_offsets\":[%*u,%*u]}%n", t->name, t->type, &t->rows, &t->cols, &length) != 4 ||
            length == 0) break;
        t->size = atoi(t->type + 1) / 8, t->data = data;
        data += t->rows * t->cols * t->size;
        good.n++;
    }
    Model sorted = good;
    qsort(sorted.at, sorted.n, sizeof *sorted.at, in_order);
    compose(&sorted, "", "");
    const bool same = file.size == whole.size && memcmp(file.at, whole.at, file.size) == 0;
    *(same && good.n == 29 ? &passed : &failed) += 1;
    if (!same || good.n != 29) printf("FAILED  %s is not what the library writes\n", name);
}

static Tensor *find(Model *k, const char *name) {
    for (Tensor *t = k->at; t < k->at + k->n; t++) if (!strcmp(t->name, name)) return t;
    printf("no %s\n0 passed, 1 failed\n", name);
    exit(1);
}

// Puts the original into file, with one of its numbers changed.
static void change(const char *name, count i, uint64_t bits) {
    const Tensor *t = find(&good, name);
    memcpy(file.at, whole.at, file.size = whole.size);
    put(file.at + (t->data - whole.at) + i * t->size, bits, t->size);
}

// ---- what may be wrong

static void test_lengths(void) {
    size_t points[MOST + 40], n = 0, header = get(whole.at, 8);
    for (size_t i = 0; i <= 16; i++) points[n++] = i;
    for (size_t i = 0; i < 3; i++) points[n++] = 8 + header - i, points[n++] = header / (i + 2);
    for (size_t i = 0; i < good.n; i++) points[n++] = good.at[i].data - whole.at + 1;
    points[n++] = whole.size - 1, points[n++] = whole.size - 4, points[n++] = whole.size - 8;
    memcpy(file.at, whole.at, whole.size);
    for (size_t i = 0; i < n; i++) file.size = points[i], check(REFUSED, "cut short to", points[i]);
    memset(file.at + whole.size, 0, 5000);
    for (size_t more = 1; more < 5000; more *= 8)
        file.size = whole.size + more, check(REFUSED, "longer by", more);
    const count lengths[] = { 0, 1, 2, header - 8, header - 1, header + 1, header + 8, whole.size - 8,
                              1 << 20, (1 << 20) + 1, 1ull << 31, 1ull << 32, (1ull << 32) + header,
                              1ull << 63, (1ull << 63) + header, UINT64_MAX, UINT64_MAX - 7 };
    file.size = whole.size;
    for (size_t i = 0; i < COUNT(lengths); i++)
        put(file.at, lengths[i], 8), check(REFUSED, "length of the header:", lengths[i]);
    // Each byte of it, and of the numbers; with a sanitizer, some.
    const size_t stride = getenv("SANITIZED") ? 41 : 1;
    for (size_t i = 0; i < whole.size; i += i < 8 + header ? stride : 7 * stride) {
        memcpy(file.at, whole.at, whole.size);
        file.at[i] ^= 1 << i % 8;
        FILE *to = fopen(path, "wb");
        fwrite(file.at, 1, file.size, to), fclose(to);
        check_once(i < 8 + header ? REFUSED : EITHER, "a bit changed in byte", i, false);
    }
}

// Sizes: as numbers only, and in shapes and places, too, so that only the file's length is wrong, or
// not even that.
static void test_sizes(void) {
    static const struct { const char *name; count was, to; } sizes[] = {
        { "hidden_size", 5, 0 }, { "hidden_size", 5, 6 }, { "hidden_size", 5, 20000 },
        { "hidden_size", 5, 23168 }, // 4 GiB and a little, which 32 bits do not hold
        { "hidden_size", 5, 1000000 }, { "hidden_size", 5, 1000001 }, { "hidden_size", 5, 1ull << 32 | 5 },
        { "batch_size", 3, 0 }, { "batch_size", 3, 65535 }, { "batch_size", 3, 65536 },
        { "batch_size", 3, 1ull << 63 }, { "vocab_size", 0, 0 }, { "vocab_size", 0, 1 },
        { "vocab_size", 0, 65535 }, { "vocab_size", 0, 65536 }, { "vocab_size", 0, UINT64_MAX },
        { "seq_length", 4, 0 }, { "seq_length", 4, 65536 }, { "seq_length", 4, 1ull << 32 | 4 },
        { "cell", 1, 0 }, { "cell", 1, 4 }, { "cell", 1, 2 }, { "layers", 1, 0 }, { "layers", 1, 2 },
        { "layers", 1, 9 }, { "layers", 1, UINT64_MAX }, { "optimizer", 1, 0 }, { "optimizer", 1, 2 },
        { "optimizer", 1, 3 }, { "bytes", 0, 2 }, { "bytes", 0, UINT64_MAX }, { "n", 0, 1ull << 63 },
        { "n", 0, 1000000000000001 }, { "n", 0, UINT64_MAX }, { "p", 0, 1ull << 63 }, { "p", 0, UINT64_MAX },
    };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const char *name = sizes[i].name;
        change(name, 0, sizes[i].to);
        check(REFUSED, name, sizes[i].to);
        if (strcmp(name + strlen(name) - 4, "size") != 0) continue;
        const count was = sizes[i].was ? sizes[i].was : find(&good, "chars")->rows, to = sizes[i].to;
        Model k = good;
        for (Tensor *t = k.at; t < k.at + k.n; t++) {
            if (t->rows == was) t->rows = to;
            if (t->cols == was) t->cols = to;
        }
        char eight[8];
        put(eight, to, 8);
        find(&k, name)->data = eight;
        const count length = compose(&k, "", "");
        if (to > was) check(REFUSED, "short, with that size everywhere:", to);
        says = to == 20000 || to == 23168 ? "memory" : "";
        if (length < 1ull << 40 && to > 6 && !getenv("SANITIZED"))
            check_long(REFUSED, "long, with that size everywhere:", to, length);
        says = "";
    }
    static const struct { const char *name; count value; } fine[] = {
        { "n", 1000000000000000 }, { "p", INT64_MAX }, { "epoch", INT64_MAX }, { "seed", 1ull << 63 },
        { "text", UINT64_MAX }, { "seq_length", 65535 },
    };
    for (size_t i = 0; i < COUNT(fine); i++)
        change(fine[i].name, 0, fine[i].value), check(LOADED, fine[i].name, fine[i].value);
}

static void test_numbers(void) {
    static const uint64_t bits64[] = { 0x7FF0ull << 48, 0xFFF0ull << 48, 0x7FF8ull << 48, 0x7FF0000000000001 };
    static const uint64_t bits32[] = { 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001 };
    for (const Tensor *t = good.at; t < good.at + good.n; t++)
        for (size_t i = 0; i < (*t->type == 'F' ? 4 : 0); i++) {
            change(t->name, i % 2 ? t->rows * t->cols - 1 : 0, t->size == 8 ? bits64[i] : bits32[i]);
            says = t->name, check(REFUSED, t->name, i), says = "";
        }
    const count V = find(&good, "chars")->rows;
    const uint64_t first = get(find(&good, "chars")->data, 4);
    const uint64_t wrong[] = { 0x110000, 0x80000000, 0xFFFFFFFF, first };
    says = "chars";
    for (size_t i = 0; i < COUNT(wrong); i++) {
        change("chars", V - 1, wrong[i]), check(REFUSED, "last of the characters:", wrong[i]);
        change("chars", 1, wrong[i]), check(REFUSED, "second of the characters:", wrong[i]);
    }
    says = "rng";
    change("rng", 624, 625), check(REFUSED, "random numbers used:", 625);
    change("rng", 624, UINT32_MAX), check(REFUSED, "random numbers used:", UINT32_MAX);
    says = "";
    change("rng", 624, 624), check(LOADED, "random numbers used:", 624);
}

static void test_headers(void) {
    static const char *const types[] = { "I64", "U64", "F64", "F32", "I32", "U32" };
    for (size_t i = 0; i < good.n; i++) {
        Model k = good;
        for (size_t j = 0; j < COUNT(types); j++) {
            if (strcmp(types[j], good.at[i].type) == 0) continue;
            strcpy(k.at[i].type, types[j]); // its data stays as long as it is
            compose(&k, "", ""), check(REFUSED, k.at[i].name, j);
        }
        k = good, k.at[i].rows = good.at[i].cols, k.at[i].cols = good.at[i].rows;
        if (k.at[i].rows != k.at[i].cols) compose(&k, "", ""), check(REFUSED, "a shape turned round:", i);
        k = good, k.at[i] = good.at[(i + 1) % k.n], k.at[(i + 1) % k.n] = good.at[i];
        compose(&k, "", ""), check(REFUSED, "in another order:", i);
        k = good, memmove(&k.at[i], &k.at[i + 1], (--k.n - i) * sizeof(Tensor));
        compose(&k, "", ""), check(REFUSED, "one that is missing:", i);
        k = good, k.at[k.n++] = k.at[i];
        compose(&k, "", ""), check(REFUSED, "one that is there twice:", i);
    }
    static const char *const metadata[] = {
        "{}", "{\"format\":\"pt\"}", "{\"a\":\"}}]{[\\\"\\\\\"}", "{\"batch_size\":\"1\",\"b\":\"\303\251\"}",
    };
    char before[200];
    for (size_t i = 0; i < COUNT(metadata); i++) {
        sprintf(before, "\"__metadata__\":%s,", metadata[i]);
        compose(&good, before, ""), check(LOADED, "__metadata__ of kind", i);
    }
    static char long_one[2000000] = "\"__metadata__\":{\"a\":\"";
    for (size_t size = 1000000; size <= 1500000; size += 500000) { // a header is 1 MiB at the most
        memset(long_one + 21, 'x', size), strcpy(long_one + 21 + size, "\"},");
        compose(&good, long_one, ""), check(size > 1000000 ? REFUSED : LOADED, "__metadata__ of", size);
    }
    compose(&good, "", "        "), check(LOADED, "spaces at the end of the header:", 8);
    compose(&good, "", "       x"), check(REFUSED, "something at the end of the header:", 8);
    compose(&good, "\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},", "");
    check(REFUSED, "a tensor that is not ours", 0);
    compose(&good, " ", ""), check(REFUSED, "a space in the header", 0);
    strcpy(file.at + 8, "{\"hidden_size\":{\"dtype\":\"U64\""); // as the first edition began
    says = "first edition", check(REFUSED, "a model of the first edition", 0), says = "";
}

int main(int argc, char **argv) {
    if (argc != 4) return printf("usage: damage PROGRAM CHECKPOINT DIRECTORY\n"), 2;
    program = argv[1];
    snprintf(path, sizeof path, "%s/damaged", argv[3]);
    snprintf(out_path, sizeof out_path, "%s/damage.out", argv[3]);
    snprintf(err_path, sizeof err_path, "%s/damage.err", argv[3]);
    signal(SIGPIPE, SIG_IGN);
    take_apart(argv[2]);
    memcpy(file.at, whole.at, file.size = whole.size);
    FILE *to = fopen(path, "wb");
    if (!to || fwrite(file.at, 1, file.size, to) != file.size || fclose(to) != 0) return 1;
    run(false, "40");
    read_file(&sample, out_path);
    check(sample.size < 40 ? REFUSED : LOADED, "the original", 0);
    test_lengths();
    test_sizes();
    test_numbers();
    test_headers();
    unlink(path), unlink(out_path), unlink(err_path);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
