/** What is drawn on a film, as SVG in the film's own pixels: layers that can be switched, and the number that is looked at. */

import type { Measurement, Report } from "../contract.ts";
import { bonesOf, centre, construct, outline, type Bone, type Construction, type Line, type Point } from "../drawing.ts";
import { quantity } from "../format.ts";

export const LAYERS = [
  { name: "bodies", word: "Bodies" },
  { name: "points", word: "Landmarks" },
  { name: "names", word: "Levels" },
  { name: "cobb", word: "Cobb" },
  { name: "plumb", word: "Plumb line" },
  { name: "canal", word: "Canal" },
  { name: "spread", word: "Spread" },
] as const;
export type Layer = (typeof LAYERS)[number]["name"];
/** The spread of each landmark is for those who ask. */
export const FIRST_LAYERS: readonly Layer[] = ["bodies", "points", "names", "cobb", "plumb", "canal"];

/** A number that is looked at: its drawing stands out. */
export interface Lit {
  readonly name: string;
  readonly level: string | null;
}
export const same = (a: Lit | null, b: Lit): boolean => a !== null && a.name === b.name && a.level === b.level;

interface Props {
  readonly report: Report;
  readonly shown: ReadonlySet<Layer>;
  readonly lit: Lit | null;
  /** Film pixels a pixel of the screen: lines keep their width whatever the zoom. */
  readonly scale: number;
}

const at = ([x, y]: Point): string => `${x.toFixed(1)},${y.toFixed(1)}`;

export function Layers({ report, shown, lit, scale }: Props) {
  const bones = bonesOf(report.landmarks);
  const looked = lit === null ? null : construct(bones, lit.name, lit.level);
  const number = lit === null ? undefined : report.measurements.find((m) => same(lit, m));
  const cobb = headlineCobb(report);
  const drawn = (name: string): Construction | null => (report.measurements.some((m) => m.name === name && m.status !== "withheld") ? construct(bones, name, null) : null);
  const all = [...bones.values()];
  const hidden = report.quality.c7_visibility === "hidden";
  const faint = (bone: Bone): string => (hidden && bone.name === "C7" ? " faint" : "");
  return (
    <g class={`layers${looked === null ? "" : " has-lit"}`} style={{ "--px": String(scale) }}>
      {shown.has("spread") && report.landmarks.map((l, i) => l.sigma_px !== null && <circle key={i} class="spread" cx={l.x} cy={l.y} r={Math.max(l.sigma_px * 1.65, scale)} />)}
      {shown.has("canal") && all.map((bone) => bone.ls !== null && bone.li !== null && <Stroke key={bone.name} line={{ from: bone.ls, to: bone.li, stroke: "canal" }} more={faint(bone)} />)}
      {shown.has("bodies") && all.map((bone) => <Body key={bone.name} bone={bone} more={faint(bone)} />)}
      {shown.has("cobb") && cobb !== null && <Drawn construction={drawn(cobb)} points={false} scale={scale} />}
      {shown.has("plumb") && <Drawn construction={drawn("sva")} points={false} scale={scale} />}
      {shown.has("points") && report.landmarks.map((l, i) => <Mark key={i} at={[l.x, l.y]} refined={l.stage === "refined"} canal={l.corner.startsWith("spinolaminar")} scale={scale} />)}
      {shown.has("names") && all.map((bone) => <Name key={bone.name} bone={bone} facing={report.view.facing} scale={scale} />)}
      {looked !== null && (
        <g class="lit" data-lit={`${lit?.name} ${lit?.level ?? ""}`.trim()}>
          <Drawn construction={looked} points scale={scale} />
          {number !== undefined && number.status !== "withheld" && <Label point={looked.label} text={quantity(number.value, number.unit)} scale={scale} />}
        </g>
      )}
    </g>
  );
}

/** C2–C6 stands in for C2–C7 where the latter cannot be relied on. */
function headlineCobb(report: Report): string | null {
  const ok = (name: string): boolean => report.measurements.some((m: Measurement) => m.name === name && m.level === null && m.status === "ok");
  return !ok("c2_c7_cobb") && ok("c2_c6_cobb") ? "c2_c6_cobb" : "c2_c7_cobb";
}

function Stroke({ line, more = "" }: { readonly line: Line; readonly more?: string }) {
  return <path class={`stroke ${line.stroke}${more}`} d={`M${at(line.from)}L${at(line.to)}`} />;
}

/** Walls thin, end-plates strong. */
function Body({ bone, more }: { readonly bone: Bone; readonly more: string }) {
  const corners = outline(bone);
  if (corners === null) return null;
  const [as, ps, pi, ai] = corners;
  return (
    <g class={`bone${more}`}>
      <path class="body" d={`M${corners.map(at).join("L")}Z`} />
      {bone.name !== "C2" && <path class="stroke plate" d={`M${at(as)}L${at(ps)}`} />}
      <path class="stroke plate" d={`M${at(ai)}L${at(pi)}`} />
    </g>
  );
}

function Drawn({ construction, points, scale }: { readonly construction: Construction | null; readonly points: boolean; readonly scale: number }) {
  if (construction === null) return null;
  return (
    <>
      {construction.lines.map((line, i) => <Stroke key={i} line={line} />)}
      {points && construction.points.map(([x, y], i) => <circle key={i} class="lit-point" cx={x} cy={y} r={4 * scale} />)}
    </>
  );
}

/** Discs from the model of the whole film, squares on their tip from a specialist. */
function Mark({ at: [x, y], refined, canal, scale }: { readonly at: Point; readonly refined: boolean; readonly canal: boolean; readonly scale: number }) {
  const r = (refined ? 2.9 : 2.3) * scale;
  const kind = `point${canal ? " point-canal" : ""}`;
  if (!refined) return <circle class={kind} cx={x} cy={y} r={r} />;
  return <path class={kind} d={`M${x},${y - r}L${x + r},${y}L${x},${y + r}L${x - r},${y}Z`} />;
}

/** In front of the body, where no line runs. */
function Name({ bone, facing, scale }: { readonly bone: Bone; readonly facing: string | null; readonly scale: number }) {
  const middle = centre(bone);
  if (middle === null || bone.as === null || bone.ai === null) return null;
  const front: Point = [(bone.as[0] + bone.ai[0]) / 2, (bone.as[1] + bone.ai[1]) / 2];
  const right = facing === null ? front[0] > middle[0] : facing === "right";
  return <text class="name" x={front[0] + (right ? 12 : -12) * scale} y={front[1] + 5 * scale} text-anchor={right ? "start" : "end"} font-size={15 * scale}>{bone.name}</text>;
}

function Label({ point: [x, y], text, scale }: { readonly point: Point; readonly text: string; readonly scale: number }) {
  const width = (text.length * 9.5 + 14) * scale;
  return (
    <g class="lit-label">
      <rect x={x + 12 * scale} y={y + 10 * scale} width={width} height={26 * scale} rx={5 * scale} />
      <text x={x + 12 * scale + width / 2} y={y + 28.5 * scale} text-anchor="middle" font-size={16 * scale}>{text}</text>
    </g>
  );
}
