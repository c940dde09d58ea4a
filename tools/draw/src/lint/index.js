// Everything a picture does not show about one panel: raw is the JSON, before and after are frames around the transformations.
import { getFieldDisplayName } from '@grafana/data';
import { fields } from './fields';
import { listed, reducers, unit } from './names';
import { transformations } from './transformations';

function options({ reduceOptions, legend, yAxis, cellValues }) {
  return [
    ...reducers(reduceOptions?.calcs, 'reduceOptions'), ...reducers(legend?.calcs, 'the legend'),
    ...unit(yAxis?.unit), ...unit(cellValues?.unit),
  ];
}

function table(raw, frames) {
  if (raw.type !== 'table' || !frames.length) return [];
  const columns = new Set(frames.flatMap((frame) => frame.fields.map((field) => getFieldDisplayName(field, frame, frames))));
  const many = frames.length > 1 ? [`the table shows one of ${frames.length} frames: merge or join them`] : [];
  const unsorted = (raw.options?.sortBy ?? []).filter((s) => !columns.has(s.displayName)).map((s) => `sorted by the column "${s.displayName}", which is not there (${listed(columns)})`);
  return [...many, ...unsorted];
}

export async function lint(raw, registry, { before, after }) {
  return [
    ...options(raw.options ?? {}),
    ...fields(raw.fieldConfig ?? {}, registry, after),
    ...(await transformations(raw.transformations, before)),
    ...table(raw, after),
  ];
}
