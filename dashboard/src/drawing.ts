/**
 * What is drawn on a film, in its own pixels: bodies, canal, and for each number the lines that it is measured between.
 *
 * Pure geometry after `docs/measurements.md`. A number whose landmarks are missing has no drawing; nothing is guessed.
 */

import type { Landmark } from "./contract.ts";

export type Point = readonly [x: number, y: number];

/** One vertebra's landmarks, as far as they were found. */
export interface Bone {
  readonly name: string;
  readonly as: Point | null;
  readonly ai: Point | null;
  readonly ps: Point | null;
  readonly pi: Point | null;
  /** The ends of the spinolaminar line. */
  readonly ls: Point | null;
  readonly li: Point | null;
}

export type Stroke = "plate" | "wall" | "canal" | "cobb" | "plumb" | "guide";

export interface Line {
  readonly from: Point;
  readonly to: Point;
  readonly stroke: Stroke;
}

/** The drawing of one number: its lines, its points, and where its value is written. */
export interface Construction {
  readonly lines: readonly Line[];
  readonly points: readonly Point[];
  readonly label: Point;
}

export const VERTEBRAE = ["C2", "C3", "C4", "C5", "C6", "C7"] as const;

const CORNERS = {
  antero_superior: "as", antero_inferior: "ai", postero_superior: "ps", postero_inferior: "pi",
  spinolaminar_superior: "ls", spinolaminar_inferior: "li",
} as const;

/** The landmarks by vertebra, from the head downwards; vertebrae that are not known by name are left out. */
export function bonesOf(landmarks: readonly Landmark[]): ReadonlyMap<string, Bone> {
  const bones = new Map<string, Bone>(VERTEBRAE.map((name) => [name, { name, as: null, ai: null, ps: null, pi: null, ls: null, li: null }]));
  for (const { vertebra, corner, x, y } of landmarks) {
    const bone = bones.get(vertebra);
    const part = CORNERS[corner as keyof typeof CORNERS];
    if (bone !== undefined && part !== undefined) bones.set(vertebra, { ...bone, [part]: [x, y] });
  }
  return bones;
}

/** A body's four corners in the order of its outline; `null` unless all are known. */
export function outline(bone: Bone): readonly [Point, Point, Point, Point] | null {
  const { as, ps, pi, ai } = bone;
  return as !== null && ps !== null && pi !== null && ai !== null ? [as, ps, pi, ai] : null;
}

const add = (a: Point, b: Point): Point => [a[0] + b[0], a[1] + b[1]];
const sub = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1]];
const times = (a: Point, k: number): Point => [a[0] * k, a[1] * k];
const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1];
const mid = (a: Point, b: Point): Point => times(add(a, b), 0.5);
const length = (a: Point): number => Math.hypot(a[0], a[1]);

/** Where a body's diagonals cross. */
export function centre(bone: Bone): Point | null {
  const corners = outline(bone);
  if (corners === null) return null;
  const [as, ps, pi, ai] = corners;
  const [one, other, between] = [sub(pi, as), sub(ps, ai), sub(ai, as)];
  const cross = one[0] * other[1] - one[1] * other[0];
  if (Math.abs(cross) < 1e-9) return null;
  return add(as, times(one, (between[0] * other[1] - between[1] * other[0]) / cross));
}

/** The point of the segment from `a` to `b` that is nearest to `p`. */
function nearest(p: Point, a: Point, b: Point): Point {
  const along = sub(b, a);
  const square = dot(along, along);
  if (square === 0) return a;
  return add(a, times(along, Math.min(1, Math.max(0, dot(sub(p, a), along) / square))));
}

/** An end-plate drawn out beyond its front, so that two of them show their angle. */
function drawnOut(anterior: Point, posterior: Point, stroke: Stroke, front = 1.6, back = 0.5): Line {
  const along = sub(anterior, posterior);
  return { from: sub(posterior, times(along, back)), to: add(anterior, times(along, front)), stroke };
}

/** The drawing of the number `name` at `level`; `null` where a landmark of it is missing or the name is not known. */
export function construct(bones: ReadonlyMap<string, Bone>, name: string, level: string | null): Construction | null {
  if (level === null) return wholeNeck(bones, name);
  const [upper, lower] = level.split("-").map((part) => bones.get(part));
  if (upper === undefined) return null;
  return lower === undefined ? ofVertebra(upper, name) : ofSegment(upper, lower, name);
}

function wholeNeck(bones: ReadonlyMap<string, Bone>, name: string): Construction | null {
  const [c2, c6, c7] = [bones.get("C2"), bones.get("C6"), bones.get("C7")];
  switch (name) {
    case "c2_c7_cobb":
      return angle(inferior(c2), inferior(c7));
    case "c2_c6_cobb":
      return angle(inferior(c2), inferior(c6));
    case "c2_slope":
      return slope(inferior(c2));
    case "c7_slope":
      return slope(superior(c7));
    case "sva": {
      const from = c2 === undefined ? null : centre(c2);
      const to = c7?.ps ?? null;
      if (from === null || to === null) return null;
      const foot: Point = [from[0], to[1]];
      const lines: Line[] = [{ from, to: foot, stroke: "plumb" }, { from: foot, to, stroke: "plumb" }];
      return { lines, points: [from, foot, to], label: mid(foot, to) };
    }
    default:
      return null;
  }
}

type Plate = readonly [anterior: Point, posterior: Point] | null;
const inferior = (bone: Bone | undefined): Plate => (bone?.ai != null && bone.pi !== null ? [bone.ai, bone.pi] : null);
const superior = (bone: Bone | undefined): Plate => (bone?.as != null && bone.ps !== null ? [bone.as, bone.ps] : null);
/** The back of a body from its upper to its lower corner. */
const back = (bone: Bone): Plate => (bone.ps !== null && bone.pi !== null ? [bone.ps, bone.pi] : null);
const front = (bone: Bone): Plate => (bone.as !== null && bone.ai !== null ? [bone.as, bone.ai] : null);

function angle(one: Plate, other: Plate): Construction | null {
  if (one === null || other === null) return null;
  const lines = [drawnOut(...one, "cobb"), drawnOut(...other, "cobb")];
  return { lines, points: [...one, ...other], label: mid(lines[0]!.to, lines[1]!.to) };
}

/** An end-plate against the horizontal. */
function slope(plate: Plate): Construction | null {
  if (plate === null) return null;
  const [anterior, posterior] = plate;
  const line = drawnOut(anterior, posterior, "cobb");
  const level: Line = { from: posterior, to: [line.to[0], posterior[1]], stroke: "guide" };
  return { lines: [line, level], points: [anterior, posterior], label: line.to };
}

function ofVertebra(bone: Bone, name: string): Construction | null {
  const [walls, behind] = [front(bone), back(bone)];
  const depth = walls === null || behind === null ? null : ([mid(...walls), mid(...behind)] as const);
  const canal = depth === null || bone.ls === null || bone.li === null ? null : ([depth[1], nearest(depth[1], bone.ls, bone.li)] as const);
  const between = (...pairs: (readonly [Point, Point] | null)[]): Construction | null => {
    const known = pairs.flatMap((pair) => (pair === null ? [] : [pair]));
    if (known.length < pairs.length) return null;
    const lines = known.map(([from, to]): Line => ({ from, to, stroke: "canal" }));
    return { lines, points: known.flat(), label: known.at(-1)![1] };
  };
  switch (name) {
    case "sdvb":
      return between(depth);
    case "sdvc":
      return between(canal);
    case "pavlov":
      return between(depth, canal);
    case "body_wedge":
      return angle(superior(bone), inferior(bone));
    default:
      return null;
  }
}

function ofSegment(upper: Bone, lower: Bone, name: string): Construction | null {
  const [above, below] = [inferior(upper), superior(lower)];
  switch (name) {
    case "segmental_angle":
      return angle(above, below);
    case "slip_angle": {
      const [one, other] = [back(upper), back(lower)];
      if (one === null || other === null) return null;
      return { lines: [extended(one), extended(other)], points: [...one, ...other], label: mid(one[1], other[0]) };
    }
    case "slip_distance": {
      const [wall, corner] = [back(upper), lower.ps];
      if (wall === null || corner === null) return null;
      const along = sub(wall[1], wall[0]);
      if (length(along) === 0) return null;
      const foot = add(wall[0], times(along, dot(sub(corner, wall[0]), along) / dot(along, along)));
      return { lines: [{ from: wall[0], to: foot, stroke: "wall" }, { from: foot, to: corner, stroke: "cobb" }], points: [foot, corner], label: corner };
    }
    case "disc_height_anterior":
      return disc(upper.ai, lower.as);
    case "disc_height_posterior":
      return disc(upper.pi, lower.ps);
    case "disc_height_middle":
      return above === null || below === null ? null : disc(mid(...above), mid(...below));
    default:
      return null;
  }
}

function extended([from, to]: readonly [Point, Point]): Line {
  const along = times(sub(to, from), 0.6);
  return { from: sub(from, along), to: add(to, along), stroke: "wall" };
}

function disc(from: Point | null, to: Point | null): Construction | null {
  return from === null || to === null ? null : { lines: [{ from, to, stroke: "cobb" }], points: [from, to], label: mid(from, to) };
}

/** Every landmark's box with some room around it: where to look first on a film that shows more than the neck. */
export function neck(landmarks: readonly Landmark[], width: number, height: number): { x: number; y: number; width: number; height: number } | null {
  if (landmarks.length < 4) return null;
  const [xs, ys] = [landmarks.map((l) => l.x), landmarks.map((l) => l.y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const room = 0.16 * (bottom - top);
  const x = Math.max(0, left - 2 * room);
  const y = Math.max(0, top - room);
  return { x, y, width: Math.min(width, right + 1.2 * room) - x, height: Math.min(height, bottom + room) - y };
}
