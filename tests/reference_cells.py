#!/usr/bin/env python3
"""The answer book's second volume: LSTM and GRU, layers upon layers, Adam, a rate that decays.

usage: reference_cells.py TEXT CELL LAYERS OPTIMIZER RATE DECAY SEED ITERS EVERY HIDDEN STEPS
                          [NOISE]
       reference_cells.py --check        compares its gradients with differences of its losses

By way of NumPy, in float64, it prints what these options make min_char_rnn_double print:

    --cell CELL -L LAYERS --optimizer OPTIMIZER -l RATE --decay DECAY -s SEED -n ITERS -H HIDDEN
    -T STEPS --print-every EVERY --sample-every EVERY TEXT

but for three more decimals behind each loss. With `rnn 1 adagrad 0.1 1` it prints what reference.py
does. NOISE disturbs the first weights by that share of each: a record worth keeping stays the same.
"""
import sys
import numpy as np


class Gate:
    """a = Wx x + Wh h + b, and the way back: what a gradient on a says about all that made it."""

    def __init__(self, inputs, hidden, scale):
        self.Wx = np.random.randn(hidden, inputs) * scale
        self.Wh = np.random.randn(hidden, hidden) * scale
        self.b = np.zeros(hidden)
        self.forget_gradients()

    def forget_gradients(self):
        self.dWx, self.dWh, self.db = [np.zeros_like(w) for w in (self.Wx, self.Wh, self.b)]

    def __call__(self, x, h):
        return np.dot(self.Wx, x) + np.dot(self.Wh, h) + self.b

    def back(self, da, x, h):
        self.dWx += np.outer(da, x)
        self.dWh += np.outer(da, h)
        self.db += da
        return np.dot(self.Wx.T, da), np.dot(self.Wh.T, da)


def sigmoid(a):
    return (np.tanh(a / 2) + 1) / 2


# Each cell takes one step from the state (h0, c0) and returns the new state, with a function for
# the way back: from gradients on the new state to those on x and on the old state.

def rnn(gates, x, h0, c0):
    h = np.tanh(gates['h'](x, h0))

    def back(dh, dc):
        return *gates['h'].back((1 - h * h) * dh, x, h0), dc
    return h, c0, back


def lstm(gates, x, h0, c0):
    i, f, o = [sigmoid(gates[name](x, h0)) for name in 'ifo']
    g = np.tanh(gates['g'](x, h0))
    c = f * c0 + i * g
    squashed = np.tanh(c)

    def back(dh, dc):
        dc = dc + dh * o * (1 - squashed * squashed)
        dx, dh0 = 0, 0
        for name, da in (('i', dc * g * i * (1 - i)), ('f', dc * c0 * f * (1 - f)),
                         ('o', dh * squashed * o * (1 - o)), ('g', dc * i * (1 - g * g))):
            to_x, to_h0 = gates[name].back(da, x, h0)
            dx, dh0 = dx + to_x, dh0 + to_h0
        return dx, dh0, dc * f
    return o * squashed, c, back


def gru(gates, x, h0, c0):
    z, r = [sigmoid(gates[name](x, h0)) for name in 'zr']
    new = np.tanh(gates['h'](x, r * h0))

    def back(dh, dc):
        x1, drh = gates['h'].back(dh * (1 - z) * (1 - new * new), x, r * h0)
        x2, h2 = gates['z'].back(dh * (h0 - new) * z * (1 - z), x, h0)
        x3, h3 = gates['r'].back(drh * h0 * r * (1 - r), x, h0)
        return x1 + x2 + x3, dh * z + drh * r + h2 + h3, dc
    return z * h0 + (1 - z) * new, c0, back


CELLS = {'rnn': (rnn, 'h'), 'lstm': (lstm, 'ifog'), 'gru': (gru, 'zrh')}


class Network:
    def __init__(self, cell, layers, vocab_size, hidden):
        self.cell, letters = CELLS[cell]
        scale = 0.01 if (cell, layers) == ('rnn', 1) else 1 / np.sqrt(hidden)
        self.vocab_size, self.hidden = vocab_size, hidden
        self.layers = [{name: Gate(hidden if above else vocab_size, hidden, scale)
                        for name in letters} for above in range(layers)]
        self.Why, self.by = np.random.randn(vocab_size, hidden) * scale, np.zeros(vocab_size)
        self.gates = [gate for layer in self.layers for gate in layer.values()]

    def parameters(self):
        """All of them, in the order in which they are drawn, and the biases where they belong."""
        for gate in self.gates:
            yield from (gate.Wx, gate.Wh, gate.b)
        yield from (self.Why, self.by)

    def gradients(self):
        for gate in self.gates:
            yield from (gate.dWx, gate.dWh, gate.db)
        yield from (self.dWhy, self.dby)

    def blank(self):
        return [(np.zeros(self.hidden), np.zeros(self.hidden)) for _ in self.layers]

    def step(self, state, ix):
        """The state after one more character, how likely each is to come next, the ways back."""
        x, after, backs = np.zeros(self.vocab_size), [], []
        x[ix] = 1
        for gates, (h0, c0) in zip(self.layers, state):
            x, c, back = self.cell(gates, x, h0, c0)
            after.append((x, c))
            backs.append(back)
        y = np.dot(self.Why, x) + self.by
        odds = np.exp(y - np.max(y))
        return after, odds / np.sum(odds), backs

    def write(self, state, ix, length):
        """The indices of so many characters, each drawn and then read."""
        drawn = []
        while len(drawn) < length:
            state, p, _ = self.step(state, ix)
            ix = np.random.choice(self.vocab_size, p=p)
            drawn.append(ix)
        return drawn

    def read(self, state, inputs, targets):
        """The loss over a chunk and the state after it; leaves the gradients."""
        loss, steps = 0, []
        for ix, target in zip(inputs, targets):
            state, p, backs = self.step(state, ix)
            loss -= np.log(p[target])
            steps.append((state[-1][0], p, target, backs))
        for gate in self.gates:
            gate.forget_gradients()
        self.dWhy, self.dby = np.zeros_like(self.Why), np.zeros_like(self.by)
        later = self.blank()
        for top, p, target, backs in reversed(steps):
            dy = p.copy()
            dy[target] -= 1
            self.dWhy += np.outer(dy, top)
            self.dby += dy
            down = np.dot(self.Why.T, dy)
            for level in reversed(range(len(backs))):
                dh, dc = later[level]
                down, dh, dc = backs[level](dh + down, dc)
                later[level] = dh, dc
        return loss, state


def adagrad(w, g, memory, n, rate):
    memory += g * g
    w -= rate * g / np.sqrt(memory + 1e-8)


def adam(w, g, memory, n, rate):  # its memory is two of w's shape: means of g and of its squares
    memory[0] += (g - memory[0]) / 10
    memory[1] += (g * g - memory[1]) / 1000
    mean, square = memory[0] / (1 - 0.9 ** (n + 1)), memory[1] / (1 - 0.999 ** (n + 1))
    w -= rate * mean / (np.sqrt(square) + 1e-8)


def train(path, cell, layers, optimizer, rate, decay, seed, iters, every, hidden, steps, noise):
    with open(path, encoding='utf-8', newline='') as file:
        text = file.read()
    chars = sorted(set(text))
    place = {ch: ix for ix, ch in enumerate(chars)}
    data = [place[ch] for ch in text]
    print('data has %d characters, %d unique.' % (len(text), len(chars)))

    np.random.seed(seed)
    net = Network(cell, layers, len(chars), hidden)
    for w in net.parameters():
        w *= 1 + noise * np.random.RandomState(w.size).randn(*w.shape)
    update, shape = {'adagrad': (adagrad, ()), 'adam': (adam, (2,))}[optimizer]
    memories = [np.zeros(shape + w.shape) for w in net.parameters()]
    smooth_loss = np.log(len(chars)) * steps
    at, state = 0, net.blank()
    for n in range(iters + 1):
        if at + steps + 1 >= len(data):
            rate *= decay if at > 0 else 1
            at, state = 0, net.blank()
        inputs, targets = data[at:at + steps], data[at + 1:at + steps + 1]
        shows = n % every == 0 or n == iters
        if shows:
            drawn = net.write(state, inputs[0], 200)
            print('----\n %s \n----' % ''.join(chars[ix] for ix in drawn))
        loss, state = net.read(state, inputs, targets)
        smooth_loss = 0.999 * smooth_loss + 0.001 * loss
        if shows:
            print('iter %d, loss: %.9f' % (n, smooth_loss))
        for w, g, memory in zip(net.parameters(), net.gradients(), memories):
            update(w, np.clip(g, -5, 5), memory, n, rate)
        at += steps


def check():
    """The worst relative error of a gradient, over all cells and one to three layers."""
    worst, tiny = 0, 1e-5
    inputs, targets = [1, 0, 4, 2, 2], [0, 4, 2, 2, 3]
    for cell in CELLS:
        for layers in 1, 2, 3:
            np.random.seed(layers)
            net = Network(cell, layers, 5, 4)
            start = [tuple(np.random.randn(2, 4) / 2) for _ in range(layers)]
            for w in net.parameters():
                w += np.random.randn(*w.shape) / 2
            net.read(start, inputs, targets)
            kept = [g.copy() for g in net.gradients()]
            for w, g in zip(net.parameters(), kept):
                for i in np.ndindex(w.shape):
                    middle = w[i]
                    w[i] = middle + tiny
                    up = net.read(start, inputs, targets)[0]
                    w[i] = middle - tiny
                    down = net.read(start, inputs, targets)[0]
                    w[i] = middle
                    slope = (up - down) / (2 * tiny)
                    worst = max(worst, abs(slope - g[i]) / max(abs(slope), abs(g[i]), 1e-2))
    print('gradients are off by %.1e at most' % worst)
    return worst < 1e-7


if __name__ == '__main__':
    sys.stdout.reconfigure(encoding='utf-8', newline='\n')
    if sys.argv[1:] == ['--check']:
        sys.exit(not check())
    if len(sys.argv) not in (12, 13):
        sys.exit(__doc__)
    kinds = str, str, int, str, float, float, int, int, int, int, int, float
    train(*[kind(arg) for kind, arg in zip(kinds, sys.argv[1:] + ['0'])])
