"""Ten networks of torchvision's kinds, small and written out with torch.nn, and what they are fed."""

import torch
from torch import nn
from torch.nn import functional as F


def conv(i, o, k=3, s=1, groups=1, act=nn.ReLU):
    """Convolution, batch norm, activation."""
    found = [nn.Conv2d(i, o, k, s, k // 2, groups=groups, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*found, act()) if act else nn.Sequential(*found)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8, 3, 2)
        self.first = nn.Sequential(conv(8, 8), conv(8, 8, act=None))
        self.second = nn.Sequential(conv(8, 16, s=2), conv(16, 16, act=None))
        self.shortcut, self.head = conv(8, 16, 1, 2, act=None), nn.Linear(16, 5)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 3, 2, 1)
        x = F.relu(x + self.first(x), inplace=True)
        y = self.second(x)
        y += self.shortcut(x)
        return self.head(torch.flatten(F.adaptive_avg_pool2d(F.relu(y), 1), 1))


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.layers = nn.ModuleList([self.layer(6 + 4 * k) for k in range(3)])
        self.transition = nn.Sequential(nn.BatchNorm2d(18), nn.ReLU(), nn.Conv2d(18, 9, 1), nn.AvgPool2d(2))
        self.head = nn.Linear(9, 5)

    def layer(self, i):
        return nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(inplace=True), nn.Conv2d(i, 4, 3, padding=1, bias=False))

    def forward(self, x):
        found = [self.stem(x)]
        for layer in self.layers:
            found.append(layer(torch.cat(found, 1)))
        return self.head(self.transition(torch.cat(found, 1)).mean([2, 3]))


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8, 3, 2, act=nn.Hardswish)
        wide = [conv(8, 16, 1, act=nn.ReLU6), conv(16, 16, 3, 1, 16, nn.ReLU6), conv(16, 8, 1, act=None)]
        self.block = nn.Sequential(*wide)
        self.down, self.up = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.head = nn.Sequential(nn.Linear(8, 12), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(12, 5))

    def forward(self, x):
        x = self.stem(x)
        y = self.block(x)
        scale = F.relu6(self.up(F.silu(self.down(F.adaptive_avg_pool2d(y, 1)))) + 3) / 6  # hardsigmoid is of float32
        return self.head((x + y * scale).mean((-2, -1)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Parameter(torch.randn(1, 6, 8) * 0.1)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 11)

    def forward(self, ids):
        mask = torch.triu(torch.full((ids.shape[1], ids.shape[1]), float("-inf"), dtype=torch.float64), 1)
        return self.head(self.layers(self.tokens(ids) + self.places[:, : ids.shape[1]], mask=mask, is_causal=True))


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True), nn.Linear(12, 3)

    def forward(self, x):
        y, (h, c) = self.rnn(x)
        return self.head(y[:, -1]) + h[-1, :, :3] * c[0, :, :3]


class GRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.old, self.head = nn.GRU(4, 6), nn.RNN(6, 6, nonlinearity="relu"), nn.Linear(6, 3)

    def forward(self, x):
        y, h = self.rnn(x.transpose(0, 1))
        return self.head(self.old(y, h)[0]).permute(1, 0, 2)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.middle = conv(3, 6), conv(6, 12)
        self.up, self.out = nn.ConvTranspose2d(12, 6, 2, 2), nn.Conv2d(18, 2, 1)

    def forward(self, x):
        first = self.down(x)
        middle = self.middle(F.max_pool2d(first, 2))
        smooth = F.interpolate(middle[:, :6], scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.log_softmax(self.out(torch.cat([first, self.up(middle), smooth], 1)), 1)


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 1, 8))
        self.places = nn.Parameter(torch.randn(1, 5, 8))
        self.norm, self.heads, self.out = (
            nn.LayerNorm(8),
            nn.MultiheadAttention(8, 2, batch_first=True),
            nn.Linear(8, 5),
        )
        self.mlp = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 16), nn.GELU(approximate="tanh"), nn.Linear(16, 8))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        y = self.norm(x)
        x = x + self.heads(y, y, y, need_weights=False)[0]
        return self.out((x + self.mlp(x))[:, 0])


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.rows = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4))
        self.columns = nn.Sequential(nn.GroupNorm(2, 8), nn.Conv2d(8, 12, 1), nn.Mish(), nn.Conv2d(12, 8, 1))
        self.norm, self.out = nn.LayerNorm([4, 8]), nn.Linear(8, 5)

    def forward(self, x):
        x = self.patches(x)
        x = x + self.columns(x)
        x = self.norm(torch.einsum("bchw->bhwc", x).reshape(x.shape[0], 4, 8))
        return self.out((x + self.rows(x.mT).mT).mean(dim=1))


def vgg():
    features = [conv(3, 6), nn.MaxPool2d(2, 2), nn.Conv2d(6, 8, 3, padding="same"), nn.ELU(), nn.AdaptiveAvgPool2d(2)]
    return nn.Sequential(*features, nn.Flatten(), nn.Linear(32, 10), nn.LeakyReLU(0.2), nn.Dropout(), nn.Linear(10, 5))


def images(n):
    return torch.randn(n, 3, 8, 8)


NETWORKS = {
    "resnet": (ResNet, lambda n: torch.randn(n, 3, 16, 16)),
    "vgg": (vgg, images),
    "densenet": (DenseNet, images),
    "mobilenet": (MobileNet, lambda n: torch.randn(n, 3, 16, 16)),
    "encoder": (Encoder, lambda n: torch.randint(0, 11, (n, 6))),
    "lstm": (LSTM, lambda n: torch.randn(n, 5, 4)),
    "gru": (GRU, lambda n: torch.randn(n, 5, 4)),
    "unet": (UNet, images),
    "vit": (ViT, images),
    "mixer": (Mixer, images),
}


def made(name, n=3):
    """A network in float64 with statistics that are not the first ones, and its argument."""
    torch.manual_seed(0)
    make, given = NETWORKS[name]
    net = make().double()
    for buffer in net.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    x = given(n)
    return net, x.double() if x.is_floating_point() else x
