"""The five models by PyTorch: each function defines and trains one, ``epochs`` times over arrays."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def cnn(x, t, epochs):
    def block(i, o):
        return nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()

    head = nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.4), nn.Linear(256, 10)
    model = nn.Sequential(*block(1, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64), *block(64, 64), *head)
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(t))
    loader = DataLoader(data, batch_size=64, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=epochs * len(loader))
    for _ in range(epochs):
        model.train()
        total = 0.0
        for xb, tb in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xb), tb)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()


def gpt(x, t, epochs):
    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.positions = nn.Embedding(100, 64), nn.Embedding(64, 64)
            self.blocks = nn.ModuleList(
                nn.TransformerEncoderLayer(64, 4, 256, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(2)
            )
            self.norm = nn.LayerNorm(64)

        def forward(self, ids):
            n = ids.shape[1]
            mask = nn.Transformer.generate_square_subsequent_mask(n)
            x = self.table(ids) + self.positions(torch.arange(n))
            for block in self.blocks:
                x = block(x, src_mask=mask, is_causal=True)
            return self.norm(x) @ self.table.weight.T

    model = GPT()
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(t))
    loader = DataLoader(data, batch_size=64, shuffle=True, drop_last=True)
    decay = [p for name, p in model.named_parameters() if name.startswith("blocks") and name.endswith("weight")]
    rest = [p for name, p in model.named_parameters() if not (name.startswith("blocks") and name.endswith("weight"))]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    for _ in range(epochs):
        model.train()
        total = 0.0
        for xb, tb in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xb).transpose(1, 2), tb)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()


def tagger(x, t, epochs):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(4, 16)
            self.lstm = nn.LSTM(16, 32, bidirectional=True, batch_first=True)
            self.out = nn.Linear(64, 3)

        def forward(self, ids, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(self.table(ids), lengths, batch_first=True, enforce_sorted=False)
            y, _ = self.lstm(packed)
            y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=ids.shape[1])
            return self.out(y)

    model = Tagger()
    ids, lengths = x
    data = TensorDataset(torch.from_numpy(ids), torch.from_numpy(lengths), torch.from_numpy(t))
    loader = DataLoader(data, batch_size=64, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(epochs):
        model.train()
        total = 0.0
        for ids, lengths, tb in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(ids, lengths).transpose(1, 2), tb, ignore_index=-1)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()


def resnet(x, t, epochs):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(
                nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64)
            )

        def forward(self, x):
            return F.relu(x + self.inner(x))

    model = nn.Sequential(*[Block() for _ in range(10)], nn.Linear(64, 10))
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(t))
    loader = DataLoader(data, batch_size=64, shuffle=True, drop_last=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))
    for _ in range(epochs):
        model.train()
        total = 0.0
        for xb, tb in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(xb), tb)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()


def vae(x, t, epochs):
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 16))
            self.decoder = nn.Sequential(nn.Linear(8, 128), nn.SiLU(), nn.Linear(128, 64))

        def forward(self, x):
            mean, log_var = self.encoder(x).chunk(2, dim=1)
            noise = torch.randn_like(mean)
            return self.decoder(mean + torch.exp(0.5 * log_var) * noise), mean, log_var

    def loss_of(found, x):
        logits, mean, log_var = found
        pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (pixels - 0.5 * torch.sum(1 + log_var - mean**2 - torch.exp(log_var))) / len(x)

    model = VAE()
    loader = DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=64, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        model.train()
        total = 0.0
        for (xb,) in loader:
            optimizer.zero_grad()
            loss = loss_of(model(xb), xb)
            loss.backward()
            optimizer.step()
            total += loss.item()
