// Bundles src/ with Grafana's npm packages into dist/, which draw.mjs serves to Chromium. Never committed.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
export const dist = path.join(here, 'dist');
const modules = path.join(here, 'node_modules');

const newest = (folder) =>
  Math.max(...readdirSync(folder, { recursive: true }).map((name) => statSync(path.join(folder, name)).mtimeMs));

function fresh() {
  const made = path.join(dist, 'main.js');
  const inputs = [newest(path.join(here, 'src')), ...['package-lock.json', 'build.mjs'].map((f) => statSync(path.join(here, f)).mtimeMs)];
  return existsSync(made) && statSync(made).mtimeMs > Math.max(...inputs);
}

// Grafana's components ask for their icons and fonts at these addresses of a Grafana server.
function copyAssets() {
  const icons = path.join(modules, '@grafana/ui/dist/public');
  cpSync(icons, path.join(dist, 'public'), { recursive: true });
  cpSync(icons, path.join(dist, 'public/build'), { recursive: true });
  const fonts = path.join(dist, 'public/fonts/inter');
  mkdirSync(fonts, { recursive: true });
  for (const [weight, name] of [[400, 'Regular'], [500, 'Medium']])
    cpSync(path.join(modules, `@fontsource/inter/files/inter-latin-${weight}-normal.woff2`), path.join(fonts, `Inter-${name}.woff2`));
  cpSync(path.join(here, 'src/index.html'), path.join(dist, 'index.html'));
}

export async function bundle({ force = false } = {}) {
  if (!force && fresh()) return dist;
  rmSync(dist, { recursive: true, force: true });
  copyAssets();
  await build({
    absWorkingDir: here,
    entryPoints: ['src/main.jsx'],
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    jsx: 'automatic',
    logLevel: 'warning',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.svg': 'dataurl', '.png': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl' },
  });
  return dist;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle({ force: true });
