#!/usr/bin/env python3
"""What min_char_rnn is measured against, by tests/bench.sh.

usage: bench_peers.py numpy TEXT H T                            training: characters/s
       bench_peers.py torch TEXT H T B THREADS [CELL LAYERS]    the same; CELL: RNN, LSTM, GRU
       bench_peers.py (numpy|torch) TEXT H                      sampling: characters/s
       bench_peers.py sgemm             OpenBLAS's sgemm, 256x256x256: FLOP/s
       bench_peers.py load COMMAND...   runs it: seconds, and the most memory it had, in bytes

The NumPy network is the one of Andrej Karpathy's min-char-rnn.py (BSD licence; CS231n, lecture 10),
in float64 as there. PyTorch's is what one would write with its layers: nn.RNN, nn.Linear, Adagrad;
nn.LSTM and nn.GRU with Adam.
"""
import sys
import time

SECONDS = 1.0  # that a measurement takes


def per_second(work, units):
    """Units per second of work(), which does so many, after one that does not count."""
    work()
    started, times = time.perf_counter(), 0
    while times == 0 or time.perf_counter() - started < SECONDS:
        work()
        times += 1
    return times * units / (time.perf_counter() - started)


def read(path):
    text = open(path, encoding='utf-8', newline='').read()
    to_ix = {ch: ix for ix, ch in enumerate(sorted(set(text)))}
    return [to_ix[ch] for ch in text], len(to_ix)


def bench_numpy(path, H, T=0):
    import numpy as np
    data, V = read(path)
    rng = np.random.RandomState(0)
    Wxh, Whh, Why = (rng.randn(*shape) * 0.01 for shape in ((H, V), (H, H), (V, H)))
    bh, by = np.zeros((H, 1)), np.zeros((V, 1))
    params = [Wxh, Whh, Why, bh, by]
    mems = [np.zeros_like(param) for param in params]
    state = {'h': np.zeros((H, 1)), 'p': 0, 'ix': 0}

    def step(ix, h):
        x = np.zeros((V, 1))
        x[ix] = 1
        h = np.tanh(np.dot(Wxh, x) + np.dot(Whh, h) + bh)
        y = np.dot(Why, h) + by
        return x, h, np.exp(y) / np.sum(np.exp(y))

    def train():
        if state['p'] + T + 1 >= len(data):
            state['p'], state['h'] = 0, np.zeros((H, 1))
        chunk = data[state['p']:state['p'] + T + 1]
        xs, hs, ps, loss = [], [state['h']], [], 0
        for ix, target in zip(chunk, chunk[1:]):
            x, h, p = step(ix, hs[-1])
            xs.append(x), hs.append(h), ps.append(p)
            loss -= np.log(p[target, 0])
        dWxh, dWhh, dWhy, dbh, dby = grads = [np.zeros_like(param) for param in params]
        dhnext = np.zeros((H, 1))
        for t in reversed(range(T)):
            dy = np.copy(ps[t])
            dy[chunk[t + 1]] -= 1
            dWhy += np.dot(dy, hs[t + 1].T)
            dby += dy
            dh = np.dot(Why.T, dy) + dhnext
            dhraw = (1 - hs[t + 1] * hs[t + 1]) * dh
            dbh += dhraw
            dWxh += np.dot(dhraw, xs[t].T)
            dWhh += np.dot(dhraw, hs[t].T)
            dhnext = np.dot(Whh.T, dhraw)
        for param, grad, mem in zip(params, grads, mems):
            np.clip(grad, -5, 5, out=grad)
            mem += grad * grad
            param += -1e-1 * grad / np.sqrt(mem + 1e-8)
        state['h'], state['p'] = hs[-1], state['p'] + T

    def sample():
        _, state['h'], p = step(state['ix'], state['h'])
        state['ix'] = rng.choice(range(V), p=p.ravel())

    return per_second(train, T) if T else per_second(sample, 1)


def bench_torch(path, H, T=0, B=1, threads=1, cell='RNN', layers=1):
    import torch
    from torch import nn
    torch.set_num_threads(threads)
    data, V = read(path)
    rnn, linear = getattr(nn, cell)(V, H, layers), nn.Linear(H, V)
    params = [*rnn.parameters(), *linear.parameters()]
    if cell == 'RNN':
        optimizer = torch.optim.Adagrad(params, lr=0.1, eps=1e-8)
    else:
        optimizer = torch.optim.Adam(params, lr=0.002)
    stream = len(data) // B
    text = torch.tensor(data)[:stream * B].view(B, stream).t()  # (stream,B)
    state = {'h': None, 'p': 0, 'x': torch.zeros(1, 1, dtype=torch.int64)}  # None: zeros

    def one_hot(x):
        return nn.functional.one_hot(x, V).float()

    def train():
        if state['p'] + T + 1 >= stream:
            state['p'], state['h'] = 0, None
        chunk = text[state['p']:state['p'] + T + 1]
        hs, h = rnn(one_hot(chunk[:-1]), state['h'])
        loss = nn.functional.cross_entropy(linear(hs).view(T * B, V), chunk[1:].reshape(-1),
                                           reduction='sum') / B
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(params, 5)
        optimizer.step()
        state['h'] = tuple(x.detach() for x in h) if cell == 'LSTM' else h.detach()
        state['p'] += T

    def sample():
        hs, state['h'] = rnn(one_hot(state['x']), state['h'])
        state['x'] = torch.multinomial(torch.softmax(linear(hs)[0], 1), 1)

    if T:
        return per_second(train, T * B)
    with torch.no_grad():
        return per_second(sample, 1)


def sgemm():
    import numpy as np
    a = np.random.rand(256, 256).astype(np.float32)
    out = np.empty_like(a)
    return per_second(lambda: np.dot(a, a, out=out), 2 * 256**3)


def load(command):
    import resource
    import subprocess
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took = time.perf_counter() - started
    return '%.3f %d' % (took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)


what, args = sys.argv[1], sys.argv[2:]
if what == 'sgemm':
    print(sgemm())
elif what == 'load':
    print(load(args))
else:
    bench = {'numpy': bench_numpy, 'torch': bench_torch}[what]
    print(bench(args[0], *(int(arg) if arg.isdigit() else arg for arg in args[1:])))
