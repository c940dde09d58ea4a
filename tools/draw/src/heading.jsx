// Title and links of a dashboard, where Grafana shows them.
import { useTheme2 } from '@grafana/ui';

export function Heading({ dashboard }) {
  const theme = useTheme2();
  const link = { color: theme.colors.text.link, fontSize: theme.typography.bodySmall.fontSize, marginLeft: 16 };
  return (
    <div style={{ display: 'flex', alignItems: 'baseline', padding: '0 0 8px' }}>
      <h4 style={{ margin: 0, flexGrow: 1 }}>{dashboard.title}</h4>
      {(dashboard.links ?? []).map((l, i) => <span key={i} style={link}>{l.title || l.tags?.join(', ')}</span>)}
    </div>
  );
}
