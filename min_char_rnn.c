/* min_char_rnn: a character-level recurrent network, trained on any text, in one C file.

Andrej Karpathy's min-char-rnn.py (BSD licence; CS231n, lecture 10) told again in C, in the same
order and under the same names. It needs libc and libm, and this builds it:

    cc -O3 -march=native min_char_rnn.c -o min_char_rnn -lm -pthread && ./min_char_rnn input.txt

(With -g -fsanitize=address,undefined for the first two options it checks itself as it runs.)

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
np.dot(W, h) there is matmul(out, h, W) here.

 1 What Python and NumPy gave us   4 Hyperparameters     7 Sampling    12 The command line
 2 Arithmetic                      5 Model parameters    8 Adagrad     13 The main loop
 3 Data I/O                        6 The loss function                                         */

#define _DEFAULT_SOURCE // glibc and musl show what is POSIX under -std=c11, too
#include <errno.h>
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
#include <time.h>
#include <unistd.h>

#ifndef REAL
#define REAL float // -DREAL=double computes what NumPy does, to the digit
#endif
typedef REAL real;
typedef uint16_t Ix; // a character's index in the vocabulary: where its one-hot vector has the 1

// =================================================================================================
// 1  What Python and NumPy gave us: an end with a reason, memory, random numbers

#define CLEAR_LINE "\r\033[K"          // on a terminal
enum { FAILED = 1, WRONG_USAGE = 2 }; // exit status
static volatile sig_atomic_t stop;    // the signal that asked for an end, or 0

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

// count things of a size, all zero, where a line of the cache begins.
static void *xcalloc(size_t count, size_t size) {
    void *memory = NULL;
    if (count > SIZE_MAX / size || posix_memalign(&memory, 64, count * size) != 0)
        die(FAILED, "there are no %.3g GB of memory: lower --hidden-size, --seq-length or "
            "--batch-size, or train on less text", (double)count * size / 1e9);
    memset(memory, 0, count * size);
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
    bool has_kept;             // randn makes two numbers at a time: whether the second still waits,
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

// =================================================================================================
// 2  Arithmetic: the matrix product, and what NumPy does to whole arrays

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
static real *row(Matrix a, size_t i) { return a.at + (ptrdiff_t)i * a.row_step; }

static Matrix rows(Matrix a, size_t i, size_t m) { // m rows of a, from row i on
    return (Matrix){ row(a, i), m, a.cols, a.row_step, a.col_step };
}

// a seen with rows and columns exchanged: nothing is moved.
static Matrix transposed(Matrix a) {
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

// =================================================================================================
// 3  Data I/O

enum { CODES = 0x110000 }; // Unicode's code points are 0 to 0x10FFFF

typedef struct {
    Ix *data;        // (n) the text, each character as its index in chars
    uint32_t *chars; // (V) the vocabulary: code points (with --bytes: bytes), sorted
    Ix *char_to_ix;  // (CODES) and the way back
    size_t n, V;
    bool bytes;
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

// data = open(path).read(); chars = sorted(set(data)); char_to_ix = {ch: i for i, ch in ...}
static Text read_text(const char *path, bool bytes) {
    Text text = { .char_to_ix = xcalloc(CODES, sizeof(Ix)), .bytes = bytes };
    FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    size_t room = 0, offset = 0, line = 1;
    for (int32_t code; file && (code = get_char(file, bytes)) != EOF; line += code == '\n') {
        if (code >= CODES)
            die(FAILED, "%s: line %zu, byte offset %zu: 0x%02X begins no UTF-8 character: convert "
                "the file (iconv -f LATIN1 -t UTF-8), or take each byte for a character (--bytes)",
                path, line, offset, (unsigned)code - CODES);
        Ix *ix = &text.char_to_ix[code]; // for now in order of appearance, counted from 1
        if (*ix == 0 && (*ix = ++text.V) == 0)
            die(FAILED, "%s: more than %d unique characters, too many for an index: "
                "take each byte for a character (--bytes)", path, UINT16_MAX);
        if (text.n == room) // realloc fails long before this product overflows
            text.data = realloc(text.data, (room += room / 2 + 65536) * sizeof(Ix));
        if (!text.data) die(FAILED, "there is no memory for %zu characters of text", room);
        text.data[text.n++] = *ix;
        offset += bytes ? 1 : 1 + utf8_more(code);
    }
    if (!file || ferror(file)) die(FAILED, "%s: %s", path, strerror(errno));
    if (text.n == 0) die(FAILED, "%s: the file is empty: there is nothing to learn from", path);
    if (text.V == 1) die(FAILED, "%s: a single unique character: nothing to predict", path);
    fclose(file);

    text.chars = xcalloc(text.V, sizeof *text.chars);
    Ix *sorted = xcalloc(text.V + 1, sizeof(Ix)); // from the first index to the final one
    for (uint32_t code = 0, ix = 0; code < CODES; code++)
        if (text.char_to_ix[code]) {
            text.chars[ix] = code;
            sorted[text.char_to_ix[code]] = ix;
            text.char_to_ix[code] = ix++;
        }
    for (size_t i = 0; i < text.n; i++) text.data[i] = sorted[text.data[i]];
    free(sorted);
    return text;
}

// =================================================================================================
// 4  Hyperparameters

typedef struct {
    size_t hidden_size, seq_length, batch_size; // H, T, B
    double learning_rate, clip;
    size_t iters, seed, threads, print_every, sample_every, sample_length;
    bool bytes, quiet, help, version;
    const char *input;
} Config;

typedef struct {
    size_t field; // where in Config
    char letter;
    const char *name, *takes; // N: a whole number, X: a real one, NULL: nothing
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
    { FIELD(bytes), 0, "bytes", NULL, NULL, 0, 0, "a character is a byte: any file will do" },
    { FIELD(quiet), 'q', "quiet", NULL, NULL, 0, 0, "no status line and no summary" },
    { FIELD(help), 'h', "help", NULL, NULL, 0, 0, "show this help" },
    { FIELD(version), 'V', "version", NULL, NULL, 0, 0, "show the version" },
};
enum { OPTIONS = sizeof options / sizeof *options };

// =================================================================================================
// 5  Model parameters

// One block of memory holds them all, so that clipping, Adagrad and saving are one loop each; the
// names are windows into it.
typedef struct {
    Matrix Wxh; // (V,H) input to hidden: a row for each character
    Matrix Whh; // (H,H) hidden to hidden
    Matrix Why; // (H,V) hidden to output
    Matrix bh;  // (1,H) hidden bias
    Matrix by;  // (1,V) output bias
    real *all;  // the block itself
    size_t count;
} Params;

// One thread's share of the streams, and what the loss function works on there.
typedef struct {
    Params param;      // the model's, which it only reads
    Params dparam;     // the gradient of the loss on them, summed over T and B
    Ix *inputs;        // ((T+1)*B) the characters of T+1 steps: targets are inputs + B
    Matrix hprev;      // (B,H) the hidden state after the last chunk; in the end, after this one
    Matrix hs;         // ((T+1)*B,H) all hidden states, hprev first
    Matrix ps;         // (T*B,V) scores, then probabilities, then dy
    Matrix dh;         // (T*B,H) gradient on h, then dhraw: on what goes into tanh
    Matrix WhhT, WhyT; // (H,H), (V,H) transposes, for the backward pass
    double loss;       // summed over T and B
    pthread_t thread;
    atomic_size_t asked, done; // how often it was to be computed, and has been
} Share;

typedef struct {
    Params param, mem; // the parameters, and Adagrad's memory of their gradients
    Matrix hprev;      // (B,H) the hidden state between chunks
    Ix *inputs;        // ((T+1)*B) what the shares read
    Matrix h, y;       // (2,H), (1,V) what sampling works on
    Rng rng;
    size_t n, p;       // iterations done; where in each stream the next chunk begins
    double smooth_loss;
    Share *shares;     // (threads)
    size_t threads;
} Model;

// A block of memory, and how many of its numbers are taken. Without memory (NULL) taking only
// counts: that is how much to ask for.
typedef struct { real *at; size_t used; } Block;

static Matrix take(Block *block, size_t rows, size_t cols) {
    size_t step = (vectors(cols) | 1) * LANES; // whole vectors, an odd number of them
    if (rows > (SIZE_MAX / sizeof(real) - block->used) / step)
        die(FAILED, "a model of this size is larger than any memory: lower --hidden-size, "
            "--seq-length or --batch-size");
    Matrix m = { block->at ? block->at + block->used : NULL, rows, cols, step, 1 };
    block->used += rows * step;
    return m;
}

static Params take_params(Block *block, size_t V, size_t H) {
    size_t start = block->used;
    Params p = { .Wxh = take(block, V, H) };
    p.Whh = take(block, H, H);
    p.Why = take(block, H, V);
    p.bh = take(block, 1, H);
    p.by = take(block, 1, V);
    p.all = p.Wxh.at;
    p.count = block->used - start;
    return p;
}

// Lays a model out in a block; returns how many numbers that takes.
static size_t lay_out(Model *m, real *memory, const Config *c, size_t V) {
    Block block = { memory, 0 };
    size_t H = c->hidden_size, T = c->seq_length, first = 0;
    m->param = take_params(&block, V, H);
    m->mem = take_params(&block, V, H);
    m->hprev = take(&block, c->batch_size, H);
    m->h = take(&block, 2, H);
    m->y = take(&block, 1, V);
    for (size_t i = 0; i < m->threads; i++) {
        Share *s = &m->shares[i];
        size_t B = (c->batch_size - first) / (m->threads - i); // as even as can be
        s->param = m->param;
        s->inputs = m->inputs + first * (T + 1);
        s->dparam = take_params(&block, V, H);
        if (memory) s->hprev = rows(m->hprev, first, B);
        s->hs = take(&block, (T + 1) * B, H);
        s->ps = take(&block, T * B, V);
        s->dh = take(&block, T * B, H);
        s->WhhT = take(&block, H, H);
        s->WhyT = take(&block, V, H);
        first += B;
    }
    return block.used;
}

// w = np.random.randn(rows, cols)*0.01
static void randn(Matrix w, Rng *rng) {
    for (size_t i = 0; i < w.rows; i++) for (size_t j = 0; j < w.cols; j++)
        row(w, i)[(ptrdiff_t)j * w.col_step] = rng_normal(rng) * 0.01;
}

static Model new_model(const Config *c, size_t V) {
    Model m = { .threads = min(c->threads, c->batch_size) };
    m.shares = xcalloc(m.threads, sizeof *m.shares);
    m.inputs = xcalloc((c->seq_length + 1) * c->batch_size, sizeof(Ix));
    size_t count = lay_out(&m, NULL, c, V);
    lay_out(&m, xcalloc(count, sizeof(real)), c, V);
    rng_seed(&m.rng, c->seed);
    randn(transposed(m.param.Wxh), &m.rng); // Wxh = np.random.randn(hidden_size, vocab_size)*0.01
    randn(transposed(m.param.Whh), &m.rng); // Whh = np.random.randn(hidden_size, hidden_size)*0.01
    randn(transposed(m.param.Why), &m.rng); // Why = np.random.randn(vocab_size, hidden_size)*0.01
    for (size_t i = V; i % LANES; i++)
        m.param.by.at[i] = -INFINITY; // so that padding gets the probability exp(-inf) = 0
    m.smooth_loss = -log(1.0 / V) * c->seq_length; // loss at iteration 0
    return m;
}

// =================================================================================================
// 6  The loss function

// h(t) = tanh(Wxh x(t) + Whh h(t-1) + bh), for B streams; h and hprev, which is h(t-1), are (B,H).
// x(t) is one-hot, all zeros but for a 1 at the character x[b]: Wxh x(t) is just that row of Wxh.
static void rnn_step(const Params *p, const Ix *x, Matrix hprev, Matrix h, size_t t) {
    for (size_t b = 0; b < h.rows; b++)
        add(row(h, b), row(p->Wxh, x[b]), p->bh.at, h.cols);
    matmul(h, hprev, p->Whh, t % 2 ? ADD | FROM_END : ADD);
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

static void run_share(Share *s) {
    s->loss = forward(s);
    backward(s);
}

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
    for (size_t i = 0; i < m->threads; data += s[i++].hprev.rows * stream) {
        Ix *input = s[i].inputs;
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

// =================================================================================================
// 7  Sampling

// An index drawn with the probabilities p (V): np.random.choice(range(vocab_size), p=p)
static Ix choice(const real *p, size_t V, Rng *rng) {
    double sum = 0, cdf = 0, coin = rng_uniform(rng);
    for (size_t i = 0; i < V; i++) sum += p[i];
    for (size_t i = 0; i + 1 < V; i++)
        if ((cdf += p[i]) / sum > coin)
            return i;
    return V - 1;
}

// Writes n characters that the model says come after hidden state hprev (1,H) and character x.
static void sample(Model *m, const Text *text, Matrix hprev, Ix x, size_t n, FILE *out) {
    copy(m->h, hprev);
    for (size_t t = 0; t < n && !stop && !ferror(out); t++) {
        Matrix h = rows(m->h, 1 - t % 2, 1);
        rnn_step(&m->param, &x, rows(m->h, t % 2, 1), h, t);
        copy(m->y, m->param.by);
        matmul(m->y, h, m->param.Why, ADD);         // y = np.dot(Why, h) + by
        softmax(m->y.at, m->y.cols);                // p = np.exp(y) / np.sum(np.exp(y))
        x = choice(m->y.at, m->y.cols, &m->rng);    // the next step reads what this one has drawn
        put_char(text->chars[x], text->bytes, out);
    }
}

// =================================================================================================
// 8  Adagrad

// For each parameter; dparam is the mean over B streams. The more the squares of a parameter's
// gradients have added up to, the smaller its steps:
//     np.clip(dparam, -5, 5, out=dparam)
//     mem += dparam * dparam
//     param += -learning_rate * dparam / np.sqrt(mem + 1e-8)
static void adagrad(Model *m, real learning_rate, real most) {
    const vec *dparam = (vec *)m->shares->dparam.all;
    vec *param = (vec *)m->param.all, *mem = (vec *)m->mem.all;
    const real B = m->hprev.rows;
    for (size_t i = 0; i < vectors(m->param.count); i++) {
        vec d = clip(dparam[i] * (1 / B), most);
        mem[i] += d * d;
        param[i] += -learning_rate * d * rsqrt(mem[i] + (real)1e-8);
    }
}

// =================================================================================================
// 12  The command line

// Sets what an option stands for, from the text given with it.
static void set_option(Config *c, const Option *o, const char *text) {
    void *field = (char *)c + o->field;
    bool whole = *o->takes == 'N';
    size_t digits = strspn(text, whole ? "0123456789" : "0123456789.eE+-");
    char *end;
    errno = 0;
    double x = strtod(text, &end), most = whole ? fmin(o->most, (double)SIZE_MAX) : o->most;
    if (!digits || text[digits] || *end || errno || x < o->least || x > most)
        die(WRONG_USAGE, "--%s %s: takes %s from %.15g to %.15g",
            o->name, text, whole ? "a whole number" : "a number", o->least, most);
    if (whole) *(size_t *)field = x; // exact: no whole number here is above 2^53
    else *(double *)field = x;
}

static void print_help(void) {
    printf("Usage: min_char_rnn [options] INPUT\n\n"
           "Trains a character-level recurrent network on the text INPUT ('-' is standard input),\n"
           "printing samples and losses as it goes.\n\n");
    for (const Option *o = options; o < options + OPTIONS; o++) {
        printf(o->letter ? "  -%c, " : "      ", o->letter);
        printf("--%s %-*s", o->name, 18 - (int)strlen(o->name), o->takes ? o->takes : "");
        printf(o->preset ? "%s (%s)\n" : "%s\n", o->help, o->preset);
    }
}

static Config parse_command_line(int argc, char **argv) {
    Config c = { 0 };
    struct option longs[OPTIONS + 1] = { { 0 } };
    char shorts[2 * OPTIONS + 1] = "", *s = shorts;
    for (int i = 0; i < OPTIONS; i++) {
        const Option *o = &options[i];
        longs[i] = (struct option){ o->name, !!o->takes, NULL, o->letter ? o->letter : 256 + i };
        if (o->letter) s += sprintf(s, o->takes ? "%c:" : "%c", o->letter);
        if (o->preset) set_option(&c, o, o->preset);
    }
    for (int got; (got = getopt_long(argc, argv, shorts, longs, NULL)) != -1; ) {
        if (got == '?') die(WRONG_USAGE, "--help shows the options there are"); // and it said why
        int i = 0;
        while (got != longs[i].val) i++;
        if (optarg) set_option(&c, &options[i], optarg);
        else *(bool *)((char *)&c + options[i].field) = true;
    }
    if (optind == argc && !c.help && !c.version)
        die(WRONG_USAGE, "which text? Name a file, or '-' for standard input (--help shows more)");
    if (optind + 1 < argc)
        die(WRONG_USAGE, "'%s' and '%s' are two texts: name one", argv[optind], argv[optind + 1]);
    c.input = argv[optind];
    if (c.threads == 0) c.threads = fmax(1, sysconf(_SC_NPROCESSORS_ONLN));
    return c;
}

// =================================================================================================
// 13  The main loop

static void *run_thread(void *share) {
    Share *s = share;
    for (wait_for(s, true); s->asked != SIZE_MAX; wait_for(s, true)) {
        run_share(s);
        s->done++;
    }
    return NULL;
}

static void start_threads(Model *m) {
    for (size_t i = 1; i < m->threads; i++)
        if (pthread_create(&m->shares[i].thread, NULL, run_thread, &m->shares[i]) != 0)
            die(FAILED, "thread %zu cannot be started: lower --threads", i + 1);
}

static void free_model(Model *m) {
    for (size_t i = 1; i < m->threads; i++) {
        m->shares[i].asked = SIZE_MAX;
        pthread_join(m->shares[i].thread, NULL);
    }
    free(m->param.all), free(m->inputs), free(m->shares);
}

// The status line, after so many seconds: it replaces the last one.
static void show_status(const Model *m, const Config *c, double took) {
    const size_t done = m->n + 1; // iterations: this one, too
    unsigned long long left = c->iters ? took / done * (c->iters - m->n) : 0; // seconds
    fprintf(stderr, CLEAR_LINE "iter %zu", m->n);
    if (c->iters) fprintf(stderr, "/%zu (%.0f%%)", c->iters, 100.0 * m->n / c->iters);
    fprintf(stderr, ", %.3f nats/char, %.0f char/s", m->smooth_loss / c->seq_length,
            done * c->seq_length * c->batch_size / took);
    if (c->iters)
        fprintf(stderr, ", %llu:%02llu:%02llu left", left / 3600, left / 60 % 60, left % 60);
}

static void flush_record(void) {
    if ((fflush(stdout) != 0 || ferror(stdout)) && !stop) // a signal may interrupt it, too
        die(FAILED, "standard output cannot be written: %s", strerror(errno));
}

static void train(Model *m, const Text *text, const Config *c) {
    const size_t T = c->seq_length, stream = text->n / c->batch_size;
    const char *clear_line = isatty(STDERR_FILENO) && !c->quiet ? CLEAR_LINE : "";
    double started = seconds(), shown = 0;

    for (; !stop; m->n++) {
        if (m->p + T + 1 >= stream || m->n == 0) {
            zero(m->hprev);                         // reset RNN memory
            m->p = 0;                               // go from start of data
        }
        const Ix *inputs = text->data + m->p;       // targets are one further on
        bool last = c->iters && m->n == c->iters;   // the last one shows, and learns no more

        if (c->sample_every && (m->n % c->sample_every == 0 || last)) {
            fputs(clear_line, stderr);
            printf("----\n ");
            sample(m, text, rows(m->hprev, 0, 1), *inputs, c->sample_length, stdout);
            if (stop) break;                        // whoever should read it may have gone
            printf(" \n----\n");
            flush_record();
        }
        double loss = lossFun(m, inputs, stream) / c->batch_size;
        if (!(loss < 700.0 * T)) // or is NaN; somewhere here the Python's exp overflows
            die(FAILED, "iteration %zu: the loss has diverged, to %g: lower --learning-rate",
                m->n, loss);
        m->smooth_loss = m->smooth_loss * 0.999 + loss * 0.001;
        if (c->print_every && (m->n % c->print_every == 0 || last)) {
            fputs(clear_line, stderr);
            printf("iter %zu, loss: %f\n", m->n, m->smooth_loss);
            flush_record();
        }
        if (last) break;
        adagrad(m, c->learning_rate, c->clip);
        m->p += T;                                  // move data pointer
        if (*clear_line && seconds() > shown + 0.1) {
            shown = seconds();
            show_status(m, c, shown - started);
        }
    }
    double done = m->n, took = seconds() - started;
    if (!c->quiet)
        fprintf(stderr, "%s%.0f iterations in %.2f s: %.0f iterations/s, %.0f characters/s\n",
                clear_line, done, took, done / took, done * T * c->batch_size / took);
}

static void on_signal(int signal_number) { stop = signal_number; }

// Asked to stop, it finishes the iteration first; asked again, it stops where it is.
static void catch_signals(void) {
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND }, now;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, NULL, &now);
    if (now.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL); // not under nohup
    signal(SIGPIPE, SIG_IGN); // a closed pipe is an error like any other
}

#ifndef TESTING
int main(int argc, char **argv) {
    Config c = parse_command_line(argc, argv);
    if (c.help) print_help();
    else if (c.version) printf("min_char_rnn 1.0\n");
    else {
        Text text = read_text(c.input, c.bytes);
        if (text.n / c.batch_size <= c.seq_length)
            die(FAILED, "%s: %zu characters a stream, where %zu steps take %zu: lower "
                "--seq-length%s", c.input, text.n / c.batch_size, c.seq_length,
                c.seq_length + 1, c.batch_size > 1 ? " or --batch-size" : "");
        printf("data has %zu characters, %zu unique.\n", text.n, text.V);
        flush_record();
        Model m = new_model(&c, text.V);
        start_threads(&m);
        catch_signals();
        train(&m, &text, &c);
        free_model(&m);
        free(text.data), free(text.chars), free(text.char_to_ix);
    }
    if (stop) raise(stop); // ends as whoever sent the signal expects
    flush_record();
    return 0;
}
#endif
