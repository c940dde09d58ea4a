// Stand-in: Grafana's log list is in its core. A plain list, newest first as the source gives it.
import { dateTimeFormat, FieldType } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { Empty, isEmpty } from './empty';

const MOST = 200;
const colors = { error: 'red', critical: 'purple', fatal: 'purple', warn: 'orange', warning: 'orange', info: 'green', debug: 'blue', trace: 'light-blue' };

const levelOf = (labels) => String(labels.detected_level ?? labels.level ?? labels.severity_text ?? labels.severity ?? '').toLowerCase();

function rowsOf(frame) {
  const field = (predicate) => frame.fields.find(predicate)?.values ?? [];
  const labels = field((f) => f.type === FieldType.other);
  const times = field((f) => f.type === FieldType.time);
  const lines = field((f) => f.type === FieldType.string && /^(line|body)$/i.test(f.name));
  return lines.map((line, i) => ({ line, time: times[i], labels: labels[i] ?? {} }));
}

function Row({ row, options, theme, timeZone }) {
  const color = theme.visualization.getColorByName(colors[levelOf(row.labels)] ?? 'gray');
  const faint = { color: theme.colors.text.secondary, marginRight: 8 };
  const style = { borderLeft: `3px solid ${color}`, padding: '1px 8px', whiteSpace: options.wrapLogMessage ? 'pre-wrap' : 'pre', overflow: 'hidden', textOverflow: 'ellipsis' };
  return (
    <div style={style}>
      {options.showTime && <span style={faint}>{dateTimeFormat(row.time, { timeZone, defaultWithMS: true })}</span>}
      {options.showLabels && <span style={faint}>{Object.entries(row.labels).map(([k, v]) => `${k}=${v}`).join(' ')}</span>}
      <span>{row.line}</span>
    </div>
  );
}

export function Logs(props) {
  const theme = useTheme2();
  if (isEmpty(props.data)) return <Empty {...props} />;
  const rows = props.data.series.flatMap(rowsOf);
  if (props.options.sortOrder === 'Ascending') rows.reverse();
  const style = { height: '100%', overflow: 'hidden', fontFamily: theme.typography.fontFamilyMonospace, fontSize: theme.typography.bodySmall.fontSize };
  return (
    <div style={style}>
      {rows.slice(0, MOST).map((row, i) => <Row key={i} row={row} options={props.options} theme={theme} timeZone={props.timeZone} />)}
    </div>
  );
}
