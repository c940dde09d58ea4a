// Debian's Chromium, and one page per dashboard.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';
import { withPalette } from './palette.mjs';

const candidates = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--force-prefers-reduced-motion', '--font-render-hinting=none', '--hide-scrollbars',
];

export const findChromium = () => candidates.find((file) => file && existsSync(file));

export async function openBrowser() {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('Chromium was not found: install it (apt-get install chromium) or set CHROMIUM to its path');
  const userDataDir = mkdtempSync(path.join(os.tmpdir(), 'draw-'));
  const browser = await puppeteer.launch({ executablePath, headless: true, userDataDir, args: flags, protocolTimeout: 300_000 });
  const close = async () => {
    await browser.close();
    rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  return { browser, close };
}

// What the page itself complains about. Chromium logs every failed request: those of queries are in the panels' errors already.
function listen(page, address) {
  const complaints = new Set();
  page.on('console', (message) => message.type() === 'error' && !/^Failed to load resource/.test(message.text()) && complaints.add(`console: ${message.text().slice(0, 600)}`));
  page.on('pageerror', (error) => complaints.add(`uncaught: ${error.stack ?? error.message}`));
  page.on('request', (request) => !request.url().startsWith(address) && !/^(data|blob|about):/.test(request.url()) && complaints.add(`asked outside: ${request.url()}`));
  return complaints;
}

const pause = (page) => page.evaluate(() => document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 400)))));

export async function drawPage(browser, address, { query, width, height, scale, out, timeout }) {
  const page = await browser.newPage();
  try {
    const complaints = listen(page, address);
    await page.setViewport({ width, height: height ?? 1200, deviceScaleFactor: scale });
    await page.goto(`${address}/index.html?${new URLSearchParams(query)}`, { waitUntil: 'load', timeout });
    await page.waitForFunction(() => window.draw?.settled(), { timeout, polling: 100 }).catch(() => complaints.add(`not settled after ${timeout / 1000} s`));
    await pause(page);
    const report = await page.evaluate(async () => (window.draw ? await window.draw.report() : { panels: [], variables: [], page: [], errors: window.drawErrors ?? [] }));
    if (out) {
      await page.setViewport({ width, height: Math.min(height ?? report.height ?? 1200, 12_000), deviceScaleFactor: scale });
      await pause(page);
      writeFileSync(out, withPalette(Buffer.from(await page.screenshot())));
    }
    return { ...report, complaints: [...complaints] };
  } finally {
    await page.close();
  }
}
