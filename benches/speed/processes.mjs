// Starts and ends what is measured: the sandbox, the baselines, the load generator.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const benches = path.resolve(fileURLToPath(import.meta.url), '../..');
export const root = path.dirname(benches);
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');
const packages = path.join(target, 'bench');
export const program = process.env.AMPT_WS ?? path.join(target, 'release', 'ampt-ws');
const generator = path.join(target, 'bench', 'release', 'wsload');
const running = new Set();

/** Without what makes every Node boot longer: certificates to read, modules to load first. */
const environment = { ...process.env };
delete environment.NODE_EXTRA_CA_CERTS;
delete environment.NODE_OPTIONS;

/** Builds the program and the generator, and installs the one npm package. */
export function prepare() {
  const run = (command, args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (!process.env.AMPT_WS) {
    run('cargo', ['build', '--release', '--locked', '--manifest-path', path.join(root, 'Cargo.toml'), '--target-dir', target]);
  }
  run('cargo', ['build', '--release', '--locked', '--manifest-path', path.join(benches, 'wsload', 'Cargo.toml'), '--target-dir', packages]);
  if (!existsSync(path.join(packages, 'node_modules', 'ws'))) {
    mkdirSync(packages, { recursive: true });
    run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', packages, 'ws@8']);
  }
}

/** The npm package `ws`. */
export const WebSocket = () => createRequire(path.join(packages, 'index.js'))('ws');

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A free port; nothing else on this machine is expected to take it meanwhile. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: environment, ...options });
  running.add(child);
  child.ended = new Promise((resolve) => child.once('exit', resolve)).finally(() => running.delete(child));
  return child;
}

const firstLine = (child) => new Promise((resolve, reject) => {
  let text = '';
  child.stdout.on('data', (bytes) => {
    if (text.includes('\n')) return;
    text += bytes;
    if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
  });
  child.once('exit', (code) => reject(new Error(`${child.spawnfile} ended with ${code}: ${text}`)));
});

const stop = (child) => async () => {
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await child.ended;
  clearTimeout(late);
};

/** A copy of one of the apps, in a folder of its own. */
export function copyOf(app) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ampt-ws-bench-'));
  cpSync(path.join(benches, 'apps', app), folder, { recursive: true });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The sandbox on a copy of an app. `ready` waits for its first line. */
export function sandbox(app, port, more = []) {
  const { folder, remove } = copyOf(app);
  const child = start(program, ['dev', folder, '--port', String(port), '--json', '--quiet', '--no-limits', ...more]);
  const end = stop(child);
  return {
    pid: child.pid,
    folder,
    url: `ws://127.0.0.1:${port}/`,
    ready: firstLine(child),
    stop: async () => {
      await end();
      remove();
    },
  };
}

/** The npm package `ws` in one Node process. */
export function baseline(port, raw = true) {
  const env = { ...environment, PORT: String(port), RAW: raw ? '1' : '0', NODE_PATH: path.join(packages, 'node_modules') };
  const child = start('node', [path.join(benches, 'baseline', 'echo.cjs')], { env });
  return { pid: child.pid, url: `ws://127.0.0.1:${port}/`, stop: stop(child) };
}

/** The Map behind a socket; `measure(n)` gives the round trips of another process. */
export async function map() {
  const folder = mkdtempSync(path.join(tmpdir(), 'ampt-ws-bench-'));
  const file = path.join(benches, 'baseline', 'map.cjs');
  const socket = path.join(folder, 's');
  const child = start('node', [file, socket, 'serve']);
  await firstLine(child);
  const end = stop(child);
  return {
    measure: async (count) => JSON.parse((await promisify(execFile)('node', [file, socket, 'ask', String(count)])).stdout),
    stop: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One run of the load generator. */
export async function load(server, args) {
  const { stdout } = await promisify(execFile)(generator, [...args, '--url', server.url, '--pid', String(server.pid)]);
  return JSON.parse(stdout);
}

/** A client, once it is open. */
export async function client(url) {
  const socket = new (WebSocket())(url, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

/** The next message of a client. */
export const next = (socket) => new Promise((resolve) => socket.once('message', (bytes) => resolve(String(bytes))));

/** A client, as soon as there is somebody to connect to. */
export async function clientAsSoonAsPossible(url, patience = 20_000) {
  const deadline = performance.now() + patience;
  for (;;) {
    try {
      return await client(url);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(1);
    }
  }
}

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
