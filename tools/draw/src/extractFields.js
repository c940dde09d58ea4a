// Stand-in: Grafana keeps the transformation extractFields in its core. This one takes JSON and label objects, no regular expressions.
import { DataTransformerID, FieldType } from '@grafana/data';
import { map } from 'rxjs';

const asObject = (value) => {
  if (value && typeof value === 'object') return value;
  try {
    return JSON.parse(value) ?? {};
  } catch {
    return {};
  }
};

const at = (object, path) => path.split('.').reduce((value, key) => value?.[key], { ...object, [path]: undefined }) ?? object[path];

function wanted(rows, jsonPaths) {
  if (jsonPaths?.length) return jsonPaths.map(({ path, alias }) => ({ path, name: alias || path }));
  return [...new Set(rows.flatMap((row) => Object.keys(row)))].map((path) => ({ path, name: path }));
}

const typeOf = (values) => (values.every((v) => v == null || typeof v === 'number') ? FieldType.number : FieldType.string);

function extract(frame, { source, jsonPaths, replace, keepTime }) {
  const field = frame.fields.find((f) => f.name === source);
  if (!field) return frame;
  const rows = field.values.map(asObject);
  const made = wanted(rows, jsonPaths).map(({ path, name }) => {
    const values = rows.map((row) => at(row, path));
    return { name, type: typeOf(values), config: {}, values };
  });
  const kept = replace ? frame.fields.filter((f) => keepTime && f.type === FieldType.time) : frame.fields;
  return { ...frame, fields: [...kept, ...made] };
}

export const extractFields = {
  id: DataTransformerID.extractFields,
  name: 'Extract fields',
  defaultOptions: {},
  operator: (options) => (source) => source.pipe(map((frames) => frames.map((frame) => extract(frame, options)))),
};
