//! The kernel's own counts as OpenMetrics: what is printed, and what is served while the trace comes.

mod common;

use common::{vmtrace, write};
use std::collections::{BTreeMap, HashSet};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vmtrace::synth::{Plan, Run};

/// Reads the text as a scraper does: families in one piece each, samples of declared families, `# EOF` last.
fn scrape(text: &str) -> BTreeMap<String, f64> {
    let (body, rest) = text.split_once("# EOF\n").expect("the end is marked");
    assert_eq!(rest, "");
    let (mut seen, mut family, mut samples) = (HashSet::new(), String::new(), BTreeMap::new());
    for line in body.lines() {
        if let Some(words) = line.strip_prefix("# TYPE ") {
            family = words.split(' ').next().unwrap().to_owned();
            assert!(seen.insert(family.clone()), "{family} comes twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(name.starts_with(&family), "{name} is not of {family}");
            let twice = samples.insert(name.to_owned(), value.parse().expect("a number"));
            assert_eq!(twice, None, "{name} comes twice");
        }
    }
    samples
}

#[test]
fn what_the_rings_dropped_is_counted_all_the_same() {
    let encoded = Run::new(Plan { seed: 3, ring_events: 64, cpus: 1, ..Plan::default() }).encode();
    assert!(encoded.dropped > 0);
    let dir = tempfile::tempdir().unwrap();
    let done = vmtrace(&["metrics", &write(dir.path(), "run.vmt", &encoded.bytes)]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let samples = scrape(&done.out);
    let sum = |prefix: &str| -> f64 {
        samples.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
    };
    let faults = samples["faultline_events_total{event=\"fault\",cpu=\"0\"}"];
    assert!(faults > samples["vmtrace_events_received_total{event=\"fault\"}"]);
    assert_eq!(sum("faultline_fault_seconds_count"), faults);
    assert_eq!(sum("faultline_events_lost_total"), encoded.dropped as f64);
    let infinite = samples.iter().filter(|(name, _)| name.contains("kind=") && name.contains("le=\"+Inf\""));
    assert_eq!(infinite.map(|(_, value)| value).sum::<f64>(), faults);
}

#[test]
fn waits_for_spin_locks_are_told_by_class_and_cpu() {
    let dir = tempfile::tempdir().unwrap();
    let trace = write(dir.path(), "run.vmt", &Run::new(Plan { cpus: 2, ..Plan::default() }).encode().bytes);
    let samples = scrape(&vmtrace(&["metrics", &trace]).out);
    let contended = |class, cpu| {
        samples.get(&format!("faultline_lock_contended_total{{class=\"{class}\",cpu=\"{cpu}\"}}"))
    };
    let counts = [("frame-pool", 0), ("frame-pool", 1), ("page", 0), ("page", 1)];
    assert_eq!(
        counts.map(|(class, cpu)| contended(class, cpu).copied()),
        [Some(3.0), Some(4.0), Some(1.0), None]
    );
    assert!(samples["faultline_lock_spin_seconds_total{class=\"frame-pool\",cpu=\"1\"}"] > 0.0);

    let stats = vmtrace(&["stats", &trace]).out;
    let (_, table) = stats.split_once("Spin locks that another CPU held\n").expect("locks were waited for");
    let rows: Vec<Vec<_>> =
        table.lines().skip(1).take(4).map(|line| line.split_whitespace().collect()).collect();
    let starts: Vec<_> = rows.iter().map(|row| row[..row.len() - 4].join(" ")).collect();
    assert_eq!(starts, ["frame-pool all 7", "0 3", "1 4", "page 0 1"], "{table}");
}

#[test]
fn buckets_are_cumulative_and_their_bounds_grow() {
    let dir = tempfile::tempdir().unwrap();
    let done =
        vmtrace(&["metrics", &write(dir.path(), "run.vmt", &Run::new(Plan::default()).encode().bytes)]);
    let zero = |line: &&str| line.starts_with("faultline_fault_seconds_bucket{kind=\"zero\",cpu=\"1\",le=");
    let buckets: Vec<(f64, u64)> = done
        .out
        .lines()
        .filter(zero)
        .map(|line| {
            let (labels, count) = line.rsplit_once(' ').unwrap();
            let le = labels.split("le=\"").nth(1).unwrap().trim_end_matches("\"}");
            (le.replace("+Inf", "inf").parse().unwrap(), count.parse().unwrap())
        })
        .collect();
    assert!(buckets.len() > 20 && buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{buckets:?}");
    assert!(buckets.last().unwrap().1 > 0);
}

/// Ends the program whatever the test does.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn counts_are_served_while_the_trace_grows() {
    let bytes = Run::new(Plan::default()).encode().bytes;
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "run.vmt", &bytes[..bytes.len() / 2]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmtrace"));
    command.args(["metrics", "--follow", &path, "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    let mut program = Program(command.spawn().unwrap());
    let mut line = String::new();
    let stderr = program.0.stderr.take().unwrap();
    BufReader::new(stderr).read_line(&mut line).unwrap();
    let address =
        line.strip_prefix("serving http://").and_then(|l| l.split('/').next()).expect("where").to_owned();

    let asked = |wanted: &str| {
        let begin = Instant::now();
        loop {
            let answer = get(&address, "/metrics");
            if answer.contains(wanted) {
                return answer;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{wanted} never comes: {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    asked("faultline_info{");
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&bytes[bytes.len() / 2..]).unwrap();
    let answer = asked("faultline_events_total{event=\"fault\"");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/openmetrics-text"), "{head}");
    assert!(body.contains("# EOF"), "{body}");
    assert!(get(&address, "/other").starts_with("HTTP/1.1 404"));
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "run.vmt", &Run::new(Plan::default()).encode().bytes);
    let done = vmtrace(&["metrics", &path, "--listen", "nowhere"]);
    assert_eq!(done.status, 2);
    assert!(
        done.err.starts_with("vmtrace: --listen nowhere: ") && done.err.contains("HOST:PORT"),
        "{}",
        done.err
    );
}
