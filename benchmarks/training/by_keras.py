"""The five models by Keras 3: each function defines and trains one, ``epochs`` times over arrays."""

import keras
from keras import layers, ops


def cnn(x, t, epochs):
    def block(o):
        return layers.Conv2D(o, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU()

    head = layers.MaxPool2D(2), layers.Flatten(), layers.Dropout(0.4), layers.Dense(10)
    model = keras.Sequential([*block(32), *block(32), layers.MaxPool2D(2), *block(64), *block(64), *head])
    n = len(x) // 64 * 64  # without the last smaller batch
    rate = keras.optimizers.schedules.CosineDecay(
        0.0004, epochs * (n // 64), warmup_target=0.01, warmup_steps=epochs * n // 64 * 3 // 10
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.05), loss)
    model.fit(x.transpose(0, 2, 3, 1)[:n], t[:n], epochs=epochs, batch_size=64, verbose=0)


def gpt(x, t, epochs):
    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.attention = layers.MultiHeadAttention(4, 16)
            self.norm1, self.norm2 = layers.LayerNormalization(), layers.LayerNormalization()
            self.mlp = keras.Sequential([layers.Dense(256, activation="gelu"), layers.Dense(64)])

        def call(self, x):
            y = self.norm1(x)
            x = x + self.attention(y, y, use_causal_mask=True)
            return x + self.mlp(self.norm2(x))

    class GPT(keras.Model):
        def __init__(self):
            super().__init__()
            self.table, self.positions = layers.Embedding(100, 64), layers.Embedding(64, 64)
            self.blocks = [Block() for _ in range(2)]
            self.norm = layers.LayerNormalization()

        def call(self, ids):
            x = self.table(ids) + self.positions(ops.arange(ids.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.norm(x) @ ops.transpose(self.table.embeddings)

    model, n = GPT(), len(x) // 64 * 64
    model(x[:1])
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.1, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay(
        [v for v in model.trainable_variables if "block" not in v.path or "kernel" not in v.path]
    )
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x[:n], t[:n], epochs=epochs, batch_size=64, verbose=0)


def tagger(x, t, epochs):
    ids, lengths = keras.Input((24,), dtype="int64"), keras.Input((), dtype="int64")
    mask = ops.arange(24) < ops.expand_dims(lengths, 1)
    y = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(layers.Embedding(4, 16)(ids), mask=mask)
    model = keras.Model([ids, lengths], layers.Dense(3)(y))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile(keras.optimizers.Adam(5e-3, global_clipnorm=1.0), loss)
    n = len(t) // 64 * 64
    model.fit([x[0][:n], x[1][:n]], t[:n], epochs=epochs, batch_size=64, verbose=0)


def resnet(x, t, epochs):
    inputs = y = keras.Input((64,))
    for _ in range(10):
        z = layers.ReLU()(layers.BatchNormalization()(layers.Dense(64)(y)))
        z = layers.BatchNormalization()(layers.Dense(64)(z))
        y = layers.ReLU()(layers.add([y, z]))
    model = keras.Model(inputs, layers.Dense(10)(y))
    n = len(x) // 64 * 64
    rate = keras.optimizers.schedules.CosineDecay(0.05, epochs * (n // 64))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss)
    model.fit(x[:n], t[:n], epochs=epochs, batch_size=64, verbose=0)


def vae(x, t, epochs):
    class VAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([layers.Dense(128, activation="silu"), layers.Dense(16)])
            self.decoder = keras.Sequential([layers.Dense(128, activation="silu"), layers.Dense(64)])
            self.seed = keras.random.SeedGenerator(0)

        def call(self, x):
            mean, log_var = ops.split(self.encoder(x), 2, axis=1)
            divergence = -0.5 * ops.sum(1 + log_var - mean**2 - ops.exp(log_var))
            self.add_loss(divergence / ops.shape(x)[0])
            noise = keras.random.normal(ops.shape(mean), seed=self.seed)
            return self.decoder(mean + ops.exp(0.5 * log_var) * noise)

    def loss(x, logits):
        return ops.sum(ops.binary_crossentropy(x, logits, from_logits=True), axis=1)

    model, n = VAE(), len(x) // 64 * 64
    model.compile(keras.optimizers.Adam(2e-3), loss)
    model.fit(x[:n], x[:n], epochs=epochs, batch_size=64, verbose=0)
