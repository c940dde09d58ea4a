// Exemplars as Grafana thins them out: of each step the highest, and those that stand clearly apart from the one above.

function deviation(values) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}

function thinned(points, apart) {
  const kept = [];
  for (const point of points.sort((a, b) => b.value - a.value)) if (!kept.length || kept.at(-1).value - point.value > apart) kept.push(point);
  return kept;
}

export function exemplarFrame(exemplars, step) {
  const points = exemplars.map((e) => ({ time: e.timestamp * 1000, value: Number(e.value), trace: e.labels.trace_id ?? '' }));
  const apart = 2 * deviation(points.map((p) => p.value));
  const buckets = Map.groupBy(points, (p) => Math.floor(p.time / step / 1000));
  const kept = [...buckets.values()].flatMap((bucket) => thinned(bucket, apart));
  return {
    name: 'exemplar',
    length: kept.length,
    meta: { dataTopic: 'annotations', custom: { resultType: 'exemplar' } },
    fields: [
      { name: 'Time', type: 'time', config: {}, values: kept.map((p) => p.time) },
      { name: 'Value', type: 'number', config: {}, values: kept.map((p) => p.value) },
      { name: 'trace_id', type: 'string', config: {}, values: kept.map((p) => p.trace) },
    ],
  };
}
