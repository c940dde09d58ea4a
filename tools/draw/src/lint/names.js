// Names in the JSON that Grafana's own registries do not know: they draw without complaint, and wrongly.
import { fieldColorModeRegistry, fieldReducers, getValueFormats } from '@grafana/data';
import { config } from '@grafana/runtime';

const units = new Set(getValueFormats().flatMap((category) => category.submenu.map((unit) => unit.value)));
const ownUnit = /^(prefix|suffix|time|si|count|currency|bool):/;
const mappingTypes = new Set(['value', 'range', 'regex', 'special']);

export const listed = (names) => {
  const short = [...names].map((name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name));
  return short.length > 8 ? `${short.slice(0, 8).join(', ')} and ${short.length - 8} more` : short.join(', ');
};

export const unit = (id) => (id == null || id === '' || units.has(id) || ownUnit.test(id) ? [] : [`unknown unit "${id}"`]);

export const reducers = (ids, where) => (ids ?? []).filter((id) => !fieldReducers.getIfExists(id)).map((id) => `unknown reducer "${id}" in ${where}`);

export function color(name) {
  if (name == null) return [];
  return CSS.supports('color', config.theme2.visualization.getColorByName(name)) ? [] : [`unknown color "${name}"`];
}

export const colorMode = (value) => {
  if (value?.mode == null) return [];
  return fieldColorModeRegistry.getIfExists(value.mode) ? color(value.fixedColor) : [`unknown color mode "${value.mode}"`];
};

const mappingColors = (mapping) => (mapping.type === 'value' ? Object.values(mapping.options) : [mapping.options?.result]).flatMap((r) => color(r?.color));

export const mappings = (list) =>
  (list ?? []).flatMap((mapping) => (mappingTypes.has(mapping.type) ? mappingColors(mapping) : [`unknown mapping type "${mapping.type}"`]));

export function thresholds(value) {
  if (!value) return [];
  const steps = value.steps ?? [];
  const order = steps.slice(1).some((step, i) => i > 0 && step.value < steps[i].value) ? ['threshold steps are not in ascending order'] : [];
  return [...steps.flatMap((step) => color(step.color)), ...order];
}

// One field property, wherever it stands: in the defaults or in an override.
const checks = { unit, color: colorMode, mappings, thresholds, 'custom.footer': (footer) => reducers(footer?.reducers, 'the table footer') };

export const property = (id, value) => checks[id]?.(value) ?? [];
