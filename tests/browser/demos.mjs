// Drives the pages of fixtures/chat and fixtures/tracker in Chromium, each in two windows, through
// a stop and a start of the sandbox. Not part of the suite, because it needs a browser:
//
//   cargo build && cd tests/browser && npm install && node demos.mjs [FOLDER FOR SCREENSHOTS]
//
// CHROMIUM names the browser, AMPT_WS the program.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const ROOT = join(import.meta.dirname, "../..");
const PROGRAM = process.env.AMPT_WS ?? join(ROOT, "target/debug/ampt-ws");
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const [shots] = process.argv.slice(2);

/** A sandbox that can be stopped and started again on the same port and store. */
class Sandbox {
  port = 0;
  store = mkdtempSync(join(tmpdir(), "ampt-ws-browser-"));

  constructor(app) {
    this.app = join(ROOT, "fixtures", app);
  }

  async start() {
    const args = ["dev", this.app, "--seed", "--json", "--port", this.port, "--data-dir", this.store];
    this.child = spawn(PROGRAM, args.map(String), { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: this.child.stdout });
    for await (const line of lines) {
      const event = JSON.parse(line);
      if (event.event !== "ready") continue;
      this.url = event.url;
      this.port = Number(new URL(event.url).port);
      break;
    }
    this.child.stdout.resume();
  }

  async stop() {
    const ended = once(this.child, "exit");
    this.child.kill("SIGINT");
    const [code] = await ended;
    assert.equal(code, 0, "the sandbox ends in order");
  }

  remove() {
    this.child.kill("SIGKILL");
    rmSync(this.store, { recursive: true, force: true });
  }
}

async function withPages(app, names, drive) {
  const sandbox = new Sandbox(app);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  const complaints = [];
  try {
    await sandbox.start();
    const pages = [];
    for (const name of names) {
      const page = await browser.newPage({ viewport: { width: 1100, height: 720 } });
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(sandbox.url);
      await page.fill("input[name=name]", name);
      await page.keyboard.press("Enter");
      await page.waitForSelector("#state[data-state=open]");
      pages.push(page);
    }
    await drive(sandbox, pages);
    for (const [i, page] of pages.entries()) {
      if (shots) await page.screenshot({ path: join(shots, `${app}-${names[i].toLowerCase()}.png`) });
    }
    await sandbox.stop();
    for (const page of pages) await page.waitForSelector("#state[data-state=closed]");
    await sandbox.start();
    for (const page of pages) await page.waitForSelector("#state[data-state=open]");
    assert.deepEqual(complaints, []);
    console.log(`${app}: the pages work`);
  } finally {
    await browser.close();
    sandbox.remove();
  }
}

await withPages("chat", ["Ana", "Bo"], async (_, [ana, bo]) => {
  await ana.waitForSelector("#people >> text=Bo");
  await ana.fill("#text", "<b>Hello</b> Bo");
  await ana.keyboard.press("Enter");
  await bo.waitForSelector(".message:not(.mine) >> text=<b>Hello</b> Bo");
  await bo.fill("#text", "Hello yourself");
  await bo.click("button:has-text('Send')");
  await ana.waitForSelector("text=Hello yourself");
  await bo.click("text=Kitchen");
  await ana.waitForSelector("text=Bo left");
  await bo.waitForSelector("h1 >> text=Kitchen");
});

await withPages("tracker", ["Ana", "Bo"], async (_, [ana, bo]) => {
  await bo.waitForSelector("#list >> text=Ana");
  const before = await bo.textContent("#list li:has-text('Ana') small");
  await ana.mouse.click(550, 300);
  await bo.waitForFunction(
    (text) => [...document.querySelectorAll("#list li")].some((li) => li.textContent.startsWith("Ana") && !li.textContent.includes(text)),
    before,
  );
  await ana.keyboard.press("ArrowLeft");
  await ana.waitForSelector("#list li.away >> text=Ferry");
});
