// From the facts of a report to what somebody has to mend. Pure, so that it can be read and tested without a browser.

const charts = new Set(['timeseries', 'state-timeline', 'heatmap']);
const broken = /\bNaN\b|\bInfinity\b|\bundefined\b|\[object Object\]|\$\{[a-z_]|\$__[a-z]/i;

function emptiness(panel, allowed) {
  if (panel.state !== 'empty') return [];
  const shown = panel.noValue && panel.text.includes(panel.noValue);
  if (allowed && shown) return [];
  return [allowed ? 'is empty and does not say why (no noValue text)' : 'no data'];
}

function drawing(panel) {
  const found = [];
  if (!panel.inPage) found.push('is not in the page');
  if (panel.state === 'loading') found.push('never finished loading');
  if (panel.state === 'data' && charts.has(panel.type) && !panel.drawn) found.push('has data and drew nothing');
  const says = ['No data', panel.noValue].find((text) => text && panel.text.includes(text));
  if (panel.state === 'data' && says) found.push(`has data, and says "${says}" where one value is missing`);
  if (panel.hiddenWidth > 1) found.push(`${panel.hiddenWidth} pixels of the table's columns do not fit`);
  if (panel.state === 'data' && panel.type !== 'logs' && broken.test(panel.text)) found.push(`shows "${broken.exec(panel.text)[0]}"`);
  if (panel.titleCut) found.push('the title does not fit');
  return found;
}

function panelFindings(panel, allowed) {
  if (panel.state === 'not drawn here') return [];
  const noQuery = panel.state === 'no query' ? ['has no query'] : [];
  const load = panel.loadError ? [panel.loadError] : [];
  return [...load, ...panel.errors, ...emptiness(panel, allowed), ...noQuery, ...panel.lint, ...drawing(panel)];
}

function variableFindings(variable) {
  if (variable.error) return [`variable "${variable.name}": ${variable.error}`];
  return variable.options === 0 && variable.type !== 'datasource' ? [`variable "${variable.name}" has no values`] : [];
}

// allowEmpty: titles of panels that may be empty, when they say why; "uid/title" or "title".
export function findings(report, allowEmpty = []) {
  const allowed = (panel) => allowEmpty.includes(panel.title) || allowEmpty.includes(`${report.uid}/${panel.title}`);
  const of = (text) => ({ dashboard: report.title, panel: null, text });
  return [
    ...report.panels.flatMap((panel) => panelFindings(panel, allowed(panel)).map((text) => ({ dashboard: report.title, panel: panel.title || `id ${panel.id}`, text }))),
    ...[...report.variables.flatMap(variableFindings), ...report.page, ...report.errors, ...report.complaints].map(of),
  ];
}

export const line = ({ dashboard, panel, text }) => `${dashboard}${panel ? ` / ${panel}` : ''}: ${text}`;
