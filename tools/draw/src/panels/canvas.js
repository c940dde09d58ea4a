// Shared by the two stand-ins that paint on Grafana's axes (uPlot): state timeline and heatmap.
import { UPlotConfigBuilder } from '@grafana/ui';

export function chart(props, theme, { rows, axis, paint }) {
  const builder = new UPlotConfigBuilder(props.timeZone);
  const range = () => [props.timeRange.from.valueOf(), props.timeRange.to.valueOf()];
  builder.addScale({ scaleKey: 'x', isTime: true, orientation: 0, direction: 1, range });
  builder.addScale({ scaleKey: 'y', isTime: false, orientation: 1, direction: 1, range: () => [0, rows] });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: 'bottom', timeZone: props.timeZone, theme, grid: { show: true } });
  builder.addAxis({ scaleKey: 'y', isTime: false, placement: 'left', theme, grid: { show: false }, ticks: { show: false }, ...axis });
  builder.addSeries({ scaleKey: 'y', theme, pxAlign: false, drawStyle: 'line', lineWidth: 0, show: true, pathBuilder: () => null });
  builder.setPrepData(([frame]) => [frame.fields[0].values, frame.fields[0].values.map(() => 0)]);
  builder.addHook('draw', (u) => clipped(u, () => countDrawn(u, paint(u))));
  return builder;
}

// For the report: how many series, runs or cells are on this canvas.
export function countDrawn(u, count) {
  u.ctx.canvas.dataset.drawn = count;
}

function clipped(u, paint) {
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  u.ctx.clip();
  paint();
  u.ctx.restore();
}

export const fontOf = (theme) => `${12 * devicePixelRatio}px ${theme.typography.fontFamily}`;

export function textWidth(text, theme) {
  const context = document.createElement('canvas').getContext('2d');
  context.font = `12px ${theme.typography.fontFamily}`;
  return context.measureText(text).width;
}
