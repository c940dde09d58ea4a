// Grafana's Prometheus data source is a Go program; these are its questions to the same HTTP API.
import { prometheusAnnotations } from './annotations';
import { exemplarFrame } from './exemplars';
import { toFrames } from './frames';
import { macros, steps, window as queryWindow } from './interval';
import { shaped } from './shape';
import { interpolate, Source } from './source';

const seconds = (time) => time.valueOf() / 1000;

export class Prometheus extends Source {
  constructor(options) {
    super('prometheus', { name: 'Prometheus', ...options });
    this.annotations = prometheusAnnotations;
  }

  async query(request) {
    const targets = request.targets.filter((target) => !target.hide && target.expr);
    const answers = await Promise.all(targets.flatMap((target) => this.kinds(target).map((instant) => this.ask(request, target, instant))));
    const exemplars = await Promise.all(targets.filter((target) => target.exemplar).map((target) => this.exemplars(request, target)));
    return { data: shaped(answers), errors: answers.flatMap((a) => a.error ?? []), annotations: exemplars.filter((frame) => frame.length) };
  }

  kinds(target) {
    return target.instant && target.range ? [false, true] : [Boolean(target.instant)];
  }

  async ask(request, target, instant) {
    const interval = steps(request, target, this.interval);
    const expr = interpolate(target.expr, macros(request.scopedVars, interval));
    const when = instant ? { time: seconds(request.range.to) } : queryWindow(request, interval.step);
    const answer = await this.fetchJson(instant ? '/api/v1/query' : '/api/v1/query_range', { query: expr, ...when });
    if (answer.status !== 'success') return { target, frames: [], error: { refId: target.refId, message: `${answer.error} in: ${expr}` } };
    return { target, frames: toFrames(answer.data, { target, expr, step: interval.step, instant }) };
  }

  async exemplars(request, target) {
    const interval = steps(request, target, this.interval);
    const expr = interpolate(target.expr, macros(request.scopedVars, interval));
    const range = { start: seconds(request.range.from), end: seconds(request.range.to) };
    const answer = await this.fetchJson('/api/v1/query_exemplars', { query: expr, ...range });
    return exemplarFrame((answer.data ?? []).flatMap((series) => series.exemplars), interval.step);
  }

  // Variables: label_values(), label_names(), metrics() and query_result(), as a text or as { query }.
  async metricFindQuery(query, { range, scopedVars }) {
    const text = interpolate(typeof query === 'string' ? query : query.query, scopedVars).trim();
    const found = /^(\w+)\((?:(.*),)?\s*([^,]*)\)$/s.exec(text);
    if (!found) throw new Error(`Variable query not understood: ${text}`);
    const [, verb, match, last] = found;
    const within = { start: seconds(range.from), end: seconds(range.to) };
    if (verb === 'label_values') return this.names(`/api/v1/label/${last.trim()}/values`, match ? { ...within, 'match[]': match.trim() } : within);
    if (verb === 'label_names') return this.names('/api/v1/labels', within);
    throw new Error(`Variable query not drawn here: ${text}`);
  }

  async names(path, parameters) {
    const answer = await this.fetchJson(path, parameters);
    if (answer.status !== 'success') throw new Error(answer.error);
    return answer.data.map((text) => ({ text }));
  }
}
