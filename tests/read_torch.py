#!/usr/bin/env python3
"""Reads a checkpoint of min_char_rnn into PyTorch's own layers: nn.RNN, or nn.LSTM.

usage: read_torch.py CHECKPOINT TEXT [CHECKPOINT TEXT ...]

Prints a line for each, as read_numpy.py does, which ends in the checkpoint's name.
"""
import sys
import torch
from read_numpy import indices, load, number, report

CELLS = {1: (torch.nn.RNN, 'h'), 2: (torch.nn.LSTM, 'ifgo')}  # the gates in PyTorch's order


def network(m):
    p = {name: torch.from_numpy(a.astype(float)) for name, a in m.items()}
    V, H = p['Why'].shape
    kind, gates = CELLS[m['cell'].item()]
    layers = m['layers'].item()
    rnn, out = kind(V, H, layers).double(), torch.nn.Linear(H, V).double()
    weights = {}
    for i in range(layers):
        for to, part in ('weight_ih', 'Wx'), ('weight_hh', 'Wh'), ('bias_ih', 'b'):
            weights['%s_l%d' % (to, i)] = torch.cat([p[part + g + number(i)] for g in gates])
        weights['bias_ih_l%d' % i] = weights['bias_ih_l%d' % i][:, 0]
        weights['bias_hh_l%d' % i] = torch.zeros(len(gates) * H)
    rnn.load_state_dict(weights)
    out.load_state_dict({'weight': p['Why'], 'bias': p['by'][:, 0]})
    return rnn, out


def loss(m, ixs):
    rnn, out = network(m)
    x = torch.nn.functional.one_hot(torch.tensor(ixs), rnn.input_size).double()
    h, _ = rnn(x[:-1, None])
    return torch.nn.functional.cross_entropy(out(h[:, 0]), torch.tensor(ixs[1:])).item()


for path, text in zip(sys.argv[1::2], sys.argv[2::2]):
    model = load(path)
    report(model, loss(model, indices(model, text)), path)
