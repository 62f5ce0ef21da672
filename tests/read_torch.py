#!/usr/bin/env python3
"""Reads a checkpoint of min_char_rnn into PyTorch's own layers.

usage: read_torch.py CHECKPOINT TEXT

Prints the loss on the text, in nats per character, computed in float64 from hidden state 0 on.
"""
import sys
import torch
from read_numpy import indices, load


def network(m):
    p = {name: torch.from_numpy(m[name].astype(float))
         for name in ('Wxh', 'Whh', 'Why', 'bh', 'by')}
    V, H = p['Why'].shape
    rnn, out = torch.nn.RNN(V, H).double(), torch.nn.Linear(H, V).double()
    rnn.load_state_dict({'weight_ih_l0': p['Wxh'], 'bias_ih_l0': p['bh'][:, 0],
                         'weight_hh_l0': p['Whh'], 'bias_hh_l0': torch.zeros(H)})
    out.load_state_dict({'weight': p['Why'], 'bias': p['by'][:, 0]})
    return rnn, out


def loss(m, ixs):
    rnn, out = network(m)
    x = torch.nn.functional.one_hot(torch.tensor(ixs), rnn.input_size).double()
    h, _ = rnn(x[:-1, None])
    return torch.nn.functional.cross_entropy(out(h[:, 0]), torch.tensor(ixs[1:])).item()


model = load(sys.argv[1])
print('%.12f' % loss(model, indices(model, sys.argv[2])))
