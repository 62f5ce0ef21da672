#!/usr/bin/env python3
"""Reads a checkpoint of min_char_rnn with NumPy alone.

usage: read_numpy.py CHECKPOINT TEXT [COPY]

Prints the loss on the text, in nats per character, computed in float64 from hidden state 0 on, and
the checkpoint's own val_loss. COPY becomes the same checkpoint in other words: from the last tensor
to the first, with __metadata__, one tensor more, and blanks in the header.
"""
import json
import sys
import numpy as np

TYPES = {'U32': '<u4', 'U64': '<u8', 'F32': '<f4', 'F64': '<f8'}


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


def loss(m, ixs):
    Wxh, Whh, Why, bh, by = (m[name].astype(float) for name in ('Wxh', 'Whh', 'Why', 'bh', 'by'))
    h, total = np.zeros_like(bh), 0
    for ix, target in zip(ixs, ixs[1:]):
        h = np.tanh(Wxh[:, [ix]] + Whh @ h + bh)
        y = Why @ h + by
        total += np.log(np.sum(np.exp(y - y.max()))) + y.max() - y[target, 0]
    return total / (len(ixs) - 1)


def save(path, m):
    types = {dtype: name for name, dtype in TYPES.items()}
    header, data = {'__metadata__': {'note': '"Wxh":{ is a string here, and \\ too: }'}}, b''
    for name, a in m.items():
        begin, data = len(data), data + a.tobytes()
        header[name] = {'data_offsets': [begin, len(data)], 'shape': list(a.shape),
                        'dtype': types[a.dtype.newbyteorder('<').str]}
    header = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(len(header).to_bytes(8, 'little') + header + data)


if __name__ == '__main__':
    model = load(sys.argv[1])
    print('%.12f %.12f' % (loss(model, indices(model, sys.argv[2])), model['val_loss'].item()))
    if len(sys.argv) > 3:
        more = dict(reversed(list(model.items())), Wxh2=np.arange(12, dtype='<f4').reshape(3, 2, 2))
        save(sys.argv[3], more)
