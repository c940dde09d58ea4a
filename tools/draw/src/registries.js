// Three registries that Grafana fills at start-up, in its core. Editors are stubs: nothing is edited here.
import {
  booleanOverrideProcessor, dataLinksOverrideProcessor, displayNameOverrideProcessor, FieldConfigProperty, FieldType,
  identityOverrideProcessor, numberOverrideProcessor, standardEditorsRegistry, standardFieldConfigEditorRegistry,
  standardTransformers, standardTransformersRegistry, stringOverrideProcessor, ThresholdsMode, thresholdsOverrideProcessor,
  unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { extractFields } from './extractFields';

const nothing = () => null;
const isNumber = (field) => field.type === FieldType.number;
const defaultThresholds = { mode: ThresholdsMode.Absolute, steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] };

const option = (path, process, { defaultValue, shouldApply = () => true } = {}) => ({
  id: path, path, name: path, description: '', category: ['Standard options'],
  editor: nothing, override: nothing, process, shouldApply, defaultValue,
});

const fieldOptions = () => [
  option(FieldConfigProperty.Unit, unitOverrideProcessor),
  option(FieldConfigProperty.Min, numberOverrideProcessor, { shouldApply: isNumber }),
  option(FieldConfigProperty.Max, numberOverrideProcessor, { shouldApply: isNumber }),
  option('fieldMinMax', booleanOverrideProcessor),
  option(FieldConfigProperty.Decimals, numberOverrideProcessor, { shouldApply: isNumber }),
  option(FieldConfigProperty.DisplayName, displayNameOverrideProcessor),
  option(FieldConfigProperty.Color, identityOverrideProcessor),
  option(FieldConfigProperty.NoValue, stringOverrideProcessor),
  option(FieldConfigProperty.Links, dataLinksOverrideProcessor),
  option('actions', identityOverrideProcessor),
  option(FieldConfigProperty.Mappings, valueMappingsOverrideProcessor, { defaultValue: [] }),
  option(FieldConfigProperty.Thresholds, thresholdsOverrideProcessor, { defaultValue: defaultThresholds }),
  option(FieldConfigProperty.Filterable, booleanOverrideProcessor),
];

const editorIds = [
  'text', 'number', 'slider', 'boolean', 'select', 'radio', 'unit', 'color', 'fieldColor', 'multi-select', 'stats-picker', 'strings',
  'field-name', 'dashboard-uid', 'timezone', 'value-mappings', 'thresholds', 'links', 'actions', 'layer', 'resource',
];

const transformer = (t) => ({
  id: t.id, name: t.name, aliasIds: t.aliasIds, transformation: () => Promise.resolve(t), editor: nothing, imageDark: '', imageLight: '',
});

export function fillRegistries() {
  standardFieldConfigEditorRegistry.setInit(fieldOptions);
  standardEditorsRegistry.setInit(() => editorIds.map((id) => ({ id, name: id, editor: nothing })));
  standardTransformersRegistry.setInit(() => [...new Set(Object.values(standardTransformers)), extractFields].map(transformer));
}
