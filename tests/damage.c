/* Damaged checkpoints, each given to the program as a file and through a pipe: it has to refuse it
with one sentence and exit status 1, and never with a crash. Some only look different, and have to
give the sample that the original gives. The original has to be what the safetensors library would
write. A line for each that fails, then how many passed and failed. FAULTS=all tries more.

usage: damage PROGRAM CHECKPOINT DIRECTORY    a vanilla RNN's, of H = 5, T = 4, B = 3; the directory
                                              is for files, which are taken away again */

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
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
enum { TENSORS = 29, ROOM = 1 << 22 };

typedef struct { char name[16], type[4]; count rows, cols, size; char *data; } Tensor;
typedef struct { Tensor at[TENSORS + 1]; size_t n; } Model;
typedef struct { char at[ROOM]; size_t size; } Bytes;

static size_t passed, failed;
static const char *program, *says = ""; // what the refusal of a file has to say
static char path[4096], out_path[4096], err_path[4096];
static Bytes whole, file, sample; // the original, what is tried, what the original gives
static Model good, k;             // the original, taken apart; and with a change

static void read_file(Bytes *b, const char *name) {
    FILE *in = fopen(name, "rb");
    b->size = in ? fread(b->at, 1, ROOM - 1, in) : 0;
    b->at[b->size] = '\0';
    if (in) fclose(in);
}

static void put(char *to, uint64_t bits, size_t size) { // little-endian
    for (; size-- > 0; bits >>= 8) *to++ = bits & 0xFF;
}
static uint64_t get(const char *at, size_t size) {
    return size == 0 ? 0 : (unsigned char)*at | get(at + 1, size - 1) << 8;
}

// Runs the program on the file at path, or on its bytes through a pipe. Returns its exit status.
static int run(bool piped, const char *length) {
    int ends[2] = { -1, -1 }, status = -1;
    const char *name = piped ? "/dev/stdin" : path;
    fflush(stdout);
    if (piped && pipe(ends) != 0) return -1;
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit most = { 2000000000, 2000000000 }; // bytes of memory: more is refused
        if (!getenv("SANITIZED")) setrlimit(RLIMIT_AS, &most);
        dup2(piped ? ends[0] : open("/dev/null", O_RDONLY), 0);
        if (piped) close(ends[1]);
        dup2(open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
        dup2(open(err_path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
        alarm(60); // longer than any of this can take
        execl(program, program, "--load", name, "--sample", length, (char *)NULL);
        _exit(127);
    }
    ssize_t now = piped;
    if (piped) close(ends[0]);
    for (size_t done = 0; done < file.size && now > 0; done += now) // 0: it has seen enough
        now = write(ends[1], file.at + done, file.size - done);
    if (piped) close(ends[1]);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_once(Outcome outcome, const char *what, count number, bool piped) {
    static Bytes out, err;
    char start[4200];
    const int status = run(piped, outcome == LOADED ? "40" : "1");
    read_file(&out, out_path), read_file(&err, err_path);
    snprintf(start, sizeof start, "min_char_rnn: %s: ", piped ? "/dev/stdin" : path);
    const char *said = *err.at == '=' ? strchr(err.at, '\n') + 1 : err.at; // behind a sanitizer's
    const bool one_line = strchr(said, '\n') == err.at + err.size - 1;   // remark about memory
    const bool says_it = !strncmp(said, start, strlen(start)) && (piped || strstr(said, says));
    const bool refused = status == 1 && out.size == 0 && one_line && says_it;
    const bool same = out.size == sample.size && !memcmp(out.at, sample.at, out.size);
    const bool loaded = status == 0 && err.size == 0 && (same || outcome == EITHER);
    const bool right = (refused && outcome != LOADED) || (loaded && outcome != REFUSED);
    *(right ? &passed : &failed) += 1;
    if (!right)
        printf("FAILED  %s %llu%s: exit status %d, %zu bytes of sample, saying: %.300s\n", what,
               number, piped ? ", through a pipe" : "", status, out.size, err.at);
}

// Tries what is in file: as a file, with a hole up to that length; and some through a pipe.
static void check_long(Outcome outcome, const char *what, count number, count length) {
    const bool longer = length > file.size;
    FILE *to = fopen(path, "wb");
    if (!to || fwrite(file.at, 1, file.size, to) != file.size || fflush(to) != 0) exit(1);
    const bool made = !longer || ftruncate(fileno(to), length) == 0; // or disks have no such holes
    fclose(to);
    if (made) check_once(outcome, what, number, false);
    if (!longer && (passed % 4 == 0 || getenv("FAULTS"))) check_once(outcome, what, number, true);
    unlink(path);
}
static void check(Outcome outcome, const char *what, count number) {
    check_long(outcome, what, number, 0);
}

// ---- what the library writes

static int in_order(const void *a, const void *b) { // the largest type first, then by name
    static const char order[] = "I64 F64 F32 I32";
    const Tensor *x = a, *y = b;
    const ptrdiff_t apart = strstr(order, x->type) - strstr(order, y->type);
    return apart ? (apart > 0) - (apart < 0) : strcmp(x->name, y->name);
}

// Makes k the file, with this in front of its tensors and behind its header. Returns the length
// that the header gives the file; where that is too much, it gets only some of the numbers.
static count compose(const char *front, const char *behind) {
    count place = 0;
    char *to = file.at + 8 + sprintf(file.at + 8, "{%s", front);
    for (const Tensor *t = k.at; t < k.at + k.n; t++) {
        to += sprintf(to, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu,%llu],",
                      t > k.at ? "," : "", t->name, t->type, t->rows, t->cols);
        to += sprintf(to, "\"data_offsets\":[%llu,", place);
        to += sprintf(to, "%llu]}", place += t->rows * t->cols * t->size);
    }
    to += sprintf(to, "}%s", behind);
    while ((to - file.at) % 8 != 0) *to++ = ' ';
    put(file.at, to - file.at - 8, 8);
    for (const Tensor *t = k.at; t < k.at + k.n && t->rows * t->cols < 5000; t++) {
        memcpy(to, t->data, t->rows * t->cols * t->size);
        to += t->rows * t->cols * t->size;
    }
    file.size = to - file.at;
    return 8 + get(file.at, 8) + place;
}
static void compose_and_check(Outcome outcome, const char *front, const char *behind,
                              const char *what, count number) {
    compose(front, behind);
    check(outcome, what, number);
    k = good;
}

static void take_apart(const char *name) {
    read_file(&whole, name);
    char *data = whole.at + 8 + get(whole.at, 8);
    int length = 0;
    for (const char *s = whole.at + 9; good.n < TENSORS; s += length + 1) {
        Tensor *t = &good.at[good.n];
        sscanf(s, "\"%15[^\"]\":{\"dtype\":\"%3[^\"]\",\"shape\":[%llu,%llu],"
               "\"data_offsets\":[%*u,%*u]}%n", t->name, t->type, &t->rows, &t->cols, &length);
        if (length == 0) break;
        t->size = atoi(t->type + 1) / 8, t->data = data;
        data += t->rows * t->cols * t->size;
        good.n++;
    }
    k = good;
    qsort(k.at, k.n, sizeof *k.at, in_order);
    compose("", "");
    const bool same = file.size == whole.size && !memcmp(file.at, whole.at, file.size);
    *(same && good.n == TENSORS ? &passed : &failed) += 1;
    if (!same || good.n != TENSORS) printf("FAILED  %s: not what the library writes\n", name);
    k = good;
}

static Tensor *find(const char *name) {
    for (Tensor *t = k.at; t < k.at + k.n; t++) if (!strcmp(t->name, name)) return t;
    printf("no %s\n0 passed, 1 failed\n", name);
    exit(1);
}

static void change(const char *name, count i, uint64_t bits) { // a number of the original
    const Tensor *t = find(name);
    memcpy(file.at, whole.at, file.size = whole.size);
    put(file.at + (t->data - whole.at) + i * t->size, bits, t->size);
}

// ---- what may be wrong

static void test_lengths(void) {
    const size_t header = get(whole.at, 8);
    const size_t stride = getenv("FAULTS") ? 1 : getenv("SANITIZED") ? 41 : 5;
    memcpy(file.at, whole.at, whole.size);
    memset(file.at + whole.size, 0, 5000);
    for (size_t i = 0; i < 20; i++) file.size = i, check(REFUSED, "cut short to", i);
    for (size_t i = 1; i <= 8; i++) {
        file.size = header + i, check(REFUSED, "cut short to", file.size);
        file.size = whole.size - i, check(REFUSED, "cut short to", file.size);
        file.size = whole.size + i * i * i * 9, check(REFUSED, "longer by", i * i * i * 9);
    }
    for (size_t i = 0; i < good.n; i++)
        file.size = good.at[i].data - whole.at + i % 2, check(REFUSED, "cut short to", file.size);
    const count lengths[] = { 0, 1, 2, header - 8, header - 1, header + 1, header + 8, whole.size,
                              1 << 20, 1ull << 31, 1ull << 32 | header, 1ull << 63 | header, -8 };
    file.size = whole.size;
    for (size_t i = 0; i < COUNT(lengths); i++)
        put(file.at, lengths[i], 8), check(REFUSED, "length of the header:", lengths[i]);
    for (size_t i = 0; i < whole.size; i += i < 16 ? 1 : i < 8 + header ? stride : 7 * stride) {
        memcpy(file.at, whole.at, whole.size);
        file.at[i] ^= 1 << i % 7;
        check(i < 8 + header ? REFUSED : EITHER, "a bit changed in byte", i);
    }
}

// Sizes out of range; sizes that are others than the header's; headers that agree with them, but
// not with the file's length; and files that are as long as that, and more than memory holds.
static void test_sizes(void) {
    static const struct { const char *name; count to; } sizes[] = {
        { "hidden_size", 0 }, { "hidden_size", 6 }, { "hidden_size", 1000000 },
        { "hidden_size", 1000001 }, { "hidden_size", 1ull << 32 | 5 }, { "hidden_size", 20000 },
        { "hidden_size", 23168 }, // 4 GB and a little: in 32 bits, a little
        { "batch_size", 0 }, { "batch_size", 65535 }, { "batch_size", 65536 }, { "batch_size", -1 },
        { "vocab_size", 0 }, { "vocab_size", 1 }, { "vocab_size", 65535 }, { "vocab_size", 65536 },
        { "seq_length", 0 }, { "seq_length", 65536 }, { "seq_length", 1ull << 32 | 4 },
        { "cell", 0 }, { "cell", 2 }, { "cell", 4 }, { "layers", 0 }, { "layers", 2 },
        { "layers", 9 }, { "layers", -1 }, { "optimizer", 0 }, { "optimizer", 2 },
        { "optimizer", 3 }, { "bytes", 2 }, { "bytes", -1 }, { "n", 1000000000000001 },
        { "n", -1 }, { "p", 1ull << 63 }, { "p", -1 },
    };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const count to = sizes[i].to;
        const char *name = sizes[i].name;
        change(name, 0, to), check(REFUSED, name, to);
        if (strcmp(name + strlen(name) - 4, "size") || to < 7) continue;
        const count was = *name == 'v' ? find("chars")->rows : get(find(name)->data, 8);
        char eight[8];
        put(eight, to, 8);
        find(name)->data = eight;
        for (Tensor *t = k.at; t < k.at + k.n; t++) {
            if (t->rows == was) t->rows = to;
            if (t->cols == was) t->cols = to;
        }
        const count length = compose("", "");
        says = to <= 1000000 && to != 65536 ? "length" : ""; // and not: no memory
        check(REFUSED, "short, with a size:", to);
        says = to == 20000 || to == 23168 ? "memory" : "";
        if (to < 30000 && !getenv("SANITIZED"))
            check_long(REFUSED, "long, with a size:", to, length);
        says = "", k = good;
    }
    static const struct { const char *name; count to; } fine[] = {
        { "n", 1000000000000000 }, { "p", INT64_MAX }, { "epoch", INT64_MAX }, { "text", -1 },
        { "seed", 1ull << 63 }, { "seq_length", 65535 },
    };
    for (size_t i = 0; i < COUNT(fine); i++)
        change(fine[i].name, 0, fine[i].to), check(LOADED, fine[i].name, fine[i].to);
}

static void test_numbers(void) {
    static const uint64_t infinite[] = { 0x7FF0, 0xFFF0, 0x7FF8 }; // as doubles begin
    for (const Tensor *t = good.at; t < good.at + good.n; t++)
        for (size_t i = 0; i < (*t->type == 'F' ? COUNT(infinite) : 0); i++) {
            const uint64_t bits = t->size == 8 ? infinite[i] << 48 : (infinite[i] | 0x70) << 16;
            change(says = t->name, i % 2 ? t->rows * t->cols - 1 : 0, bits);
            check(REFUSED, t->name, i);
        }
    const count V = find(says = "chars")->rows, first = get(find("chars")->data, 4);
    const uint64_t wrong[] = { 0x110000, 0x80000000, 0xFFFFFFFF, 0, first };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        change("chars", V - 1, wrong[i]), check(REFUSED, "the last character:", wrong[i]);
        change("chars", 1, wrong[i]), check(REFUSED, "the second character:", wrong[i]);
    }
    change(says = "rng", 624, 625), check(REFUSED, "random numbers used:", 625);
    change(says = "rng", 624, -1), check(REFUSED, "random numbers used:", -1);
    says = "";
    change("rng", 624, 624), check(LOADED, "random numbers used:", 624);
}

static void test_headers(void) {
    static const char *const types[] = { "I64", "U64", "F64", "F32", "I32", "U32" };
    for (size_t i = 0; i < good.n; i++) {
        for (size_t j = 0; j < COUNT(types); j++)
            if (strcmp(types[j], good.at[i].type)) {
                strcpy(k.at[i].type, types[j]);
                compose_and_check(REFUSED, "", "", "another type:", i);
            }
        k.at[i].rows = good.at[i].cols, k.at[i].cols = good.at[i].rows;
        if (k.at[i].rows != k.at[i].cols)
            compose_and_check(REFUSED, "", "", "a shape turned round:", i);
        k.at[i] = good.at[(i + 1) % k.n], k.at[(i + 1) % k.n] = good.at[i];
        compose_and_check(REFUSED, "", "", "another order:", i);
        memmove(&k.at[i], &k.at[i + 1], (--k.n - i) * sizeof(Tensor));
        compose_and_check(REFUSED, "", "", "one that is missing:", i);
        k.at[k.n++] = k.at[i];
        compose_and_check(REFUSED, "", "", "one that is there twice:", i);
    }
    static const char *const metadata[] = {
        "{}", "{\"format\":\"pt\"}", "{\"a\":\"}}]{[\\\"\\\\\"}", "{\"batch_size\":\"\303\251\"}",
    };
    static char front[1200000];
    for (size_t i = 0; i < COUNT(metadata); i++) {
        sprintf(front, "\"__metadata__\":%s,", metadata[i]);
        compose_and_check(LOADED, front, "", "__metadata__ of kind", i);
    }
    sprintf(front, "\"__metadata__\":{\"a\":\"%*s\"},", 1000000, ""); // a header is 1 MiB at most
    compose_and_check(LOADED, front, "", "__metadata__ of length", 1000000);
    sprintf(front, "\"__metadata__\":{\"a\":\"%*s\"},", 1100000, "");
    compose_and_check(REFUSED, front, "", "__metadata__ of length", 1100000);
    compose_and_check(LOADED, "", "        ", "spaces behind the header:", 8);
    compose_and_check(REFUSED, "", "       x", "more than spaces behind the header:", 8);
    compose_and_check(REFUSED, " ", "", "spaces in the header:", 1);
    compose("", "");
    memcpy(file.at + 8, "{\"hidden_size\":{\"dtype\":\"U64\"", 29); // as the first edition began
    says = "version", check(REFUSED, "a model of edition", 1), says = "";
}

int main(int argc, char **argv) {
    if (argc != 4) return printf("usage: damage PROGRAM CHECKPOINT DIRECTORY\n"), 2;
    program = argv[1];
    snprintf(path, sizeof path, "%s", argv[2]);
    snprintf(out_path, sizeof out_path, "%s/damage.out", argv[3]);
    snprintf(err_path, sizeof err_path, "%s/damage.err", argv[3]);
    signal(SIGPIPE, SIG_IGN);
    take_apart(argv[2]);
    run(false, "40"), read_file(&sample, out_path);
    snprintf(path, sizeof path, "%s/damaged", argv[3]);
    memcpy(file.at, whole.at, file.size = whole.size);
    check(sample.size < 40 ? REFUSED : LOADED, "the original", 0);
    test_lengths();
    test_sizes();
    test_numbers();
    test_headers();
    unlink(out_path), unlink(err_path);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
