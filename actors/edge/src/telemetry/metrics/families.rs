//! A snapshot of metrics, from which the text format is made.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// The labels of a series: pairs of name and value.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A snapshot of metrics. A series whose metric is already in the snapshot joins it.
#[derive(Debug, Default)]
pub struct Families(Vec<MetricFamily>);

impl From<Vec<MetricFamily>> for Families {
    fn from(families: Vec<MetricFamily>) -> Self {
        Self(families)
    }
}

impl Families {
    /// Adds a gauge without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, [(&[][..], value)]);
    }

    /// Adds a counter without labels. Its name must end in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.counters(name, help, [(&[][..], value)]);
    }

    /// Adds the series of a gauge.
    pub fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) {
        self.add(name, help, MetricType::GAUGE, series, |metric, value| {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        });
    }

    /// Adds the series of a counter. Its name must end in `_total`.
    pub fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) {
        self.add(name, help, MetricType::COUNTER, series, |metric, value| {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        });
    }

    fn add<'a>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        series: impl IntoIterator<Item = (Labels<'a>, f64)>,
        set: impl Fn(&mut Metric, f64),
    ) {
        let series = series.into_iter().map(|(labels, value)| {
            let mut metric = Metric::from_label(labels.iter().map(label).collect());
            set(&mut metric, value);
            metric
        });
        let series: Vec<_> = series.collect();
        // The format cannot express a metric without series.
        if series.is_empty() {
            return;
        }
        if let Some(family) = self.0.iter_mut().find(|family| family.name() == name) {
            family.mut_metric().extend(series);
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(series);
        self.0.push(family);
    }

    /// Adds the metrics of other snapshots.
    pub(crate) fn extend(&mut self, others: impl IntoIterator<Item = Self>) {
        self.0.extend(others.into_iter().flat_map(|other| other.0));
    }

    /// The metrics, sorted by name.
    pub(crate) fn sorted(mut self) -> Vec<MetricFamily> {
        self.0.sort_by(|one, other| one.name().cmp(other.name()));
        self.0
    }
}

fn label((name, value): &(&str, &str)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name((*name).to_owned());
    pair.set_value((*value).to_owned());
    pair
}
