// What a panel without data says: the dashboard's own noValue text, or Grafana's.
import { useTheme2 } from '@grafana/ui';

export const isEmpty = (data) => !data.series?.length || data.series.every((frame) => !frame.length);

export function Empty({ fieldConfig }) {
  const theme = useTheme2();
  const style = { display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center', textAlign: 'center', color: theme.colors.text.secondary };
  return <div style={style}>{fieldConfig.defaults.noValue ?? 'No data'}</div>;
}
