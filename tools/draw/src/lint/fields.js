// Field options and overrides of one panel against the panel type's registry and against the fields that were drawn.
import { fieldMatchers, getFieldDisplayName, getFieldMatcher } from '@grafana/data';
import { property } from './names';

function defaults({ custom = {}, ...standard }, registry) {
  const known = new Set(registry?.list().filter((item) => item.isCustom).map((item) => item.path.split('.')[0]));
  const unknown = Object.keys(custom).filter((key) => !known.has(key)).map((key) => `unknown field option "custom.${key}"`);
  const values = Object.entries(standard).flatMap(([id, value]) => property(id, value));
  return [...unknown, ...values, ...property('custom.footer', custom.footer)];
}

// A fixed colour for a name that may come or not (an outcome, a tier) is a palette, no fault.
const onlyColor = (properties) => properties.every(({ id }) => id === 'color');

function override({ matcher, properties }, registry, frames) {
  if (!fieldMatchers.getIfExists(matcher.id)) return [`unknown matcher "${matcher.id}"`];
  const matches = getFieldMatcher(matcher);
  const matched = frames.some((frame) => frame.fields.some((field) => matches(field, frame, frames)));
  const unmatched = frames.length && !matched && !onlyColor(properties) ? [`override matches no field: ${matcher.id} ${JSON.stringify(matcher.options)}`] : [];
  const known = (id) => registry?.getIfExists(id) || registry?.list().some((item) => item.isCustom && id.startsWith(`custom.${item.path}.`));
  const unknown = properties.filter(({ id }) => registry && !known(id)).map(({ id }) => `unknown override property "${id}"`);
  return [...unmatched, ...unknown, ...properties.flatMap(({ id, value }) => property(id, value))];
}

const linkLists = ({ defaults: d = {}, overrides = [] }) => [
  ...(d.links ?? []),
  ...overrides.flatMap((o) => o.properties.filter((p) => p.id === 'links').flatMap((p) => p.value ?? [])),
];

// ${__data.fields.name} and ${__data.fields["a name"]}, with a format after a colon.
const dataField = /\$\{__data\.fields(?:\.([^}:.[]+)|\[["']([^"']+)["']\])[^}]*\}/g;

function links(fieldConfig, frames) {
  const have = new Set(frames.flatMap((frame) => frame.fields.flatMap((field) => [field.name, getFieldDisplayName(field, frame, frames)])));
  const names = linkLists(fieldConfig).flatMap((link) => [...JSON.stringify(link).replace(/\\"/g, '"').matchAll(dataField)].map((m) => m[1] ?? m[2]));
  return names.filter((name) => frames.length && !have.has(name)).map((name) => `a link uses the field "${name}", which is not there`);
}

export function fields(fieldConfig, registry, frames) {
  return [
    ...defaults(fieldConfig.defaults ?? {}, registry),
    ...(fieldConfig.overrides ?? []).flatMap((o) => override(o, registry, frames)),
    ...links(fieldConfig, frames),
  ];
}
