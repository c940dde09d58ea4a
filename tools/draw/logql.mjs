#!/usr/bin/env node
// LogQL by its grammar: reads a JSON list of queries, writes for each null, or where it stops being LogQL.
import { readFileSync } from 'node:fs';
import { parser } from '@grafana/lezer-logql';

function complaint(query) {
  let at = null;
  parser.parse(query).iterate({ enter: (node) => { if (node.type.isError && at === null) at = node.from; } });
  return at === null ? null : `not LogQL at ${at}: ${query.slice(at, at + 40)}`;
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(complaint)));
