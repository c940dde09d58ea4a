import { cacheFieldDisplayNames } from '@grafana/data';
import { TableNG } from '@grafana/ui/unstable';
import { Empty, isEmpty } from './empty';

export function Table(props) {
  const { options, data } = props;
  if (isEmpty(data)) return <Empty {...props} />;
  cacheFieldDisplayNames(data.series);
  return (
    <TableNG
      data={data.series[Math.min(options.frameIndex, data.series.length - 1)]} width={props.width} height={props.height}
      noHeader={options.showHeader === false} showTypeIcons={options.showTypeIcons} sortBy={options.sortBy} cellHeight={options.cellHeight}
      fieldConfig={props.fieldConfig} structureRev={data.structureRev} timeRange={props.timeRange} noValue={props.fieldConfig.defaults.noValue}
      enablePagination={options.enablePagination} frozenColumns={options.frozenColumns?.left} enableVirtualization={false} resizable
    />
  );
}

export const tableFields = {
  align: 'auto', cellOptions: { type: 'auto' }, inspect: false, width: undefined, minWidth: 150, hidden: undefined, hideFrom: undefined,
  filterable: undefined, footer: undefined, wrapText: undefined, wrapHeaderText: undefined, tooltip: undefined,
};
