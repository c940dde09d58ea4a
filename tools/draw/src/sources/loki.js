// Loki over its HTTP API: log lines as one frame, metric queries as Prometheus' matrices.
import { FieldType } from '@grafana/data';
import { toFrames } from './frames';
import { macros, steps, window as queryWindow } from './interval';
import { toTable } from './shape';
import { interpolate, Source } from './source';

const nanoseconds = (time) => `${time.valueOf()}000000`;

function logFrame(streams, { target, expr }) {
  const lines = streams.flatMap(({ stream, values }) => values.map(([time, line]) => ({ time, line, labels: stream })));
  lines.sort((a, b) => (BigInt(b.time) > BigInt(a.time) ? 1 : BigInt(b.time) < BigInt(a.time) ? -1 : 0));
  const field = (name, type, values) => ({ name, type, config: {}, values });
  return {
    refId: target.refId,
    length: lines.length,
    meta: { preferredVisualisationType: 'logs', executedQueryString: expr },
    fields: [
      field('labels', FieldType.other, lines.map((l) => l.labels)),
      field('Time', FieldType.time, lines.map((l) => Number(BigInt(l.time) / 1_000_000n))),
      field('Line', FieldType.string, lines.map((l) => l.line)),
      field('tsNs', FieldType.string, lines.map((l) => l.time)),
      field('id', FieldType.string, lines.map((l, i) => `${l.time}_${i}`)),
    ],
  };
}

export class Loki extends Source {
  constructor(options) {
    super('loki', { name: 'Loki', ...options });
  }

  async query(request) {
    const answers = await Promise.all(request.targets.filter((target) => !target.hide && target.expr).map((target) => this.ask(request, target)));
    return { data: answers.flatMap((a) => a.frames), errors: answers.flatMap((a) => a.error ?? []) };
  }

  async ask(request, target) {
    const interval = steps(request, { interval: target.step }, this.interval);
    const expr = interpolate(target.expr, macros(request.scopedVars, interval));
    const instant = target.queryType === 'instant';
    const answer = await this.fetchJson(instant ? '/loki/api/v1/query' : '/loki/api/v1/query_range', { query: expr, ...this.when(request, target, interval, instant) });
    if (answer.status !== 'success') return { frames: [], error: { refId: target.refId, message: `${answer.error ?? answer.message} in: ${expr}` } };
    if (answer.data.resultType !== 'streams') return { frames: this.metric(answer.data, { target, expr, step: interval.step, instant }) };
    return { frames: answer.data.result.length ? [logFrame(answer.data.result, { target, expr })] : [] };
  }

  // Grafana gives the answer of an instant query as one table, and always names its value after the query.
  metric(data, context) {
    const frames = toFrames(data, context);
    return context.instant && frames.length ? [toTable(frames, context.target.refId, true)] : frames;
  }

  when(request, target, { step }, instant) {
    if (instant) return { time: nanoseconds(request.range.to) };
    const limit = target.maxLines ?? 1000;
    // Log lines take the exact range; a metric query is aligned to its step, as with Prometheus.
    const isLogs = target.expr.trim().startsWith('{');
    if (isLogs) return { start: nanoseconds(request.range.from), end: nanoseconds(request.range.to), limit, direction: target.direction ?? 'backward' };
    const { start, end } = queryWindow(request, step);
    return { start, end, step, limit };
  }

  async metricFindQuery(query, { range, scopedVars }) {
    const { label, stream } = typeof query === 'string' ? parse(query) : query;
    const parameters = { start: nanoseconds(range.from), end: nanoseconds(range.to), ...(stream && { query: interpolate(stream, scopedVars) }) };
    const answer = await this.fetchJson(`/loki/api/v1/label/${label}/values`, parameters);
    if (answer.status !== 'success') throw new Error(answer.error ?? answer.message);
    return (answer.data ?? []).map((text) => ({ text }));
  }
}

function parse(text) {
  const found = /^label_values\((?:(.*),)?\s*(\w+)\)$/s.exec(text.trim());
  if (!found) throw new Error(`Variable query not understood: ${text}`);
  return { stream: found[1]?.trim(), label: found[2] };
}
