// A screenshot with 256 colours is a third of the size, and a dashboard has few: median cut over colours of 6 bits a channel.
import { decode, encodeIndexed } from './png.mjs';

const key = (r, g, b) => ((r >> 2) << 12) | ((g >> 2) << 6) | (b >> 2);

function histogram({ pixels, size }) {
  const bins = new Map();
  for (let at = 0; at < pixels.length; at += size) {
    const [r, g, b] = [pixels[at], pixels[at + 1], pixels[at + 2]];
    const bin = bins.get(key(r, g, b)) ?? { count: 0, sum: [0, 0, 0] };
    bin.count += 1;
    bin.sum[0] += r;
    bin.sum[1] += g;
    bin.sum[2] += b;
    bins.set(key(r, g, b), bin);
  }
  return [...bins.entries()].map(([id, { count, sum }]) => ({ id, count, color: sum.map((s) => s / count) }));
}

function boxOf(bins) {
  const ranges = [0, 1, 2].map((c) => Math.max(...bins.map((b) => b.color[c])) - Math.min(...bins.map((b) => b.color[c])));
  const count = bins.reduce((sum, b) => sum + b.count, 0);
  const channel = ranges.indexOf(Math.max(...ranges));
  // Wide boxes first, and among them the ones with many pixels; the square root keeps small coloured things their colours.
  return { bins, channel, weight: bins.length > 1 ? ranges[channel] * Math.sqrt(count) : 0 };
}

function split({ bins, channel }) {
  const sorted = [...bins].sort((a, b) => a.color[channel] - b.color[channel]);
  const half = sorted.reduce((sum, b) => sum + b.count, 0) / 2;
  let seen = 0;
  let at = 0;
  while (at < sorted.length - 1 && seen + sorted[at].count <= half) seen += sorted[at++].count;
  at = Math.max(1, at);
  return [boxOf(sorted.slice(0, at)), boxOf(sorted.slice(at))];
}

function boxes(bins, wanted) {
  const found = [boxOf(bins)];
  while (found.length < wanted) {
    const widest = found.reduce((best, box, i) => (box.weight > found[best].weight ? i : best), 0);
    if (!found[widest].weight) break;
    found.push(...split(found.splice(widest, 1)[0]));
  }
  return found;
}

const mean = (bins) => {
  const count = bins.reduce((sum, b) => sum + b.count, 0);
  return [0, 1, 2].map((c) => Math.round(bins.reduce((sum, b) => sum + b.color[c] * b.count, 0) / count));
};

export function withPalette(file, colors = 256) {
  const picture = decode(file);
  const parts = boxes(histogram(picture), colors);
  const indexOf = new Map(parts.flatMap(({ bins }, i) => bins.map((bin) => [bin.id, i])));
  const indices = Buffer.alloc(picture.width * picture.height);
  const { pixels, size } = picture;
  for (let i = 0; i < indices.length; i++) indices[i] = indexOf.get(key(pixels[i * size], pixels[i * size + 1], pixels[i * size + 2]));
  return encodeIndexed({ ...picture, palette: parts.map(({ bins }) => mean(bins)), indices });
}
