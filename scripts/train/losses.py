"""The losses: heatmaps at two resolutions, coordinates by DSNT, and the measurements that are read from them.

Paper A's equation 6 is the heatmap loss over the feature pyramid plus the error of the measurements taken from the
DSNT coordinates. Two changes: the heatmap loss is the cross-entropy of a softmax (a map is a distribution, so
its spread is an uncertainty), and angles are compared by their unit vectors instead of by slopes.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from network import ABSENT_LOGIT

TARGET_SIGMA = 1.5  # of the Gaussian target on the fine map, in heatmap pixels
COARSE_SIGMA = 0.9

# A corner's index is 4·vertebra + (antero-superior, antero-inferior, postero-superior, postero-inferior).
SUPERIOR = [(4 * v + 2, 4 * v) for v in range(6)]
INFERIOR = [(4 * v + 3, 4 * v + 1) for v in range(6)]
POSTERIOR = [(4 * v + 3, 4 * v + 2) for v in range(6)]
DISCS = [(4 * v + 3, 4 * v + 6) for v in range(5)] + [(4 * v + 1, 4 * v + 4) for v in range(5)]
CANAL = [(4 * v + 2, 24 + 2 * (v - 1)) for v in range(1, 6)] + [(4 * v + 3, 25 + 2 * (v - 1)) for v in range(1, 6)]
VECTORS = torch.tensor(SUPERIOR + INFERIOR + POSTERIOR + DISCS + CANAL)


def heatmap_loss(logits, points, state, sigma, absent=ABSENT_LOGIT):
    """Cross-entropy of each map against a Gaussian at its point, or against "absent".

    logits [B, K, H, W]; points [B, K, 2] in pixels of that map (centre of the first is 0.5);
    state [B, K]: 1 on the picture, 0 absent, -1 says nothing. Returns [B, K] and the log-normaliser [B, K].
    """
    b, k, h, w = logits.shape
    flat = logits.reshape(b, k, h * w)
    lse = torch.logaddexp(torch.logsumexp(flat, 2), torch.tensor(absent))
    radius = int(3 * sigma + 0.5)
    offset = torch.arange(-radius, radius + 1)
    cell = torch.floor(points).long()
    x = cell[..., 0, None] + offset
    y = cell[..., 1, None] + offset
    gx = torch.exp(-0.5 * ((x + 0.5 - points[..., 0, None]) / sigma) ** 2) * ((x >= 0) & (x < w))
    gy = torch.exp(-0.5 * ((y + 0.5 - points[..., 1, None]) / sigma) ** 2) * ((y >= 0) & (y < h))
    g = gy[..., :, None] * gx[..., None, :]
    g = g / g.sum((2, 3), keepdim=True).clamp_min(1e-6)
    index = (y.clamp(0, h - 1)[..., :, None] * w + x.clamp(0, w - 1)[..., None, :]).reshape(b, k, -1)
    expected = (flat.gather(2, index) * g.reshape(b, k, -1)).sum(2)
    loss = torch.where(state > 0.5, lse - expected, lse - absent)
    return loss * (state >= 0), lse


def dsnt(logits, lse):
    """The mean position of each map, in its pixels, given that the landmark is on the picture: [B, K, 2]."""
    b, k, h, w = logits.shape
    p = torch.exp(logits - lse[..., None, None])
    mass = p.sum((2, 3)).clamp_min(1e-6)
    x = (p.sum(2) * (torch.arange(w) + 0.5)).sum(2) / mass
    y = (p.sum(3) * (torch.arange(h) + 0.5)).sum(2) / mass
    return torch.stack([x, y], -1)


def measurement_loss(found, truth, state, pitch, vectors=VECTORS, beta=0.1):
    """The error of every vector a measurement is made of: its direction (angles) and its length (distances).

    Mean over the pairs whose two ends are on the picture; lengths in units of the film's level height. Errors below `beta` (radians,
    level heights) count by their square, larger ones as they are.
    """
    a, b = vectors[:, 0], vectors[:, 1]
    use = ((state[:, a] > 0.5) & (state[:, b] > 0.5)).float()
    u, v = found[:, b] - found[:, a], truth[:, b] - truth[:, a]
    lu, lv = u.norm(dim=-1).clamp_min(1e-3), v.norm(dim=-1).clamp_min(1e-3)
    angle = torch.atan2(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0], (u * v).sum(-1))
    # A short disc height has no direction worth learning: weigh angles by length.
    long = (lv / pitch[:, None]).clamp(0, 1)
    error = F.smooth_l1_loss(angle * long, torch.zeros_like(angle), beta=beta, reduction="none")
    error = error + F.smooth_l1_loss(lu / pitch[:, None], lv / pitch[:, None], beta=beta, reduction="none")
    return (error * use).sum() / use.sum().clamp_min(1)


def total(outputs, batch, measure_weight):
    """The loss of a batch and its parts, for the log."""
    heat, quality, coarse = (o.float() for o in outputs)
    points, state, weight = batch["points"], batch["state"], batch["weight"]
    stride = batch["size"] / heat.shape[-1]
    fine_points = points / stride
    fine, lse = heatmap_loss(heat, fine_points, state, TARGET_SIGMA)
    low, _ = heatmap_loss(coarse, points * coarse.shape[-1] / batch["size"], state, COARSE_SIGMA)
    norm = (weight * (state >= 0)).sum().clamp_min(1)
    fine = (fine * weight).sum() / norm
    low = (low * weight).sum() / norm
    here = (state > 0.5).float() * weight
    found = dsnt(heat, lse)
    pitch = batch["pitch"] / stride
    off = ((found - fine_points).abs().sum(-1) / pitch[:, None]).clamp_max(8)
    coordinate = (off * here).sum() / here.sum().clamp_min(1)
    measured = measurement_loss(found, fine_points, state * (weight > 0.5), pitch)
    lateral = F.binary_cross_entropy_with_logits(quality[:, 0], batch["lateral"])
    known = batch["c7"] >= 0
    c7 = F.cross_entropy(quality[:, 1:4], batch["c7"].clamp_min(0), reduction="none")
    c7 = (c7 * known).sum() / known.sum().clamp_min(1)
    turned = batch["rotation"] >= 0
    rotation = F.smooth_l1_loss(quality[:, 4], batch["rotation"], beta=2.0, reduction="none")
    rotation = (rotation * turned).sum() / turned.sum().clamp_min(1)
    loss = fine + 0.3 * low + 0.5 * coordinate + measure_weight * measured + lateral + 0.3 * c7 + 0.03 * rotation
    parts = dict(fine=fine, low=low, coord=coordinate, measure=measured, lateral=lateral, c7=c7, rotation=rotation)
    return loss, {name: float(value.detach()) for name, value in parts.items()}


OWN_BETA = 0.02  # 1.1°: what is to be learnt here are degrees, not which body it is
# One body's own vectors: its end-plates, its walls, and from the posterior wall to the spinolaminar line.
OWN_VECTORS = torch.tensor([(2, 0), (3, 1), (3, 2), (1, 0), (2, 4), (3, 5)])


def refined(outputs, batch, measure_weight, absent):
    """The loss of a batch of patches and its parts: as `total`, for the landmarks of one vertebra."""
    heat, coarse = (o.float() for o in outputs)
    points, state, weight = batch["points"], batch["state"], batch["weight"]
    stride = batch["size"] / heat.shape[-1]
    fine_points = points / stride
    fine, lse = heatmap_loss(heat, fine_points, state, TARGET_SIGMA, absent)
    low, _ = heatmap_loss(coarse, points * coarse.shape[-1] / batch["size"], state, COARSE_SIGMA, absent)
    norm = (weight * (state >= 0)).sum().clamp_min(1)
    fine, low = (fine * weight).sum() / norm, (low * weight).sum() / norm
    here = (state > 0.5).float() * weight
    found = dsnt(heat, lse)
    pitch = batch["pitch"] / stride
    off = ((found - fine_points).abs().sum(-1) / pitch[:, None]).clamp_max(2)
    coordinate = (off * here).sum() / here.sum().clamp_min(1)
    measured = measurement_loss(found, fine_points, state * (weight > 0.5), pitch, OWN_VECTORS, OWN_BETA)
    loss = fine + 0.3 * low + 2.0 * coordinate + measure_weight * measured
    parts = dict(fine=fine, low=low, coord=coordinate, measure=measured)
    return loss, {name: float(value.detach()) for name, value in parts.items()}
