// The two other shapes a Prometheus query can ask for: "table" (one frame per query) and "heatmap" (buckets, no longer cumulative).
import { FieldType } from '@grafana/data';

const valueOf = (frame) => frame.fields[1];
const bound = (frame) => {
  const le = valueOf(frame).labels?.le ?? frame.name;
  return le === '+Inf' ? Infinity : Number(le);
};

export function toTable(frames, refId, manyQueries) {
  const rows = frames.flatMap((frame) => frame.fields[0].values.map((time, i) => ({ time, value: valueOf(frame).values[i], labels: valueOf(frame).labels ?? {} })));
  rows.sort((a, b) => a.time - b.time);
  const names = [];
  for (const frame of frames) for (const name of Object.keys(valueOf(frame).labels ?? {}).sort()) if (!names.includes(name)) names.push(name);
  const labelField = (name) => ({ name, type: FieldType.string, config: { filterable: true }, values: rows.map((row) => row.labels[name] ?? '') });
  return {
    refId,
    meta: { ...frames[0]?.meta, preferredVisualisationType: 'table' },
    length: rows.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: rows.map((row) => row.time) },
      ...names.map(labelField),
      { name: manyQueries ? `Value #${refId}` : 'Value', type: FieldType.number, config: {}, values: rows.map((row) => row.value) },
    ],
  };
}

export function toHeatmap(frames, refId) {
  const sorted = [...frames].sort((a, b) => bound(a) - bound(b));
  const times = [...new Set(sorted.flatMap((frame) => frame.fields[0].values))].sort((a, b) => a - b);
  const columns = sorted.map((frame) => {
    const byTime = new Map(frame.fields[0].values.map((time, i) => [time, valueOf(frame).values[i]]));
    return times.map((time) => byTime.get(time) ?? 0);
  });
  const bucket = (frame, i) => ({
    name: valueOf(frame).labels?.le ?? frame.name,
    type: FieldType.number,
    config: {},
    values: columns[i].map((count, t) => Math.max(0, count - (i ? columns[i - 1][t] : 0))),
  });
  const timeField = { name: 'Time', type: FieldType.time, config: sorted[0]?.fields[0].config ?? {}, values: times };
  return { refId, meta: { ...sorted[0]?.meta, type: 'heatmap-rows' }, length: times.length, fields: [timeField, ...sorted.map(bucket)] };
}

export function shaped(byTarget) {
  const tables = byTarget.filter(({ target }) => target.format === 'table').length;
  return byTarget.flatMap(({ target, frames }) => {
    if (!frames.length) return [];
    if (target.format === 'table') return [toTable(frames, target.refId, tables > 1)];
    return target.format === 'heatmap' ? [toHeatmap(frames, target.refId)] : frames;
  });
}
