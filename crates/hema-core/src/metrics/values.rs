//! A value of each metric, and how a file holds them: flat, under the metrics' names with underscores.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::accuracy::ACCURACY;
use super::metric::Metric;
use super::table::METRICS;
use super::tally::Tally;

/// The value of each of [`METRICS`], and its interval where the metric has one.
///
/// In a file, `balanced-accuracy` stands as `balanced_accuracy` and an interval as `accuracy_interval`. A
/// metric that a file lacks, because it is older than the metric, has no value; one without an accuracy is no
/// file of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricValues(BTreeMap<&'static str, MetricValue>);

/// One value, with its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct MetricValue {
    value: Option<f64>,
    interval: Option<[f64; 2]>,
}

impl MetricValues {
    /// Computes every metric.
    pub(super) fn new(tally: &Tally) -> Self {
        let mut values = Self::default();
        for metric in METRICS {
            let interval = metric.interval.map(|interval| interval(tally));
            values.set(metric, (metric.compute)(tally), interval);
        }
        values
    }

    /// The value of a metric; `None` where it is not defined or not known.
    pub fn value(&self, metric: &Metric) -> Option<f64> {
        self.0.get(metric.name)?.value
    }

    /// The 95 % interval of a metric, `[low, high]`; `None` where it has none.
    pub fn interval(&self, metric: &Metric) -> Option<[f64; 2]> {
        self.0.get(metric.name)?.interval
    }

    /// Sets the value of a metric, and its interval.
    pub(crate) fn set(&mut self, metric: &'static Metric, value: Option<f64>, interval: Option<[f64; 2]>) {
        self.0.insert(metric.name, MetricValue { value, interval });
    }
}

/// The name of a metric's interval in a file.
fn interval_key(metric: &Metric) -> String {
    format!("{}_interval", metric.key())
}

impl Serialize for MetricValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for metric in METRICS {
            map.serialize_entry(&metric.key(), &self.value(metric))?;
            if let Some(interval) = self.interval(metric) {
                map.serialize_entry(&interval_key(metric), &interval)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for MetricValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetricValuesVisitor)
    }
}

struct MetricValuesVisitor;

impl<'de> Visitor<'de> for MetricValuesVisitor {
    type Value = MetricValues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of each metric by its name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = MetricValues::default();
        while let Some(key) = map.next_key::<String>()? {
            if let Some(metric) = METRICS.iter().find(|metric| metric.key() == key) {
                values.0.entry(metric.name).or_default().value = map.next_value()?;
            } else if let Some(metric) = METRICS.iter().find(|metric| interval_key(metric) == key) {
                values.0.entry(metric.name).or_default().interval = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if values.value(&ACCURACY).is_none() {
            return Err(A::Error::missing_field("accuracy"));
        }
        if values.interval(&ACCURACY).is_none() {
            return Err(A::Error::missing_field("accuracy_interval"));
        }
        Ok(values)
    }
}
