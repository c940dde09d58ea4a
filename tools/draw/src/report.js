// What a test reads: the scene's own state of each panel, and what stands in the page.
import { FieldType, LoadingState } from '@grafana/data';
import { SceneDataTransformer, sceneGraph, SceneVariableSet, VizPanel } from '@grafana/scenes';
import { overlaps } from './layout';
import { lint } from './lint';

const finished = new Set([LoadingState.Done, LoadingState.Error]);

const elementOf = (panel) => document.querySelector(`[data-viz-panel-key="${panel.state.key}"]`);

function ready(panel) {
  if (panel.state._pluginLoadError) return true;
  if (!panel.getPlugin() || !elementOf(panel)) return false;
  const provider = panel.state.$data;
  return !provider || [provider, provider.state.$data].every((p) => finished.has(p.state.data?.state));
}

const settled = (panels, scene) => () => !scene.state.$variables.state.variables.some((v) => v.state.loading) && panels.every(ready);

const numbers = (frames) => frames.flatMap((frame) => frame.fields.filter((f) => f.type === FieldType.number).flatMap((f) => [...f.values]));

function dataFacts(frames) {
  const rows = frames.reduce((sum, frame) => sum + frame.length, 0);
  const values = numbers(frames);
  return { series: frames.length, rows, finite: values.length ? values.filter(Number.isFinite).length : rows };
}

// Series, runs or cells that a chart has put on its canvas.
const drawnOn = (element) => [...element.querySelectorAll('canvas')].reduce((sum, canvas) => sum + Number(canvas.dataset.drawn ?? 0), 0);

// Pixels of a table that stand outside of its panel.
const hiddenWidth = (element) => Math.max(0, ...[...element.querySelectorAll('[role="grid"]')].map((grid) => grid.scrollWidth - grid.clientWidth));

const cutTitle = (element) => [...element.querySelectorAll('header h2')].some((title) => title.scrollWidth > title.clientWidth + 1);

function errorsOf(panel, data) {
  const messages = [...(data?.errors ?? []), ...(data?.error ? [data.error] : [])].map((e) => e.message ?? e.data?.message ?? String(e));
  if (data?.state === LoadingState.Error && !messages.length) messages.push('failed without a message');
  return [...new Set(messages)];
}

const stateOf = ({ type, skipped, settled: done, errors, finite, targets }) => {
  if (skipped) return 'not drawn here';
  if (errors.length) return 'error';
  if (!done) return 'loading';
  if (!targets) return type === 'text' ? 'text' : 'no query';
  return finite ? 'data' : 'empty';
};

async function panelFacts(panel, raw, skip) {
  const provider = panel.state.$data;
  const data = provider?.state.data;
  const before = provider instanceof SceneDataTransformer ? (provider.state.$data.state.data?.series ?? []) : [];
  const after = data?.series ?? [];
  const element = elementOf(panel);
  const facts = {
    id: raw.id, title: raw.title ?? '', type: raw.type, ...dataFacts(after), errors: errorsOf(panel, data), loadError: panel.state._pluginLoadError ?? null,
    noValue: raw.fieldConfig?.defaults?.noValue ?? null, marks: (data?.annotations ?? []).reduce((sum, frame) => sum + frame.length, 0), text: element?.innerText.replace(/\s+/g, ' ').trim() ?? '', inPage: Boolean(element),
    drawn: element ? drawnOn(element) : 0, titleCut: element ? cutTitle(element) : false, hiddenWidth: element ? hiddenWidth(element) : 0, targets: raw.targets?.length ?? 0,
    queries: before.map((f) => f.meta?.executedQueryString).filter((q, i, all) => q && all.indexOf(q) === i),
  };
  const state = stateOf({ ...facts, skipped: skip(raw), settled: ready(panel) });
  return { ...facts, state, lint: state === 'not drawn here' ? [] : await lint(raw, panel.getPlugin()?.fieldConfigRegistry, { before, after: facts.finite ? after : [] }) };
}

const variableFacts = (v) => ({ name: v.state.name, type: v.state.type, value: v.state.value, options: v.state.options?.length ?? null, error: v.state.error ? String(v.state.error.message ?? v.state.error) : null });

function repeats(flat) {
  return flat.filter((p) => p.repeat).map((p) => `"${p.title}" repeats by "${p.repeat}", which is not drawn here`);
}

function sameIds(flat) {
  const ids = flat.map((p) => p.id);
  return [...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))].map((id) => `several panels have the id ${id}`);
}

export function makeReporter({ dashboard, flat, scene, errors, skip }) {
  const panels = sceneGraph.findAllObjects(scene, (o) => o instanceof VizPanel);
  const rawOf = (panel) => flat.find((raw) => `panel-${raw.id}` === panel.state.key);
  const report = async () => ({
    title: dashboard.title,
    uid: dashboard.uid,
    panels: await Promise.all(panels.map((panel) => panelFacts(panel, rawOf(panel), skip))),
    variables: scene.state.$variables instanceof SceneVariableSet ? scene.state.$variables.state.variables.map(variableFacts) : [],
    page: [...overlaps(flat), ...repeats(flat), ...sameIds(flat)],
    errors: [...new Set(errors)],
    height: Math.ceil(document.getElementById('root').getBoundingClientRect().height),
  });
  return { settled: settled(panels, scene), report };
}
