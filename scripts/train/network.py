"""The detector: a U-Net from 512² to heatmaps of 256², and a small head that judges the film as a whole.

Input `image` [B, 1, 512, 512], 0..1, bone bright. Outputs:
- `heatmaps` [B, 34, 256, 256]: logits. Softmax over the map **and** one more cell of constant logit `ABSENT_LOGIT`, which
  stands for "this landmark is not on the picture".
- `quality` [B, 5]: lateral cervical film (logit), C7 full, partial, hidden (logits), |rotation about the long axis| in degrees.

Only convolutions, batch normalisation, ReLU, pooling, bilinear resizing and depth-to-space: TensorRT takes them all.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

LANDMARKS = 34
QUALITY = 5
ABSENT_LOGIT = math.log(256 * 256)


def reduced() -> torch.autocast:
    """Computes in bfloat16 where the processor can: twice as fast there, twenty times slower where it must be imitated."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.ops.mkldnn._is_mkldnn_bf16_supported())


def conv(cin: int, cout: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(cin, cout, 3, stride, dilation, dilation, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.first = conv(channels, channels, dilation=dilation)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class Up(nn.Module):
    """Fuses a coarse map into a finer one."""

    def __init__(self, coarse: int, fine: int, out: int):
        super().__init__()
        self.lateral = nn.Conv2d(fine, out, 1, bias=False)
        self.top = nn.Conv2d(coarse, out, 1, bias=False)
        self.norm = nn.BatchNorm2d(out)
        self.block = Block(out)

    def forward(self, coarse, fine):
        top = F.interpolate(self.top(coarse), scale_factor=2, mode="bilinear", align_corners=False)
        return self.block(F.relu(self.norm(top + self.lateral(fine))))


class LocalContrast(nn.Module):
    """The picture, and beside it the picture freed of slow shading: (x − mean) / spread over about 70 pixels.

    Vendors' tone curves and scatter change the first channel much more than the second.
    """

    def forward(self, x):
        small = F.avg_pool2d(x, 8)
        square = F.avg_pool2d(x * x, 8)
        mean = F.avg_pool2d(small, 9, 1, 4, count_include_pad=False)
        spread = torch.sqrt(F.relu(F.avg_pool2d(square, 9, 1, 4, count_include_pad=False) - mean * mean) + 1e-3)
        mean = F.interpolate(mean, scale_factor=8, mode="bilinear", align_corners=False)
        spread = F.interpolate(spread, scale_factor=8, mode="bilinear", align_corners=False)
        return torch.cat([2 * x - 1, 0.5 * (x - mean) / spread], 1)


class Detector(nn.Module):
    def __init__(self, width=(24, 48, 80, 128, 160, 160)):
        super().__init__()
        w0, w1, w2, w3, w4, w5 = width
        self.contrast = LocalContrast()
        self.stem = conv(2, w0, 2)
        self.down1 = nn.Sequential(conv(w0, w1, 2), Block(w1))
        self.down2 = nn.Sequential(conv(w1, w2, 2), Block(w2), Block(w2))
        self.down3 = nn.Sequential(conv(w2, w3, 2), Block(w3), Block(w3))
        self.down4 = nn.Sequential(conv(w3, w4, 2), Block(w4), Block(w4))
        self.down5 = nn.Sequential(conv(w4, w5, 2), Block(w5), Block(w5))
        self.up4 = Up(w5, w4, w4)
        self.up3 = Up(w4, w3, w3)
        self.up2 = Up(w3, w2, w2)
        self.up1 = Up(w2, w1, 64)
        self.coarse = nn.Conv2d(w2, LANDMARKS, 1)
        self.unshuffle = nn.PixelShuffle(2)
        self.merge = conv(16 + w0, 32)
        self.heat = nn.Conv2d(32, LANDMARKS, 1)
        self.judge = nn.Sequential(nn.Linear(w4 + w5, 64), nn.ReLU(inplace=True), nn.Linear(64, QUALITY))

    def forward(self, image, coarse: bool = False):
        with torch.autocast("cpu", enabled=False):
            x = self.contrast(image.float())
        x0 = self.stem(x)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        x3 = self.down3(x2)
        x4 = self.down4(x3)
        x5 = self.down5(x4)
        y4 = self.up4(x5, x4)
        y2 = self.up2(self.up3(y4, x3), x2)
        y1 = self.up1(y2, x1)
        heat = self.heat(self.merge(torch.cat([self.unshuffle(y1), x0], 1)))
        quality = self.judge(torch.cat([x5.mean((2, 3)), x4.amax((2, 3))], 1))
        return (heat, quality, self.coarse(y2)) if coarse else (heat, quality)


class Stage(nn.Module):
    """One stage of a high-resolution network: each stream goes on by itself, then hears all others (Wang et al. 2020)."""

    def __init__(self, widths: tuple[int, ...], blocks: int = 2):
        super().__init__()
        self.own = nn.ModuleList(nn.Sequential(*[Block(w) for _ in range(blocks)]) for w in widths)
        self.mix = nn.ModuleList(
            nn.ModuleList(self.path(source, target, i - j) for j, source in enumerate(widths)) for i, target in enumerate(widths)
        )

    @staticmethod
    def path(source: int, target: int, down: int) -> nn.Module:
        """From one stream to another `down` steps coarser; finer for a negative number."""
        if down == 0:
            return nn.Identity()
        if down > 0:
            return nn.Sequential(*[conv(source, source, 2) for _ in range(down - 1)], nn.Conv2d(source, target, 3, 2, 1))
        return nn.Sequential(nn.Conv2d(source, target, 1), nn.Upsample(scale_factor=2**-down, mode="bilinear", align_corners=False))

    def forward(self, streams):
        streams = [own(x) for own, x in zip(self.own, streams)]
        return [F.relu(sum(path(x) for path, x in zip(paths, streams))) for paths in self.mix]


class HighResolution(nn.Module):
    """An HRNet-style detector: a stream at a quarter of the picture's side is kept throughout and is never rebuilt from a coarser one.

    Its answers are those of `Detector`, so that it drops in by its ONNX file and the hash in the manifest. Four times the work.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        widths = tuple(width * 2**i for i in range(4))
        self.contrast = LocalContrast()
        self.first = conv(2, 24, 2)
        self.stem = nn.Sequential(conv(24, width, 2), Block(width), Block(width))
        self.begin = nn.ModuleList(conv(w, 2 * w, 2) for w in widths[:-1])
        self.stages = nn.ModuleList(Stage(widths[: n + 1]) for n in (1, 2, 3))
        self.gather = nn.Sequential(nn.Conv2d(sum(widths), 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True))
        self.coarse = nn.Conv2d(widths[1], LANDMARKS, 1)
        self.unshuffle = nn.PixelShuffle(2)
        self.merge = conv(16 + 24, 32)
        self.heat = nn.Conv2d(32, LANDMARKS, 1)
        self.judge = nn.Sequential(nn.Linear(2 * widths[-1], 64), nn.ReLU(inplace=True), nn.Linear(64, QUALITY))

    def forward(self, image, coarse: bool = False):
        with torch.autocast("cpu", enabled=False):
            x = self.contrast(image.float())
        x0 = self.first(x)
        streams = [self.stem(x0)]
        for begin, stage in zip(self.begin, self.stages):
            streams = stage([*streams, begin(streams[-1])])
        scaled = [streams[0]] + [
            F.interpolate(x, scale_factor=2**i, mode="bilinear", align_corners=False) for i, x in enumerate(streams) if i
        ]
        y1 = self.gather(torch.cat(scaled, 1))
        heat = self.heat(self.merge(torch.cat([self.unshuffle(y1), x0], 1)))
        last = streams[-1]
        quality = self.judge(torch.cat([last.mean((2, 3)), last.amax((2, 3))], 1))
        return (heat, quality, self.coarse(streams[1])) if coarse else (heat, quality)


# What `train.py --network` may name; each gives the same answers, so that each drops in by the manifest.
DETECTORS = {
    "unet": Detector,
    "unet-wide": lambda: Detector((40, 80, 128, 192, 256, 256)),
    "hrnet": HighResolution,
}


REFINER_ABSENT_LOGIT = math.log(64 * 64)


class Refiner(nn.Module):
    """A specialist: a patch of 128² in which one vertebra stands upright → logits of its landmarks on 64².

    Softmax over the map and one more cell of logit `REFINER_ABSENT_LOGIT`: "not the body I was promised".
    """

    def __init__(self, marks: int = 6, width=(32, 48, 96, 128)):
        super().__init__()
        w0, w1, w2, w3 = width
        self.contrast = LocalContrast()
        self.stem = conv(2, w0, 2)
        self.down1 = nn.Sequential(conv(w0, w1, 2), Block(w1), Block(w1))
        self.down2 = nn.Sequential(conv(w1, w2, 2), Block(w2), Block(w2))
        self.down3 = nn.Sequential(conv(w2, w3, 2), Block(w3), Block(w3))
        self.up2 = Up(w3, w2, w2)
        self.up1 = Up(w2, w1, w1)
        self.up0 = Up(w1, w0, w0)
        self.coarse = nn.Conv2d(w1, marks, 1)
        self.heat = nn.Conv2d(w0, marks, 1)

    def forward(self, patch, coarse: bool = False):
        with torch.autocast("cpu", enabled=False):
            x = self.contrast(patch.float())
        x0 = self.stem(x)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        y1 = self.up1(self.up2(self.down3(x2), x2), x1)
        heat = self.heat(self.up0(y1, x0))
        return (heat, self.coarse(y1)) if coarse else heat


class Committee(nn.Module):
    """Specialists for the same vertebra that learnt apart, as one: the mean of their logits.

    That is the geometric mean of their distributions (a logarithmic opinion pool, Genest & Zidek 1986): two peaks a little apart become one
    in the middle, and "not the body I was promised" keeps its logit.
    """

    def __init__(self, members: list[Refiner]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, patch):
        return torch.stack([member(patch) for member in self.members]).mean(0)


LOCATED = 10  # C2's four corners, C7's four corners and two spinolaminar ends


class Locator(nn.Module):
    """x, y and trust of the 20 corners of C2–C6 → x, y and ln σ of each target, in the frame of the column."""

    def __init__(self, width: int = 192):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(60, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.places = nn.Linear(width, 3 * LOCATED)

    def forward(self, levels):
        return self.places(self.hidden(levels))
