// How a component becomes a panel plugin: its own field options with their defaults, and the panel options it has by default.
import { PanelPlugin } from '@grafana/data';
import { createElement } from 'react';

const nothing = () => null;

export const fieldOptions = (defaults) => (builder) => {
  for (const [path, defaultValue] of Object.entries(defaults))
    builder.addCustomEditor({ id: path, path, name: path, editor: nothing, override: nothing, defaultValue, process: (v) => v, shouldApply: () => true });
};

export function panel(Component, { fields = {}, options = {}, more } = {}) {
  const withDefaults = (props) => createElement(Component, { ...props, options: { ...options, ...props.options } });
  const useCustomConfig = (builder) => {
    fieldOptions(fields)(builder);
    more?.(builder);
  };
  return { useFieldConfig: (standardOptions) => new PanelPlugin(withDefaults).useFieldConfig({ standardOptions, useCustomConfig }) };
}

export const colorBy = (mode, settings = {}) => ({ color: { defaultValue: { mode }, settings } });
