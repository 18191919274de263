// SPDX-License-Identifier: MIT
// The dashboards against the types of @grafana/schema, by the TypeScript compiler, and that it finds what is wrong.
//   usage: node check.mjs TYPE DIRECTORY      TYPE: dashboard.ts beside node_modules; DIRECTORY: of *.json
// Ends with `N passed, N failed`.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const type = resolve(process.argv[2]);
const directory = process.argv[3];
const options = {
  strict: true, noEmit: true, skipLibCheck: true, types: [],
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
};
const host = ts.createCompilerHost(options);
const readable = host.getSourceFile.bind(host);

// What the compiler says against each of the texts, which are JSON: [[line and message...]...]. The line is that of the
// JSON, as it begins in the first line of the TypeScript.
function faults(texts) {
  const head = `import type { CheckedDashboard } from './${type.split('/').pop().replace(/\.ts$/, '')}'; export const dashboard: CheckedDashboard = `;
  const sources = new Map(texts.map((text, index) => [join(dirname(type), `dashboard-${index}.ts`), head + text]));
  host.fileExists = (file) => sources.has(file) || ts.sys.fileExists(file);
  host.readFile = (file) => sources.get(file) ?? ts.sys.readFile(file);
  host.getSourceFile = (file, ...rest) =>
    sources.has(file) ? ts.createSourceFile(file, sources.get(file), ...rest) : readable(file, ...rest);
  const program = ts.createProgram([type, ...sources.keys()], options, host);
  const own = ts.getPreEmitDiagnostics(program, program.getSourceFile(type));
  if (own.length > 0) throw new Error(own.map((each) => ts.flattenDiagnosticMessageText(each.messageText, ' ')).join('\n'));
  return Array.from(sources.keys(), (file) => {
    const source = program.getSourceFile(file);
    return ts.getPreEmitDiagnostics(program, source).map((each) => {
      const words = ts.flattenDiagnosticMessageText(each.messageText, '\n  ');
      return `${source.getLineAndCharacterOfPosition(each.start).line + 1}: ${words}`;
    });
  });
}

let passed = 0, failed = 0;
function report(name, fault) {
  if (fault === '') passed += 1;
  else {
    failed += 1;
    console.log(`${name}: ${fault}`);
  }
}

const names = readdirSync(directory).filter((name) => name.endsWith('.json')).sort();
const shipped = names.map((name) => readFileSync(join(directory, name), 'utf8'));

// Each makes a good dashboard wrong in one place.
const panel = (dashboard, kind) => dashboard.panels.find((each) => each.type === kind);
const wrong = {
  'a link without tooltip': (d) => delete d.links[0].tooltip,
  'a link without tags': (d) => delete d.links[0].tags,
  'a link without asDropdown': (d) => delete d.links[0].asDropdown,
  'a link without targetBlank': (d) => delete d.links[0].targetBlank,
  'a link of an unknown type': (d) => { d.links[0].type = 'page'; },
  'a key of the dashboard that does not exist': (d) => { d.autoRefresh = '1m'; },
  'a graphTooltip that does not exist': (d) => { d.graphTooltip = 7; },
  'a variable that refreshes at no known time': (d) => { d.templating.list[1].refresh = 5; },
  'a panel of an unknown type': (d) => { panel(d, 'stat').type = 'graph'; },
  'a colour mode that does not exist': (d) => { panel(d, 'stat').options.colorMode = 'foreground'; },
  'an option of another panel': (d) => { panel(d, 'stat').options.showThresholdLabels = true; },
  'a legend at no known place': (d) => { panel(d, 'timeseries').options.legend.placement = 'left'; },
  'a tooltip that sorts in no known way': (d) => { panel(d, 'timeseries').options.tooltip.sort = 'descending'; },
  'a line that is drawn in no known way': (d) => { panel(d, 'timeseries').fieldConfig.defaults.custom.showPoints = 'no'; },
  'a setting of the field that does not exist': (d) => { panel(d, 'timeseries').fieldConfig.defaults.units = 's'; },
  'thresholds without a mode': (d) => delete d.panels.find((each) => each.fieldConfig?.defaults.thresholds).fieldConfig.defaults.thresholds.mode,
  'a query without refId': (d) => delete panel(d, 'timeseries').targets[0].refId,
  'a query of another data source': (d) => { panel(d, 'timeseries').targets[0].rawSql = 'SELECT 1'; },
  'an override of the wrong kind': (d) => {
    const found = d.panels.find((each) => each.fieldConfig?.overrides.length > 0);
    found.fieldConfig.overrides[0].properties[0] = { id: 'color', value: 'red' };
  },
  'a row without its state': (d) => delete panel(d, 'row').collapsed,
};
const changed = Object.values(wrong).map((change) => {
  const dashboard = JSON.parse(shipped[names.indexOf('ceymail-overview.json')]);
  change(dashboard);
  return JSON.stringify(dashboard);
});

const found = faults([...shipped, ...changed]);
names.forEach((name, index) => report(name, found[index].join('\n')));
Object.keys(wrong).forEach((what, index) =>
  report(what, found[names.length + index].length > 0 ? '' : 'not found by the types'));
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
