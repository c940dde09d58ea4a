import { PanelPlugin } from '@grafana/data';

const style = { display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center', opacity: 0.6 };

export const placeholder = (type) => new PanelPlugin(() => <div style={style}>Grafana draws this panel ({type}) itself</div>).useFieldConfig({});
