#!/usr/bin/env python3
"""Reads a checkpoint of min_char_rnn with NumPy alone.

usage: read_numpy.py CHECKPOINT TEXT [COPY NOTED]

Prints the loss on the text, in nats per character, computed in float64 from state 0 on; the
checkpoint's own val_loss; and how far apart, relative to them, they may be. COPY becomes the same checkpoint, written as the safetensors library
writes one (https://github.com/huggingface/safetensors); NOTED the same with __metadata__.
"""
import json
import sys
import numpy as np

TYPES = {'I64': '<i8', 'F64': '<f8', 'F32': '<f4', 'I32': '<i4'}  # in the library's order
GATES = {1: 'h', 2: 'ifog', 3: 'zrh'}  # of the cells: rnn, lstm, gru


def load(path):
    with open(path, 'rb') as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
        data = file.read()
    header.pop('__metadata__', None)
    return {name: np.frombuffer(data[slice(*t['data_offsets'])], TYPES[t['dtype']])
            .reshape(t['shape']) for name, t in header.items()}


def indices(m, path):
    """A text's characters as their indices in the vocabulary."""
    with open(path, 'rb') as file:
        text = file.read()
    codes = list(text) if m['bytes'].item() else [ord(ch) for ch in text.decode()]
    chars = m['chars'].ravel().tolist()
    return [chars.index(code) for code in codes]


def number(layer):
    """What the names of a layer's weights end in: nothing, 2, 3 ..."""
    return str(layer + 1) if layer else ''


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(cell, W, x, h, c):
    """The next h and c of a layer. W: of each gate, by its letter, (Wx, Wh, b)."""
    a = {g: Wx @ x + Wh @ h + b for g, (Wx, Wh, b) in W.items()}
    if cell == 1:
        return np.tanh(a['h']), c
    if cell == 2:
        c = sigmoid(a['f']) * c + sigmoid(a['i']) * np.tanh(a['g'])
        return sigmoid(a['o']) * np.tanh(c), c
    Wx, Wh, b = W['h']
    z, r = sigmoid(a['z']), sigmoid(a['r'])
    return z * h + (1 - z) * np.tanh(Wx @ x + Wh @ (r * h) + b), c


def loss(m, ixs):
    cell, layers = m['cell'].item(), m['layers'].item()
    W = [{g: [m[part + g + number(i)].astype(float) for part in ('Wx', 'Wh', 'b')]
          for g in GATES[cell]} for i in range(layers)]
    Why, by = m['Why'].astype(float), m['by'].astype(float)
    V, H = Why.shape
    state, total = [(np.zeros((H, 1)), np.zeros((H, 1)))] * layers, 0
    for ix, target in zip(ixs, ixs[1:]):
        x = np.eye(V)[:, [ix]]
        for i in range(layers):
            state[i] = step(cell, W[i], x, *state[i])
            x = state[i][0]
        y = Why @ x + by
        total += np.log(np.sum(np.exp(y - y.max()))) + y.max() - y[target, 0]
    return total / (len(ixs) - 1)


def report(m, loss, name=''):
    most = 1e-5 if m['Why'].dtype == np.float32 else 1e-9
    print('%.12f %.12f %g %s' % (loss, m['val_loss'].item(), most, name))


def save(path, m, metadata=None):
    types = {dtype: name for name, dtype in TYPES.items()}
    types = {name: types[a.dtype.newbyteorder('<').str] for name, a in m.items()}
    header, data = {'__metadata__': metadata} if metadata else {}, b''
    for name in sorted(m, key=lambda name: (list(TYPES).index(types[name]), name.encode())):
        begin, data = len(data), data + m[name].tobytes()
        header[name] = {'dtype': types[name], 'shape': list(m[name].shape),
                        'data_offsets': [begin, len(data)]}
    header = json.dumps(header, separators=(',', ':')).encode()
    header += b' ' * (-len(header) % 8)
    with open(path, 'wb') as file:
        file.write(len(header).to_bytes(8, 'little') + header + data)


if __name__ == '__main__':
    model = load(sys.argv[1])
    report(model, loss(model, indices(model, sys.argv[2])))
    if len(sys.argv) > 4:
        save(sys.argv[3], model)
        save(sys.argv[4], model, {'format': 'np', 'note': 'a "note": {with [braces}, and \\ too'})
