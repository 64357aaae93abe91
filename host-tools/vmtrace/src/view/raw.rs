//! One line per event, for eyes and for grep: [`line()`]; the same as a JSON object: [`json()`].

use crate::decode::Gap;
use crate::model::clock::Clock;
use crate::model::names;
use crate::model::process::Processes;
use crate::view::damage::plural;
use crate::view::paint::{Look, kind_style};
use fl_addr::{CpuId, Pid};
use fl_trace::event::{CacheTransfer, Event, ExitCause, Fault, Outcome, Stage, Stamped};
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
        Event::ProcessFork(fork) => (
            "fork",
            anstyle::Style::new().bold(),
            who(fork.pid),
            format!(
                "copy of {} {}",
                fork.parent,
                processes.get(fork.parent).map_or("?".into(), |p| p.name_text())
            ),
        ),
        Event::ProcessExec(exec) => (
            "exec",
            anstyle::Style::new().bold(),
            who(exec.pid),
            format!("becomes program {}", names::process(&exec.program)),
        ),
        Event::ProcessWait(wait) => (
            "wait",
            anstyle::Style::new().bold(),
            who(wait.pid),
            format!("child {} ended with status {}", wait.child, wait.status),
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
        Event::PageFree(free) => (
            "page-free",
            anstyle::Style::new().dimmed(),
            nobody,
            format!("page {} gen {} gave back frame {}", free.page, free.generation, free.frame),
        ),
        Event::PageCopy(copy) => (
            "page-copy",
            anstyle::Style::new().dimmed(),
            nobody,
            format!(
                "page {} gen {} in frame {} copies page {}",
                copy.page, copy.generation, copy.frame, copy.from
            ),
        ),
    };
    format!("{} {} {who} {what}", look.dim(&head), look.paint(style, &format!("{name:<NAME$}")))
}

fn fault_text(clock: &Clock, fault: &Fault) -> String {
    let mode = if fault.user { "" } else { " in kernel" };
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
    let result = match fault.outcome {
        Outcome::Mapped => format!("-> frame {} page {} gen {}", fault.frame, fault.page, fault.generation),
        outcome => format!("-> {}", names::outcome(outcome)),
    };
    format!(
        "{} {:<7} ip {}{mode} {result}, {all} = {}",
        fault.va,
        names::access(fault.access),
        fault.ip,
        stages.join(" + ")
    )
}

fn transfer_text(transfer: &CacheTransfer, direction: &str) -> String {
    format!(
        "cache {} {} the {} pool: {}; now {} cached, {} in the pool",
        transfer.cache,
        direction,
        names::class(transfer.class),
        plural(transfer.moved.into(), "frame"),
        transfer.cached,
        transfer.pool_free
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
        Event::ProcessSpawn(e) => {
            json!({"event": "spawn", "pid": e.pid.0, "parent": e.parent.0, "name": names::process(&e.name)})
        }
        Event::ProcessExit(e) => {
            json!({"event": "exit", "pid": e.pid.0, "status": e.status, "cause": names::cause(e.cause)})
        }
        Event::ProcessFork(e) => {
            json!({"event": "fork", "pid": e.pid.0, "parent": e.parent.0, "name": names::process(&e.name)})
        }
        Event::ProcessExec(e) => {
            json!({"event": "exec", "pid": e.pid.0, "program": names::process(&e.program)})
        }
        Event::ProcessWait(e) => {
            json!({"event": "wait", "pid": e.pid.0, "child": e.child.0, "status": e.status})
        }
        Event::PageCopy(e) => json!({
            "event": "page-copy", "page": e.page.0, "generation": e.generation, "frame": e.frame.0, "from": e.from.0,
        }),
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
            "event": names::EVENT_NAMES[names::event_index(&stamped.event)], "cache": t.cache.0,
            "class": names::class(t.class), "moved": t.moved, "cached": t.cached, "pool_free": t.pool_free,
        }),
        Event::PageFree(e) => {
            json!({"event": "page-free", "page": e.page.0, "generation": e.generation, "frame": e.frame.0})
        }
    };
    value["cpu"] = cpu.0.into();
    value["ticks"] = clock.since_boot(stamped.tsc).into();
    value["ns"] = clock.nanos(clock.since_boot(stamped.tsc)).into();
    value
}
