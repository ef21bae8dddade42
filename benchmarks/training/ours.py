"""The five models by graphdiff: each function defines and trains one, ``epochs`` times over arrays."""

import graphdiff as gd
from graphdiff import layers as L


def cnn(x, t, epochs):
    def block(i, o):
        return L.Conv2d(i, o, 3, padding=1, bias=False), L.BatchNorm(o), gd.nn.relu

    head = L.MaxPool(2), L.Flatten(), L.Dropout(0.4), L.Linear(256, 10)
    model = L.Sequential(*block(1, 32), *block(32, 32), L.MaxPool(2), *block(32, 64), *block(64, 64), *head)
    rate = gd.optim.schedules.one_cycle(0.01, epochs * (len(x) // 64))
    trainer = gd.train.Trainer(model, gd.nn.cross_entropy, gd.optim.AdamW(rate, weight_decay=0.05))
    trainer.fit((x, t), epochs=epochs, batch_size=64, drop_last=True, progress=False)


def gpt(x, t, epochs):
    class GPT(L.Layer):
        def __init__(self):
            self.table, self.positions = L.Embedding(100, 64), L.Embedding(64, 64)
            self.blocks = [L.TransformerBlock(64, 4, 256, causal=True) for _ in range(2)]
            self.norm = L.LayerNorm(64)

        def __call__(self, ids):
            x = self.table(ids) + self.positions(gd.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ self.table.weight.T

    rules = {"blocks.*weight": gd.optim.AdamW(1e-3, weight_decay=0.1), "*": gd.optim.AdamW(1e-3, weight_decay=0)}
    trainer = gd.train.Trainer(GPT(), gd.nn.cross_entropy, rules, clip_norm=1.0)
    trainer.fit((x, t), epochs=epochs, batch_size=64, drop_last=True, progress=False)


def tagger(x, t, epochs):
    class Tagger(L.Layer):
        def __init__(self):
            self.table = L.Embedding(4, 16)
            self.lstm = L.LSTM(16, 32, bidirectional=True, batch_first=True)
            self.out = L.Linear(64, 3)

        def __call__(self, ids, lengths):
            y, _ = self.lstm(self.table(ids), lengths=lengths)
            return self.out(y)

    def loss(scores, target):
        return gd.nn.cross_entropy(scores, target, ignore_index=-1)

    trainer = gd.train.Trainer(Tagger(), loss, gd.optim.Adam(5e-3), clip_norm=1.0)
    trainer.fit((x, t), epochs=epochs, batch_size=64, drop_last=True, progress=False)


def resnet(x, t, epochs):
    def block():
        inner = L.Linear(64, 64), L.BatchNorm(64), gd.nn.relu, L.Linear(64, 64), L.BatchNorm(64)
        return L.Residual(*inner), gd.nn.relu

    model = L.Sequential(*[layer for _ in range(10) for layer in block()], L.Linear(64, 10))
    rate = gd.optim.schedules.cosine(0.05, epochs * (len(x) // 64))
    trainer = gd.train.Trainer(model, gd.nn.cross_entropy, gd.optim.SGD(rate, momentum=0.9))
    trainer.fit((x, t), epochs=epochs, batch_size=64, drop_last=True, progress=False)


def vae(x, t, epochs):
    class VAE(L.Layer):
        def __init__(self):
            self.encoder = L.Sequential(L.Linear(64, 128), gd.nn.silu, L.Linear(128, 16))
            self.decoder = L.Sequential(L.Linear(8, 128), gd.nn.silu, L.Linear(128, 64))

        def __call__(self, x):
            mean, log_var = gd.split(self.encoder(x), 2, axis=1)
            noise = gd.random.normal(L.current().key(), mean.shape)
            return self.decoder(mean + gd.exp(0.5 * log_var) * noise), mean, log_var

    def loss(found, x):
        logits, mean, log_var = found
        pixels = gd.nn.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (pixels - 0.5 * gd.sum(1 + log_var - mean**2 - gd.exp(log_var))) / x.shape[0]

    trainer = gd.train.Trainer(VAE(), loss, gd.optim.Adam(2e-3))
    trainer.fit((x, x), epochs=epochs, batch_size=64, drop_last=True, progress=False)
