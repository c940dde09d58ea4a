// The command line.
import { parseArgs } from 'node:util';

export const usage = `usage: node draw.mjs --dashboard F.json... --prometheus URL [--victorialogs URL] --from TIME --to TIME [options]

Draws Grafana dashboards with Grafana's npm components and says what is wrong with them.

  --dashboard F.json   a dashboard (v1, schema 42); several are drawn in one run
  --out P.png          a picture of it: none, or one for each --dashboard, in the same order
  --report R.json      facts of every panel, and the findings
  --from, --to TIME    epoch in seconds or milliseconds
  --allow-empty TITLE  this panel may be empty if it says why (noValue); several; "TITLE" or "UID/TITLE"
  --set NAME=VALUE     what a variable is, instead of what the dashboard says; several
  --interval 1s        the data source's scrape interval, for $__rate_interval
  --width 1600, --height PIXELS (default: the whole page), --scale 1, --theme dark|light, --timeout 60 (seconds)

Exit status: 0 no findings, 1 findings, 2 wrong use.`;

const one = (value) => ({ type: 'string', default: value });
const many = { type: 'string', multiple: true, default: [] };

const declared = {
  dashboard: many, out: many, set: many, 'allow-empty': many, report: { type: 'string' }, prometheus: { type: 'string' }, victorialogs: { type: 'string' },
  from: { type: 'string' }, to: { type: 'string' }, interval: one('1s'), width: one('1600'), height: { type: 'string' }, scale: one('1'),
  theme: one('dark'), timeout: one('60'), help: { type: 'boolean', default: false },
};

const milliseconds = (text) => String(Math.round(Number(text) < 1e11 ? Number(text) * 1000 : Number(text)));

const isNumber = (text) => text === undefined || Number(text) > 0;

function complaint(values) {
  if (!values.dashboard.length) return '--dashboard is needed';
  if (!values.prometheus) return '--prometheus is needed';
  if (!values.from || !values.to) return '--from and --to are needed';
  if (values.out.length && values.out.length !== values.dashboard.length) return 'as many --out as --dashboard, or none';
  if (values.set.some((pair) => !pair.includes('='))) return '--set is NAME=VALUE';
  if (!['dark', 'light'].includes(values.theme)) return '--theme is dark or light';
  const wrong = ['from', 'to', 'width', 'height', 'scale', 'timeout'].find((name) => !isNumber(values[name]));
  return wrong ? `--${wrong} is a number above 0` : null;
}

const pairs = (list) => Object.fromEntries(list.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));

export function readOptions(argv) {
  const { values } = parseArgs({ args: argv, options: declared });
  if (values.help) return { help: true };
  const wrong = complaint(values);
  if (wrong) throw new Error(wrong);
  return {
    ...values,
    chosen: pairs(values.set),
    allowEmpty: values['allow-empty'],
    from: milliseconds(values.from),
    to: milliseconds(values.to),
    width: Number(values.width),
    height: values.height ? Number(values.height) : undefined,
    scale: Number(values.scale),
    timeout: Number(values.timeout) * 1000,
  };
}
