/* The unit tests of min_char_rnn.c. The program is included, and with it all that is static; beside
it stands a slow and plain version of what it computes. A line for each check that fails, then how
many passed and failed. Built twice, in float and in double. */

#define TESTING
#pragma GCC diagnostic ignored "-Wunused-function" // the program's, which main would use
#include "../min_char_rnn.c"
#include <float.h>
#include <sys/wait.h>

static size_t passed, failed;

__attribute__((format(printf, 4, 5)))
static void check(bool ok, int line, const char *what, const char *format, ...) {
    *(ok ? &passed : &failed) += 1;
    if (!ok) {
        va_list args;
        va_start(args, format);
        printf("tests/test.c:%d: %s: ", line, what);
        vprintf(format, args);
        putchar('\n');
        va_end(args);
    }
}
#define CHECK(ok, ...) check(ok, __LINE__, #ok, __VA_ARGS__) // and the figures, as for printf

static const double EPSILON = DOUBLE ? DBL_EPSILON : FLT_EPSILON;

static double most(double a, double b) { return a > b || a != a ? a : b; } // NaN is most of all
static size_t size(Matrix a) { return a.rows * a.cols; }
static real *nth(Matrix a, size_t i) {
    return row(a, i / a.cols) + (ptrdiff_t)(i % a.cols) * a.col_step;
}

static void fill(Matrix a, Rng *rng, int range) { // with whole numbers from -range to range
    for (size_t i = 0; i < size(a); i++)
        *nth(a, i) = (int)(rng_u32(rng) % (2 * range + 1)) - range;
}

static size_t padding_not_0(Matrix a) { // how many numbers
    size_t n = 0;
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = a.cols; j < (size_t)a.row_step; j++)
            n += row(a, i)[j] != 0;
    return n;
}

// -------------------------------------------------------------------------------------------------
// Ends: what is to end the program runs in a process of its own

static char said[4096]; // on standard error, by the last process

// The exit status of a process that runs the function; -1, if it did not come to an exit.
static int status_of(void (*function)(const void *), const void *argument) {
    FILE *errors = tmpfile();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(errors), STDERR_FILENO);
        function(argument);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    rewind(errors);
    said[fread(said, 1, sizeof said - 1, errors)] = '\0';
    fclose(errors);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define CHECK_END(status, words, function, argument) do { \
        int status_ = status_of(function, argument); \
        CHECK(status_ == status && strstr(said, words), "%d, saying: %s", status_, said); \
    } while (0)

static void allocate(const void *n) { free(xcalloc(*(const count *)n, 16)); }

static void make_matrix(const void *rows_of) {
    const size_t *shape = rows_of;
    free(new_matrix(shape[0], shape[1]).at);
}

static void test_memory(void) {
    CHECK_END(FAILED, "memory", allocate, &(count){ SIZE_MAX / 16 + 2 });
    CHECK_END(FAILED, "memory", allocate, &(count){ UINT64_MAX });
    CHECK_END(FAILED, "memory", make_matrix, (&(size_t[]){ 65535u * 65535u, 1000000 }));
    CHECK_END(0, "", make_matrix, (&(size_t[]){ 1000, 1 }));
    char *memory = xcalloc(1000, 3);
    size_t not_0 = 0;
    for (size_t i = 0; i < 3000; i++)
        not_0 += memory[i] != 0;
    CHECK(not_0 == 0 && (uintptr_t)memory % 64 == 0, "%zu bytes at %p", not_0, (void *)memory);
    free(memory);
}

// -------------------------------------------------------------------------------------------------
// Random numbers

// The word of the generator's state that comes out as y: shifts are undone by doing them again.
static uint32_t untempered(uint32_t y) {
    uint32_t a = y ^ y >> 18, b = a, c, d;
    for (int i = 0; i < 3; i++)
        b = a ^ (b << 15 & 0xefc60000u);
    c = d = b;
    for (int i = 0; i < 5; i++)
        c = d = b ^ (c << 7 & 0x9d2c5680u);
    for (int i = 0; i < 3; i++)
        d = c ^ d >> 11;
    return d;
}

static Rng rng_about_to_give(double uniform) {
    uint64_t bits = uniform * 9007199254740992.0;
    return (Rng){ .state = { untempered(bits >> 26 << 5), untempered(bits << 6) } };
}

// Each row is what NumPy prints after np.random.seed(seed): randn() three times; random_sample(),
// and the sum of 2000 more; randn(), which has been waiting since the third; twelve times
// choice(4, p=[.1,.2,.3,.4]).
static void test_rng(void) {
    static const struct { uint32_t seed; double number[6]; const char *choices; } numpy[] = {
        { 0u, { 1.764052345967664, 0.4001572083672233, 0.9787379841057392,
          0.4236547993389047, 1007.1025388363561, 2.240893199201458 }, "221122110012" },
        { 1u, { 1.6243453636632417, -0.6117564136500754, -0.5281717522634557,
          0.39676747423066994, 1020.9076298598275, -1.0729686221561705 }, "233210112313" },
        { 4294967295u, { 0.6484086742306527, 0.6693235306338161, -1.0805437227474493,
          0.9093750727977705, 1003.5271052158612, 0.2845010447986309 }, "332322332133" },
    };
    const real p[] = { (real).1, (real).2, (real).3, (real).4 };
    for (size_t i = 0; i < sizeof numpy / sizeof *numpy; i++) {
        Rng rng;
        rng_seed(&rng, numpy[i].seed);
        for (int j = 0; j < 6; j++) {
            double x = j == 3 ? rng_uniform(&rng) : j == 4 ? 0 : rng_normal(&rng);
            for (int k = 0; j == 4 && k < 2000; k++)
                x += rng_uniform(&rng);
            CHECK(fabs(x - numpy[i].number[j]) <= 1e-15 * most(1, x), "seed %u: %.17g is not %.17g",
                  (unsigned)numpy[i].seed, x, numpy[i].number[j]);
        }
        char choices[13] = "";
        for (int j = 0; j < 12; j++)
            choices[j] = '0' + choice(p, 4, &rng);
        CHECK(!strcmp(choices, numpy[i].choices), "%s is not %s", choices, numpy[i].choices);
    }
}

// np.searchsorted(np.cumsum(p) / sum, coin, side='right'): the first share to go beyond the coin
static void test_choice(void) {
    static const struct { real p[5]; double coin; Ix ix; } cases[] = {
        { { .25, .25, .5, 0, 0 }, 0, 0 },
        { { .25, .25, .5, 0, 0 }, .25 - DBL_EPSILON, 0 },
        { { .25, .25, .5, 0, 0 }, .25, 1 },
        { { .25, .25, .5, 0, 0 }, .5, 2 },
        { { .25, .25, .5, 0, 0 }, 1 - DBL_EPSILON / 2, 2 }, // not 4, which has probability 0
        { { 0, .5, 0, .5, 0 }, 0, 1 },
        { { 0, .5, 0, .5, 0 }, .5, 3 },
        { { 0, 0, 0, 0, 1 }, 0, 4 },
        { { 3, 1, 0, 0, 4 }, .375, 1 },                     // only the proportions count
        { { 3, 1, 0, 0, 4 }, .5, 4 },
        { { 3, 1, 0, 0, 4 }, 1 - DBL_EPSILON / 2, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Rng rng = rng_about_to_give(cases[i].coin);
        Ix ix = choice(cases[i].p, 5, &rng);
        CHECK(ix == cases[i].ix, "case %zu: %d is not %d", i, ix, cases[i].ix);
        CHECK(rng.used == 2, "case %zu: %d words are not one uniform number", i, (int)rng.used);
    }
}

// -------------------------------------------------------------------------------------------------
// Arithmetic

// Over all shapes that mean something to a tile's rows, columns and blocks. The numbers are small
// and whole: every sum is exact, in whatever order. Then again: adding, with a
// transposed, and from the last row of b to the first.
static void test_matmul(void) {
    static const size_t ms[] = { 0, 1, 2, 5, 6, 7, 8, 12, 13, 25 };
    static const size_t ks[] = { 0, 1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3 };
    static const size_t ns[] = { 0, 1, LANES - 1, LANES, LANES + 1, 2 * LANES, 3 * LANES - 1,
        4 * LANES, 5 * LANES, 7 * LANES, 8 * LANES + 1, 13 * LANES, 14 * LANES, 27 * LANES + 1 };
    enum { ADDS = 1, TRANSPOSED = 2, FROM_END = 4, WAYS = 8 };
    Rng rng;
    rng_seed(&rng, 1);
    for (size_t shape_ = 0; shape_ < 10 * 8 * 14; shape_++) {
        const size_t m = ms[shape_ % 10], k = ks[shape_ / 10 % 8], n = ns[shape_ / 80];
        Matrix product = new_matrix(m, n), a = new_matrix(m, k), aT = new_matrix(k, m);
        Matrix b = new_matrix(k, n), out = new_matrix(m + 2, n); // a row before, and one after
        fill(a, &rng, 3), fill(b, &rng, 3);
        for (size_t i = 0; i < m; i++)
            for (size_t l = 0; l < k; l++) {
                row(aT, l)[i] = row(a, i)[l];
                for (size_t j = 0; j < n; j++)
                    row(product, i)[j] += row(a, i)[l] * row(b, l)[j];
            }
        for (int way = 0; way < WAYS; way++) {
            const bool adds = way & ADDS;
            Matrix x = way & TRANSPOSED ? transposed(aT) : a, y = b;
            if (k == 0 && way & FROM_END) continue; // there is no last row
            if (way & FROM_END) x = transposed(upside_down(transposed(x))), y = upside_down(y);
            for (size_t i = 0; i < size(out); i++)
                *nth(out, i) = 7;
            matmul(rows(out, 1, m), x, y, adds ? ADD : SET);
            size_t wrong = 0;
            for (size_t i = 0; i < size(out); i++) {
                bool inside = i >= n && i < (m + 1) * n;
                wrong += *nth(out, i) != (!inside ? 7 : *nth(product, i - n) + (adds ? 7 : 0));
            }
            CHECK(wrong == 0 && padding_not_0(out) == 0, "(%zu,%zu) by (%zu,%zu), way %d: %zu "
                  "numbers are wrong, %zu of the padding", m, k, k, n, way, wrong,
                  padding_not_0(out));
        }
        free(product.at), free(a.at), free(aT.at), free(b.at), free(out.at);
    }
}

// A step of the recurrence, odd or even: it adds, and to its own rows only.
static void test_recur(void) {
    static const size_t sizes[] = { 1, 5, LANES + 1, BLOCK + 3 };
    Rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < 4 * 3 * 3; i++) {
        const size_t H = sizes[i % 4], B = 1 + i / 4 % 3, t = i / 12;
        const Layer l = { .B = B };
        Matrix in = new_matrix(3 * B, H), out = new_matrix(3 * B, H), W = new_matrix(H, H);
        fill(in, &rng, 3), fill(W, &rng, 3);
        for (size_t j = 0; j < size(out); j++) *nth(out, j) = 7;
        recur(&l, out, in, W, t);
        size_t wrong = padding_not_0(out);
        for (size_t r = 0; r < 3 * B; r++)
            for (size_t j = 0; j < H; j++) {
                double want = 7;
                for (size_t k = 0; r / B == t && k < H; k++) want += row(in, r)[k] * row(W, k)[j];
                wrong += row(out, r)[j] != want;
            }
        CHECK(wrong == 0, "H=%zu B=%zu, step %zu: %zu numbers are wrong", H, B, t, wrong);
        free(in.at), free(out.at), free(W.at);
    }
}

static void test_transpose(void) {
    Rng rng;
    rng_seed(&rng, 2);
    for (size_t m = 0; m <= 2 * LANES + 1; m++)
        for (size_t n = 0; n <= 2 * LANES + 1; n++) {
            Matrix a = new_matrix(m, n), aT = new_matrix(n, m);
            fill(a, &rng, 9);
            transpose(aT, a);
            size_t wrong = padding_not_0(aT);
            for (size_t j = 0; j < n; j++)
                for (size_t i = 0; i < m; i++)
                    wrong += row(aT, j)[i] != row(a, i)[j];
            CHECK(wrong == 0, "(%zu,%zu): %zu numbers are wrong", m, n, wrong);
            free(a.at), free(aT.at);
        }
}

typedef void Function(vec *x); // a vector through a pointer: one ABI on every target
static void exp_in_place(vec *x) { *x = exp_(*x); }
static void expm1_in_place(vec *x) { *x = exp_minus(*x, 1); }
static void tanh_in_place(vec *x) { *x = tanh_(*x); }
static void rsqrt_in_place(vec *x) { *x = rsqrt(*x); }
static void sigmoid_in_place(vec *x) { *x = sigmoid(*x); }
static void clip_in_place(vec *x) { *x = clip(*x, 5); }
static long double rsqrt_of(long double x) { return 1 / sqrtl(x); }

static double value_of(Function *function, volatile double x) { // not while compiling
    vec v = (vec){ 0 } + (real)x;
    function(&v);
    return v[LANES - 1];
}

// The largest error, in units of the last digit, over a million numbers from least to greatest,
// spread as real numbers are: as many between 1 and 2 as between 2 and 4. (Where a long double has
// 128 bits and is computed in software, fewer have to do.)
static double error_of(Function *function, long double (*libm)(long double), int sign, real least,
                       real greatest) {
    const size_t points = LDBL_MANT_DIG > 64 ? 20000 : 1000000;
    word first, last;
    memcpy(&first, &least, sizeof least);
    memcpy(&last, &greatest, sizeof greatest);
    const word stride = (last - first) / points + 1;
    double worst = 0;
    for (word bits = first; bits < last - LANES * stride; ) {
        vec x, y;
        for (int l = 0; l < LANES; l++, bits += stride)
            x[l] = ((union { word bits; real x; }){ bits }).x * sign;
        function((y = x, &y));
        for (int l = 0; l < LANES; l++) {
            int exponent;
            long double want = libm(x[l]);
            frexpl(want, &exponent);
            exponent = exponent < (DOUBLE ? -1021 : -125) ? (DOUBLE ? -1021 : -125) : exponent;
            worst = most(fabsl(y[l] - want) / ldexpl(EPSILON / 2, exponent), worst);
        }
    }
    return worst;
}

static void test_functions(void) {
    static const real tiny = DOUBLE ? (real)DBL_MIN : (real)FLT_MIN;
    static const real huge = DOUBLE ? (real)DBL_MAX : (real)FLT_MAX;
    const real small = DOUBLE ? (real)1e-20 : 0; // below it all of a double's are 1, or x itself
    const struct { const char *name; Function *function; long double (*libm)(long double);
                   real least, greatest; double bound; } functions[] = {
        { "exp_", exp_in_place, expl, small, EXP_MOST, 1.4 },
        { "exp_minus 1", expm1_in_place, expm1l, small, EXP_MOST, 2.8 },
        { "tanh_", tanh_in_place, tanhl, small, 100, 3.6 },
        { "tanh_, to the ends", tanh_in_place, tanhl, 0, huge, 3.6 },
        { "rsqrt", rsqrt_in_place, rsqrt_of, tiny, huge, DOUBLE ? 3.3 : 100 }, // 4.7e-6
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int sign = 1; sign >= (functions[i].libm == rsqrt_of ? 1 : -1); sign -= 2) {
            double error = error_of(functions[i].function, functions[i].libm, sign,
                                    functions[i].least, functions[i].greatest);
            CHECK(error <= functions[i].bound, "%s of %s numbers: %.3f units of the last digit",
                  functions[i].name, sign > 0 ? "positive" : "negative", error);
        }
    static const struct { Function *function; double x, y; } exact[] = {
        { exp_in_place, 0, 1 }, { exp_in_place, -0.0, 1 }, { exp_in_place, -INFINITY, 0 },
        { exp_in_place, -1e9, 0 }, { exp_in_place, DOUBLE ? -708.1 : -87.1, 0 },
        { exp_in_place, 4.9e-324, 1 }, { expm1_in_place, 0, 0 }, { tanh_in_place, 0, 0 },
        { tanh_in_place, INFINITY, 1 }, { tanh_in_place, -INFINITY, -1 },
        { sigmoid_in_place, 0, 0.5 }, { sigmoid_in_place, 100, 1 },
        { tanh_in_place, 20, 1 }, { tanh_in_place, -20, -1 }, { tanh_in_place, 1e30, 1 },
        { clip_in_place, 6, 5 }, { clip_in_place, -6, -5 }, { clip_in_place, 4, 4 },
        { clip_in_place, -4, -4 }, { clip_in_place, INFINITY, 5 }, { clip_in_place, -INFINITY, -5 },
    };
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        double y = value_of(exact[i].function, exact[i].x);
        CHECK(y == exact[i].y, "case %zu: %g gives %.17g, not %g", i, exact[i].x, y, exact[i].y);
    }
    double off = 0; // a gate's absolute error is what counts
    for (double x = -99; x <= 99; x += 1.0 / 128)
        off = most(fabs(value_of(sigmoid_in_place, x) - 1 / (1 + exp(-x))), off);
    CHECK(off <= EPSILON, "sigmoid is off by %g", off);
    static Function *const all[] = { exp_in_place, expm1_in_place, tanh_in_place, sigmoid_in_place,
                                     clip_in_place };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) // a loss that is none must not be hidden
        CHECK(isnan(value_of(all[i], NAN)), "function %zu of NaN: %g", i, value_of(all[i], NAN));
    CHECK(value_of(exp_in_place, INFINITY) == value_of(exp_in_place, EXP_MOST), "%g",
          value_of(exp_in_place, INFINITY));
}

static void test_softmax(void) {
    static const real scores[][5] = {
        { 0, 0, 0, 0, 0 }, { 1, 2, 3, 4, 5 }, { 1e4, -1e4, 0, 1e4, -3 }, { -1e4, -1e4, -1e4, -1e4 },
        { 7, 7, 7, 7, 7 }, { 88, 87, 800, 801, 799 }, { -801, -800, -799, -9e3, -802 },
        { -1e3, 1e3, 0, 0, 0 }, { 0, 0, 0, 0, 1e3 },
    };
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++)
        for (size_t V = 1; V <= 5; V++) {
            vec p[3]; // room for V and more
            real *y = (real *)p;
            double highest = -INFINITY, sum = 0, worst = 0;
            for (size_t j = 0; j < 3 * LANES; j++)
                y[j] = j < V ? scores[i][j] : (real)-INFINITY;
            for (size_t j = 0; j < V; j++)
                highest = most(scores[i][j], highest);
            for (size_t j = 0; j < V; j++)
                sum += exp(scores[i][j] - highest);
            double log_sum = softmax(y, V), want = highest + log(sum);
            for (size_t j = 0; j < vectors(V) * LANES; j++) // the padding, too: probability 0
                worst = most(fabs(y[j] - (j < V ? exp(scores[i][j] - highest) / sum : 0)), worst);
            CHECK(fabs(log_sum - want) <= 4 * EPSILON * most(1, fabs(highest)) &&
                  worst <= 4 * EPSILON, "case %zu, V=%zu: log(sum) is %.17g, not %.17g; p is off "
                  "by %g", i, V, log_sum, want, worst);
        }
    volatile real nan = NAN; // not while compiling
    vec y = { 1, nan };
    CHECK(isnan(softmax((real *)&y, 2)), "NaN is lost");
}

// -------------------------------------------------------------------------------------------------
// Texts

static char *shown; // on standard output, between catch_output and caught
static size_t shown_size;
static int terminal;
static FILE *caught_in;

static void catch_output(void) {
    fflush(stdout);
    terminal = dup(STDOUT_FILENO);
    caught_in = tmpfile();
    dup2(fileno(caught_in), STDOUT_FILENO);
}

static const char *caught(void) {
    fflush(stdout);
    dup2(terminal, STDOUT_FILENO);
    close(terminal);
    fseek(caught_in, 0, SEEK_END);
    shown_size = ftell(caught_in);
    rewind(caught_in);
    shown = realloc(shown, shown_size + 1);
    shown[fread(shown, 1, shown_size, caught_in)] = '\0';
    fclose(caught_in);
    return shown;
}

static FILE *file_of(const void *bytes, size_t n) {
    FILE *file = tmpfile();
    fwrite(bytes, 1, n, file);
    rewind(file);
    return file;
}

static void test_utf8(void) {
    enum { BAD = -2 };
    static const struct { const char *bytes; int32_t code; } cases[] = {
        { "a", 'a' }, { "\x7F", 0x7F }, { "\n", '\n' }, { "\r", '\r' }, { "", EOF },
        { "\xC2\x80", 0x80 }, { "\xDF\xBF", 0x7FF }, { "\xE0\xA0\x80", 0x800 },
        { "\xEF\xBF\xBF", 0xFFFF }, { "\xF0\x90\x80\x80", 0x10000 },
        { "\xF4\x8F\xBF\xBF", 0x10FFFF }, { "\xED\x9F\xBF", 0xD7FF }, { "\xEE\x80\x80", 0xE000 },
        { "\xEF\xBB\xBF", 0xFEFF },
        { "\xC0\x80", BAD }, { "\xC1\xBF", BAD },                   // longer than need be
        { "\xE0\x80\x80", BAD }, { "\xE0\x9F\xBF", BAD },
        { "\xF0\x80\x80\x80", BAD }, { "\xF0\x8F\xBF\xBF", BAD },
        { "\xED\xA0\x80", BAD }, { "\xED\xBF\xBF", BAD },           // surrogates
        { "\xF4\x90\x80\x80", BAD }, { "\xF5\x80\x80\x80", BAD },   // beyond 0x10FFFF
        { "\xF7\xBF\xBF\xBF", BAD }, { "\xF8\x88\x80\x80\x80", BAD },
        { "\xFC\x84\x80\x80\x80\x80", BAD }, { "\xFE", BAD }, { "\xFF", BAD },
        { "\x80", BAD }, { "\xBF\xBF", BAD },                       // not at a beginning
        { "\xC3", BAD }, { "\xE2\x82", BAD }, { "\xF0\x9F\x98", BAD }, // cut
        { "\xC3" "a", BAD }, { "\xC3\xC3\xA9", BAD }, { "\xE2(\xAC", BAD },
        { "\xE2\x82(", BAD }, { "\xF0\x9F\x98\xF0", BAD }, { "\xF0\x9F\x98(", BAD },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned char *bytes = (const unsigned char *)cases[i].bytes;
        const size_t n = strlen(cases[i].bytes);
        FILE *file = file_of(bytes, n);
        Reader *in = start_reading(file, "UTF-8", false);
        const int byte = next_byte(in);
        const int32_t code = byte == EOF ? EOF : decode(in, byte);
        CHECK(cases[i].code == BAD ? code < 0 : code == cases[i].code, "case %zu, 0x%02X...: %X is "
              "not %X", i, *bytes, (unsigned)code, (unsigned)cases[i].code);
        CHECK(code < 0 || (getc(file) == EOF && in->offset == n), "case %zu: %zu bytes are read", i,
              in->offset);
        rewind(file);
        free(in);
        in = start_reading(file, "bytes", true);
        for (size_t j = 0; j <= n; j++) {
            const int32_t one = get_char(in);
            CHECK(one == (bytes[j] ? bytes[j] : EOF), "case %zu, byte %zu: %X", i, j,
                  (unsigned)one);
        }
        fclose(file), free(in);
    }

    static const char marked[] = "\xEF\xBB\xBF" "a\xEF\xBB\xBF"; // a mark, a letter, a character
    FILE *file = file_of(marked, 7);
    Reader *in = start_reading(file, "marked", false);
    int32_t codes[3];
    for (int i = 0; i < 3; i++) codes[i] = get_char(in);
    CHECK(codes[0] == 'a' && codes[1] == 0xFEFF && codes[2] == EOF, "%X %X %X", (unsigned)codes[0],
          (unsigned)codes[1], (unsigned)codes[2]);
    fclose(file), free(in);

    catch_output();
    put_char(' ', false); // before the mark
    for (int32_t code = 0; code < CODES; code += code == 0xD7FF ? 0x801 : 1)
        put_char(code, false);
    caught();
    const size_t want = 1 + 0x80 + 2 * 0x780 + 3 * (0xF800 - 0x800) + 4 * 0x100000;
    CHECK(shown_size == want, "%zu bytes, not %zu", shown_size, want);
    file = file_of(shown, shown_size);
    in = start_reading(file, "all", false);
    size_t wrong = get_char(in) != ' ';
    for (int32_t code = 0; code < CODES; code += code == 0xD7FF ? 0x801 : 1)
        wrong += get_char(in) != code;
    CHECK(wrong == 0 && get_char(in) == EOF, "%zu characters come back as others", wrong);
    fclose(file), free(in);
    catch_output();
    for (int32_t byte = 0; byte < 256; byte++) put_char(byte, true);
    caught();
    for (int byte = 0; byte < 256; byte++) wrong += (unsigned char)shown[byte] != byte;
    CHECK(shown_size == 256 && wrong == 0, "%zu bytes, %zu wrong", shown_size, wrong);
}

static char path[4096]; // of the one file that has to have a name

static void write_text(const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    fwrite(bytes, 1, size, file);
    fclose(file);
}

static void free_text(Text *text) {
    free(text->data), free(text->chars), free(text->char_to_ix);
}

static Text text_in(const char *name, bool bytes) {
    Text text = { .char_to_ix = xcalloc(CODES, sizeof(Ix)), .bytes = bytes };
    read_text(&text, fopen(name, "rb"), name);
    sort_chars(&text);
    return text;
}

static void read_named(const void *name) {
    Text text = text_in(name, false);
    free_text(&text);
}

// Reads a text with a model's vocabulary: a, b and the line's end.
static void read_known(const void *name) {
    static uint32_t chars[] = { '\n', 'a', 'b' };
    Text text = { .char_to_ix = xcalloc(CODES, sizeof(Ix)), .chars = chars, .V = 3 };
    for (size_t i = 0; i < 3; i++) text.char_to_ix[chars[i]] = i + 1;
    read_text(&text, fopen(name, "rb"), name);
    if (text.n == 4 && text.V == 3 && text.data[0] == 1 && text.data[3] == 2) _exit(0);
    _exit(9);
}

static void write_unique(int32_t n) { // from the space on, around what is no character
    char utf[4];
    FILE *file = fopen(path, "wb");
    for (int32_t i = 0; i < n; i++)
        fwrite(utf, 1, utf8(i + ' ' < 0xD800 ? i + ' ' : i + ' ' + 0x800, utf), file);
    fclose(file);
}

static void test_read_text(void) {
    const char *hello = "h\xC3\xA9llo \xF0\x9F\x98\x80\xE2\x82\xAC!";
    write_text(hello, strlen(hello));
    Text text = text_in(path, false);
    static const uint32_t chars[] = { ' ', '!', 'h', 'l', 'o', 0xE9, 0x20AC, 0x1F600 };
    static const Ix data[] = { 2, 5, 3, 3, 4, 0, 7, 6, 1 };
    CHECK(text.n == 9 && text.V == 8, "%llu characters, %llu unique", text.n, text.V);
    CHECK(!memcmp(text.chars, chars, sizeof chars), "another vocabulary");
    CHECK(!memcmp(text.data, data, sizeof data), "other indices");
    for (size_t i = 0; i < text.V; i++)
        CHECK(text.char_to_ix[chars[i]] == i + 1, "U+%X has index %d", (unsigned)chars[i],
              text.char_to_ix[chars[i]]);
    free_text(&text);

    static const unsigned char bytes[] = { 0xFF, 0, 0xC3, 0, '\n', 0xFF };
    write_text(bytes, sizeof bytes);
    text = text_in(path, true);
    CHECK(text.n == 6 && text.V == 4 && text.data[0] == 3 && text.data[1] == 0 && text.data[2] == 2
          && text.chars[3] == 0xFF && text.chars[1] == '\n', "bytes are read as others");
    free_text(&text);

    write_unique(UINT16_MAX); // and as many as indices there are, in more than one piece of memory
    text = text_in(path, false);
    size_t wrong = 0;
    for (size_t i = 0; i < text.n; i++)
        wrong += text.data[i] != i;
    CHECK(text.n == UINT16_MAX && text.V == text.n && wrong == 0, "%llu characters, %llu unique; "
          "%zu wrong", text.n, text.V, wrong);
    free_text(&text);
    write_unique(UINT16_MAX + 1);
    CHECK_END(FAILED, "more than 65535 unique characters", read_named, path);

    static const struct { const char *bytes, *words; } bad[] = {
        { "", "the file is empty" },
        { "\xFF", "line 1, byte offset 0: 0xFF" },
        { "ab\nc\xC3(", "line 2, byte offset 4: 0xC3" },
        { "\xC3\xA9\n\xE2\x82\xAC\xF0\x9F\x98\x80\r\n\n\xED\xA0", "line 4, byte offset 13: 0xED" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(bad[i].bytes, strlen(bad[i].bytes));
        CHECK_END(FAILED, bad[i].words, read_named, path);
        CHECK(strstr(said, path) && strstr(said, "min_char_rnn: ") == said, "%s", said);
    }
    write_text("ab\nb", 4);
    CHECK_END(0, "", read_known, path);
    write_text("ab\n\xC3\xA9", 5);
    CHECK_END(FAILED, "line 2, byte offset 3: the character \xC3\xA9 (0xE9)", read_known, path);
    remove(path);
    CHECK_END(FAILED, strerror(ENOENT), read_named, path);
    CHECK_END(FAILED, strerror(EISDIR), read_named, ".");
}

// -------------------------------------------------------------------------------------------------
// The network, beside a plain one: one number at a time, in double

typedef struct {
    size_t cell, layers, H, V, T, B, threads;
    double dropout;
    size_t optimizer, stride; // of a gradient, every so many numbers are checked; 0: all
} Sizes;

static Config config_of(Sizes s, uint32_t seed) {
    return (Config){ .cell = s.cell, .layers = s.layers, .hidden_size = s.H, .seq_length = s.T,
                     .batch_size = s.B, .threads = s.threads, .dropout = s.dropout, .seed = seed,
                     .optimizer = s.optimizer ? s.optimizer : ADAGRAD, .val_fraction = 0.5 };
}

static Model model_of(Sizes s, uint32_t seed) {
    const Config c = config_of(s, seed);
    Model m = { .n = 0 };
    new_model(&m, &c, s.V, true);
    init_params(&m, &c);
    return m;
}

static const char *letters(size_t cell) { // of its gates
    return cell == RNN ? "h" : cell == LSTM ? "ifog" : "zrh";
}

static const Gate *gate_of(const Params *w, Sizes s, size_t layer, char letter) {
    const char *all = letters(s.cell);
    return &w->gate[layer * strlen(all) + (strchr(all, letter) - all)];
}

// The windows of a block, one by one: Wx, Wh, b of each gate, and of the output in the end.
static const Matrix *part(const Params *p, size_t i) {
    const Gate *g = &p->gate[i / 3];
    const Matrix *const parts[] = { &g->Wx, &g->Wh, &g->b };
    return g->b.rows ? parts[i % 3] : NULL;
}

static const char *part_name(Sizes s, size_t i) {
    static const char *const names[] = { "Wx", "Wh", "b" };
    static char name[99];
    const size_t gates = strlen(letters(s.cell)), gate = i / 3;
    const char letter = gate < s.layers * gates ? letters(s.cell)[gate % gates] : 'y';
    snprintf(name, sizeof name, "%s%c of layer %zu, %s H=%zu V=%zu T=%zu B=%zu L=%zu dropout=%g, "
             "%zu threads", names[i % 3], letter, gate / gates + 1, cells[s.cell].name, s.H, s.V,
             s.T, s.B, s.layers, s.dropout, s.threads);
    return name;
}

// The parameters and states of a test are multiples of STEP, of the order of 0.5: one STEP more or
// less is exact in float, too.
static const double STEP = 1.0 / 1024;

static void fill_with_steps(Matrix a, Rng *rng) {
    fill(a, rng, 600);
    for (size_t i = 0; i < size(a); i++)
        *nth(a, i) *= STEP;
}

static void fill_model(Model *m, Sizes s, Rng *rng) {
    for (size_t k = 0; part(&m->param, k); k++)
        fill_with_steps(*part(&m->param, k), rng);
    for (size_t l = 0; l < s.layers; l++)
        fill_with_steps(m->hprev[l], rng), fill_with_steps(m->cprev[l], rng);
}

static Ix *random_data(Rng *rng, size_t n, size_t V) {
    Ix *data = xcalloc(n, sizeof *data);
    for (size_t i = 0; i < n; i++)
        data[i] = rng_u32(rng) % V;
    return data;
}

enum { MOST = 32, STREAMS = 8 }; // units, characters; at most
typedef struct { double h[LAYERS][MOST], c[LAYERS][MOST]; } State; // of one stream

// Something is added to one number of the state that a step leaves; step 0: of the one before.
typedef struct { size_t layer, step, unit, stream; bool of_c; double by; } Nudge;

static const Nudge *nudge_here(const Nudge *n, size_t layer, size_t step_, size_t stream) {
    return n && n->layer == layer && n->step == step_ && n->stream == stream ? n : NULL;
}

static double sigm(double a) { return 1 / (1 + exp(-a)); }

// What goes into unit i of a gate.
static double plain_gate(const Params *w, Sizes s, size_t layer, char letter, size_t i,
                         const double *x, const double *h) {
    const Gate *g = gate_of(w, s, layer, letter);
    double a = g->b.at[i];
    for (size_t j = 0; j < g->Wx.rows; j++) a += x[j] * row(g->Wx, j)[i];
    for (size_t j = 0; j < s.H; j++) a += h[j] * row(g->Wh, j)[i];
    return a;
}

static void plain_layer(const Params *w, Sizes s, size_t l, const double *x, double *h, double *c,
                        const Nudge *n) {
    double h_[MOST], z[MOST], rh[MOST]; // h_ is h(t-1)
    memcpy(h_, h, sizeof h_);
    for (size_t i = 0; i < s.H; i++) {
        if (s.cell == RNN) h[i] = tanh(plain_gate(w, s, l, 'h', i, x, h_));
        if (s.cell == LSTM) {
            const double write = sigm(plain_gate(w, s, l, 'i', i, x, h_));
            const double keep = sigm(plain_gate(w, s, l, 'f', i, x, h_));
            const double show = sigm(plain_gate(w, s, l, 'o', i, x, h_));
            c[i] = keep * c[i] + write * tanh(plain_gate(w, s, l, 'g', i, x, h_));
            if (n && n->of_c && n->unit == i) c[i] += n->by;
            h[i] = show * tanh(c[i]);
        }
        if (s.cell == GRU) {
            z[i] = sigm(plain_gate(w, s, l, 'z', i, x, h_));
            rh[i] = sigm(plain_gate(w, s, l, 'r', i, x, h_)) * h_[i];
        }
    }
    for (size_t i = 0; s.cell == GRU && i < s.H; i++)
        h[i] = z[i] * h_[i] + (1 - z[i]) * tanh(plain_gate(w, s, l, 'h', i, x, rh));
    if (n && !n->of_c) h[n->unit] += n->by;
}

// What the program multiplies a unit by on its way up.
static double mask_of(const Model *m, size_t layer, size_t t, size_t b, size_t j) {
    const Net *net = m->nets;
    while (b >= net->first + net->B) net++;
    return row(net->layer[layer].mask, t * net->B + b - net->first)[j];
}

// One step of one stream: the state after character ix, and the probabilities p (V) of the next.
// A model in training is known by its masks.
static void plain_step(const Model *m, Sizes s, bool trains, size_t t, size_t b, Ix ix,
                       State *state, const Nudge *n, double *p) {
    double x[MOST] = { 0 }, sum = 0;
    x[ix] = 1; // one-hot
    for (size_t l = 0; l < s.layers; l++) {
        double *h = state->h[l], *c = state->c[l];
        const Nudge *first = t == 0 ? nudge_here(n, l, 0, b) : NULL;
        if (first) (first->of_c ? c : h)[first->unit] += first->by;
        plain_layer(&m->param, s, l, x, h, c, nudge_here(n, l, t + 1, b));
        for (size_t j = 0; j < s.H; j++)
            x[j] = h[j] * (trains && s.dropout > 0 ? mask_of(m, l, t, b, j) : 1);
    }
    for (size_t i = 0; i < s.V; i++) {
        p[i] = m->param.by.at[i];
        for (size_t j = 0; j < s.H; j++) p[i] += x[j] * row(m->param.Why, j)[i];
        sum += p[i] = exp(p[i]);
    }
    for (size_t i = 0; i < s.V; i++) p[i] /= sum;
}

// The loss over s.T characters of each stream from step `from` on; states in, the last ones out.
static double plain_loss(const Model *m, Sizes s, bool trains, const Ix *inputs, size_t stream,
                         size_t from, State *states, const Nudge *n) {
    double loss = 0, p[MOST];
    for (size_t b = 0; b < s.B; b++)
        for (size_t t = 0; t < s.T; t++) {
            plain_step(m, s, trains, t, b, inputs[b * stream + t], &states[b], n, p);
            if (t >= from) loss -= log(p[inputs[b * stream + t + 1]]);
        }
    return loss;
}

static void states_of(State *states, const Model *m, Sizes s) {
    for (size_t l = 0; l < s.layers; l++)
        for (size_t b = 0; b < s.B; b++)
            for (size_t j = 0; j < s.H; j++) {
                states[b].h[l][j] = row(m->hprev[l], b)[j];
                states[b].c[l][j] = row(m->cprev[l], b)[j];
            }
}

static double state_error(const State *want, const Model *m, Sizes s) {
    State got[STREAMS];
    double worst = 0;
    states_of(got, m, s);
    for (size_t l = 0; l < s.layers; l++)
        for (size_t b = 0; b < s.B; b++)
            for (size_t j = 0; j < s.H; j++) {
                worst = most(fabs(want[b].h[l][j] - got[b].h[l][j]), worst);
                if (s.cell == LSTM) worst = most(fabs(want[b].c[l][j] - got[b].c[l][j]), worst);
            }
    return worst;
}

// A derivative of the loss, on a weight or (weight: NULL) on a nudge, from four losses around it.
static double slope_of(const Model *m, Sizes s, const Ix *inputs, size_t stream, size_t from,
                       const State *start, real *weight, Nudge *n) {
    static const double factors[] = { 1, -8, 0, 8, -1 };
    const real middle = weight ? *weight : 0;
    State states[STREAMS];
    double slope = 0;
    for (int i = 0; i < 5; i++) {
        const double by = (i - 2) * STEP;
        if (i == 2) continue;
        if (weight) *weight = middle + by;
        else n->by = by;
        memcpy(states, start, s.B * sizeof *states);
        slope += factors[i] * plain_loss(m, s, true, inputs, stream, from, states, n);
    }
    if (weight) *weight = middle;
    return slope / (12 * STEP);
}

static double apart(double a, double b) { // relative, as far as that makes sense
    return fabs(a - b) / most(most(fabs(a), fabs(b)), DOUBLE ? 1e-4 : 1);
}
static const double GRADIENT_ERROR = DOUBLE ? 5e-7 : 2e-6;

static void carry_all(Model *m) {
    for (size_t i = 0; i < m->threads; i++) carry(&m->nets[i]);
    m->n++;
}

// The loss, the state left for the next chunk, which goes on from it, and the gradient on every
// parameter and on the state before, against those of the plain network.
static void test_loss(Sizes s) {
    Rng rng;
    rng_seed(&rng, s.H);
    Model m = model_of(s, 0);
    fill_model(&m, s, &rng);
    const size_t stream = 2 * s.T + 3, gates = strlen(letters(s.cell));
    Ix *data = random_data(&rng, s.B * stream, s.V);
    State start[STREAMS], states[STREAMS];
    states_of(start, &m, s);
    memcpy(states, start, sizeof start);
    for (size_t p = 0; p <= s.T; p += s.T) {
        State before[STREAMS];
        states_of(before, &m, s);
        const double loss = lossFun(&m, data + p, stream);
        const double want = plain_loss(&m, s, true, data + p, stream, 0, states, NULL);
        CHECK(fabs(loss - want) <= 8 * EPSILON * want, "%s: %.17g is not %.17g", part_name(s, 0),
              loss, want);
        CHECK(state_error(before, &m, s) == 0, "%s: lossFun moves the state", part_name(s, 0));
        carry_all(&m);
        size_t padding = 0;
        for (size_t l = 0; l < s.layers; l++) padding += padding_not_0(m.hprev[l]);
        CHECK(state_error(states, &m, s) <= 32 * EPSILON && padding == 0, "%s: the state is off by "
              "%g, %zu numbers of its padding are not 0", part_name(s, 0),
              state_error(states, &m, s), padding);
    }
    for (size_t l = 0; l < s.layers; l++)
        for (size_t b = 0; b < s.B; b++)
            for (size_t j = 0; j < s.H; j++) {
                row(m.hprev[l], b)[j] = start[b].h[l][j];
                row(m.cprev[l], b)[j] = start[b].c[l][j];
            }
    m.n = 0;
    lossFun(&m, data, stream); // once more: nothing of another chunk must be left in the gradient
    size_t next = 0;
    for (size_t k = 0; part(&m.param, k); k++) {
        const Matrix w = *part(&m.param, k), dw = *part(&m.nets->dparam, k);
        double steepest = 0, worst = 0;
        for (size_t i = 0; i < size(w); i++) {
            steepest = most(fabs(*nth(dw, i)), steepest);
            if (s.stride && next++ % s.stride) continue;
            const double want = slope_of(&m, s, data, stream, 0, start, nth(w, i), NULL);
            worst = most(apart(*nth(dw, i), want), worst);
        }
        const bool some = steepest > 1e-4 || size(w) == 0;
        CHECK(worst <= GRADIENT_ERROR && some && padding_not_0(dw) == 0, "d%s is off by "
              "%g; its largest is %g; %zu numbers of its padding are not 0", part_name(s, k), worst,
              steepest, padding_not_0(dw));
    }
    for (Nudge n = { .layer = 0 }; n.layer < s.layers; n.layer++)
        for (int of_c = 0; of_c <= (s.cell == LSTM); of_c++) {
            double steepest = 0, worst = 0;
            n.of_c = of_c;
            for (n.stream = 0; n.stream < s.B; n.stream++)
                for (n.unit = 0; n.unit < s.H; n.unit++) {
                    const Net *net = m.nets;
                    while (n.stream >= net->first + net->B) net++;
                    const Layer *l = &net->layer[n.layer];
                    const double got = row(of_c ? l->dcs : l->dhs, n.stream - net->first)[n.unit];
                    const double want = slope_of(&m, s, data, stream, 0, start, NULL, &n);
                    worst = most(apart(got, want), worst);
                    steepest = most(fabs(got), steepest);
                }
            CHECK(worst <= GRADIENT_ERROR && steepest > 1e-4, "%s: the gradient on %s of layer %zu "
                  "is off by %g; its largest is %g", part_name(s, 3 * s.layers * gates),
                  of_c ? "cprev" : "hprev", n.layer + 1, worst, steepest);
        }
    free(data);
}

static void test_losses(void) {
    for (size_t i = 0; i < 3 * 3 * 4; i++) {
        const size_t B = i / 9 % 2 ? 3 : 1;
        test_loss((Sizes){ .cell = RNN + i % 3, .layers = 1 + i / 3 % 3, .H = 5, .V = 6, .T = 4,
                           .B = B, .threads = B > 1 ? 2 : 1, .dropout = i / 18 ? 0.4 : 0 });
    }
    static const Sizes sizes[] = {
        { RNN, 1, LANES + 3, LANES + 7, 6, 3, 1, .stride = 5 },
        { RNN, 2, LANES + 3, LANES + 7, 6, 3, 2, .stride = 23 },
        { RNN, 1, 1, 2, 1, 1, 1, .stride = 0 },
        { RNN, 1, LANES, 8, 2, 2, 2, .stride = 5 },
        { RNN, 1, 7, 11, 3, 8, 1, .stride = 3 },
        { RNN, 1, 3, 5, 67, 2, 1, .stride = 3 }, // T*B of more than one block
        { LSTM, 1, LANES + 3, LANES + 7, 3, 2, 1, .stride = 71 },
        { LSTM, 2, LANES + 3, LANES + 7, 3, 3, 2, .dropout = 0.3, .stride = 271 },
        { LSTM, 1, 3, 5, 67, 2, 1, .stride = 11 },
        { GRU, 1, LANES + 3, LANES + 7, 3, 2, 1, .stride = 71 },
        { GRU, 2, LANES + 3, LANES + 7, 3, 3, 2, .dropout = 0.3, .stride = 271 },
        { GRU, 1, 3, 5, 67, 2, 1, .stride = 11 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        test_loss(sizes[i]);
}

static void test_threads(void) {
    for (size_t cell = RNN; cell <= GRU; cell++) {
        Sizes s = { cell, 2, 21, 17, 9, 7, .threads = 1, .dropout = 0.2 };
        Rng rng;
        rng_seed(&rng, 3);
        Ix *data = random_data(&rng, s.B * 12, s.V);
        Model one = model_of(s, 4);
        const double want = lossFun(&one, data, 12);
        for (s.threads = 2; s.threads <= 9; s.threads++) {
            Model m = model_of(s, 4), again = model_of(s, 4);
            CHECK(m.threads == min(s.threads, s.B), "%zu threads for %zu", m.threads, s.threads);
            double loss = lossFun(&m, data, 12), same = lossFun(&again, data, 12), worst = 0;
            const Params *d = &m.nets->dparam, *d1 = &one.nets->dparam;
            for (size_t i = 0; i < d->count; i++)
                worst = most(fabs(d->all[i] - d1->all[i]), worst);
            CHECK(worst <= 64 * EPSILON && fabs(loss - want) <= 32 * EPSILON * want, "%zu threads: "
                  "gradients are off by %g, the loss by %g", s.threads, worst, loss - want);
            CHECK(loss == same && !memcmp(d->all, again.nets->dparam.all, d->count * sizeof(real)),
                  "%zu threads: the second time, the numbers are others", s.threads);
        }
        free(data);
    }
    const struct { size_t B, threads; } by_default[] = { { 1, 1 }, { 15, 1 }, { 16, 2 } };
    for (size_t i = 0; i < 3; i++) { // at most one for 8 streams
        Model m = model_of((Sizes){ RNN, 1, 1, 2, 1, by_default[i].B, .threads = 0 }, 0);
        CHECK(m.threads >= 1 && m.threads <= by_default[i].threads, "%zu streams: %zu threads",
              by_default[i].B, m.threads);
    }
}

// The main loop carries every stream's state on, whatever thread it belongs to.
static void test_train(void) {
    Sizes s = { LSTM, 2, 9, 7, 5, 4, .threads = 1 };
    double loss = 0;
    for (; s.threads <= 3; s.threads++) {
        Config c = config_of(s, 0);
        Model m = model_of(s, 2);
        Rng rng;
        rng_seed(&rng, 14);
        fill_model(&m, s, &rng);
        Text text = { .data = random_data(&rng, 4 * 60, s.V), .n = 4 * 60, .V = s.V };
        c.iters = c.print_every = 30, c.learning_rate = 0.1, c.decay = 1, c.quiet = true;
        catch_output();
        CHECK(train(&m, &text, &c), "not saved, though nothing was to be");
        CHECK(!strncmp(caught(), "iter 0, loss", 12) && m.n == 30, "%s", shown);
        if (s.threads == 1) loss = m.smooth_loss;
        CHECK(fabs(m.smooth_loss - loss) <= (DOUBLE ? 1e-10 : 1e-5) * loss, "%zu threads: the loss "
              "is off by %g", s.threads, m.smooth_loss - loss);
        free(text.data);
    }
}

// How often two masks agree, of a thousand; by chance, with a third left out: 556.
static void check_chance(const char *what, size_t same, size_t of) {
    CHECK(fabs(same / (double)of - 5 / 9.0) < 0.06, "the next %s has %zu of %zu alike", what, same,
          of);
}

// A mask belongs to a seed, iteration, layer, stream, step and unit, and to nothing else.
static void test_dropout(void) {
    enum { L = 2, H = 31, T = 7, B = 6, ALL = L * T * B * H };
    Sizes s = { LSTM, L, H, 5, T, B, .threads = 1, .dropout = 1 / 3.0 };
    Rng rng;
    rng_seed(&rng, 8);
    Ix *data = random_data(&rng, s.B * 12, s.V);
    static real first[ALL], other[ALL];
    size_t left_out = 0, kept = 0, differ = 0, same[4] = { 0 }, of[4] = { 0 };
    for (int run = 0; run < 9; run++) { // 5: another number of streams, 6: iteration, 7: seed
        s.threads = run < 5 ? run + 1 : 2, s.B = run == 5 ? 3 : B;
        Model m = model_of(s, run == 7 ? 1 : 5);
        m.n = run == 6;
        if (run == 8) fill_model(&m, s, &rng);
        lossFun(&m, data, 12);
        size_t alike = 0;
        for (size_t i = 0; i < ALL; i++) {
            const size_t j = i % H, b = i / H % B, t = i / H / B % T, l = i / H / B / T;
            if (b < s.B) other[i] = mask_of(&m, l, t, b, j);
            if (run == 0) first[i] = other[i];
            alike += first[i] == other[i];
        }
        if (run < 6 || run == 8) differ += ALL - alike;
        else check_chance(run == 6 ? "iteration" : "seed", alike, ALL);
    }
    CHECK(differ == 0, "%zu differ from those that one thread makes", differ);
    static const size_t strides[] = { 1, H, B * H, T * B * H }, counts[] = { H, B, T, L };
    for (size_t i = 0; i < ALL; i++) {
        left_out += first[i] == 0;
        kept += fabs(first[i] - 1.5) < 4 * EPSILON;
        for (int k = 0; k < 4; k++)
            if (i / strides[k] % counts[k] + 1 < counts[k])
                of[k]++, same[k] += first[i] == first[i + strides[k]];
    }
    CHECK(left_out + kept == ALL && fabs(left_out / (double)ALL - 1 / 3.0) < 0.03,
          "%d units, %zu left out, %zu scaled", ALL, left_out, kept);
    static const char *const nexts[] = { "unit", "stream", "step", "layer" };
    for (int k = 0; k < 4; k++) check_chance(nexts[k], same[k], of[k]);
    free(data);
}

// The weights are NumPy's, drawn layer by layer, gate by gate, Wx before Wh, Why last, and each in
// the Python's shape, row by row.
static void test_new_model(void) {
    for (size_t i = 0; i < 6; i++) {
        const Sizes s = { .cell = RNN + i % 3, .layers = 1 + i / 3, .H = 5, .V = LANES + 3, .T = 4,
                          .B = 2, .threads = 1, .optimizer = ADAM };
        const double scale = i == 0 ? 0.01 : 1 / sqrt(5);
        Model m = model_of(s, 9);
        Rng rng;
        rng_seed(&rng, 9);
        size_t wrong = 0;
        for (size_t k = 0; part(&m.param, k); k++) {
            const Matrix w = transposed(*part(&m.param, k));
            for (size_t j = 0; k % 3 < 2 && j < size(w); j++) {
                volatile real want = rng_normal(&rng) * scale; // rounded, also where x87 computes
                wrong += *nth(w, j) != want;
            }
        }
        CHECK(wrong == 0, "%s: %zu weights are not NumPy's", part_name(s, 0), wrong);
        CHECK(!strcmp(cells[s.cell].gates, letters(s.cell)) &&
              !strcmp(cells[s.cell].state, s.cell == LSTM ? "hc" : "h"), "%s, %s: other names",
              cells[s.cell].gates, cells[s.cell].state);
        CHECK(!memcmp(&rng, &m.rng, sizeof rng), "%s: more random numbers are used than there are "
              "weights", part_name(s, 0));
        for (size_t k = 0; part(&m.param, k); k++) {
            const Matrix w = *part(&m.param, k);
            const bool is_by = w.at == m.param.by.at;
            for (size_t j = 0; k % 3 == 2 && j < w.cols; j++) wrong += w.at[j] != 0;
            for (size_t j = w.cols; is_by && j < (size_t)w.row_step; j++)
                wrong += w.at[j] != (j < vectors(s.V) * LANES ? (real)-INFINITY : 0);
            if (!is_by) wrong += padding_not_0(w);
        }
        for (size_t j = 0; j < m.param.count; j++) wrong += m.mem.all[j] != 0 || m.mean.all[j] != 0;
        CHECK(wrong == 0, "%s: %zu numbers of biases, padding or memory are wrong", part_name(s, 0),
              wrong);
        CHECK(fabs(m.smooth_loss - log(s.V) * s.T) < 1e-12, "smooth_loss %g", m.smooth_loss);
    }
}

// Some steps of each parameter, one by one. B = 2: the gradient is halved before it is clipped.
static void test_optimizer(size_t optimizer) {
    enum { STEPS = 5, KINDS = 12 };
    static const double gradients[KINDS] = {
        0, 1, -1, 0.5, 2e-4, -2e-4, 9.9, 10.1, -10.1, 100, -1e6, 2e-9 };
    static const count ns[STEPS] = { 0, 1, 2, 3, 1000 };
    const Sizes s = { LSTM, 2, LANES + 3, LANES + 1, 1, 2, 1, .optimizer = optimizer };
    const double rate = (real)0.1;
    Model m = model_of(s, 0), before = model_of(s, 0);
    for (size_t i = 0; i < STEPS; i++) {
        for (size_t k = 0, next = i; part(&m.param, k); k++) {
            const Matrix dw = *part(&m.nets->dparam, k);
            for (size_t j = 0; j < size(dw); j++)
                *nth(dw, j) = gradients[next++ % KINDS];
        }
        m.n = ns[i];
        if (optimizer == ADAGRAD) adagrad(&m, rate, 5, 2);
        else adam(&m, rate, 5, 2);
    }
    size_t wrong = 0;
    for (size_t k = 0, next = 0; part(&m.param, k); k++) {
        const Matrix w = *part(&m.param, k), w0 = *part(&before.param, k), mw = *part(&m.mem, k);
        double worst = 0;
        for (size_t j = 0; j < size(w); j++, next++) {
            double x = *nth(w0, j), mem = 0, mean = 0;
            for (size_t i = 0; i < STEPS; i++) {
                double d = (real)gradients[(next + i) % KINDS] / 2;
                d = d > 5 ? 5 : d < -5 ? -5 : d;
                if (optimizer == ADAGRAD) {
                    mem += d * d;
                    x -= rate * d / sqrt(mem + 1e-8);
                } else {
                    mean = 0.9 * mean + 0.1 * d;
                    mem = 0.999 * mem + 0.001 * d * d;
                    const double first = mean / (1 - pow(0.9, ns[i] + 1));
                    x -= rate * first / (sqrt(mem / (1 - pow(0.999, ns[i] + 1))) + 1e-8);
                }
            }
            worst = most(fabs(x - *nth(w, j)), worst);
            worst = most(fabs(mem - *nth(mw, j)) / most(mem, 1e-20), worst);
        }
        CHECK(worst <= (DOUBLE ? 1e-14 : 4e-6), "optimizer %zu: %s is off by %g", optimizer,
              part_name(s, k), worst); // a float's rsqrt is 5e-6 off
        wrong += padding_not_0(mw) + (w.at == m.param.by.at ? 0 : padding_not_0(w));
    }
    for (size_t j = s.V; j < 2 * LANES; j++)
        wrong += m.param.by.at[j] != (real)-INFINITY;
    CHECK(wrong == 0, "optimizer %zu: %zu numbers of the padding are wrong", optimizer, wrong);
}

static void set_one(Model *m, Sizes s, size_t b) { // a sample begins with the state of stream b
    for (size_t l = 0; l < s.layers; l++) {
        copy(m->one.layer[l].hprev, rows(m->hprev[l], b, 1));
        copy(m->one.layer[l].cprev, rows(m->cprev[l], b, 1));
    }
}

static void test_sample(Sizes s, double temperature) {
    enum { LENGTH = 99 };
    Rng rng;
    rng_seed(&rng, 6);
    Model m = model_of(s, 0);
    fill_model(&m, s, &rng);
    uint32_t chars[MOST];
    for (size_t i = 0; i < s.V; i++)
        chars[i] = 'A' + i;
    const Text text = { .chars = chars, .V = s.V };

    char want[LENGTH + 1] = "";
    double p[MOST];
    State states[STREAMS];
    Rng coins = m.rng;
    states_of(states, &m, s);
    for (size_t t = 0, x = 2; t < LENGTH; t++) {
        plain_step(&m, s, false, t, 1, x, &states[1], NULL, p);
        double coin = rng_uniform(&coins), sum = 0, highest = 0;
        for (size_t i = 0; i < s.V; i++) highest = most(p[i], highest);
        for (size_t i = 0; i < s.V; i++) {
            if (temperature == 0) p[i] = p[i] == highest; // the likeliest
            else p[i] = pow(p[i], 1 / temperature);
            sum += p[i];
        }
        for (x = 0; x + 1 < s.V && (coin -= p[x] / sum) >= 0; )
            x++;
        want[t] = chars[x];
    }
    const size_t bytes = m.param.count * sizeof(real);
    void *param = memcpy(malloc(bytes), m.param.all, bytes);
    const Rng start = m.rng;
    states_of(states, &m, s);
    for (int i = 0; i < 2; i++) { // once more from the same coins: the same text
        m.rng = start;
        set_one(&m, s, 1);
        catch_output();
        sample(&m, &text, 2, LENGTH, temperature);
        caught();
        CHECK(!strcmp(shown, want), "%s, at temperature %g: %s\nis not %s", part_name(s, 0),
              temperature, shown, want);
    }
    CHECK(!memcmp(&m.rng, &coins, sizeof coins), "the generator is elsewhere");
    CHECK(!memcmp(param, m.param.all, bytes) && state_error(states, &m, s) == 0,
          "sampling changes the model");
    catch_output();
    sample(&m, &text, 0, 0, 1);
    stop = SIGINT;
    sample(&m, &text, 0, 10, 1);
    stop = 0;
    caught();
    CHECK(shown_size == 0, "%zu bytes of what was not to be written", shown_size);
    free(param);
}

static void test_samples(void) {
    for (size_t i = 0; i < 6; i++)
        test_sample((Sizes){ .cell = RNN + i % 3, .layers = 1 + i % 2, .H = 13, .V = LANES + 5,
                             .T = 2, .B = 3, .threads = 1, .dropout = i % 2 * 0.5 },
                    i == 3 ? 0.5 : i == 4 ? 0 : i == 5 ? 2 : 1);
}

// The held-out text is read in B streams, each from the state 0, in chunks; nothing is left out.
static void test_held_out(void) {
    enum { STREAM = 2 * CHUNK + 5, BEFORE = 7 };
    for (size_t cell = RNN; cell <= GRU; cell++) {
        const Sizes s = { cell, 2, 6, 7, 3, 3, .threads = 2, .dropout = 0.5 };
        Sizes whole = s;
        whole.T = STREAM;
        Config c = config_of(s, 0);
        Model m = model_of(s, 0);
        Rng rng;
        rng_seed(&rng, 11);
        fill_model(&m, s, &rng);
        Text text = { .n = BEFORE, .held_out = s.B * STREAM + 1, .V = s.V };
        text.data = random_data(&rng, text.n + text.held_out, s.V);
        State zero_[STREAMS] = { { .h = { { 0 } } } }, states[STREAMS];
        states_of(states, &m, s);
        const double sum = plain_loss(&m, whole, false, text.data + BEFORE, STREAM, 0, zero_, NULL);
        const double want = sum / (s.B * STREAM), kept = m.val_loss;
        for (int i = 0; i < 2; i++) { // the second time, it is no better
            double nats = 0, bits = 0;
            catch_output();
            CHECK(show_val_loss(&m, &text, &c), "not saved, though nothing was to be");
            sscanf(caught(), "iter 0, val loss: %lf nats/char, %lf", &nats, &bits);
            CHECK(fabs(nats - want) < 2e-6 && fabs(bits - want / log(2)) < 2e-6, "%s: %s, not %f",
                  part_name(s, 0), shown, want);
            CHECK(kept == NO_LOSS && fabs(m.val_loss - want) <= 16 * EPSILON * want, "%s: best is "
                  "%.17g, not %.17g", part_name(s, 0), m.val_loss, want);
        }
        CHECK(state_error(states, &m, s) == 0, "the state of training is another");
        m.val_loss = want / 2;
        catch_output();
        show_val_loss(&m, &text, &c);
        stop = SIGINT;
        m.val_loss = NO_LOSS;
        const size_t length = strlen(caught());
        catch_output();
        CHECK(show_val_loss(&m, &text, &c), "a loss that was not computed is not saved");
        stop = 0;
        CHECK(*caught() == '\0' && m.val_loss == NO_LOSS && length > 0, "interrupted, it shows %s, "
              "and %g is best", shown, m.val_loss);

        Sizes one = whole;
        one.B = 1;
        memset(zero_, 0, sizeof zero_);
        const double loss = evaluate(&m, text.data, STREAM); // nats, not for a character
        const double plain = plain_loss(&m, one, false, text.data, 0, 0, zero_, NULL);
        double off = 0;
        for (size_t l = 0; l < s.layers; l++)
            for (size_t j = 0; j < s.H; j++) {
                const Layer *layer = &m.one.layer[l];
                off = most(fabs(layer->hprev.at[j] - zero_[0].h[l][j]), off);
                if (cell == LSTM) off = most(fabs(layer->cprev.at[j] - zero_[0].c[l][j]), off);
            }
        CHECK(fabs(loss - plain) <= 16 * EPSILON * plain && off <= 64 * EPSILON, "%s: evaluate: "
              "%.17g, not %.17g; the state is off by %g", part_name(s, 0), loss, plain, off);
        free(text.data);
    }
}

// -------------------------------------------------------------------------------------------------
// A look inside

// What --show-gradients prints, against derivatives of the last step's loss on the state k steps
// before: over two chunks, and all layers.
static void test_show_gradients(void) {
    enum { T = 5, CHUNKS = 2 };
    for (size_t i = 0; i < 6; i++) {
        const Sizes s = { .cell = RNN + i % 3, .layers = 1 + i / 3, .H = 4, .V = 5, .T = T, .B = 1,
                          .threads = 1 };
        const Config c = config_of(s, 0);
        const size_t kinds = s.cell == LSTM ? 2 : 1;
        Model m = model_of(s, 0);
        Rng rng;
        rng_seed(&rng, 12);
        fill_model(&m, s, &rng);
        for (size_t l = 0; l < s.layers; l++) zero(m.hprev[l]), zero(m.cprev[l]);
        Text text = { .n = CHUNKS * T + 1, .V = s.V };
        text.data = random_data(&rng, text.n, s.V);
        double squares[2][T + 1] = { { 0 } };
        State state = { .h = { { 0 } } };
        for (size_t p = 0; p < CHUNKS * T; p += T) {
            for (size_t k = 0; k < kinds * s.layers * s.H * (T + 1); k++) {
                Nudge n = { .unit = k % s.H, .step = k / s.H % (T + 1),
                            .layer = k / s.H / (T + 1) % s.layers,
                            .of_c = k / s.H / (T + 1) / s.layers };
                const double d = slope_of(&m, s, text.data + p, 0, T - 1, &state, NULL, &n);
                squares[n.of_c][T - n.step] += d * d;
            }
            plain_loss(&m, s, false, text.data + p, 0, 0, &state, NULL);
        }
        catch_output();
        show_gradients(&m, &text, &c);
        caught();
        size_t kind = 0, lines = 0, step_ = 0, wrong = 0;
        for (const char *line = shown; *line; line += strcspn(line, "\n"), line += *line == '\n') {
            double size_ = 0;
            if (line[0] == '#' && line[1] == ' ')
                kind = line[strcspn(line, "\n") - 1] == 'c', lines += 100;
            if (sscanf(line, "%zu %lf", &step_, &size_) != 2) continue;
            lines++;
            const double want = step_ <= T ? sqrt(squares[kind][step_] / squares[kind][0]) : 0;
            wrong += !(fabs(size_ - want) <= 0.006 * want);
        }
        CHECK(lines == kinds * (100 + T + 1) && wrong == 0, "%s: %zu of these sizes are wrong:\n%s",
              part_name(s, 0), wrong, shown);
        free(text.data);
    }
}

static Text text_of(const char *string) {
    write_text(string, strlen(string));
    return text_in(path, false);
}

// Each question's answer after each character: written down by hand, as digits, and the two
// distances counted back.
static void check_answers(const char *string, const char *const *answers) {
    Text text = text_of(string);
    Answers s = { .if_depth = 0 };
    size_t wrong[QUESTIONS] = { 0 };
    for (size_t i = 0; i < text.n; i++) {
        answer(&s, &text, i);
        size_t line = 0, blank = 0;
        while (line <= i && text.chars[text.data[i - line]] != '\n') line++;
        while (blank <= i && !(text.chars[text.data[i - blank]] == '\n' && blank < i &&
                               text.chars[text.data[i - blank - 1]] == '\n')) blank++;
        for (int q = 0; q < QUESTIONS; q++) {
            const size_t digit = q == LINE || q == PARAGRAPH ? 0 : answers[q][i] - '0';
            wrong[q] += s.answer[q] != (q == LINE ? line : q == PARAGRAPH ? blank : digit);
        }
    }
    for (int q = 0; q < QUESTIONS; q++) {
        CHECK(wrong[q] == 0, "%s: %zu answers are wrong in %s", questions[q], wrong[q], string);
        CHECK(q == LINE || q == PARAGRAPH || strlen(answers[q]) == text.n, "the test is wrong");
    }
    free_text(&text);
}

#define NONE19 "0000000000000000000"
#define NONE18 "000000000000000000"
#define NONE20 "00000000000000000000"
#define NONE15 "000000000000000"

static void test_answers(void) {
    check_answers("}\n" "if (a[1] == (b)) {\n" "\tf(\"no\"); /* c */\n" "}\n" "\n"
                  "  MAX_X = pgif (A);\n" "if(a)b(c)\n", (const char *[QUESTIONS]){
        [QUOTES] = "00" NONE19 "000111000000000000" "00" "0" NONE20 "0000000000",
        [DEPTH] = "00" "0001122111112210011" "112222211111111111" "00" "0" "00000000000000011000"
                  "0011001100",
        [COMMENT] = "00" NONE19 "000000000001111100" "00" "0" NONE20 "0000000000",
        [CONDITION] = "00" "0001111111111110000" NONE18 "00" "0" NONE20 "0011000000",
        [INDENT] = "00" NONE19 "111111111111111110" "00" "0" "12222222222222222220" "0000000000",
        [CAPITALS] = "00" NONE19 NONE18 "00" "0" "00111000000000000000" "0000000000" });
    check_answers("if(a)b\n", (const char *[QUESTIONS]){
        [QUOTES] = "0000000", [DEPTH] = "0011000", [COMMENT] = "0000000", [CONDITION] = "0011000",
        [INDENT] = "0000000", [CAPITALS] = "0000000" });
    // A quote that is never closed ends with its paragraph.
    check_answers("FIRST Citizen:\n" "\xE2\x80\x9CWe\xE2\x80\x9D \"o\n" "I\n" "\n" "AB.\n",
                  (const char *[QUESTIONS]){
        [QUOTES] = NONE15 "11100111" "11" "0" "0000",
        [DEPTH] = NONE15 NONE15, [COMMENT] = NONE15 NONE15,
        [CONDITION] = NONE15 NONE15, [INDENT] = NONE15 NONE15,
        [CAPITALS] = "111110000000000" "00000000" "00" "0" "1100" });
}

// A text whose quotes and capitals are known, in lines of many lengths.
#define OPEN "\xE2\x80\x9C"
#define SHUT "\xE2\x80\x9D"
#define SCENE "HAMLET:\nto be, " OPEN "or not" SHUT " to be.\n\n" \
              "QUEEN:\n" OPEN "what" SHUT " now?\n" \
              "no " OPEN "more" SHUT " of it, " OPEN "i say" SHUT ".\n\n"

static Ix ix_of(const Text *text, uint32_t c) { return text->char_to_ix[c] - 1; }

static void clear_unit(const Gate *g, size_t u) { // nothing goes into it
    for (size_t j = 0; j < g->Wx.rows; j++) row(g->Wx, j)[u] = 0;
    for (size_t j = 0; j < g->Wh.rows; j++) row(g->Wh, j)[u] = 0;
    g->b.at[u] = 0;
}

static Model dull_model(Sizes s, Rng *rng) { // with small weights
    Model m = model_of(s, 0);
    fill_model(&m, s, rng);
    for (size_t i = 0; i < m.param.count; i++)
        if (isfinite(m.param.all[i])) m.param.all[i] /= 8;
    return m;
}

static const char *next_line(const char *line) {
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

// Marks below each line of the unit that follows quotes: + inside, - outside, all of them strong.
static size_t wrong_marks(const char *line, size_t *lines) {
    size_t wrong = 0;
    for (line = next_line(line); *line; ++*lines) {
        const char *marks = next_line(line), *digits = next_line(marks);
        const char *header = strstr(line, ", r = ");
        if (header && header < marks) break;
        bool inside = false;
        for (; *line && *line != '\n'; line++) {
            if ((*line & 0xC0) == 0x80) continue; // within a character
            if (*line == OPEN[0]) inside = line[2] == OPEN[2];
            wrong += *marks != (inside ? '+' : '-'), marks += *marks && *marks != '\n';
            wrong += *digits != '9', digits += *digits && *digits != '\n';
        }
        wrong += *marks != '\n' || *digits != '\n';
        line = next_line(digits);
    }
    return wrong;
}

static void test_show_cells(void) {
    Text text = text_of(SCENE SCENE SCENE);
    Rng rng;
    rng_seed(&rng, 13);

    // A unit that a quote switches on, and its end off; in the second layer, one that is on where
    // either of two others is, each of which knows half of the capitals; one that never changes.
    const Sizes rnn = { RNN, 2, .H = 6, .V = text.V, .T = 3, .B = 1, .threads = 1 };
    Model m = dull_model(rnn, &rng);
    const Gate *g = gate_of(&m.param, rnn, 0, 'h'), *g2 = gate_of(&m.param, rnn, 1, 'h');
    for (size_t u = 0; u < 6; u++) clear_unit(g, u);
    row(g->Wh, 3)[3] = 4, g->b.at[3] = -2, g->b.at[5] = (real)0.3;
    row(g->Wx, ix_of(&text, 0x201C))[3] = 10, row(g->Wx, ix_of(&text, 0x201D))[3] = -10;
    for (size_t i = 0; i < text.V; i++) {
        const uint32_t c = text.chars[i];
        row(g->Wx, i)[0] = is_capital(c) && c < 'M' ? 2 : -2;
        row(g->Wx, i)[1] = is_capital(c) && c >= 'M' ? 2 : -2;
    }
    clear_unit(g2, 2);
    row(g2->Wx, 0)[2] = row(g2->Wx, 1)[2] = g2->b.at[2] = 4;
    catch_output();
    show_cells(&m, &text, false);
    caught();
    size_t lines = 0, wrong = 0;
    CHECK(strstr(shown, "inside quotes: layer 1, unit 4, r = +1.00 (h)\n"), "%s", shown);
    CHECK(strstr(shown, "\ninside a word in capitals: layer 2, unit 3, r = +1.00 (h)\n"), "%s",
          shown);
    const char *quotes = strstr(shown, questions[QUOTES]);
    wrong = wrong_marks(quotes ? quotes : "", &lines);
    CHECK(wrong == 0 && lines > 1, "%zu of the marks in %zu lines are wrong:\n%s", wrong, lines,
          shown);
    for (int q = 0; q < QUESTIONS; q++) { // with one answer only, a question is left out
        const bool asked = q == QUOTES || q == LINE || q == CAPITALS || q == PARAGRAPH;
        CHECK(!strstr(shown, questions[q]) == !asked, "%s\n%s", questions[q], shown);
    }
    CHECK(!strstr(shown, "unit 6,") && !strstr(shown, "nan") && !strstr(shown, "inf"), "%s", shown);
    catch_output();
    show_cells(&m, &text, true);
    caught(); // in "or", r and the space after it are blue; in "be", e is red
    CHECK(strstr(shown, "mr\033[0m\033[97;48;2;40;40;2") && strstr(shown, ";40;40me\033[0m"),
          "other colors:\n%s", shown);

    // An LSTM that counts in c, from each line's end on; what it shows of that is another thing.
    const Sizes lstm = { LSTM, 1, .H = 4, .V = text.V, .T = 3, .B = 1, .threads = 1 };
    m = dull_model(lstm, &rng);
    const Gate *i_ = gate_of(&m.param, lstm, 0, 'i'), *f_ = i_ + 1, *o_ = i_ + 2, *g_ = i_ + 3;
    for (int k = 0; k < 4; k++) clear_unit(i_ + k, 1);
    i_->b.at[1] = f_->b.at[1] = 20, g_->b.at[1] = (real)0.01;
    row(i_->Wx, ix_of(&text, '\n'))[1] = row(f_->Wx, ix_of(&text, '\n'))[1] = -40;
    for (size_t i = 0; i < text.V; i++) row(o_->Wx, i)[1] = i % 2 ? 20 : -20;
    catch_output();
    show_cells(&m, &text, false);
    CHECK(strstr(caught(), "\nposition in the line: layer 1, unit 2, r = +1.00 (c)\n"), "%s",
          shown);

    // A GRU that turns to -1 in capitals.
    const Sizes gru = { GRU, 1, .H = 4, .V = text.V, .T = 3, .B = 1, .threads = 1 };
    m = dull_model(gru, &rng);
    const Gate *z = gate_of(&m.param, gru, 0, 'z'), *new = gate_of(&m.param, gru, 0, 'h');
    clear_unit(z, 0), clear_unit(new, 0);
    z->b.at[0] = -20;
    for (size_t i = 0; i < text.V; i++) row(new->Wx, i)[0] = is_capital(text.chars[i]) ? -3 : 3;
    catch_output();
    show_cells(&m, &text, false);
    CHECK(strstr(caught(), "\ninside a word in capitals: layer 1, unit 1, r = -1.00 (h)\n"), "%s",
          shown);
    remove(path);
    free_text(&text);
}

int main(void) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/min_char_rnn.%ld", folder ? folder : P_tmpdir, (long)getpid());
    FILE *named = fopen(path, "wx"); // a new one
    if (!named)
        die(FAILED, "%s: %s", path, strerror(errno));
    fclose(named);
    test_memory();
    test_rng();
    test_choice();
    test_matmul();
    test_recur();
    test_transpose();
    test_functions();
    test_softmax();
    test_utf8();
    test_read_text();
    test_losses();
    test_threads();
    test_train();
    test_dropout();
    test_new_model();
    test_optimizer(ADAGRAD);
    test_optimizer(ADAM);
    test_samples();
    test_held_out();
    test_show_gradients();
    test_answers();
    test_show_cells();
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0;
}
