// Matrix and vector answers of Prometheus and VictoriaLogs as Grafana data frames, one per series.
import { FieldType, renderLegendFormat } from '@grafana/data';

const number = (text) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

function seriesName(labels) {
  const { __name__ = '', ...rest } = labels;
  const inner = Object.entries(rest).map(([key, value]) => `${key}="${value}"`).join(', ');
  return inner ? `${__name__}{${inner}}` : __name__ || '{}';
}

function legend(format, labels, expr) {
  if (format === '__auto') return Object.keys(labels).length ? undefined : expr;
  return format ? renderLegendFormat(format, labels) : seriesName(labels);
}

function frame(series, { target, expr, step, instant }) {
  const labels = series.metric ?? {};
  const points = series.values ?? [series.value];
  const name = legend(target.legendFormat, labels, expr);
  return {
    refId: target.refId,
    name,
    meta: { type: instant ? 'numeric-multi' : 'timeseries-multi', executedQueryString: expr },
    length: points.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: instant ? {} : { interval: step * 1000 }, values: points.map(([time]) => time * 1000) },
      { name: 'Value', type: FieldType.number, labels, config: { displayNameFromDS: name }, values: points.map(([, value]) => number(value)) },
    ],
  };
}

export function toFrames({ resultType, result }, context) {
  if (resultType === 'scalar') return [frame({ metric: {}, value: result }, context)];
  if (result.some((series) => series.histogram || series.histograms)) throw new Error('Native histograms are not drawn: ask for a quantile or a rate');
  return result.map((series) => frame(series, context));
}
