// Stand-in: Grafana's state timeline is in its core. Bars of equal values, one row per series, on Grafana's axes.
import { FieldType, getDisplayProcessor, getFieldDisplayName } from '@grafana/data';
import { UPlotChart, useTheme2, VizLayout, VizLegend } from '@grafana/ui';
import { useMemo } from 'react';
import { chart, fontOf, textWidth } from './canvas';
import { Empty, isEmpty } from './empty';

function rowsOf(data, theme) {
  return data.series.flatMap((frame) => {
    const time = frame.fields.find((f) => f.type === FieldType.time);
    const states = frame.fields.filter((f) => f !== time);
    const step = time.config.interval ?? (time.values.length > 1 ? time.values[1] - time.values[0] : 0);
    return states.map((field) => ({
      name: getFieldDisplayName(field, frame, data.series), field, step, times: time.values,
      display: field.display ?? getDisplayProcessor({ field, theme }),
    }));
  });
}

// Runs of one value: [first index, last index], without nulls.
function runs({ field: { values } }, merge) {
  const found = [];
  for (let i = 0; i < values.length; i++) {
    const last = found.at(-1);
    if (values[i] == null) continue;
    if (merge && last && last[1] === i - 1 && values[i] === values[last[0]]) last[1] = i;
    else found.push([i, i]);
  }
  return found;
}

const endOf = (row, index) => row.times[index + 1] ?? row.times[index] + row.step;

function paintRun(u, row, [first, last], [top, bottom], { options, theme }) {
  const shown = row.display(row.field.values[first]);
  const left = u.valToPos(row.times[first], 'x', true);
  const right = u.valToPos(endOf(row, last), 'x', true);
  u.ctx.globalAlpha = (row.field.config.custom?.fillOpacity ?? 70) / 100;
  u.ctx.fillStyle = shown.color;
  u.ctx.fillRect(left, top, right - left, bottom - top);
  u.ctx.globalAlpha = 1;
  const text = `${shown.prefix ?? ''}${shown.text}${shown.suffix ?? ''}`;
  if (options.showValue === 'never' || right - left < u.ctx.measureText(text).width + 8) return;
  u.ctx.fillStyle = theme.colors.getContrastText(shown.color);
  u.ctx.fillText(text, (left + right) / 2, (top + bottom) / 2);
}

function painter(rows, { options }, theme) {
  return (u) => {
    let count = 0;
    Object.assign(u.ctx, { font: fontOf(theme), textAlign: 'center', textBaseline: 'middle' });
    rows.forEach((row, i) => {
      const gap = (1 - options.rowHeight) / 2;
      const edges = [u.valToPos(rows.length - i - gap, 'y', true), u.valToPos(rows.length - i - 1 + gap, 'y', true)];
      const found = runs(row, options.mergeValues);
      for (const run of found) paintRun(u, row, run, edges, { options, theme });
      count += found.length;
    });
    return count;
  };
}

function axis(rows, theme) {
  const size = Math.min(240, Math.max(...rows.map((row) => textWidth(row.name, theme))) + 16);
  const at = (value) => rows[Math.round(rows.length - value - 0.5)]?.name ?? '';
  return { size, splits: () => rows.map((_, i) => rows.length - i - 0.5), formatValue: at };
}

const legendItems = (rows, theme) =>
  (rows[0]?.field.config.mappings ?? [])
    .flatMap((mapping) => (mapping.type === 'value' ? Object.values(mapping.options) : [mapping.options.result]))
    .filter((result) => result?.text)
    .map((result) => ({ label: result.text, color: theme.visualization.getColorByName(result.color ?? 'gray'), yAxis: 1 }));

export function StateTimeline(props) {
  const theme = useTheme2();
  const { data, width, height, options } = props;
  const rows = useMemo(() => (isEmpty(data) ? [] : rowsOf(data, theme)), [data, theme]);
  const config = useMemo(() => rows.length && chart(props, theme, { rows: rows.length, axis: axis(rows, theme), paint: painter(rows, props, theme) }), [rows, width, height]);
  if (!rows.length) return <Empty {...props} />;
  const items = legendItems(rows, theme);
  const show = options.legend?.showLegend !== false && items.length > 0;
  const placement = options.legend?.placement ?? 'bottom';
  const legend = show ? <VizLayout.Legend placement={placement}><VizLegend placement={placement} items={items} displayMode="list" /></VizLayout.Legend> : null;
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(w, h) => <UPlotChart config={config} data={config.prepData(data.series)} width={w} height={h} timeRange={props.timeRange} />}
    </VizLayout>
  );
}
