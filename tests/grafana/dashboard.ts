// SPDX-License-Identifier: MIT
// The type of a dashboard of this project: Grafana's own, as far as @grafana/schema has it, with the queries and
// annotations of Prometheus, which it does not have. Grafana takes what is missing from the options of a panel from the
// defaults of its plugin, so these may be missing here; a name or a value that Grafana does not know may not be there.
import type { Dashboard, DataQuery, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type { AnnotationQuery, FieldConfig, VariableModel } from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// A JSON file has the values of enumerations, where TypeScript wants their names.
type ByValue<T> = T extends string
  ? string extends T
    ? string
    : `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer E>
      ? Array<ByValue<E>>
      : T extends object
        ? { [K in keyof T]: ByValue<T[K]> }
        : T;

type Optional<T> = T extends Array<infer E> ? Array<E> : T extends object ? { [K in keyof T]?: Optional<T[K]> } : T;

interface PrometheusQuery extends Pick<DataQuery, 'refId' | 'hide'> {
  expr: string;
  legendFormat: string;
  instant?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
}

interface PrometheusAnnotation extends AnnotationQuery {
  expr: string;
  step: string;
  titleFormat: string;
  textFormat: string;
}

// Of one field, by the name of the setting.
type Override<Custom> =
  | { [K in keyof FieldConfig]-?: { id: K; value: FieldConfig[K] } }[Exclude<keyof FieldConfig, 'custom'>]
  | { [K in keyof Custom & string]-?: { id: `custom.${K}`; value: Custom[K] } }[keyof Custom & string];

interface Matcher {
  id: 'byName' | 'byRegexp';
  options: string;
}

interface PanelOf<Type, Options, Custom> extends Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> {
  type: Type;
  options: Optional<Options>;
  targets: PrometheusQuery[];
  fieldConfig: Omit<FieldConfigSource, 'defaults' | 'overrides'> & {
    defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom };
    overrides: { matcher: Matcher; properties: Override<Custom>[] }[];
  };
}

type AnyPanel =
  | RowPanel
  | PanelOf<'stat', stat.Options, {}>
  | PanelOf<'gauge', gauge.Options, {}>
  | PanelOf<'table', table.Options, Optional<table.FieldConfig> & { filterable?: boolean }>
  | PanelOf<'state-timeline', timeline.Options, timeline.FieldConfig>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;

export type CheckedDashboard = ByValue<
  Omit<Dashboard, 'panels' | 'annotations' | 'templating'> & {
    panels: AnyPanel[];
    annotations: { list: PrometheusAnnotation[] };
    templating: { list: (VariableModel & { definition?: string })[] };
  }
>;
