/* min_char_rnn: a character-level recurrent network, trained on any text, in one C file.

Andrej Karpathy's min-char-rnn.py (BSD licence; CS231n, lecture 10) told again in C, in the same
order and under the same names. It needs libc and libm, and this builds it:

    cc -O3 -march=native min_char_rnn.c -o min_char_rnn -lm -pthread && ./min_char_rnn input.txt

The network reads one character x(t) at a time, keeps what it needs to know in a hidden state h(t),
and says from that how likely each character is to come next:

    h(t) = tanh(Wxh x(t) + Whh h(t-1) + bh)         the recurrence
    y(t) = Why h(t) + by                            a score for every character ("logits")
    p(t) = exp(y(t)) / sum(exp(y(t)))               softmax: scores to probabilities
    loss = - sum over t of x(t+1) . log p(t)        cross-entropy with what really came next

Training unrolls this over T characters of text, follows the loss backwards through every step to
all five parameters (truncated backpropagation through time), and takes a step downhill (Adagrad).
The sizes that stand behind every array:

    V   characters in the vocabulary      H   hidden units
    T   steps unrolled at once            B   streams: places of the text that are read side by side

An activation is a row: (T*B,H) means H numbers for each step and stream. Weights are stored
(in,out), the Python's transposed: row i is what input i adds to each output, and what is
np.dot(W, h) there is matmul(out, h, W, SET) here.

 1 What Python and NumPy gave us   5 Model parameters    10 Held-out loss
 2 Arithmetic                      6 The loss function   11 Checkpoints
 3 Data I/O                        7 Sampling            12 The command line
 4 Hyperparameters                 8 Adagrad             13 The main loop                      */

#define _DEFAULT_SOURCE // glibc and musl show what is POSIX under -std=c11, too
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef REAL
#define REAL float // -DREAL=double computes what NumPy does, to the digit
#endif
typedef REAL real;
typedef unsigned long long count; // of characters or iterations: 64 bits on any machine
typedef uint16_t Ix; // a character's index in the vocabulary: where its one-hot vector has the 1

// ==== 1  What Python and NumPy gave us: an end with a reason, memory, random numbers =============

#define CLEAR_LINE "\r\033[K"          // on a terminal
enum { FAILED = 1, WRONG_USAGE = 2 }; // exit status
enum { OUTPUT_LOST = -1 };            // what is written does not arrive
static volatile sig_atomic_t stop;    // why to end: a signal's number, or OUTPUT_LOST; 0: go on

// Says what could not be done, why, and what to do about it; and ends the program.
__attribute__((noreturn, format(printf, 2, 3)))
static void die(int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%smin_char_rnn: ", isatty(STDERR_FILENO) ? CLEAR_LINE : "");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    exit(status);
}

// Says what cannot be written, and leaves it to the caller to go on.
static void cannot_write(const char *what, const char *why) {
    fprintf(stderr, "%smin_char_rnn: %s cannot be written: %s\n",
            isatty(STDERR_FILENO) ? CLEAR_LINE : "", what, why);
}

// n things of a size, all zero, where a line of the cache begins.
static void *xcalloc(count n, size_t size) {
    void *memory = NULL;
    if (n > SIZE_MAX / size || posix_memalign(&memory, 64, n * size) != 0)
        die(FAILED, "there are no %.3g GB of memory: lower --hidden-size, --seq-length or "
            "--batch-size, or train on less text", (double)n * size / 1e9);
    memset(memory, 0, n * size);
    return memory;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

// NumPy's legacy generator: the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998).
typedef struct {
    uint32_t state[624], used; // how many of the 624 have been given out
    uint32_t has_kept;         // randn makes two numbers at a time: whether the second still waits,
    double kept;               // and the number itself
} Rng;

static void rng_seed(Rng *rng, uint32_t seed) { // np.random.seed(seed)
    *rng = (Rng){ .used = 624 };
    for (uint32_t i = 0; i < 624; i++) {
        rng->state[i] = seed;
        seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
    }
}

static uint32_t rng_u32(Rng *rng) {
    uint32_t *s = rng->state;
    if (rng->used == 624) {
        for (int i = 0; i < 624; i++) {
            uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % 624] & 0x7fffffffu);
            s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        rng->used = 0;
    }
    uint32_t y = s[rng->used++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static double rng_uniform(Rng *rng) { // np.random.random_sample(): [0,1), 53 bits
    uint32_t high = rng_u32(rng) >> 5, low = rng_u32(rng) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

static double rng_normal(Rng *rng) { // np.random.randn(), by Marsaglia's polar method
    double x, y, r2;
    if (!(rng->has_kept = !rng->has_kept)) return rng->kept;
    do { // a point in the unit circle
        x = 2 * rng_uniform(rng) - 1;
        y = 2 * rng_uniform(rng) - 1;
        r2 = x * x + y * y;
    } while (r2 >= 1 || r2 == 0);
    double f = sqrt(-2 * log(r2) / r2);
    rng->kept = f * x;
    return f * y;
}

// ==== 2  Arithmetic: the matrix product, and what NumPy does to whole arrays =====================

// A window into memory. Rows are padded with zeros to whole vectors, so that no loop has a ragged
// end, and to an odd number of them: rows of 2^n numbers would all compete for the same few lines
// of the cache.
typedef struct {
    real *at; // its first number
    size_t rows, cols;
    ptrdiff_t row_step, col_step; // from a number to the one below it, and to the one beside it
} Matrix;

// What the target's registers hold: a vector's bytes, and the tile of TILE_ROWS by TILE_COLS
// vectors (or one row by MAX_COLS) that a product keeps in them. One too large is 3 times slower.
#if defined __AVX512F__
enum { VECTOR_BYTES = 64, TILE_COLS = 4 };
#elif defined __AVX__
enum { VECTOR_BYTES = 32, TILE_COLS = 2 };
#elif defined __aarch64__
enum { VECTOR_BYTES = 16, TILE_COLS = 4 };
#else
enum { VECTOR_BYTES = 16, TILE_COLS = 2 };
#endif
enum { LANES = VECTOR_BYTES / sizeof(real), TILE_ROWS = 6, MAX_COLS = 13 };
enum { BLOCK = 128 }; // rows of b at a time: what a tile reads of them stays in the first cache

typedef real vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef __typeof__(_Generic((real)0, float: (int32_t)0, double: (int64_t)0)) word; // a real's bits,
typedef word ints __attribute__((vector_size(VECTOR_BYTES), may_alias)); // or a comparison: -1 or 0

static size_t min(size_t a, size_t b) { return a < b ? a : b; }
static size_t vectors(size_t n) { return (n + LANES - 1) / LANES; } // that hold n numbers
static size_t row_step(size_t cols) { return (vectors(cols) | 1) * LANES; }
static real *row(Matrix a, size_t i) { return a.at + (ptrdiff_t)i * a.row_step; }

static Matrix rows(Matrix a, size_t i, size_t m) { // m rows of a, from row i on
    return (Matrix){ row(a, i), m, a.cols, a.row_step, a.col_step };
}

static Matrix new_matrix(size_t m, size_t n) { // all zero
    return (Matrix){ xcalloc((count)m * row_step(n), sizeof(real)), m, n, row_step(n), 1 };
}

static Matrix transposed(Matrix a) { // a with rows and columns exchanged: nothing is moved
    return (Matrix){ a.at, a.cols, a.rows, a.col_step, a.row_step };
}

enum { SET = 0, ADD = 1, FROM_END = 2 }; // how a product is taken: see matmul

// The innermost part, where most of the time goes: R rows of out by C vectors, from row i, column j
// on, stay in registers while k runs over a block of rows of b. Each number of a that is read meets
// C vectors of b, each vector of b R numbers of a.
__attribute__((always_inline))
static inline void tile(const Matrix *out, const Matrix *a, const Matrix *b, size_t i, size_t j,
                        size_t k, int how, const int R, const int C) {
    const ptrdiff_t out_row = out->row_step, a_row = a->row_step, a_col = a->col_step;
    const real *a_k = row(*a, i) + (ptrdiff_t)k * a_col, *b_k = row(*b, k) + j;
    real *out_i = row(*out, i) + j;
    const bool load = k > 0 || how & ADD;
    vec sum[TILE_ROWS][MAX_COLS];
    for (int r = 0; r < R; r++) for (int c = 0; c < C; c++)
        sum[r][c] = load ? ((vec *)(out_i + r * out_row))[c] : (vec){ 0 };
    for (size_t end = min(k + BLOCK, b->rows); k < end; k++, a_k += a_col, b_k += b->row_step)
        for (int r = 0; r < R; r++) for (int c = 0; c < C; c++)
            sum[r][c] += a_k[r * a_row] * ((const vec *)b_k)[c];
    for (int r = 0; r < R; r++) for (int c = 0; c < C; c++)
        ((vec *)(out_i + r * out_row))[c] = sum[r][c];
}

// np.dot: out = a b, or out += a b with ADD; out (m,n), a (m,k) transposed or not, b (k,n).
// With FROM_END the sum over k runs backwards: when a b that just misses the cache is used over
// and over, those of its rows come first that the product before left there.
static void matmul(Matrix out, Matrix a, Matrix b, int how) {
    if (how & FROM_END && b.rows > 0) {
        a.at += (ptrdiff_t)(a.cols - 1) * a.col_step, a.col_step = -a.col_step;
        b.at += (ptrdiff_t)(b.rows - 1) * b.row_step, b.row_step = -b.row_step;
    }
    size_t tiles = (out.rows + TILE_ROWS - 1) / TILE_ROWS;
    size_t height = tiles ? (out.rows + tiles - 1) / tiles : 0; // 25 rows are 5 tiles of 5
    for (size_t k = 0; k == 0 || k < b.rows; k += BLOCK)
        for (size_t j = 0, C = height == 1 ? MAX_COLS : TILE_COLS; j < out.cols; j += C * LANES) {
            while (C > vectors(out.cols - j))
                C = (C + 1) / 2; // 13, 7, 4, 2, 1
            for (size_t i = 0; i < out.rows; i += height)
                switch (16 * min(height, out.rows - i) + C) { // known sizes stay in registers
#define SIZE(R, C) case 16 * R + C: tile(&out, &a, &b, i, j, k, how, R, C); break;
                SIZE(1, 1) SIZE(2, 1) SIZE(3, 1) SIZE(4, 1) SIZE(5, 1) SIZE(6, 1)
                SIZE(1, 2) SIZE(2, 2) SIZE(3, 2) SIZE(4, 2) SIZE(5, 2) SIZE(6, 2)
                SIZE(1, 4) SIZE(2, 4) SIZE(3, 4) SIZE(4, 4) SIZE(5, 4) SIZE(6, 4)
                SIZE(1, 7) SIZE(1, 13)
                }
        }
}

// out (n,m) = a (m,n) transposed, for a product that has to read it by rows.
static void transpose(Matrix out, Matrix a) {
    for (size_t i = 0; i < a.rows; i += LANES) for (size_t j = 0; j < a.cols; j++) {
        vec column = { 0 };
        if (i + LANES <= a.rows)
            for (int l = 0; l < LANES; l++) column[l] = row(a, i + l)[j];
        else
            for (size_t l = 0; i + l < a.rows; l++) column[l] = row(a, i + l)[j];
        ((vec *)row(out, j))[i / LANES] = column;
    }
}

// All of a matrix, or part of its rows, padding and all; out and a are of the same width.
static void zero(Matrix a) { memset(a.at, 0, a.rows * a.row_step * sizeof(real)); }
static void copy(Matrix out, Matrix a) { memcpy(out.at, a.at, a.rows * a.row_step * sizeof(real)); }

static void add(real *out, const real *a, const real *b, size_t n) { // out = a + b
    vec *to = (vec *)out, *x = (vec *)a, *y = (vec *)b;
    for (size_t i = 0; i < vectors(n); i++) to[i] = x[i] + y[i];
}

static inline vec where(ints condition, vec a, vec b) { // np.where: condition ? a : b, lane by lane
    return (vec)((condition & (ints)a) | (~condition & (ints)b));
}

static inline vec clip(vec x, real most) { // np.clip(x, -most, most)
    const vec high = (vec){ 0 } + most;
    return where(x > high, high, where(x < -high, -high, x));
}

enum { DOUBLE = sizeof(real) == sizeof(double) };
static const real EXP_MOST = DOUBLE ? 708 : 87; // e^x and e^-x are normal numbers up to here

// e^x - one for |x| <= EXP_MOST. With x = k ln 2 + r it is (e^r - 1) 2^k + (2^k - one), where one,
// 0 or 1, goes before it can cancel: near x = 0, e^x - 1 has all its digits. |r| <= ln(2)/2 makes
// the series q r of e^r - 1 short; 2^k is put together from its bits. (libm's exp has a digit more,
// but few compilers make vectors of it.)
static inline vec exp_minus(vec x, real one) {
    enum { TERMS = DOUBLE ? 14 : 7, BIAS = DOUBLE ? 1023 : 127, FRACTION = DOUBLE ? 52 : 23 };
    enum { UP = 2048 }; // makes a number positive, and its conversion round down
    double factorial = DOUBLE ? 87178291200 : 5040; // of TERMS
    vec q = { 0 }, n = where(x == x, x, q) * (real)1.44269504088896341; // NaN has no integer
    ints k = __builtin_convertvector(n + (real)(UP + 0.5), ints) - UP;
    vec two_to_k = (vec)((k + BIAS) << FRACTION);
    n = __builtin_convertvector(k, vec);
    vec r = x - n * (real)0.693145751953125 - n * (real)1.42860682030941723e-6; // ln 2 in two parts
    for (int i = TERMS; i > 0; factorial /= i--) q = q * r + (real)(1 / factorial);
    return q * r * two_to_k + (two_to_k - one);
}

static inline vec exp_(vec x) { // e^x: 0 below -EXP_MOST, and no more than e^EXP_MOST
    return where(x < -EXP_MOST, (vec){ 0 }, exp_minus(clip(x, EXP_MOST), 0));
}

static inline vec tanh_(vec x) { // (e^2x - 1) / (e^2x - 1 + 2); tanh(20) is 1 to all 16 digits
    vec e = exp_minus(2 * clip(x, 20), 1);
    return e / (e + 2);
}

// x^(-1/2) for x > 0, by Newton's method for 1/y^2 = x. The bits of a number are nearly its
// logarithm: halved and negated, they are a first guess, off by 3.5%. A float ends up 5e-6
// off, which is near enough for the length of a step.
static inline vec rsqrt(vec x) {
    const word guess = (word)(DOUBLE ? 0x5fe6eb50c7b537a9 : 0x5f375a86);
    vec y = (vec)(guess - ((ints)x >> 1));
    for (int i = 0; i < (DOUBLE ? 4 : 2); i++) // 3.5e-2, 1.8e-3, 5e-6; 3e-11, 1e-16
        y *= (real)1.5 - (real)0.5 * x * y * y;
    return y;
}

// ==== 3  Data I/O ================================================================================

enum { CODES = 0x110000 }; // Unicode's code points are 0 to 0x10FFFF

typedef struct {
    Ix *data;        // (n) the text, each character as its index in chars
    uint32_t *chars; // (V) the vocabulary: code points (with --bytes: bytes), sorted
    Ix *char_to_ix;  // (CODES) and the way back, counted from 1: 0 is for a character that is new
    count n, V, held_out, bytes; // held_out: characters that follow the n; bytes: 1 with --bytes
} Text;

// The next character: its code point; EOF at the end; CODES + a byte, where that byte begins no
// UTF-8 (RFC 3629): cut short, longer than need be, half of a UTF-16 pair, or above 0x10FFFF.
static int32_t get_char(FILE *in, bool bytes) {
    static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 }; // that needs so many bytes
    int byte = getc_unlocked(in);
    if (byte < 0x80 || bytes) return byte; // ASCII, EOF, or whatever it is
    int length = byte >> 5 == 6 ? 2 : byte >> 4 == 14 ? 3 : byte >> 3 == 30 ? 4 : 0;
    int32_t code = byte & 0x7F >> length;
    for (int i = 1; i < length; i++) {
        int more = getc_unlocked(in);
        if (more >> 6 != 2) return CODES + byte; // EOF, too
        code = code << 6 | (more & 0x3F);
    }
    bool valid = length && code >= least[length] && code >> 11 != 0xD800 >> 11 && code < CODES;
    return valid ? code : CODES + byte;
}

// Bytes that follow the first one in UTF-8.
static int utf8_more(int32_t code) { return (code >= 0x80) + (code >= 0x800) + (code >= 0x10000); }

static void put_char(int32_t code, bool bytes, FILE *out) {
    int more = bytes ? 0 : utf8_more(code);
    putc(more ? (0xFF00 >> (more + 1) & 0xFF) | code >> 6 * more : code, out);
    while (more--) putc(0x80 | (code >> 6 * more & 0x3F), out);
}

// data = open(path).read(). Without a vocabulary it makes one, for now in order of appearance; when
// there is one, there may be no other character.
static void read_text(Text *text, FILE *file, const char *name) {
    size_t room = 0, offset = 0, line = 1;
    for (int32_t code; file && (code = get_char(file, text->bytes)) != EOF; line += code == '\n') {
        if (code >= CODES)
            die(FAILED, "%s: line %zu, byte offset %zu: 0x%02X begins no UTF-8 character: convert "
                "the text (iconv -f LATIN1 -t UTF-8), or take each byte for a character (--bytes)",
                name, line, offset, (unsigned)code - CODES);
        Ix *ix = &text->char_to_ix[code];
        if (*ix == 0 && text->chars)
            die(FAILED, "%s: line %zu, byte offset %zu: the model has not met the character "
                "%s%0*X: it knows those of its own text", name, line, offset,
                text->bytes ? "0x" : "U+", text->bytes ? 2 : 4, (unsigned)code);
        if (*ix == 0 && (*ix = ++text->V) == 0)
            die(FAILED, "%s: more than %d unique characters, too many for an index: "
                "take each byte for a character (--bytes)", name, UINT16_MAX);
        if (text->n == room) // realloc fails long before this product overflows
            text->data = realloc(text->data, (room += room / 2 + 65536) * sizeof(Ix));
        if (!text->data) die(FAILED, "there is no memory for %zu characters of text", room);
        text->data[text->n++] = *ix - 1;
        offset += text->bytes ? 1 : 1 + utf8_more(code);
    }
    if (!file || ferror(file)) die(FAILED, "%s: %s", name, strerror(errno));
    if (text->n == 0) die(FAILED, "%s: the file is empty: there is nothing to learn from", name);
    fclose(file);
}

// chars = sorted(set(data)); char_to_ix = {ch: i for i, ch in enumerate(chars)}
static void sort_chars(Text *text) {
    Ix *sorted = xcalloc(text->V, sizeof(Ix)); // from the first index to the final one
    text->chars = xcalloc(text->V, sizeof *text->chars);
    for (uint32_t code = 0, ix = 0; code < CODES; code++)
        if (text->char_to_ix[code]) {
            text->chars[ix] = code;
            sorted[text->char_to_ix[code] - 1] = ix;
            text->char_to_ix[code] = ++ix;
        }
    for (size_t i = 0; i < text->n; i++) text->data[i] = sorted[text->data[i]];
    free(sorted);
}

// What an option gives as text, or nothing, in the characters of another text.
static Text typed_text(const Text *text, const char *option, const char *typed) {
    Text t = { NULL, text->chars, text->char_to_ix, 0, text->V, 0, text->bytes };
    if (typed) read_text(&t, fmemopen((char *)typed, strlen(typed), "rb"), option);
    return t;
}

// ==== 4  Hyperparameters =========================================================================

typedef struct {
    count hidden_size, seq_length, batch_size; // H, T, B; 0: those of the model that is loaded
    double learning_rate, clip, temperature, val_fraction;
    count iters, seed, threads, print_every, sample_every, sample_length, save_every, eval_every;
    count sample, eval, bytes, quiet, help, version; // but for the first, 0 or 1
    const char *input, *save, *save_best, *load, *log, *prime, *stop;
} Config;

typedef struct {
    size_t field; // where in Config
    char letter;
    const char *name, *takes; // N: a whole number, X: a real one, FILE, TEXT, NULL: nothing
    const char *preset;
    double least, most;
    const char *help;
} Option;

#define FIELD(name) offsetof(Config, name)
static const Option options[] = {
    { FIELD(hidden_size), 'H', "hidden-size", "N", "100", 1, 1e6, "hidden units" },
    { FIELD(seq_length), 'T', "seq-length", "N", "25", 1, 65535, "steps to backpropagate through" },
    { FIELD(batch_size), 'B', "batch-size", "N", "1", 1, 65535, "streams read side by side" },
    { FIELD(learning_rate), 'l', "learning-rate", "X", "0.1", 0, 1e30, "Adagrad's step" },
    { FIELD(clip), 'c', "clip", "X", "5", 0, 1e30, "gradients are clipped to [-X, X]" },
    { FIELD(iters), 'n', "iters", "N", "100000", 0, 1e15, "iterations; 0: until interrupted" },
    { FIELD(seed), 's', "seed", "N", "0", 0, UINT32_MAX, "seed of the random numbers" },
    { FIELD(threads), 't', "threads", "N", "0", 0, 1024, "threads, at most B; 0: one per core" },
    { FIELD(print_every), 0, "print-every", "N", "1000", 0, 1e15, "iterations between losses" },
    { FIELD(sample_every), 0, "sample-every", "N", "10000", 0, 1e15, "iterations between samples" },
    { FIELD(sample_length), 0, "sample-length", "N", "200", 0, 1e15, "characters in a sample" },
    { FIELD(temperature), 0, "temperature", "X", "1", 0, 1e30, "divides scores; 0: the likeliest" },
    { FIELD(stop), 0, "stop", "TEXT", NULL, 0, 0, "a sample ends after this text" },
    { FIELD(bytes), 0, "bytes", NULL, NULL, 0, 1, "a character is a byte: any file will do" },
    { FIELD(save), 'o', "save", "FILE", NULL, 0, 0, "keep the model: when it ends or is stopped," },
    { FIELD(save_every), 0, "save-every", "N", "10000", 0, 1e15, "and after so many iterations" },
    { FIELD(load), 'i', "load", "FILE", NULL, 0, 0, "go on from a model that was kept" },
    { FIELD(val_fraction), 0, "val-fraction", "X", "0", 0, 0.9, "hold out the end of the text" },
    { FIELD(eval_every), 0, "eval-every", "N", "10000", 0, 1e15, "iterations between its losses" },
    { FIELD(save_best), 0, "save-best", "FILE", NULL, 0, 0, "keep the model that is best at it" },
    { FIELD(log), 0, "log", "FILE", NULL, 0, 0, "write a table of losses, tab-separated" },
    { FIELD(sample), 0, "sample", "N", NULL, 0, 1e15, "with --load: write text; 0: endlessly" },
    { FIELD(prime), 0, "prime", "TEXT", NULL, 0, 0, "what that text follows (a new line)" },
    { FIELD(eval), 0, "eval", NULL, NULL, 0, 1, "with --load: print the loss on INPUT" },
    { FIELD(quiet), 'q', "quiet", NULL, NULL, 0, 1, "no status line and no summary" },
    { FIELD(help), 'h', "help", NULL, NULL, 0, 1, "show this help" },
    { FIELD(version), 'V', "version", NULL, NULL, 0, 1, "show the version" },
};
static const count NO_SAMPLE = UINT64_MAX; // --sample is not there
enum { OPTIONS = sizeof options / sizeof *options };

// ==== 5  Model parameters ========================================================================

// One block of memory holds them all, so that clipping, Adagrad and adding up are one loop each;
// the names are windows into it.
typedef struct {
    Matrix Wxh; // (V,H) input to hidden: a row for each character
    Matrix Whh; // (H,H) hidden to hidden
    Matrix Why; // (H,V) hidden to output
    Matrix bh;  // (1,H) hidden bias
    Matrix by;  // (1,V) output bias
    real *all;  // the block itself
    size_t count;
} Params;

// One thread's share of the streams, and what the loss function works on there. B is their number.
typedef struct {
    Params param;      // the model's, which it only reads
    Params dparam;     // the gradient of the loss on them, summed over T and B; in the end, the
                       // first share's over all streams
    const Ix *inputs;  // ((T+1)*B) the characters of T+1 steps: targets are inputs + B
    Matrix hprev;      // (B,H) the hidden state after the last chunk; in the end, after this one
    Matrix hs;         // ((T+1)*B,H) all hidden states, hprev first
    Matrix ps;         // (T*B,V) scores, then probabilities, then dy
    Matrix dh;         // (T*B,H) gradient on h, then dhraw: on what goes into tanh
    Matrix WhhT, WhyT; // (H,H), (V,H) transposes, for the backward pass
    double loss;       // summed over T and B
    atomic_size_t asked, done; // how often it was to be computed, and has been
} Share;

typedef struct {
    Params param, mem; // the parameters, and Adagrad's memory of their gradients
    Matrix hprev, kept; // (B,H) the hidden state between chunks; and a copy of it
    Ix *inputs;        // ((T+1)*B) what the shares read
    Matrix h, y;       // (2,H), (1,V) what sample and evaluate work on
    Rng rng;
    count n, p;        // iterations done; where in each stream the next chunk begins
    count text;        // a hash of the text that it learns
    double smooth_loss, val_loss; // nats for T characters; the lowest held out, nats/char, 0: none
    Share *shares;     // (threads)
    size_t threads;
} Model;

// All zero. Wxh, Whh and bh stand one below the other, for [x h 1] is what they multiply; and so do
// Why and by.
static Params new_params(size_t V, size_t H) {
    const size_t h = row_step(H), y = row_step(V);
    const count in = (count)(V + H + 1) * h, out = (count)(H + 1) * y;
    real *all = xcalloc(in + out, sizeof(real));
    Matrix to_h = { all, V + H + 1, H, h, 1 }, to_y = { all + in, H + 1, V, y, 1 };
    return (Params){ rows(to_h, 0, V), rows(to_h, V, H), rows(to_y, 0, H),
                     rows(to_h, V + H, 1), rows(to_y, H, 1), all, in + out };
}

// w = np.random.randn(rows, cols)*0.01
static void randn(Matrix w, Rng *rng) {
    for (size_t i = 0; i < w.rows; i++) for (size_t j = 0; j < w.cols; j++)
        row(w, i)[(ptrdiff_t)j * w.col_step] = rng_normal(rng) * 0.01;
}

static Model new_model(const Config *c, size_t V) {
    const size_t H = c->hidden_size, T = c->seq_length, B = c->batch_size;
    Model m = { .param = new_params(V, H), .mem = new_params(V, H), .hprev = new_matrix(B, H),
                .kept = new_matrix(B, H), .inputs = xcalloc((T + 1) * B, sizeof(Ix)),
                .h = new_matrix(2, H), .y = new_matrix(1, V), .threads = min(c->threads, B) };
    m.shares = xcalloc(m.threads, sizeof *m.shares);
    for (size_t i = 0, first = 0, n; i < m.threads; i++, first += n) {
        n = (B - first) / (m.threads - i); // streams: as even as can be
        m.shares[i] = (Share){
            .param = m.param, .dparam = new_params(V, H),
            .inputs = m.inputs + first * (T + 1), .hprev = rows(m.hprev, first, n),
            .hs = new_matrix((T + 1) * n, H), .ps = new_matrix(T * n, V),
            .dh = new_matrix(T * n, H), .WhhT = new_matrix(H, H), .WhyT = new_matrix(V, H) };
    }
    rng_seed(&m.rng, c->seed);
    randn(transposed(m.param.Wxh), &m.rng); // Wxh = np.random.randn(hidden_size, vocab_size)*0.01
    randn(transposed(m.param.Whh), &m.rng); // Whh = np.random.randn(hidden_size, hidden_size)*0.01
    randn(transposed(m.param.Why), &m.rng); // Why = np.random.randn(vocab_size, hidden_size)*0.01
    // Padding gets the probability exp(-inf) = 0.
    for (size_t i = V; i % LANES; i++) m.param.by.at[i] = -INFINITY;
    m.smooth_loss = -log(1.0 / V) * T; // loss at iteration 0
    return m;
}

// ==== 6  The loss function =======================================================================

// h(t) = tanh(Wxh x(t) + Whh h(t-1) + bh), for B streams; h and hprev, which is h(t-1), are (B,H).
// x(t) is one-hot, all zeros but for a 1 at the character x[b]: Wxh x(t) is just that row of Wxh.
static void rnn_step(const Params *p, const Ix *x, Matrix hprev, Matrix h, size_t t) {
    for (size_t b = 0; b < h.rows; b++)
        add(row(h, b), row(p->Wxh, x[b]), p->bh.at, h.cols);
    matmul(h, hprev, p->Whh, t % 2 ? ADD | FROM_END : ADD); // back and forth from step to step
    vec *v = (vec *)h.at; // all rows as one: tanh(0) = 0, so that padding stays
    for (size_t i = 0; i < vectors(h.rows * h.row_step); i++) v[i] = tanh_(v[i]);
}

// p = exp(y) / sum(exp(y)), in place of V scores y; returns log(sum(exp(y))), for -log p[i] is that
// less y[i]. The highest score is taken off first, so that exp cannot overflow.
static double softmax(real *scores, size_t V) {
    vec *y = (vec *)scores, high = y[0], sums = { 0 };
    for (size_t i = 1; i < vectors(V); i++) high = where(y[i] > high, y[i], high);
    real highest = high[0], sum = 0;
    for (int l = 1; l < LANES; l++) highest = high[l] > highest ? high[l] : highest;
    for (size_t i = 0; i < vectors(V); i++) sums += y[i] = exp_(y[i] - highest);
    for (int l = 0; l < LANES; l++) sum += sums[l];
    for (size_t i = 0; i < vectors(V); i++) y[i] *= 1 / sum;
    return highest + log(sum);
}

// Forward: hidden states and probabilities for T steps of B streams. Returns the loss.
static double forward(const Share *s) {
    const Params *p = &s->param;
    const Matrix ps = s->ps;                    // (T*B,V)
    const size_t B = s->hprev.rows, TB = ps.rows;
    const Ix *targets = s->inputs + B;
    double loss = 0;

    copy(s->hs, s->hprev);                      // hs[-1] = np.copy(hprev)
    for (size_t t = 0; t < TB / B; t++)         // hs[t] = np.tanh(np.dot(Wxh, xs[t]) + ...
        rnn_step(p, s->inputs + t * B, rows(s->hs, t * B, B), rows(s->hs, (t + 1) * B, B), t);
    copy(s->hprev, rows(s->hs, TB, B));         // hprev = hs[len(inputs)-1]

    for (size_t i = 0; i < TB; i++) copy(rows(ps, i, 1), p->by);
    matmul(ps, rows(s->hs, B, TB), p->Why, ADD); // ys[t] = np.dot(Why, hs[t]) + by
    for (size_t i = 0; i < TB; i++) {           // loss += -np.log(ps[t][targets[t],0])
        real y_target = row(ps, i)[targets[i]];
        loss += softmax(row(ps, i), ps.cols) - y_target;
    }
    return loss;
}

// Backward, from the last step to the first: the gradient of the loss on every parameter. With a(t)
// for what goes into tanh, d for the gradient of the loss on what follows it, ' for a transpose:
//     dy(t) = p(t) - x(t+1)                  through softmax and cross-entropy at once
//     dh(t) = Why' dy(t) + Whh' da(t+1)      as h(t) went into y(t) and a(t+1); the latter: dhnext
//     da(t) = (1 - h(t)^2) dh(t)             through tanh: dhraw
// and, summed over t: dWhy = dy(t) h(t)', dby = dy(t), dWhh = da(t) h(t-1)', dWxh = da(t) x(t)',
// dbh = da(t).
static void backward(const Share *s) {
    const Params *p = &s->param, *d = &s->dparam;
    const Matrix dy = s->ps, dh = s->dh;        // (T*B,V), (T*B,H)
    const size_t B = s->hprev.rows, TB = dy.rows;
    const Matrix hs = rows(s->hs, B, TB), hprevs = rows(s->hs, 0, TB);  // (T*B,H): h(t), h(t-1)
    const Ix *inputs = s->inputs, *targets = inputs + B;

    zero(d->Wxh), zero(d->bh), zero(d->by);
    for (size_t i = 0; i < TB; i++) {
        row(dy, i)[targets[i]] -= 1;            // dy[targets[t]] -= 1
        add(d->by.at, d->by.at, row(dy, i), dy.cols); // dby += dy
    }
    matmul(d->Why, transposed(hs), dy, SET);    // dWhy += np.dot(dy, hs[t].T)

    transpose(s->WhyT, p->Why);
    transpose(s->WhhT, p->Whh);
    matmul(dh, dy, s->WhyT, SET);               // dh = np.dot(Why.T, dy), all t at once
    for (size_t t = TB / B; t-- > 0; ) {
        const Matrix dh_t = rows(dh, t * B, B);
        if (t + 1 < TB / B)                     // dh += dhnext: np.dot(Whh.T, dhraw)
            matmul(dh_t, rows(dh, (t + 1) * B, B), s->WhhT, t % 2 ? ADD | FROM_END : ADD);
        vec *dhraw = (vec *)dh_t.at, *h = (vec *)row(hs, t * B);
        for (size_t i = 0; i < vectors(B * dh.row_step); i++)
            dhraw[i] *= 1 - h[i] * h[i];        // dhraw = (1 - hs[t] * hs[t]) * dh
    }
    matmul(d->Whh, transposed(hprevs), dh, SET); // dWhh += np.dot(dhraw, hs[t-1].T)
    for (size_t i = 0; i < TB; i++) {
        real *dWxh = row(d->Wxh, inputs[i]);
        add(dWxh, dWxh, row(dh, i), dh.cols);   // dWxh += np.dot(dhraw, xs[t].T), x(t) one-hot
        add(d->bh.at, d->bh.at, row(dh, i), dh.cols); // dbh += dhraw
    }
}

static void run_share(Share *s) { s->loss = forward(s), backward(s); }

// Waits until a share has work, or has none: awake at first, for the next iteration is never far
// away, and then asleep for longer and longer.
static void wait_for(Share *s, bool work) {
    for (size_t tries = 0; (s->asked > s->done) != work; tries++)
        if (tries < 200) sched_yield();
        else nanosleep(&(struct timespec){ .tv_nsec = min(100 * tries, 1000000) }, NULL);
}

// loss, dWxh, dWhh, dWhy, dbh, dby, hprev = lossFun(inputs, targets, hprev), summed over streams;
// the gradient is left in the first share. Each share has a thread of its own, but they are added
// in order: the same command computes the same numbers.
static double lossFun(Model *m, const Ix *data, size_t stream) {
    Share *s = m->shares;
    Ix *input = m->inputs;
    for (size_t i = 0; i < m->threads; data += s[i++].hprev.rows * stream) {
        for (size_t t = 0, B = s[i].hprev.rows; t < s[i].hs.rows / B; t++)
            for (size_t b = 0; b < B; b++) *input++ = data[b * stream + t];
        s[i].asked++;
    }
    run_share(s);
    for (size_t i = 1; i < m->threads; i++) {
        wait_for(&s[i], false);
        s->loss += s[i].loss;
        add(s->dparam.all, s->dparam.all, s[i].dparam.all, s->dparam.count);
    }
    return s->loss;
}

// ==== 7  Sampling ================================================================================

// An index drawn with the probabilities p (V): np.random.choice(range(vocab_size), p=p)
static Ix choice(const real *p, size_t V, Rng *rng) {
    double sum = 0, cdf = 0, coin = rng_uniform(rng);
    for (size_t i = 0; i < V; i++) sum += p[i];
    for (size_t i = 0; i + 1 < V; i++)
        if ((cdf += p[i]) / sum > coin) return i;
    return V - 1;
}

// Writes n characters that the model says come after hidden state hprev (1,H) and character x; or
// fewer, if they end in the characters of --stop.
static void sample(Model *m, const Text *text, Matrix hprev, Ix x, count n, const Config *c) {
    const real temperature = fmax(c->temperature, 1e-20); // so low, only the highest score counts
    const Text end = typed_text(text, "--stop", c->stop);
    Ix *last = xcalloc(end.n + 1, sizeof(Ix));      // what has been drawn, as far back as end goes
    double flushed = seconds();
    copy(m->h, hprev);
    for (count t = 0; t < n && !stop && !ferror(stdout); t++) {
        Matrix h = rows(m->h, 1 - t % 2, 1);
        rnn_step(&m->param, &x, rows(m->h, t % 2, 1), h, t);
        copy(m->y, m->param.by);
        matmul(m->y, h, m->param.Why, ADD);         // y = np.dot(Why, h) + by
        for (size_t i = 0; i < m->y.cols; i++) m->y.at[i] /= temperature;
        softmax(m->y.at, m->y.cols);                // p = np.exp(y) / np.sum(np.exp(y))
        x = choice(m->y.at, m->y.cols, &m->rng);    // the next step reads what this one has drawn
        put_char(text->chars[x], text->bytes, stdout);
        if (seconds() > flushed + 0.05) fflush(stdout), flushed = seconds(); // for who reads along
        memmove(last, last + 1, end.n * sizeof(Ix)), last[end.n] = x;
        if (end.n && t + 1 >= end.n && !memcmp(last + 1, end.data, end.n * sizeof(Ix))) break;
    }
    free(last), free(end.data);
}

// ==== 8  Adagrad =================================================================================

// For each parameter; dparam is the mean over B streams. The more the squares of a parameter's
// gradients have added up to, the smaller its steps:
//     np.clip(dparam, -5, 5, out=dparam)
//     mem += dparam * dparam
//     param += -learning_rate * dparam / np.sqrt(mem + 1e-8)
static void adagrad(Model *m, real learning_rate, real most) {
    const vec *sum = (vec *)m->shares->dparam.all; // over the B streams
    vec *param = (vec *)m->param.all, *mem = (vec *)m->mem.all;
    const real B = m->hprev.rows;
    for (size_t i = 0; i < vectors(m->param.count); i++) {
        vec d = clip(sum[i] * (1 / B), most);
        mem[i] += d * d;
        param[i] += -learning_rate * d * rsqrt(mem[i] + (real)1e-8);
    }
}

// ==== 10  Held-out loss ==========================================================================

// The loss on data[1] to data[n-1], in nats: one stream, from hidden state 0 on, in chunks as long
// as the first share has memory for. The last hidden state stays in row 1 of m->h, for sample.
static double evaluate(const Model *m, const Ix *data, size_t n) {
    Share s = { .param = m->param, .hprev = rows(m->h, 1, 1) };
    double loss = 1e-300; // as good as 0, which stands for none
    zero(s.hprev);
    for (size_t p = 0, T; p + 1 < n && !stop; p += T) {
        T = min(m->shares->ps.rows, n - 1 - p);
        s.inputs = data + p;
        s.hs = rows(m->shares->hs, 0, T + 1), s.ps = rows(m->shares->ps, 0, T);
        loss += forward(&s);
    }
    return loss;
}

// ==== 11  Checkpoints ============================================================================

// The format is .safetensors: eight bytes that say how long the header is; the header, JSON, with
// each tensor's type, shape and place; the numbers. All of it little-endian.
typedef struct {
    const char *name;
    char kind;                    // F: floating point, U: whole
    count size, rows, cols;       // bytes of a number; the shape
    void *at;                     // its first number in memory,
    ptrdiff_t row_step, col_step; // and how far it is from there to those below and beside it
    count begin, end;             // where the file has it: bytes after the header
} Tensor;

enum { SIZES = 5, TENSORS = 24 }; // the first five are sizes
typedef struct { Tensor at[TENSORS]; } Tensors;
typedef union { uint32_t u32; uint64_t u64; float f32; double f64; } Number;
typedef struct { const char *path, *data; char *header; count size; } Checkpoint; // size: of data

static Tensor column(const char *name, char kind, count size, count n, void *at) {
    return (Tensor){ name, kind, size, n, 1, at, 1, 0, 0, 0 };
}

static Tensor reals(const char *name, Matrix m) { // in the Python's shape, (out,in)
    return (Tensor){ name, 'F', sizeof(real), m.cols, m.rows, m.at, m.col_step, m.row_step, 0, 0 };
}

// All that is kept: what the model is (its sizes first), and where its training has got to.
static Tensors tensors(Model *m, Text *text, Config *c) {
    const Params *p = &m->param, *mem = &m->mem;
    return (Tensors){ {
        column("hidden_size", 'U', 8, 1, &c->hidden_size), column("bytes", 'U', 8, 1, &c->bytes),
        column("seq_length", 'U', 8, 1, &c->seq_length), column("vocab_size", 'U', 8, 1, &text->V),
        column("batch_size", 'U', 8, 1, &c->batch_size), column("text", 'U', 8, 1, &m->text),
        column("n", 'U', 8, 1, &m->n), column("p", 'U', 8, 1, &m->p),
        column("smooth_loss", 'F', 8, 1, &m->smooth_loss),
        column("val_loss", 'F', 8, 1, &m->val_loss), column("rng_kept", 'F', 8, 1, &m->rng.kept),
        column("rng", 'U', 4, 626, &m->rng), column("chars", 'U', 4, text->V, text->chars),
        reals("Wxh", p->Wxh), reals("Whh", p->Whh), reals("Why", p->Why), reals("bh", p->bh),
        reals("by", p->by), reals("mWxh", mem->Wxh), reals("mWhh", mem->Whh),
        reals("mWhy", mem->Why), reals("mbh", mem->bh), reals("hprev", m->hprev),
        reals("mby", mem->by),
    } };
}

static char *number(const Tensor *t, count i) { // the i-th, in the file's order: row by row
    ptrdiff_t steps = i / t->cols * t->row_step + i % t->cols * t->col_step;
    return (char *)t->at + steps * (ptrdiff_t)t->size;
}

static void write_bits(FILE *out, uint64_t bits, count size) {
    while (size-- > 0) putc_unlocked(bits & 0xFF, out), bits >>= 8;
}

static uint64_t read_bits(const char *at, count size) {
    return size == 0 ? 0 : read_bits(at + 1, size - 1) << 8 | (unsigned char)*at;
}

static bool write_tensors(FILE *out, const Tensors *all) {
    char header[4096];
    int length = 0;
    count end = 0;
    for (const Tensor *t = all->at; t < all->at + TENSORS; t++) {
        count begin = end;
        length += sprintf(header + length, "%c\"%s\":{\"dtype\":\"%c%llu\",\"shape\":[%llu,%llu],"
                          "\"data_offsets\":[%llu,%llu]}", t == all->at ? '{' : ',', t->name,
                          t->kind, 8 * t->size, t->rows, t->cols, begin,
                          end += t->rows * t->cols * t->size);
    }
    length += sprintf(header + length, "}%*s", 7 - length % 8, ""); // numbers where 8 divides
    write_bits(out, length, 8);
    fwrite(header, 1, length, out);
    for (const Tensor *t = all->at; t < all->at + TENSORS; t++)
        for (count i = 0; i < t->rows * t->cols; i++) {
            Number x;
            memcpy(&x, number(t, i), t->size);
            write_bits(out, t->size == 4 ? x.u32 : x.u64, t->size);
        }
    return fflush(out) == 0 && !ferror(out);
}

// Whether a checkpoint may take the place of what is there: nothing, an empty file, a checkpoint.
static bool replaceable(const char *path) {
    struct stat is;
    char start[9] = { 0 }; // a header's length, below 2^56, and its brace: what no text begins with
    if (stat(path, &is) != 0) return true;
    FILE *file = S_ISREG(is.st_mode) ? fopen(path, "rb") : NULL;
    bool read = file && fread(start, 1, 9, file) == min(is.st_size, 9);
    if (file) fclose(file);
    return read && (is.st_size == 0 || (start[7] == 0 && start[8] == '{'));
}

// Writes a checkpoint beside its path, then renames it: whoever looks or ends this, at any moment,
// finds the old file or the new one, whole. A trial only shows that it can be done.
static bool save(const char *path, const Tensors *all, bool trial) {
    if (!path) return true;
    char *tmp = xcalloc(strlen(path) + 5, 1);
    sprintf(tmp, "%s.tmp", path);
    const bool may = replaceable(path) && replaceable(tmp);
    FILE *out = may ? fopen(tmp, "wb") : NULL;
    bool done = out && write_tensors(out, all) && fsync(fileno(out)) == 0 &&
                (trial || rename(tmp, path) == 0);
    if (!done) cannot_write(path, may ? strerror(errno) : "it is no checkpoint: name another file");
    if (out && (trial || !done)) unlink(tmp);
    if (out) fclose(out);
    free(tmp);
    return done;
}

static _Noreturn void refuse(const Checkpoint *k, const char *name, const char *why) {
    die(FAILED, "%s: '%s' %s: the file is damaged, or no checkpoint of this program",
        k->path, name, why);
}

// JSON from here to there without its blanks. Returns whether its brackets and quotes pair off.
static bool squeeze(char *to, const char *from, const char *end) {
    int depth = 0, quoted = 0, object = *from == '{';
    for (; from < end; from++) {
        if (*from == '"') quoted = !quoted;
        if (*from == '\\' && from + 1 < end) *to++ = *from++;
        else if (!quoted) depth += (*from == '{' || *from == '[') - (*from == '}' || *from == ']');
        if (quoted || !strchr(" \t\r\n", *from)) *to++ = *from;
    }
    *to = 0;
    return object && depth == 0 && !quoted;
}

static Checkpoint open_checkpoint(const char *path) {
    struct stat is;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &is) != 0) die(FAILED, "%s: %s", path, strerror(errno));
    char *bytes = xcalloc((count)is.st_size + 9, 1); // it ends in zeros
    count size = fread(bytes, 1, is.st_size, file), length = read_bits(bytes, 8);
    if (ferror(file)) die(FAILED, "%s: %s", path, strerror(errno));
    fclose(file);
    Checkpoint k = { .path = path };
    if (size < 8 || length > size - 8) refuse(&k, "header", "is cut short");
    k = (Checkpoint){ path, bytes + 8 + length, bytes, size - 8 - length };
    if (!squeeze(bytes, bytes + 8, k.data)) refuse(&k, "header", "is not JSON");
    return k;
}

// Reads the i-th of all tensors. Nothing is taken on trust.
static void read_tensor(const Checkpoint *k, Tensors *all, int i) {
    Tensor *t = &all->at[i];
    char name[20], entry[256] = "", kind, end;
    count bits = 0, rows, cols, times = 0, n = t->rows * t->cols;
    sprintf(name, "\"%s\":{", t->name);
    for (const char *at = k->header; times < 2 && (at = strstr(at + 1, name)); )
        if ((at[-1] == '{' || at[-1] == ',') && ++times)
            sscanf(at, "%255[^}]", entry);
    const char *type = strstr(entry, "\"dtype\""), *shape = strstr(entry, "\"shape\""),
               *place = strstr(entry, "\"data_offsets\""), *wrong =
        times == 0 ? "is missing" : times > 1 ? "is there twice" :
        strpbrk(entry, " +-") ? "has a sign or a blank in its header" :
        !type || sscanf(type, "\"dtype\":\"%c%2llu%c", &kind, &bits, &end) != 3 || end != '"' ||
            kind != t->kind || (bits != 8 * t->size && (kind == 'U' || (bits != 32 && bits != 64)))
            ? "is of another type" :
        !shape || sscanf(shape, "\"shape\":[%19llu,%19llu%c", &rows, &cols, &end) != 3 ||
            end != ']' || rows != t->rows || cols != t->cols ? "has another shape" :
        !place || sscanf(place, "\"data_offsets\":[%19llu,%19llu%c", &t->begin, &t->end, &end) != 3
            || end != ']' || t->end > k->size || t->begin > t->end ||
            t->end - t->begin != n * bits / 8 ? "is not where or as long as it says" : NULL;
    const count size = bits / 8;
    for (const Tensor *other = all->at; other < t; other++)
        if (t->begin < other->end && other->begin < t->end) wrong = "overlaps with another";
    for (count j = 0; j < n && !wrong; j++) {
        Number x = { .u64 = read_bits(k->data + t->begin + j * size, size) };
        if (size == 4) x.u32 = x.u64;
        if (kind == 'F') {
            double value = size == 4 ? x.f32 : x.f64;
            if (t->size == 4) x.f32 = value, value = x.f32; // it may be of the other precision
            else x.f64 = value;
            if (!isfinite(value) || (value < 0 && *t->name == 'm')) wrong = "has a wrong number";
        }
        memcpy(number(t, j), &x, t->size);
    }
    if (wrong) refuse(k, t->name, wrong);
}

// Makes the model that a checkpoint holds, and its vocabulary. Sizes go to c, where those that the
// command line has set already (0: it has not) have to be the same.
static Model load(const char *path, Text *text, Config *c) {
    static const count least[] = { 1, 0, 1, 2, 1 }, most[] = { 1000000, 1, 65535, 65535, 65535 };
    Config asked = *c;
    Model m = { .n = 0 };
    const Checkpoint k = open_checkpoint(path);
    const Tensors wanted = tensors(&m, text, &asked);
    Tensors all = tensors(&m, text, c);
    for (int i = 0; i < SIZES; i++) {
        read_tensor(&k, &all, i);
        const count is = *(count *)all.at[i].at, want = *(count *)wanted.at[i].at;
        if (is < least[i] || is > most[i]) refuse(&k, all.at[i].name, "is out of range");
        if (want && want != is)
            die(WRONG_USAGE, "%s: its %s is %llu, not %llu: leave that option out", path,
                all.at[i].name, is, want);
    }
    if (c->hidden_size * (8.0 * (c->hidden_size + text->V) + 4.0 * c->batch_size) > k.size)
        refuse(&k, "hidden_size", "is more than the file can hold");
    text->bytes = c->bytes;
    text->chars = xcalloc(text->V, sizeof *text->chars);
    m = new_model(c, text->V);
    all = tensors(&m, text, c);
    for (int i = 0; i < TENSORS; i++) read_tensor(&k, &all, i);
    const Tensor *last = &all.at[TENSORS - 1]; // mby (V,1)
    if ((last->end - last->begin) / text->V != sizeof(real))
        fprintf(stderr, "min_char_rnn: %s is of %s precision: it goes on in %s, not to the digit\n",
                path, DOUBLE ? "single" : "double", DOUBLE ? "double" : "single");
    if (m.rng.used > 624 || m.rng.has_kept > 1 || m.n > 1e15) refuse(&k, "n, rng", "is too large");
    for (count i = 0; i < text->V; i++) {
        uint32_t code = text->chars[i];
        if ((i > 0 && code <= text->chars[i - 1]) || code >= (c->bytes ? 256 : CODES) ||
            code >> 11 == 0xD800 >> 11)
            refuse(&k, "chars", "is no vocabulary");
        text->char_to_ix[code] = i + 1;
    }
    free(k.header);
    return m;
}

// ==== 12  The command line =======================================================================

// Sets what an option stands for, from the text given with it.
static void set_option(Config *c, const Option *o, const char *text) {
    void *field = (char *)c + o->field;
    if (o->takes && o->takes[1]) { // FILE, TEXT
        if (!*text) die(WRONG_USAGE, "--%s: takes a %s, not an empty one", o->name, o->takes);
        *(const char **)field = text;
        return;
    }
    bool whole = !o->takes || *o->takes == 'N';
    size_t digits = strspn(text, whole ? "0123456789" : "0123456789.eE+-");
    char *end;
    errno = 0;
    double x = strtod(text, &end);
    if (!digits || text[digits] || *end || errno || x < o->least || x > o->most)
        die(WRONG_USAGE, "--%s %s: takes %s from %.15g to %.15g",
            o->name, text, whole ? "a whole number" : "a number", o->least, o->most);
    if (whole) *(count *)field = x; // exact: no whole number here is above 2^53
    else *(double *)field = x;
}

static void print_help(void) {
    printf("Usage: min_char_rnn [options] INPUT\n"
           "       min_char_rnn --load FILE --sample N [options]\n\n"
           "Trains a character-level recurrent network on a text ('-': standard input).\n\n");
    for (const Option *o = options; o < options + OPTIONS; o++) {
        printf(o->letter ? "  -%c, " : "      ", o->letter);
        printf("--%s %-*s", o->name, 18 - (int)strlen(o->name), o->takes ? o->takes : "");
        printf(o->preset ? "%s (%s)\n" : "%s\n", o->help, o->preset);
    }
}

static Config parse_command_line(int argc, char **argv) {
    Config c = { .sample = NO_SAMPLE };
    bool given[OPTIONS] = { false };
    struct option longs[OPTIONS + 1] = { { 0 } };
    char shorts[2 * OPTIONS + 1] = "", *s = shorts;
    for (int i = 0; i < OPTIONS; i++) {
        const Option *o = &options[i];
        longs[i] = (struct option){ o->name, !!o->takes, NULL, o->letter ? o->letter : 256 + i };
        if (o->letter) s += sprintf(s, o->takes ? "%c:" : "%c", o->letter);
    }
    for (int got, i; (got = getopt_long(argc, argv, shorts, longs, NULL)) != -1; given[i] = true) {
        if (got == '?') die(WRONG_USAGE, "--help shows the options there are"); // and it said why
        for (i = 0; got != longs[i].val; ) i++;
        set_option(&c, &options[i], options[i].takes ? optarg : "1");
    }
    if (c.help || c.version) return (Config){ .help = c.help, .version = c.version };
    for (int i = 0; i < OPTIONS; i++) // a model that is loaded has its sizes, which are never 0
        if (options[i].preset && !given[i] && !(c.load && options[i].least > 0))
            set_option(&c, &options[i], options[i].preset);
    c.input = argv[optind];
    if (c.threads == 0) c.threads = fmax(1, sysconf(_SC_NPROCESSORS_ONLN));
    const bool samples = c.sample != NO_SAMPLE;
    const char *wrong =
        (samples || c.eval) && !c.load ? "--sample and --eval take a model: name it with --load" :
        samples && (c.input || c.eval) ? "--sample only writes: leave INPUT and --eval out" :
        c.prime && !samples ? "--prime is what --sample goes on from, which is not there" :
        (samples || c.eval) && (c.save || c.save_best || c.log) ? "--save and --log need training" :
        c.save_best && (!c.val_fraction || !c.eval_every) ? "--save-best takes --val-fraction" :
        c.save && c.save_best && !strcmp(c.save, c.save_best) ? "--save and --save-best are one" :
        c.input || samples ? NULL :
        "which text? Name a file, or '-' for standard input (--help shows more)";
    if (wrong) die(WRONG_USAGE, "%s", wrong);
    if (optind + 1 < argc)
        die(WRONG_USAGE, "'%s' and '%s' are two texts: name one", argv[optind], argv[optind + 1]);
    return c;
}

// ==== 13  The main loop ==========================================================================

static void *run_thread(void *share) {
    for (Share *s = share; ; s->done++) {
        wait_for(s, true);
        run_share(s);
    }
    return NULL;
}

static void start_threads(Model *m) {
    pthread_t thread;
    for (size_t i = 1; i < m->threads; i++)
        if (pthread_create(&thread, NULL, run_thread, &m->shares[i]) != 0)
            die(FAILED, "thread %zu cannot be started: lower --threads", i + 1);
}

// The status line, after so many iterations and seconds: it replaces the last one.
static void show_status(const Model *m, const Config *c, double done, double took) {
    const double T = c->seq_length, B = c->batch_size, part = c->iters ? 1.0 * m->n / c->iters : 0;
    const count left = part ? took / done * (c->iters - m->n) : 0; // seconds
    fprintf(stderr, CLEAR_LINE "iter %llu", m->n);
    if (part) fprintf(stderr, "/%llu (%.0f%%)", c->iters, 100 * part);
    fprintf(stderr, ", %.3f nats/char, %.0f char/s", m->smooth_loss / T, done * T * B / took);
    if (part) fprintf(stderr, ", %llu:%02llu:%02llu left", left / 3600, left / 60 % 60, left % 60);
}

// What is written has to arrive: when it cannot, training ends as if it had been stopped.
static void flush(FILE *out, const char *name) {
    if ((fflush(out) == 0 && !ferror(out)) || stop) return; // a signal may interrupt it, too
    cannot_write(name, strerror(errno));
    stop = OUTPUT_LOST;
}

// The table of losses. Of a run that goes on, the rows before iteration n stay; took is set to the
// seconds that the last of them had reached.
static FILE *open_log(const char *path, count n, double *took) {
    static const char header[] = "iter\tepoch\tseconds\tloss\tval_loss\n";
    char line[128];
    count iter;
    double s = 0;
    long end = 0;
    FILE *table = fopen(path, access(path, F_OK) == 0 ? "r+" : "w+");
    while (table && fgets(line, sizeof line, table) && strchr(line, '\n') &&
           (end == 0 ? strcmp(line, header) == 0 :
            sscanf(line, "%llu\t%*f\t%lf", &iter, &s) == 2 && iter < n))
        end = ftell(table), *took = s;
    if (table && end == 0 && ftell(table) > 0) die(FAILED, "%s: no log: name another file", path);
    if (!table || fseek(table, end, SEEK_SET) != 0 || ftruncate(fileno(table), end) != 0)
        die(FAILED, "%s: %s", path, strerror(errno));
    if (end == 0) fputs(header, table), fflush(table);
    return table;
}

// Whether what is done every so many iterations (0: never) is due: in the end it is, too.
static bool due(const Model *m, const Config *c, count every) {
    return every && (m->n % every == 0 || (c->iters && m->n >= c->iters));
}

// Says whether there is nothing to do. Another text than the model has been learning is read from
// its beginning.
static void begin_text(Model *m, const Text *text, const Config *c) {
    if (c->iters && m->n >= c->iters)
        fprintf(stderr, "min_char_rnn: %s has had its %llu iterations: to go on, raise --iters\n",
                c->load, m->n);
    count hash = 14695981039346656037u; // FNV-1a (Fowler, Noll and Vo)
    for (size_t i = 0; i < text->n; i++) hash = (hash ^ text->data[i]) * 1099511628211u;
    if (m->text == hash) return;
    if (c->load) fprintf(stderr, "min_char_rnn: %s is not the text, or not the part of it, that %s "
                         "was learning: it is read from its beginning\n", c->input, c->load);
    m->text = hash, m->p = 0, m->val_loss = 0, zero(m->hprev);
}

static void show_sample(Model *m, const Text *text, Ix x, const Config *c) {
    const Rng rng = m->rng;
    printf("----\n ");
    sample(m, text, rows(m->hprev, 0, 1), x, c->sample_length, c);
    if (!stop) printf(" \n----\n"), flush(stdout, "standard output");
    if (stop) m->rng = rng; // what has been cut short is drawn again when the run goes on
}

// Losses, the held-out one if there is one now (0: none): in the record, and as a row of the table.
static void show_losses(const Model *m, const Config *c, double val_loss, double epoch, double took,
                        FILE *table) {
    if (due(m, c, c->print_every)) printf("iter %llu, loss: %f\n", m->n, m->smooth_loss);
    if (val_loss) printf("iter %llu, val loss: %f nats/char, %f bits/char\n", m->n, val_loss,
                         val_loss / log(2));
    flush(stdout, "standard output");
    if (!table) return;
    fprintf(table, "%llu\t%f\t%.3f\t%f\t", m->n, epoch, took, m->smooth_loss / c->seq_length);
    fprintf(table, val_loss ? "%f\n" : "\n", val_loss);
    flush(table, c->log);
}

// lossFun on the next chunk, with its gradient, for adagrad, and hprev. Returns the loss, the mean
// over the streams. When it has diverged, the run ends.
static double checked_lossFun(Model *m, const Ix *inputs, size_t stream, const Config *c) {
    double loss = lossFun(m, inputs, stream) / c->batch_size;
    if (!(loss < 700.0 * c->seq_length)) // or is NaN; somewhere here the Python's exp overflows
        die(FAILED, "iteration %llu: the loss has diverged, to %g: lower --learning-rate",
            m->n, loss);
    return loss;
}

// Returns whether all has been saved that was to be.
static bool train(Model *m, Text *text, Config *c) {
    const size_t T = c->seq_length, stream = text->n / c->batch_size;
    const char *clear_line = isatty(STDERR_FILENO) && !c->quiet ? CLEAR_LINE : "";
    const Tensors all = tensors(m, text, c);
    const count first = m->n;
    double before = 0, shown = 0, started = seconds();
    FILE *table = c->log ? open_log(c->log, first, &before) : NULL;
    bool saved = save(c->save, &all, true), best_saved = save(c->save_best, &all, true);
    if (!saved || !best_saved) return false;

    while (true) {
        if (m->p >= stream - T - 1 || m->n == 0) {
            zero(m->hprev);                         // reset RNN memory
            m->p = 0;                               // go from start of data
        }
        const Ix *inputs = text->data + m->p;       // targets are one further on
        const bool stopped = stop, last = c->iters && m->n >= c->iters;
        double val_loss = 0;

        if (c->save && (stopped || last || (m->n > first && due(m, c, c->save_every)))) {
            copy(m->kept, m->hprev);
            checked_lossFun(m, inputs, stream, c);  // what has diverged is not saved
            copy(m->hprev, m->kept);
            saved = save(c->save, &all, false);
        }
        if (stopped) break;
        if (text->held_out && due(m, c, c->eval_every)) {
            val_loss = evaluate(m, text->data + text->n, text->held_out) / (text->held_out - 1);
            if (!stop && (m->val_loss == 0 || val_loss < m->val_loss)) {
                m->val_loss = val_loss;
                best_saved = save(c->save_best, &all, false);
            }
        }
        if (due(m, c, c->sample_every) && !stop) {
            fputs(clear_line, stderr);
            show_sample(m, text, *inputs, c);
        }
        if (stop) continue;
        double loss = checked_lossFun(m, inputs, stream, c);
        m->smooth_loss = m->smooth_loss * 0.999 + loss * 0.001;
        if (val_loss || due(m, c, c->print_every)) {
            fputs(clear_line, stderr);
            show_losses(m, c, val_loss, (double)m->n * T / stream, before + seconds() - started,
                        table);
        }
        if (last) break;                            // the last one shows, and learns no more
        adagrad(m, c->learning_rate, c->clip);
        m->p += T;                                  // move data pointer
        m->n++;
        if (*clear_line && seconds() > shown + 0.1) {
            shown = seconds();
            show_status(m, c, m->n - first, shown - started);
        }
    }
    double done = m->n - first, took = seconds() - started;
    if (!c->quiet)
        fprintf(stderr, "%s%.0f iterations in %.2f s: %.0f iterations/s, %.0f characters/s\n",
                clear_line, done, took, done / took, done * T * c->batch_size / took);
    return saved && best_saved;
}

// Holds out the end of a text; what is left has to last for a chunk of every stream.
static void hold_out(Text *text, const Config *c) {
    text->held_out = text->n * c->val_fraction;
    text->n -= text->held_out;
    const count stream = text->n / c->batch_size, T = c->seq_length;
    if (text->V == 1) die(FAILED, "%s: a single unique character: nothing to predict", c->input);
    if (stream <= T)
        die(FAILED, "%s: %llu characters a stream, but %llu steps take %llu: %s", c->input, stream,
            T, T + 1, c->load ? "this model needs a longer text" :
            c->batch_size > 1 ? "lower --seq-length or --batch-size" : "lower --seq-length");
    if (c->val_fraction > 0 && text->held_out < 2)
        die(FAILED, "%s: %llu to test on: raise --val-fraction", c->input, text->held_out);
}

static void on_signal(int signal_number) { stop = signal_number; }

// Asked to stop, it finishes the iteration first; asked again the same way, it stops where it is.
static void catch_signals(void) {
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND }, now;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, NULL, &now);
    if (now.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL); // not under nohup
}

#ifndef TESTING
int main(int argc, char **argv) {
    for (int fd = 0; fd < 3; fd++) // a closed one fails as before, but no file can take its place
        if (fcntl(fd, F_GETFD) == -1) open("/dev/null", fd ? O_RDONLY : O_WRONLY);
    Config c = parse_command_line(argc, argv);
    static Text text, prime; // static: within reach to the end, and so nothing that leaks
    static Model m;
    bool saved = true;
    text.char_to_ix = xcalloc(CODES, sizeof(Ix)), text.bytes = c.bytes;
    if (c.load) m = load(c.load, &text, &c);
    if (c.input) read_text(&text, strcmp(c.input, "-") ? fopen(c.input, "rb") : stdin, c.input);
    if (c.help) print_help();
    else if (c.version) printf("min_char_rnn 1.0\n");
    else if (c.sample != NO_SAMPLE) {
        Ix newline = text.char_to_ix['\n'] ? text.char_to_ix['\n'] - 1 : 0; // if there is one
        prime = c.prime ? typed_text(&text, "--prime", c.prime) : (Text){ &newline, .n = 1 };
        catch_signals();
        rng_seed(&m.rng, c.seed);
        evaluate(&m, prime.data, prime.n); // for the hidden state that it leaves
        if (c.sample == 0) c.sample = UINT64_MAX;
        sample(&m, &text, rows(m.h, 1, 1), prime.data[prime.n - 1], c.sample, &c);
    } else if (c.eval) {
        const count n = c.val_fraction ? text.n * c.val_fraction : text.n; // held out, or all
        if (n < 2) die(FAILED, "%s: %llu characters: nothing to predict", c.input, n);
        double loss = evaluate(&m, text.data + text.n - n, n) / (n - 1);
        printf("%llu characters: %f nats/char, %f bits/char, perplexity %f\n", n, loss,
               loss / log(2), exp(loss));
    } else {
        if (!c.load) sort_chars(&text);
        hold_out(&text, &c);
        printf("data has %llu characters, %llu unique.\n", text.n + text.held_out, text.V);
        flush(stdout, "standard output");
        if (!c.load) m = new_model(&c, text.V);
        free(typed_text(&text, "--stop", c.stop).data); // refused now, or not at all
        begin_text(&m, &text, &c);
        start_threads(&m);
        catch_signals();
        signal(SIGPIPE, SIG_IGN); // a closed pipe is an error like any other
        saved = train(&m, &text, &c);
    }
    flush(stdout, "standard output");
    if (saved && stop > 0) raise(stop); // ends as whoever sent the signal expects
    return saved && !stop ? 0 : FAILED;
}
#endif
