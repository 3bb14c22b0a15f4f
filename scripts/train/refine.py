#!/usr/bin/env python3
"""Trains a specialist: the landmarks of one vertebra on an upright patch of the full-resolution film.

    python3 scripts/train/refine.py --role body --films DIR [--films DIR …] --work WORK/body --patches 150000
    python3 scripts/train/refine.py --role c2 --start WORK/body/checkpoint.pt --films DIR --work WORK/c2 --patches 30000
    python3 scripts/train/refine.py --role c7 --start WORK/body/checkpoint.pt --films DIR --work WORK/c7 --patches 30000
    python3 scripts/train/refine.py --role c7 --start models/refiner_c7.onnx --films DIR --work WORK/c7 --patches 30000

`body` learns all levels and serves C3–C6; `c2` and `c7` go on from it with their own. The same command goes on from the
last checkpoint. `WORK/…/batch.png` shows the first patches with their landmarks: look at it before trusting a run. Films whose name hashes
into the last twentieth are held out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

import films
import losses
import patches
from loop import Loop, Samples
from network import REFINER_ABSENT_LOGIT, Refiner, reduced
from train import local_mode

LONGEST = 2400  # films are packed as fine as they come


def draw(batch, path: Path, rows: int = 4, columns: int = 8) -> None:
    """The first patches of a batch with their landmarks: green counts, red counts less, blue is spinolaminar."""
    tiles = []
    for i in range(min(rows * columns, len(batch["image"]))):
        tile = cv2.cvtColor((batch["image"][i, 0].numpy() * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
        tile = cv2.resize(tile, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        for k in range(patches.MARKS):
            if batch["state"][i, k] > 0.5:
                x, y = 2 * batch["points"][i, k].numpy()
                colour = (255, 128, 0) if k >= 4 else (0, 255, 0) if batch["weight"][i, k] > 0.9 else (0, 0, 255)
                cv2.circle(tile, (int(x), int(y)), 2, colour, -1)
        note = f"{films.VERTEBRAE[int(batch['level'][i])]} {batch['state'][i].int().tolist()} {float(batch['mm'][i]):.2f}"
        cv2.putText(tile, note, (3, 12), 0, 0.4, (0, 200, 255), 1)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (rows * columns - len(tiles))
    cv2.imwrite(str(path), np.vstack([np.hstack(tiles[r * columns : (r + 1) * columns]) for r in range(rows)]))


def angle(u: np.ndarray, v: np.ndarray) -> float:
    """Between two vectors, in degrees, 0…180."""
    return abs(float(np.degrees(np.arctan2(u[0] * v[1] - u[1] * v[0], u @ v))))


def validate(net, packs: list[Path], role: str, limit: int = 120) -> dict:
    """On held-out films, misplaced as in training: errors in mm, those of the end-plates in degrees, absence."""
    rng, batch = np.random.default_rng(7), []
    for pack in packs:
        store = films.Store(pack)
        for film in [f for f in store.index if films.held_out(f.name) and patches.usable(f, role)][:limit]:
            batch += [patches.sample(rng, store.image(film), film, role) for _ in range(2)]
    if not batch:
        return {}
    heat = []
    for start in range(0, len(batch), 32):
        with torch.no_grad(), reduced():
            heat.append(net(torch.from_numpy(np.stack([b["image"] for b in batch[start : start + 32]]))).float())
    heat = torch.cat(heat)
    flat = heat.reshape(*heat.shape[:2], -1)
    lse = torch.logaddexp(torch.logsumexp(flat, 2), torch.tensor(REFINER_ABSENT_LOGIT))
    absent = torch.exp(REFINER_ABSENT_LOGIT - lse).numpy()
    scale = patches.SIDE / heat.shape[-1]
    seen, hidden, gone, here, slopes, guessed = [], [], [], [], [], []
    for b, maps, away in zip(batch, heat, absent):
        found = local_mode(maps, 5) * scale
        off = np.linalg.norm(found - b["points"], axis=1) * float(b["mm"])
        corner = np.arange(patches.MARKS) < 4
        seen += list(off[(b["state"] > 0.5) & b["visible"] & corner])
        hidden += list(off[(b["state"] > 0.5) & ~b["visible"] & corner])
        for back, front in ((2, 0), (3, 1)):  # the end-plates
            if (b["state"][[back, front]] > 0.5).all():
                (slopes if b["visible"][[back, front]].all() else guessed).append(angle(found[front] - found[back], b["points"][front] - b["points"][back]))
        (here if (b["state"] > 0.5).any() else gone).append(away[:4].mean())
    mean = lambda v: round(float(np.nanmean(v)), 3) if len(v) else None
    return dict(
        patches=len(batch), visible_mm=mean(seen), visible_median=round(float(np.nanmedian(seen)), 3) if seen else None,
        hidden_mm=mean(hidden), visible_deg=mean(slopes), hidden_deg=mean(guessed), absent_told=mean(np.array(gone) > 0.5), absent_wrongly=mean(np.array(here) > 0.5),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", choices=list(patches.ROLES), required=True)
    parser.add_argument("--films", type=Path, action="append", required=True, help="folder of films with truth files; may be repeated")
    parser.add_argument("--share", type=float, action="append", help="how often the n-th folder is drawn from (default: all alike)")
    parser.add_argument("--packs", type=Path, help="where the packed films lie (default: the folder above --work)")
    parser.add_argument("--work", type=Path, required=True, help="where checkpoints and logs go")
    parser.add_argument("--start", type=Path, help="checkpoint of another role, or an exported model, to start from")
    parser.add_argument("--member", type=int, default=1, help="which network of a committee to start from, counted from 1")
    parser.add_argument("--patches", type=int, default=150000, help="length of this phase; the learning rate falls to its end")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--measure", type=float, default=1.0, help="weight of the measurement loss (paper A, eq. 6)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    packs = []
    for folder in args.films:
        packs.append((args.packs or args.work.parent) / f"pack-{folder.resolve().name}")
        films.pack([folder], packs[-1], LONGEST)
        print(f"{folder}: {len(films.Store(packs[-1]).index)} films", flush=True)
    net = Refiner().to(memory_format=torch.channels_last)
    samples = Samples(packs, args.share, args.seed, lambda rng, image, film: patches.sample(rng, image, film, args.role), lambda film: patches.usable(film, args.role))
    loop = Loop(net, args.work, args.patches, args.rate, args.start, samples.images, args.member)
    samples.seed += loop.seen
    loader = DataLoader(samples, args.batch, num_workers=args.workers, prefetch_factor=3 if args.workers else None)

    def loss_of(batch):
        if not (args.work / "batch.png").exists():
            draw(batch, args.work / "batch.png")
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        with reduced():
            outputs = net(image, True)
        loss, parts = losses.refined(outputs, batch | {"size": patches.SIDE}, args.measure, REFINER_ABSENT_LOGIT)
        return loss, parts, len(image)

    def between(judged):
        for folder, path in zip(args.films, packs):  # films that were made meanwhile
            films.pack([folder], path, LONGEST)
        return validate(judged, packs, args.role)

    loop.run(loader, loss_of, between)


if __name__ == "__main__":
    main()
