/* min_char_rnn: a character-level recurrent network, trained on any text, in one C file.

This is Andrej Karpathy's min-char-rnn.py (BSD licence; CS231n, lecture 10) in C: the same steps
under the same names. It needs libc and libm. To build and run it:

    cc -O3 -march=native min_char_rnn.c -o min_char_rnn -lm -pthread && ./min_char_rnn input.txt

The network reads one character x(t) at a time, keeps what it needs to remember in a hidden state
h(t), and computes from that how likely each character is to come next:

    h(t) = tanh(Wxh x(t) + Whh h(t-1) + bh)         the recurrence
    y(t) = Why h(t) + by                            a score for every character ("logits")
    p(t) = exp(y(t)) / sum(exp(y(t)))               softmax: scores to probabilities
    loss = - sum over t of log p(t)[x(t+1)]         cross-entropy with the character that came next

Training unrolls this over T characters, follows the loss backwards through every step to all
parameters (truncated backpropagation through time), and takes a small step downhill (Adagrad).
Shapes in the comments are made of these sizes:
    V   characters in the vocabulary      H   hidden units in a layer
    T   steps unrolled, a chunk of text   B   streams: places in the text that are read in parallel

Activations have one row per step and stream: in (T*B,H), row t*B + b is step t of stream b. Weights
are stored (in,out), transposed from the Python's: row i is what input i adds to each output. So
np.dot(W, h) there is matmul(out, h, W, SET) here.

Part I is the lecture, from top to bottom: all that a student needs. Part II is the machinery.
 I:  1 What NumPy gave us   2 Data I/O   3 Parameters   4 The loss function   5 Sampling
     6 Adagrad   7 The main loop   8 LSTM and GRU   9 Dropout and Adam
 II: 10 Matrices, exp, tanh   11 Random numbers   12 Text   13 Memory and threads   14 A look inside
     15 The command line   16 Checkpoints   17 A user's files   18 The terminal, main            */

#define _GNU_SOURCE // all of POSIX, under -std=c11 too; and, on Linux, which cores we may use
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef REAL
#define REAL float // -DREAL=double computes what NumPy does, to the digit
#endif
typedef REAL real;
typedef unsigned long long count; // 64 bits everywhere
typedef uint16_t Ix; // a character's index in the vocabulary: the 1 in its one-hot vector

// ==== 1  Part I, the lecture: what NumPy gave us (defined in part II) ============================

typedef struct { // a matrix, or a window into one
    real *at;    // its first number
    size_t rows, cols;
    ptrdiff_t row_step, col_step; // from a number to the one below it, and to the one beside it
} Matrix;

enum { SET, ADD };
static void matmul(Matrix out, Matrix a, Matrix b, int how); // out = np.dot(a, b); ADD: out += ...
static Matrix new_matrix(size_t m, size_t n);     // np.zeros((m, n))
static real *row(Matrix a, size_t i);             // a[i]
static Matrix rows(Matrix a, size_t i, size_t m); // a[i:i+m]: a window, nothing is moved
static Matrix transposed(Matrix a), upside_down(Matrix a); // a.T, a[::-1]: windows, too
static void transpose(Matrix out, Matrix a), copy(Matrix out, Matrix a), zero(Matrix a);
static void fill_rows(Matrix out, Matrix a);      // out[:] = a, a single row
static void sum_rows(Matrix out, Matrix a);       // out = a.sum(0)
static void add_to(real *out, const real *a, size_t n); // out += a

// A vec is as many reals as a register holds: + and * work on all of them at once. Rows are padded
// to whole vecs: with zeros, except for scores (see softmax).
#if defined __AVX512F__
enum { VECTOR_BYTES = 64 };
#elif defined __AVX__
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
enum { LANES = VECTOR_BYTES / sizeof(real) };
typedef real vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
static size_t vectors(size_t n);                  // how many of them hold n numbers
static vec exp_(vec x), tanh_(vec x), sigmoid(vec x); // np.exp, np.tanh, 1 / (1 + np.exp(-x))
static vec rsqrt(vec x), clip(vec x, real most);  // 1 / np.sqrt(x), np.clip(x, -most, most)
static real max_of(const real *y, size_t n), sum_of(const real *y, size_t n); // np.max, np.sum
typedef struct { uint32_t state[624], used, has_kept; double kept; } Rng; // NumPy's (section 11)
static void rng_seed(Rng *rng, uint32_t seed);    // np.random.seed(seed)
static void randn(Matrix w, double scale, Rng *rng); // w.T = np.random.randn(...) * scale
static Ix choice(const real *p, size_t V, Rng *rng); // np.random.choice(range(V), p=p)
static uint64_t hash(uint64_t x);                 // x, scrambled: a random number for each x

enum { FAILED = 1, WRONG_USAGE = 2 };             // exit statuses
static volatile sig_atomic_t stop;                // why to end: a signal, OUTPUT_LOST; 0: go on
__attribute__((noreturn, format(printf, 2, 3)))
static void die(int status, const char *format, ...); // says why, and exits
static void *xcalloc(count n, size_t size);       // n zeroed items, or die

// ==== 2  Data I/O ================================================================================

enum { CODES = 0x110000 }; // Unicode's code points are 0 to 0x10FFFF

typedef struct {
    Ix *data;        // (n) the text, each character as its index in chars
    uint32_t *chars; // (V) the vocabulary, sorted: code points, or bytes with --bytes
    Ix *char_to_ix;  // (CODES) the way back, counted from 1; 0: no such character
    count n, V, bytes;
    count held_out;  // characters after the n that are kept for validation
} Text;

typedef struct Reader Reader;                       // a text that is being read (section 12)
static Reader *start_reading(FILE *file, const char *name, bool bytes);
static int32_t get_char(Reader *in);                // a code point, or EOF; or dies: no UTF-8
static void put_char(int32_t code, bool bytes);     // prints it
static void check_new_char(const Text *text, const Reader *in, int32_t code); // or dies

// data = open(path).read(), as indices. A new vocabulary is numbered as its characters come, until
// sort_chars; with a model's vocabulary, any other character is an error.
static void read_text(Text *text, FILE *file, const char *name) {
    Reader *in = start_reading(file, name, text->bytes);
    size_t room = 0;
    for (int32_t code = get_char(in); code != EOF; code = get_char(in)) {
        Ix *ix = &text->char_to_ix[code];
        if (*ix == 0) {
            check_new_char(text, in, code);
            *ix = ++text->V;
        }
        if (text->n == room) {
            room += room / 2 + 65536;
            text->data = realloc(text->data, room * sizeof(Ix));
            if (!text->data) die(FAILED, "%s: not enough memory for this text", name);
        }
        text->data[text->n++] = *ix - 1;
    }
    if (text->n == 0) die(FAILED, "%s: the file is empty: name a text to learn from", name);
    free(in);
}

// chars = sorted(set(data)); char_to_ix = { ch:i for i,ch in enumerate(chars) }
static void sort_chars(Text *text) {
    Ix *sorted = xcalloc(text->V, sizeof(Ix)); // from the first index to the final one
    text->chars = xcalloc(text->V, sizeof *text->chars);
    for (uint32_t code = 0, ix = 0; code < CODES; code++) {
        if (text->char_to_ix[code] == 0) continue;
        text->chars[ix] = code;
        sorted[text->char_to_ix[code] - 1] = ix;
        text->char_to_ix[code] = ++ix;
    }
    for (size_t i = 0; i < text->n; i++) text->data[i] = sorted[text->data[i]];
    free(sorted);
}

// ==== 3  Hyperparameters and model parameters ====================================================

enum { RNN = 1, LSTM, GRU }; enum { ADAGRAD = 1, ADAM }; // --cell, --optimizer; 0: not given
enum { LAYERS = 8, GATES = 4 }; // at most
static const double NO_LOSS = 1e30; // worse than any

typedef struct { // defaults, ranges and help are in the table of section 15
    count hidden_size, seq_length, batch_size; // H, T, B (the Python's: 100, 25, 1)
    count layers, cell, optimizer, bytes;      // these seven are fixed when a model is made
    double learning_rate, clip, decay, dropout, temperature, val_fraction;
    count iters, seed, threads, print_every, sample_every, sample_length, save_every, eval_every;
    count sample, eval, show_cells, show_gradients, color, quiet, help, version;
    const char *input, *save, *save_best, *load, *prime;
} Config;

// A gate (also one with a tanh) computes a = Wx x + Wh h + b: (in,H), (H,H), (1,H). The vanilla RNN
// has one in each layer, named h: Wxh, Whh and bh. The output, Why h + by, is one without an x.
typedef struct { Matrix Wx, Wh, b; } Gate;

// All parameters, or the gradient on each of them, or an optimizer's memory of each gradient: one
// block of numbers, so that clipping, updating and adding up are one loop. The rest are windows.
typedef struct {
    real *all;
    size_t count;
    Gate *gate;     // layer by layer, and then the output
    Matrix Why, by; // (H,V), (1,V) the output's Wh and b, by their usual names
} Params;

// One layer at work on T steps of B streams. hs, cs, dhs and dcs have the step before in front, so
// that h(t-1) is a row like any other: step t of hs is h(t-1), step t+1 is h(t).
typedef struct {
    const Gate *gate, *d;   // its weights, and the gradient of the loss on them
    Matrix a[GATES];        // (T*B,H) for each gate: a, then (LSTM, GRU) its value; backward, da
    Matrix hs, dhs;         // ((T+1)*B,H) hidden states, and the gradient on them
    Matrix cs, dcs;         // ((T+1)*B,H) LSTM: the same for c. GRU: step t is r(t) h(t-1)
    Matrix out, mask;       // (T*B,H) what goes up: hs itself, or with dropout hs * mask
    Matrix hprev, cprev;    // (B,H) the state that the last chunk left: rows of the model's
    Matrix WhT[GATES], WxT; // (H,H) transposed weights, for the backward pass
    size_t B;
} Layer;

typedef struct {
    const char *name, *gates; // a letter for each: its weights are Wx, Wh and b with that letter
    const char *state;        // what goes from step to step: h, or h and c
    void (*forward)(const Layer *l, size_t T), (*backward)(const Layer *l, size_t T);
} Cell;
static const Cell cells[4]; // section 8

// The network at work on some of the streams: each thread has one.
typedef struct Net {
    const Cell *cell;
    Params param, dparam;  // the model's; the gradient of the loss on them, summed over T and B
    Layer layer[LAYERS];
    size_t layers, T, B;   // B: the streams of this net
    Ix *inputs;            // ((T+1)*B) the characters of T+1 steps: targets are inputs + B
    Matrix ps;             // (T*B,V) scores ys, which softmax makes ps, and backward dy
    Matrix WhyT;           // (V,H)
    const Ix *text;        // where its first stream begins; the next begins `stream` further on
    size_t stream, length; // (and how much of it to score: section 14)
    size_t first;          // the number of its first stream
    double dropout, loss;  // the loss is summed over T and B
    uint64_t key;          // what dropout's random numbers are made of
    void (*work)(struct Net *); pthread_t thread; // section 13
} Net;

typedef struct {
    Params param, mem, mean; // optimizers remember squared gradients, and Adam gradients, too
    Matrix hprev[LAYERS], cprev[LAYERS]; // (B,H) the state between chunks
    Net *nets, *tests, one;  // (threads) to train and to score held-out text; to sample
    size_t threads;
    Rng rng;
    count n, p, epoch;       // iterations; where in each stream the next chunk begins; passes
    count seed, text;        // of the weights and dropout; a hash of the text that it learns
    double smooth_loss, val_loss; // nats for T characters; the best held-out loss, nats/character
    double shown;                // when there was a status line last
    count first, shown_n;        // iterations done when this run began, and by then
} Model;

// Small weights keep tanh where its slope is near 1; with 0 all hidden units would stay the same.
// 0.01 is the Python's. Deeper and gated networks learn sooner from 1/sqrt(H), with which a signal
// keeps its size from layer to layer. Drawn in the Python's order, they are the Python's numbers.
static void init_params(Model *m, const Config *c) {
    const bool vanilla = c->cell == RNN && c->layers == 1;
    const double scale = vanilla ? 0.01 : 1 / sqrt(c->hidden_size);
    const size_t gates = strlen(cells[c->cell].gates);
    m->seed = c->seed;
    rng_seed(&m->rng, c->seed);
    for (size_t i = 0; i < c->layers * gates; i++) {
        randn(m->param.gate[i].Wx, scale, &m->rng); // Wxh = np.random.randn(...)*0.01
        randn(m->param.gate[i].Wh, scale, &m->rng); // Whh = np.random.randn(...)*0.01
    }
    randn(m->param.Why, scale, &m->rng);            // Why = np.random.randn(...)*0.01
    m->smooth_loss = log(m->param.by.cols) * c->seq_length; // loss at iteration 0
    m->val_loss = NO_LOSS;
}

// ==== 4  The loss function =======================================================================

static Matrix step(const Layer *l, Matrix a, size_t t) { return rows(a, t * l->B, l->B); } // (B,H)
static vec *at(const Layer *l, Matrix a, size_t t) { return (vec *)row(a, t * l->B); }
static size_t width(const Layer *l) { return vectors(l->B * l->hs.row_step); } // vecs in a step

// Step t of out += step t of in, times W: the one product that must go step by step. Odd steps go
// through W from its last row to its first, so that they start with the rows that are still in the
// cache: a tenth faster.
static void recur(const Layer *l, Matrix out, Matrix in, Matrix W, size_t t) {
    const Matrix h = step(l, in, t);
    if (t % 2 == 0) matmul(step(l, out, t), h, W, ADD);
    else matmul(step(l, out, t), transposed(upside_down(transposed(h))), upside_down(W), ADD);
}

// h(t) = tanh(Wxh x(t) + Whh h(t-1) + bh), where a(t) has Wxh x(t) + bh already
static void rnn_forward(const Layer *l, size_t T) {
    for (size_t t = 0; t < T; t++) {
        recur(l, l->a[0], l->hs, l->gate[0].Wh, t);            // np.dot(Whh, hs[t-1])
        const vec *a = at(l, l->a[0], t);
        vec *h = at(l, l->hs, t + 1);
        for (size_t j = 0; j < width(l); j++) h[j] = tanh_(a[j]); // hs[t] = np.tanh(...)
    }
}

// Below, dz is the gradient of the loss with respect to z, and ' is a transpose:
//     da(t) = (1 - h(t)^2) dh(t)         through tanh: dhraw
//     dh(t-1) += Whh' da(t)              as h(t-1) went into a(t), too: dhnext
// Every step multiplies by Whh' and the slope of tanh: that is how gradients vanish, or explode.
// Truncation: what arrives before the first step is dropped, or we would unroll the whole text.
static void rnn_backward(const Layer *l, size_t T) {
    for (size_t t = T; t-- > 0; ) {
        const vec *h = at(l, l->hs, t + 1), *dh = at(l, l->dhs, t + 1);
        vec *da = at(l, l->a[0], t);
        for (size_t j = 0; j < width(l); j++)
            da[j] = (1 - h[j] * h[j]) * dh[j];                 // dhraw = (1 - hs[t] * hs[t]) * dh
        recur(l, l->dhs, l->a[0], l->WhT[0], t);               // dhnext = np.dot(Whh.T, dhraw)
    }
}

static void drop(const Layer *l, const Net *net, size_t layer); // dropout (section 9)

// Forward: scores for T steps of B streams. x(t) is one-hot: so Wxh x(t) is just one row of Wxh.
static void forward(const Net *net) {
    const size_t TB = net->T * net->B, L = net->layers;
    for (size_t i = 0; i < L; i++) {
        const Layer *l = &net->layer[i];
        copy(step(l, l->hs, 0), l->hprev);                     // hs[-1] = np.copy(hprev)
        copy(step(l, l->cs, 0), l->cprev);
        for (size_t k = 0; net->cell->gates[k]; k++) {
            const Matrix a = rows(l->a[k], 0, TB), Wx = l->gate[k].Wx;
            fill_rows(a, l->gate[k].b);                        // bh + np.dot(Wxh, xs[t])
            if (i > 0) matmul(a, rows(l[-1].out, 0, TB), Wx, ADD);
            else for (size_t r = 0; r < TB; r++) add_to(row(a, r), row(Wx, net->inputs[r]), a.cols);
        }
        net->cell->forward(l, net->T);
        if (net->dropout > 0) drop(l, net, i);
    }
    const Matrix ys = rows(net->ps, 0, TB);
    fill_rows(ys, net->param.by);
    matmul(ys, rows(net->layer[L - 1].out, 0, TB), net->param.Why, ADD); // np.dot(Why, hs[t]) + by
}

// p = exp(y) / sum(exp(y)), in place of V scores y. Returns log(sum(exp(y))): minus y[i], that is
// -log p[i]. Subtracting the highest score keeps exp from overflowing. Padding is -inf (new_model
// sees to it), and exp(-inf) adds 0.
static double softmax(real *y, size_t V) {
    vec *v = (vec *)y;
    const real highest = max_of(y, V);
    for (size_t i = 0; i < vectors(V); i++) v[i] = exp_(v[i] - highest);
    const real sum = sum_of(y, V);
    for (size_t i = 0; i < vectors(V); i++) v[i] *= 1 / sum;
    return highest + log(sum);
}

// Scores to probabilities. Returns the loss.
static double cross_entropy(const Net *net) {
    const Ix *targets = net->inputs + net->B;
    double loss = 0;
    for (size_t r = 0; r < net->T * net->B; r++) {
        real *y = row(net->ps, r);
        const real y_target = y[targets[r]];                   // before it becomes a probability
        loss += softmax(y, net->ps.cols) - y_target;           // += -np.log(ps[t][targets[t],0])
    }
    return loss;
}

// Backward, from the last step to the first: the gradient of the loss on every parameter.
//     dy(t) = p(t) - x(t+1)       through softmax and cross-entropy at once
//     dh(t) = Why' dy(t)          in the top layer; below it, Wxh' da(t) of the layer above
//     dWhy = dy(t) h(t)', dWxh = da(t) x(t)', dWhh = da(t) h(t-1)', dby = dy(t), dbh = da(t): sums
static void backward(const Net *net) {
    const Params *d = &net->dparam;
    const size_t TB = net->T * net->B, L = net->layers;
    const Matrix dy = rows(net->ps, 0, TB);
    const Layer *top = &net->layer[L - 1];
    for (size_t r = 0; r < TB; r++)
        row(dy, r)[net->inputs[net->B + r]] -= 1;              // dy[targets[t]] -= 1
    sum_rows(d->by, dy);                                       // dby += dy
    matmul(d->Why, transposed(rows(top->out, 0, TB)), dy, SET); // dWhy += np.dot(dy, hs[t].T)
    transpose(net->WhyT, net->param.Why);                      // (a product reads it row by row)
    matmul(rows(top->dhs, net->B, TB), dy, net->WhyT, SET);    // dh = np.dot(Why.T, dy)
    for (size_t i = L; i-- > 0; ) {
        const Layer *l = &net->layer[i];
        vec *dh = at(l, l->dhs, 1), *mask = (vec *)l->mask.at;
        if (net->dropout > 0)
            for (size_t j = 0; j < net->T * width(l); j++) dh[j] *= mask[j];
        zero(step(l, l->dhs, 0));
        for (size_t k = 0; net->cell->gates[k]; k++) transpose(l->WhT[k], l->gate[k].Wh);
        net->cell->backward(l, net->T);                        // dhraw: da, of each gate
        for (size_t k = 0; net->cell->gates[k]; k++) {
            const Matrix da = rows(l->a[k], 0, TB), dWx = l->d[k].Wx;
            const bool reset = net->cell == &cells[GRU] && k == 2; // Whh multiplied r h(t-1)
            const Matrix hprevs = rows(reset ? l->cs : l->hs, 0, TB);
            matmul(l->d[k].Wh, transposed(hprevs), da, SET);   // dWhh += np.dot(dhraw, hs[t-1].T)
            sum_rows(l->d[k].b, da);                           // dbh += dhraw
            if (i == 0) {
                zero(dWx);
                for (size_t r = 0; r < TB; r++)                // dWxh += np.dot(dhraw, xs[t].T)
                    add_to(row(dWx, net->inputs[r]), row(da, r), da.cols);
            } else {
                matmul(dWx, transposed(rows(l[-1].out, 0, TB)), da, SET);
                transpose(l->WxT, l->gate[k].Wx);
                matmul(rows(l[-1].dhs, net->B, TB), da, l->WxT, k == 0 ? SET : ADD);
            }
        }
    }
}

static void carry(const Net *net) { // hprev = hs[len(inputs)-1]: the next chunk goes on from there
    for (const Layer *l = net->layer; l < net->layer + net->layers; l++)
        copy(l->hprev, step(l, l->hs, net->T)), copy(l->cprev, step(l, l->cs, net->T));
}

static void read_chunk(const Net *net, size_t p) { // inputs and targets: T+1 characters from p on
    for (size_t t = 0; t <= net->T; t++)
        for (size_t b = 0; b < net->B; b++)
            net->inputs[t * net->B + b] = net->text[b * net->stream + p + t];
}

static void loss_and_gradient(Net *net) { // lossFun for one net's streams
    read_chunk(net, 0);
    forward(net);
    net->loss = cross_entropy(net);
    backward(net);
}

static double in_parallel(Net *nets, size_t n, void work(Net *)); // returns the sum of their losses

// loss, dWxh, dWhh, dWhy, dbh, dby = lossFun(inputs, targets, hprev), summed over the streams. The
// gradient is left in the first net. hprev stays as it is until carry: a chunk whose loss has
// diverged leaves no trace. Nets are added up in order, so that a sum is the same each time.
static double lossFun(Model *m, const Ix *inputs, size_t stream) {
    for (Net *net = m->nets; net < m->nets + m->threads; net++) {
        net->text = inputs + net->first * stream;
        net->stream = stream;
        net->key = hash(hash(m->seed) + m->n);
    }
    const double loss = in_parallel(m->nets, m->threads, loss_and_gradient);
    const Params *d = &m->nets->dparam;
    for (size_t i = 1; i < m->threads; i++) add_to(d->all, m->nets[i].dparam.all, d->count);
    return loss;
}

// ==== 5  Sampling ================================================================================

static void feed(Net *net, Ix x) { // one step of one stream
    net->T = 1, net->inputs[0] = x;
    forward(net), carry(net);
}

// Prints n characters that the model says come after the state in m->one and character x.
static void sample(Model *m, const Text *text, Ix x, count n, double temperature) {
    real *y = m->one.ps.at;                        // (1,V)
    for (count t = 0; t < n && !stop && !ferror(stdout); t++) {
        feed(&m->one, x);                          // y = np.dot(Why, h) + by
        for (size_t i = 0; i < text->V; i++) y[i] /= fmax(temperature, 1e-20); // 0: the likeliest
        softmax(y, text->V);                       // p = np.exp(y) / np.sum(np.exp(y))
        x = choice(y, text->V, &m->rng);           // the next step reads what this one has drawn
        put_char(text->chars[x], text->bytes);
    }
}

// ==== 6  Adagrad =================================================================================

// Gradients are sums over B streams: we take the mean, which is as large for any B, and clip it:
// one that explodes would undo what thousands of steps have learned. Then, the more the squares of
// a parameter's gradients have added up to, the smaller its steps (1e-8: no division by 0):
//     np.clip(dparam, -5, 5, out=dparam)
//     mem += dparam * dparam
//     param += -learning_rate * dparam / np.sqrt(mem + 1e-8)
static void adagrad(Model *m, real learning_rate, real most, real B) {
    const vec *dparam = (vec *)m->nets->dparam.all;
    vec *param = (vec *)m->param.all, *mem = (vec *)m->mem.all;
    for (size_t i = 0; i < vectors(m->param.count); i++) {
        vec d = clip(dparam[i] * (1 / B), most);
        mem[i] += d * d;
        param[i] += -learning_rate * d * rsqrt(mem[i] + (real)1e-8);
    }
}

// ==== 7  The main loop ===========================================================================

static void adam(Model *m, real learning_rate, real most, real B); // section 9
static bool at_end(const Model *m, const Config *c); // all --iters are done
static bool due(const Model *m, const Config *c, count every); // every N iterations, and at the end
static bool save(const char *path, Model *m, Text *text, Config *c); // false: it failed
static void zero_state(Model *m), show_sample(Model *m, const Text *text, Ix x, const Config *c);
static bool show_val_loss(Model *m, Text *text, Config *c); // saves the best model, too
static void show_loss(const Model *m, const Config *c), show_status(Model *m, const Config *c);

// Returns whether models have been saved as asked.
static bool train(Model *m, Text *text, Config *c) {
    const size_t T = c->seq_length, stream = text->n / c->batch_size; // characters in a stream
    bool saved = true, best_saved = true;
    while (true) {
        const Rng rng = m->rng; // put back if we are stopped: a resumed run repeats this iteration
        // prepare inputs (we're sweeping from left to right in steps seq_length long)
        if (m->p + T + 1 >= stream || m->n == 0) {
            zero_state(m);                             // reset RNN memory
            m->epoch += m->p > 0;
            m->p = 0;                                  // go from start of data
        }
        const Ix *inputs = text->data + m->p;          // targets are one further on
        const bool last = at_end(m, c);

        // forward seq_length characters through the net and fetch gradient
        const double loss = lossFun(m, inputs, stream) / c->batch_size;
        if (!(loss < 700.0 * T)) // or it is NaN. Near here the Python's exp overflows
            die(FAILED, "iteration %llu: the loss has diverged, to %g: lower --learning-rate",
                m->n, loss);
        const bool saves = last || (m->n > m->first && due(m, c, c->save_every));
        if (saves && !stop) saved = save(c->save, m, text, c);

        // sample from the model now and then (hprev is still the one before this chunk)
        if (!stop && due(m, c, c->sample_every)) show_sample(m, text, *inputs, c);
        if (!stop && text->held_out && due(m, c, c->eval_every))
            best_saved &= show_val_loss(m, text, c);
        if (stop) {
            m->rng = rng;
            return save(c->save, m, text, c) && best_saved;
        }
        m->smooth_loss = m->smooth_loss * 0.999 + loss * 0.001;
        if (due(m, c, c->print_every)) show_loss(m, c); // print progress
        if (last) return saved && best_saved;          // the last iteration learns no more

        // perform parameter update with Adagrad
        const double learning_rate = c->learning_rate * pow(c->decay, m->epoch);
        const double most = c->clip > 0 ? c->clip : INFINITY; // --clip 0: not at all
        if (c->optimizer == ADAGRAD) adagrad(m, learning_rate, most, c->batch_size);
        else adam(m, learning_rate, most, c->batch_size);

        for (size_t i = 0; i < m->threads; i++) carry(&m->nets[i]); // hprev = hs[len(inputs)-1]
        m->p += T;                                     // move data pointer
        m->n++;                                        // iteration counter
        show_status(m, c);
    }
}

// ==== 8  LSTM and GRU ============================================================================

// The LSTM (Hochreiter and Schmidhuber, 1997; f: Gers et al., 2000) also carries a cell state c,
// which no matrix touches. f says what of it to keep, i what to write to it, o what to show of it:
//     i, f, o = sigmoid(Wx. x(t) + Wh. h(t-1) + b.)      input, forget, output gate
//     g = tanh(Wxg x(t) + Whg h(t-1) + bg)               what to write
//     c(t) = f c(t-1) + i g
//     h(t) = o tanh(c(t))
static void lstm_forward(const Layer *l, size_t T) {
    for (size_t t = 0; t < T; t++) {
        for (size_t k = 0; k < 4; k++) recur(l, l->a[k], l->hs, l->gate[k].Wh, t);
        vec *i = at(l, l->a[0], t), *f = at(l, l->a[1], t);
        vec *o = at(l, l->a[2], t), *g = at(l, l->a[3], t);
        const vec *cprev = at(l, l->cs, t);
        vec *c = at(l, l->cs, t + 1), *h = at(l, l->hs, t + 1);
        for (size_t j = 0; j < width(l); j++) {
            i[j] = sigmoid(i[j]);
            f[j] = sigmoid(f[j]);
            o[j] = sigmoid(o[j]);
            g[j] = tanh_(g[j]);
            c[j] = f[j] * cprev[j] + i[j] * g[j];
            h[j] = o[j] * tanh_(c[j]);
        }
    }
}

//     dc(t) = o (1 - tanh(c(t))^2) dh(t) + f(t+1) dc(t+1)
// Along c the gradient is only ever multiplied by f: where f is near 1, it does not vanish.
static void lstm_backward(const Layer *l, size_t T) {
    zero(step(l, l->dcs, T)); // nothing comes from beyond the chunk
    for (size_t t = T; t-- > 0; ) {
        vec *i = at(l, l->a[0], t), *f = at(l, l->a[1], t);
        vec *o = at(l, l->a[2], t), *g = at(l, l->a[3], t);
        const vec *cprev = at(l, l->cs, t), *c = at(l, l->cs, t + 1), *dh = at(l, l->dhs, t + 1);
        vec *dc = at(l, l->dcs, t + 1), *dcprev = at(l, l->dcs, t);
        for (size_t j = 0; j < width(l); j++) {
            const vec tanh_c = tanh_(c[j]), i_j = i[j], f_j = f[j], o_j = o[j], g_j = g[j];
            dc[j] += dh[j] * o_j * (1 - tanh_c * tanh_c);
            dcprev[j] = dc[j] * f_j;
            i[j] = dc[j] * g_j * i_j * (1 - i_j);          // from here on these four are da
            f[j] = dc[j] * cprev[j] * f_j * (1 - f_j);
            o[j] = dh[j] * tanh_c * o_j * (1 - o_j);
            g[j] = dc[j] * i_j * (1 - g_j * g_j);
        }
        for (size_t k = 0; k < 4; k++) recur(l, l->dhs, l->a[k], l->WhT[k], t);
    }
}

// The GRU (Cho et al., 2014) does it without c: z is the LSTM's f, and 1 - z its i.
//     z, r = sigmoid(Wx. x(t) + Wh. h(t-1) + b.)         update and reset gate
//     candidate = tanh(Wxh x(t) + Whh (r h(t-1)) + bh)
//     h(t) = z h(t-1) + (1 - z) candidate
static void gru_forward(const Layer *l, size_t T) {
    for (size_t t = 0; t < T; t++) {
        for (size_t k = 0; k < 2; k++) recur(l, l->a[k], l->hs, l->gate[k].Wh, t);
        vec *z = at(l, l->a[0], t), *r = at(l, l->a[1], t), *candidate = at(l, l->a[2], t);
        const vec *hprev = at(l, l->hs, t);
        vec *rh = at(l, l->cs, t), *h = at(l, l->hs, t + 1);
        for (size_t j = 0; j < width(l); j++) {
            z[j] = sigmoid(z[j]);
            r[j] = sigmoid(r[j]);
            rh[j] = r[j] * hprev[j];
        }
        recur(l, l->a[2], l->cs, l->gate[2].Wh, t);
        for (size_t j = 0; j < width(l); j++) {
            candidate[j] = tanh_(candidate[j]);
            h[j] = z[j] * hprev[j] + (1 - z[j]) * candidate[j];
        }
    }
}

static void gru_backward(const Layer *l, size_t T) {
    for (size_t t = T; t-- > 0; ) {
        vec *z = at(l, l->a[0], t), *r = at(l, l->a[1], t), *candidate = at(l, l->a[2], t);
        const vec *hprev = at(l, l->hs, t), *dh = at(l, l->dhs, t + 1), *drh = at(l, l->dcs, t);
        vec *dhprev = at(l, l->dhs, t);
        for (size_t j = 0; j < width(l); j++) {
            const vec z_j = z[j], candidate_j = candidate[j];
            dhprev[j] += dh[j] * z_j;
            z[j] = dh[j] * (hprev[j] - candidate_j) * z_j * (1 - z_j); // from here on: da
            candidate[j] = dh[j] * (1 - z_j) * (1 - candidate_j * candidate_j);
        }
        zero(step(l, l->dcs, t));
        recur(l, l->dcs, l->a[2], l->WhT[2], t);
        for (size_t j = 0; j < width(l); j++) {
            dhprev[j] += drh[j] * r[j];
            r[j] = drh[j] * hprev[j] * r[j] * (1 - r[j]);
        }
        for (size_t k = 0; k < 2; k++) recur(l, l->dhs, l->a[k], l->WhT[k], t);
    }
}

static const Cell cells[4] = {
    { "", "", "", NULL, NULL },
    [RNN] = { "rnn", "h", "h", rnn_forward, rnn_backward },
    [LSTM] = { "lstm", "ifog", "hc", lstm_forward, lstm_backward },
    [GRU] = { "gru", "zrh", "h", gru_forward, gru_backward },
};

// ==== 9  Dropout and Adam ========================================================================

// Dropout (Srivastava et al., 2014; on what goes up, not through time: Zaremba et al., 2014) zeroes
// units at random, so that none can rely on another. The others are scaled up, so that sums keep
// their size and sampling has nothing to correct. The mask is a hash of seed, iteration and place:
// a resumed run draws the same.
static void drop(const Layer *l, const Net *net, size_t layer) {
    const real scale = 1 / (1 - net->dropout);
    for (size_t r = 0; r < net->T * l->B; r++) {
        const size_t t = r / l->B, stream = net->first + r % l->B;
        const uint64_t key = hash(hash(hash(net->key + layer) + stream) + t);
        real *mask = row(l->mask, r), *out = row(l->out, r), *h = row(l->hs, r + l->B);
        for (size_t j = 0; j < l->out.cols; j++) {
            const double chance = (hash(key + j) >> 11) * 0x1p-53; // [0,1)
            mask[j] = chance < net->dropout ? 0 : scale;
            out[j] = h[j] * mask[j];
        }
    }
}

// Adam (Kingma and Ba, 2015): a running mean of the gradients, over the root of a running mean of
// their squares. Both start at 0, which the two scales make up for.
static void adam(Model *m, real learning_rate, real most, real B) {
    const double iterations = m->n + 1.0;
    const real mean_scale = 1 / (1 - pow(0.9, iterations));
    const real mem_scale = 1 / (1 - pow(0.999, iterations));
    const vec *dparam = (vec *)m->nets->dparam.all;
    vec *param = (vec *)m->param.all, *mem = (vec *)m->mem.all, *mean = (vec *)m->mean.all;
    for (size_t i = 0; i < vectors(m->param.count); i++) {
        vec d = clip(dparam[i] * (1 / B), most);
        mean[i] += (real)0.1 * (d - mean[i]);
        mem[i] += (real)0.001 * (d * d - mem[i]);
        vec square = mem_scale * mem[i];
        vec root = square * rsqrt(square + (real)1e-30); // of 0 it is 0
        param[i] += -learning_rate * mean_scale * mean[i] / (root + (real)1e-8);
    }
}

// ==== 10  Part II, the machinery: matrices, exp and tanh =========================================

#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__
#error "without NaN a diverged loss goes unnoticed: build without -ffast-math and -Ofast"
#endif

#ifdef __APPLE__
#define st_ctim st_ctimespec
#endif

enum { OUTPUT_LOST = -1 }; // for stop
static size_t min(size_t a, size_t b) { return a < b ? a : b; }
static size_t vectors(size_t n) { return (n + LANES - 1) / LANES; }
static real *row(Matrix a, size_t i) { return a.at + (ptrdiff_t)i * a.row_step; }

// Rows of an even number of cache lines would compete for the same places in the cache.
static size_t row_step(size_t cols) {
    const size_t line = 64 / VECTOR_BYTES, n = vectors(cols);
    return (n + (n % (2 * line) == 0) * line) * LANES;
}

static Matrix shape(size_t m, size_t n) { return (Matrix){ NULL, m, n, row_step(n), 1 }; }

static Matrix rows(Matrix a, size_t i, size_t m) {
    return (Matrix){ row(a, i), m, a.cols, a.row_step, a.col_step };
}
static Matrix transposed(Matrix a) {
    return (Matrix){ a.at, a.cols, a.rows, a.col_step, a.row_step };
}
static Matrix upside_down(Matrix a) {
    return (Matrix){ row(a, a.rows - 1), a.rows, a.cols, -a.row_step, a.col_step };
}
static Matrix new_matrix(size_t m, size_t n) {
    Matrix a = shape(m, n);
    a.at = xcalloc((count)m * a.row_step, sizeof(real));
    return a;
}

static void zero(Matrix a) { memset(a.at, 0, a.rows * a.row_step * sizeof(real)); }
static void copy(Matrix out, Matrix a) { memcpy(out.at, a.at, a.rows * a.row_step * sizeof(real)); }
static void fill_rows(Matrix out, Matrix a) {
    for (size_t i = 0; i < out.rows; i++) copy(rows(out, i, 1), a);
}
static void add_to(real *out, const real *a, size_t n) {
    vec *to = (vec *)out, *x = (vec *)a;
    for (size_t i = 0; i < vectors(n); i++) to[i] += x[i];
}
static void sum_rows(Matrix out, Matrix a) {
    zero(out);
    for (size_t i = 0; i < a.rows; i++) add_to(out.at, row(a, i), a.cols);
}

static void transpose(Matrix out, Matrix a) {
    for (size_t i = 0; i < a.rows; i += LANES)
        for (size_t j = 0; j < a.cols; j++) {
            const size_t n = min(LANES, a.rows - i);
            vec column = { 0 };
            if (n == LANES) for (size_t l = 0; l < LANES; l++) column[l] = row(a, i + l)[j];
            else for (size_t l = 0; l < n; l++) column[l] = row(a, i + l)[j];
            ((vec *)row(out, j))[i / LANES] = column;
        }
}

// Most of the time goes into this: a tile of R rows and C vectors of out stays in registers while k
// runs over a block of rows of b. Each number loaded from a is used C times, and each vector of b R
// times. A tile that is too large for the registers is three times slower. What the next tile reads
// of b, some vectors of each row, is fetched in advance: that doubles the speed for large H.
#if defined __AVX512F__ || defined __aarch64__ // 32 vector registers; elsewhere 16
enum { TILE_COLS = 4 };
#else
enum { TILE_COLS = 2 };
#endif
enum { TILE_ROWS = 6, WIDE = 13 }; // or one row of 13 vectors
enum { BLOCK = 128, STRIPS = 8 };  // what is read of b, and of a, stays in the first two caches

__attribute__((always_inline))
static inline void tile(const Matrix *out, const Matrix *a, const Matrix *b, size_t i, size_t j,
                        size_t k, int how, const int R, const int C) {
    const ptrdiff_t out_row = out->row_step, a_row = a->row_step, a_col = a->col_step;
    const real *a_k = row(*a, i) + (ptrdiff_t)k * a_col, *b_k = row(*b, k) + j * LANES;
    real *out_i = row(*out, i) + j * LANES;
    const bool load = k > 0 || how == ADD;
    vec sum[TILE_ROWS][WIDE];
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++)
            sum[r][c] = load ? ((vec *)(out_i + r * out_row))[c] : (vec){ 0 };
    for (size_t end = min(k + BLOCK, b->rows); k < end; k++, a_k += a_col, b_k += b->row_step) {
        if (R > 1) __builtin_prefetch(b_k + C * LANES);
        for (int r = 0; r < R; r++)
            for (int c = 0; c < C; c++) sum[r][c] += a_k[r * a_row] * ((const vec *)b_k)[c];
    }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) ((vec *)(out_i + r * out_row))[c] = sum[r][c];
}

// Tiles of R x C for n rows from i on and columns from j on, as far as they fit; returns the column
// after them.
__attribute__((always_inline))
static inline size_t tiles(const Matrix *out, const Matrix *a, const Matrix *b, size_t i, size_t n,
                           size_t j, size_t k, int how, const int R, const int C) {
    for (; j + C <= vectors(out->cols); j += C)
        for (size_t r = i; r < i + n; r += R) tile(out, a, b, r, j, k, how, R, C);
    return j;
}

// n rows of out from i on, R at a time. R and C are constants, so that tiles stay in registers.
__attribute__((always_inline))
static inline void strips(const Matrix *out, const Matrix *a, const Matrix *b, size_t i, size_t n,
                          size_t k, int how, const int R) {
    size_t j = 0;
    if (R == 1) j = tiles(out, a, b, i, n, j, k, how, R, WIDE);
    if (R <= 3) j = tiles(out, a, b, i, n, j, k, how, R, 2 * TILE_COLS);
    j = tiles(out, a, b, i, n, j, k, how, R, TILE_COLS);
    tiles(out, a, b, i, n, j, k, how, R, 1);
}

// out (m,n), a (m,k) transposed or not, b (k,n). Strips are as high as fits evenly: 25 rows are 5
// strips of 5; 50 are 8 of 6, and then one of 2. So many strips take turns at each column of tiles.
static void matmul(Matrix out, Matrix a, Matrix b, int how) {
    const size_t m = out.rows, n_strips = (m + TILE_ROWS - 1) / TILE_ROWS;
    const size_t strip = m ? (m + n_strips - 1) / n_strips : 1, even = m / strip * strip;
    for (size_t k = 0; k == 0 || k < b.rows; k += BLOCK)
        for (size_t i = 0, n; i < m; i += n) {
            n = i < even ? min(even - i, STRIPS * strip) : m - even;
            switch (i < even ? strip : n) {
            case 1: strips(&out, &a, &b, i, n, k, how, 1); break;
            case 2: strips(&out, &a, &b, i, n, k, how, 2); break;
            case 3: strips(&out, &a, &b, i, n, k, how, 3); break;
            case 4: strips(&out, &a, &b, i, n, k, how, 4); break;
            case 5: strips(&out, &a, &b, i, n, k, how, 5); break;
            case 6: strips(&out, &a, &b, i, n, k, how, 6); break;
            }
        }
}

enum { DOUBLE = sizeof(real) == sizeof(double) };
typedef __typeof__(_Generic((real)0, float: (int32_t)0, double: (int64_t)0)) word; // a real's bits,
typedef word ints __attribute__((vector_size(VECTOR_BYTES), may_alias)); // or a comparison: -1 or 0

static inline vec where(ints condition, vec a, vec b) { // np.where: condition ? a : b, lane by lane
    return (vec)((condition & (ints)a) | (~condition & (ints)b));
}

static inline vec clip(vec x, real most) {
    const vec high = (vec){ 0 } + most;
    return where(x > high, high, where(x < -high, -high, x));
}

static real max_of(const real *y, size_t n) { // padding included
    const vec *v = (const vec *)y;
    vec high = v[0];
    for (size_t i = 1; i < vectors(n); i++) high = where(v[i] > high, v[i], high);
    real max = high[0];
    for (size_t l = 1; l < LANES; l++) if (high[l] > max) max = high[l];
    return max;
}

static real sum_of(const real *y, size_t n) { // padding included
    const vec *v = (const vec *)y;
    vec sums = { 0 };
    real sum = 0;
    for (size_t i = 0; i < vectors(n); i++) sums += v[i];
    for (size_t l = 0; l < LANES; l++) sum += sums[l];
    return sum;
}

static const real EXP_MOST = DOUBLE ? 708 : 87; // e^x and e^-x are normal numbers up to here

// e^x - one for |x| <= EXP_MOST. With x = k ln 2 + r it is (e^r - 1) 2^k + (2^k - one), where one,
// 0 or 1, goes before it can cancel: near x = 0, e^x - 1 has all its digits. |r| <= ln(2)/2 makes
// the series for e^r - 1 short; 2^k is put together from its bits. (Few compilers make vectors of
// libm's exp.)
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

static inline vec exp_(vec x) { // 0 below -EXP_MOST, and no more than e^EXP_MOST
    return where(x < -EXP_MOST, (vec){ 0 }, exp_minus(clip(x, EXP_MOST), 0));
}

static inline vec tanh_(vec x) { // (e^2x - 1) / (e^2x - 1 + 2); tanh(20) is 1 to all 16 digits
    vec e = exp_minus(2 * clip(x, 20), 1);
    return e / (e + 2);
}

static inline vec sigmoid(vec x) { return (real)0.5 + (real)0.5 * tanh_((real)0.5 * x); }

// x^(-1/2) by Newton's method for 1/y^2 = x. The bits of a number are nearly its logarithm: halved
// and negated they are a first guess, off by 3.5%. A float ends up 5e-6 off, which is near enough
// for the length of a step.
static inline vec rsqrt(vec x) {
    const word guess = (word)(DOUBLE ? 0x5fe6eb50c7b537a9 : 0x5f375a86);
    vec y = (vec)(guess - ((ints)x >> 1));
    for (int i = 0; i < (DOUBLE ? 4 : 2); i++) // 3.5e-2, 1.8e-3, 5e-6; 3e-11, 1e-16
        y *= (real)1.5 - (real)0.5 * x * y * y;
    return y;
}

// ==== 11  Random numbers: NumPy's legacy generator ===============================================

// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998). `used` of its 624 numbers have been
// handed out. randn makes two numbers at a time: has_kept says that the second is still to come.
static void rng_seed(Rng *rng, uint32_t seed) {
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
            s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1) * 0x9908b0dfu;
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
    rng->has_kept = !rng->has_kept;
    if (!rng->has_kept) return rng->kept;
    do { // a point in the unit circle
        x = 2 * rng_uniform(rng) - 1;
        y = 2 * rng_uniform(rng) - 1;
        r2 = x * x + y * y;
    } while (r2 >= 1 || r2 == 0);
    double f = sqrt(-2 * log(r2) / r2);
    rng->kept = f * x;
    return f * y;
}

static void randn(Matrix w, double scale, Rng *rng) { // the Python's (out,in), row by row
    for (size_t j = 0; j < w.cols; j++)
        for (size_t i = 0; i < w.rows; i++) row(w, i)[j] = rng_normal(rng) * scale;
}

static Ix choice(const real *p, size_t V, Rng *rng) { // where a running sum passes a random number
    double sum = 0, cdf = 0, coin = rng_uniform(rng);
    for (size_t i = 0; i < V; i++) sum += p[i];
    for (size_t i = 0; i + 1 < V; i++) {
        cdf += p[i];
        if (cdf / sum > coin) return i;
    }
    return V - 1;
}

static uint64_t hash(uint64_t x) { // splitmix64 (Steele, Lea and Flood, 2014)
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

// ==== 12  Text: UTF-8 ============================================================================

struct Reader {
    FILE *file;
    const char *name;
    size_t offset, line;     // bytes that have been read; lines, counted from 1
    size_t good;             // characters of more than one byte among them
    unsigned char start[12]; // its first bytes, read in advance: they tell what kind of file it is
    size_t started;          // how many there are
    bool ended, bytes;
};

static const struct { size_t at, n; const char *has, *advice; } no_texts[] = {
    { 3, 7, "\0\0\0\0\0{\"", "it is a checkpoint: to use the model in it, --load it" },
    { 0, 2, "\x1F\x8B", "it is compressed: unpack it first (gunzip)" },
    { 0, 4, "\xFF\xFE\0\0", "it is UTF-32: convert it (iconv -f UTF-32 -t UTF-8)" },
    { 0, 4, "\0\0\xFE\xFF", "it is UTF-32: convert it (iconv -f UTF-32 -t UTF-8)" },
    { 0, 2, "\xFF\xFE", "it is UTF-16: convert it (iconv -f UTF-16 -t UTF-8)" },
    { 0, 2, "\xFE\xFF", "it is UTF-16: convert it (iconv -f UTF-16 -t UTF-8)" },
};

static Reader *start_reading(FILE *file, const char *name, bool bytes) {
    if (!file) die(FAILED, "%s: %s", name, strerror(errno));
    Reader *in = xcalloc(1, sizeof *in);
    *in = (Reader){ .file = file, .name = name, .line = 1, .bytes = bytes };
    in->started = fread(in->start, 1, sizeof in->start, file);
    for (size_t i = 0; !bytes && i < sizeof no_texts / sizeof *no_texts; i++)
        if (!memcmp(in->start + no_texts[i].at, no_texts[i].has, no_texts[i].n))
            die(FAILED, "%s: %s", name, no_texts[i].advice);
    return in;
}

static int next_byte(Reader *in) {
    if (in->offset < in->started) return in->start[in->offset++];
    const int byte = getc_unlocked(in->file);
    if (byte == EOF && ferror(in->file)) die(FAILED, "%s: %s", in->name, strerror(errno));
    in->ended = byte == EOF;
    in->offset += !in->ended;
    return byte;
}

static bool is_half(uint32_t code) { return code >> 11 == 0xD800 >> 11; } // of a UTF-16 pair

// The code point that begins with this byte, or -1 if none does (RFC 3629): cut short, longer than
// it need be, half of a UTF-16 pair, or above 0x10FFFF.
static int32_t decode(Reader *in, int byte) {
    static const int32_t least[] = { [2] = 0x80, 0x800, 0x10000 }; // that needs so many bytes
    int length = 0;
    while (byte << length & 0x80) length++; // as many ones as there are bytes, if more than one
    if (length == 0) return byte;
    if (length == 1 || length > 4) return -1;
    int32_t code = byte & 0x7F >> length;
    for (int i = 1; i < length; i++) {
        const int more = next_byte(in);
        if (more >> 6 != 2) return -1; // EOF, too
        code = code << 6 | (more & 0x3F);
    }
    if (code < least[length] || is_half(code) || code >= CODES) return -1;
    in->good++;
    return code;
}

// Says where a text is not UTF-8, and what to do about it, which depends on what it is.
__attribute__((noreturn))
static void refuse(Reader *in, size_t offset, size_t line, int byte) {
    const char *advice = "find out its encoding (file) and convert it (iconv -f ENCODING -t UTF-8)"
                         ", or take each byte for a character (--bytes)";
    const bool at_end = in->ended;
    size_t bad = 1;
    for (int more = next_byte(in); more != EOF; more = next_byte(in)) bad += decode(in, more) < 0;
    if (in->good > bad) advice = "the rest is UTF-8: drop what is not (iconv -c -f UTF-8 -t UTF-8)";
    if (at_end) advice = "the text ends inside a character: cut it off there (head -c), or --bytes";
    die(FAILED, "%s: line %zu, byte offset %zu: 0x%02X begins no UTF-8 character: %s", in->name,
        line, offset, (unsigned)byte, advice);
}

static int32_t get_char(Reader *in) {
    const size_t offset = in->offset, line = in->line;
    const int byte = next_byte(in);
    if (byte == EOF || in->bytes) return byte;
    const int32_t code = decode(in, byte);
    if (code < 0) refuse(in, offset, line, byte);
    in->line += code == '\n';
    return code == 0xFEFF && offset == 0 ? get_char(in) : code; // a byte order mark is no character
}

static int utf8(int32_t code, char *to) { // encodes it; returns how many bytes that takes
    const int more = (code >= 0x80) + (code >= 0x800) + (code >= 0x10000);
    const int lead = more ? (0xFF00 >> (more + 1)) & 0xFF : 0; // as many ones as there are bytes
    to[0] = lead | code >> 6 * more;
    for (int i = 1; i <= more; i++) to[i] = 0x80 | (code >> 6 * (more - i) & 0x3F);
    return more + 1;
}

static void put_char(int32_t code, bool bytes) {
    char utf[4];
    if (bytes || code < 0x80) putc_unlocked(code, stdout);
    else fwrite(utf, 1, utf8(code, utf), stdout);
}

static void check_new_char(const Text *text, const Reader *in, int32_t code) {
    char utf[5] = "";
    const int length = text->bytes ? 1 : utf8(code, utf);
    if (code <= ' ' || (code >= 0x7F && code < 0xA0)) utf[0] = '\0'; // it does not show
    if (text->chars)
        die(FAILED, "%s: line %zu, byte offset %zu: the character %s (0x%02X) is not in the "
            "model's vocabulary", in->name, in->line, in->offset - length, utf, (unsigned)code);
    if (text->V == UINT16_MAX)
        die(FAILED, "%s: more than %d unique characters: take each byte for a character (--bytes)",
            in->name, UINT16_MAX);
}

// ==== 13  Memory and threads =====================================================================

static void *xcalloc(count n, size_t size) { // aligned to a cache line
    void *memory = NULL;
    if (n > SIZE_MAX / size || posix_memalign(&memory, 64, n * size) != 0)
        die(FAILED, "not enough memory for %.3g GB: a new model needs less with a lower "
            "--hidden-size, --layers, --seq-length or --batch-size", (double)n * size / 1e9);
    memset(memory, 0, n * size);
    return memory;
}

static Matrix place(Params *p, size_t m, size_t n) { // a window behind those that are there
    Matrix a = shape(m, n);
    if (p->all) a.at = p->all + p->count;
    p->count += m * a.row_step;
    return a;
}

static Params lay_out(const Config *c, size_t V, real *all) { // NULL: only shapes
    const size_t H = c->hidden_size, G = strlen(cells[c->cell].gates), n = c->layers * G;
    Params p = { .all = all, .gate = xcalloc(n + 2, sizeof(Gate)) }; // and an end
    for (size_t i = 0; i < n; i++) {
        p.gate[i].Wx = place(&p, i < G ? V : H, H);
        p.gate[i].Wh = place(&p, H, H);
        p.gate[i].b = place(&p, 1, H);
    }
    p.gate[n].Wh = p.Why = place(&p, H, V);
    p.gate[n].b = p.by = place(&p, 1, V);
    return p;
}

static Params new_params(const Config *c, size_t V) {
    const Params shapes = lay_out(c, V, NULL);
    free(shapes.gate);
    return lay_out(c, V, xcalloc(shapes.count, sizeof(real)));
}

// A net for T steps of B streams. One that does not train has no memory for a backward pass.
static Net new_net(const Model *m, const Config *c, size_t first, size_t B, size_t T, bool trains) {
    const size_t H = c->hidden_size, V = m->param.by.cols, G = strlen(cells[c->cell].gates);
    const size_t TB = T * B, back = trains * (TB + B), back_H = trains * H;
    Net net = { .cell = &cells[c->cell], .param = m->param, .layers = c->layers, .T = T, .B = B,
                .inputs = xcalloc((count)TB + B, sizeof(Ix)), .ps = new_matrix(TB, V),
                .first = first, .dropout = trains * c->dropout,
                .WhyT = new_matrix(trains * V, H) };
    if (trains) net.dparam = new_params(c, V);
    for (size_t i = 0; i < c->layers; i++) {
        Layer *l = &net.layer[i];
        *l = (Layer){ .B = B, .gate = m->param.gate + i * G, .WxT = new_matrix(back_H, H),
                      .hs = new_matrix(TB + B, H), .dhs = new_matrix(back, H),
                      .cs = new_matrix(TB + B, H), .dcs = new_matrix(back, H) };
        l->out = rows(l->hs, B, TB);
        if (trains) { // where it goes on is the model's to keep
            l->hprev = rows(m->hprev[i], first, B), l->cprev = rows(m->cprev[i], first, B);
            l->d = net.dparam.gate + i * G;
        } else l->hprev = new_matrix(B, H), l->cprev = new_matrix(B, H);
        if (net.dropout > 0) l->mask = new_matrix(TB, H), l->out = new_matrix(TB, H);
        for (size_t k = 0; k < G; k++)
            l->a[k] = new_matrix(TB, H), l->WhT[k] = new_matrix(back_H, H);
    }
    return net;
}

static size_t cores(void) { // that this process may use
#ifdef CPU_COUNT
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
#else
    return sysconf(_SC_NPROCESSORS_ONLN);
#endif
}

enum { CHUNK = 16 }; // steps at once when nothing is learned

static void new_model(Model *m, const Config *c, size_t V, bool trains) { // its memory
    const size_t H = c->hidden_size, B = c->batch_size;
    m->threads = min(B, c->threads ? c->threads : min(cores(), B / 8)); // 8 streams are worth one
    if (m->threads == 0) m->threads = 1;
    m->param = new_params(c, V);
    for (size_t i = V; i % LANES; i++) m->param.by.at[i] = -INFINITY; // so that padding gets p = 0
    for (size_t i = 0; i < c->layers; i++)
        m->hprev[i] = new_matrix(B, H), m->cprev[i] = new_matrix(B, H);
    m->one = new_net(m, c, 0, 1, CHUNK, false);
    if (!trains) m->mem = m->mean = lay_out(c, V, NULL); // for load, which passes over them
    if (!trains) return;
    m->mem = new_params(c, V);
    if (c->optimizer == ADAM) m->mean = new_params(c, V);
    m->nets = xcalloc(m->threads, sizeof *m->nets);
    m->tests = xcalloc(m->threads, sizeof *m->tests);
    for (size_t i = 0, first = 0, n; i < m->threads; i++, first += n) {
        n = (B - first) / (m->threads - i); // streams: as even as can be
        m->nets[i] = new_net(m, c, first, n, c->seq_length, true);
        if (c->val_fraction > 0) m->tests[i] = new_net(m, c, first, n, CHUNK, false);
    }
}

static void forget(const Net *net) { // what carry has left
    for (const Layer *l = net->layer; l < net->layer + net->layers; l++)
        zero(l->hprev), zero(l->cprev);
}

static void zero_state(Model *m) {
    for (size_t i = 0; i < m->threads; i++) forget(&m->nets[i]);
}

static void *run_net(void *net) {
    ((Net *)net)->work(net);
    return NULL;
}

static double in_parallel(Net *nets, size_t n, void work(Net *)) {
    for (size_t i = 1; i < n; i++) {
        nets[i].work = work;
        if (pthread_create(&nets[i].thread, NULL, run_net, &nets[i]) != 0)
            die(FAILED, "thread %zu cannot be started: lower --threads", i + 1);
    }
    work(nets);
    double loss = nets->loss;
    for (size_t i = 1; i < n; i++) {
        pthread_join(nets[i].thread, NULL);
        loss += nets[i].loss;
    }
    return loss;
}

// ==== 14  A look inside: held-out loss, hidden units, gradients ==================================

// The loss on the next `length` characters of each stream, from state 0 on.
static void score(Net *net) {
    double loss = 0;
    forget(net);
    for (size_t p = 0; p < net->length && !stop; p += net->T) {
        net->T = min(CHUNK, net->length - p);
        read_chunk(net, p);
        forward(net);
        loss += cross_entropy(net);
        carry(net);
    }
    net->loss = loss;
}

// The loss on data[1] to data[n], in nats; leaves its last state in m->one.
static double evaluate(Model *m, const Ix *data, size_t n) {
    m->one.text = data, m->one.length = n;
    score(&m->one);
    return m->one.loss;
}

enum { QUOTES, LINE, DEPTH, COMMENT, CONDITION, INDENT, CAPITALS, PARAGRAPH, QUESTIONS };
static const char *const questions[] = {
    "inside quotes", "position in the line", "depth of brackets", "inside a comment",
    "inside the condition of an if", "indentation", "inside a word in capitals",
    "distance from the last blank line" };
typedef struct { double answer[QUESTIONS], if_depth; } Answers; // (of brackets, in a condition)

static uint32_t code_at(const Text *text, size_t i) { // 0 before the text and after it
    return i < text->n ? text->chars[text->data[i]] : 0;
}
static bool is_in(uint32_t c, const char *set) { return c > 0 && c < 0x80 && strchr(set, c); }
static bool is_capital(uint32_t c) { return c >= 'A' && c <= 'Z'; }
static bool is_after_if(const Text *text, size_t i) {
    while (code_at(text, i - 1) == ' ') i--;
    const uint32_t before = code_at(text, i - 3);
    return code_at(text, i - 2) == 'i' && code_at(text, i - 1) == 'f' &&
           (before == 0 || is_in(before, " \t\n(){};"));
}

// From the answers after the character before i to those after i.
static void answer(Answers *s, const Text *text, size_t i) {
    const uint32_t c = code_at(text, i), last = code_at(text, i - 1), next = code_at(text, i + 1);
    double *a = s->answer;
    const bool newline = c == '\n', blank_line = newline && last == '\n';
    const bool escaped = last == '\\' || (last == '\'' && next == '\''); // in C: \" and '"'
    if (c == '"' && !escaped) a[QUOTES] = !a[QUOTES];
    if (c == 0x201C || c == 0x201D) a[QUOTES] = c == 0x201C;
    if (blank_line) a[QUOTES] = 0; // somebody forgot to close them
    a[LINE] = newline ? 0 : a[LINE] + 1;
    a[DEPTH] = fmax(0, a[DEPTH] + is_in(c, "([{") - is_in(c, ")]}"));
    if (last == '/' && c == '*') a[COMMENT] = 1;
    if (last == '*' && c == '/') a[COMMENT] = 0;
    if (c == '(' && is_after_if(text, i)) s->if_depth = a[DEPTH];
    if (a[DEPTH] < s->if_depth) s->if_depth = 0;
    a[CONDITION] = s->if_depth > 0;
    if (newline) a[INDENT] = 0;
    if (is_in(c, " \t") && a[INDENT] == a[LINE] - 1) a[INDENT]++; // only blanks so far
    a[CAPITALS] = is_capital(c) && (is_capital(last) || is_capital(next));
    a[PARAGRAPH] = blank_line ? 0 : a[PARAGRAPH] + 1;
}

typedef struct { double n, x, y, xx, yy, xy; } Sums;

static void add_up(Sums *s, double x, double y) {
    s->n++, s->x += x, s->y += y, s->xx += x * x, s->yy += y * y, s->xy += x * y;
}
static double pearson(Sums s) {
    const double x = s.n * s.xx - s.x * s.x, y = s.n * s.yy - s.y * s.y;
    if (!(x * y > 0)) return 0; // one of them never changes
    return (s.n * s.xy - s.x * s.y) / sqrt(x * y);
}

// Unit u of all layers: h, and in an LSTM tanh(c), as in Karpathy, Johnson and Fei-Fei (2015).
static double unit(const Net *net, size_t u) {
    const size_t H = net->layer->hs.cols, kinds = strlen(net->cell->state);
    const Layer *l = &net->layer[u / (kinds * H)];
    return u / H % kinds ? tanh(l->cprev.at[u % H]) : l->hprev.at[u % H];
}

// Some lines of the text: where the answer to a question varies most.
enum { EXCERPT = 240, EXCERPT_MOST = 400 }; // characters
static size_t choose_excerpt(const Text *text, size_t question, size_t *begin) { // its length
    Answers s = { .if_depth = 0 };
    Sums now = { .n = 0 };
    size_t n = 0;
    double most = 1e-9;
    for (size_t i = 0; i < text->n; i++) {
        const bool whole = now.n >= EXCERPT && code_at(text, i) == '\n';
        answer(&s, text, i);
        add_up(&now, 0, s.answer[question]);
        if (!whole && now.n < EXCERPT_MOST && i + 1 < text->n) continue;
        const double variance = now.yy / now.n - pow(now.y / now.n, 2);
        if (variance > most) most = variance, n = now.n, *begin = i + 1 - n;
        now = (Sums){ .n = 0 };
    }
    return n;
}

// Prints an excerpt with unit u: as a background from red at -1 through none to blue at +1, or in
// two lines of marks, sign and size, below each line of the text.
static void show_unit(Matrix values, size_t u, const Text *text, size_t begin, bool color) {
    char signs[EXCERPT_MOST], sizes[EXCERPT_MOST];
    for (size_t i = 0, marks = 0; i < values.rows; i++) {
        const uint32_t code = code_at(text, begin + i);
        const double value = row(values, i)[u], size = fabs(value);
        const int shade = 64 + 160 * size;
        const char sign = size < 0.1 ? ' ' : "-+"[value > 0];
        const bool newline = code == '\n', painted = color && sign != ' ' && !newline;
        signs[marks] = sign;
        sizes[marks] = '0' + (int)(9.999 * size);
        marks += !newline;
        if (painted && value < 0) printf("\033[97;48;2;%d;40;40m", shade);
        if (painted && value > 0) printf("\033[97;48;2;40;40;%dm", shade);
        put_char(code, text->bytes);
        if (painted) printf("\033[0m");
        if (!newline && i + 1 < values.rows) continue;
        if (!newline) putchar('\n');
        if (!color) printf("%.*s\n%.*s\n", (int)marks, signs, (int)marks, sizes);
        marks = 0;
    }
}

// For each question, the unit that follows it best, by Pearson's r over all the text; and what that
// unit does in some lines of it.
static void show_cells(Model *m, const Text *text, bool color) {
    Net *net = &m->one;
    const size_t H = net->layer->hs.cols, kinds = strlen(net->cell->state);
    const size_t units = net->layers * kinds * H;
    Sums *sums = xcalloc((count)QUESTIONS * units, sizeof *sums);
    Matrix x = new_matrix(1, units), values[QUESTIONS]; // now; and in each excerpt
    size_t begin[QUESTIONS] = { 0 };
    Answers s = { .if_depth = 0 };
    for (size_t q = 0; q < QUESTIONS; q++)
        values[q] = new_matrix(choose_excerpt(text, q, &begin[q]), units);
    for (size_t i = 0; i < text->n && !stop; i++) {
        feed(net, text->data[i]);
        answer(&s, text, i);
        for (size_t u = 0; u < units; u++) x.at[u] = unit(net, u);
        for (size_t q = 0; q < QUESTIONS; q++) {
            for (size_t u = 0; u < units; u++) add_up(&sums[q * units + u], x.at[u], s.answer[q]);
            if (i - begin[q] < values[q].rows) copy(rows(values[q], i - begin[q], 1), x);
        }
    }
    for (size_t q = 0; q < QUESTIONS && !stop; q++) {
        const Sums *of = sums + q * units;
        size_t u = 0;
        for (size_t i = 1; i < units; i++) if (fabs(pearson(of[i])) > fabs(pearson(of[u]))) u = i;
        if (pearson(of[u]) == 0) continue; // the text gives but one answer
        printf("%s: layer %zu, unit %zu, r = %+.2f (%c)\n", questions[q], u / (kinds * H) + 1,
               u % H + 1, pearson(of[u]), net->cell->state[u / H % kinds]);
        show_unit(values[q], u, text, begin[q], color);
    }
}

// How far back gradients reach: of the loss at the last of T steps alone, the gradient on the state
// k steps before, as a root mean square over many chunks, relative to k = 0.
static void show_gradients(Model *m, const Text *text, const Config *c) {
    const size_t T = c->seq_length;
    if (text->n <= T)
        die(FAILED, "%s: %llu characters are too few for %zu steps: lower --seq-length", c->input,
            text->n, T);
    Net net = new_net(m, c, 0, 1, T, true);
    double *squares[2] = { xcalloc(T + 1, sizeof(double)), xcalloc(T + 1, sizeof(double)) };
    net.text = text->data;
    forget(&net);
    for (size_t p = 0; p + T < text->n && p < 1000 * T && !stop; p += T) {
        read_chunk(&net, p);
        forward(&net);
        cross_entropy(&net);
        for (size_t t = 0; t + 1 < T; t++) { // at all other steps p(t) = x(t+1), and so dy = 0
            zero(rows(net.ps, t, 1));
            row(net.ps, t)[net.inputs[t + 1]] = 1;
        }
        backward(&net);
        for (const Layer *l = net.layer; l < net.layer + net.layers; l++)
            for (size_t i = 0; i < (T + 1) * l->dhs.cols; i++) {
                const size_t t = i / l->dhs.cols, j = i % l->dhs.cols;
                squares[0][T - t] += pow(row(l->dhs, t)[j], 2);
                squares[1][T - t] += pow(row(l->dcs, t)[j], 2);
            }
        carry(&net);
    }
    for (size_t i = 0; net.cell->state[i]; i++) {
        if (i > 0) printf("\n\n");
        printf("# steps back, gradient on %c\n", net.cell->state[i]);
        for (size_t k = 0; k <= T; k++) {
            const double size = sqrt(squares[i][k] / squares[i][0]);
            printf("%zu %.3g ", k, size);
            for (double bar = 40 + 10 * log10(size); bar >= 1; bar--) putchar('#'); // 10 a decade
            putchar('\n');
        }
    }
}

// ==== 15  The command line =======================================================================

typedef struct {
    size_t field; // where in Config
    char letter;
    const char *name, *takes; // N: a whole number, X: a real one, a|b, FILE, TEXT; NULL: nothing
    const char *preset;
    double least, most;
    const char *help;
} Option;

#define FIELD(name) offsetof(Config, name)
static const Option options[] = { // the first ones are fixed when a model is made
    { FIELD(cell), 0, "cell", "rnn|lstm|gru", "rnn", 1, 3, "what a layer is made of" },
    { FIELD(layers), 'L', "layers", "N", "1", 1, LAYERS, "layers, one on top of the other" },
    { FIELD(hidden_size), 'H', "hidden-size", "N", "100", 1, 1e6, "hidden units in a layer" },
    { FIELD(seq_length), 'T', "seq-length", "N", "25", 1, 65535, "steps to backpropagate through" },
    { FIELD(batch_size), 'B', "batch-size", "N", "1", 1, 65535, "streams read in parallel" },
    { FIELD(optimizer), 0, "optimizer", "adagrad|adam", "adagrad", 1, 2, "how steps are chosen" },
    { FIELD(bytes), 0, "bytes", NULL, NULL, 0, 1, "a character is a byte: any file will do" },
    { FIELD(learning_rate), 'l', "learning-rate", "X", NULL, 0, 1e30,
      "size of a step (0.1; with adam 0.002)" },
    { FIELD(decay), 0, "decay", "X", "1", 0, 1, "multiplies it after each pass over the text" },
    { FIELD(dropout), 0, "dropout", "X", "0", 0, 0.9, "chance that a unit is left out" },
    { FIELD(clip), 'c', "clip", "X", "5", 0, 1e30, "gradients are clipped to [-X, X]; 0: not" },
    { FIELD(iters), 'n', "iters", "N", "100000", 0, 1e15, "iterations; 0: until interrupted" },
    { FIELD(seed), 's', "seed", "N", "0", 0, UINT32_MAX, "seed of the random numbers" },
    { FIELD(threads), 't', "threads", "N", "0", 0, 1024, "threads, at most B; 0: as many as help" },
    { FIELD(print_every), 0, "print-every", "N", "1000", 0, 1e15, "iterations between losses" },
    { FIELD(sample_every), 0, "sample-every", "N", "10000", 0, 1e15, "iterations between samples" },
    { FIELD(sample_length), 0, "sample-length", "N", "200", 0, 1e15, "characters in a sample" },
    { FIELD(temperature), 0, "temperature", "X", "1", 0, 1e30, "divides scores; 0: the likeliest" },
    { FIELD(save), 'o', "save", "FILE", NULL, 0, 0, "save the model when it ends or is stopped," },
    { FIELD(save_every), 0, "save-every", "N", "10000", 0, 1e15, "and after so many iterations" },
    { FIELD(load), 'i', "load", "FILE", NULL, 0, 0, "go on from a saved model" },
    { FIELD(val_fraction), 0, "val-fraction", "X", "0", 0, 0.9, "hold out the end of the text" },
    { FIELD(eval_every), 0, "eval-every", "N", "10000", 0, 1e15, "iterations between its losses" },
    { FIELD(save_best), 0, "save-best", "FILE", NULL, 0, 0, "save the model that does best on it" },
    { FIELD(sample), 0, "sample", "N", NULL, 0, 1e15, "with --load: write text; 0: endlessly" },
    { FIELD(prime), 0, "prime", "TEXT", NULL, 0, 0, "what that text follows (a new line)" },
    { FIELD(eval), 0, "eval", NULL, NULL, 0, 1, "with --load: print the loss on INPUT" },
    { FIELD(show_cells), 0, "show-cells", NULL, NULL, 0, 1, "with --load: what units respond to" },
    { FIELD(show_gradients), 0, "show-gradients", NULL, NULL, 0, 1,
      "with --load: how far back gradients reach" },
    { FIELD(color), 0, "color", NULL, NULL, 0, 1, "color for --show-cells, on a pipe, too" },
    { FIELD(quiet), 'q', "quiet", NULL, NULL, 0, 1, "no status line and no summary" },
    { FIELD(help), 'h', "help", NULL, NULL, 0, 1, "show this help" },
    { FIELD(version), 'V', "version", NULL, NULL, 0, 1, "show the version" },
};
enum { OPTIONS = sizeof options / sizeof *options, FIXED = 7 };
static const count NO_SAMPLE = UINT64_MAX; // --sample was not given

static void *field(const Config *c, const Option *o) { return (char *)c + o->field; }

static size_t which(const char *words, const char *one) { // of "a|b|c", from 1; 0: none
    for (size_t i = 1, length; ; i++, words += length + 1) {
        length = strcspn(words, "|");
        if (length == strlen(one) && !strncmp(words, one, length)) return i;
        if (!words[length]) return 0;
    }
}

static void set_option(Config *c, const Option *o, const char *text) {
    void *to = field(c, o);
    const bool whole = !o->takes || *o->takes == 'N';
    if (o->takes && strchr(o->takes, '|')) {
        *(count *)to = which(o->takes, text);
        if (!*(count *)to) die(WRONG_USAGE, "--%s %s: takes one of %s", o->name, text, o->takes);
    } else if (o->takes && o->takes[1]) { // FILE, TEXT
        if (!*text) die(WRONG_USAGE, "--%s: takes a %s, not an empty one", o->name, o->takes);
        *(const char **)to = text;
    } else {
        char *end;
        errno = 0;
        const double x = strtod(text, &end);
        const bool digits = !text[strspn(text, "0123456789.eE+-")];
        if (end == text || *end || errno || !digits || x < o->least || x > o->most ||
            (whole && x != floor(x)))
            die(WRONG_USAGE, "--%s %s: takes %s from %.15g to %.15g", o->name, text,
                whole ? "a whole number" : "a number", o->least, o->most);
        if (whole) *(count *)to = x; // exact: no whole number here is above 2^53
        else *(double *)to = x;
    }
}

static void print_help(void) {
    printf("Usage: min_char_rnn [options] INPUT\n"
           "       min_char_rnn --load FILE --sample N [options]\n\n"
           "Trains a character-level recurrent network on a text ('-': standard input).\n\n");
    for (const Option *o = options; o < options + OPTIONS; o++) {
        if (o->letter) printf("  -%c, ", o->letter);
        else printf("      ");
        printf("--%s %-*s", o->name, 24 - (int)strlen(o->name), o->takes ? o->takes : "");
        if (o->preset) printf("%s (%s)\n", o->help, o->preset);
        else printf("%s\n", o->help);
    }
}

static count looks(const Config *c) { // how many ways of looking at a model, in place of training
    return (c->sample != NO_SAMPLE) + c->eval + c->show_cells + c->show_gradients;
}

static void wrong_if(bool wrong, const char *why) {
    if (wrong) die(WRONG_USAGE, "%s (--help shows more)", why);
}

static Config parse_command_line(int argc, char **argv) {
    Config c = { .sample = NO_SAMPLE, .learning_rate = -1 };
    struct option longs[OPTIONS + 1] = { { 0 } };
    char shorts[2 * OPTIONS + 1] = "", *s = shorts;
    for (int i = 0; i < OPTIONS; i++) {
        const Option *o = &options[i];
        longs[i] = (struct option){ o->name, !!o->takes, NULL, o->letter ? o->letter : 256 + i };
        if (o->letter) s += sprintf(s, o->takes ? "%c:" : "%c", o->letter);
        if (o->preset && i >= FIXED) set_option(&c, o, o->preset);
    }
    opterr = 0;
    while (true) {
        const int got = getopt_long(argc, argv, shorts, longs, NULL);
        int i = 0;
        if (got == -1) break;
        if (got == '?')
            die(WRONG_USAGE, "%s: no such option, an ambiguous one, or an argument too few or too "
                "many (--help shows more)", argv[optind - 1]);
        while (got != longs[i].val) i++;
        set_option(&c, &options[i], options[i].takes ? optarg : "1");
    }
    for (const Option *o = options; o < options + FIXED && !c.load; o++) // or the model has them
        if (o->preset && !*(count *)field(&c, o)) set_option(&c, o, o->preset);
    c.input = argv[optind];
    if (c.help || c.version) return c;
    const bool samples = c.sample != NO_SAMPLE;
    if (looks(&c)) c.dropout = 0; // for training only
    wrong_if(looks(&c) && !c.load, "--sample, --eval and --show-... need a model: add --load FILE");
    wrong_if(looks(&c) > 1, "--sample, --eval, --show-cells, --show-gradients: one at a time");
    wrong_if(looks(&c) && (c.save || c.save_best), "only training saves: leave --save out");
    wrong_if(samples && c.input, "--sample only writes: leave INPUT out");
    wrong_if(!samples && !c.input, "which text? Name a file, or '-' for standard input");
    wrong_if(c.prime && !samples, "--prime is what --sample goes on from: add --sample N");
    wrong_if(c.color && !c.show_cells, "--color goes with --show-cells");
    wrong_if(c.save_best && !(c.val_fraction && c.eval_every), "--save-best needs --val-fraction");
    if (optind + 1 < argc)
        die(WRONG_USAGE, "'%s' and '%s' are two texts: name one", argv[optind], argv[optind + 1]);
    return c;
}

// ==== 16  Checkpoints: .safetensors ==============================================================

// Eight bytes that say how long the header is; the header, JSON, with each tensor's type, shape and
// place; the numbers; all little-endian. It is what the safetensors library writes for these
// tensors, to the byte. So nothing is parsed: the sizes come first, at known places; from them
// follows what the header has to be.
enum { I64, F64, F32, I32, REAL_TYPE = DOUBLE ? F64 : F32 }; // in the library's order
static const char *const types[] = { "I64", "F64", "F32", "I32" };

typedef struct {
    char key[18];            // type (a digit) and name: sorted by that
    int type;
    size_t size, rows, cols; // bytes of a number; the shape
    size_t step;             // in memory, from a number to the one in the next column
    void *at;                // the first number; NULL: passed over
} Tensor;

typedef struct {
    Tensor at[9 * (LAYERS * GATES + 1) + 2 * LAYERS + FIXED + 11];
    size_t n;
    count bytes;          // of all numbers
    char header[1 << 16]; // what it has to be
} Tensors;

static Tensor *list(Tensors *all, const char *name, int type, size_t n, void *at) {
    Tensor *t = &all->at[all->n++];
    *t = (Tensor){ .type = type, .size = type < F32 ? 8 : 4, .rows = n, .cols = 1, .at = at };
    sprintf(t->key, "%d%s", type, name);
    for (char *s = t->key; *s; s++) if (*s == '-') *s = '_'; // an option's
    return t;
}

// A matrix, in the Python's shape (out,in). Above the first layer the layer's number ends its name.
static void list_matrix(Tensors *all, Matrix a, const char *prefix, const char *name, char letter,
                        size_t layer) {
    Tensor *t = list(all, "", REAL_TYPE, a.cols, a.at);
    t->cols = a.rows, t->step = a.row_step;
    sprintf(t->key + 1, "%s%s%c%.0zu", prefix, name, letter, layer ? layer + 1 : 0); // .0: no "0"
}

static int in_order(const void *a, const void *b) { return strcmp(a, b); } // of their keys

// All that is kept: what the model is, and where its training has got to; and the header for that.
static void list_all(Tensors *all, Model *m, Text *text, Config *c) {
    static const char *const prefixes[] = { "", "m", "mean_" };
    const Params *const params[] = { &m->param, &m->mem, &m->mean };
    const char *gates = cells[c->cell].gates;
    const size_t G = strlen(gates), n = c->layers * G, kept = 2 + (c->optimizer == ADAM);
    char *to = all->header;
    all->n = all->bytes = 0;
    for (const Option *o = options; o < options + FIXED; o++)
        list(all, o->name, I64, 1, field(c, o));
    list(all, "vocab_size", I64, 1, &text->V), list(all, "text", I64, 1, &m->text);
    list(all, "n", I64, 1, &m->n), list(all, "p", I64, 1, &m->p);
    list(all, "epoch", I64, 1, &m->epoch), list(all, "seed", I64, 1, &m->seed);
    list(all, "smooth_loss", F64, 1, &m->smooth_loss), list(all, "val_loss", F64, 1, &m->val_loss);
    list(all, "rng_kept", F64, 1, &m->rng.kept), list(all, "rng", I32, 626, &m->rng);
    list(all, "chars", I32, text->V, text->chars);
    for (size_t i = 0; i < kept * (n + 1) && m->param.gate; i++) {
        const size_t k = i / (n + 1), j = i % (n + 1), layer = j < n ? j / G : 0;
        const char letter = j < n ? gates[j % G] : 'y';
        const Gate *g = &params[k]->gate[j];
        if (j < n) list_matrix(all, g->Wx, prefixes[k], "Wx", letter, layer);
        list_matrix(all, g->Wh, prefixes[k], "Wh", letter, layer);
        list_matrix(all, g->b, prefixes[k], "b", letter, layer);
    }
    for (size_t i = 0; i < c->layers; i++) {
        list_matrix(all, m->hprev[i], "", "hpre", 'v', i);
        if (c->cell == LSTM) list_matrix(all, m->cprev[i], "", "cpre", 'v', i);
    }
    qsort(all->at, all->n, sizeof *all->at, in_order);
    for (const Tensor *t = all->at; t < all->at + all->n; t++) {
        const count begin = all->bytes;
        all->bytes += (count)t->rows * t->cols * t->size;
        *to++ = t == all->at ? '{' : ',';
        to += sprintf(to, "\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu,%zu],"
                      "\"data_offsets\":[%llu,%llu]}", t->key + 1, types[t->type], t->rows,
                      t->cols, begin, all->bytes);
    }
    strcpy(to, "}");
}

// Reads or writes a tensor's numbers, row by row, each from its lowest byte on. Returns whether all
// are there and finite. Behind its end a file has a -1, which is too large for a size.
static bool transfer(FILE *file, const Tensor *t, bool reads) {
    const bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    bool finite = true;
    for (size_t i = 0; i < t->rows * t->cols; i++) {
        real passed_over;
        char *x = (char *)&passed_over;
        if (t->at) x = (char *)t->at + (i / t->cols + i % t->cols * t->step) * t->size;
        for (size_t k = 0; k < t->size; k++) {
            char *byte = x + (little_endian ? k : t->size - 1 - k);
            if (reads) *byte = getc_unlocked(file);
            else putc_unlocked(*byte, file);
        }
        if (feof(file) || ferror(file)) return false;
        if (t->type == F64) finite &= isfinite(*(double *)x);
        if (t->type == F32) finite &= isfinite(*(float *)x);
    }
    return finite;
}

static bool write_model(FILE *out, Model *m, Text *text, Config *c) {
    Tensors all;
    list_all(&all, m, text, c);
    const uint64_t length = (strlen(all.header) + 7) / 8 * 8; // numbers begin where 8 divides
    for (int bit = 0; bit < 64; bit += 8) putc(length >> bit & 0xFF, out);
    fprintf(out, "%-*s", (int)length, all.header);
    for (const Tensor *t = all.at; t < all.at + all.n; t++) transfer(out, t, false);
    return fflush(out) == 0 && !ferror(out);
}

// Reads a checkpoint up to its other numbers: sizes go to text, m and c, where what was asked for
// (not 0) has to be the same; the list of its tensors goes to all. Returns what is wrong, or NULL.
// The library may have put __metadata__ in front.
static const char *read_header(FILE *in, Tensors *all, Model *m, Text *text, Config *c) {
    const Config asked = *c;
    static char header[(1 << 20) + 1];
    const Option *contradicted = NULL;
    uint64_t length = 0;
    struct stat file;
    for (int bit = 0; bit < 64; bit += 8) length |= (uint64_t)getc(in) << bit;
    if (length >= sizeof header) return "its header";
    char *end = header + fread(header, 1, length, in);
    list_all(all, m, text, c); // whatever the sizes, they come first
    for (const Tensor *t = all->at; t->type == I64; t++) transfer(in, t, true);
    for (const Option *o = options; o < options + FIXED; o++) {
        const count wanted = *(count *)field(&asked, o);
        count *is = field(c, o);
        if (*is < o->least || *is > o->most) return "its sizes";
        if (wanted && c->show_gradients && o->field == FIELD(seq_length)) *is = wanted;
        if (wanted && wanted != *is) contradicted = o;
    }
    if (text->V < 2 || text->V > UINT16_MAX || m->n > 1e15 || m->p > INT64_MAX) return "its sizes";
    m->param = m->mem = m->mean = lay_out(c, text->V, NULL);
    for (size_t i = 0; i < c->layers; i++)
        m->hprev[i] = m->cprev[i] = shape(c->batch_size, c->hidden_size);
    list_all(all, m, text, c);
    free(m->param.gate);
    while (end > header && end[-1] == ' ') end--;
    *end = '\0';
    const ptrdiff_t more = (end - header) - (ptrdiff_t)strlen(all->header);
    if (more < 0 || strcmp(header + more + 1, all->header + 1)) return "its header";
    if (strncmp(header, "{\"__metadata__\":{", more > 0 ? 17 : 1)) return "its header";
    if (fstat(fileno(in), &file) == 0 && S_ISREG(file.st_mode) && // and no pipe
        (count)file.st_size != 8 + length + all->bytes) return "its length";
    if (contradicted)
        die(WRONG_USAGE, "%s has another --%s: leave that option out", c->load, contradicted->name);
    return NULL;
}

// Makes the model that a checkpoint holds.
static void load(const char *path, Model *m, Text *text, Config *c, bool trains) {
    FILE *in = fopen(path, "rb");
    if (!in) die(FAILED, "%s: %s", path, strerror(errno));
    Tensors all;
    const char *wrong = read_header(in, &all, m, text, c);
    if (!wrong) {
        void *volatile memory = NULL; // volatile: or clang leaves malloc out
        if (all.bytes < SIZE_MAX / 4) memory = malloc(all.bytes);
        if (!memory) die(FAILED, "%s: not enough memory for its %.3g GB", path, all.bytes / 1e9);
        free(memory);
        text->chars = xcalloc(text->V, sizeof *text->chars);
        new_model(m, c, text->V, trains);
        list_all(&all, m, text, c);
        for (const Tensor *t = all.at; t < all.at + all.n; t++)
            if (t->type != I64 && !transfer(in, t, true)) wrong = t->key + 1;
        for (count i = 0; i < text->V; i++) {
            const uint32_t code = text->chars[i], most = c->bytes ? 256 : CODES;
            const bool sorted = i == 0 || text->chars[i - 1] < code;
            if (!sorted || is_half(code) || code >= most) wrong = "chars";
            else text->char_to_ix[code] = i + 1;
        }
        if (m->rng.used > 624) wrong = "rng";
        if (feof(in) || getc(in) != EOF) wrong = "its length";
    }
    if (ferror(in)) die(FAILED, "%s: %s", path, strerror(errno));
    if (wrong)
        die(FAILED, "%s: it is damaged, or no checkpoint of this version and precision (%s): %s",
            path, DOUBLE ? "double" : "single", wrong);
    fclose(in);
}

// ==== 17  A user's files =========================================================================

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...); // to the user, on standard error

static bool is_at(const char *path, const struct stat *is) { // that very file; "-": standard input
    struct stat at;
    const int got = strcmp(path, "-") ? stat(path, &at) : fstat(STDIN_FILENO, &at);
    return got == 0 && at.st_dev == is->st_dev && at.st_ino == is->st_ino;
}

// Why a model may not go to path. NULL: it may; there is nothing, an empty file or a checkpoint.
static const char *obstacle(const char *path, const Config *c, bool begins) {
    const char *other = path == c->save ? c->save_best : c->save;
    struct stat is;
    Tensors all;
    if (stat(path, &is) != 0) return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISREG(is.st_mode)) return "it is not a regular file: name another";
    if (!(is.st_mode & 0222)) return "it is write-protected: name another file, or chmod u+w";
    if (begins && is_at(c->input, &is)) return "it is the text: name another file";
    if (begins && other && is_at(other, &is))
        return "--save and --save-best are one file: name another";
    FILE *in = fopen(path, "r+b");
    if (!in) return strerror(errno);
    const bool ours = is.st_size == 0 || !read_header(in, &all, &(Model){ .n = 0 },
                                                      &(Text){ .n = 0 }, &(Config){ .help = 0 });
    fclose(in);
    if (!ours) return "it is not a checkpoint of this program, and stays: name another file";
    if (begins && is.st_size > 0 && !c->load)
        return "there is a model in it: go on from that (--load), or remove it to begin anew";
    return NULL;
}

static bool copy_file(const char *from, FILE *to) { // in place of what it has
    FILE *in = fopen(from, "rb");
    if (!in) return false;
    bool done = fseek(to, 0, SEEK_SET) == 0 && ftruncate(fileno(to), 0) == 0;
    for (int byte = getc_unlocked(in); byte != EOF; byte = getc_unlocked(in))
        putc_unlocked(byte, to);
    done = done && !ferror(in) && fflush(to) == 0 && !ferror(to);
    fclose(in);
    return done;
}

// Writes a model to a new file beside path, and renames that: at any moment there is the old file
// or the new one, whole. A trial does the same, but what takes the old file's place is its copy.
// What has come to path meanwhile, from another run or the user, stays. Returns what went wrong.
static const char *replace(const char *path, Model *m, Text *text, Config *c, bool trial) {
    if (!path) return NULL; // not asked for
    const mode_t mask = umask(0);
    struct stat was = { .st_mode = 0666 & ~mask, .st_uid = -1, .st_gid = -1 }, is; // of a new file
    umask(mask);
    if (stat(path, &was) != 0 && errno != ENOENT) return strerror(errno);
    char *name = xcalloc(strlen(path) + 12, 1);
    sprintf(name, "%s.tmp.XXXXXX", path);
    const int fd = mkstemp(name);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");
    bool done = out && write_model(out, m, text, c) && (!trial || copy_file(path, out)) &&
        (fchown(fd, was.st_uid, was.st_gid) == 0 || true) && // who may not, need not
        fchmod(fd, was.st_mode & 07777) == 0 && fsync(fd) == 0;
    if (out) done = fclose(out) == 0 && done;
    const char *why = done ? obstacle(path, c, trial) : strerror(errno);
    if (!why && trial && (!is_at(path, &was) || stat(path, &is) != 0 || is.st_size != was.st_size ||
        is.st_ctim.tv_sec != was.st_ctim.tv_sec || is.st_ctim.tv_nsec != was.st_ctim.tv_nsec))
        why = "another run saves to it, too";
    if (!why && rename(name, path) != 0) why = strerror(errno);
    if (why && fd >= 0) unlink(name);
    const int folder = why ? -1 : open(dirname(name), O_RDONLY); // it keeps the new name
    if (!why && folder < 0 && errno != EACCES) why = strerror(errno);
    if (folder >= 0 && fsync(folder) != 0 && errno != EINVAL) why = strerror(errno);
    if (folder >= 0) close(folder);
    free(name);
    return why;
}

static bool save(const char *path, Model *m, Text *text, Config *c) {
    const char *why = replace(path, m, text, c, false);
    if (why) say("%s cannot be saved: %s", path, why);
    return !why;
}

// Before training, makes sure that saving will work, and destroys nothing: all is checked before
// anything is written. New files stay, empty: by now another run may have saved to them.
static void claim(Model *m, Text *text, Config *c) {
    const char **paths[] = { &c->save, &c->save_best }, *path = NULL, *why = NULL;
    char *made[2] = { NULL };
    struct stat is;
    for (int i = 0; i < 2 && !why; i++) {
        path = *paths[i];
        if (path) why = obstacle(path, c, true);
        if (!path || why) continue;
        char *file = realpath(path, NULL);
        FILE *new = file ? NULL : fopen(path, "ab"); // made also where a link leads
        if (new) fclose(new), made[i] = file = realpath(path, NULL);
        if (file) *paths[i] = file;
        else why = strerror(errno);
    }
    for (int i = 0; i < 2 && !why; i++)
        path = *paths[i], why = replace(path, m, text, c, true);
    for (int i = 0; i < 2 && why; i++)
        if (made[i] && stat(made[i], &is) == 0 && is.st_size == 0) unlink(made[i]);
    if (why) die(FAILED, "%s cannot be saved: %s", path, why);
    if (c->save_best && stat(c->save_best, &is) == 0 && is.st_size == 0) m->val_loss = NO_LOSS;
}

// ==== 18  The terminal, signals, main ============================================================

// Clears the status line. Returns whether there may be one.
static bool clear_status(bool quiet) {
    const char *term = getenv("TERM");
    if (quiet || (term && !strcmp(term, "dumb"))) return false;
    if (tcgetpgrp(STDERR_FILENO) != getpgrp()) return false; // no terminal, or in the background
    return fputs("\r\033[K", stderr) >= 0;
}

static void say(const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (unsigned char *s = (unsigned char *)text; *s; s++) { // a name may contain anything
        if (*s < ' ' || *s == 0x7F) *s = '?';
        if (s[0] == 0xC2 && (s[1] & 0xE0) == 0x80) s[0] = s[1] = '?'; // U+0080 to U+009F
    }
    clear_status(false);
    fprintf(stderr, "min_char_rnn: %s\n", text);
}

static void die(int status, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    say("%s", text);
    exit(status);
}

static void on_signal(int number) { stop = number; }

// Asked to stop, it finishes the iteration; asked again the same way, it stops where it is. What
// was ignored at the start (nohup) stays ignored.
static void catch_signals(void) {
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGXCPU };
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND }, now;
    for (int i = 0; i < 4; i++) {
        sigaction(signals[i], NULL, &now);
        if (now.sa_handler != SIG_IGN) sigaction(signals[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); // then writing fails, and that is reported
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

static void flush(void) { // if output cannot be written, stop as if by a signal
    if ((fflush(stdout) == 0 && !ferror(stdout)) || stop) return; // a signal may interrupt it, too
    say("standard output cannot be written: %s", strerror(errno));
    stop = OUTPUT_LOST;
}

static bool at_end(const Model *m, const Config *c) { return c->iters && m->n >= c->iters; }

static bool due(const Model *m, const Config *c, count every) {
    return every && (m->n % every == 0 || at_end(m, c));
}

static void show_sample(Model *m, const Text *text, Ix x, const Config *c) {
    for (size_t i = 0; i < c->layers; i++) {
        copy(m->one.layer[i].hprev, rows(m->hprev[i], 0, 1));
        copy(m->one.layer[i].cprev, rows(m->cprev[i], 0, 1));
    }
    clear_status(c->quiet);
    printf("----\n ");
    sample(m, text, x, c->sample_length, c->temperature);
    if (!stop) printf(" \n----\n"), flush();
}

static void show_loss(const Model *m, const Config *c) {
    clear_status(c->quiet);
    printf("iter %llu, loss: %f\n", m->n, m->smooth_loss);
    flush();
}

static bool show_val_loss(Model *m, Text *text, Config *c) {
    const size_t stream = (text->held_out - 1) / c->batch_size;
    for (Net *net = m->tests; net < m->tests + m->threads; net++) {
        net->text = text->data + text->n + net->first * stream;
        net->stream = net->length = stream;
    }
    const double loss = in_parallel(m->tests, m->threads, score) / (stream * c->batch_size);
    const double best = m->val_loss;
    if (stop) return true;
    clear_status(c->quiet);
    printf("iter %llu, val loss: %f nats/char, %f bits/char\n", m->n, loss, loss / log(2));
    if (!(loss < best)) return true; // NaN, too
    m->val_loss = loss;
    if (save(c->save_best, m, text, c)) return true;
    m->val_loss = best; // what is on the disk counts
    return false;
}

// The status line: after the first iteration, and then twice a second. Its rate is that since the
// line before, so that a pause (Ctrl-Z) is soon forgotten.
static void show_status(Model *m, const Config *c) {
    const double now = seconds(), T = c->seq_length;
    if (now < m->shown + 0.5 && m->n > m->first + 1) return;
    const double rate = (m->n - m->shown_n) / (now - m->shown);
    struct winsize window = { .ws_col = 0 };
    char line[512]; // the loss may have 309 digits
    m->shown = now, m->shown_n = m->n;
    if (!clear_status(c->quiet)) return;
    int length = sprintf(line, "iter %llu, %.3f nats/char, %.0f char/s", m->n, m->smooth_loss / T,
                         rate * T * c->batch_size);
    if (c->iters) sprintf(line + length, ", %.1f min left", (c->iters - m->n) / rate / 60);
    ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    fprintf(stderr, "%.*s", window.ws_col - 1, line); // all of it, if the width is not known
}

// Trains on the text but for its end, which is held out. A text that the model has not been
// learning is read from its beginning.
static bool train_on(Text *text, Model *m, Config *c) {
    const count n = text->n, T = c->seq_length, B = c->batch_size;
    text->held_out = n * c->val_fraction;
    text->n -= text->held_out;
    if (text->V == 1) die(FAILED, "%s: a single unique character: nothing to predict", c->input);
    if (text->n / B <= T)
        die(FAILED, "%s: %llu characters are too few: %llu steps in %llu streams take %llu: find a "
            "longer text, or make a model with a lower --seq-length or --batch-size", c->input,
            text->n, T, B, (T + 1) * B);
    if (c->val_fraction > 0 && text->held_out <= B)
        die(FAILED, "%s: %llu characters held out, too few for %llu streams: raise --val-fraction",
            c->input, text->held_out, B);
    printf("data has %llu characters, %llu unique.\n", n, text->V);
    flush();
    if (!c->load) new_model(m, c, text->V, true), init_params(m, c);
    if (c->learning_rate < 0) c->learning_rate = c->optimizer == ADAM ? 0.002 : 0.1;

    count key = 14695981039346656037u; // FNV-1a (Fowler, Noll and Vo)
    for (size_t i = 0; i < text->n; i++) key = (key ^ text->data[i]) * 1099511628211u;
    key >>= 1; // whole numbers in a checkpoint have a sign
    if (at_end(m, c))
        say("%s has had its %llu iterations: to go on, raise --iters", c->load, m->n);
    if (c->load && m->text != key)
        say("%s is not the text, or not the part of it, that %s was learning: it is read from its "
            "beginning", c->input, c->load);
    if (m->text != key) zero_state(m), m->p = 0, m->val_loss = NO_LOSS;
    m->text = key;
    if (!c->save && !c->save_best && clear_status(c->quiet))
        say("this model will be lost: --save FILE keeps one");

    signal(SIGPIPE, SIG_IGN); // a closed pipe is an error of writing (but quietly ends --sample)
    claim(m, text, c);
    const double started = m->shown = seconds();
    m->first = m->shown_n = m->n;
    const bool saved = train(m, text, c);
    const double done = m->n - m->first, took = seconds() - started;
    clear_status(c->quiet);
    if (!c->quiet)
        fprintf(stderr, "%.0f iterations in %.2f s: %.0f iterations/s, %.0f characters/s\n", done,
                took, done / took, done * T * B / took);
    return saved;
}

static void sample_only(Model *m, Text *text, Config *c) {
    Ix newline = text->char_to_ix['\n'] ? text->char_to_ix['\n'] - 1 : 0;
    Text prime = { .data = &newline, .n = 1 };
    if (c->prime) {
        prime = *text;
        read_text(&prime, fmemopen((char *)c->prime, strlen(c->prime), "rb"), "--prime");
    }
    setvbuf(stdout, NULL, isatty(STDOUT_FILENO) ? _IONBF : _IOLBF, BUFSIZ); // to be read live
    rng_seed(&m->rng, c->seed);
    evaluate(m, prime.data, prime.n - 1); // for the state that it leaves
    sample(m, text, prime.data[prime.n - 1], c->sample ? c->sample : UINT64_MAX, c->temperature);
}

static void eval_only(Model *m, const Text *text, const Config *c) {
    const count n = c->val_fraction ? text->n * c->val_fraction : text->n; // held out, or all
    if (n < 2) die(FAILED, "%s: %llu characters: nothing to predict", c->input, n);
    const double loss = evaluate(m, text->data + text->n - n, n - 1) / (n - 1);
    if (!stop) printf("%llu characters: %f nats/char, %f bits/char, perplexity %f\n", n, loss,
                      loss / log(2), exp(loss));
}

#ifndef TESTING
int main(int argc, char **argv) {
    static Text text; // static: within reach to the end, so nothing leaks
    static Model m;
    static Config c;
    bool saved = true;
    for (int fd = 0; fd < 3; fd++) // no file may take the place of a closed standard stream
        if (fcntl(fd, F_GETFD) == -1) open("/dev/null", fd ? O_RDONLY : O_WRONLY);
    c = parse_command_line(argc, argv);
    text.char_to_ix = xcalloc(CODES, sizeof(Ix));
    if (c.load) load(c.load, &m, &text, &c, !looks(&c));
    text.bytes = c.bytes;
    if (c.input) read_text(&text, strcmp(c.input, "-") ? fopen(c.input, "rb") : stdin, c.input);
    if (c.input && !c.load) sort_chars(&text);
    catch_signals();
    if (c.help) print_help();
    else if (c.version) printf("min_char_rnn 2.0\n");
    else if (c.sample != NO_SAMPLE) sample_only(&m, &text, &c);
    else if (c.eval) eval_only(&m, &text, &c);
    else if (c.show_cells) show_cells(&m, &text, c.color || isatty(STDOUT_FILENO));
    else if (c.show_gradients) show_gradients(&m, &text, &c);
    else saved = train_on(&text, &m, &c);
    flush();
    if (saved && stop > 0) raise(stop); // ends as whoever sent the signal expects
    return saved && !stop ? 0 : FAILED;
}
#endif
