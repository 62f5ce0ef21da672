// The unit tests of min_char_rnn.c. They include the program, and all that is static with it, and
// compare what it computes with a slow and plain version. A check that fails prints a line; the
// last line says how many checks passed and failed. Built twice, in float and in double.

#define TESTING
#pragma GCC diagnostic ignored "-Wunused-function" // main would use them
#include "../min_char_rnn.c"
#include <float.h>
#include <sys/wait.h>

static const double EPSILON = DOUBLE ? DBL_EPSILON : FLT_EPSILON;
static size_t passed, failed;
static char about[2000]; // what a check is about, for its message
#define describe(...) snprintf(about, sizeof about, __VA_ARGS__)
static void check(int line, const char *what, double got, double want, double error) {
    const bool ok = got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= error;
    *(ok ? &passed : &failed) += 1;
    if (!ok) printf("tests/test.c:%d: %s is %.17g, not %.17g: %s\n", line, what, got, want, about);
}
#define NEAR(got, want, error) check(__LINE__, #got, got, want, error)
#define EQUAL(got, want) check(__LINE__, #got, got, want, 0)
#define CHECK(condition) check(__LINE__, #condition, !!(condition), true, 0)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static Rng source; // of the numbers that the tests make up
static double most(double a, double b) { return a > b || a != a ? a : b; } // NaN is most of all
static size_t size(Matrix a) { return a.rows * a.cols; }
static real *nth(Matrix a, size_t i) { return row(a, i / a.cols) + i % a.cols; }
static Matrix rows(Matrix a, size_t first, size_t n) { return view(row_vecs(a, first), n, a.cols); }

static void fill(Matrix a, int range, double by) { // with by times whole numbers, -range to range
    for (size_t i = 0; i < size(a); i++)
        *nth(a, i) = ((int)(rng_u32(&source) % (2 * range + 1)) - range) * by;
}
static size_t bad_padding(Matrix a) { // how many numbers of it are not 0
    size_t n = 0;
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = a.cols; j < width(a.cols) * LANES; j++) n += row(a, i)[j] != 0;
    return n;
}

static char shown[5 << 20]; // what a statement wrote to a file descriptor
static size_t shown_size;
#define CATCH(fd, statement) do { \
        FILE *file_ = tmpfile(); \
        const int kept_ = dup(fd); \
        fflush(NULL); \
        dup2(fileno(file_), fd); \
        statement; \
        fflush(NULL); \
        dup2(kept_, fd); \
        close(kept_); \
        rewind(file_); \
        shown_size = fread(shown, 1, sizeof shown - 1, file_); \
        shown[shown_size] = '\0'; \
        fclose(file_); \
    } while (0)

// A function has to end its process with status 1 and a message of one line with these words.
static void check_refused(const char *says, void (*function)(const void *), const void *argument) {
    char start[99];
    snprintf(start, sizeof start, "%s: ", program_invocation_short_name);
    int status = -1;
    CATCH(2,
          if (fork() == 0) {
              function(argument);
              _exit(0);
          }
          wait(&status));
    describe("it says '%.900s', not '%s'", shown, says);
    const char *message = strstr(shown, start); // after what a sanitizer says
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1 && message && strstr(message, says) &&
          strchr(message, '\n') == shown + shown_size - 1);
}

static void allocate(const void *n) { new_array(((count *)n)[0], ((count *)n)[1]); }
static void allocate_matrix(const void *n) { new_matrix(((count *)n)[0], ((count *)n)[1]); }

static void test_memory(void) {
    static const count sizes[][2] = { // the first three overflow; the system refuses the others
        { SIZE_MAX / 16 + 2, 16 }, { UINT64_MAX, 16 }, { UINT64_MAX / 2 + 1, 2 },
        { SIZE_MAX / 16, 8 }, { 65535ull * 65535, 65535 }, { 1ull << 44, 1 },
    };
    for (size_t i = 0; i < COUNT(sizes); i++)
        check_refused("no memory for ", i < 4 ? allocate : allocate_matrix, sizes[i]);
    for (size_t n = 1; n < 5000; n += 777) {
        char *volatile used = malloc(n + 64);
        free(memset(used, 1, n + 64)); // so that memory comes that was used before
        const char *memory = new_array(n, 1), zeros[5000] = "";
        CHECK(!memcmp(memory, zeros, n) && (uintptr_t)memory % 64 == 0);
    }
}

// ---- Random numbers
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
    real p[] = { (real).1, (real).2, (real).3, (real).4 };
    for (size_t i = 0; i < COUNT(numpy); i++) {
        Rng rng;
        rng_seed(&rng, numpy[i].seed);
        describe("seed %u", (unsigned)numpy[i].seed);
        for (int j = 0; j < 6; j++) {
            double x = j == 3 ? rng_uniform(&rng) : j == 4 ? 0 : rng_normal(&rng);
            for (int k = 0; j == 4 && k < 2000; k++) x += rng_uniform(&rng);
            NEAR(x, numpy[i].number[j], 1e-15 * most(1, x));
        }
        for (int j = 0; j < 12; j++) EQUAL(choice(p, 4, &rng), numpy[i].choices[j] - '0');
    }
    CHECK(hash(0) == 0xe220a8397b1dcdaf && hash(0x9e3779b97f4a7c15) == 0x6e789e6aa1b965f4);
}

// np.searchsorted(np.cumsum(p) / sum, coin, side='right'): the first share to go beyond the coin.
static void test_choice(void) {
    static const struct { double coin; uint32_t state[2]; } coins[] = { // and what leads to them
        { 0, { 0, 0 } }, { .25 - DBL_EPSILON, { 0x4ff84996, 0x87e16ad2 } },
        { .25, { 0x4c019032, 0 } }, { .375, { 0x68011823, 0 } }, { .5, { 0x80102204, 0 } },
        { 1 - DBL_EPSILON / 2, { 0x83e9fba0, 0x87e16a92 } },
    };
    static struct { real p[5]; Ix want[COUNT(coins)]; } cases[] = {
        { { .25, .25, .5, 0, 0 }, { 0, 0, 1, 1, 2, 2 } }, // never 3, which has probability 0
        { { 0, .5, 0, .5, 0 }, { 1, 1, 1, 1, 3, 3 } },
        { { 0, 0, 0, 0, 1 }, { 4, 4, 4, 4, 4, 4 } },
        { { 3, 1, 0, 0, 4 }, { 0, 0, 0, 1, 4, 4 } },      // only the proportions count
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t j = 0; j < COUNT(coins); j++) {
            Rng rng = { .state = { coins[j].state[0], coins[j].state[1] } }, same = rng;
            describe("case %zu, coin %g", i, coins[j].coin);
            EQUAL(choice(cases[i].p, 5, &rng), cases[i].want[j]);
            EQUAL(rng_uniform(&same), coins[j].coin);
            EQUAL(rng.used, 2);
        }
}

// ---- Arithmetic
// Checks the products, and transpose, over all shapes that mean something to a tile's rows, columns
// and blocks, and to a turn of the strips. The numbers are small and whole: any order is exact.
static void test_products(void) {
    static const size_t ms[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 25, 50, 55 };
    static const size_t ks[] = { 0, 1, 2, 7, 17, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3 };
    static const size_t ns[] = { 0, 1, LANES - 1, LANES, LANES + 1, 2 * LANES, 3 * LANES - 1,
        4 * LANES, 5 * LANES, 7 * LANES, 8 * LANES + 1, 13 * LANES, 14 * LANES, 27 * LANES + 1 };
    static void (*const products[])(Matrix, Matrix, Matrix) = { add_dot, add_dot_aT, add_dot_bT };
    for (size_t i = 0; i < COUNT(ms) * COUNT(ks) * COUNT(ns); i++) {
        const size_t m = ms[i % COUNT(ms)], k = ks[i / COUNT(ms) % COUNT(ks)];
        const size_t n = ns[i / COUNT(ms) / COUNT(ks)];
        Matrix a = new_matrix(m, k), b = new_matrix(k, n), want = new_matrix(m, n);
        transpose(&a); // the copy is renewed below, in its place
        transpose(&b);
        Matrix aT = view(a.T, k, m), bT = view(b.T, n, k);
        fill(a, 3, 1);
        fill(b, 3, 1);
        transpose(&a);
        transpose(&b);
        transpose(&bT);
        for (size_t j = 0; j < m * k; j++)
            for (size_t c = 0; c < n; c++) row(want, j / k)[c] += *nth(a, j) * row(b, j % k)[c];
        for (int way = 0; way < 3; way++) {
            Matrix out = new_matrix(m + 2, n); // with a row before, and one after
            for (size_t j = 0; j < size(out); j++) *nth(out, j) = 7;
            products[way](rows(out, 1, m), way == 1 ? aT : a, way == 2 ? bT : b);
            size_t wrong = bad_padding(out) + bad_padding(aT) + bad_padding(bT);
            for (size_t j = 0; j < m * k; j++) wrong += row(aT, j % k)[j / k] != *nth(a, j);
            for (size_t j = 0; j < size(out); j++)
                wrong += *nth(out, j) != 7 + (j < n || j >= n + m * n ? 0 : *nth(want, j - n));
            describe("product %d, (%zu,%zu) by (%zu,%zu)", way, m, k, k, n);
            EQUAL(wrong, 0);
            free(out.at);
        }
        vec *const memory[] = { a.at, a.T, b.at, b.T, bT.T, want.at };
        for (size_t j = 0; j < COUNT(memory); j++) free(memory[j]);
    }
}

static void test_rows(void) {
    for (size_t n = 1; n < 6 * LANES; n += 3) {
        const Matrix a = new_matrix(3, n), out = new_matrix(6, n), b = new_matrix(1, n);
        fill(a, 9, 1);
        fill(b, 9, 1);
        fill_rows(rows(out, 1, 4), b);
        add_row(out, 2, a, 1);
        for (size_t i = 0; i < 3; i++) add_row(out, 3, a, i);
        size_t wrong = bad_padding(out);
        for (size_t j = 0; j < n; j++) {
            const real x = row(b, 0)[j], y = row(a, 1)[j], sum = row(a, 0)[j] + y + row(a, 2)[j];
            const real want[] = { 0, x, x + y, x + sum, x, 0 };
            for (size_t r = 0; r < 6; r++) wrong += row(out, r)[j] != want[r];
        }
        EQUAL(wrong, 0);
    }
}

typedef void Function(vec *x); // a vec through a pointer: that is the same call on every machine
static void vec_exp(vec *x) { *x = exp_(*x); }
static void vec_expm1(vec *x) { *x = exp_minus(*x, 1); }
static void vec_tanh(vec *x) { *x = tanh_(*x); }
static void vec_rsqrt(vec *x) { *x = rsqrt(*x); }
static void vec_sigmoid(vec *x) { *x = sigmoid(*x); }
static void vec_clip(vec *x) { *x = clip(*x, 5); }
static long double rsqrt_of(long double x) { return 1 / sqrtl(x); }
// Calls a function of a vec on one number. The compiler must not do that itself.
static double value_of(Function *function, volatile double x) {
    vec v = (vec){ 0 } + (real)x;
    function(&v);
    return v[LANES - 1];
}
// Returns the largest error, in units of the last digit, over a million numbers, as many between 1
// and 2 as between 2 and 4. (Where software computes a long double, fewer have to do.)
static double error_of(Function *function, long double (*libm)(long double), real least,
                       real greatest) {
    const int smallest = DOUBLE ? -1022 : -126; // the exponent of the smallest normal number
    const union { word bits; real x; } first = { .x = least }, last = { .x = greatest };
    const word stride = (last.bits - first.bits) / (LDBL_MANT_DIG > 64 ? 20000 : 1000000) + 1;
    double worst = 0;
    for (int sign = libm == rsqrt_of ? 1 : -1; sign <= 1; sign += 2)
        for (word bits = first.bits; bits < last.bits; bits += stride) {
            const real x = sign * ((union { word bits; real x; }){ bits }).x;
            const long double want = libm(x), error = fabsl(value_of(function, x) - want);
            const int exponent = want == 0 ? smallest : most(ilogbl(want), smallest);
            worst = most(error / ldexpl(EPSILON, exponent), worst);
        }
    return worst;
}

static void test_functions(void) {
    const real tiny = DOUBLE ? (real)DBL_MIN : (real)FLT_MIN;
    const real huge = DOUBLE ? (real)DBL_MAX : (real)FLT_MAX;
    const real small = DOUBLE ? (real)1e-20 : 0; // below it, a double's results are 1, or x itself
    const struct { Function *function; long double (*libm)(long double); real least, greatest;
                   double bound; } functions[] = {
        { vec_exp, expl, small, EXP_MOST, 1.4 }, { vec_expm1, expm1l, small, EXP_MOST, 2.8 },
        { vec_tanh, tanhl, small, 100, 3.6 }, { vec_tanh, tanhl, 0, huge, 3.6 },
        { vec_rsqrt, rsqrt_of, tiny, huge, DOUBLE ? 3.3 : 100 }, // 4.7e-6
    };
    for (size_t i = 0; i < COUNT(functions); i++) {
        describe("function %zu: the units of the last digit", i);
        NEAR(error_of(functions[i].function, functions[i].libm, functions[i].least,
                      functions[i].greatest), 0, functions[i].bound);
    }
    static const struct { Function *function; double x, y; } exact[] = {
        { vec_exp, 0, 1 }, { vec_exp, -0.0, 1 }, { vec_exp, 4.9e-324, 1 }, { vec_exp, -1e9, 0 },
        { vec_exp, -INFINITY, 0 }, { vec_exp, DOUBLE ? -708.1 : -87.1, 0 }, { vec_expm1, 0, 0 },
        { vec_tanh, 0, 0 }, { vec_tanh, INFINITY, 1 }, { vec_tanh, -INFINITY, -1 },
        { vec_tanh, 20, 1 }, { vec_tanh, -20, -1 }, { vec_tanh, 1e30, 1 }, { vec_sigmoid, 0, 0.5 },
        { vec_sigmoid, 100, 1 }, { vec_clip, 6, 5 }, { vec_clip, -6, -5 },
        { vec_clip, 4, 4 }, { vec_clip, -4, -4 }, { vec_clip, INFINITY, 5 },
        { vec_clip, -INFINITY, -5 }, { vec_exp, NAN, NAN }, { vec_expm1, NAN, NAN },
        { vec_tanh, NAN, NAN }, { vec_sigmoid, NAN, NAN }, { vec_clip, NAN, NAN },
        { vec_rsqrt, NAN, NAN },
    };
    for (size_t i = 0; i < COUNT(exact); i++) {
        describe("case %zu: %g", i, exact[i].x);
        EQUAL(value_of(exact[i].function, exact[i].x), exact[i].y);
    }
    double off = 0; // absolute: that is what counts for a gate
    for (double x = -99; x <= 99; x += 1.0 / 128)
        off = most(fabs(value_of(vec_sigmoid, x) - 1 / (1 + exp(-x))), off);
    NEAR(off, 0, EPSILON);
    EQUAL(value_of(vec_exp, INFINITY), value_of(vec_exp, EXP_MOST));
}

static void test_softmax(void) {
    static const real scores[][5] = {
        { 0, 0, 0, 0, 0 }, { 1, 2, 3, 4, 5 }, { 1e4, -1e4, 0, 1e4, -3 }, { -1e4, -1e4, -1e4, -1e4 },
        { 7, 7, 7, 7, 7 }, { 88, 87, 800, 801, 799 }, { -801, -800, -799, -9e3, -802 },
        { -1e3, 1e3, 0, 0, 0 }, { 0, 0, 0, 0, 1e3 },
    };
    for (size_t i = 0; i < COUNT(scores) * (3 * LANES + 1); i++) {
        const size_t V = i / COUNT(scores) + 1, padded = vecs(V) * LANES;
        double want[5 * LANES], high = -INFINITY, sum = 0;
        vec y_[5];
        real *y = (real *)y_;
        for (size_t j = 0; j < 5 * LANES; j++) { // the padding would be the highest score
            want[j] = scores[i % COUNT(scores)][j % 5] + j / LANES * 800.0; // the last vec counts
            y[j] = j < V ? want[j] : (real)1e5;
            if (j < V) high = most(want[j], high);
        }
        for (size_t j = 0; j < V; j++) sum += exp(want[j] - high);
        describe("softmax, case %zu, V=%zu", i % COUNT(scores), V);
        NEAR(softmax(y, V), high + log(sum), 4 * EPSILON * most(1, fabs(high)));
        for (size_t j = 0; j < padded; j++) // the padding has probability 0
            NEAR(y[j], j < V ? exp(want[j] - high) / sum : 0, 4 * EPSILON);
        EQUAL(y[padded], (real)1e5); // what follows is left alone
        y[V / 2] = NAN;
        EQUAL(softmax(y, V), NAN); // a loss that is no number must not be hidden
    }
}

// ---- Texts
static File file_of(const void *bytes, size_t n) {
    return (File){ .bytes = (unsigned char *)bytes, .n = n, .line = 1, .name = "a text" };
}
// Finds the characters of one file, and reads another: a text itself, or that of a loaded model.
static Text text_of(File vocabulary, File file, bool bytes) {
    Text text = { .data = new_array(file.n, sizeof(Ix)), .chars = new_array(MAX_V, 4),
                  .char_to_ix = new_array(CODES, sizeof(Ix)), .bytes = bytes };
    find_chars(&text, vocabulary);
    index_text(&text, file);
    return text;
}
static void read_files(const void *two) { text_of(((File *)two)[0], ((File *)two)[1], false); }
static void check_text(const char *says, File vocabulary, File file) {
    const File two[] = { vocabulary, file };
    check_refused(says, read_files, two);
}
static uint32_t next_code(uint32_t code) { return code == 0xD7FF ? 0xE000 : code + 1; }

static void test_utf8(void) {
    static const char *const bad[] = {
        "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80", // too long
        "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", // halves of a UTF-16 pair; too high
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF7\xBF\xBF\xBF", "\xF8\x88\x80\x80\x80",
        "\xF8\x90\x80\x80", "\xFC\x84\x80\x80\x80\x80", "\xFE", "\xFF", "\x80", "\xBF\xBF",
        "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC3\x61", "\xC3\xC3\xA9", "\xE2(\xAC", "\xE2\x82(",
        "\xF0\x9F\x98\xF0", "\xF0\x9F\x98(", // cut
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        const File file = file_of(bad[i], strlen(bad[i]));
        check_text("a text, line 1, byte offset 0: 0x", file, file);
    }
    // What is written comes back: all bytes, then all code points.
    for (int bytes = 1; bytes >= 0; bytes--) {
        const uint32_t end = bytes ? 256 : CODES;
        uint32_t one;
        Text text = { .chars = &one, .bytes = bytes };
        size_t wrong = 0;
        CATCH(1, for (one = 0; one < end; one = next_code(one)) put_char(&text, 0));
        File file = file_of(shown, shown_size);
        EQUAL(file.n, bytes ? 256 : 0x80 + 2 * 0x780 + 3 * 0xF000 + 4 * 0x100000);
        for (uint32_t code = 0; code < end; code = next_code(code))
            wrong += next_char(&file, bytes) != code;
        CHECK(wrong == 0 && file.at == file.n && file.line == 2);
    }
    // Of these, a vocabulary takes 65,535, and not one more.
    const size_t n = 0x80 + 2 * 0x780 + 3 * 0xF000 + 4 * (65535 - 0xF800);
    const File most_ = file_of(shown, n), more = file_of(shown, n + 4);
    const Text text = text_of(most_, most_, false);
    size_t wrong = 0;
    for (size_t i = 0; i < text.n; i++) wrong += text.data[i] != i;
    CHECK(wrong == 0 && text.n == 65535 && text.V == 65535);
    check_text("a text: over 65535 different characters", more, more);
}
static void test_texts(void) {
    static const struct { const char *bytes; size_t size, n, V; uint32_t chars[13]; Ix data[13]; }
    cases[] = { // the second one is bytes
        { "h\xC3\xA9llo \xF0\x9F\x98\x80\xE2\x82\xAC!", 15, 9, 8,
          { ' ', '!', 'h', 'l', 'o', 0xE9, 0x20AC, 0x1F600 }, { 2, 5, 3, 3, 4, 0, 7, 6, 1 } },
        { "\xFF\0\xC3\0\n\xFF", 6, 6, 4, { 0, '\n', 0xC3, 0xFF }, { 3, 0, 2, 0, 1, 3 } },
        { "\n\ra\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBB\xBF\xEF\xBF\xBF"
          "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 31, 13, 13, { '\n', '\r', 'a', 0x7F, 0x80, 0x7FF,
          0x800, 0xD7FF, 0xE000, 0xFEFF, 0xFFFF, 0x10000, 0x10FFFF },
          { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const File file = file_of(cases[i].bytes, cases[i].size);
        const Text text = text_of(file, file, i == 1);
        describe("text %zu", i);
        CHECK(text.n == cases[i].n && !memcmp(text.data, cases[i].data, text.n * sizeof(Ix)));
        CHECK(text.V == cases[i].V && !memcmp(text.chars, cases[i].chars, text.V * 4));
        for (size_t j = 0; j < text.V; j++) EQUAL(text.char_to_ix[text.chars[j]], j);
    }
    static const struct { const char *words, *vocabulary, *text; } bad[] = {
        { "a text, line 1, byte offset 0: 0xFF is not UTF-8", "", "\xFF!" },
        { "a text, line 2, byte offset 4: 0xC3 is not UTF-8", "abc\n", "ab\nc\xC3(" },
        { "a text, line 4, byte offset 13: 0xED is not UTF-8", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
          "\r\n", "\xC3\xA9\n\xE2\x82\xAC\xF0\x9F\x98\x80\r\n\n\xED\xA0" },
        { "a text, line 2: the model does not know U+0064 'd'", "a\n", "a\nad" },
        { "line 1: the model does not know U+00E9 '\xC3\xA9'", "a", "\xC3\xA9" },
        { "line 1: the model does not know U+000A ''", "abc", "ab\nc" },
        { "U+0008 ''", "abc", "ab\bc" }, { "U+007F ''", "a", "\x7F" },
        { "U+009F ''", "a", "\xC2\x9F" }, // nothing that moves a cursor is shown
        { "U+00A0 '\xC2\xA0'", "a", "\xC2\xA0" },
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        check_text(bad[i].words, file_of(bad[i].vocabulary, strlen(bad[i].vocabulary)),
                   file_of(bad[i].text, strlen(bad[i].text)));
}
// ---- The plain network: one number at a time, in double
typedef struct { size_t cell, layers, H, V, T, B, threads, stride; double dropout; } Sizes;
enum { MOST = 40 }; // layers * B, units, or characters
typedef struct { double h[MOST][MOST], c[MOST][MOST]; } State; // (layers*B,H), as in the model
static const double STEP = 1.0 / 1024;
// Returns part k of the parameters: Wx, Wh and b of each gate, then Why and by, then nothing.
static Matrix part(const Run *run, const Params *p, size_t k) {
    const Config *c = &run->c;
    const size_t parts = 3 * c->layers * strlen(cells[c->cell].gates);
    const Gate *g = &p->gate[k / 3];
    describe("part %zu of cell %d, L=%d H=%d V=%d T=%d B=%d, dropout %g, %d threads", k,
             (int)c->cell, (int)c->layers, (int)c->hidden_size, (int)run->text.V,
             (int)c->seq_length, (int)c->batch_size, run->dropout, (int)run->threads);
    if (k < parts) return k % 3 == 0 ? g->Wx : k % 3 == 1 ? g->Wh : g->b;
    return k == parts ? p->Why : k == parts + 1 ? p->by : view(NULL, 0, 0);
}
// The numbers are multiples of STEP, of the order of 0.5: a STEP more is exact in float, too.
static void fill_model(Run *run) {
    for (size_t k = 0; part(run, &run->m.param, k).at; k++)
        fill(part(run, &run->m.param, k), 600, STEP);
    fill(run->m.hprev, 600, STEP);
    fill(run->m.cprev, 600, STEP);
}
// Makes a new model, and a text of n characters for it. The weights are NumPy's random ones for
// seed 9; or, with filled, those and the states are multiples of STEP.
static Run *new_run(Sizes s, size_t n, bool filled) {
    Run *run = new_array(1, sizeof *run);
    Model *m = &run->m;
    *run = (Run){ .c = { s.H, s.T, 0.1, 5, s.B, 0, s.cell, s.layers, ADAGRAD, 1 },
                  .dropout = s.dropout, .threads = s.threads, .prime = "",
                  .text = { new_array(n, sizeof(Ix)), new_array(s.V, 4), NULL, n, s.V, false } };
    new_model(m, &run->c, s.V);
    rng_seed(&m->rng, 9);
    init_params(&m->param, &run->c, &m->rng);
    rng_seed(&source, 3);
    if (filled) fill_model(run);
    for (size_t i = 0; i < n; i++) run->text.data[i] = rng_u32(&source) % s.V;
    for (size_t i = 0; i < s.V; i++) run->text.chars[i] = 'A' + i;
    new_jobs(run);
    run->sampler = new_net(run, 0, 1, 1, 0);
    part(run, &m->param, 0);
    return run;
}
static State state_of(const Run *run) {
    State s = { .h = { { 0 } } };
    for (size_t i = 0, H = run->m.hprev.cols; i < size(run->m.hprev); i++) {
        s.h[i / H][i % H] = *nth(run->m.hprev, i);
        if (run->c.cell == LSTM) s.c[i / H][i % H] = *nth(run->m.cprev, i); // a GRU has no c
    }
    return s;
}
static double state_error(const State *want, const Run *run) {
    const State got = state_of(run);
    double worst = 0;
    for (const double *a = *want->h, *b = *got.h, *end = b + sizeof got / sizeof *b; b < end; )
        worst = most(fabs(*a++ - *b++), worst);
    return worst;
}
// Finds the net that works on stream *b, which becomes the stream's place there.
static Net *net_of(const Run *run, size_t *b) {
    Job *job = run->jobs;
    for (; *b >= job->net.B; job++) *b -= job->net.B;
    return &job->net;
}
static double mask_of(const Run *run, size_t layer, size_t t, size_t b, size_t j) {
    Net *net = net_of(run, &b);
    const double h = row(all(net, net->layer[layer].hs), t * net->B + b)[j];
    const double mask = row(all(net, net->x[layer + 1]), t * net->B + b)[j] / h;
    const double scale = 1 / (1 - net->dropout);
    return fabs(mask - scale) <= 4 * EPSILON ? scale : mask;
}
static double sigm(double a) { return 1 / (1 + exp(-a)); }
static double plain_gate(const Gate *g, size_t i, const double *x, const double *h) {
    double a = row(g->b, 0)[i];
    for (size_t j = 0; j < g->Wx.rows; j++) a += x[j] * row(g->Wx, j)[i];
    for (size_t j = 0; j < g->Wh.rows; j++) a += h[j] * row(g->Wh, j)[i];
    return a;
}
static struct nudge { size_t layer, step, unit; real by; } nudge; // is added to h after this step
static size_t first_step; // of those whose loss counts

// Takes one step of stream b: leaves its state after character ix, and the probabilities p (V) of
// the next. Units are dropped as the program has dropped them.
static void plain_step(const Run *run, size_t t, size_t b, Ix ix, State *state, double *p) {
    const size_t H = run->c.hidden_size, cell = run->c.cell, gates = strlen(cells[cell].gates);
    double x[MOST] = { 0 }, sum = 0;
    x[ix] = 1; // one-hot
    for (size_t l = 0; l < run->c.layers; l++) {
        const Gate *g = &run->m.param.gate[l * gates];
        double *h = state->h[l * run->c.batch_size + b], *c = state->c[l * run->c.batch_size + b];
        double a[MAX_GATES][MOST] = { { 0 } }, rh[MOST];
        if (nudge.layer == l && nudge.step + 1 == 0 && t == 0) h[nudge.unit] += nudge.by;
        for (size_t k = 0; k < gates; k++)
            for (size_t i = 0; i < H; i++) a[k][i] = plain_gate(&g[k], i, x, h);
        for (size_t i = 0; i < H; i++) rh[i] = sigm(a[1][i]) * h[i];
        for (size_t i = 0; i < H; i++) {
            const double z = sigm(a[0][i]);
            if (cell == LSTM) c[i] = sigm(a[1][i]) * c[i] + sigm(a[0][i]) * tanh(a[3][i]);
            if (cell == RNN) h[i] = tanh(a[0][i]);
            if (cell == LSTM) h[i] = sigm(a[2][i]) * tanh(c[i]);
            if (cell == GRU) h[i] = z * h[i] + (1 - z) * tanh(plain_gate(&g[2], i, x, rh));
        }
        if (nudge.layer == l && nudge.step == t) h[nudge.unit] += nudge.by;
        for (size_t j = 0; j < H; j++) x[j] = h[j] * (run->dropout ? mask_of(run, l, t, b, j) : 1);
    }
    const Gate y = { run->m.param.Why, { .rows = 0 }, run->m.param.by };
    for (size_t i = 0; i < run->text.V; i++) {
        p[i] = exp(plain_gate(&y, i, x, NULL));
        sum += p[i];
    }
    for (size_t i = 0; i < run->text.V; i++) p[i] /= sum;
}

// Returns the loss on T characters of each stream of data, and moves the state on.
static double plain_loss(const Run *run, const Ix *data, State *state) {
    double loss = 0, p[MOST];
    for (size_t b = 0, B = run->c.batch_size; b < B; b++, data += run->text.n / B)
        for (size_t t = 0; t < run->c.seq_length; t++) {
            plain_step(run, t, b, data[t], state, p);
            if (t >= first_step) loss -= log(p[data[t + 1]]);
        }
    return loss;
}
// Returns the loss's derivative on a number. It goes on from start, or, if NULL, from the model.
static double slope_of(const Run *run, const Ix *data, const State *start, real *number) {
    static const double factors[] = { 1, -8, 0, 8, -1 };
    const real middle = *number;
    double slope = 0;
    for (int i = 0; i < 5; i++) {
        *number = middle + (i - 2) * STEP;
        State state = start ? *start : state_of(run);
        if (i != 2) slope += factors[i] * plain_loss(run, data, &state) / (12 * STEP);
    }
    *number = middle;
    return slope;
}

// ---- Losses, gradients and training
// Returns the error of a gradient, relative as far as that makes sense; in units of what may be.
static double gradient_error(double got, double want) {
    const double size_ = most(most(fabs(got), fabs(want)), DOUBLE ? 1e-4 : 1);
    return fabs(got - want) / size_ / (DOUBLE ? 5e-7 : 2e-6);
}

// Checks the loss, the state left for the next chunk, which goes on from it, and the gradient on
// each parameter and on the state before, against those of the plain network.
static void test_loss(Sizes s) {
    Run *run = new_run(s, s.B * (2 * s.T + 3), true);
    Model *m = &run->m;
    State state = state_of(run);
    Ix *data = run->text.data;
    for (; m->n < 2; m->n++, data += s.T) {
        const State before = state_of(run);
        const double loss = loss_of_all(run, data), want = plain_loss(run, data, &state);
        NEAR(loss, want, 8 * EPSILON * want);
        EQUAL(state_error(&before, run), 0); // lossFun leaves hprev alone
        copy_states(run, HPREV, s.T - 1);
        NEAR(state_error(&state, run) + bad_padding(m->hprev), 0, 32 * EPSILON);
    }
    fill_model(run);
    data = run->text.data;
    loss_of_all(run, data); // nothing of other chunks or weights must be left in the gradient
    for (size_t k = 0, next = 0; part(run, &m->param, k).at; k++) {
        const Matrix w = part(run, &m->param, k), dw = part(run, &m->dparam, k);
        double steepest = 0;
        for (size_t i = 0; i < size(w); i++) {
            steepest = most(fabs(*nth(dw, i)), steepest);
            if (s.stride && next++ % s.stride) continue;
            NEAR(gradient_error(*nth(dw, i), slope_of(run, data, NULL, nth(w, i))), 0, 1);
        }
        CHECK(steepest > (s.layers < MAX_LAYERS ? 1e-5 : 0) && bad_padding(dw) == 0);
    }
    for (size_t i = 0; i < size(m->hprev) * (s.cell == LSTM ? 2 : 1); i++) {
        const size_t j = i % s.H, r = i / s.H % m->hprev.rows; // of layer r / B, stream r % B
        const bool is_c = i >= size(m->hprev);
        size_t b = r % s.B;
        Layer *l = &net_of(run, &b)->layer[r / s.B];
        const double got = row((is_c ? l->dcs : l->dhs)[-1], b)[j];
        real *number = &row(is_c ? m->cprev : m->hprev, r)[j];
        NEAR(gradient_error(got, slope_of(run, data, NULL, number)), 0, 1);
    }
}
static void test_losses(void) {
    for (size_t i = 0; i < 3 * 3 * 4; i++) // with 1 stream or 3 in 2 threads; with dropout
        test_loss((Sizes){ RNN + i % 3, 1 + i / 3 % 3, 5, 6, 4, 1 + i / 9 % 2 * 2, 1 + i / 9 % 2, 0,
                           i / 18 * 0.4 });
    enum { H = LANES + 3, V = LANES + 7 };
    static const Sizes sizes[] = { // cell, layers, H, V, T, B, threads, stride, dropout
        { RNN, 1, H, V, 6, 3, 1, 5, 0 }, { RNN, 2, H, V, 6, 3, 2, 23, 0 },
        { RNN, 1, 1, 2, 1, 1, 1, 0, 0 }, { LSTM, 1, 1, 2, 1, 1, 1, 0, 0 }, // the least of all
        { GRU, 1, 1, 2, 1, 1, 1, 0, 0 }, { LSTM, MAX_LAYERS, 2, 2, 2, 1, 1, 0, 0 },
        { RNN, 1, LANES, 8, 2, 2, 2, 5, 0 }, { RNN, 1, 7, 11, 3, 8, 3, 3, 0 },
        { RNN, 2, 6, 6, 2, 2, 1, 0, 0 }, { RNN, 1, 3, 5, 67, 2, 1, 3, 0 }, // V = H; T*B > BLOCK
        { LSTM, 1, H, V, 3, 2, 1, 71, 0 }, { LSTM, 2, H, V, 3, 3, 2, 271, 0.3 },
        { GRU, 1, H, V, 3, 2, 1, 71, 0 }, { GRU, 2, H, V, 3, 3, 2, 271, 0.3 },
        { LSTM, 1, 3, 5, 67, 2, 1, 11, 0 }, { GRU, 1, 3, 5, 67, 2, 1, 11, 0 },
    };
    for (size_t i = 0; i < COUNT(sizes); i++) test_loss(sizes[i]);
}

static void test_threads(void) {
    for (size_t i = 0; i < 3 * 9; i++) {
        Sizes s = { RNN + i % 3, 2, 21, 17, 9, 7, 1, 0, .dropout = 0.2 };
        Run *one = new_run(s, s.B * 12, false);
        s.threads = 1 + i / 3;
        Run *run = new_run(s, s.B * 12, false), *again = new_run(s, s.B * 12, false);
        EQUAL(run->threads, min(s.threads, s.B));
        const double want = loss_of_all(one, one->text.data);
        NEAR(loss_of_all(run, run->text.data), want, 32 * EPSILON * want);
        loss_of_all(again, again->text.data);
        const real *d = (real *)run->m.dparam.all, *d1 = (real *)one->m.dparam.all;
        double worst = 0;
        for (size_t j = run->m.dparam.n * LANES; j-- > 0; ) worst = most(fabs(d[j] - d1[j]), worst);
        NEAR(worst, 0, 64 * EPSILON);
        EQUAL(memcmp(d, again->m.dparam.all, run->m.dparam.n * sizeof(vec)), 0);
    }
    for (size_t B = 1; B <= 33; B += 8) // at most one for 8 streams
        CHECK(new_run((Sizes){ RNN, 1, 1, 2, 1, B, 0, 0, 0 }, 0, false)->threads - 1 <
              (B < 16 ? 1 : min(sysconf(_SC_NPROCESSORS_CONF), B / 8)));
}

// Checks the main loop: it sweeps through the text, counts, prints, and carries each stream's state
// on, whatever thread that belongs to. Held-out losses and samples leave all this alone.
static void test_train(void) {
    enum { STREAM = 21, ITERS = 11, HELD_OUT = 30, ALL = 4 * STREAM + HELD_OUT };
    for (size_t i = 0; i < 6; i++) {
        const Sizes s = { LSTM, 2, 9, 7, 5, 4, 1 + i % 3, 0, .dropout = 0.1 };
        Run *run = new_run(s, ALL, true), *plain = new_run(s, ALL, true);
        Model *m = &run->m, *want = &plain->m;
        char line[99];
        run->c.iters = ITERS;
        run->print_every = 5;
        run->c.decay = plain->c.decay = 0.5;
        run->eval_every = run->sample_every = i < 3 ? 0 : 2;
        run->held_out = HELD_OUT;
        run->text.n = plain->text.n = 4 * STREAM;
        run->quiet = run->sample = run->temperature = 1;
        CATCH(1, train(m, &run->text, &run->c, run));
        for (; true; want->n++) {
            if (want->n % 3 == 0) copy_states(plain, HPREV, ZERO); // 15 + T + 1 is too far
            want->epoch = want->n / 3;
            want->p = want->n % 3 * s.T;
            const double loss = loss_of_all(plain, plain->text.data + want->p) / s.B;
            want->smooth_loss = want->smooth_loss * 0.999 + loss * 0.001;
            if (want->n == ITERS) break;
            update(want, &plain->c);
            copy_states(plain, HPREV, s.T - 1);
        }
        sprintf(line, "iter %d, loss: %f\n", ITERS, want->smooth_loss);
        describe("main loop, case %zu, printed:\n%.900s", i, shown);
        CHECK(strstr(shown, line) && !strstr(shown, "val loss") == (i < 3));
        CHECK(m->n == want->n && m->p == want->p && m->epoch == want->epoch);
        EQUAL(m->smooth_loss, want->smooth_loss);
        CHECK(!memcmp(m->param.all, want->param.all, m->param.n * sizeof(vec)) &&
              !memcmp(m->hprev.at, want->hprev.at, m->hprev.rows * width(s.H) * sizeof(vec)));
    }
}

// A mask belongs to an iteration, layer, stream, step and unit, and to nothing else.
static void test_dropout(void) {
    enum { L = 2, H = 31, T = 7, B = 6, ALL = L * T * B * H };
    static const int nexts[][4] = { // unit, stream, step, layer; also if they differ in two ways
        { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 }, { 0, 0, 0, 1 }, { -1, 1, 0, 0 },
        { -1, 0, 1, 0 }, { 0, -1, 1, 0 }, { 0, -1, 0, 1 }, { 0, 0, -1, 1 },
    };
    static real first[ALL];
    size_t left_out = 0, scaled = 0;
    for (int time = 0; time < 8; time++) { // 5: fewer streams, 6: another iteration, 7: weights
        Run *run = new_run((Sizes){ LSTM, L, H, 5, T, time == 5 ? 3 : B, time < 5 ? time + 1 : 2, 0,
                                    .dropout = 1 / 3.0 }, B * 12, time == 7);
        size_t alike = 0;
        run->m.n = time == 6;
        loss_of_all(run, run->text.data);
        for (size_t i = 0; i < ALL; i++) {
            const size_t b = i / H % B, t = i / H / B % T, l = i / H / B / T;
            const real mask = b < run->c.batch_size ? mask_of(run, l, t, b, i % H) : first[i];
            if (time == 0) first[i] = mask;
            alike += fabs(first[i] - mask) < 0.1;
            left_out += mask == 0;
            scaled += fabs(mask - 1.5) < 4 * EPSILON;
        }
        NEAR(alike, time == 6 ? ALL * 5 / 9 : ALL, time == 6 ? 0.06 * ALL : 0); // 5 of 9 by chance
    }
    EQUAL(left_out + scaled, 8 * ALL);
    NEAR(left_out, 8 * ALL / 3, 0.03 * 8 * ALL);
    for (size_t k = 0; k < COUNT(nexts); k++) {
        double same = 0, of = 0;
        for (int i = 0; i < ALL; i++) {
            const int j = i % H + nexts[k][0], b = i / H % B + nexts[k][1];
            const int t = i / H / B % T + nexts[k][2], l = i / H / B / T + nexts[k][3];
            if (j < 0 || j >= H || b < 0 || b >= B || t < 0 || t >= T || l >= L) continue;
            of++;
            same += first[i] == first[((l * T + t) * B + b) * H + j];
        }
        describe("dropout, neighbour %zu", k);
        NEAR(same / of, 5 / 9.0, 0.06);
    }
}

// The weights are NumPy's, drawn layer by layer, gate by gate, Wx before Wh, Why last, and each in
// the Python's shape, row by row.
static void test_new_model(void) {
    static const char *const gates[] = { [RNN] = "h", [LSTM] = "ifog", [GRU] = "zrh" };
    for (size_t i = 0; i < 6; i++) {
        const Sizes s = { RNN + i % 3, 1 + i / 3, 5, LANES + 3, 4, 2, 1, 0, 0 };
        const Run *run = new_run(s, 0, false);
        const Model *m = &run->m;
        Rng rng;
        size_t wrong = 0;
        rng_seed(&rng, 9);
        for (size_t k = 0; part(run, &m->param, k).at; k++) {
            const Matrix w = part(run, &m->param, k);
            wrong += bad_padding(w);
            for (size_t j = 0; j < size(w); j++) {
                volatile real want = 0; // rounded
                if (w.rows > 1) want = rng_normal(&rng) * (i == 0 ? 0.01 : 1 / sqrt(5));
                wrong += row(w, j % w.rows)[j / w.rows] != want;
            }
        }
        CHECK(wrong == 0 && !memcmp(&rng, &m->rng, sizeof rng));
        for (size_t j = 0; j < m->param.n * LANES; j++)
            wrong += ((real *)m->mem.all)[j] != 0 || ((real *)m->mean.all)[j] != 0;
        CHECK(wrong == 0 && !strcmp(cells[s.cell].gates, gates[s.cell]));
        CHECK(fabs(m->smooth_loss - log(s.V) * s.T) < 1e-12 && m->val_loss == INFINITY);
    }
}

// Checks some steps of all parameters, one by one. With B = 2, the gradient is halved before it is
// clipped; the learning rate decays with each pass.
static void test_update(count optimizer, double limit, double decay) {
    enum { STEPS = 5, KINDS = 12 };
    static const double gradients[KINDS] = {
        0, 1, -1, 0.5, 2e-4, -2e-4, 9.9, 10.1, -10.1, 100, -1e6, 2e-9 };
    static const count ns[STEPS] = { 0, 1, 2, 3, 1000 }, epochs[STEPS] = { 0, 0, 1, 1, 3 };
    const Sizes s = { LSTM, 2, LANES + 3, LANES + 1, 1, 2, 1, 0, 0 };
    Run *run = new_run(s, 0, false), *before = new_run(s, 0, false);
    Model *m = &run->m;
    run->c = (Config){ .learning_rate = 0.1, .clip = limit, .batch_size = 2, .decay = decay,
                       .optimizer = optimizer };
    real *x = (real *)m->param.all, *d = (real *)m->dparam.all, *mem = (real *)m->mem.all;
    const real *x0 = (real *)before->m.param.all;
    const size_t n = m->param.n * LANES;
    for (size_t i = 0; i < STEPS; i++) {
        for (size_t j = 0; j < n; j++) d[j] = gradients[(i + j) % KINDS];
        m->n = ns[i];
        m->epoch = epochs[i];
        update(m, &run->c);
    }
    double worst = 0;
    for (size_t j = 0; j < n; j++) {
        double want = x0[j], sum = 0, mean = 0; // sum: of the squares, or their mean
        for (size_t i = 0; i < STEPS; i++) {
            const double rate = (real)(0.1 * pow(decay, epochs[i]));
            double g = (real)gradients[(i + j) % KINDS] / 2;
            if (fabs(g) > limit) g = copysign(limit, g);
            mean = 0.9 * mean + 0.1 * g;
            sum = optimizer == ADAM ? 0.999 * sum + 0.001 * g * g : sum + g * g;
            const double scale = 1 - pow(0.9, ns[i] + 1), scale2 = 1 - pow(0.999, ns[i] + 1);
            if (optimizer == ADAM) want -= rate * mean / scale / (sqrt(sum / scale2) + 1e-8);
            else want -= rate * g / sqrt(sum + 1e-8);
        }
        worst = most(fabs(x[j] - want), worst);
        worst = most(fabs(mem[j] - sum) / most(sum, 1e-20), worst);
    }
    NEAR(worst, 0, DOUBLE ? 1e-14 : 4e-6); // a float's rsqrt is 5e-6 off
}

// ---- Samples, held-out losses and a look inside
// A sample goes on from the state of stream 0, and leaves that and the parameters as they are.
static void test_samples(void) {
    enum { LENGTH = 99 };
    static const double temperatures[] = { 1, 1, 0.5, 0, 2, 1 };
    for (size_t i = 0; i < 2 * COUNT(temperatures); i++) {
        const double temperature = temperatures[i / 2];
        const Sizes s = { RNN + i % 3, 1 + i % 2, 13, LANES + 5, 2, 3, 1, 0, i % 2 * 0.5 };
        Run *run = new_run(s, 1, true), *before = new_run(s, 1, true);
        State start = state_of(run), state = start;
        rng_seed(&run->m.rng, 0);
        rng_seed(&before->m.rng, 0);
        char want[LENGTH + 99] = "----\n ";
        double p[MOST];
        before->dropout = 0; // not in a sample
        for (size_t t = 0, x = 2; t < LENGTH; t++) {
            plain_step(before, t, 0, x, &state, p);
            double coin = rng_uniform(&before->m.rng), sum = 0, high = 0;
            for (size_t j = 0; j < s.V; j++) high = most(p[j], high);
            for (size_t j = 0; j < s.V; j++) { // at 0, the likeliest
                p[j] = temperature > 0 ? pow(p[j], 1 / temperature) : p[j] == high;
                sum += p[j];
            }
            for (x = 0; x + 1 < s.V && coin >= p[x] / sum; x++) coin -= p[x] / sum;
            want[6 + t] = run->text.chars[x];
        }
        strcat(want, " \n----\n");
        run->sample = LENGTH;
        run->sample_every = 1;
        run->temperature = temperature;
        CATCH(1, show_sample(run, 2));
        describe("at temperature %g: %.900s\nis not %s", temperature, shown, want);
        CHECK(!strcmp(shown, want) && !memcmp(&run->m.rng, &before->m.rng, sizeof(Rng)));
        CHECK(!memcmp(run->m.param.all, before->m.param.all, run->m.param.n * sizeof(vec)));
        EQUAL(state_error(&start, run), 0);
        run->text.data[0] = 2; // without --prime, a sample alone goes on from there, too
        CATCH(1, evaluate_or_sample(run));
        CHECK(!strncmp(shown, want + 6, LENGTH));
    }
}

static void show_held_out_quietly(Run *run) { CATCH(2, show_held_out(run)); }
// The held-out text is read in B streams, each from state 0, in chunks; nothing is left out.
static void test_held_out(void) {
    enum { STREAM = 2 * 16 + 5, START = 7 };
    for (size_t i = 0; i < 6; i++) {
        const Sizes s = { RNN + i % 3, 2, 6, 7, 3, i < 3 ? 3 : 1, 2, 0, i / 3 * 0.5 };
        Run *run = new_run(s, START + s.B * STREAM + 1, true); // 1 is only a target
        State before = state_of(run), from_0 = { .h = { { 0 } } };
        double nats = 0, bits = 0;
        run->dropout = 0; // not here
        run->c.seq_length = STREAM;
        run->text.n = s.B * STREAM;
        const double want = plain_loss(run, run->text.data + START, &from_0) / run->text.n;
        run->text.n = START;
        run->held_out = s.B * STREAM + 1;
        for (int time = 0; time < 3; time++) { // then it is no better; then it cannot be saved
            run->best = time == 1 ? 0 : INFINITY;
            run->save_best = time == 2 ? "none/m" : NULL;
            CATCH(1, show_held_out_quietly(run));
            sscanf(shown, "iter 0, val loss: %lf nats/char, %lf bits/char\n", &nats, &bits);
            NEAR(run->m.val_loss, want, 16 * EPSILON * want);
            CHECK(fabs(nats - want) < 2e-6 && fabs(bits - want / log(2)) < 2e-6);
            EQUAL(run->best, time == 0 ? run->m.val_loss : time == 1 ? 0 : INFINITY);
        }
        EQUAL(state_error(&before, run), 0); // the state of training stays
        if (s.B > 1) continue;
        run->text.data += START;
        run->text.n = STREAM + 1;
        run->eval = 1;
        CATCH(1, evaluate_or_sample(run));
        EQUAL(sscanf(shown, "38 characters: %lf nats/char, %lf bits/char\n", &nats, &bits), 2);
        CHECK(fabs(nats - want) < 2e-6 && fabs(bits - want / log(2)) < 2e-6);
    }
}

// Checks what --show-gradients prints against derivatives of the last step's loss on the hidden
// states k steps before: over three chunks, and all layers.
static void test_show_gradients(void) {
    enum { CHUNKS = 3, LONGEST = 5 };
    for (size_t i = 0; i < 12; i++) {
        const size_t T = i < 6 ? LONGEST : 1, L = 1 + i / 3 % 2, H = 4;
        Run *run = new_run((Sizes){ RNN + i % 3, L, H, 5, T, 1, 1, 0, 0 }, CHUNKS * T + 1, true);
        const Ix *data = run->text.data;
        double squares[LONGEST + 1] = { 0 }, got = 0;
        State state = { .h = { { 0 } } };
        for (size_t chunk = 0; chunk < CHUNKS; chunk++, data += T) {
            first_step = T - 1;
            for (size_t k = 0; k < L * H * (T + 1); k++) {
                nudge = (struct nudge){ k % L, T - 1 - k / L / H, k / L % H, 0 }; // step -1: before
                const double d = slope_of(run, data, &state, &nudge.by);
                squares[k / L / H] += d * d;
            }
            plain_loss(run, data, &state);
        }
        first_step = 0;
        CATCH(1, show_gradients(run));
        describe("case %zu, show_gradients says %.900s", i, shown);
        size_t lines = 0, k = 0;
        for (const char *line = shown; *line; line += strcspn(line, "\n") + 1, lines++) {
            CHECK(sscanf(line, "%zu %lf\n", &k, &got) == 2 && k == lines);
            NEAR(got / sqrt(squares[min(k, T)] / squares[0]), 1, 0.006);
        }
        EQUAL(lines, T + 1);
    }
}

// Checks the table of --show-units, cell by cell.
static void test_show_units(void) {
    static const char *const as[] = { "a", "\\n", "\\\\", " ", "\\t", "\xC3\xA9", "a", "\\n",
                                      "\xE2\x82\xAC", "." };
    const File file = file_of("a\n\\ \t\xC3\xA9" "a\n\xE2\x82\xAC.", 13);
    for (size_t i = 0; i < 6; i++) {
        const size_t H = 3, L = 1 + i / 3, states = i % 3 == 1 ? 2 : 1; // only an LSTM shows c
        Run *run = new_run((Sizes){ RNN + i % 3, L, H, 8, 2, 2, 1, 0, 0 }, 0, true);
        State state = { .h = { { 0 } } };
        double p[MOST];
        char want[999] = "char", *got = shown;
        run->text = text_of(file, file, false);
        CATCH(1, show_units(run));
        describe("case %zu, show_units says %.900s", i, shown);
        for (size_t k = 0; k < L * states * H; k++)
            sprintf(want + strlen(want), "\tlayer%zu.%c%zu", k / H / states + 1,
                    "hc"[k / H % states], k % H + 1);
        CHECK(!strncmp(got, want, strlen(want)));
        for (size_t t = 0; t < COUNT(as); t++) {
            plain_step(run, t, 0, run->text.data[t], &state, p);
            got += strcspn(got, "\n");
            CHECK(!strncmp(got, "\n", 1) && !strncmp(got + 1, as[t], strlen(as[t])));
            got += strcspn(got, "\t");
            for (size_t k = 0; k < L * states * H; k++) {
                const size_t r = k / H / states * 2; // of stream 0 of 2
                const double x = k / H % states ? tanh(state.c[r][k % H]) : state.h[r][k % H];
                CHECK(*got == '\t' && fabs(strtod(got, &got) - x) < 0.000501);
            }
        }
        EQUAL(strcmp(got, "\n"), 0);
    }
}

int main(void) {
    static void (*const tests[])(void) = {
        test_memory, test_rng, test_choice, test_products, test_rows, test_functions, test_softmax,
        test_utf8, test_texts, test_losses, test_threads, test_train, test_dropout, test_new_model,
        test_samples, test_held_out, test_show_gradients, test_show_units,
    };
    for (size_t i = 0; i < COUNT(tests); i++) tests[i]();
    for (int i = 0; i < 4; i++) test_update(ADAGRAD + i % 2, i < 2 ? 5 : INFINITY, i < 2 ? 1 : 0.5);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0;
}
