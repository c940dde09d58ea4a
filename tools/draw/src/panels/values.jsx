// Panels that reduce a series to a value: stat and bar gauge.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { config } from '@grafana/runtime';
import { BarGauge, BigValue, VizRepeater } from '@grafana/ui';

const lastValue = { calcs: ['lastNotNull'], values: false };

const displayValues = (props, { sparkline = false, percentChange = false } = {}) =>
  getFieldDisplayValues({
    fieldConfig: props.fieldConfig, reduceOptions: props.options.reduceOptions ?? lastValue, replaceVariables: props.replaceVariables,
    theme: config.theme2, data: props.data.series, sparkline, percentChange, timeZone: props.timeZone,
  });

function Repeated({ panel, getValues, ...more }) {
  return (
    <VizRepeater
      getValues={getValues} getAlignmentFactors={getDisplayValueAlignmentFactors} width={panel.width} height={panel.height}
      source={panel.data} renderCounter={panel.renderCounter} orientation={panel.options.orientation ?? 'auto'} {...more}
    />
  );
}

export function Stat(props) {
  const { options } = props;
  const big = ({ value, alignmentFactors, width, height, count }) => {
    if (value.sparkline) value.sparkline.timeRange = props.timeRange;
    return (
      <BigValue
        value={value.display} sparkline={value.sparkline} count={count} width={width} height={height} alignmentFactors={alignmentFactors}
        colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={options.textMode}
        text={options.text} percentChangeColorMode={options.percentChangeColorMode} disableWideLayout={!options.wideLayout} theme={config.theme2}
      />
    );
  };
  const wanted = { sparkline: options.graphMode !== 'none', percentChange: options.showPercentChange };
  return <Repeated panel={props} getValues={() => displayValues(props, wanted)} itemSpacing={3} autoGrid renderValue={big} />;
}

export function BarGaugePanel(props) {
  const { options } = props;
  const bar = ({ value, alignmentFactors, width, height, orientation }) => (
    <BarGauge
      value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)} width={width} height={height}
      orientation={orientation} alignmentFactors={alignmentFactors} text={options.text} displayMode={options.displayMode}
      showUnfilled={options.showUnfilled} valueDisplayMode={options.valueMode} namePlacement={options.namePlacement}
      itemSpacing={8} lcdCellWidth={12} theme={config.theme2}
    />
  );
  const sizes = { minVizWidth: options.minVizWidth, minVizHeight: options.minVizHeight, maxVizHeight: options.maxVizHeight };
  return <Repeated panel={props} getValues={() => displayValues(props)} itemSpacing={8} renderValue={bar} {...sizes} />;
}
