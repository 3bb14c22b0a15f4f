/** The real things around the page: a mosquitto, a Chromium, and an HTTP server that stands in for the appliance. */

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTcp, connect as connectTcp, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize, resolve, sep } from "node:path";

import mqtt, { type MqttClient } from "mqtt";
import { chromium, type Browser } from "playwright-core";

/** `npm` runs the tests in `dashboard/`. */
const ROOT = process.cwd();

function tool(name: string, candidates: readonly string[]): string {
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) {
    throw new Error(`These tests need ${name}, and it is not installed: sudo apt-get install ${name}`);
  }
  return found;
}

export async function launchChromium(): Promise<Browser> {
  const executablePath = tool("chromium", ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]);
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
}

async function freePort(): Promise<number> {
  const server = createTcp().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A mosquitto of its own on free loopback ports, TCP and WebSocket; it can be stopped and started again. */
export class Mosquitto {
  #child: ChildProcess | null = null;
  readonly #folder = mkdtempSync(join(tmpdir(), "sagitta-page-"));

  private constructor(readonly tcp: number, readonly ws: number) {}

  static async start(): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort(), await freePort());
    await broker.start();
    return broker;
  }

  async start(): Promise<void> {
    const binary = tool("mosquitto", ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"]);
    const config = join(this.#folder, "mosquitto.conf");
    writeFileSync(config, [
      "allow_anonymous true", "persistence false",
      `listener ${this.tcp} 127.0.0.1`,
      `listener ${this.ws} 127.0.0.1`, "protocol websockets", "",
    ].join("\n"));
    this.#child = spawn(binary, ["-c", config], { stdio: "ignore" });
    await Promise.all([this.tcp, this.ws].map(reachable));
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function reachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const open = await new Promise<boolean>((done) => {
      const socket = connectTcp(port, "127.0.0.1", () => { socket.destroy(); done(true); });
      socket.on("error", () => done(false));
    });
    if (open) return;
    await new Promise((wait) => setTimeout(wait, 100));
  }
  throw new Error(`mosquitto does not listen on port ${port}`);
}

/** An appliance's voice: publishes as Sagitta does. */
export class Voice {
  private constructor(readonly client: MqttClient) {}

  static async connect(broker: Mosquitto): Promise<Voice> {
    return new Voice(await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.tcp}`, { protocolVersion: 5, reconnectPeriod: 200 }));
  }

  async say(topic: string, payload: unknown, retain = false, device = "room-1"): Promise<void> {
    const bytes = Buffer.isBuffer(payload) || typeof payload === "string" ? payload : JSON.stringify(payload);
    await this.client.publishAsync(`sagitta/${device}/${topic}`, bytes, { qos: 1, retain });
  }

  /** Listens on `topic` from now on; what it returns gives the next message, read as JSON. */
  async listen(topic: string): Promise<() => Promise<Record<string, unknown>>> {
    const full = `sagitta/room-1/${topic}`;
    const heard = new Promise<Record<string, unknown>>((done) => {
      const take = (at: string, payload: Buffer): void => {
        if (at !== full) return;
        this.client.off("message", take);
        done(JSON.parse(String(payload)) as Record<string, unknown>);
      };
      this.client.on("message", take);
    });
    await this.client.subscribeAsync(full, { qos: 1 });
    return () => heard;
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }
}

/** The program that the build left, or `SAGITTA`. */
export function program(): string {
  const target = process.env["CARGO_TARGET_DIR"] ?? "target";
  const built = ["release", "debug"].map((profile) => resolve(ROOT, "..", target, profile, "sagitta")).filter(existsSync);
  const newest = built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  const found = process.env["SAGITTA"] ?? newest;
  if (found === undefined) throw new Error("These tests need the program: cargo build --bin sagitta");
  return found;
}

/** Runs a verb of the program to its end; what it printed. */
export function sagitta(...verb: readonly string[]): string {
  const done = spawnSync(program(), verb, { cwd: resolve(ROOT, ".."), encoding: "utf8" });
  if (done.status !== 0) throw new Error(`sagitta ${verb.join(" ")} ended with ${done.status}: ${done.stderr}`);
  return done.stdout;
}

/** A Debian tool's run; what it printed. */
export function debian(name: string, ...rest: readonly string[]): string {
  const done = spawnSync(tool(name, [`/usr/bin/${name}`]), rest, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${name} ended with ${done.status}: ${done.stderr}`);
  return done.stdout;
}

/** The real `sagitta run` with the contract's few lines of configuration, on a broker that has a TCP listener only for it. */
export class Service {
  readonly home = mkdtempSync(join(tmpdir(), "sagitta-ward-"));
  #child: ChildProcess | null = null;

  private constructor(readonly port: number) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get config(): string {
    return join(this.home, "sagitta.toml");
  }

  static async start(broker: Mosquitto, device = "room-1", more = ""): Promise<Service> {
    const service = new Service(await freePort());
    mkdirSync(join(service.home, "watch"));
    writeFileSync(service.config, [
      "[device]", `id = "${device}"`, "[ingest]", `watch = "${service.home}/watch"`, "[store]", `path = "${service.home}/store"`,
      "[mqtt]", 'host = "127.0.0.1"', `port = ${broker.tcp}`, "[http]", `listen = "127.0.0.1:${service.port}"`, more, "",
    ].join("\n"));
    service.#child = spawn(program(), ["run", "--config", service.config], { cwd: resolve(ROOT, ".."), stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    service.#child.stderr?.on("data", (bytes: Buffer) => { said = (said + String(bytes)).slice(-20_000); });
    // Models are loaded meanwhile; a busy machine takes its time.
    for (let attempt = 0; attempt < 600; attempt += 1) {
      if (service.#child.exitCode !== null) throw new Error(`sagitta run ended with ${service.#child.exitCode}:\n${said}`);
      const ready = await fetch(`${service.url}/readyz`).then((answer) => answer.ok, () => false);
      if (ready) return service;
      await new Promise((wait) => setTimeout(wait, 500));
    }
    throw new Error(`sagitta run does not get ready:\n${said}`);
  }

  /** Puts a film into the watched folder as a modality does: written elsewhere, renamed in. */
  drop(film: string, name: string): void {
    const part = join(this.home, "part");
    copyFileSync(film, part);
    renameSync(part, join(this.home, "watch", name));
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** The real `sagitta demo`: service, broker and page, and six synthetic films one after the other. */
export class Demo {
  private constructor(readonly child: ChildProcess, readonly url: string) {}

  /** Resolves when the page has an address. */
  static async start(): Promise<Demo> {
    const child = spawn(program(), ["demo", "--http", "127.0.0.1:0"], { cwd: resolve(ROOT, ".."), stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    return new Promise((ready, failed) => {
      child.stdout.on("data", (bytes: Buffer) => {
        said += String(bytes);
        const url = said.match(/^Page\s+(http:\S+?)\/?$/m)?.[1];
        if (url !== undefined) ready(new Demo(child, url));
      });
      child.on("error", failed);
      child.on("exit", (code) => failed(new Error(`sagitta demo ended with ${code}:\n${said}`)));
    });
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGINT");
    await gone;
  }
}

/** Serves `dist/` and the appliance's API, under the very security policy that the service sends. */
export class Appliance {
  /** The films it remembers. */
  reports: Record<string, unknown>[] = [];
  overlays = new Map<string, Buffer>();
  films = new Map<string, Buffer>();
  readonly #server: Server;

  private constructor(server: Server, readonly port: number) {
    this.#server = server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  static async start(broker: { readonly ws: number; readonly protocol?: 4 | 5 } | null, devices: readonly string[] = ["room-1"]): Promise<Appliance> {
    const policy = contentSecurityPolicy();
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://localhost");
      response.setHeader("content-security-policy", policy);
      response.setHeader("x-content-type-options", "nosniff");
      const send = (code: number, type: string, body: Buffer | string): void => {
        response.writeHead(code, { "content-type": type }).end(body);
      };
      const [, id, what] = url.pathname.match(/^\/api\/reports\/([^/]+)\/(overlay|film)$/) ?? [];
      if (url.pathname === "/api/config") {
        const config = broker === null ? null : { port: broker.ws, path: "/mqtt", protocol: broker.protocol ?? 5 };
        send(200, "application/json", JSON.stringify({ version: "0.1.0", prefix: "sagitta", devices, broker: config }));
      } else if (url.pathname === "/api/reports") {
        send(200, "application/json", JSON.stringify(appliance.#page(url.searchParams)));
      } else if (id !== undefined) {
        const image = (what === "film" ? appliance.films : appliance.overlays).get(decodeURIComponent(id));
        if (image === undefined) send(404, "application/json", '{"error":"no such overlay"}');
        else send(200, "image/jpeg", image);
      } else if (url.pathname.startsWith("/api/reports/")) {
        const report = appliance.reports.find((report) => url.pathname.endsWith(`/${String(report["report_id"])}`));
        send(report === undefined ? 404 : 200, "application/json", JSON.stringify(report ?? { error: "no such report" }));
      } else {
        sendFile(url.pathname, send);
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const appliance = new Appliance(server, (server.address() as AddressInfo).port);
    return appliance;
  }

  /** Newest first, as the service answers. */
  #page(query: URLSearchParams): { reports: unknown[]; next: number | null } {
    const limit = Number(query.get("limit") ?? "50");
    const before = Number(query.get("before") ?? "Infinity");
    const seq = (report: Record<string, unknown>): number => Number(report["seq"]);
    const older = this.reports.filter((report) => seq(report) < before).sort((a, b) => seq(b) - seq(a));
    const reports = older.slice(0, limit);
    const last = reports.at(-1);
    return { reports, next: older.length > limit && last !== undefined ? seq(last) : null };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
};

function sendFile(path: string, send: (code: number, type: string, body: Buffer | string) => void): void {
  const root = resolve(ROOT, "dist");
  const file = normalize(join(root, path === "/" ? "index.html" : path));
  if (!file.startsWith(root + sep) || !existsSync(file)) send(404, "text/plain", "not found");
  else send(200, TYPES[extname(file)] ?? "application/octet-stream", readFileSync(file));
}

/** Read from the service's source, so that the page is tested under the policy it will really meet. */
function contentSecurityPolicy(): string {
  const source = readFileSync(resolve(ROOT, "../src/serve/headers.rs"), "utf8");
  const literal = source.match(/const CONTENT_SECURITY_POLICY: &str = "([^"]+)"/)?.[1];
  if (literal === undefined) throw new Error("src/serve/headers.rs has no CONTENT_SECURITY_POLICY in one literal");
  return literal.replace(/\\\n\s*/g, "");
}
