//! One line per event, for eyes and for grep: [`line()`]; the same as a JSON object: [`json()`].

use crate::decode::Gap;
use crate::model::clock::Clock;
use crate::model::names;
use crate::model::process::{Processes, pid_of};
use crate::view::damage::plural;
use crate::view::paint::{Look, kind_style};
use fl_addr::{CpuId, Pid};
use fl_trace::event::{CacheTransfer, Event, ExitCause, Fault, Outcome, Stage, Stamped};
use fl_trace::field::Value as Field;
use serde_json::{Value, json};

/// Columns of an event's name.
const NAME: usize = 10;

/// An event as one line, without the newline.
pub fn line(look: &Look, clock: &Clock, processes: &Processes, cpu: CpuId, stamped: &Stamped) -> String {
    let moment = clock.moment(stamped.tsc);
    let head = format!("{moment:>13} cpu{:<3}", cpu.0);
    let who =
        |pid: Pid| format!("{:>4} {:<15}", pid.0, processes.get(pid).map_or("?".into(), |p| p.name_text()));
    let nobody = " ".repeat(20);
    let (name, style, who, what) = match &stamped.event {
        Event::ProcessSpawn(spawn) => (
            "spawn",
            anstyle::Style::new().bold(),
            who(spawn.pid),
            if spawn.parent == Pid(0) {
                "started by the kernel".into()
            } else {
                format!("child of {}", spawn.parent)
            },
        ),
        Event::ProcessExit(exit) => (
            "exit",
            anstyle::Style::new().bold(),
            who(exit.pid),
            match exit.cause {
                ExitCause::Exit => format!("status {}", exit.status),
                cause => format!("status {}, {}", exit.status, names::cause(cause)),
            },
        ),
        Event::Fault(fault) => {
            (names::kind(fault.kind), kind_style(fault.kind), who(fault.pid), fault_text(clock, fault))
        }
        Event::CacheRefill(transfer) => {
            ("refill", anstyle::Style::new().dimmed(), nobody, transfer_text(transfer, "from"))
        }
        Event::CacheDrain(transfer) => {
            ("drain", anstyle::Style::new().dimmed(), nobody, transfer_text(transfer, "to"))
        }
        other => (
            other.name(),
            anstyle::Style::new(),
            pid_of(other).map_or(nobody, who),
            fields_text(clock, other),
        ),
    };
    format!("{} {} {who} {what}", look.dim(&head), look.paint(style, &format!("{name:<NAME$}")))
}

/// The fields of a plain event, but for the process that the line begins with.
fn fields_text(clock: &Clock, event: &Event) -> String {
    let (mut texts, mut subject) = (Vec::new(), pid_of(event));
    event.fields(|name, value| {
        let text = match value {
            Field::Process(pid) if subject.take_if(|subject| *subject == pid).is_some() => return,
            Field::Number(n) => n.to_string(),
            Field::Signed(n) => n.to_string(),
            Field::Flag(true) => return texts.push(name.to_string()),
            Field::Flag(false) => return texts.push(format!("not {name}")),
            Field::Ticks(ticks) => clock.duration(ticks),
            Field::Address(va) => va.to_string(),
            Field::Process(pid) => pid.to_string(),
            Field::Page(page) => page.to_string(),
            Field::Frame(frame) => frame.to_string(),
            Field::Slot(slot) => slot.to_string(),
            Field::Word(word) => word.to_string(),
            Field::Name(name) => names::process(&name),
        };
        texts.push(format!("{} {text}", name.replace('_', " ")));
    });
    texts.join(", ")
}

/// The fields of a plain event for machines.
fn fields_json(clock: &Clock, event: &Event) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("event".into(), event.name().into());
    event.fields(|name, value| {
        let value = match value {
            Field::Number(n) => json!(n),
            Field::Signed(n) => json!(n),
            Field::Flag(flag) => json!(flag),
            Field::Ticks(ticks) => {
                object.insert(format!("{name}_ns"), json!(clock.nanos(ticks)));
                json!(ticks)
            }
            Field::Address(va) => json!(va.to_string()),
            Field::Process(pid) => json!(pid.0),
            Field::Page(page) => json!(page.0),
            Field::Frame(frame) => json!(frame.0),
            Field::Slot(slot) => json!(slot.0),
            Field::Word(word) => json!(word),
            Field::Name(name) => json!(names::process(&name)),
        };
        object.insert(name.into(), value);
    });
    Value::Object(object)
}

fn fault_text(clock: &Clock, fault: &Fault) -> String {
    let mode = if fault.user { "" } else { " in kernel" };
    let result = match fault.outcome {
        Outcome::Mapped => format!("-> frame {} page {} gen {}", fault.frame, fault.page, fault.generation),
        outcome => format!("-> {}", names::outcome(outcome)),
    };
    format!(
        "{} {:<7} ip {}{mode} {result}, {}",
        fault.va,
        names::access(fault.access),
        fault.ip,
        latency_text(clock, fault)
    )
}

/// How long a fault took, and with what: `1.30 us = lookup 0.30 + fill 1.00`.
pub fn latency_text(clock: &Clock, fault: &Fault) -> String {
    let all = clock.duration(fault.latency());
    let unit = all.rsplit_once(' ').map_or("", |(_, unit)| unit);
    let stages: Vec<String> = Stage::ALL
        .iter()
        .zip(fault.stages)
        .filter(|(_, ticks)| *ticks > 0)
        .map(|(stage, ticks)| {
            // The unit is repeated only where it differs from the sum's.
            let ticks = clock.duration(ticks.into());
            let ticks = ticks.strip_suffix(unit).map_or(ticks.as_str(), str::trim_end);
            format!("{} {ticks}", names::stage(*stage))
        })
        .collect();
    format!("{all} = {}", stages.join(" + "))
}

fn transfer_text(transfer: &CacheTransfer, direction: &str) -> String {
    format!(
        "cache {} {} the {} pool: {}; now {} cached, {} in the pool (its move {})",
        transfer.cache,
        direction,
        names::class(transfer.class),
        plural(transfer.moved.into(), "frame"),
        transfer.cached,
        transfer.pool_free,
        transfer.number
    )
}

/// A gap as one line, without the newline.
pub fn gap_line(look: &Look, clock: &Clock, gap: &Gap) -> String {
    let (n, why) = match (gap.dropped, gap.missing) {
        (0, missing) => (missing, "lost on the way"),
        (dropped, _) => (dropped, "dropped by the kernel, ring full"),
    };
    let end = if gap.before == u64::MAX { "the end".into() } else { clock.moment(gap.before) };
    let begin = if gap.after == 0 { "the begin".into() } else { clock.moment(gap.after) };
    look.bad(&format!(
        "      ~~~~~~~ cpu{:<3} {} missing between {begin} and {end}: {why}",
        gap.cpu.0,
        plural(n, "event")
    ))
}

/// An event as a JSON object: one line of JSON Lines.
pub fn json(clock: &Clock, cpu: CpuId, stamped: &Stamped) -> Value {
    let mut value = match &stamped.event {
        Event::Fault(e) => json!({
            "event": "fault", "pid": e.pid.0, "kind": names::kind(e.kind), "outcome": names::outcome(e.outcome),
            "access": names::access(e.access), "user": e.user, "va": e.va.to_string(), "ip": e.ip.to_string(),
            "page": e.page.0, "generation": e.generation,
            "frame": (e.outcome == Outcome::Mapped).then_some(e.frame.0), "latency_ticks": e.latency(),
            "latency_ns": clock.nanos(e.latency()),
            "stages": Stage::ALL.iter().zip(e.stages).map(|(s, t)| (names::stage(*s).to_string(), json!(t)))
                .collect::<serde_json::Map<_, _>>(),
        }),
        Event::CacheRefill(t) | Event::CacheDrain(t) => json!({
            "event": names::EVENT_NAMES[stamped.event.index()], "cache": t.cache.0,
            "class": names::class(t.class), "moved": t.moved, "cached": t.cached, "pool_free": t.pool_free,
        }),
        plain => fields_json(clock, plain),
    };
    value["cpu"] = cpu.0.into();
    value["ticks"] = clock.since_boot(stamped.tsc).into();
    value["ns"] = clock.nanos(clock.since_boot(stamped.tsc)).into();
    value
}
