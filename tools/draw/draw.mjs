#!/usr/bin/env node
// Draws dashboards with Grafana's npm components, from a real Prometheus and VictoriaLogs. See --help.
import { readFileSync, writeFileSync } from 'node:fs';
import { bundle } from './build.mjs';
import { drawPage, openBrowser } from './lib/browser.mjs';
import { findings, line } from './lib/findings.mjs';
import { readOptions, usage } from './lib/options.mjs';
import { serve } from './lib/serve.mjs';

async function drawAll(options, server, browser) {
  const reports = [];
  for (const [index, file] of options.dashboard.entries()) {
    const query = { dashboard: `/dashboards/${index}`, from: options.from, to: options.to, theme: options.theme, interval: options.interval, chosen: JSON.stringify(options.chosen) };
    const report = await drawPage(browser, server.address, { ...options, query, out: options.out[index] });
    reports.push({ file, ...report, missing: [...server.missing] });
    server.missing.clear();
  }
  return reports;
}

async function run(options) {
  const root = await bundle();
  const dashboards = options.dashboard.map((file) => readFileSync(file, 'utf8'));
  const server = await serve({ root, dashboards, backends: { prometheus: options.prometheus, victorialogs: options.victorialogs } });
  const { browser, close } = await openBrowser();
  try {
    return await drawAll(options, server, browser);
  } finally {
    await close();
    server.close();
  }
}

function tell(reports, found) {
  for (const { file, panels } of reports) {
    const states = panels.reduce((all, p) => ({ ...all, [p.state]: (all[p.state] ?? 0) + 1 }), {});
    console.log(`${file}: ${panels.length} panels (${Object.entries(states).map(([state, of]) => `${of} ${state}`).join(', ')})`);
  }
  for (const finding of found) console.log(`- ${line(finding)}`);
}

async function main() {
  let options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error.message}\n\n${usage}`);
    return 2;
  }
  if (options.help) return console.log(usage) ?? 0;
  const reports = await run(options);
  const found = reports.flatMap((report) => findings(report, options.allowEmpty));
  if (options.report) writeFileSync(options.report, `${JSON.stringify({ dashboards: reports, findings: found }, null, 2)}\n`);
  tell(reports, found);
  return found.length ? 1 : 0;
}

process.exitCode = await main();
