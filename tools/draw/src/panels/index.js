// Panel types drawn here. Stat, bar gauge, time series, table and text are Grafana's components; state timeline, heatmap and logs are stand-ins.
import { FieldColorModeId } from '@grafana/data';
import * as barGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import { Heatmap } from './heatmap';
import { Logs } from './logs';
import { colorBy, panel } from './plugin';
import { StateTimeline } from './statetimeline';
import { Table, tableFields } from './table';
import { Text } from './text';
import { graphFieldConfig, TimeSeriesPanel } from './timeseries';
import { BarGaugePanel, Stat } from './values';

const thresholds = colorBy(FieldColorModeId.Thresholds);
const bySeries = colorBy(FieldColorModeId.PaletteClassic, { byValueSupport: true, bySeriesSupport: true });
const text = panel(Text, { options: { mode: 'markdown', content: '' } }).useFieldConfig({});
text.meta = { ...text.meta, skipDataQuery: true };

export const plugins = {
  stat: panel(Stat, { options: stat.defaultOptions }).useFieldConfig(thresholds),
  bargauge: panel(BarGaugePanel, { options: barGauge.defaultOptions }).useFieldConfig(thresholds),
  timeseries: panel(TimeSeriesPanel, { more: graphFieldConfig, options: { legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] } } })
    .useFieldConfig(bySeries)
    .setDataSupport({ annotations: true, alertStates: true }),
  table: panel(Table, { fields: tableFields, options: table.defaultOptions }).useFieldConfig(thresholds),
  'state-timeline': panel(StateTimeline, { fields: { ...timeline.defaultFieldConfig, spanNulls: false, insertNulls: false, hideFrom: undefined, axisPlacement: undefined }, options: timeline.defaultOptions }).useFieldConfig(colorBy('continuous-GrYlRd')),
  heatmap: panel(Heatmap, { fields: { scaleDistribution: undefined, hideFrom: undefined }, options: heatmap.defaultOptions }).useFieldConfig({}),
  logs: panel(Logs, { options: { showTime: true } }).useFieldConfig({}),
  text,
};

// Types that Grafana has and that are not drawn here: said in the report, neither a fault nor a proof.
export const undrawn = new Set([
  'alertlist', 'annolist', 'barchart', 'candlestick', 'canvas', 'dashlist', 'flamegraph', 'gauge', 'geomap', 'histogram', 'news', 'nodeGraph',
  'piechart', 'status-history', 'traces', 'trend', 'xychart',
]);
