// Grafana's time series component; annotations and exemplars are drawn on its canvas by hooks, for their own drawing is in Grafana's core.
import { cacheFieldDisplayNames, FieldType } from '@grafana/data';
import { commonOptionsBuilder, TimeSeries, useTheme2 } from '@grafana/ui';
import { useMemo } from 'react';
import { countDrawn } from './canvas';
import { Empty, isEmpty } from './empty';
import { fieldOptions } from './plugin';

const ofField = (frame, name) => frame.fields.find((field) => field.name === name)?.values ?? [];

// A region is shaded between its two lines, as Grafana does it.
function region(u, from, to, color) {
  const [left, right] = [from, to].map((time) => Math.min(Math.max(u.valToPos(time, 'x', true), u.bbox.left), u.bbox.left + u.bbox.width));
  const { top, height } = u.bbox;
  u.ctx.fillStyle = u.ctx.strokeStyle = color;
  u.ctx.globalAlpha = 0.1;
  u.ctx.fillRect(left, top, right - left, height);
  u.ctx.globalAlpha = 1;
  u.ctx.setLineDash([5, 5]);
  for (const x of new Set([left, right])) u.ctx.stroke(new Path2D(`M${x} ${top}V${top + height}`));
}

function diamond(u, time, value, scale, color) {
  const [x, y] = [u.valToPos(time, 'x', true), u.valToPos(value, scale, true)];
  if (!(x > u.bbox.left && y > u.bbox.top && y < u.bbox.top + u.bbox.height)) return;
  const size = 3 * devicePixelRatio;
  u.ctx.fillStyle = color;
  u.ctx.beginPath();
  for (const [dx, dy] of [[0, -size], [size, 0], [0, size], [-size, 0]]) u.ctx.lineTo(x + dx, y + dy);
  u.ctx.fill();
}

function drawExemplars(u, frame, theme) {
  const { scale } = u.series[1];
  const [times, values] = [ofField(frame, 'Time'), ofField(frame, 'Value')];
  times.forEach((time, i) => diamond(u, time, values[i], scale, theme.visualization.getColorByName('blue')));
}

function drawEvents(u, frame, theme) {
  const [times, ends, colors] = ['time', 'timeEnd', 'color'].map((name) => ofField(frame, name));
  times.forEach((time, i) => region(u, time, ends[i] || time, theme.visualization.getColorByName(colors[i] ?? 'blue')));
}

function drawMarks(u, frames, theme) {
  u.ctx.save();
  for (const frame of frames) (frame.meta?.custom?.resultType === 'exemplar' ? drawExemplars : drawEvents)(u, frame, theme);
  u.ctx.restore();
}

const plotted = (u) =>
  u.series.slice(1).filter((series, i) => series.show && Number.isFinite(u.scales[series.scale]?.min) && u.data[i + 1].some(Number.isFinite)).length;

const hooked = new WeakSet();
function Marks({ builder, annotations, theme }) {
  if (hooked.has(builder)) return null;
  hooked.add(builder);
  builder.addHook('draw', (u) => {
    drawMarks(u, annotations ?? [], theme);
    countDrawn(u, plotted(u));
  });
  return null;
}

// As Grafana's panel does it: NaN and infinity (a quantile of nothing, a division by zero) are gaps in a line.
const finite = (value) => (typeof value !== 'number' || Number.isFinite(value) ? value : null);
const graphable = (frame) => ({ ...frame, fields: frame.fields.map((field) => (field.type === FieldType.number ? { ...field, values: field.values.map(finite) } : field)) });

// Colours by name are taken from the cached name of a field: without it, who asks first decides the colour.
function named(frames) {
  cacheFieldDisplayNames(frames);
  return frames;
}

export function TimeSeriesPanel(props) {
  const theme = useTheme2();
  const { annotations } = props.data;
  const frames = useMemo(() => named((props.data.series ?? []).map(graphable)), [props.data.series]);
  const options = useMemo(() => ({ ...props.options, annotations }), [props.options, annotations]); // annotations that come later draw the chart anew
  if (isEmpty(props.data)) return <Empty {...props} />;
  return (
    <TimeSeries
      frames={frames} structureRev={props.data.structureRev} timeRange={props.timeRange} timeZone={props.timeZone}
      width={props.width} height={props.height} legend={props.options.legend} options={options}
    >
      {(builder) => <Marks builder={builder} annotations={annotations} theme={theme} />}
    </TimeSeries>
  );
}

export function graphFieldConfig(builder) {
  fieldOptions({
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', fillBelowTo: undefined,
    lineStyle: { fill: 'solid' }, spanNulls: false, insertNulls: false, showPoints: 'auto', pointSize: 5, barAlignment: 0,
    barWidthFactor: 0.6, barMaxWidth: undefined, pointSymbol: undefined, lineColor: undefined, fillColor: undefined, pointColor: undefined,
    transform: undefined, thresholdsStyle: { mode: 'off' }, showValues: false,
  })(builder);
  commonOptionsBuilder.addStackingConfig(builder, { mode: 'none', group: 'A' });
  commonOptionsBuilder.addAxisConfig(builder, {});
  commonOptionsBuilder.addHideFrom(builder);
}
