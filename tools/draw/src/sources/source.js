// Base of the data sources here: one uid, one address, what Grafana's settings would say about it.
import { RuntimeDataSource, sceneGraph } from '@grafana/scenes';

export class Source extends RuntimeDataSource {
  constructor(type, { name, address, interval }) {
    super(type, type);
    this.name = name;
    this.address = address;
    this.interval = interval;
    this.instanceSettings = { id: 1, uid: type, name, type, meta: this.meta, jsonData: { timeInterval: interval }, readOnly: true, access: 'proxy' };
  }

  async fetchJson(path, parameters) {
    const response = await fetch(`${this.address}${path}?${new URLSearchParams(parameters)}`);
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      return { status: 'error', error: `${response.status}: ${text.slice(0, 300)}` };
    }
  }
}

const literal = (text) => String(text).replace(/\\/g, '\\\\').replace(/"/g, '\\"');
const pattern = (text) => String(text).replace(/[\\^$.*+?()[\]{}|]/g, '\\\\$&');

// How Grafana writes a variable into PromQL and LogQL: several values become one regular expression.
function format(value, variable) {
  if (!variable?.multi && !variable?.includeAll) return Array.isArray(value) ? value.map(pattern).join('|') : literal(value);
  if (!Array.isArray(value)) return pattern(value);
  return value.length === 1 ? pattern(value[0]) : `(${value.map(pattern).join('|')})`;
}

export function interpolate(text, scopedVars) {
  const scene = scopedVars?.__sceneObject?.value?.valueOf();
  return scene ? sceneGraph.interpolate(scene, text, scopedVars, format) : text;
}
