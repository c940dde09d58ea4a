// Stand-in: Grafana's heatmap is in its core. Cells of a "heatmap" frame (one field per bucket) on Grafana's axes.
import { FieldType, getDisplayProcessor } from '@grafana/data';
import { UPlotChart, useTheme2, VizLayout } from '@grafana/ui';
import * as chromatic from 'd3-scale-chromatic';
import { useMemo } from 'react';
import { chart } from './canvas';
import { Empty, isEmpty } from './empty';

const diverging = /^(Spectral|RdYlGn|RdYlBu|RdGy|RdBu|PuOr|PRGn|PiYG|BrBG)$/;
const neutral = /^(Turbo|Cividis|Viridis|Magma|Inferno|Plasma|Warm|Cool|Rainbow|Sinebow|CubehelixDefault)$/;

// On a dark background Grafana turns the palettes that start at white around.
function palette({ scheme, reverse, mode, fill, exponent, scale }, theme) {
  const share = (x) => (scale === 'linear' ? x : Math.pow(x, exponent));
  if (mode === 'opacity') {
    const color = theme.visualization.getColorByName(fill);
    return (x) => ({ color, alpha: share(x) });
  }
  const interpolator = chromatic[`interpolate${scheme}`];
  const turned = (diverging.test(scheme) || (!neutral.test(scheme) && theme.isDark)) !== Boolean(reverse);
  return (x) => ({ color: interpolator(turned ? 1 - share(x) : share(x)), alpha: 1 });
}

function cells(frame, { options }) {
  const [time, ...buckets] = frame.fields;
  const step = time.config.interval ?? time.values[1] - time.values[0];
  const counts = buckets.flatMap((bucket) => [...bucket.values].filter(Number.isFinite));
  const most = options.color.max ?? Math.max(...counts);
  const least = options.color.min ?? 0;
  return { times: time.values, buckets, step, least, most, hidden: options.filterValues?.le ?? 1e-9 };
}

function painter({ times, buckets, step, least, most, hidden }, { options }, color) {
  const gap = options.cellGap ?? 1;
  return (u) => {
    let drawn = 0;
    buckets.forEach((bucket, row) =>
      bucket.values.forEach((count, i) => {
        if (!(count > hidden)) return;
        drawn += 1;
        const cell = color(Math.min(1, Math.max(0, (count - least) / (most - least))));
        const [left, right] = [u.valToPos(times[i] - step, 'x', true), u.valToPos(times[i], 'x', true)];
        const [top, bottom] = [u.valToPos(row + 1, 'y', true), u.valToPos(row, 'y', true)];
        u.ctx.globalAlpha = cell.alpha;
        u.ctx.fillStyle = cell.color;
        u.ctx.fillRect(left + gap / 2, top + gap / 2, Math.max(1, right - left - gap), bottom - top - gap);
      }),
    );
    return drawn;
  };
}

// A label at the upper edge of each bucket; every second or third where they would touch.
function axis(buckets, { options, height }, theme) {
  const format = getDisplayProcessor({ field: { type: FieldType.number, config: { unit: options.yAxis?.unit, decimals: options.yAxis?.decimals } }, theme });
  const every = Math.ceil((buckets.length * 16) / Math.max(1, height - 60));
  const label = (name) => {
    if (name === '+Inf' || name === 'Infinity') return '+Inf';
    const shown = format(Number(name));
    return `${shown.prefix ?? ''}${shown.text}${shown.suffix ?? ''}`;
  };
  const splits = () => buckets.map((_, i) => i + 1).filter((n) => n % every === 0);
  return { size: 70, splits, formatValue: (value) => (buckets[value - 1] ? label(buckets[value - 1].name) : '') };
}

function Scale({ grid, color, unit, theme }) {
  const stops = Array.from({ length: 16 }, (_, i) => color(i / 15)).map(({ color: c, alpha }) => `color-mix(in srgb, ${c} ${alpha * 100}%, transparent)`);
  const format = getDisplayProcessor({ field: { type: FieldType.number, config: { unit } }, theme });
  const label = (value) => {
    const shown = format(value);
    return `${shown.text}${shown.suffix ?? ''}`;
  };
  const style = { display: 'flex', alignItems: 'center', gap: 8, fontSize: 12, color: theme.colors.text.secondary, paddingLeft: 70, height: 24 };
  return (
    <div style={style}>
      <span>{label(grid.least)}</span>
      <div style={{ width: 160, height: 10, background: `linear-gradient(to right, ${stops.join(',')})` }} />
      <span>{label(grid.most)}</span>
    </div>
  );
}

export function Heatmap(props) {
  const theme = useTheme2();
  const { data, width, height, options } = props;
  const frame = isEmpty(data) ? undefined : data.series[0];
  const drawn = useMemo(() => {
    if (!frame) return undefined;
    const grid = cells(frame, props);
    const color = palette(options.color, theme);
    return { grid, color, config: chart(props, theme, { rows: grid.buckets.length, axis: axis(grid.buckets, props, theme), paint: painter(grid, props, color) }) };
  }, [frame, width, height]);
  if (!drawn) return <Empty {...props} />;
  const legend = options.legend?.show === false ? null : <VizLayout.Legend placement="bottom"><Scale {...drawn} unit={options.cellValues?.unit} theme={theme} /></VizLayout.Legend>;
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(w, h) => <UPlotChart config={drawn.config} data={drawn.config.prepData([frame])} width={w} height={h} timeRange={props.timeRange} />}
    </VizLayout>
  );
}
