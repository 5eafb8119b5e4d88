/** Counters, histograms and gauges of one process, and their text for Prometheus. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { AppError } from '../domain/errors.ts';

/** Label names and values; few values each. */
export type Labels = Readonly<Record<string, string | number>>;

/** Only goes up. */
export interface CounterMetric {
  /** Adds `value`, 1 when not given. */
  inc(labels?: Labels, value?: number): void;
}

/** Sorts durations into buckets. */
export interface HistogramMetric {
  observe(labels: Labels, seconds: number): void;
}

/** Goes up and down. */
export interface GaugeMetric {
  set(labels: Labels, value: number): void;
  /** Forgets every label set, so that what is gone does not stay. */
  reset(): void;
}

/** What every metric is declared with. */
export interface MetricOptions {
  /** `enmesh_…`, with its unit. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

type Collect = (gauge: GaugeMetric) => void | Promise<void>;

/** A registry of its own: instances share nothing. Declaring a name again gives the metric that is there. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #collects = new Map<string, Collect>();
  readonly #failures: Counter;

  /** @param options with `processMetrics`, memory, CPU, event loop and garbage collection are included */
  constructor(options: { readonly processMetrics?: boolean } = {}) {
    if (options.processMetrics === true) collectDefaultMetrics({ register: this.#registry });
    this.#failures = new Counter({
      name: 'enmesh_metrics_collect_failures_total',
      help: 'Gauges that could not be read when metrics were asked for.',
      labelNames: ['metric'],
      registers: [this.#registry],
    });
  }

  counter(options: MetricOptions): CounterMetric {
    const counter =
      this.#existing(options.name, Counter) ?? new Counter({ ...declaration(options), registers: [this.#registry] });
    return { inc: (labels = {}, value = 1) => counter.inc(labels, value) };
  }

  /** @param options `buckets` are upper bounds in seconds */
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): HistogramMetric {
    const histogram =
      this.#existing(options.name, Histogram) ??
      new Histogram({ ...declaration(options), buckets: [...options.buckets], registers: [this.#registry] });
    return { observe: (labels, seconds) => histogram.observe(labels, seconds) };
  }

  /** @param options `collect` sets the values each time that metrics are asked for; the last one declared counts */
  gauge(options: MetricOptions & { readonly collect?: Collect }): GaugeMetric {
    const existing = this.#existing(options.name, Gauge);
    const gauge =
      existing ??
      new Gauge({
        ...declaration(options),
        registers: [this.#registry],
        collect: async () => await this.#collect(options.name, metric),
      });
    const metric: GaugeMetric = {
      set: (labels, value) => gauge.set(labels, value),
      reset: () => gauge.reset(),
    };
    if (options.collect) this.#collects.set(options.name, options.collect);
    return metric;
  }

  /** Everything as text, with the content type to send it with. */
  async render(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  async #collect(name: string, gauge: GaugeMetric): Promise<void> {
    try {
      await this.#collects.get(name)?.(gauge);
    } catch {
      gauge.reset();
      this.#failures.inc({ metric: name });
    }
  }

  #existing<M>(name: string, type: new (...args: never[]) => M): M | undefined {
    const metric: unknown = this.#registry.getSingleMetric(name);
    if (metric === undefined || metric instanceof type) return metric;
    throw new AppError('internal', 'metric_conflict', `the metric ${name} is declared as two different types`);
  }
}

function declaration(options: MetricOptions): { name: string; help: string; labelNames: string[] } {
  return { name: options.name, help: options.help, labelNames: [...(options.labelNames ?? [])] };
}
