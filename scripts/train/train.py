#!/usr/bin/env python3
"""Trains the detector on packed films, with checkpoints every few minutes and resume.

    python3 scripts/train/train.py --films DIR [--films DIR …] --work WORK --pictures 90000
    python3 scripts/train/train.py --films DIR --work WORK --pictures 8000 --size 512     # goes on from the last checkpoint
    python3 scripts/train/train.py --films DIR --work WORK --start models/detector.onnx --rate 1e-3 --pictures 40000   # or from a model
    python3 scripts/train/train.py --films DIR --work WORK --start models/detector.onnx --only-c7 --pictures 6000      # see `only_c7`

The network is convolutional throughout: a phase at 256² (four times cheaper a picture) learns what the neck looks
like and how levels are named; one at 512² can follow for what 256² does not resolve. `WORK/batch.png` shows the first
batch with its landmarks: look at it before trusting a run. Films whose name hashes into the last twentieth are held out;
films that are added to the folders while it runs are taken up.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

import augment
import films
import losses
from loop import Loop, Samples
from network import DETECTORS, reduced
from view import letterbox, see


def draw(batch, path: Path, rows: int = 3, columns: int = 5) -> None:
    """The first pictures of a batch with their landmarks: green on the picture, red where they count half."""
    tiles = []
    for i in range(min(rows * columns, len(batch["image"]))):
        tile = cv2.cvtColor((batch["image"][i, 0].numpy() * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
        for k in range(34):
            if batch["state"][i, k] > 0.5:
                x, y = batch["points"][i, k].numpy()
                colour = (0, 255, 0) if batch["weight"][i, k] > 0.7 else (0, 0, 255)
                cv2.circle(tile, (int(x), int(y)), 2, colour if k < 24 else (255, 128, 0), -1)
                if k % 4 == 0 and k < 24:
                    cv2.putText(tile, films.VERTEBRAE[k // 4], (int(x) - 18, int(y) + 8), 0, 0.35, (0, 255, 255), 1)
        state = batch["state"][i]
        note = f"lat {batch['lateral'][i]:.1f} c7 {batch['c7'][i]} on {int((state > 0.5).sum())} off {int((state == 0).sum())}"
        cv2.putText(tile, note, (3, 12), 0, 0.38, (0, 200, 255), 1)
        tiles.append(tile)
    blank = [np.zeros_like(tiles[0])] * (rows * columns - len(tiles))
    tiles += blank
    cv2.imwrite(str(path), np.vstack([np.hstack(tiles[r * columns : (r + 1) * columns]) for r in range(rows)]))


def validate(net, packs: list[Path], size: int, limit: int = 60) -> dict:
    """On held-out films, letterboxed, decoded by the highest mode: levels named right, corner error, quality."""
    named, errors, rotation, c7 = [], [], [], []
    for pack in packs:
        store = films.Store(pack)
        for film in [f for f in store.index if films.held_out(f.name) and f.lateral][:limit]:
            scale, centre = letterbox(film.width, film.height, size)
            x = torch.from_numpy(see(store.image(film), scale, centre, size=size))[None, None]
            with torch.no_grad(), reduced():
                heat, quality = net(x)
            found = local_mode(heat.float()[0]) * (size / heat.shape[-1])
            found = (found - size / 2) / scale + centre
            off = np.linalg.norm(found - film.points, axis=1)
            pitch = np.linalg.norm(np.diff(augment.bodies(film.points), axis=0), axis=1).mean()
            inside = (film.points >= 0).all(1) & (film.points < [film.width, film.height]).all(1)
            body = augment.bodies(found - film.points)
            here = np.isfinite(body).all(1) & (inside | np.isnan(film.points[:, 0]))[:24].reshape(6, 4).all(1)
            named.append((np.linalg.norm(body, axis=1)[here] < 0.4 * pitch).mean() if here.any() else np.nan)
            if film.mm:
                errors.append(np.nanmedian(off[:24][inside[:24]]) * film.mm)
            if film.c7 >= 0:
                c7.append(int(quality[0, 1:4].argmax()) == film.c7)
            if film.rotation >= 0:
                rotation.append(abs(float(quality[0, 4]) - film.rotation))
    named = np.array([n for n in named if np.isfinite(n)])
    mean = lambda v: round(float(np.mean(v)), 3) if len(v) else None
    return dict(films=len(named), levels=mean(named), whole=mean(named == 1), median_mm=mean(errors), c7=mean(c7), rotation=mean(rotation))


def local_mode(heat: torch.Tensor, radius: int = 4) -> np.ndarray:
    """The mean position within `radius` of each map's maximum: [K, 2], pixels of the map."""
    k, h, w = heat.shape
    out = np.zeros((k, 2))
    maps = heat.numpy()
    for i in range(k):
        y, x = np.unravel_index(maps[i].argmax(), (h, w))
        y0, x0 = max(0, y - radius), max(0, x - radius)
        patch = maps[i, y0 : y + radius + 1, x0 : x + radius + 1]
        p = np.exp(patch - patch.max())
        p /= p.sum()
        out[i] = (p.sum(0) @ (np.arange(p.shape[1]) + x0 + 0.5), p.sum(1) @ (np.arange(p.shape[0]) + y0 + 0.5))
    return out


def only_c7(net: torch.nn.Module) -> None:
    """Lets nothing learn but what the network says of C7's visibility, when shoulders look different: all other answers stay what they are."""
    net.eval().requires_grad_(False)
    names = torch.zeros(net.judge[-1].out_features)
    names[1:4] = 1  # full, partial, hidden
    for part in net.judge[-1].parameters():
        part.requires_grad_(True).register_hook(lambda slope: slope * names.view(-1, *[1] * (slope.dim() - 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=Path, action="append", required=True, help="folder of films with truth files; may be repeated")
    parser.add_argument("--share", type=float, action="append", help="how often the n-th folder is drawn from (default: all alike)")
    parser.add_argument("--work", type=Path, required=True, help="where packs, checkpoints and logs go")
    parser.add_argument("--pictures", type=int, default=20000, help="length of this phase; the learning rate falls to its end")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, help="default: 32 at 256², 12 at 512²")
    parser.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate; it rises, then falls to a hundredth along a cosine")
    parser.add_argument("--measure", type=float, default=0.3, help="weight of the measurement loss (paper A, eq. 6)")
    parser.add_argument("--network", choices=list(DETECTORS), default="unet", help="all drop in by the manifest; the others are bigger and slower")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", type=Path, help="an exported model of this network to start from, where there is no checkpoint yet")
    parser.add_argument("--only-c7", action="store_true", help="learn how C7 is seen, and nothing else")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    packs = []
    for folder in args.films:
        packs.append(args.work / f"pack-{folder.resolve().name}")
        films.pack([folder], packs[-1])
        print(f"{folder}: {len(films.Store(packs[-1]).index)} films", flush=True)

    net = DETECTORS[args.network]().to(memory_format=torch.channels_last)
    samples = Samples(packs, args.share, args.seed, lambda rng, image, film: augment.sample(rng, image, film, args.size))
    decay = 0.0 if args.only_c7 else 0.02
    loop = Loop(net, args.work, args.pictures, args.rate, args.start, samples.images, phase=f"{args.size}", decay=decay, network=args.network)
    if args.only_c7:
        only_c7(net)
    samples.seed += loop.seen
    loader = DataLoader(samples, args.batch or (32 if args.size <= 256 else 12), num_workers=args.workers, prefetch_factor=3 if args.workers else None)

    def loss_of(batch):
        if not (args.work / "batch.png").exists():
            draw(batch, args.work / "batch.png")
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        with reduced():
            outputs = net(image, True)
        loss, parts = losses.total(outputs, batch | {"size": args.size}, args.measure)
        return loss, parts, len(image)

    def between(judged):
        for folder, path in zip(args.films, packs):  # films that were made meanwhile
            films.pack([folder], path)
        return validate(judged, packs, args.size)

    loop.run(loader, loss_of, between)


if __name__ == "__main__":
    main()
