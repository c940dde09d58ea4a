// Grafana's arithmetic of steps: $__interval, $__rate_interval, $__range. Seconds, unless a name says milliseconds.
import { rangeUtil } from '@grafana/data';

const MAX_POINTS = 11_000; // what Prometheus answers at most per series

const duration = (seconds) => (Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`);

export function steps(request, target, scrapeInterval) {
  const scrape = rangeUtil.intervalToMs(target.interval || scrapeInterval) / 1000;
  const range = (request.range.to.valueOf() - request.range.from.valueOf()) / 1000;
  const step = Math.max(request.intervalMs / 1000, scrape, Math.ceil(range / MAX_POINTS));
  return { step, range, rate: Math.max(step + scrape, 4 * scrape) };
}

export function macros(scopedVars, { step, range, rate }) {
  const whole = Math.max(1, Math.round(range));
  const values = {
    __interval: duration(step), __interval_ms: step * 1000, __rate_interval: duration(rate), __rate_interval_ms: rate * 1000,
    __range: `${whole}s`, __range_s: whole, __range_ms: whole * 1000, __auto: duration(step),
  };
  return { ...scopedVars, ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { text: value, value }])) };
}

export const window = (request, step) => {
  const align = (time) => Math.floor(time.valueOf() / 1000 / step) * step;
  return { start: align(request.range.from), end: align(request.range.to), step };
};
