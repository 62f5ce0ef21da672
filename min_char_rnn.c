// min_char_rnn: a character-level recurrent neural network in one C file, for any text.
//
// This is Andrej Karpathy's min-char-rnn.py (BSD licence; CS231n, lecture 10) in C: the
// same steps under the same names. It needs libc and libm and nothing else:
//
//     cc -O3 -march=native min_char_rnn.c -o min_char_rnn -lm -pthread
//     ./min_char_rnn input.txt
//
// The network reads a text one character at a time: x(t), a one-hot vector. It remembers
// in a hidden state h(t), and computes from it how likely each character is to come next:
//
//     h(t) = tanh(Wxh x(t) + Whh h(t-1) + bh)
//     y(t) = Why h(t) + by                     a score (logit) for each character
//     p(t) = exp(y(t)) / sum(exp(y(t)))        softmax: scores to probabilities
//     loss = -sum over t of log p(t)[target]   cross-entropy; target: what came next
//
// Training unrolls this over T characters, follows the loss back through every step to
// all parameters (truncated backpropagation through time), and nudges them downhill.
//
// Comments give shapes, made of these sizes:
//     V  characters in the vocabulary   H  hidden units in a layer
//     T  steps unrolled at a time       B  streams: places in the text, read in parallel
// A step of an array over time is (B,H), a row for each stream; all steps together are
// (T*B,H). In formulas weights are (out,in), as the Python's; in memory (in,out): row i has
// the weights of input i, and np.dot(W, h) is add_dot(out, h, W). dq is the gradient of
// the loss with respect to q, of the same shape; ' is a transpose.

#define _GNU_SOURCE // for sched_getaffinity
#define _FILE_OFFSET_BITS 64
#include <err.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#ifndef REAL
#define REAL float // with -DREAL=double it prints what NumPy prints, to the digit
#endif
typedef REAL real;
typedef uint16_t Ix; // the index of a character in the vocabulary
typedef unsigned long long count; // a whole number in the options or the model

// ==== 1  Part I, the lecture: what NumPy gave us (defined in part II)
// A vec is a register full of reals: + and * work on all at once; v[0] is the first.
#if defined __AVX512F__
enum { VECTOR_BYTES = 64 };
#elif defined __AVX__
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
typedef real vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
enum { LANES = sizeof(vec) / sizeof(real) };

// Rows are padded with zeros to whole vecs. Weights have a copy T, transposed before use.
typedef struct { vec *at, *T; size_t rows, cols; bool odd; } Matrix; // odd: section 10

static size_t vecs(size_t n) { return (n + LANES - 1) / LANES; } // how many hold n numbers
static real *row(Matrix a, size_t i); // a[i]
static void add_dot(Matrix out, Matrix a, Matrix b);    // out += np.dot(a, b)
static void add_dot_aT(Matrix out, Matrix a, Matrix b); // out += np.dot(a.T, b)
static void add_dot_bT(Matrix out, Matrix a, Matrix b); // out += np.dot(a, b.T)
static void add_row(Matrix out, size_t i, Matrix a, size_t j); // out[i] += a[j]
static void fill_rows(Matrix out, Matrix a); // out[:] = a, which has one row
static vec exp_(vec x), tanh_(vec x), sigmoid(vec x); // sigmoid(x) = 1 / (1 + exp(-x))
static vec rsqrt(vec x), clip(vec x, real limit);     // 1/sqrt(x); cut to [-limit, limit]
static real highest(vec *y, size_t n); // y.max(), of n vecs
typedef struct { uint32_t state[624], used, has_kept; double kept; } Rng; // section 12
static void randn(Matrix w, double scale, Rng *rng); // w.T = np.random.randn() * scale
static Ix choice(real *p, size_t V, Rng *rng);       // np.random.choice(range(V), p=p)
static uint64_t hash(uint64_t x); // x, scrambled

// ==== 2  Data I/O
enum { CODES = 0x110000, MAX_V = UINT16_MAX }; // Unicode's code points are 0 to 0x10FFFF

typedef struct {
    Ix *data;          // (n) the text: each character's index in chars
    uint32_t *chars;   // (V) the vocabulary: code points in order (--bytes: bytes)
    Ix *char_to_ix;    // (CODES) the way back
    count n, V, bytes; // bytes: as in --bytes
} Text;
typedef struct { uint8_t *bytes; size_t n, at, line; const char *name; } File;
static uint32_t next_char(File *file, bool bytes); // a code point; dies if it is not UTF-8
static void put_char(Text *text, Ix ix);           // prints it
static void refuse_char(File file, uint32_t code); // dies, says where and what

// chars = sorted(set(data)); char_to_ix: at first 1 for what occurs, then its index
static void find_chars(Text *text, File file) {
    while (file.at < file.n) text->char_to_ix[next_char(&file, text->bytes)] = 1;
    for (uint32_t code = 0; code < CODES; code++) {
        if (text->char_to_ix[code] == 0) continue;
        if (text->V == MAX_V)
            errx(1, "%s: over 65535 different characters: try --bytes", file.name);
        text->chars[text->V] = code;
        text->char_to_ix[code] = text->V++;
    }
}

// data = [char_to_ix[ch] for ch in data]
static void index_text(Text *text, File file) {
    while (file.at < file.n) {
        uint32_t code = next_char(&file, text->bytes);
        Ix ix = text->char_to_ix[code];
        if (text->chars[ix] != code) refuse_char(file, code); // not in the model: ix is 0
        text->data[text->n++] = ix;
    }
}

// ==== 3  Hyperparameters and model parameters
enum { RNN = 1, LSTM, GRU, ADAGRAD = 1, ADAM }; // --cell, --optimizer
enum { MAX_LAYERS = 8, MAX_GATES = 4 };
typedef struct { // section 14 has the other options
    count hidden_size, seq_length; // H, T; the Python's: 100, 25
    double learning_rate, clip;    // 1e-1, and 5: gradients are cut to [-5, 5]
    count batch_size, iters;       // B; from here on, not in the Python
    count cell, layers, optimizer;
    double decay; // the learning rate's factor after each pass
} Config;

// A gate computes a = Wx x + Wh h + b. A vanilla layer is one gate: Wxh, Whh and bh.
typedef struct { Matrix Wx, Wh, b; } Gate; // (in,H), (H,H), (1,H)
typedef struct { // all parameters lie in one block of memory,
    vec *all;    // so that updating them is a single loop
    count n;     // vecs in it
    Gate gate[MAX_LAYERS * MAX_GATES + 1]; // windows into the block, then an empty one
    Matrix Why, by; // (H,V), (1,V)
} Params;

// Biases start at 0, weights small and random: from zeros all units would stay alike, and
// large ones drive tanh to where it is flat. 0.01 is the Python's; deep and gated networks
// learn sooner from 1/sqrt(H), which keeps a signal's size from layer to layer.
static void init_params(Params *param, Config *c, Rng *rng) {
    double scale = 1 / sqrt(c->hidden_size);
    if (c->cell == RNN && c->layers == 1) scale = 0.01;
    for (Gate *gate = param->gate; gate->Wh.rows > 0; gate++) {
        randn(gate->Wx, scale, rng); // Wxh = np.random.randn(hidden_size, vocab_size)*0.01
        randn(gate->Wh, scale, rng); // Whh, likewise
    }
    randn(param->Why, scale, rng); // and Why
}

// ==== 4  The loss function (lossFun itself is last)
// Arrays change meaning in place. A layer's `a` is Wx x(t) + b, then a(t), then (LSTM and
// GRU) the gate itself, then da(t); the net's `ps` is y(t), then p(t), then dy(t).
typedef struct { // a layer at work; hs[t] is step t, (B,H), and so are the others
    Gate *gate;  // its weights
    Matrix *a[MAX_GATES];
    Matrix *in[MAX_GATES]; // what Wh multiplies: h(t-1), or a GRU's r(t) h(t-1)
    Matrix *hs, *dhs;      // hidden states; hs[-1] is before the chunk
    Matrix *cs, *dcs;      // the LSTM's cell states, the GRU's r(t) h(t-1)
    size_t n; // vecs in a step
} Layer;
// hs[HPREV]: hprev, which train carries; hs[ZERO]: zeros
enum { ZERO = -2, HPREV = -3 };

// h(t) = tanh(Wxh x(t) + Whh h(t-1) + bh). read_input has made a = Wxh x(t) + bh for all
// t: only the product with Whh has to go step by step.
static void rnn_forward(Layer *l, long t) {
    Matrix Whh = l->gate[0].Wh;
    vec *a = l->a[0][t].at, *h = l->hs[t].at;
    add_dot(l->a[0][t], l->hs[t - 1], Whh); // np.dot(Whh, hs[t-1])
    for (size_t j = 0; j < l->n; j++) h[j] = tanh_(a[j]); // hs[t] = np.tanh(...)
}

// da(t), the Python's dhraw, is (1 - h(t)^2) dh(t). dh(t) is what comes from above, Why'
// dy(t), plus Whh' da(t+1), which the last line added at step t + 1. Each step
// multiplies a gradient by Whh' and the slope of tanh: it may vanish, or explode.
static void rnn_backward(Layer *l, long t) {
    Matrix Whh = l->gate[0].Wh;
    vec *dhraw = l->a[0][t].at, *h = l->hs[t].at, *dh = l->dhs[t].at;
    for (size_t j = 0; j < l->n; j++)
        dhraw[j] = (1 - h[j] * h[j]) * dh[j];   // dhraw = (1 - hs[t] * hs[t]) * dh
    add_dot_bT(l->dhs[t - 1], l->a[0][t], Whh); // dhnext = np.dot(Whh.T, dhraw)
}

typedef struct {
    size_t n;          // how many gates
    const char *gates; // a letter for each: gate i has weights Wxi, Whi and bi
    void (*forward)(Layer *l, long t), (*backward)(Layer *l, long t);
} Cell;
typedef struct { // the network at work on B streams of the text
    const Cell *cell;
    Params *param, dparam; // dparam is of its streams: loss_of_all adds them up
    size_t layers, T, B;
    Layer layer[MAX_LAYERS + 1]; // then an empty one
    Matrix *x[MAX_LAYERS + 1];   // layer i's input: hs below, after dropout; then Why's
    Matrix *ps;           // ps[t]: (B,V)
    Ix *inputs, *targets; // ((T+1)*B); targets = inputs + B: one step later
    size_t first;         // its first stream's number
    size_t stream_length; // characters from one stream to the next
    double dropout;
    count *iteration; // for drop
} Net;
static Matrix all(Net *net, Matrix *x); // all steps as one matrix: T*B rows
static void zero_gradients(Net *net); // dparam and dhs = 0
static void copy_state(Net *net, long to, long from); // hs[to] = hs[from]; cs, too
static void drop(Net *net, size_t i, double dropout, Matrix *from, Matrix *to);

// inputs = data[p:p+T], targets = data[p+1:p+T+1]: targets are the inputs one step later.
static void read_chunk(Net *net, Ix *data) {
    for (size_t t = 0; t <= net->T; t++)
        for (size_t b = 0; b < net->B; b++)
            net->inputs[t * net->B + b] = data[(net->first + b) * net->stream_length + t];
}

// The part of a(t) that needs no h(t-1), Wx x(t) + b, for all steps at once. In layer 0
// x(t) is one-hot, a single 1 among zeros: Wxh x(t) is one column of Wxh, in memory a row.
static void read_input(Net *net, size_t i) {
    for (size_t k = 0; k < net->cell->n; k++) {
        Gate gate = net->layer[i].gate[k];
        Matrix a = all(net, net->layer[i].a[k]);
        fill_rows(a, gate.b);
        if (i == 0)
            for (size_t r = 0; r < a.rows; r++)
                add_row(a, r, gate.Wx, net->inputs[r]); // np.dot(Wxh, xs[t])
        if (i > 0) add_dot(a, all(net, net->x[i]), gate.Wx);
    }
}

static void forward(Net *net, double dropout) {
    for (size_t i = 0; i < net->layers; i++) {
        Layer *l = &net->layer[i];
        read_input(net, i);
        for (size_t t = 0; t < net->T; t++) net->cell->forward(l, t);
        if (net->dropout > 0) drop(net, i, dropout, l->hs, net->x[i + 1]); // if 0, copies
    }
    Matrix h = all(net, net->x[net->layers]), ys = all(net, net->ps);
    fill_rows(ys, net->param->by);
    add_dot(ys, h, net->param->Why); // ys[t] = np.dot(Why, hs[t]) + by
}

// p = exp(y) / sum(exp(y)), in place. Returns log(sum(exp(y))). Subtracting the highest
// score changes no p, and exp cannot overflow. The padding's scores are -inf: p is 0.
static double softmax(real *y, size_t V) {
    vec *v = (vec *)y, sums = { 0 };
    for (size_t j = V; j % LANES > 0; j++) y[j] = -INFINITY;
    real high = highest(v, vecs(V));
    for (size_t j = 0; j < vecs(V); j++) {
        v[j] = exp_(v[j] - high);
        sums += v[j];
    }
    for (size_t j = 1; j < LANES; j++) sums[0] += sums[j];
    for (size_t j = 0; j < vecs(V); j++) v[j] *= 1 / sums[0];
    return high + log(sums[0]);
}

// -log p[target] = log(sum(exp(y))) - y[target], summed over all rows. ps is p afterwards.
static double cross_entropy(Net *net) {
    Matrix ys = all(net, net->ps);
    double loss = 0;
    for (size_t r = 0; r < ys.rows; r++) {
        real *y = row(ys, r), y_target = y[net->targets[r]]; // before it becomes p
        loss += softmax(y, ys.cols) - y_target; // += -np.log(ps[t][targets[t],0])
    }
    return loss;
}

// dy(t) = p(t) - x(t+1), from log(sum(exp(y))) - y[target]; dWhy = sum of dy(t) h(t)'
static void output_backward(Net *net) {
    Matrix dh = all(net, net->layer[net->layers - 1].dhs);
    Matrix h = all(net, net->x[net->layers]), dy = all(net, net->ps);
    for (size_t r = 0; r < dy.rows; r++) {
        row(dy, r)[net->targets[r]] -= 1;  // dy[targets[t]] -= 1
        add_row(net->dparam.by, 0, dy, r); // dby += dy
    }
    add_dot_aT(net->dparam.Why, h, dy);  // dWhy += np.dot(dy, hs[t].T)
    add_dot_bT(dh, dy, net->param->Why); // dh = np.dot(Why.T, dy); + dhnext later
}

// dWx = sum of da(t) x(t)', dWh = sum of da(t) h(t-1)', db = sum of da(t), over all steps
// at once; the layer below gets Wx' da(t).
static void weight_gradients(Net *net, size_t i) {
    for (size_t k = 0; k < net->cell->n; k++) {
        Gate gate = net->layer[i].gate[k], d = net->dparam.gate[i * net->cell->n + k];
        Matrix da = all(net, net->layer[i].a[k]);
        for (size_t r = 0; r < da.rows; r++) add_row(d.b, 0, da, r); // dbh += dhraw
        add_dot_aT(d.Wh, all(net, net->layer[i].in[k]), da); // += np.dot(dhraw, hs[t-1].T)
        if (i == 0)
            for (size_t r = 0; r < da.rows; r++)
                add_row(d.Wx, net->inputs[r], da, r); // dWxh += np.dot(dhraw, xs[t].T)
        if (i > 0) add_dot_aT(d.Wx, all(net, net->x[i]), da);
        if (i > 0) add_dot_bT(all(net, net->layer[i - 1].dhs), da, gate.Wx);
    }
}

// From the output down, and from the last step to the first. The last step's dhnext is 0:
// no gradient comes in from the next chunk. There BPTT is truncated.
static void backward(Net *net) {
    zero_gradients(net); // dWxh = np.zeros_like(Wxh) ...; dhnext = np.zeros_like(hs[0])
    output_backward(net);
    for (size_t i = net->layers; i-- > 0; ) {
        Layer *l = &net->layer[i];
        if (net->dropout > 0) drop(net, i, net->dropout, l->dhs, l->dhs);
        for (long t = net->T - 1; t >= 0; t--) net->cell->backward(l, t);
        weight_gradients(net, i);
    }
}

// loss, dWxh, dWhh, dWhy, dbh, dby = lossFun(inputs, targets, hprev), on T characters of
// each stream, from data on in the first. net->dparam gets the gradient, unclipped.
static double lossFun(Net *net, Ix *data) {
    read_chunk(net, data);
    copy_state(net, -1, HPREV); // hs[-1] = np.copy(hprev)
    forward(net, net->dropout);
    double loss = cross_entropy(net);
    backward(net);
    return loss;
}

// ==== 5  Sampling
// Prints n characters that the network makes up, going on from the state hs[-1] and
// character x. A temperature below 1 makes the likely likelier; 0 takes the likeliest.
static void sample(Net *net, Text *text, Rng *rng, Ix x, count n, real temperature) {
    real *y = row(net->ps[0], 0), *p = y; // (1,V)
    net->T = 1; // this net is for sampling alone, with B = 1
    for (count t = 0; t < n && !ferror(stdout); t++) {
        net->inputs[0] = x;
        forward(net, 0);        // y = np.dot(Why, h) + by
        copy_state(net, -1, 0); // h = hs[0]
        for (size_t i = 0; i < text->V; i++) y[i] /= fmax(temperature, 1e-20);
        softmax(y, text->V);         // p = np.exp(y) / np.sum(np.exp(y))
        x = choice(p, text->V, rng); // ix = np.random.choice(range(vocab_size), p=p)
        put_char(text, x);
    }
}

// ==== 6  The model and Adagrad
typedef struct { // a checkpoint keeps all but dparam
    Params param, dparam, mem, mean; // mem and, for Adam, mean: the optimizer's memory
    Matrix hprev, cprev;             // (layers*B,H) hs[HPREV], cs[HPREV] of all layers
    Rng rng;
    count n, p, epoch;            // iterations; position in the streams; passes over them
    double smooth_loss, val_loss; // nats in T characters; nats in a held-out character
} Model;

// The gradient is a sum over B streams; scale = 1/B makes it a mean. The more a parameter's
// squared gradients add up to, the smaller its steps (1e-8: no division by 0). Gradients
// are clipped: a single one that explodes would stay in mem, and end the learning.
static void adagrad(Model *m, real learning_rate, real scale, real limit) {
    vec *param = m->param.all, *dparam = m->dparam.all, *mem = m->mem.all;
    for (size_t i = 0; i < m->param.n; i++) {
        vec d = clip(dparam[i] * scale, limit); // np.clip(dparam, -5, 5)
        mem[i] += d * d; // mem += dparam * dparam
        param[i] -= learning_rate * d * rsqrt(mem[i] + (real)1e-8); // / np.sqrt(mem + 1e-8)
    }
}

// ==== 7  The main loop
typedef struct Run Run; // part II: options, files, threads
static double loss_of_all(Run *run, Ix *data); // lossFun in each thread: their sum
static bool checkpoint(Run *run, double loss); // saves; dies if it diverged; false: stop
static void show_sample(Run *run, Ix x), show_progress(Run *run);
static void copy_states(Run *run, long to, long from), update(Model *m, Config *c);

// The Python samples before lossFun; we, after: what has diverged is not shown or saved.
static void train(Model *m, Text *text, Config *c, Run *run) {
    size_t T = c->seq_length, stream_length = text->n / c->batch_size;
    while (true) {
        // prepare inputs (we're sweeping from left to right in steps seq_length long)
        if (m->p + T + 1 >= stream_length || m->n == 0) {
            copy_states(run, HPREV, ZERO); // reset RNN memory
            if (m->p > 0) m->epoch++;
            m->p = 0; // go from start of data
        }
        Ix *data = text->data + m->p;

        // forward seq_length characters through the net and fetch gradient
        double loss = loss_of_all(run, data) / c->batch_size;
        if (!checkpoint(run, loss)) return;

        show_sample(run, data[0]); // sample from the model now and then
        m->smooth_loss = m->smooth_loss * 0.999 + loss * 0.001; // at first T log(V)
        show_progress(run);
        if (m->n >= c->iters) return;

        update(m, c); // perform parameter update: Adagrad or Adam
        copy_states(run, HPREV, T - 1); // hprev = hs[seq_length-1]
        m->p += T; // move data pointer
        m->n++; // iteration counter
    }
}

// ==== 8  LSTM and GRU
// The LSTM (Hochreiter, Schmidhuber 1997; f: Gers 2000) has a c that no matrix multiplies.
//     i, f, o = sigmoid(Wx x(t) + Wh h(t-1) + b)   input, forget, output: own W and b
//     g = tanh(Wxg x(t) + Whg h(t-1) + bg)         what to write
//     c(t) = f c(t-1) + i g                        keep some, write some (elementwise)
//     h(t) = o tanh(c(t))                          show some of it
static void lstm_forward(Layer *l, long t) {
    vec *i = l->a[0][t].at, *f = l->a[1][t].at;
    vec *o = l->a[2][t].at, *g = l->a[3][t].at;
    vec *h = l->hs[t].at, *c = l->cs[t].at, *cprev = l->cs[t - 1].at;
    for (size_t k = 0; k < 4; k++)
        add_dot(l->a[k][t], l->hs[t - 1], l->gate[k].Wh);
    for (size_t j = 0; j < l->n; j++) {
        i[j] = sigmoid(i[j]);
        f[j] = sigmoid(f[j]);
        o[j] = sigmoid(o[j]);
        g[j] = tanh_(g[j]);
        c[j] = f[j] * cprev[j] + i[j] * g[j];
        h[j] = o[j] * tanh_(c[j]);
    }
}

// Along c, a gradient is multiplied by f alone: where f is near 1, it does not vanish.
static void lstm_backward(Layer *l, long t) {
    vec *i = l->a[0][t].at, *f = l->a[1][t].at;
    vec *o = l->a[2][t].at, *g = l->a[3][t].at;
    vec *dh = l->dhs[t].at, *c = l->cs[t].at, *cprev = l->cs[t - 1].at;
    vec *dcprev = l->dcs[t - 1].at, *dcnext = l->dcs[t].at; // stays 0 at T - 1
    for (size_t j = 0; j < l->n; j++) {
        vec tanh_c = tanh_(c[j]);
        vec dc = dcnext[j] + dh[j] * o[j] * (1 - tanh_c * tanh_c);
        vec da_i = dc * g[j] * i[j] * (1 - i[j]); // i (1 - i): sigmoid's slope
        dcprev[j] = dc * f[j];
        g[j] = dc * i[j] * (1 - g[j] * g[j]); // now da takes the place of the gates
        i[j] = da_i;
        f[j] = dc * cprev[j] * f[j] * (1 - f[j]);
        o[j] = dh[j] * tanh_c * o[j] * (1 - o[j]);
    }
    for (size_t k = 0; k < 4; k++)
        add_dot_bT(l->dhs[t - 1], l->a[k][t], l->gate[k].Wh);
}

// The GRU (Cho et al., 2014) merges c into h: z does what f does, and 1 - z what i does.
//     z, r = sigmoid(Wx x(t) + Wh h(t-1) + b)      update, reset: own W and b
//     g = tanh(Wxh x(t) + Whh (r h(t-1)) + bh)     what to write (gate h)
//     h(t) = z h(t-1) + (1 - z) g
static void gru_forward(Layer *l, long t) {
    vec *z = l->a[0][t].at, *r = l->a[1][t].at, *g = l->a[2][t].at;
    vec *hprev = l->hs[t - 1].at, *h = l->hs[t].at, *rh = l->cs[t].at;
    add_dot(l->a[0][t], l->hs[t - 1], l->gate[0].Wh);
    add_dot(l->a[1][t], l->hs[t - 1], l->gate[1].Wh);
    for (size_t j = 0; j < l->n; j++) {
        z[j] = sigmoid(z[j]);
        r[j] = sigmoid(r[j]);
        rh[j] = r[j] * hprev[j];
    }
    add_dot(l->a[2][t], l->cs[t], l->gate[2].Wh);
    for (size_t j = 0; j < l->n; j++) {
        g[j] = tanh_(g[j]);
        h[j] = z[j] * hprev[j] + (1 - z[j]) * g[j];
    }
}

static void gru_backward(Layer *l, long t) {
    vec *z = l->a[0][t].at, *r = l->a[1][t].at, *g = l->a[2][t].at;
    vec *hprev = l->hs[t - 1].at, *dhprev = l->dhs[t - 1].at;
    vec *dh = l->dhs[t].at, *drh = l->dcs[t].at;
    for (size_t j = 0; j < l->n; j++) {
        vec da_z = dh[j] * (hprev[j] - g[j]) * z[j] * (1 - z[j]);
        dhprev[j] += dh[j] * z[j]; // through z h(t-1)
        g[j] = dh[j] * (1 - z[j]) * (1 - g[j] * g[j]);
        z[j] = da_z; // now z and g are da
        drh[j] = (vec){ 0 };
    }
    add_dot_bT(l->dcs[t], l->a[2][t], l->gate[2].Wh);
    for (size_t j = 0; j < l->n; j++) {
        dhprev[j] += drh[j] * r[j]; // through r h(t-1)
        r[j] = drh[j] * hprev[j] * r[j] * (1 - r[j]);
    }
    add_dot_bT(l->dhs[t - 1], l->a[0][t], l->gate[0].Wh);
    add_dot_bT(l->dhs[t - 1], l->a[1][t], l->gate[1].Wh);
}

// A new kind of cell takes a forward (adds Wh's part, makes h(t)), a backward (makes da(t),
// adds to dh(t-1)), a row here, a name in the enum and in --cell; its `in`, if not h(t-1).
static const Cell cells[] = {
    [RNN] = { 1, "h", rnn_forward, rnn_backward },
    [LSTM] = { 4, "ifog", lstm_forward, lstm_backward },
    [GRU] = { 3, "zrh", gru_forward, gru_backward },
};

// ==== 9  Dropout and Adam
// Dropout (Srivastava et al., 2014) zeroes units at random, so that none relies on
// another: on their way up, not through time (Zaremba et al., 2014). Scaling the others up
// keeps sums the same on average. The draw is a hash of iteration, layer, step, stream and
// unit: the backward pass draws the same again, and so does a resumed run.
static void drop(Net *net, size_t i, double dropout, Matrix *from, Matrix *to) {
    uint64_t limit = dropout * 0x1p64, iteration = hash(*net->iteration);
    real scale = 1 / (1 - dropout);
    for (size_t r = 0; r < net->T * net->B; r++) {
        uint64_t t = r / net->B, stream = net->first + r % net->B;
        uint64_t noise = hash(iteration + ((uint64_t)i << 32 | t << 16 | stream));
        real *h = row(all(net, from), r), *x = row(all(net, to), r);
        for (size_t j = 0; j < from->cols; j++)
            x[j] = hash(noise + j) < limit ? 0 : h[j] * scale;
    }
}

// Adam (Kingma and Ba, 2015): the running mean of the gradients, divided by the root of the
// running mean of their squares. Both start at 0: mean_scale, mem_scale correct that.
static void adam(Model *m, real learning_rate, real scale, real limit) {
    real mean_scale = 1 / (1 - pow(0.9, m->n + 1.0));
    real mem_scale = 1 / (1 - pow(0.999, m->n + 1.0));
    vec *param = m->param.all, *dparam = m->dparam.all;
    vec *mem = m->mem.all, *mean = m->mean.all;
    for (size_t i = 0; i < m->param.n; i++) {
        vec d = clip(dparam[i] * scale, limit);
        mean[i] += (real)0.1 * (d - mean[i]);     // beta1 = 0.9
        mem[i] += (real)0.001 * (d * d - mem[i]); // beta2 = 0.999
        vec square = mem_scale * mem[i];
        vec root = square * rsqrt(square + (real)1e-30); // sqrt, and safe at 0
        param[i] -= learning_rate * mean_scale * mean[i] / (root + (real)1e-8);
    }
}
static void update(Model *m, Config *c) {
    double rate = c->learning_rate * pow(c->decay, m->epoch);
    (c->optimizer == ADAM ? adam : adagrad)(m, rate, 1.0 / c->batch_size, c->clip);
}

// ==== 10  Part II, the machinery: matrices
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static size_t min(size_t a, size_t b) { return a < b ? a : b; }
// Vecs from row to row: never an even number of cache lines, which share a few places.
static size_t width(size_t cols) {
    size_t n = vecs(cols), line = 64 / VECTOR_BYTES;
    return n % (2 * line) ? n : n + line;
}
static void *new_array(count n, size_t size) { // zeros, aligned to a cache line
    void *memory = NULL;
    if (n > SIZE_MAX / size || posix_memalign(&memory, 64, n * size) != 0)
        errx(1, "no memory for %.3g GB: lower -H, -L, -T or -B", n * 1e-9 * size);
    memset(memory, 0, n * size);
    return memory;
}
static Matrix view(vec *at, size_t m, size_t n) { return (Matrix){ at, 0, m, n, 0 }; }
static Matrix new_matrix(count m, size_t n) {
    return view(new_array(m * width(n), sizeof(vec)), m, n);
}
static vec *row_vecs(Matrix a, size_t i) { return a.at + i * width(a.cols); }
static real *row(Matrix a, size_t i) { return (real *)row_vecs(a, i); }
static void add_row(Matrix out, size_t i, Matrix a, size_t j) {
    for (size_t k = 0; k < vecs(a.cols); k++) row_vecs(out, i)[k] += row_vecs(a, j)[k];
}
static void fill_rows(Matrix out, Matrix a) {
    for (size_t i = 0; i < out.rows; i++)
        memcpy(row(out, i), a.at, vecs(a.cols) * sizeof(vec));
}
// Makes or renews a.T. A product reads its second matrix row by row: not b', but b.T.
static void transpose(Matrix *a) {
    if (!a->T) a->T = new_matrix(a->cols, a->rows).at;
    Matrix T = view(a->T, a->cols, a->rows);
    for (size_t j = 0; j < a->cols; j++)
#pragma GCC unroll 8
        for (size_t i = 0; i < a->rows; i++) row(T, j)[i] = row(*a, i)[j];
}

// out += a b, where a's element (i,k) is a[i * row + k * col]: with these exchanged, a is
// read transposed. Rows of out and b are n vecs apart. Nearly all the time is spent here.
// R rows and C vecs of out stay in registers while k runs over rows of b: each number of a
// is used C times, each vec of b R times.
#if defined __AVX512F__ || defined __aarch64__
enum { COLS = 4 }; // with 32 vector registers
#else
enum { COLS = 2 }; // with 16: a tile that does not fit is three times slower
#endif
enum { ROWS = 6, WIDE = 13, BLOCK = 128, STRIPS = 8 };
typedef struct {
    vec *out, *b;
    real *a;
    long row, col, n;
    size_t inner, rows, cols;
} Product;
__attribute__((always_inline)) static inline
void tile(Product p, size_t i, size_t j, int R, int C) {
    vec sum[ROWS][WIDE], *out = p.out + i * p.n + j, *b = p.b + j;
    real *a = p.a + i * p.row;
    for (int r = 0; r < R; r++) for (int c = 0; c < C; c++) sum[r][c] = out[r * p.n + c];
    for (size_t k = 0; k < p.inner; k++, a += p.col, b += p.n)
        for (int r = 0; r < R; r++)
            for (int c = 0; c < C; c++) sum[r][c] += a[r * p.row] * b[c];
    for (int r = 0; r < R; r++) for (int c = 0; c < C; c++) out[r * p.n + c] = sum[r][c];
}

// Strips of R rows each, in tiles as wide as fit. A single row's tile should have 8 vecs
// or more: then no multiplication waits for the one before.
__attribute__((always_inline)) static inline void strips(Product p, int R) {
    size_t j = 0;
#define FIT(C) \
    for (; j + (C) <= p.cols; j += (C)) \
        for (size_t i = 0; i < p.rows; i += R) tile(p, i, j, R, C);
    for (; R == 1 && j + WIDE < p.cols; j += 8) tile(p, 0, j, 1, 8);
    if (R == 1) { FIT(13) FIT(12) FIT(11) FIT(10) FIT(9) FIT(8) FIT(7) FIT(6) FIT(5) }
    if (R <= 3) FIT(2 * COLS)
    if (COLS == 4) { FIT(4) FIT(3) } FIT(2) FIT(1)
}

// Eight strips take turns at a block of b, which stays in the cache. A single row of an odd
// step reads each block from its end: what the step before read last is still cached.
static void product(Matrix out, Matrix a, Matrix b, bool a_transposed) {
    size_t n = width(b.cols), rows;
    long w = width(a.cols) * LANES, col = a_transposed ? w : 1, row = w / col;
    long up = a.odd && out.rows == 1, sign = 1 - 2 * up;
    for (size_t k = 0; k < b.rows; k += BLOCK)
        for (size_t i = 0; i < out.rows; i += rows) {
            size_t inner = min(BLOCK, b.rows - k), first = k + up * (inner - 1);
            rows = out.rows - i;
            if (rows > ROWS) rows = min(rows / ROWS, STRIPS) * ROWS;
            Product p = { out.at + i * n, b.at + first * n,
                          (real *)a.at + i * row + first * col, row, sign * col, sign * n,
                          inner, rows, vecs(b.cols) };
            switch (min(ROWS, rows)) {
#define CASE(R) case R: strips(p, R); break;
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
            }
        }
}
static void add_dot(Matrix out, Matrix a, Matrix b) { product(out, a, b, false); }
static void add_dot_aT(Matrix out, Matrix a, Matrix b) { product(out, a, b, true); }
static void add_dot_bT(Matrix out, Matrix a, Matrix b) {
    add_dot(out, a, view(b.T, b.cols, b.rows));
}

// ==== 11  exp, tanh, sigmoid and 1/sqrt of a vec
_Static_assert(!__FINITE_MATH_ONLY__, "-ffast-math hides a loss that is not a number");
enum { DOUBLE = sizeof(real) == sizeof(double) };
typedef __typeof__(((vec){ 0 } < (vec){ 0 })[0]) word;
typedef word words __attribute__((vector_size(VECTOR_BYTES))); // bits; or 0, -1
static vec where(words condition, vec a, vec b) { // np.where(condition, a, b)
    return (vec)((condition & (words)a) | (~condition & (words)b));
}
static vec clip(vec x, real limit) {
    vec high = (vec){ 0 } + limit;
    return where(x > high, high, where(x < -high, -high, x));
}
static real highest(vec *y, size_t n) {
    vec high = y[0];
    for (size_t i = 1; i < n; i++) high = where(y[i] > high, y[i], high);
    for (size_t l = 1; l < LANES; l++) if (high[l] > high[0]) high[0] = high[l];
    return high[0];
}

// e^x - one, where one is 0 or 1 and |x| at most EXP_MOST. With x = k ln 2 + r, it is
// (e^r - 1) 2^k + (2^k - one): a short series, as |r| <= ln(2)/2, and 2^k made of its
// bits. Subtracting one before adding keeps all the digits of e^x - 1 near 0.
static const real EXP_MOST = DOUBLE ? 708 : 87;
static vec exp_minus(vec x, real one) {
    enum { TERMS = DOUBLE ? 14 : 7, BIAS = DOUBLE ? 1023 : 127, BITS = DOUBLE ? 52 : 23 };
    double factorial = DOUBLE ? 87178291200 : 5040; // TERMS!
    vec q = { 0 }, n = where(x == x, x, q) * (real)1.44269504088896341; // NaN is no integer
    words k = __builtin_convertvector(n + (real)2048.5, words) - 2048;  // rounded
    vec two_to_k = (vec)((k + BIAS) << BITS);
    n = __builtin_convertvector(k, vec);
    vec r = x - n * (real)0.693145751953125 - n * (real)1.42860682030941723e-6;
    for (int i = TERMS; i > 0; factorial /= i--) q = q * r + (real)(1 / factorial);
    return q * r * two_to_k + (two_to_k - one);
}
static vec exp_(vec x) {
    return where(x < -EXP_MOST, (vec){ 0 }, exp_minus(clip(x, EXP_MOST), 0));
}
static vec tanh_(vec x) { // (e^2x - 1) / (e^2x + 1); tanh(20) is 1 to all digits
    vec e = exp_minus(2 * clip(x, 20), 1);
    return e / (e + 2);
}
static vec sigmoid(vec x) { return (real)0.5 + (real)0.5 * tanh_((real)0.5 * x); }
// Newton's method for 1/y^2 = x. A float's bits are nearly its logarithm: halved and
// negated, they are a first guess. Two rounds leave an error of 5e-6, enough for a step.
static vec rsqrt(vec x) {
    const word guess = (word)(DOUBLE ? 0x5fe6eb50c7b537a9 : 0x5f375a86);
    vec y = (vec)(guess - ((words)x >> 1));
    for (int i = 0; i < (DOUBLE ? 4 : 2); i++) y *= (real)1.5 - (real)0.5 * x * y * y;
    return y;
}

// ==== 12  Random numbers: NumPy's
// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998): 624 numbers at a time, of
// which `used` have been handed out.
static void rng_seed(Rng *rng, uint32_t seed) { // np.random.seed(seed)
    *rng = (Rng){ .used = 624 };
    for (uint32_t i = 0; i < 624; i++) {
        rng->state[i] = seed;
        seed = 1812433253 * (seed ^ (seed >> 30)) + i + 1;
    }
}
static uint32_t rng_u32(Rng *rng) {
    uint32_t *s = rng->state;
    for (int i = 0; rng->used == 624 && i < 624; i++) {
        uint32_t y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
        s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1) * 0x9908b0df;
    }
    rng->used %= 624;
    uint32_t y = s[rng->used++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >> 18);
}
// np.random.random_sample(): [0,1), 53 bits
static double rng_uniform(Rng *rng) {
    uint32_t a = rng_u32(rng) >> 5, b = rng_u32(rng) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}
// np.random.randn(): Marsaglia's polar method makes two numbers at a time; one is kept.
static double rng_normal(Rng *rng) {
    double x, y, r2;
    rng->has_kept = !rng->has_kept;
    if (!rng->has_kept) return rng->kept;
    do {
        x = 2 * rng_uniform(rng) - 1;
        y = 2 * rng_uniform(rng) - 1;
        r2 = x * x + y * y;
    } while (r2 >= 1 || r2 == 0); // until it is a point in the unit circle
    double f = sqrt(-2 * log(r2) / r2);
    rng->kept = f * x;
    return f * y;
}
// In NumPy's order, that of (out,in).
static void randn(Matrix w, double scale, Rng *rng) {
    for (size_t j = 0; j < w.cols; j++)
        for (size_t i = 0; i < w.rows; i++) row(w, i)[j] = rng_normal(rng) * scale;
}
static Ix choice(real *p, size_t V, Rng *rng) {
    double sum = 0, cdf = p[0], coin = rng_uniform(rng);
    Ix ix = 0;
    for (size_t i = 0; i < V; i++) sum += p[i];
    while (ix + 1u < V && cdf / sum <= coin) cdf += p[++ix];
    return ix;
}
static uint64_t hash(uint64_t x) { // splitmix64 (Steele, Lea and Flood, 2014)
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

// ==== 13  Text: UTF-8
static File read_file(const char *path) {
    FILE *in = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    File file = { .name = path, .line = 1 };
    size_t room = 0;
    if (!in) err(1, "%s", path);
    do {
        room += room / 2 + 65536;
        file.bytes = realloc(file.bytes, room + 1);
        if (file.bytes) file.n += fread(file.bytes + file.n, 1, room - file.n, in);
        if (!file.bytes || ferror(in)) err(1, "%s", path);
    } while (file.n == room);
    file.bytes[file.n] = '\0';
    if (in != stdin) fclose(in);
    return file;
}
// Writes a code point as UTF-8 (RFC 3629). Returns the number of bytes.
static size_t encode(uint32_t code, uint8_t *bytes) {
    size_t n = 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000);
    for (size_t i = n; --i > 0; code >>= 6) bytes[i] = 0x80 | (code & 0x3F);
    bytes[0] = n == 1 ? code : (0xF00u >> n & 0xFF) | code; // as many leading ones as bytes
    return n;
}

// The next code point, checked by encoding it again.
static uint32_t next_char(File *file, bool bytes) {
    uint8_t *at = file->bytes + file->at, first = *at;
    size_t n = bytes ? 1 : 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0);
    uint8_t again[4];
    uint32_t code = n == 1 ? first : first & 0x7F >> n;
    for (size_t i = 1; i < n && at[i] >> 6 == 2; i++) code = code << 6 | (at[i] & 0x3F);
    encode(code, again);
    if (!bytes && (code >= CODES || code >> 11 == 0x1B || again[0] != first)) // a surrogate
        errx(1, "%s, line %zu, byte offset %zu: 0x%02X is not UTF-8: convert it (iconv -f "
             "ENCODING -t UTF-8), or try --bytes", file->name, file->line, file->at, first);
    file->at += n;
    file->line += code == '\n';
    return code;
}
static void refuse_char(File file, uint32_t code) {
    uint8_t shown[5] = "";
    if (code > ' ' && (code < 0x7F || code >= 0xA0)) encode(code, shown); // no control
    errx(1, "%s, line %zu: the model does not know U+%04X '%s': remove it, or train a new "
         "model", file.name, file.line - (code == '\n'), code, (char *)shown);
}
static void put_char(Text *text, Ix ix) {
    uint8_t bytes[4] = { text->chars[ix] };
    fwrite(bytes, 1, text->bytes ? 1 : encode(text->chars[ix], bytes), stdout);
}

// ==== 14  Memory and threads
typedef struct { // what a thread has to do
    Net net;
    Ix *data;
    double (*work)(Net *, Ix *), loss;
    pthread_t thread;
    bool here; // not in that thread
} Job;
struct Run {
    Config c; // the command line (section 16)
    double dropout, temperature, val_fraction;
    count seed, threads, sample, print_every, sample_every, eval_every;
    count eval, show_units, show_gradients, quiet, help, version, given;
    const char *input, *save, *save_best, *load, *prime;
    Text text;
    Model m;
    Job *jobs; // one for each thread
    Net sampler;
    count held_out, first;     // characters after text.n; this run's first iteration
    double best, began, shown; // val_loss in --save-best; seconds: training, status line
    bool terminal, failed;     // shows a status line; could not save
};

// The next window into the block.
static Matrix place(Params *p, size_t rows, size_t cols) {
    Matrix a = view(p->all ? p->all + p->n : NULL, rows, cols);
    p->n += (count)rows * width(cols);
    return a;
}
static Params lay_out(Config *c, size_t V, vec *all) {
    size_t H = c->hidden_size, gates = cells[c->cell].n;
    Params p = { .all = all };
    for (size_t i = 0; i < c->layers * gates; i++) {
        p.gate[i].Wx = place(&p, i < gates ? V : H, H);
        p.gate[i].Wh = place(&p, H, H);
        p.gate[i].b = place(&p, 1, H);
    }
    p.Why = place(&p, H, V);
    p.by = place(&p, 1, V);
    return p;
}
static Params new_params(Config *c, size_t V) {
    return lay_out(c, V, new_array(lay_out(c, V, NULL).n, sizeof(vec)));
}
static void new_model(Model *m, Config *c, size_t V) {
    m->param = new_params(c, V);
    m->dparam = new_params(c, V);
    m->mem = new_params(c, V);
    m->mean = new_params(c, V);
    m->hprev = new_matrix(c->layers * c->batch_size, c->hidden_size);
    m->cprev = new_matrix(c->layers * c->batch_size, c->hidden_size);
    m->smooth_loss = log(V) * c->seq_length; // loss at iteration 0
    m->val_loss = INFINITY;
}
// An array over time: one block of memory from step ZERO on.
static Matrix *new_steps(size_t T, size_t B, size_t cols) {
    Matrix *steps = new_array(T + 3, sizeof *steps), all = new_matrix((T + 2) * B, cols);
    for (size_t t = 0; t < T + 2; t++)
        steps[t + 1] = (Matrix){ row_vecs(all, t * B), NULL, B, cols, t % 2 };
    return steps - HPREV;
}
// A net for T steps of B streams at a time, of which `first` is the first.
static Net new_net(Run *run, size_t first, count B, count T, double dropout) {
    Config *c = &run->c;
    Model *m = &run->m;
    size_t H = c->hidden_size;
    Net net = { .cell = &cells[c->cell], .param = &m->param, .dparam = m->dparam,
                .layers = c->layers, .T = T, .B = B, .first = first, .dropout = dropout,
                .ps = new_steps(T, B, run->text.V), .iteration = &m->n };
    net.inputs = new_array((T + 1) * B, sizeof(Ix));
    net.targets = net.inputs + B;
    for (size_t i = 0; i < net.layers; i++) {
        Layer *l = &net.layer[i];
        *l = (Layer){ .gate = m->param.gate + i * net.cell->n, .n = B * width(H),
                      .hs = new_steps(T, B, H), .dhs = new_steps(T, B, H),
                      .cs = new_steps(T, B, H), .dcs = new_steps(T, B, H) };
        l->hs[HPREV].at = row_vecs(m->hprev, i * c->batch_size + first);
        l->cs[HPREV].at = row_vecs(m->cprev, i * c->batch_size + first);
        for (size_t k = 0; k < net.cell->n; k++) {
            l->a[k] = new_steps(T, B, H);
            l->in[k] = c->cell == GRU && k == 2 ? l->cs : l->hs - 1;
        }
        net.x[i + 1] = dropout > 0 ? new_steps(T, B, H) : l->hs;
    }
    return net;
}
// Each thread gets its share of the streams: by default 8 or more.
static void new_jobs(Run *run) {
    size_t B = run->c.batch_size, cores = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t set; // those that this process may use
    if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
#endif
    if (run->threads == 0) run->threads = B < 8 ? 1 : min(cores, B / 8);
    size_t n = run->threads = min(run->threads, B);
    run->jobs = new_array(n, sizeof *run->jobs);
    for (size_t i = 0; i < n; i++) {
        size_t first = B * i / n, end = B * (i + 1) / n;
        Net *net = &run->jobs[i].net;
        *net = new_net(run, first, end - first, run->c.seq_length, run->dropout);
        if (i > 0) net->dparam = new_params(&run->c, run->text.V);
    }
}
#define EACH_LAYER(l, net) for (Layer *l = (net)->layer; l->n > 0; l++)
static Matrix all(Net *net, Matrix *x) { return view(x->at, net->T * net->B, x->cols); }
static void copy_state(Net *net, long to, long from) {
    EACH_LAYER(l, net) {
        memcpy(l->hs[to].at, l->hs[from].at, l->n * sizeof(vec));
        memcpy(l->cs[to].at, l->cs[from].at, l->n * sizeof(vec));
    }
}
static void copy_states(Run *run, long to, long from) {
    for (size_t i = 0; i < run->threads; i++) copy_state(&run->jobs[i].net, to, from);
}
static void zero_gradients(Net *net) {
    memset(net->dparam.all, 0, net->dparam.n * sizeof(vec));
    EACH_LAYER(l, net) memset(l->dhs[-1].at, 0, (net->T + 1) * l->n * sizeof(vec));
}
static void *do_job(void *arg) {
    Job *job = arg;
    job->loss = job->work(&job->net, job->data);
    return NULL;
}

// Each net works on its streams of data, n characters each; all but the first in a thread
// of its own. Returns the sum of their losses, added in order: always the same.
static double parallel(Run *run, double work(Net *, Ix *), Ix *data, size_t n) {
    double loss = 0;
    for (size_t i = run->threads; i-- > 0; ) {
        Job *job = &run->jobs[i];
        job->work = work;
        job->data = data;
        job->net.stream_length = n;
        job->here = i == 0 || pthread_create(&job->thread, NULL, do_job, job) != 0;
        if (job->here) do_job(job);
    }
    for (size_t i = 0; i < run->threads; i++) {
        if (!run->jobs[i].here) pthread_join(run->jobs[i].thread, NULL);
        loss += run->jobs[i].loss;
    }
    return loss;
}
static void transpose_weights(Params *p) {
    transpose(&p->Why);
    for (Gate *gate = p->gate; gate->Wh.rows > 0; gate++) {
        transpose(&gate->Wh);
        if (gate->Wx.rows == gate->Wh.rows) transpose(&gate->Wx); // not those of characters
    }
}
static double loss_of_all(Run *run, Ix *data) {
    Params *d = &run->m.dparam;
    transpose_weights(&run->m.param);
    double loss = parallel(run, lossFun, data, run->text.n / run->c.batch_size);
    for (size_t i = 1; i < run->threads; i++)
        for (size_t j = 0; j < d->n; j++) d->all[j] += run->jobs[i].net.dparam.all[j];
    return loss;
}

// ==== 15  Looking inside
// The loss on stream_length characters of each stream of data, from state 0 on.
static double score(Net *net, Ix *data) {
    size_t T = net->T;
    double loss = 0;
    copy_state(net, -1, ZERO);
    for (size_t p = 0; p < net->stream_length; p += net->T) {
        net->T = min(T, net->stream_length - p);
        read_chunk(net, data + p);
        forward(net, 0);
        loss += cross_entropy(net);
        copy_state(net, -1, net->T - 1);
    }
    net->T = T;
    return loss;
}
// A table: the text's characters, and all hidden units after each; for an LSTM also tanh
// of its cell states, as in Karpathy, Johnson and Fei-Fei (2015).
static void show_units(Run *run) {
    Text *text = &run->text;
    Net net = new_net(run, 0, 1, 1, 0);
    size_t H = run->c.hidden_size, states = run->c.cell == LSTM ? 2 : 1;
    printf("char");
    for (size_t i = 0; i < net.layers * states * H; i++)
        printf("\tlayer%zu.%c%zu", i / H / states + 1, "hc"[i / H % states], i % H + 1);
    for (size_t i = 0; i < text->n; i++) {
        net.inputs[0] = text->data[i];
        forward(&net, 0);
        copy_state(&net, -1, 0);
        uint32_t code = text->chars[text->data[i]];
        putchar('\n');
        if (code == '\n') printf("\\n");
        else if (code == '\t') printf("\\t");
        else if (code == '\\') printf("\\\\");
        else put_char(text, text->data[i]);
        EACH_LAYER(l, &net) {
            real *h = row(l->hs[0], 0), *c = row(l->cs[0], 0);
            for (size_t j = 0; j < H; j++) printf("\t%.3f", h[j]);
            for (size_t j = 0; states > 1 && j < H; j++) printf("\t%.3f", tanh(c[j]));
        }
    }
    putchar('\n');
}

// How far back do gradients reach? Of the loss at the last of T steps alone: the gradient
// on the hidden states k steps earlier, a root mean square over many chunks, relative to
// k = 0. At all other steps p is made the target: dy = 0.
static void show_gradients(Run *run) {
    long T = run->c.seq_length, H = run->c.hidden_size;
    size_t chunks = min(1000, (run->text.n - 1) / T);
    double *sum = new_array(T + 1, sizeof *sum);
    Net net = new_net(run, 0, 1, T, 0);
    if (chunks == 0) errx(1, "%s is too short: lower --seq-length", run->input);
    transpose_weights(&run->m.param);
    for (size_t i = 0; i < chunks; i++) {
        read_chunk(&net, run->text.data + i * T);
        forward(&net, 0);
        cross_entropy(&net);
        for (long t = 0; t < T - 1; t++) {
            memset(net.ps[t].at, 0, vecs(run->text.V) * sizeof(vec));
            row(net.ps[t], 0)[net.targets[t]] = 1;
        }
        backward(&net);
        copy_state(&net, -1, T - 1);
        EACH_LAYER(l, &net)
            for (long k = 0; k <= T; k++) {
                real *dh = row(l->dhs[T - 1 - k], 0);
                for (long j = 0; j < H; j++) sum[k] += (double)dh[j] * dh[j];
            }
    }
    for (long k = 0; k <= T; k++) printf("%ld %.3g\n", k, sqrt(sum[k] / sum[0]));
}

// ==== 16  The command line
typedef struct {
    size_t field; // where in Run
    char letter;
    const char *name, *takes, *help, *preset; // N: a whole number; X: a number; a|b: a word
    double least, most;
} Option;
#define AT(name) offsetof(Run, name)
static const Option options[] = { // the first 7 are fixed when a model is made
    { AT(c.cell), 0, "cell", "rnn|lstm|gru", "what a layer is made of", "rnn", 1, 3 },
    { AT(c.layers), 'L', "layers", "N", "layers, one above the other", "1", 1, MAX_LAYERS },
    { AT(c.hidden_size), 'H', "hidden-size", "N", "units in a layer", "100", 1, 1e6 },
    { AT(c.seq_length), 'T', "seq-length", "N", "steps to unroll", "25", 1, 65535 },
    { AT(c.batch_size), 'B', "batch-size", "N", "streams read in parallel", "1", 1, 65535 },
    { AT(c.optimizer), 0, "optimizer", "adagrad|adam", "update rule", "adagrad", 1, 2 },
    { AT(text.bytes), 0, "bytes", "", "a character is a byte: for any file", "", 0, 1 },
    { AT(c.learning_rate), 'l', "learning-rate", "X", "step size (0.1; adam 0.002)", "",
      0, 1e30 },
    { AT(c.decay), 0, "decay", "X", "its factor after each pass", "1", 0, 1 },
    { AT(dropout), 0, "dropout", "X", "chance that a unit is left out", "0", 0, 0.9 },
    { AT(c.clip), 'c', "clip", "X", "cut gradients to [-X, X]; 0: do not", "5", 0, 1e30 },
    { AT(c.iters), 'n', "iters", "N", "iterations; 0: no end", "100000", 0, 1e15 },
    { AT(seed), 's', "seed", "N", "seed of the random numbers", "0", 0, UINT32_MAX },
    { AT(threads), 't', "threads", "N", "threads; 0: as many as help", "0", 0, 1024 },
    { AT(print_every), 0, "print-every", "N", "iterations per loss", "1000", 0, 1e15 },
    { AT(sample_every), 0, "sample-every", "N", "... per sample", "10000", 0, 1e15 },
    { AT(eval_every), 0, "eval-every", "N", "... per save and eval", "10000", 0, 1e15 },
    { AT(sample), 0, "sample", "N", "length of a sample; alone 0: no end", "200", 0, 1e15 },
    { AT(temperature), 0, "temperature", "X", "below 1: likelier text", "1", 0, 1e30 },
    { AT(prime), 0, "prime", "TEXT", "text that a sample goes on from", "", 0, 0 },
    { AT(val_fraction), 0, "val-fraction", "X", "hold out the text's end", "0", 0, 0.9 },
    { AT(save), 'o', "save", "FILE", "save the model, in a new file", "", 0, 0 },
    { AT(save_best), 0, "save-best", "FILE", "the best on held-out text", "", 0, 0 },
    { AT(load), 'i', "load", "FILE", "go on from a model, or look at it:", "", 0, 0 },
    { AT(eval), 0, "eval", "", "print its loss on INPUT", "", 0, 0 },
    { AT(show_units), 0, "show-units", "", "print its units on INPUT", "", 0, 0 },
    { AT(show_gradients), 0, "show-gradients", "", "how far gradients reach", "", 0, 0 },
    { AT(quiet), 'q', "quiet", "", "no status line and no summary", "", 0, 0 },
    { AT(help), 'h', "help", "", "show this help", "", 0, 0 },
    { AT(version), 'V', "version", "", "show the version", "", 0, 0 },
};
enum { FIXED = 7, OPTIONS = sizeof options / sizeof *options };
static void *field(Run *run, const Option *o) { return (char *)run + o->field; }
static bool in_range(const Option *o, double x) { return x >= o->least && x <= o->most; }
static void set_option(Run *run, const Option *o, const char *value) {
    count *n = field(run, o);
    bool whole = *o->takes != 'X';
    char choices[32], *end, *w = strtok(strcpy(choices, o->takes), "|");
    if (!*o->takes) {
        *n = 1;
    } else if (o->most == 0) { // FILE or TEXT
        *(const char **)field(run, o) = value;
    } else if (strchr(o->takes, '|')) { // a word, numbered from 1
        for (*n = 1; w && strcmp(w, value); w = strtok(NULL, "|")) ++*n;
        if (!w) errx(1, "--%s %s: takes %s", o->name, value, o->takes);
    } else {
        double x = strtod(value, &end);
        if (end == value || *end || !in_range(o, x) || (whole && x != floor(x)))
            errx(1, "--%s %s: takes %s from %.15g to %.15g", o->name, value,
                 whole ? "a whole number" : "a number", o->least, o->most);
        if (whole) *n = x;
        else *(double *)field(run, o) = x;
    }
}
static void print_help(void) {
    printf("Usage: min_char_rnn [options] INPUT       train on a text (-: standard input)\n"
           "       min_char_rnn --load FILE [options] write a sample\n\n");
    for (const Option *o = options; o < options + OPTIONS; o++) {
        printf(o->letter ? "  -%c, " : "      ", o->letter);
        printf("--%s %-*s%s", o->name, 25 - (int)strlen(o->name), o->takes, o->help);
        printf(*o->preset ? " (%s)\n" : "\n", o->preset);
    }
}
static void parse_options(Run *run, int argc, char **argv) {
    struct option longs[OPTIONS + 1] = { { 0 } };
    char shorts[2 * OPTIONS + 2] = ":", *s = shorts + 1;
    for (int i = 0; i < OPTIONS; i++) {
        const Option *o = &options[i];
        longs[i] = (struct option){ o->name, *o->takes != '\0', NULL, -2 - i };
        if (o->letter) s += sprintf(s, *o->takes ? "%c:" : "%c", o->letter);
        if (*o->preset) set_option(run, o, o->preset);
    }
    run->c.learning_rate = -1;
    run->prime = "";
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, shorts, longs, NULL)) != -1; ) {
        const Option *o = options;
        char letter[] = { '-', optopt, '\0' };
        char *what = optopt > 0 ? letter : argv[optind - 1];
        if (got == ':') errx(1, "%s takes a value: see --help", what);
        if (got == '?') errx(1, "%s: no such option: see --help", what);
        while (-2 - (o - options) != got && o->letter != got) o++;
        set_option(run, o, optarg);
        run->given |= 1ull << (o - options);
    }
    run->input = argv[optind];
    if (run->help || run->version) return;
    if (argc > optind + 1) errx(1, "'%s' is a second text: name one", argv[optind + 1]);
    count looks = run->eval + run->show_units + run->show_gradients;
    if (!run->input && !run->load) errx(1, "no text: name one (-: standard input)");
    if (looks > 1 || (looks && !(run->load && run->input)))
        errx(1, "use one of --eval and --show-..., with --load and INPUT");
    if (*run->prime && run->input) errx(1, "--prime is for a sample alone: no INPUT");
    if ((run->save || run->save_best) && (looks || !run->input))
        errx(1, "only training saves: no --save here");
    if (run->save_best && (run->val_fraction == 0 || run->eval_every == 0))
        errx(1, "--save-best needs --val-fraction and --eval-every");
    if (run->c.iters == 0) run->c.iters = UINT64_MAX;
    if (run->c.clip == 0) run->c.clip = INFINITY;
}

// ==== 17  Checkpoints: .safetensors
// A file is: the header's length in 8 bytes; the header, JSON with each tensor's type,
// shape and place; the numbers, little-endian. It is to the byte what the safetensors
// library writes: tensors sorted by type and name. So loading needs no parser: the sizes
// come first in the numbers, and from them follows what the header has to be.
enum { I64, F64, F32, I32, SIZES = FIXED + 4 }; // types in the library's order
typedef struct {
    char key[24]; // the type as a digit, then the name
    void *at;     // its numbers in memory
    size_t size, rows, cols, col_step; // in bytes: of a number, from column to column
    count begin; // its first byte in the file, behind the header
} Tensor;
typedef struct { Tensor at[400]; size_t n; count bytes; char header[1 << 16]; } Tensors;
static Tensor *list(Tensors *all, int type, size_t n, void *at, const char *name) {
    Tensor *t = &all->at[all->n++];
    *t = (Tensor){ .at = at, .size = type < F32 ? 8 : 4, .rows = n, .cols = 1 };
    sprintf(t->key, "%d%s", type, name);
    for (char *s = t->key; *s; s++) if (*s == '-') *s = '_';
    return t;
}
// In the Python's shape, (out,in). From layer 2 on a name ends in the layer's number.
static void list_weights(Tensors *all, Matrix w, const char *prefix, const char *name,
                         const char *gate) {
    Tensor *t = list(all, DOUBLE ? F64 : F32, w.cols, w.at, prefix);
    strcat(strcat(t->key, name), gate);
    t->cols = w.rows;
    t->col_step = width(w.cols) * sizeof(vec);
}
static void list_params(Tensors *all, Params p, const char *prefix, Cell cell) {
    for (size_t i = 0; p.gate[i].Wh.rows > 0; i++) {
        char gate[] = { cell.gates[i % cell.n], i < cell.n ? 0 : '1' + i / cell.n, 0 };
        list_weights(all, p.gate[i].Wx, prefix, "Wx", gate);
        list_weights(all, p.gate[i].Wh, prefix, "Wh", gate);
        list_weights(all, p.gate[i].b, prefix, "b", gate);
    }
    list_weights(all, p.Why, prefix, "Why", "");
    list_weights(all, p.by, prefix, "by", "");
}
static int by_key(const void *a, const void *b) { return strcmp(a, b); }
// All that is kept: the sizes, how far training has got, the network; and the header.
static void list_all(Tensors *all, Run *run) {
    Model *m = &run->m;
    Cell cell = cells[run->c.cell];
    char *to = all->header;
    all->n = all->bytes = 0;
    for (const Option *o = options; o < options + FIXED; o++)
        list(all, I64, 1, field(run, o), o->name);
    list(all, I64, 1, &run->text.V, "vocab_size");
    list(all, I64, 1, &m->n, "n");
    list(all, I64, 1, &m->p, "p");
    list(all, I64, 1, &m->epoch, "epoch");
    list(all, F64, 1, &m->smooth_loss, "smooth_loss");
    list(all, F64, 1, &m->val_loss, "val_loss");
    list(all, I32, 625, &m->rng, "rng");
    list(all, I32, run->text.V, run->text.chars, "chars");
    list_weights(all, m->hprev, "", "hprev", "");
    list_weights(all, m->cprev, "", "cprev", "");
    list_params(all, m->param, "", cell);
    list_params(all, m->mem, "m", cell);
    if (run->c.optimizer == ADAM) list_params(all, m->mean, "mean_", cell);
    qsort(all->at, all->n, sizeof *all->at, by_key);
    for (Tensor *t = all->at; t < all->at + all->n; t++) {
        t->begin = all->bytes;
        all->bytes += (count)t->rows * t->cols * t->size;
        to += sprintf(to, ",\"%s\":{\"dtype\":\"%.3s\",\"shape\":[%zu,%zu],"
                      "\"data_offsets\":[%llu,%llu]}", t->key + 1,
                      &"I64F64F32I32"[3 * (*t->key - '0')], t->rows, t->cols, t->begin,
                      all->bytes);
    }
    strcpy(to, "}");
    all->header[0] = '{';
}
// Copies a tensor's numbers to or from a file.
static void transfer(Tensor *t, File file, bool to_file) {
    size_t flip = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? t->size - 1 : 0;
    uint8_t *byte = file.bytes + file.at + t->begin;
    for (size_t i = 0; i < t->rows; i++)
        for (size_t j = 0; j < t->cols; j++) {
            uint8_t *x = (uint8_t *)t->at + i * t->size + j * t->col_step;
            for (size_t k = 0; k < t->size; k++, byte++)
                if (to_file) *byte = x[k ^ flip];
                else x[k ^ flip] = *byte;
        }
}
static void demand(bool ok, const char *path) {
    if (!ok) errx(1, "%s: damaged, or no model of this size and build: name another", path);
}
// Returns a file; `at` is where the numbers begin.
static File read_checkpoint(const char *path) {
    File file = read_file(path);
    uint64_t length = 0;
    for (int i = 8; i-- > 0; ) length = length << 8 | file.bytes[i];
    demand(length < file.n && file.n - length >= 8 + 8 * SIZES, path);
    file.at = 8 + length;
    return file;
}

// Lists the run's tensors; dies if the file has others. The library may have put
// __metadata__ in front.
static void match(File file, Tensors *all, Run *run) {
    list_all(all, run);
    char *start = (char *)file.bytes + 8, *end = start + file.at - 8;
    size_t n = strlen(all->header);
    while (end > start && end[-1] == ' ') end--;
    demand(end >= start + n && !memcmp(end - n + 1, all->header + 1, n - 1), file.name);
    demand(!memcmp(start, "{\"__metadata__\":{", end > start + n ? 17 : 1), file.name);
    demand(file.n - file.at == all->bytes, file.name);
}
// Reads the sizes in a checkpoint, makes that model, and fills it.
static void load(Run *run) {
    File file = read_checkpoint(run->load);
    Config *c = &run->c;
    Text *text = &run->text;
    Tensors all;
    Run asked = *run;
    list_all(&all, run);
    for (int i = 0; i < SIZES; i++) transfer(&all.at[i], file, false);
    for (const Option *o = options; o < options + FIXED; o++) {
        count wanted = *(count *)field(&asked, o), *has = field(run, o);
        demand(in_range(o, *has), run->load);
        if (!(run->given >> (o - options) & 1)) continue;
        if (run->show_gradients && o->letter == 'T') *has = wanted;
        if (wanted != *has) errx(1, "leave --%s out: %s has its own", o->name, run->load);
    }
    count states = c->layers * c->batch_size * width(c->hidden_size);
    demand(text->V > 0 && text->V <= MAX_V &&
           lay_out(c, text->V, NULL).n + states < file.n, run->load);
    new_model(&run->m, c, text->V);
    match(file, &all, run);
    for (size_t i = SIZES; i < all.n; i++) transfer(&all.at[i], file, false);
    for (size_t i = 0; i < text->V; i++) {
        demand(text->chars[i] < CODES && run->m.rng.used <= 624, run->load);
        text->char_to_ix[text->chars[i]] = i;
    }
    free(file.bytes);
}
static void clear_status(Run *run) {
    if (run->terminal) fputs("\r\033[K", stderr);
    run->shown = 0; // so it is drawn anew
}
// Writes a new file beside path, then renames it: path always has a whole model.
static bool save(Run *run, const char *path) {
    if (!path) return true;
    Tensors all;
    list_all(&all, run);
    uint64_t length = (strlen(all.header) + 7) / 8 * 8; // padded with blanks
    File file = { .n = 8 + length + all.bytes, .at = 8 + length };
    file.bytes = new_array(file.n + 1, 1);
    for (int i = 0; i < 8; i++) file.bytes[i] = length >> 8 * i;
    sprintf((char *)file.bytes + 8, "%-*s", (int)length, all.header);
    for (size_t i = 0; i < all.n; i++) transfer(&all.at[i], file, true);
    char name[4096];
    struct stat old = { .st_mode = 0644 };
    snprintf(name, sizeof name, "%s.XXXXXX", path);
    stat(path, &old); // for its mode
    int fd = mkstemp(name);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");
    bool ok = out && fwrite(file.bytes, 1, file.n, out) == file.n && fflush(out) == 0 &&
              fchmod(fd, old.st_mode & 0777) == 0 && fsync(fd) == 0 &&
              rename(name, path) == 0;
    if (!ok) clear_status(run);
    if (!ok) warn("%s: cannot save the model", path);
    run->failed |= !ok;
    if (!ok && fd >= 0) unlink(name);
    if (out) fclose(out);
    int folder = open(dirname(name), O_RDONLY); // which now has the new name
    fsync(folder);
    close(folder);
    free(file.bytes);
    return ok;
}

// A model goes into a new file; or, if the run goes on from a model, in the place of one
// like it. Dies if something else is there. Returns the val_loss of what is there.
static double check_old(Run *run, const char *name) {
    Tensors all;
    struct stat old;
    double val_loss = INFINITY;
    if (!name || stat(name, &old) != 0) return val_loss;
    if (!S_ISREG(old.st_mode)) errx(1, "%s is no regular file: name another", name);
    if (!run->load) errx(1, "%s exists: name a new file, or go on from it (--load)", name);
    File file = read_checkpoint(name);
    match(file, &all, run);
    Tensor *t = all.at;
    while (t->at != &run->m.val_loss) t++;
    t->at = &val_loss;
    transfer(t, file, false);
    free(file.bytes);
    return val_loss;
}
// Before training the model is saved once: what would fail, fails now, and leaves nothing
// new. Another run's best model stays until there is a better one.
static void claim(Run *run) {
    const char *names[] = { run->save, run->save_best }, *paths[2] = { NULL };
    bool made[2] = { false }, ok = true;
    for (int i = 0; i < 2 && ok; i++) {
        if (!names[i]) continue;
        int fd = open(names[i], O_WRONLY | O_CREAT | O_EXCL, 0666);
        made[i] = fd >= 0;
        if (made[i] || errno == EEXIST) paths[i] = realpath(names[i], NULL); // behind links
        if (!paths[i]) warn("%s: cannot save the model", names[i]);
        ok = paths[i];
        close(fd);
    }
    bool same = paths[0] && paths[1] && !strcmp(paths[0], paths[1]);
    if (same) warnx("--save and --save-best: name two files");
    ok = ok && !same && save(run, paths[0]) && (!made[1] || save(run, paths[1]));
    for (int i = 0; i < 2 && !ok; i++) if (made[i]) unlink(names[i]);
    if (!ok) exit(1);
    run->save = paths[0];
    run->save_best = paths[1];
}

// ==== 18  Reporting and main
// Why to stop: a signal, or -errno of output.
static volatile sig_atomic_t stop;
static const int SIGNALS[] = { SIGINT, SIGTERM, SIGHUP, SIGXCPU };
// A second one of its kind ends the program at once.
static void on_signal(int sig) {
    stop = sig;
    signal(sig, SIG_DFL);
}
static void flush(void) {
    if (stop >= 0 && (fflush(stdout) != 0 || ferror(stdout))) stop = -errno;
}
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}
// Is it time to print something? Then the status goes.
static bool due(Run *run, count every) {
    bool is_due = every > 0 && (run->m.n % every == 0 || run->m.n >= run->c.iters);
    if (is_due) clear_status(run);
    return is_due;
}
static void show_sample(Run *run, Ix x) {
    if (run->sample == 0 || !due(run, run->sample_every)) return;
    copy_state(&run->sampler, -1, HPREV); // the state of stream 0, before the chunk
    printf("----\n ");
    sample(&run->sampler, &run->text, &run->m.rng, x, run->sample, run->temperature);
    printf(" \n----\n");
}
static void show_held_out(Run *run) {
    if (run->held_out == 0) return;
    size_t B = run->c.batch_size, length = (run->held_out - 1) / B;
    double loss = parallel(run, score, run->text.data + run->text.n, length) / length / B;
    printf("iter %llu, val loss: %f nats/char, %f bits/char\n", run->m.n, loss,
           loss / log(2));
    loss_of_all(run, run->text.data + run->m.p); // the nets' states are this chunk's again
    run->m.val_loss = loss;
    if (loss < run->best && save(run, run->save_best)) run->best = loss;
}
// What is saved is as it was at the head of this iteration: a resumed run repeats it.
static bool checkpoint(Run *run, double loss) {
    bool is_due = due(run, run->eval_every);
    flush();
    bool diverged = !(loss < 700 * run->c.seq_length); // nats for a character; or NaN
    bool stopped = stop; // read once
    if (diverged || stopped) clear_status(run);
    if (diverged) errx(1, "iteration %llu: loss %g: lower --learning-rate", run->m.n, loss);
    if (is_due || (stopped && !run->save)) show_held_out(run);
    if (is_due || stopped || run->m.n >= run->c.iters) save(run, run->save);
    return !stopped;
}
// The loss; and on a terminal, a status line every half a second.
static void show_progress(Run *run) {
    count n = run->m.n;
    double loss = run->m.smooth_loss, now = seconds(), done = n - run->first + 1;
    if (due(run, run->print_every)) printf("iter %llu, loss: %f\n", n, loss);
    if (!run->terminal || n >= run->c.iters) return;
    if (now < fmax(run->began, run->shown) + 0.5) return;
    clear_status(run);
    run->shown = now;
    fprintf(stderr, "iter %llu, %.3f nats/char", n, loss / run->c.seq_length);
    double left = (run->c.iters - n) / done * (now - run->began) / 60;
    if (run->c.iters < UINT64_MAX) fprintf(stderr, ", %.1f min left", left);
}
static void train_on(Run *run) {
    Config *c = &run->c;
    Text *text = &run->text;
    Model *m = &run->m;
    count n = text->n, need = (c->seq_length + 1) * c->batch_size;
    run->held_out = n * run->val_fraction;
    text->n -= run->held_out;
    if (text->V < 2) errx(1, "%s: a single character: nothing to learn", run->input);
    if (text->n < need || (run->val_fraction > 0 && run->held_out <= c->batch_size))
        errx(1, "%s: too short: %llu characters to learn from, %llu needed, %llu held out: "
             "take a longer text, lower -T or -B, or change --val-fraction", run->input,
             text->n, need, run->held_out);
    if (c->learning_rate < 0) c->learning_rate = c->optimizer == ADAM ? 0.002 : 0.1;
    if (!run->load) {
        new_model(m, c, text->V);
        rng_seed(&m->rng, run->seed);
        init_params(&m->param, c, &m->rng);
    }
    m->p = min(m->p, text->n); // this text may be shorter
    if (m->n >= c->iters) warnx("%s has %llu iterations: raise --iters", run->load, m->n);
    new_jobs(run);
    run->sampler = new_net(run, 0, 1, 1, 0);
    for (int i = 0; i < 4; i++) // what was ignored, still is
        if (signal(SIGNALS[i], on_signal) == SIG_IGN) signal(SIGNALS[i], SIG_IGN);
    signal(SIGPIPE, SIG_IGN); // writing then fails,
    signal(SIGXFSZ, SIG_IGN); // and that is reported
    check_old(run, run->save);
    run->best = check_old(run, run->save_best);
    claim(run);
    printf("data has %llu characters, %llu unique.\n", n, text->V);
    run->first = m->n;
    run->began = seconds();
    run->terminal = !run->quiet && isatty(2);
    train(m, text, c, run);
    clear_status(run);
    double took = seconds() - run->began, done = m->n - run->first;
    if (run->quiet) return;
    fprintf(stderr, "%.0f iterations in %.2f s: %.0f characters/s\n", done, took,
            done * c->seq_length * c->batch_size / took);
    if (run->save && !run->failed) fprintf(stderr, "saved: %s\n", run->save);
}
// Prints the loss on the text; or a sample that goes on from --prime, read from state 0.
static void evaluate_or_sample(Run *run) {
    Text *text = &run->text;
    count length = run->sample ? run->sample : UINT64_MAX;
    Net net = new_net(run, 0, 1, 16, 0);
    net.stream_length = text->n - 1;
    double loss = score(&net, text->data) / net.stream_length;
    rng_seed(&run->m.rng, run->seed);
    if (!*run->prime) copy_state(&net, -1, HPREV); // from where training stopped
    if (run->eval)
        printf("%llu characters: %f nats/char, %f bits/char", text->n, loss, loss / log(2));
    else sample(&net, text, &run->m.rng, text->data[text->n - 1], length, run->temperature);
    putchar('\n');
}
static void read_text(Run *run) {
    Text *text = &run->text;
    File file = { (uint8_t *)run->prime, strlen(run->prime), 0, 1, "--prime" };
    text->chars = new_array(MAX_V, sizeof *text->chars);
    text->char_to_ix = new_array(CODES, sizeof(Ix));
    if (run->load) load(run); // with its vocabulary
    if (run->input) file = read_file(run->input);
    if (!text->bytes && !strncmp((char *)file.bytes, "\xEF\xBB\xBF", 3)) file.at = 3; // BOM
    if (text->V == 0) find_chars(text, file);
    text->data = new_array(file.n + 1, sizeof(Ix));
    index_text(text, file);
    if (run->input && text->n < 2) errx(1, "%s: no text, or one character", run->input);
    if (text->n == 0) text->data[text->n++] = text->char_to_ix['\n'];
    if (run->input) free(file.bytes);
}
#ifndef TESTING
int main(int argc, char **argv) {
    static Run run;
    parse_options(&run, argc, argv);
    if (!run.help && !run.version) read_text(&run);
    if (run.help) print_help();
    else if (run.version) printf("min_char_rnn 3.0\n");
    else if (run.eval || !run.input) evaluate_or_sample(&run);
    else if (run.show_units) show_units(&run);
    else if (run.show_gradients) show_gradients(&run);
    else train_on(&run);
    flush();
    if (stop < 0) errx(1, "standard output: %s", strerror(-stop));
    if (stop > 0 && !run.failed) raise(stop);
    return run.failed;
}
#endif
