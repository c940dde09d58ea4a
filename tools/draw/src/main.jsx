// The page: reads the dashboard that draw.mjs serves, draws it, and offers window.draw to ask how it went.
import { ThemeContext } from '@grafana/data';
import { config } from '@grafana/runtime';
import { sceneUtils } from '@grafana/scenes';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { boot } from './boot';
import { Heading } from './heading';
import { flatten } from './layout';
import { plugins, undrawn } from './panels';
import { placeholder } from './panels/placeholder';
import { makeReporter } from './report';
import { makeScene } from './scene';
import { makeSources } from './sources';

const settings = Object.fromEntries(new URLSearchParams(location.search));
const errors = (window.drawErrors = []);

function registerPanels() {
  for (const [pluginId, plugin] of Object.entries(plugins)) sceneUtils.registerRuntimePanelPlugin({ pluginId, plugin });
  for (const pluginId of undrawn) sceneUtils.registerRuntimePanelPlugin({ pluginId, plugin: placeholder(pluginId) });
}

function render(dashboard, scene) {
  document.body.style.background = config.theme2.colors.background.canvas;
  const say = (kind) => (error) => errors.push(`${kind}: ${error.stack ?? error}`);
  createRoot(document.getElementById('root'), { onUncaughtError: say('not drawn'), onCaughtError: say('component failed') }).render(
    <ThemeContext.Provider value={config.theme2}>
      <MemoryRouter>
        <GlobalStyles />
        <div style={{ padding: 16 }}>
          <Heading dashboard={dashboard} />
          <scene.Component model={scene} />
        </div>
        <PortalContainer />
      </MemoryRouter>
    </ThemeContext.Provider>,
  );
}

async function main() {
  const dashboard = await (await fetch(settings.dashboard)).json();
  const find = (ref, scopedVars) => (sources[ref?.uid] ? sources[ref.uid] : sourceServer.get(ref, scopedVars));
  const sources = makeSources(settings.interval, find);
  const sourceServer = await boot({ sources, theme: settings.theme });
  registerPanels();
  const flat = flatten(dashboard.panels);
  const scene = makeScene(dashboard, flat, settings);
  scene.activate();
  render(dashboard, scene);
  const noAnswer = (ref) => ref?.type === 'jaeger';
  const skip = (panel) => undrawn.has(panel.type) || noAnswer(panel.datasource);
  window.draw = makeReporter({ dashboard, flat, scene, errors, skip });
}

main().catch((error) => {
  errors.push(`page failed: ${error.stack ?? error}`);
  window.draw = { settled: () => true, report: () => ({ title: '', panels: [], variables: [], page: [], errors }) };
});
