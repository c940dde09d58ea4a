// A dashboard (v1, schema 42) as one scene of @grafana/scenes.
import {
  dataLayers, EmbeddedScene, SceneControlsSpacer, SceneDataLayerSet, SceneDataTransformer, SceneGridItem, SceneGridLayout, SceneGridRow,
  SceneQueryRunner, SceneRefreshPicker, SceneTimePicker, SceneTimeRange, VariableValueSelectors, VizPanel,
} from '@grafana/scenes';
import { sections } from './layout';
import { variableSet } from './variables';

function dataOf(panel) {
  if (!panel.targets?.length) return undefined;
  const datasource = panel.datasource ?? panel.targets[0].datasource;
  const runner = new SceneQueryRunner({ queries: panel.targets, datasource, maxDataPoints: panel.maxDataPoints, minInterval: panel.interval, maxDataPointsFromWidth: true });
  return new SceneDataTransformer({ $data: runner, transformations: panel.transformations ?? [] });
}

function item(panel) {
  const { x, y, w, h } = panel.gridPos;
  const body = new VizPanel({
    key: `panel-${panel.id}`, title: panel.title, description: panel.description, pluginId: panel.type, options: panel.options ?? {},
    fieldConfig: panel.fieldConfig ?? { defaults: {}, overrides: [] }, $data: dataOf(panel), displayMode: panel.transparent ? 'transparent' : 'default',
  });
  return new SceneGridItem({ key: `item-${panel.id}`, x, y, width: w, height: h, isResizable: false, isDraggable: false, body });
}

const child = (panel) =>
  panel.type === 'row' ? new SceneGridRow({ key: `row-${panel.id}`, y: panel.gridPos.y, title: panel.title, isCollapsed: false, children: panel.children.map(item) }) : item(panel);

// Grafana's own annotation entry ("-- Grafana --") has no server to ask.
const annotationLayers = (dashboard) =>
  (dashboard.annotations?.list ?? [])
    .filter((annotation) => annotation.enable && annotation.datasource?.type === 'prometheus')
    .map((annotation) => new dataLayers.AnnotationsDataLayer({ name: annotation.name, query: annotation, isHidden: true }));

const iso = (milliseconds) => new Date(Number(milliseconds)).toISOString();

export function makeScene(dashboard, flat, { from, to, chosen }) {
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from: iso(from), to: iso(to), timeZone: 'utc' }),
    $variables: variableSet(dashboard, JSON.parse(chosen)),
    $data: new SceneDataLayerSet({ layers: annotationLayers(dashboard) }),
    controls: [new VariableValueSelectors({}), new SceneControlsSpacer(), new SceneTimePicker({}), new SceneRefreshPicker({ refresh: '', isOnCanvas: true })],
    body: new SceneGridLayout({ isLazy: false, children: sections(flat).map(child) }),
  });
}
