import { Prometheus } from './prometheus';
import { Source } from './source';
import { VictoriaLogs } from './victorialogs';

// Known by name, so that links and variables resolve; it has no answers here.
class Undrawn extends Source {
  async query() {
    return { data: [], errors: [] };
  }
}

// "-- Mixed --": every query asks its own source.
class Mixed extends Source {
  constructor(find) {
    super('-- Mixed --', { name: 'Mixed' });
    this.find = find;
    this.instanceSettings = { ...this.instanceSettings, type: 'mixed' };
  }

  async query(request) {
    const results = await Promise.all(
      request.targets.map(async (target) => (await this.find(target.datasource, request.scopedVars)).query({ ...request, targets: [target] })),
    );
    return { data: results.flatMap((r) => r.data), errors: results.flatMap((r) => r.errors), annotations: results.flatMap((r) => r.annotations ?? []) };
  }
}

export function makeSources(interval, find) {
  const address = (name) => `${location.origin}/${name}`;
  const all = [
    new Prometheus({ address: address('prometheus'), interval }),
    new VictoriaLogs({ address: address('victorialogs'), interval }),
    new Undrawn('jaeger', { name: 'Jaeger' }),
    new Mixed(find),
  ];
  return Object.fromEntries(all.map((source) => [source.uid, source]));
}
