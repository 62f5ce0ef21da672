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
// and whole: every sum is exact, in whatever order.
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
                row(aT, l)[i] = row(a, i)[l];
                for (size_t j = 0; j < n; j++)
                    row(product, i)[j] += row(a, i)[l] * row(b, l)[j];
            }
        for (int way = 0; way < 8; way++) {
            const int how = way & (ADD | FROM_END);
            for (size_t i = 0; i < size(out); i++)
                *nth(out, i) = 7;
            matmul(rows(out, 1, m), way & 4 ? transposed(aT) : a, b, how);
            size_t wrong = 0;
            for (size_t i = 0; i < size(out); i++) {
                bool inside = i >= n && i < (m + 1) * n;
                wrong += *nth(out, i) != (!inside ? 7 : *nth(product, i - n) + (how & ADD ? 7 : 0));
            }
            CHECK(wrong == 0 && padding_not_0(out) == 0, "(%zu,%zu) by (%zu,%zu), way %d: %zu "
                  "numbers are wrong, %zu of the padding", m, k, k, n, way, wrong,
                  padding_not_0(out));
        }
        free(product.at), free(a.at), free(aT.at), free(b.at), free(out.at);
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
static void clip_in_place(vec *x) { *x = clip(*x, 5); }
static long double rsqrt_of(long double x) { return 1 / sqrtl(x); }

static double at(Function *function, volatile double x) { // not while compiling
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
        FILE *file = tmpfile();
        fputs(cases[i].bytes, file);
        rewind(file);
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

static void write_unique(int32_t n) { // from the space on, around what is no character
    FILE *file = fopen(path, "wb");
    for (int32_t i = 0; i < n; i++)
        put_char(i + ' ' < 0xD800 ? i + ' ' : i + ' ' + 0x800, false, file);
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
    remove(path);
    CHECK_END(FAILED, strerror(ENOENT), read_named, path);
    CHECK_END(FAILED, strerror(EISDIR), read_named, ".");
}

// -------------------------------------------------------------------------------------------------
// The network

typedef struct { size_t H, V, T, B, threads; } Sizes;

static Model model_of(Sizes s, uint32_t seed) {
    Config c = { .hidden_size = s.H, .seq_length = s.T, .batch_size = s.B, .threads = s.threads,
                 .seed = seed };
    Model m = new_model(&c, s.V);
    start_threads(&m);
    return m;
}

static const Matrix *window(const Params *p, size_t i) {
    const Matrix *const windows[] = { &p->Wxh, &p->Whh, &p->Why, &p->bh, &p->by };
    return i < 5 ? windows[i] : NULL;
}
static const char *const names[] = { "Wxh", "Whh", "Why", "bh", "by" };

// The parameters and hidden states of a test are multiples of STEP, of the order of 0.5: one STEP
// more or less is exact in float, too.
static const double STEP = 1.0 / 1024;

static void fill_model(Model *m, Rng *rng) {
    for (size_t k = 0; k < 6; k++) {
        Matrix a = k < 5 ? *window(&m->param, k) : m->hprev;
        fill(a, rng, 600);
        for (size_t i = 0; i < size(a); i++)
            *nth(a, i) *= STEP;
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
        h[i] = row(w->Wxh, x)[i] + w->bh.at[i];
        for (size_t j = 0; j < H; j++)
            h[i] += before[j] * row(w->Whh, j)[i];
        h[i] = tanh(h[i]);
    }
    for (size_t i = 0; i < V; i++) {
        p[i] = w->by.at[i];
        for (size_t j = 0; j < H; j++)
            p[i] += h[j] * row(w->Why, j)[i];
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
    for (size_t i = 0; i < size(hprev); i++)
        out[i / hprev.cols][i % hprev.cols] = *nth(hprev, i);
}

static double hidden_error(double want[][64], Matrix hprev) {
    double worst = 0;
    for (size_t i = 0; i < size(hprev); i++)
        worst = most(fabs(want[i / hprev.cols][i % hprev.cols] - *nth(hprev, i)), worst);
    return worst;
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

// The loss, the gradient on every parameter and the hidden state left for the next chunk, which
// goes on from it, against those of the plain version.
static void test_loss(Sizes s) {
    char sizes[99];
    snprintf(sizes, sizeof sizes, "H=%zu V=%zu T=%zu B=%zu, %zu threads", s.H, s.V, s.T, s.B,
             s.threads);
    Rng rng;
    rng_seed(&rng, s.H);
    Model m = model_of(s, 0);
    fill_model(&m, &rng);
    const size_t stream = 2 * s.T + 3;
    Ix *data = random_data(&rng, s.B * stream, s.V);
    Matrix hprev = new_matrix(s.B, s.H);
    copy(hprev, m.hprev);
    double h[8][64];
    copy_hidden(h, hprev);
    for (size_t p = 0; p <= s.T; p += s.T) {
        double loss = lossFun(&m, data + p, stream);
        double want = plain_loss(&m.param, s, data + p, stream, h);
        CHECK(fabs(loss - want) <= 8 * EPSILON * want, "%s: %.17g is not %.17g", sizes, loss, want);
        CHECK(hidden_error(h, m.hprev) <= 16 * EPSILON && padding_not_0(m.hprev) == 0,
              "%s: hprev is off by %g", sizes, hidden_error(h, m.hprev));
    }
    copy(m.hprev, hprev); // once more: nothing of another chunk must be left in the gradient
    lossFun(&m, data, stream);
    for (size_t k = 0; k < 5; k++) {
        Matrix w = *window(&m.param, k), dw = *window(&m.shares->dparam, k);
        double steepest = 0, worst = 0;
        for (size_t i = 0; i < size(w); i++) {
            double a = *nth(dw, i), n = plain_gradient(&m, s, data, stream, hprev, nth(w, i));
            steepest = most(fabs(a), steepest);
            worst = most(fabs(a - n) / most(most(fabs(a), fabs(n)), DOUBLE ? 1e-4 : 1), worst);
        }
        CHECK(worst <= (DOUBLE ? 1e-7 : 4e-6) && steepest > 0.01 && padding_not_0(dw) == 0,
              "%s: d%s is off by %g; its largest is %g; %zu numbers of its padding are not 0",
              sizes, names[k], worst, steepest, padding_not_0(dw));
    }
    free(data), free(hprev.at);
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
    }
    free(data);
}

static void test_new_model(void) {
    const Sizes s = { .H = 5, .V = LANES + 3, .T = 4, .B = 2, .threads = 1 };
    Model m = model_of(s, 9);
    Rng rng;
    rng_seed(&rng, 9);
    size_t wrong = 0;
    for (size_t k = 0; k < 3; k++) {
        Matrix w = transposed(*window(&m.param, k)); // the Python's shape, drawn row by row
        for (size_t i = 0; i < size(w); i++) {
            volatile real want = rng_normal(&rng) * 0.01; // rounded, also where x87 computes
            wrong += *nth(w, i) != want;
        }
    }
    CHECK(wrong == 0, "%zu weights are not NumPy's", wrong);
    CHECK(!memcmp(&rng, &m.rng, sizeof rng), "more random numbers are used than there are weights");
    for (size_t j = 0; j < (size_t)m.param.by.row_step; j++)
        wrong += m.param.by.at[j] != (j < s.V || j >= vectors(s.V) * LANES ? 0 : (real)-INFINITY);
    for (size_t k = 0; k < 4; k++)
        wrong += padding_not_0(*window(&m.param, k));
    CHECK(wrong == 0, "%zu numbers of biases or padding are wrong", wrong);
    CHECK(fabs(m.smooth_loss - log(s.V) * s.T) < 1e-12, "smooth_loss %g", m.smooth_loss);
}

// Two steps of one weight, by hand. B = 2: the gradient is halved before it is clipped.
static void test_adagrad(void) {
    static const double gradients[] = { 0, 1, -1, 0.5, 2e-4, -2e-4, 9.9, 10.1, -10.1, 100, -1e6 };
    const Sizes s = { .H = LANES + 3, .V = LANES + 1, .T = 1, .B = 2, .threads = 1 };
    Model m = model_of(s, 0), before = model_of(s, 0);
    for (size_t step = 0; step < 2; step++) {
        for (size_t k = 0, next = step; k < 5; k++) {
            Matrix dw = *window(&m.shares->dparam, k);
            for (size_t i = 0; i < size(dw); i++)
                *nth(dw, i) = gradients[next++ % 11];
        }
        adagrad(&m, (real).1, 5);
    }
    size_t wrong = 0;
    for (size_t k = 0, next = 0; k < 5; k++) {
        Matrix w = *window(&m.param, k), w0 = *window(&before.param, k);
        Matrix mw = *window(&m.mem, k);
        double worst = 0;
        for (size_t i = 0; i < size(w); i++, next++) {
            double x = *nth(w0, i), mem = 0;
            for (size_t step = 0; step < 2; step++) {
                double d = (real)gradients[(next + step) % 11] / 2;
                d = d > 5 ? 5 : d < -5 ? -5 : d;
                mem += d * d;
                x -= (real).1 * d / sqrt(mem + 1e-8);
            }
            worst = most(fabs(x - *nth(w, i)), worst);
            worst = most(fabs(mem - *nth(mw, i)) / most(mem, 1e-20), worst);
        }
        CHECK(worst <= (DOUBLE ? 2 * EPSILON : 5e-7), "%s is off by %g", names[k], worst); // rsqrt
        wrong += padding_not_0(mw) + (k < 4 ? padding_not_0(w) : 0);
    }
    for (size_t j = s.V; j < 2 * LANES; j++)
        wrong += m.param.by.at[j] != (real)-INFINITY;
    CHECK(wrong == 0, "%zu numbers of the padding are wrong", wrong);
}

// Samples, with standard output going to a file.
static void sample_to(FILE *file, Model *m, const Text *text, Matrix hprev, Ix x, count n) {
    const Config c = { .temperature = 1 };
    fflush(stdout);
    int terminal = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    sample(m, text, hprev, x, n, &c);
    fflush(stdout);
    dup2(terminal, STDOUT_FILENO);
    close(terminal);
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
    const size_t bytes = m.param.count * sizeof(real);
    void *param = memcpy(xcalloc(1, bytes), m.param.all, bytes);
    copy_hidden(h, m.hprev);
    Rng start = m.rng;
    for (int i = 0; i < 2; i++) { // once more from the same coins: the same text
        m.rng = start;
        FILE *file = tmpfile();
        sample_to(file, &m, &text, rows(m.hprev, 1, 1), 2, LENGTH);
        rewind(file);
        got[fread(got, 1, sizeof got - 1, file)] = '\0';
        CHECK(!strcmp(got, want), "%s\nis not %s", got, want);
        fclose(file);
    }
    CHECK(!memcmp(&m.rng, &coins, sizeof coins), "the generator is elsewhere");
    CHECK(!memcmp(param, m.param.all, bytes) && hidden_error(h, m.hprev) == 0,
          "sampling changes the model");
    FILE *file = tmpfile();
    sample_to(file, &m, &text, rows(m.hprev, 0, 1), 0, 0);
    stop = SIGINT;
    sample_to(file, &m, &text, rows(m.hprev, 0, 1), 0, 10);
    stop = 0;
    fseek(file, 0, SEEK_END);
    CHECK(ftell(file) == 0, "%ld bytes of what was not to be written", ftell(file));
    fclose(file), free(param);
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
    test_transpose();
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
        test_loss(sizes[i]);
    test_threads();
    test_new_model();
    test_adagrad();
    test_sample();
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0;
}
