// Transformations: ids and reducers that do not exist, and names of fields that are not there when their turn comes.
import { getFieldDisplayName, standardTransformersRegistry, transformDataFrame } from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import { listed, reducers } from './names';

const keysWhere = (object, test) => Object.entries(object ?? {}).filter(([, value]) => test(value)).map(([key]) => key);

// Which fields a transformation names; a list means one of these (as "Value" and "Value #A" for one column). Fields that are only excluded or ordered may be absent: that is how labels come and go.
const named = {
  organize: (o) => Object.values(o.renameByName ?? {}).filter(Boolean).map((title) => keysWhere(o.renameByName, (t) => t === title)),
  sortBy: (o) => (o.sort ?? []).map((s) => s.field),
  joinByField: (o) => [o.byField],
  groupBy: (o) => keysWhere(o.fields, (f) => f.operation),
  groupingToMatrix: (o) => [o.columnField, o.rowField, o.valueField],
  convertFieldType: (o) => (o.conversions ?? []).map((c) => c.targetField),
  filterFieldsByName: (o) => o.include?.names ?? [],
  filterByValue: (o) => (o.filters ?? []).map((f) => f.fieldName),
  extractFields: (o) => [o.source],
  formatTime: (o) => [o.timeField],
  calculateField: (o) => (o.mode === 'binary' ? [o.binary?.left, o.binary?.right].map((side) => side?.matcher?.options ?? side) : o.reduce?.include ?? []),
};

const usedReducers = {
  reduce: (o) => o.reducers,
  groupBy: (o) => Object.values(o.fields ?? {}).flatMap((f) => f.aggregations ?? []),
  calculateField: (o) => (o.reduce?.reducer ? [o.reduce.reducer] : []),
};

function fieldNames(frames) {
  return new Set(frames.flatMap((frame) => frame.fields.flatMap((field) => [field.name, getFieldDisplayName(field, frame, frames)])));
}

function missing({ id, options = {} }, frames) {
  const have = fieldNames(frames);
  const checked = (name) => typeof name === 'string' && name && !name.includes('$') && Number.isNaN(Number(name));
  const wanted = (named[id]?.(options) ?? []).map((names) => [names].flat().filter(checked)).filter((names) => names.length);
  const absent = wanted.filter((names) => !names.some((name) => have.has(name))).map((names) => names.join('" or "'));
  return [...new Set(absent)].map((names) => `transformation "${id}" names the field "${names}", which is not there (${listed(have)})`);
}

export async function transformations(list, frames) {
  const found = [];
  let current = frames;
  for (const transformation of (list ?? []).filter((t) => !t.disabled)) {
    if (!standardTransformersRegistry.getIfExists(transformation.id)) return [...found, `unknown transformation "${transformation.id}"`];
    found.push(...reducers(usedReducers[transformation.id]?.(transformation.options ?? {}), `the transformation "${transformation.id}"`));
    if (current.length) found.push(...missing(transformation, current));
    if (found.length) return found;
    current = await lastValueFrom(transformDataFrame([transformation], current, { interpolate: (text) => text }));
  }
  return found;
}
