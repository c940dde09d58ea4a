// Prometheus annotations as Grafana makes them: each series that is above zero, and neighbouring points are one region.
import { FieldType } from '@grafana/data';
import { of } from 'rxjs';

function regions(times, step) {
  const found = [];
  for (const time of times) {
    const last = found.at(-1);
    if (last && time - last.timeEnd <= step) last.timeEnd = time;
    else found.push({ time, timeEnd: time });
  }
  return found;
}

function events(annotation, frame) {
  const time = frame.fields.find((field) => field.type === FieldType.time);
  const value = frame.fields.find((field) => field.type === FieldType.number);
  const happening = time.values.filter((_, i) => value.values[i] > 0);
  return regions(happening, time.config.interval ?? 1000).map((region) => ({ ...region, isRegion: region.timeEnd > region.time, title: annotation.name }));
}

export const prometheusAnnotations = {
  prepareQuery: (annotation) => ({ ...(annotation.target ?? { expr: annotation.expr }), format: 'time_series', interval: annotation.step }),
  processEvents: (annotation, frames) => of(frames.flatMap((frame) => events(annotation, frame))),
};
