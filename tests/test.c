/* The unit tests of min_char_rnn.c. The program is included, and so all of it within reach; a slow and
plain version of what it does stands here beside it. A line for each check that fails, then how many
passed and failed. Built twice, in float and in double; run from anywhere. */

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
static const double INF = INFINITY;

static double most(double a, double b) { return a > b || a != a ? a : b; }
static double get(Matrix a, size_t i, size_t j) { return *part(a, i, 1, j, 1).at; }
static void set(Matrix a, size_t i, size_t j, double x) { *part(a, i, 1, j, 1).at = x; }

static Matrix new_matrix(size_t m, size_t n) { // all zeros; free(.at) when done
    Block block = { NULL, 0 };
    take(&block, m, n);
    block = (Block){ xcalloc(block.used, sizeof(real)), 0 };
    return take(&block, m, n);
}

static void fill(Matrix a, Rng *rng, int range) { // with whole numbers from -range to range
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = 0; j < a.cols; j++)
            set(a, i, j, (int)(rng_u32(rng) % (2 * range + 1)) - range);
}

static size_t padding_not_0(Matrix a) { // how many numbers
    size_t count = 0;
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = a.cols; j < (size_t)a.row_step; j++)
            count += row(a, i)[j] != 0;
    return count;
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

static void allocate(const void *count) { free(xcalloc(*(const size_t *)count, 16)); }

static void lay_out_sizes(const void *sizes) {
    const size_t *size = sizes;
    Block block = { NULL, 0 };
    take(&block, size[0], size[1]);
    take(&block, size[0], size[1]);
}

static void test_memory(void) {
    CHECK_END(FAILED, "memory", allocate, &(size_t){ SIZE_MAX / 16 + 1 });
    CHECK_END(FAILED, "memory", allocate, &(size_t){ SIZE_MAX / 32 });
    const size_t half = SIZE_MAX / sizeof(real) / LANES / 2;
    CHECK_END(FAILED, "memory", lay_out_sizes, ((size_t[]){ half + 1, 1 }));
    CHECK_END(FAILED, "memory", lay_out_sizes, ((size_t[]){ SIZE_MAX, 1 }));
    CHECK_END(0, "", lay_out_sizes, ((size_t[]){ half, 1 }));
    char *memory = xcalloc(1000, 3);
    size_t set_bytes = 0;
    for (size_t i = 0; i < 3000; i++)
        set_bytes += memory[i] != 0;
    CHECK(set_bytes == 0 && (uintptr_t)memory % 64 == 0, "%zu bytes at %p", set_bytes,
          (void *)memory);
    free(memory);
}

// -------------------------------------------------------------------------------------------------
// Random numbers

// The word of the generator's state that comes out as y.
static uint32_t untempered(uint32_t y) {
    uint32_t x = y ^= y >> 18;
    for (int i = 0; i < 32; i++)
        x = y ^ ((x << 15) & 0xefc60000u);
    y = x;
    for (int i = 0; i < 32; i++)
        x = y ^ ((x << 7) & 0x9d2c5680u);
    y = x;
    for (int i = 0; i < 32; i++)
        x = y ^ x >> 11;
    return x;
}

static Rng rng_about_to_give(double uniform) {
    uint64_t bits = uniform * 9007199254740992.0;
    return (Rng){ .state = { untempered(bits >> 26 << 5), untempered(bits << 6) } };
}

// Each line is what NumPy prints after np.random.seed(seed): randn() three times, random_sample() two
// times, and once more after 999 others; randn() again, which has been waiting since the third; choice(4,
// p=[.1,.2,.3,.4]) twelve times.
static void test_rng(void) {
    static const struct { uint32_t seed; double number[7]; const char *choices; } numpy[] = {
        { 0u, { 1.764052345967664, 0.4001572083672233, 0.9787379841057392,
              0.4236547993389047, 0.6458941130666561,
              0.8795214830237301, 2.240893199201458 }, "201321120221" },
        { 1u, { 1.6243453636632417, -0.6117564136500754, -0.5281717522634557,
              0.39676747423066994, 0.538816734003357,
              0.6938554113738997, -1.0729686221561705 }, "323201120323" },
        { 4294967295u, { 0.6484086742306527, 0.6693235306338161, -1.0805437227474493,
              0.9093750727977705, 0.5537363115925001,
              0.6886592403745591, 0.2845010447986309 }, "113322220202" },
    };
    const real p[] = { (real).1, (real).2, (real).3, (real).4 };
    for (size_t i = 0; i < sizeof numpy / sizeof *numpy; i++) {
        Rng rng;
        rng_seed(&rng, numpy[i].seed);
        for (int j = 0; j < 7; j++) {
            bool normal = j < 3 || j == 6;
            double x = normal ? rng_normal(&rng) : rng_uniform(&rng);
            for (int skip = 0; j == 5 && skip < 999; skip++)
                x = rng_uniform(&rng);
            CHECK(fabs(x - numpy[i].number[j]) <= (normal ? 1e-15 : 0), "%.17g is not %.17g", x,
                  numpy[i].number[j]);
        }
        char choices[13] = "";
        for (int j = 0; j < 12; j++)
            choices[j] = '0' + choice(p, 4, &rng);
        CHECK(!strcmp(choices, numpy[i].choices), "%s is not %s", choices, numpy[i].choices);
    }
    Rng rng = rng_about_to_give(0.625);
    CHECK(rng_uniform(&rng) == 0.625, "the test's own untempered() is wrong");
}

// np.searchsorted(np.cumsum(p) / sum, coin, side='right'): the first whose share goes beyond the coin.
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

// Over all shapes that are something to a tile, its rows, its columns or its blocks. The numbers are
// small and whole, so that every sum is exact in whatever order.
static void test_matmul(void) {
    static const size_t ms[] = { 0, 1, 2, 5, 6, 7, 8, 12, 13, 25 };
    static const size_t ks[] = { 0, 1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3 };
    static const size_t ns[] = { 0, 1, LANES - 1, LANES, LANES + 1, 2 * LANES, 3 * LANES - 1,
        4 * LANES, 5 * LANES, 7 * LANES, 8 * LANES + 1, 13 * LANES, 14 * LANES, 27 * LANES + 1 };
    Rng rng;
    rng_seed(&rng, 1);
    for (size_t shape = 0; shape < 10 * 8 * 14; shape++) {
        const size_t m = ms[shape % 10], k = ks[shape / 10 % 8], n = ns[shape / 80];
        Matrix product = new_matrix(m, n), a = new_matrix(m, k), aT = new_matrix(k, m);
        Matrix b = new_matrix(k, n), out = new_matrix(m + 2, n); // a row before, and one after
        fill(a, &rng, 3), fill(b, &rng, 3);
        for (size_t i = 0; i < m; i++)
            for (size_t l = 0; l < k; l++) {
                set(aT, l, i, get(a, i, l));
                for (size_t j = 0; j < n; j++)
                    row(product, i)[j] += row(a, i)[l] * row(b, l)[j];
            }
        for (int way = 0; way < 8; way++) {
            const int how = way & (ADD | FROM_END);
            for (size_t i = 0; i < m + 2; i++)
                for (size_t j = 0; j < n; j++)
                    set(out, i, j, 7);
            matmul(rows(out, 1, m), way & 4 ? transposed(aT) : a, b, how);
            size_t wrong = 0;
            for (size_t i = 0; i < m + 2; i++)
                for (size_t j = 0; j < n; j++)
                    wrong += get(out, i, j) != (i == 0 || i == m + 1 ? 7 :
                             get(product, i - 1, j) + (how & ADD ? 7 : 0));
            CHECK(wrong == 0 && padding_not_0(out) == 0, "(%zu,%zu) by (%zu,%zu), way %d: %zu "
                  "numbers are wrong, %zu of the padding", m, k, k, n, way, wrong,
                  padding_not_0(out));
        }
        free(product.at), free(a.at), free(aT.at), free(b.at), free(out.at);
    }
}

static void test_whole_matrices(void) { // transpose, sum_rows, zero, copy
    Rng rng;
    rng_seed(&rng, 2);
    for (size_t m = 0; m <= 2 * LANES + 1; m++)
        for (size_t n = 0; n <= 2 * LANES + 1; n++) {
            Matrix a = new_matrix(m, n), aT = new_matrix(n, m), sum = new_matrix(1, n);
            fill(a, &rng, 9), fill(sum, &rng, 9);
            transpose(aT, a);
            sum_rows(sum, a);
            size_t wrong = padding_not_0(aT) + padding_not_0(sum);
            for (size_t j = 0; j < n; j++) {
                double total = 0;
                for (size_t i = 0; i < m; i++) {
                    total += get(a, i, j);
                    wrong += get(aT, j, i) != get(a, i, j);
                }
                wrong += get(sum, 0, j) != total;
            }
            Matrix b = new_matrix(m + 1, n);
            fill(b, &rng, 9);
            double last = n ? get(b, m, n - 1) : 0;
            copy(rows(b, 0, m), a);
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < n; j++)
                    wrong += get(b, i, j) != get(a, i, j);
            zero(rows(b, 0, m));
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < n; j++)
                    wrong += get(b, i, j) != 0;
            wrong += n && get(b, m, n - 1) != last;
            CHECK(wrong == 0, "(%zu,%zu): %zu numbers are wrong", m, n, wrong);
            free(a.at), free(aT.at), free(sum.at), free(b.at);
        }
}

typedef void Function(vec *x); // a vector through a pointer: one ABI on every target
static void exp_in_place(vec *x) { *x = exp_(*x); }
static void expm1_in_place(vec *x) { *x = exp_minus(*x, 1); }
static void tanh_in_place(vec *x) { *x = tanh_(*x); }
static void rsqrt_in_place(vec *x) { *x = rsqrt(*x); }
static void clip_in_place(vec *x) { *x = clip(*x, 5); }
static long double rsqrt_of(long double x) { return 1 / sqrtl(x); }

static double at(Function *function, volatile double x) { // volatile: not while compiling
    vec v = (vec){ 0 } + (real)x;
    function(&v);
    return v[LANES - 1];
}

// The largest error, in units of the last digit, over a million numbers from least to most (both
// positive), spread as real numbers are: so many between 1 and 2 as between 2 and 4.
static double error_of(Function *function, long double (*libm)(long double), int sign, real least,
                       real greatest) {
    const size_t points = 1000000;
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
        { "exp_", exp_in_place, expl, small, EXP_MOST, DOUBLE ? 9 : 9 },
        { "exp_minus 1", expm1_in_place, expm1l, small, EXP_MOST, DOUBLE ? 9 : 9 },
        { "tanh_", tanh_in_place, tanhl, small, 100, DOUBLE ? 9 : 9 },
        { "tanh_ to the end", tanh_in_place, tanhl, 1, huge, DOUBLE ? 9 : 9 },
        { "tanh_ of almost nothing", tanh_in_place, tanhl, 0, 1, DOUBLE ? 9 : 9 },
        { "rsqrt", rsqrt_in_place, rsqrt_of, tiny, huge, DOUBLE ? 9 : 9 },
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int sign = 1; sign >= (functions[i].libm == rsqrt_of ? 1 : -1); sign -= 2) {
            double error = error_of(functions[i].function, functions[i].libm, sign,
                                    functions[i].least, functions[i].greatest);
            if(getenv("MEASURE")) printf("%s %d %g\n", functions[i].name, sign, error);
            CHECK(error <= functions[i].bound, "%s of %s numbers: %.3f units of the last digit",
                  functions[i].name, sign > 0 ? "positive" : "negative", error);
        }
    static const struct { Function *function; double x, y; } exact[] = {
        { exp_in_place, 0, 1 }, { exp_in_place, -0.0, 1 }, { exp_in_place, -INFINITY, 0 },
        { exp_in_place, -1e9, 0 }, { exp_in_place, DOUBLE ? -708.1 : -87.1, 0 },
        { exp_in_place, 4.9e-324, 1 }, { expm1_in_place, 0, 0 }, { tanh_in_place, 0, 0 },
        { tanh_in_place, INFINITY, 1 }, { tanh_in_place, -INFINITY, -1 },
        { tanh_in_place, 20, 1 }, { tanh_in_place, -20, -1 }, { tanh_in_place, 1e30, 1 },
        { clip_in_place, 6, 5 }, { clip_in_place, -6, -5 }, { clip_in_place, 4, 4 },
        { clip_in_place, -4, -4 }, { clip_in_place, INFINITY, 5 }, { clip_in_place, -INFINITY, -5 },
    };
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        double y = at(exact[i].function, exact[i].x);
        CHECK(y == exact[i].y, "case %zu: %g gives %.17g, not %g", i, exact[i].x, y, exact[i].y);
    }
    static Function *const all[] = { exp_in_place, expm1_in_place, tanh_in_place, clip_in_place };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) // a loss that is none must not be hidden
        CHECK(isnan(at(all[i], NAN)), "function %zu of NaN: %g", i, at(all[i], NAN));
    CHECK(at(exp_in_place, INFINITY) == at(exp_in_place, EXP_MOST), "%g",
          at(exp_in_place, INFINITY));
}

static void test_softmax(void) {
    static const real scores[][5] = {
        { 0, 0, 0, 0, 0 }, { 1, 2, 3, 4, 5 }, { 1e4, -1e4, 0, 1e4, -3 }, { -1e4, -1e4, -1e4, -1e4 },
        { 7, 7, 7, 7, 7 }, { 88, 87, 800, 801, 799 }, { -801, -800, -799, -9e3, -802 },
    };
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++)
        for (size_t V = 1; V <= 5; V++) {
            Matrix p = new_matrix(1, V);
            double sum = 0, highest = -INF, total = 0, worst = 0;
            for (size_t j = 0; j < (size_t)p.row_step; j++)
                p.at[j] = j < V ? scores[i][j] : (real)-INFINITY;
            for (size_t j = 0; j < V; j++)
                highest = most(scores[i][j], highest);
            for (size_t j = 0; j < V; j++)
                sum += exp(scores[i][j] - highest);
            double log_sum = softmax(p.at, V);
            for (size_t j = 0; j < V; j++) {
                total += get(p, 0, j);
                worst = most(fabs(get(p, 0, j) - exp(scores[i][j] - highest) / sum), worst);
            }
            CHECK(fabs(log_sum - highest - log(sum)) <= 4 * EPSILON * most(1, fabs(highest)),
                  "%zu, V=%zu: %.17g is not %.17g", i, V, log_sum, highest + log(sum));
            CHECK(worst <= 4 * EPSILON && fabs(total - 1) <= 4 * EPSILON, "%zu, V=%zu: off by %g; "
                  "the sum is off by %g", i, V, worst, total - 1);
            for (size_t j = V; j < vectors(V) * LANES; j++)
                worst = most(fabs(p.at[j]), worst);
            CHECK(worst <= 4 * EPSILON, "%zu, V=%zu: the padding is %g", i, V, worst);
            free(p.at);
        }
    vec y = { 1, NAN };
    CHECK(isnan(softmax((real *)&y, 2)), "NaN is lost");
}

// -------------------------------------------------------------------------------------------------
// Texts

static FILE *file_of(const void *bytes, size_t size) {
    FILE *file = tmpfile();
    fwrite(bytes, 1, size, file);
    rewind(file);
    return file;
}

static void test_utf8(void) {
    enum { BAD = CODES };
    static const struct { const char *bytes; int32_t code; } cases[] = {
        { "a", 'a' }, { "\x7F", 0x7F }, { "\n", '\n' }, { "\r\n", '\r' }, { "", EOF },
        { "\xC2\x80", 0x80 }, { "\xDF\xBF", 0x7FF }, { "\xE0\xA0\x80", 0x800 },
        { "\xEF\xBF\xBF", 0xFFFF }, { "\xF0\x90\x80\x80", 0x10000 },
        { "\xF4\x8F\xBF\xBF", 0x10FFFF }, { "\xED\x9F\xBF", 0xD7FF }, { "\xEE\x80\x80", 0xE000 },
        { "\xEF\xBB\xBF", 0xFEFF },                                     // a BOM is a character
        { "\xC0\x80", BAD + 0xC0 }, { "\xC1\xBF", BAD + 0xC1 },         // longer than need be
        { "\xE0\x80\x80", BAD + 0xE0 }, { "\xE0\x9F\xBF", BAD + 0xE0 },
        { "\xF0\x80\x80\x80", BAD + 0xF0 }, { "\xF0\x8F\xBF\xBF", BAD + 0xF0 },
        { "\xED\xA0\x80", BAD + 0xED }, { "\xED\xBF\xBF", BAD + 0xED }, // surrogates
        { "\xF4\x90\x80\x80", BAD + 0xF4 }, { "\xF5\x80\x80\x80", BAD + 0xF5 }, // beyond 0x10FFFF
        { "\xF7\xBF\xBF\xBF", BAD + 0xF7 }, { "\xF8\x88\x80\x80\x80", BAD + 0xF8 },
        { "\xFC\x84\x80\x80\x80\x80", BAD + 0xFC }, { "\xFE", BAD + 0xFE }, { "\xFF", BAD + 0xFF },
        { "\x80", BAD + 0x80 }, { "\xBF\xBF", BAD + 0xBF },             // not at a beginning
        { "\xC3", BAD + 0xC3 }, { "\xE2\x82", BAD + 0xE2 }, { "\xF0\x9F\x98", BAD + 0xF0 }, // cut
        { "\xC3" "a", BAD + 0xC3 }, { "\xC3\xC3\xA9", BAD + 0xC3 }, { "\xE2(\xAC", BAD + 0xE2 },
        { "\xE2\x82(", BAD + 0xE2 }, { "\xF0\x9F\x98\xF0", BAD + 0xF0 },
        { "\xF0\x9F\x98(", BAD + 0xF0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned char *bytes = (const unsigned char *)cases[i].bytes;
        FILE *file = file_of(bytes, strlen(cases[i].bytes));
        int32_t code = get_char(file, false);
        CHECK(code == cases[i].code, "case %zu, 0x%02X...: %X is not %X", i, *bytes,
              (unsigned)code, (unsigned)cases[i].code);
        if (code < CODES && *bytes != '\r')
            CHECK(getc(file) == EOF, "case %zu, 0x%02X...: a byte is left", i, *bytes);
        rewind(file);
        for (size_t j = 0; j <= strlen(cases[i].bytes); j++) {
            code = get_char(file, true);
            CHECK(code == (bytes[j] ? bytes[j] : EOF), "case %zu, byte %zu: %X", i, j,
                  (unsigned)code);
        }
        fclose(file);
    }
    FILE *file = tmpfile();
    for (int32_t code = 0; code < CODES; code += code == 0xD7FF ? 0x801 : 1)
        put_char(code, false, file);
    long size = ftell(file);
    CHECK(size == 0x80 + 2 * 0x780 + 3 * (0xF800 - 0x800) + 4 * 0x100000, "%ld bytes", size);
    rewind(file);
    size_t wrong = 0;
    for (int32_t code = 0; code < CODES; code += code == 0xD7FF ? 0x801 : 1)
        wrong += get_char(file, false) != code;
    CHECK(wrong == 0 && get_char(file, false) == EOF, "%zu characters come back as others", wrong);
    rewind(file);
    for (int32_t byte = 0; byte < 256; byte++)
        put_char(byte, true, file);
    CHECK(ftell(file) == 256, "256 bytes are written as %ld", ftell(file));
    rewind(file);
    for (int32_t byte = 0; byte < 256; byte++)
        wrong += get_char(file, true) != byte;
    CHECK(wrong == 0, "%zu bytes come back as others", wrong);
    fclose(file);
}

static char path[] = "/tmp/min_char_rnn_test_XXXXXX"; // the one file that has to have a name

static void write_text(const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    fwrite(bytes, 1, size, file);
    fclose(file);
}

static void free_text(Text *text) {
    free(text->data), free(text->chars), free(text->char_to_ix);
}

static void read_named(const void *name) {
    Text text = read_text(name, false);
    free_text(&text);
}

static void write_unique(int32_t count) { // from the space on, around what is no character
    FILE *file = fopen(path, "wb");
    for (int32_t i = 0; i < count; i++)
        put_char(i + ' ' < 0xD800 ? i + ' ' : i + ' ' + 0x800, false, file);
    fclose(file);
}

static void test_read_text(void) {
    const char *hello = "h\xC3\xA9llo \xF0\x9F\x98\x80\xE2\x82\xAC!";
    write_text(hello, strlen(hello));
    Text text = read_text(path, false);
    static const uint32_t chars[] = { ' ', '!', 'h', 'l', 'o', 0xE9, 0x20AC, 0x1F600 };
    static const Ix data[] = { 2, 5, 3, 3, 4, 0, 7, 6, 1 };
    CHECK(text.n == 9 && text.V == 8, "%zu characters, %zu unique", text.n, text.V);
    CHECK(!memcmp(text.chars, chars, sizeof chars), "another vocabulary");
    CHECK(!memcmp(text.data, data, sizeof data), "other indices");
    for (size_t i = 0; i < text.V; i++)
        CHECK(text.char_to_ix[chars[i]] == i, "U+%X has index %d", (unsigned)chars[i],
              text.char_to_ix[chars[i]]);
    free_text(&text);

    static const unsigned char bytes[] = { 0xFF, 0, 0xC3, 0, '\n', 0xFF };
    write_text(bytes, sizeof bytes);
    text = read_text(path, true);
    CHECK(text.n == 6 && text.V == 4 && text.data[0] == 3 && text.data[1] == 0 && text.data[2] == 2
          && text.chars[3] == 0xFF && text.chars[1] == '\n', "bytes are read as others");
    free_text(&text);

    write_unique(UINT16_MAX); // and as many as indices there are, in more than one piece of memory
    text = read_text(path, false);
    size_t wrong = 0;
    for (size_t i = 0; i < text.n; i++)
        wrong += text.data[i] != i;
    CHECK(text.n == UINT16_MAX && text.V == text.n && wrong == 0, "%zu characters, %zu unique; "
          "%zu wrong", text.n, text.V, wrong);
    free_text(&text);
    write_unique(UINT16_MAX + 1);
    CHECK_END(FAILED, "more than 65535 unique characters", read_named, path);

    static const struct { const char *bytes, *words; } bad[] = {
        { "", "the file is empty" },
        { "\xFF", "line 1, byte offset 0: 0xFF" },
        { "ab\nc\xC3(", "line 2, byte offset 4: 0xC3" },
        { "\xC3\xA9\n\xE2\x82\xAC\xF0\x9F\x98\x80\r\n\n\xED\xA0\x80", "line 4, byte offset 13: 0xED" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(bad[i].bytes, strlen(bad[i].bytes));
        CHECK_END(FAILED, bad[i].words, read_named, path);
        CHECK(strstr(said, path) && strstr(said, "min_char_rnn: ") == said, "%s", said);
    }
    remove(path);
    CHECK_END(FAILED, strerror(ENOENT), read_named, path);
    CHECK_END(FAILED, strerror(EISDIR), read_named, "/tmp");
}

// -------------------------------------------------------------------------------------------------
// The network

typedef struct { size_t H, V, T, B, threads; } Sizes;

static Model model_of(Sizes s, uint32_t seed) {
    Config c = { .hidden_size = s.H, .seq_length = s.T, .batch_size = s.B, .threads = s.threads,
                 .seed = seed };
    return new_model(&c, s.V);
}

static void free_model(Model *m) { free(m->param.all), free(m->shares); }

static const Matrix *window(const Params *p, size_t i) {
    const Matrix *const windows[] = { &p->Wxh, &p->Whh, &p->Why, &p->bh, &p->by };
    return i < 5 ? windows[i] : NULL;
}
static const char *const names[] = { "Wxh", "Whh", "Why", "bh", "by" };

// The parameters and hidden states of a test are multiples of STEP, of the order of 0.5: one STEP
// more or less is exact in float, too.
static const double STEP = 1.0 / 1024;

static void fill_model(Model *m, Rng *rng) {
    for (size_t i = 0; i < 6; i++) {
        Matrix a = i < 5 ? *window(&m->param, i) : m->hprev;
        fill(a, rng, 600);
        for (size_t j = 0; j < a.rows * a.cols; j++)
            set(a, j / a.cols, j % a.cols, get(a, j / a.cols, j % a.cols) * STEP);
    }
}

static Ix *random_data(Rng *rng, size_t n, size_t V) {
    Ix *data = xcalloc(n, sizeof *data);
    for (size_t i = 0; i < n; i++)
        data[i] = rng_u32(rng) % V;
    return data;
}

// One step of one stream as the lecture writes it: h (H) and the probabilities p (V) after x.
static void plain_step(const Params *w, Ix x, double *h, double *p) {
    const size_t H = w->Whh.rows, V = w->Why.cols;
    double before[64], sum = 0;
    memcpy(before, h, H * sizeof *h);
    for (size_t i = 0; i < H; i++) {
        h[i] = get(w->Wxh, x, i) + get(w->bh, 0, i);
        for (size_t j = 0; j < H; j++)
            h[i] += before[j] * get(w->Whh, j, i);
        h[i] = tanh(h[i]);
    }
    for (size_t i = 0; i < V; i++) {
        p[i] = get(w->by, 0, i);
        for (size_t j = 0; j < H; j++)
            p[i] += h[j] * get(w->Why, j, i);
        sum += p[i] = exp(p[i]);
    }
    for (size_t i = 0; i < V; i++)
        p[i] /= sum;
}

// The loss over T characters of each stream; hprev (B,H) in, the last hidden states out.
static double plain_loss(const Params *w, Sizes s, const Ix *inputs, size_t stream,
                         double hprev[][64]) {
    double loss = 0, p[64];
    for (size_t b = 0; b < s.B; b++)
        for (size_t t = 0; t < s.T; t++) {
            plain_step(w, inputs[b * stream + t], hprev[b], p);
            loss -= log(p[inputs[b * stream + t + 1]]);
        }
    return loss;
}

static void copy_hidden(double out[][64], Matrix hprev) {
    for (size_t b = 0; b < hprev.rows; b++)
        for (size_t i = 0; i < hprev.cols; i++)
            out[b][i] = get(hprev, b, i);
}

// The derivative of plain_loss on one weight, from four losses around it.
static double plain_gradient(const Model *m, Sizes s, const Ix *inputs, size_t stream,
                             Matrix hprev, real *weight) {
    static const double factors[] = { 1, -8, 0, 8, -1 };
    const real middle = *weight;
    double h[8][64], slope = 0;
    for (int i = 0; i < 5; i++) {
        *weight = middle + (i - 2) * STEP;
        copy_hidden(h, hprev);
        if (i != 2)
            slope += factors[i] * plain_loss(&m->param, s, inputs, stream, h);
    }
    *weight = middle;
    return slope / (12 * STEP);
}

// The loss, the gradient on every parameter and the hidden state left for the next chunk, against
// those of the plain version.
static void test_gradient(Sizes s) {
    Rng rng;
    rng_seed(&rng, s.H);
    Model m = model_of(s, 0);
    fill_model(&m, &rng);
    const size_t stream = s.T + 3;
    Ix *data = random_data(&rng, s.B * stream, s.V);
    Matrix hprev = new_matrix(s.B, s.H);
    copy(hprev, m.hprev);
    lossFun(&m, data + 1, stream); // elsewhere: nothing of it must be left
    copy(m.hprev, hprev);
    double h[8][64], loss = lossFun(&m, data, stream);
    copy_hidden(h, hprev);
    double want = plain_loss(&m.param, s, data, stream, h), worst = 0;
    CHECK(fabs(loss - want) <= 8 * EPSILON * want, "H=%zu V=%zu T=%zu B=%zu, %zu threads: the loss "
          "%.17g is not %.17g", s.H, s.V, s.T, s.B, s.threads, loss, want);
    for (size_t i = 0; i < s.B * s.H; i++)
        worst = most(fabs(h[i / s.H][i % s.H] - get(m.hprev, i / s.H, i % s.H)), worst);
    CHECK(worst <= 8 * EPSILON, "H=%zu V=%zu T=%zu B=%zu, %zu threads: hprev is off by %g", s.H,
          s.V, s.T, s.B, s.threads, worst);

    for (size_t k = 0; k < 5; k++) {
        Matrix w = *window(&m.param, k), dw = *window(&m.shares->dparam, k);
        double steepest = 0;
        worst = 0;
        for (size_t i = 0; i < w.rows; i++)
            for (size_t j = 0; j < w.cols; j++) {
                double a = get(dw, i, j);
                double n = plain_gradient(&m, s, data, stream, hprev, row(w, i) + j);
                worst = most(fabs(a - n) / most(most(fabs(a), fabs(n)), DOUBLE ? 1e-4 : 1), worst);
                steepest = most(fabs(a), steepest);
            }
        if(getenv("MEASURE")) printf("%s %g %g\n", names[k], worst, steepest);
        CHECK(worst <= (DOUBLE ? 1e-6 : 1e-5) && steepest > 0.01, "H=%zu V=%zu T=%zu B=%zu, %zu "
              "threads: d%s is off by %g; its largest is %g", s.H, s.V, s.T, s.B, s.threads,
              names[k], worst, steepest);
        CHECK(padding_not_0(dw) == 0, "d%s: %zu numbers of the padding", names[k],
              padding_not_0(dw));
    }
    free(data), free(hprev.at), free_model(&m);
}

static void test_two_chunks(void) { // the hidden state goes on from one to the next
    const Sizes s = { .H = 11, .V = 6, .T = 5, .B = 3, .threads = 2 };
    Rng rng;
    rng_seed(&rng, 5);
    Model m = model_of(s, 0);
    fill_model(&m, &rng);
    Ix *data = random_data(&rng, s.B * 12, s.V);
    double h[8][64], worst = 0;
    copy_hidden(h, m.hprev);
    for (size_t p = 0; p <= s.T; p += s.T) {
        double want = plain_loss(&m.param, s, data + p, 12, h), loss = lossFun(&m, data + p, 12);
        CHECK(fabs(loss - want) <= 8 * EPSILON * want, "%.17g is not %.17g", loss, want);
    }
    for (size_t i = 0; i < s.B * s.H; i++)
        worst = most(fabs(h[i / s.H][i % s.H] - get(m.hprev, i / s.H, i % s.H)), worst);
    CHECK(worst <= 16 * EPSILON && padding_not_0(m.hprev) == 0, "off by %g", worst);
    free(data), free_model(&m);
}

static void test_threads(void) {
    Sizes s = { .H = 21, .V = 17, .T = 9, .B = 7, .threads = 1 };
    Rng rng;
    rng_seed(&rng, 3);
    Ix *data = random_data(&rng, s.B * 12, s.V);
    Model one = model_of(s, 4);
    lossFun(&one, data, 12);
    for (s.threads = 2; s.threads <= 9; s.threads++) {
        Model m = model_of(s, 4), again = model_of(s, 4);
        CHECK(m.threads == min(s.threads, s.B), "%zu threads for %zu", m.threads, s.threads);
        double loss = lossFun(&m, data, 12), same = lossFun(&again, data, 12), worst = 0;
        const Params *d = &m.shares->dparam, *d1 = &one.shares->dparam;
        for (size_t i = 0; i < d->count; i++)
            worst = most(fabs(d->all[i] - d1->all[i]), worst);
        CHECK(worst <= 16 * EPSILON, "%zu threads: off by %g", s.threads, worst);
        CHECK(loss == same && !memcmp(d->all, again.shares->dparam.all, d->count * sizeof(real)),
              "%zu threads: the second time, the numbers are others", s.threads);
        free_model(&m), free_model(&again);
    }
    free(data), free_model(&one);
}

static void test_new_model(void) {
    const Sizes s = { .H = 5, .V = LANES + 3, .T = 4, .B = 2, .threads = 1 };
    Model m = model_of(s, 9);
    Rng rng;
    rng_seed(&rng, 9);
    size_t wrong = 0;
    for (size_t k = 0; k < 3; k++) {
        Matrix w = transposed(*window(&m.param, k)); // the Python's shape, drawn row by row
        for (size_t i = 0; i < w.rows * w.cols; i++)
            wrong += get(w, i / w.cols, i % w.cols) != (real)(rng_normal(&rng) * 0.01);
    }
    CHECK(wrong == 0, "%zu weights are not NumPy's", wrong);
    CHECK(!memcmp(&rng, &m.rng, sizeof rng), "more random numbers are used than there are weights");
    for (size_t j = 0; j < (size_t)m.param.by.row_step; j++)
        wrong += m.param.by.at[j] != (j < s.V || j >= vectors(s.V) * LANES ? 0 : (real)-INFINITY);
    for (size_t k = 0; k < 4; k++)
        wrong += padding_not_0(*window(&m.param, k));
    CHECK(wrong == 0, "%zu numbers of biases or padding are wrong", wrong);
    CHECK(fabs(m.smooth_loss - log(s.V) * s.T) < 1e-12, "smooth_loss %g", m.smooth_loss);
    free_model(&m);
}

// Two steps of one weight, by hand. B = 2: the gradient is halved before it is clipped.
static void test_adagrad(void) {
    static const double gradients[] = { 0, 1, -1, 0.5, 2e-4, -2e-4, 9.9, 10.1, -10.1, 100, -1e6 };
    const Sizes s = { .H = LANES + 3, .V = LANES + 1, .T = 1, .B = 2, .threads = 1 };
    Model m = model_of(s, 0), before = model_of(s, 0);
    for (size_t step = 0; step < 2; step++) {
        for (size_t k = 0, next = step; k < 5; k++) {
            Matrix dw = *window(&m.shares->dparam, k);
            for (size_t i = 0; i < dw.rows * dw.cols; i++)
                set(dw, i / dw.cols, i % dw.cols, gradients[next++ % 11]);
        }
        adagrad(&m, (real).1, 5);
    }
    size_t wrong = 0;
    for (size_t k = 0, next = 0; k < 5; k++) {
        Matrix w = *window(&m.param, k), w0 = *window(&before.param, k);
        Matrix mw = *window(&m.mem, k);
        double worst = 0;
        for (size_t i = 0; i < w.rows * w.cols; i++, next++) {
            double x = get(w0, i / w.cols, i % w.cols), mem = 0;
            for (size_t step = 0; step < 2; step++) {
                double d = (real)gradients[(next + step) % 11] / 2;
                d = d > 5 ? 5 : d < -5 ? -5 : d;
                mem += d * d;
                x -= (real).1 * d / sqrt(mem + 1e-8);
            }
            worst = most(fabs(x - get(w, i / w.cols, i % w.cols)), worst);
            worst = most(fabs(mem - get(mw, i / w.cols, i % w.cols)) / most(mem, 1e-20), worst);
        }
        CHECK(worst <= 2 * EPSILON, "%s is off by %g", names[k], worst);
        wrong += padding_not_0(mw) + (k < 4 ? padding_not_0(w) : 0);
    }
    for (size_t j = s.V; j < 2 * LANES; j++)
        wrong += m.param.by.at[j] != (real)-INFINITY;
    CHECK(wrong == 0, "%zu numbers of the padding are wrong", wrong);
    free_model(&m), free_model(&before);
}

static void test_sample(void) {
    enum { LENGTH = 99 };
    const Sizes s = { .H = 13, .V = LANES + 5, .T = 2, .B = 3, .threads = 1 };
    Rng rng;
    rng_seed(&rng, 6);
    Model m = model_of(s, 0);
    fill_model(&m, &rng);
    uint32_t chars[LANES + 5];
    for (size_t i = 0; i < s.V; i++)
        chars[i] = 'A' + i;
    const Text text = { .chars = chars, .V = s.V };

    char want[LENGTH + 1] = "", got[LENGTH + 2] = "";
    double h[8][64], p[64];
    Rng coins = m.rng;
    copy_hidden(h, m.hprev);
    for (size_t t = 0, x = 2; t < LENGTH; t++) {
        plain_step(&m.param, x, h[1], p);
        double coin = rng_uniform(&coins);
        for (x = 0; x + 1 < s.V && (coin -= p[x]) >= 0; )
            x++;
        want[t] = chars[x];
    }
    const size_t size = m.param.count * sizeof(real);
    const size_t hidden_size = m.hprev.rows * m.hprev.row_step * sizeof(real);
    void *param = memcpy(xcalloc(1, size), m.param.all, size);
    void *hidden = memcpy(xcalloc(1, hidden_size), m.hprev.at, hidden_size);
    Rng start = m.rng;
    for (int i = 0; i < 2; i++) { // once more from the same coins: the same text
        m.rng = start;
        FILE *file = tmpfile();
        sample(&m, &text, rows(m.hprev, 1, 1), 2, LENGTH, file);
        rewind(file);
        got[fread(got, 1, sizeof got - 1, file)] = '\0';
        CHECK(!strcmp(got, want), "%s\nis not %s", got, want);
        fclose(file);
    }
    CHECK(!memcmp(&m.rng, &coins, sizeof coins), "the generator is elsewhere");
    CHECK(!memcmp(param, m.param.all, size) && !memcmp(hidden, m.hprev.at, hidden_size),
          "sampling changes the model");
    FILE *file = tmpfile();
    sample(&m, &text, m.hprev, 0, 0, file);
    stop = SIGINT;
    sample(&m, &text, rows(m.hprev, 0, 1), 0, 10, file);
    stop = 0;
    CHECK(ftell(file) == 0, "%ld bytes of what was not to be written", ftell(file));
    fclose(file), free(param), free(hidden), free_model(&m);
}

// -------------------------------------------------------------------------------------------------
// The command line

static Config parse(const char *line) { // its words, each after one space
    static char words[256], *argv[16];
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *next = words; next; argc++) {
        argv[argc] = next;
        if ((next = strchr(next, ' ')))
            *next++ = '\0';
    }
    argv[argc] = NULL;
    optind = 1;
    return parse_command_line(argc, argv);
}
static void parse_only(const void *line) { parse(line); }

static void test_command_line(void) {
    Config c = parse("program text");
    CHECK(c.hidden_size == 100 && c.seq_length == 25 && c.batch_size == 1 && c.iters == 100000
          && c.learning_rate == 0.1 && c.clip == 5 && c.seed == 0 && c.threads > 0
          && c.print_every == 1000 && c.sample_every == 10000 && c.sample_length == 200
          && !c.bytes && !c.quiet, "the defaults are others");
    c = parse("program -H7 --seq-length=8 -B 9 text --bytes -l1e-3 -s 4294967295 -q");
    CHECK(c.hidden_size == 7 && c.seq_length == 8 && c.batch_size == 9 && c.learning_rate == 1e-3
          && c.seed == UINT32_MAX && c.bytes && c.quiet && !strcmp(c.input, "text"),
          "options are read as others");
    static const struct { const char *line, *words; } wrong[] = {
        { "program -n xyz text", "--iters xyz" }, { "program -n -1 text", "--iters -1" },
        { "program -n  text", "--iters :" }, { "program -n 5x text", "--iters 5x" },
        { "program -n 1e3 text", "--iters 1e3" }, { "program -H 0 text", "--hidden-size 0" },
        { "program -H 99999999999999999999 text", "--hidden-size 9999" },
        { "program -s 4294967296 text", "--seed 4294967296" },
        { "program -l nan text", "--learning-rate nan" },
        { "program -l 0x1p3 text", "--learning-rate 0x1p3" },
        { "program -l 1e999 text", "--learning-rate 1e999" },
        { "program -l . text", "--learning-rate ." }, { "program --no-such text", "no-such" },
        { "program -n", "requires an argument" }, { "program", "which text?" },
        { "program one two", "'one' and 'two'" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_END(WRONG_USAGE, wrong[i].words, parse_only, wrong[i].line);
}

int main(void) {
    int named = mkstemp(path);
    if (named < 0)
        die(FAILED, "%s: %s", path, strerror(errno));
    close(named);
    test_memory();
    test_rng();
    test_choice();
    test_matmul();
    test_whole_matrices();
    test_functions();
    test_softmax();
    test_utf8();
    test_read_text();
    static const Sizes sizes[] = {
        { .H = 19, .V = 23, .T = 6, .B = 3, .threads = 1 },
        { .H = 19, .V = 23, .T = 6, .B = 3, .threads = 2 },
        { .H = 5, .V = 4, .T = 7, .B = 1, .threads = 1 },
        { .H = 1, .V = 2, .T = 1, .B = 1, .threads = 1 },
        { .H = 16, .V = 8, .T = 2, .B = 2, .threads = 2 },
        { .H = 7, .V = 11, .T = 3, .B = 8, .threads = 1 },
        { .H = 3, .V = 5, .T = 67, .B = 2, .threads = 1 }, // T*B of more than one block
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        test_gradient(sizes[i]);
    test_two_chunks();
    test_threads();
    test_new_model();
    test_adagrad();
    test_sample();
    test_command_line();
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0;
}
