#!/usr/bin/env python3
"""The answer book: prints, by way of NumPy, what min_char_rnn has to print.

usage: reference.py TEXT SEED ITERS HIDDEN STEPS

The network, its first weights and its training are those of Andrej Karpathy's min-char-rnn.py (BSD
licence), told here with flat vectors: a character is an index rather than a one-hot column. The
arithmetic is float64 and the record is that of

    min_char_rnn_double TEXT -s SEED -n ITERS -H HIDDEN -T STEPS --print-every 100 --sample-every 100

but for three more decimals behind each loss. Set OPENBLAS_NUM_THREADS=1: sums that several threads
share out come in another order, and training makes mountains of such molehills.
"""
import sys
import numpy as np

NAMES = 'Wxh', 'Whh', 'Why', 'bh', 'by'


class Network:
    def __init__(self, vocab_size, hidden_size):
        shapes = (hidden_size, vocab_size), (hidden_size, hidden_size), (vocab_size, hidden_size)
        for name, shape in zip(NAMES, shapes):
            setattr(self, name, np.random.randn(*shape) * 0.01)
        self.bh, self.by = np.zeros(hidden_size), np.zeros(vocab_size)
        self.memory = {name: np.zeros_like(getattr(self, name)) for name in NAMES}

    def step(self, h, ix):
        """The hidden state after one more character, and how likely each is to come next."""
        h = np.tanh(self.Wxh[:, ix] + np.dot(self.Whh, h) + self.bh)
        scores = np.exp(np.dot(self.Why, h) + self.by)
        return h, scores / np.sum(scores)

    def write(self, h, ix, length):
        """The indices of so many characters, each drawn and then read."""
        drawn = []
        while len(drawn) < length:
            h, p = self.step(h, ix)
            ix = np.random.choice(len(p), p=p)
            drawn.append(ix)
        return drawn

    def read(self, h, inputs, targets):
        """The loss over a chunk, its gradient on every parameter, and the last hidden state."""
        hs, ps, loss = [h], [], 0
        for ix, target in zip(inputs, targets):
            h, p = self.step(h, ix)
            hs.append(h)
            ps.append(p)
            loss -= np.log(p[target])
        grad = {name: np.zeros_like(getattr(self, name)) for name in NAMES}
        from_later = np.zeros_like(h)
        for t in range(len(inputs) - 1, -1, -1):
            before, after, dy = hs[t], hs[t + 1], ps[t]
            dy[targets[t]] -= 1
            grad['Why'] += np.outer(dy, after)
            grad['by'] += dy
            draw = (1 - after * after) * (np.dot(self.Why.T, dy) + from_later)
            grad['bh'] += draw
            grad['Wxh'][:, inputs[t]] += draw
            grad['Whh'] += np.outer(draw, before)
            from_later = np.dot(self.Whh.T, draw)
        return loss, grad, h

    def learn(self, grad, rate=0.1, most=5):
        """One step of Adagrad, no gradient counting for more than most."""
        for name in NAMES:
            g = np.clip(grad[name], -most, most)
            self.memory[name] += g * g
            weights = getattr(self, name)
            weights += -rate * g / np.sqrt(self.memory[name] + 1e-8)


def main(path, seed, iters, hidden_size, steps):
    with open(path, encoding='utf-8', newline='') as file:
        text = file.read()
    chars = sorted(set(text))
    data = [chars.index(ch) for ch in text]
    print('data has %d characters, %d unique.' % (len(text), len(chars)))

    np.random.seed(seed)
    net = Network(len(chars), hidden_size)
    smooth_loss = -np.log(1 / len(chars)) * steps
    at = len(data)  # so that the first iteration, too, goes to the start
    for n in range(iters + 1):
        if at + steps + 1 >= len(data):
            at, h = 0, np.zeros(hidden_size)
        inputs, targets = data[at:at + steps], data[at + 1:at + steps + 1]
        shows = n % 100 == 0 or n == iters
        if shows:
            print('----\n %s \n----' % ''.join(chars[ix] for ix in net.write(h, inputs[0], 200)))
        loss, grad, h = net.read(h, inputs, targets)
        smooth_loss = 0.999 * smooth_loss + 0.001 * loss
        if shows:
            print('iter %d, loss: %.9f' % (n, smooth_loss))
        net.learn(grad)
        at += steps


if __name__ == '__main__':
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding='utf-8', newline='\n')
    main(sys.argv[1], *map(int, sys.argv[2:]))
