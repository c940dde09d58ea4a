// A dashboard's template variables as scene variables.
import { CustomVariable, DataSourceVariable, IntervalVariable, QueryVariable, SceneVariableSet, ConstantVariable, TextBoxVariable } from '@grafana/scenes';

const kinds = {
  query: (v, common) => new QueryVariable({ ...common, datasource: v.datasource, query: v.query, regex: v.regex ?? '', sort: v.sort, refresh: v.refresh }),
  custom: (v, common) => new CustomVariable({ ...common, query: v.query }),
  datasource: (v, common) => new DataSourceVariable({ ...common, pluginId: v.query, regex: v.regex ?? '' }),
  interval: (v, { name, label, hide, value }) => new IntervalVariable({ name, label, hide, value, intervals: v.query.split(',') }),
  constant: (v, { name, label, hide }) => new ConstantVariable({ name, label, hide, value: v.query }),
  textbox: (v, { name, label, hide }) => new TextBoxVariable({ name, label, hide, value: v.query }),
};

function variable(v, chosen) {
  if (!kinds[v.type]) throw new Error(`Variable "${v.name}" has the type "${v.type}", which is not drawn here`);
  const common = {
    name: v.name, label: v.label, hide: v.hide, isMulti: v.multi, includeAll: v.includeAll, allValue: v.allValue || undefined,
    value: chosen[v.name] ?? v.current?.value ?? (v.includeAll ? '$__all' : ''), text: chosen[v.name] ?? v.current?.text ?? '',
  };
  return kinds[v.type](v, common);
}

export const variableSet = (dashboard, chosen) => new SceneVariableSet({ variables: (dashboard.templating?.list ?? []).map((v) => variable(v, chosen)) });
