// VictoriaLogs over its HTTP API, as its Grafana plugin asks it: log records as one frame, counts as one frame each.
import { FieldType } from '@grafana/data';
import { toFrames } from './frames';
import { macros, steps } from './interval';
import { interpolate, Source } from './source';

const seconds = (time) => Math.floor(time.valueOf() / 1000);

function logFrame(records, { target, expr }) {
  const field = (name, type, values) => ({ name, type, config: {}, values });
  const hidden = ['_msg', '_time', '_stream'];
  const labels = (record) => Object.fromEntries(Object.entries(record).filter(([name]) => !hidden.includes(name)));
  // The store gives them in no order; two of one moment keep theirs from picture to picture.
  const told = (record) => `${record._time} ${record._msg} ${record.span_id}`;
  records.sort((a, b) => (told(a) < told(b) ? 1 : told(a) > told(b) ? -1 : 0));
  return {
    refId: target.refId,
    length: records.length,
    meta: { preferredVisualisationType: 'logs', executedQueryString: expr },
    fields: [
      field('Time', FieldType.time, records.map((r) => Date.parse(r._time))),
      field('Line', FieldType.string, records.map((r) => r._msg ?? '')),
      field('id', FieldType.string, records.map((r, i) => `${r._time}_${i}`)),
      field('labels', FieldType.other, records.map(labels)),
    ],
  };
}

export class VictoriaLogs extends Source {
  constructor(options) {
    super('victoriametrics-logs-datasource', { name: 'VictoriaLogs', ...options });
  }

  async query(request) {
    const answers = await Promise.all(request.targets.filter((target) => !target.hide && target.expr).map((target) => this.ask(request, target)));
    return { data: answers.flatMap((a) => a.frames), errors: answers.flatMap((a) => a.error ?? []) };
  }

  async ask(request, target) {
    const interval = steps(request, { interval: target.step }, this.interval);
    const expr = interpolate(target.expr, macros(request.scopedVars, interval));
    const asked = { from: seconds(request.range.from), to: seconds(request.range.to), step: interval.step };
    try {
      if (target.queryType === 'instant') return { frames: await this.records(expr, target, asked) };
      if (target.queryType === 'stats') return { frames: await this.counts(expr, target, asked) };
      throw new Error(`query type ${target.queryType} is not drawn here`);
    } catch (error) {
      return { frames: [], error: { refId: target.refId, message: `${error.message} in: ${expr}` } };
    }
  }

  async records(expr, target, { from, to }) {
    const text = await this.text('/select/logsql/query', { query: expr, start: from, end: to, limit: target.maxLines ?? 1000 });
    const found = text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    return found.length ? [logFrame(found, { target, expr })] : [];
  }

  // The plugin puts the time range into the query itself.
  async counts(expr, target, { from, to, step }) {
    const answer = JSON.parse(await this.text('/select/logsql/stats_query', { query: `_time:[${from}, ${to}] ${expr}`, time: to }));
    return toFrames(answer.data, { target, expr, step, instant: true });
  }

  async text(path, parameters) {
    const response = await fetch(`${this.address}${path}?${new URLSearchParams(parameters)}`);
    const text = await response.text();
    if (!response.ok) throw new Error(text.slice(0, 300));
    return text;
  }
}
