//! The kernel's own counts as OpenMetrics text (version 1.0.0), for Prometheus and its like.
//!
//! Durations are in seconds. A histogram's bounds are powers of two in ticks, at which the kernel's buckets end, so no count is guessed;
//! they stay the same for a whole run.

use crate::model::metrics::Metrics;
use fl_metrics::Counts;
use fl_trace::control::{CpuCounters, EVENT_KINDS, Hello};
use fl_trace::event::Event;
use fl_trace::metrics::Series;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What it is served as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of histograms: binary logarithms of ticks, from some 100 ns to half a minute.
const BOUNDS: std::ops::RangeInclusive<u32> = 8..=36;

/// The whole text; without a hello only what needs none.
pub fn text(metrics: &Metrics, received: &[u64; EVENT_KINDS], damaged: u64) -> String {
    let mut page = Page(String::new());
    if let Some(hello) = &metrics.hello {
        page.hello(hello);
        page.durations(metrics, hello.tsc_hz);
    }
    page.events(metrics);
    page.ipis(metrics);
    page.gauges(metrics);
    page.locks(metrics);
    page.family("vmtrace_events_received", "counter", "Events that this program received.");
    for (name, count) in Event::NAMES.iter().zip(received) {
        page.sample("vmtrace_events_received_total", &[("event", name)], count);
    }
    page.family("vmtrace_damaged_places", "counter", "Stretches of the stream that could not be read.");
    page.sample("vmtrace_damaged_places_total", &[], &damaged);
    page.0.push_str("# EOF\n");
    page.0
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if let Some(unit) = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")))
        {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
    }

    /// A line; labels without a name are left out. No value of a label needs escapes: all are words of ours.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &dyn std::fmt::Display) {
        self.0.push_str(name);
        let mut open = '{';
        for (label, text) in labels.iter().filter(|(label, _)| !label.is_empty()) {
            let _ = write!(self.0, "{open}{label}=\"{text}\"");
            open = ',';
        }
        if open == ',' {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn hello(&mut self, hello: &Hello) {
        self.family("faultline", "info", "The kernel that runs.");
        let build: String =
            hello.build_id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let (schema, cpus) = (hello.schema.to_string(), hello.cpus.to_string());
        self.sample("faultline_info", &[("build_id", &build), ("schema", &schema), ("cpus", &cpus)], &1);
        self.family("faultline_frames", "gauge", "Frames of 4 KiB in all.");
        for (class, frames) in [("user", hello.user_frames), ("kernel", hello.kernel_frames)] {
            self.sample("faultline_frames", &[("class", class)], &frames);
        }
    }

    fn durations(&mut self, metrics: &Metrics, hz: u64) {
        let mut families: BTreeMap<&str, Vec<Series>> = BTreeMap::new();
        Series::ALL.iter().for_each(|series| families.entry(series.names().0).or_default().push(*series));
        for (metric, all) in families {
            let name = format!("faultline_{metric}_seconds");
            self.family(&name, "histogram", &format!("How long it took: {}.", metric.replace('_', " ")));
            for series in all {
                let (_, label, value) = series.names();
                for cpu in metrics.cpus.keys() {
                    let none = Counts::default();
                    let counts = metrics.of_cpu(series, *cpu).unwrap_or(&none);
                    self.histogram(&name, &[(label, value), ("cpu", &cpu.to_string())], counts, hz);
                }
            }
        }
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], counts: &Counts, hz: u64) {
        let seconds = |ticks: u64| ticks as f64 / hz.max(1) as f64;
        let bucket = format!("{name}_bucket");
        let line = |page: &mut Self, le: &str, count: u64| {
            let labels: Vec<_> = labels.iter().copied().chain([("le", le)]).collect();
            page.sample(&bucket, &labels, &count);
        };
        for bits in BOUNDS {
            let bound = 1u64 << bits;
            line(self, &seconds(bound - 1).to_string(), counts.below(bound));
        }
        line(self, "+Inf", counts.count());
        self.sample(&format!("{name}_sum"), labels, &seconds(counts.sum));
        self.sample(&format!("{name}_count"), labels, &counts.count());
    }

    fn events(&mut self, metrics: &Metrics) {
        type Pick = fn(&CpuCounters, usize) -> u64;
        let families: [(&str, &str, Pick); 3] = [
            ("faultline_events", "Events that happened, traced or not.", |c, kind| {
                c.emitted[kind] + c.untraced[kind]
            }),
            (
                "faultline_events_untraced",
                "Events that happened while their class was not traced.",
                |c, kind| c.untraced[kind],
            ),
            (
                "faultline_events_lost",
                "Traced events that were dropped because a ring was full.",
                |c, kind| c.lost[kind],
            ),
        ];
        for (name, help, pick) in families {
            self.family(name, "counter", help);
            for (cpu, counters) in &metrics.cpus {
                for (kind, event) in Event::NAMES.iter().enumerate() {
                    let labels = [("event", *event), ("cpu", &*cpu.to_string())];
                    self.sample(&format!("{name}_total"), &labels, &pick(counters, kind));
                }
            }
        }
    }

    /// Interrupts that took translations out of other processors' caches.
    fn ipis(&mut self, metrics: &Metrics) {
        self.family(
            "faultline_shootdown_ipis",
            "counter",
            "Interrupts sent to have others forget translations.",
        );
        for (cpu, counters) in &metrics.cpus {
            self.sample("faultline_shootdown_ipis_total", &[("cpu", &cpu.to_string())], &counters.ipis);
        }
        if let Some((ipis, pages)) = metrics.eviction_ipis() {
            self.family("faultline_eviction_ipis", "counter", "Of these, those sent to evict pages.");
            self.sample("faultline_eviction_ipis_total", &[], &ipis);
            self.family(
                "faultline_ipis_per_evicted_page",
                "gauge",
                "Interrupts sent for each page evicted so far.",
            );
            self.sample("faultline_ipis_per_evicted_page", &[], &(ipis as f64 / pages as f64));
        }
    }

    /// How spin locks were waited for. What never was is not there.
    fn locks(&mut self, metrics: &Metrics) {
        let Some(hello) = metrics.hello.filter(|_| !metrics.locks.is_empty()) else { return };
        self.family(
            "faultline_lock_contended",
            "counter",
            "Spin locks that another processor held when this one wanted them.",
        );
        for lock in metrics.locks.values() {
            let labels = [("class", lock.class.word()), ("cpu", &lock.cpu.to_string())];
            self.sample("faultline_lock_contended_total", &labels, &lock.contended);
        }
        self.family("faultline_lock_spin_seconds", "counter", "Time spent spinning for them.");
        for lock in metrics.locks.values() {
            let labels = [("class", lock.class.word()), ("cpu", &lock.cpu.to_string())];
            let seconds = lock.spun as f64 / hello.tsc_hz.max(1) as f64;
            self.sample("faultline_lock_spin_seconds_total", &labels, &seconds);
        }
    }

    fn gauges(&mut self, metrics: &Metrics) {
        let Some(counters) = &metrics.counters else { return };
        self.family(
            "faultline_log_records_lost",
            "counter",
            "Log records that were dropped because a buffer was full.",
        );
        self.sample("faultline_log_records_lost_total", &[], &counters.logs_lost);
        self.family("faultline_frames_free", "gauge", "Frames of 4 KiB that are free, in pool and caches.");
        for (class, free) in [("user", counters.user_free), ("kernel", counters.kernel_free)] {
            self.sample("faultline_frames_free", &[("class", class)], &free);
        }
        self.family("faultline_heap_bytes", "gauge", "Bytes of the kernel's heap in use.");
        self.sample("faultline_heap_bytes", &[], &counters.heap_used);
        for (name, help, count) in [
            ("faultline_threads", "Threads that exist, the kernel's own included.", counters.threads),
            ("faultline_processes", "Processes that exist.", counters.processes),
        ] {
            self.family(name, "gauge", help);
            self.sample(name, &[], &count);
        }
    }
}
