// What Grafana's core does at start-up, reduced to what a scene needs.
import { createTheme, EventBusSrv, LoadingState, toDataFrame } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { config, setAppEvents, setDataSourceSrv, setPluginImportUtils, setRunRequest, setTemplateSrv } from '@grafana/runtime';
import { sceneGraph } from '@grafana/scenes';
import { catchError, from, map, of, startWith } from 'rxjs';
import { fillRegistries } from './registries';

// Grafana knows data sources by uid; a dashboard says "${datasource}", so the uid is interpolated where the query stands.
function dataSources(sources) {
  const uidOf = (ref, scopedVars) => {
    const uid = typeof ref === 'string' ? ref : ref?.uid;
    const scene = scopedVars?.__sceneObject?.value?.valueOf();
    return scene && uid ? sceneGraph.interpolate(scene, uid, scopedVars) : uid;
  };
  const get = async (ref, scopedVars) => {
    const uid = uidOf(ref, scopedVars);
    if (sources[uid]) return sources[uid];
    throw new Error(`Data source "${uid}" was not found`);
  };
  const settings = Object.values(sources).map((source) => source.instanceSettings);
  return {
    get,
    getInstanceSettings: (ref, scopedVars) => sources[uidOf(ref, scopedVars)]?.instanceSettings,
    getList: (filter) => settings.filter((s) => !filter?.pluginId || s.type === filter.pluginId),
    reload: () => {},
  };
}

const panelData = (request, state, series, errors) => ({ state, series, errors, error: errors?.[0], request, timeRange: request.range });

function answer(request, { data, errors = [], annotations }) {
  const state = errors.length ? LoadingState.Error : LoadingState.Done;
  return { ...panelData(request, state, data.map(toDataFrame), errors.length ? errors : undefined), annotations };
}

const runRequest = (source, request) =>
  from(source.query(request)).pipe(
    map((result) => answer(request, result)),
    catchError((error) => of(panelData(request, LoadingState.Error, [], [{ message: String(error?.message ?? error) }]))),
    startWith(panelData(request, LoadingState.Loading, [])),
  );

export async function boot({ sources, theme }) {
  await initPluginTranslations('grafana-scenes');
  config.theme2 = createTheme({ colors: { mode: theme } });
  config.featureToggles ??= {};
  config.datasources = Object.fromEntries(Object.values(sources).map((s) => [s.name, s.instanceSettings]));
  setAppEvents(new EventBusSrv());
  fillRegistries();
  setPluginImportUtils({
    getPanelPluginFromCache: () => undefined,
    importPanelPlugin: (id) => Promise.reject(new Error(`Panel type "${id}" is not known`)),
  });
  const server = dataSources(sources);
  setDataSourceSrv(server);
  setTemplateSrv({ replace: (text) => text, getVariables: () => [], containsTemplate: () => false, updateTimeRange: () => {} });
  setRunRequest(runRequest);
  return server;
}
