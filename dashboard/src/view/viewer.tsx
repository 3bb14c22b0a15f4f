/**
 * The film: zoom, pan, layers. Where the appliance's bare film can be fetched the page draws on it itself; else it shows the
 * drawing that came over MQTT, which has everything burnt in.
 *
 * Wheel, pinch or the buttons zoom about the pointer; dragging or the arrow keys move; a double click or 0 shows all again.
 */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Report } from "../contract.ts";
import { neck } from "../drawing.ts";
import { storedFilm, storedOverlay } from "../history.ts";
import { FIRST_LAYERS, LAYERS, Layers, type Layer, type Lit } from "./layers.tsx";

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Props {
  readonly report: Report;
  /** The address of the drawing that came over MQTT. */
  readonly live: string | undefined;
  /** Whether this page's appliance measured the film and so has its pictures. */
  readonly ours: boolean;
  readonly lit: Lit | null;
  /** A still picture of the neck: no layers to choose, no zoom. */
  readonly still?: boolean;
}

type Source = "film" | "live" | "stored" | "missing";

const CLOSEST = 12;
const STEP = 1.3;

export function Viewer({ report, live, ours, lit, still = false }: Props) {
  const drawable = ours && report.landmarks.length > 0 && report.image.width !== null && report.image.height !== null;
  const order: readonly Source[] = [...(drawable ? (["film"] as const) : []), ...(live !== undefined ? (["live"] as const) : []), ...(ours ? (["stored"] as const) : []), "missing"];
  const [failed, setFailed] = useState<ReadonlySet<string>>(new Set());
  const address = (source: Source): string => (source === "film" ? storedFilm(report.report_id) : source === "live" ? (live ?? "") : storedOverlay(report.report_id));
  const source = order.find((candidate) => candidate === "missing" || !failed.has(address(candidate))) ?? "missing";
  const [shown, setShown] = useState<ReadonlySet<Layer>>(new Set(FIRST_LAYERS));
  const toggle = (layer: Layer): void => setShown((before) => {
    const after = new Set(before);
    if (!after.delete(layer)) after.add(layer);
    return after;
  });
  if (source === "missing") {
    return (
      <figure class="viewer" data-overlay="missing">
        <p class="quiet">No picture of this film is at hand.</p>
      </figure>
    );
  }
  return (
    <figure class={`viewer${still ? " viewer-still" : ""}`} data-overlay={source}>
      <Stage key={address(source)} report={report} source={source} address={address(source)} shown={shown} lit={lit} still={still} fail={() => setFailed((before) => new Set(before).add(address(source)))} />
      {!still && source === "film" && (
        <div class="layer-buttons" role="group" aria-label="What is drawn on the film">
          {LAYERS.map(({ name, word }) => (
            <button key={name} type="button" class={`layer layer-${name}`} aria-pressed={shown.has(name)} data-layer={name} onClick={() => toggle(name)}>
              <span class="swatch" aria-hidden="true" />
              {word}
            </button>
          ))}
        </div>
      )}
      {!still && source !== "film" && <figcaption class="quiet">Drawn by the appliance.</figcaption>}
    </figure>
  );
}

interface StageProps extends Pick<Props, "report" | "lit"> {
  readonly source: Source;
  readonly address: string;
  readonly shown: ReadonlySet<Layer>;
  readonly still: boolean;
  readonly fail: () => void;
}

function Stage({ report, source, address, shown, lit, still, fail }: StageProps) {
  const own = source === "film";
  // A burnt-in drawing tells its size when it is loaded.
  const [size, setSize] = useState<readonly [number, number] | null>(own ? [report.image.width ?? 1, report.image.height ?? 1] : null);
  const [whole, setWhole] = useState(true);
  const svg = useRef<SVGSVGElement>(null);
  const pixels = usePixels(svg);
  const full: Box = { x: 0, y: 0, width: size?.[0] ?? 1, height: size?.[1] ?? 1 };
  const near = still && own ? neck(report.landmarks, full.width, full.height) : null;
  const [box, setBox] = useState<Box | null>(null);
  const view = box ?? near ?? full;
  const scale = Math.max(view.width / Math.max(1, pixels[0]), view.height / Math.max(1, pixels[1]));
  // Letters and lines grow with the page's own letters, towards a wall screen.
  const letter = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
  const change = (next: Box | null): void => {
    setWhole(next === null);
    setBox(next);
  };
  const hands = useHands(svg, view, full, change, still);
  return (
    <div class="stage">
      {/* Loaded beside the drawing, so that a picture that is missing is noticed. */}
      <img class="probe" src={address} alt="" aria-hidden="true" onError={fail} onLoad={(event) => { if (!own) setSize([event.currentTarget.naturalWidth, event.currentTarget.naturalHeight]); }} />
      <svg
        ref={svg}
        viewBox={`${view.x} ${view.y} ${view.width} ${view.height}`}
        role="img"
        aria-label={still ? "The neck with the landmarks that were found" : "The film with the landmarks and lines that were found. Plus and minus zoom, the arrow keys move, 0 shows all."}
        tabindex={still ? undefined : 0}
        style={{ "--ratio": String(full.width / full.height) }}
        {...hands}
      >
        {size !== null && <image href={address} x="0" y="0" width={full.width} height={full.height} preserveAspectRatio="none" />}
        {own && <Layers report={report} shown={shown} lit={lit} scale={scale * letter} />}
      </svg>
      {!still && (
        <div class="zoom" role="group" aria-label="Zoom">
          <button type="button" aria-label="Closer" onClick={() => change(about(view, full, 1 / STEP, centreOf(view)))}>+</button>
          <button type="button" aria-label="Further away" onClick={() => change(about(view, full, STEP, centreOf(view)))}>−</button>
          <button type="button" class="zoom-whole" disabled={whole} onClick={() => change(null)}>All</button>
        </div>
      )}
    </div>
  );
}

const centreOf = (box: Box): readonly [number, number] => [box.x + box.width / 2, box.y + box.height / 2];

/** `box` made `factor` times as large about a point of the film; `null` where all would be seen. */
function about(box: Box, full: Box, factor: number, [x, y]: readonly [number, number]): Box | null {
  const width = Math.max(full.width / CLOSEST, box.width * factor);
  const k = width / box.width;
  if (width >= full.width) return null;
  return kept({ x: x - (x - box.x) * k, y: y - (y - box.y) * k, width, height: box.height * k }, full);
}

/** Moved as far as needed for its centre to stay on the film. */
function kept(box: Box, full: Box): Box {
  const inside = (at: number, side: number, whole: number): number => Math.min(Math.max(at, -side / 2), whole - side / 2);
  return { ...box, x: inside(box.x, box.width, full.width), y: inside(box.y, box.height, full.height) };
}

/** The size of the drawing on the screen. */
function usePixels(svg: { readonly current: SVGSVGElement | null }): readonly [number, number] {
  const [pixels, setPixels] = useState<readonly [number, number]>([600, 700]);
  useLayoutEffect(() => {
    const element = svg.current;
    if (element === null) return;
    const watch = new ResizeObserver(([entry]) => {
      if (entry !== undefined && entry.contentRect.width > 0) setPixels([entry.contentRect.width, entry.contentRect.height]);
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [svg]);
  return pixels;
}

/** Wheel, pointers and keys. */
function useHands(svg: { readonly current: SVGSVGElement | null }, view: Box, full: Box, change: (box: Box | null) => void, still: boolean) {
  const now = useRef({ view, full, change });
  now.current = { view, full, change };
  const pointers = useRef(new Map<number, readonly [number, number]>());
  /** A place of the screen on the film. */
  const onFilm = (x: number, y: number): readonly [number, number] => {
    const matrix = svg.current?.getScreenCTM()?.inverse();
    if (matrix == null) return centreOf(now.current.view);
    const point = new DOMPoint(x, y).matrixTransform(matrix);
    return [point.x, point.y];
  };
  useEffect(() => {
    const element = svg.current;
    if (element === null || still) return;
    // The page must not scroll meanwhile, which only a listener that is not passive can say.
    const wheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && now.current.view.width >= now.current.full.width && event.deltaY > 0) return;
      event.preventDefault();
      const { view: box, full: all, change: to } = now.current;
      to(about(box, all, Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004), onFilm(event.clientX, event.clientY)));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [svg, still]);
  if (still) return {};
  const moved = (event: PointerEvent): void => {
    const before = pointers.current.get(event.pointerId);
    if (before === undefined) return;
    const { view: box, full: all, change: to } = now.current;
    const others = [...pointers.current].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    pointers.current.set(event.pointerId, [event.clientX, event.clientY]);
    const [from, on] = [onFilm(...before), onFilm(event.clientX, event.clientY)];
    const other = others[0];
    if (other === undefined) {
      if (box.width < all.width) to(kept({ ...box, x: box.x - (on[0] - from[0]), y: box.y - (on[1] - from[1]) }, all));
      return;
    }
    const apart = (p: readonly [number, number]): number => Math.max(20, Math.hypot(p[0] - other[0], p[1] - other[1]));
    to(about(box, all, apart(before) / apart([event.clientX, event.clientY]), onFilm((event.clientX + other[0]) / 2, (event.clientY + other[1]) / 2)));
  };
  const up = (event: PointerEvent): void => void pointers.current.delete(event.pointerId);
  return {
    onPointerDown: (event: PointerEvent) => {
      pointers.current.set(event.pointerId, [event.clientX, event.clientY]);
      svg.current?.setPointerCapture(event.pointerId);
    },
    onPointerMove: moved,
    onPointerUp: up,
    onPointerCancel: up,
    onDblClick: (event: MouseEvent) => change(view.width < full.width ? null : about(view, full, 1 / 2.5, onFilm(event.clientX, event.clientY))),
    onKeyDown: (event: KeyboardEvent) => {
      const move = (dx: number, dy: number): Box | null => (view.width >= full.width ? null : kept({ ...view, x: view.x + dx * view.width, y: view.y + dy * view.height }, full));
      const keys: Readonly<Record<string, () => Box | null>> = {
        "+": () => about(view, full, 1 / STEP, centreOf(view)), "=": () => about(view, full, 1 / STEP, centreOf(view)),
        "-": () => about(view, full, STEP, centreOf(view)), 0: () => null,
        ArrowLeft: () => move(-0.1, 0), ArrowRight: () => move(0.1, 0), ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1),
      };
      const next = keys[event.key];
      if (next === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
      event.preventDefault();
      change(next());
    },
  };
}
