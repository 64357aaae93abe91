//! The life of a page, a frame or a slot in words: [`text`]; the same as JSON: [`json()`].
//!
//! What pages do on their way to swap and back is said in `life_words`.

use super::life_words;
use crate::model::life::{Life, Subject};
use crate::model::names;
use crate::view::damage::plural;
use crate::view::paint::Look;
use crate::view::raw;
use fl_addr::{PageId, Pid};
use fl_trace::event::{Event, Fault, Outcome, PageCopy};
use serde_json::{Value, json};

/// Its events as lines, under a heading and above a summary.
pub fn text(life: &Life, what: &str, look: &Look) -> String {
    let mut text = format!("{}\n", look.head(what));
    let mut gaps = life.gaps.iter().peekable();
    for (_, stamped) in &life.events {
        while let Some(gap) = gaps.next_if(|gap| gap.after < stamped.tsc) {
            text += &format!("{}\n", raw::gap_line(look, &life.clock, gap));
        }
        let moment = look.dim(&format!("{:>13}", life.clock.moment(stamped.tsc)));
        text += &format!("{moment}  {}\n", words(life, &stamped.event));
    }
    gaps.for_each(|gap| text += &format!("{}\n", raw::gap_line(look, &life.clock, gap)));
    text + &format!("\n{}\n", summary(life).sentence(life))
}

/// What the events come to.
#[derive(Default)]
struct Summary {
    faults: u64,
    ticks: u64,
    processes: Vec<Pid>,
    copies: u64,
    written: u64,
    unwritten: u64,
    evicted: u64,
    out: u64,
    back: u64,
    freed: u64,
}

fn summary(life: &Life) -> Summary {
    let mut sum = Summary::default();
    for (_, stamped) in &life.events {
        match &stamped.event {
            Event::Fault(fault) => {
                sum.faults += 1;
                sum.ticks += fault.latency();
                if !sum.processes.contains(&fault.pid) {
                    sum.processes.push(fault.pid);
                }
            }
            Event::PageCopy(_) => sum.copies += 1,
            Event::WriteBack(write) if write.ok => sum.written += 1,
            Event::WriteBack(_) => sum.unwritten += 1,
            Event::Evicted(evicted) => sum.evicted += u64::from(evicted.outcome.takes_frame()),
            Event::SwapOut(out) => sum.out += u64::from(out.ok),
            Event::SwapIn(read) => sum.back += u64::from(read.ok),
            Event::PageFree(_) => sum.freed += 1,
            _ => {}
        }
    }
    sum
}

impl Summary {
    fn sentence(&self, life: &Life) -> String {
        let mut parts = Vec::new();
        if !matches!(life.subject, Subject::Slot(_)) {
            parts.push(format!("{} in {}", plural(self.faults, "fault"), life.clock.duration(self.ticks)));
        }
        match self.processes.len() {
            0 => {}
            1 => parts.push("1 process".into()),
            n => parts.push(format!("{n} processes")),
        }
        let counts = [
            (self.copies, "copy made", "copies made"),
            (self.written, "write-back", "write-backs"),
            (self.unwritten, "failed write-back", "failed write-backs"),
            (self.evicted, "eviction", "evictions"),
            (self.out, "write to swap", "writes to swap"),
            (self.back, "read from swap", "reads from swap"),
        ];
        for (n, one, many) in counts.into_iter().filter(|(n, ..)| *n > 0) {
            parts.push(format!("{n} {}", if n == 1 { one } else { many }));
        }
        match self.freed {
            _ if matches!(life.subject, Subject::Slot(_)) => {}
            0 => parts.push("not freed as far as was seen".into()),
            1 => parts.push("freed".into()),
            n => parts.push(format!("freed {n} times")),
        }
        parts.join(", ")
    }
}

/// What happened, as a sentence.
fn words(life: &Life, event: &Event) -> String {
    match event {
        Event::Fault(fault) => fault_words(life, fault),
        Event::PageCopy(copy) => copy_words(life, copy),
        Event::WriteBack(write) => {
            let page = named(life, write.page);
            let bytes = plural(write.bytes.into(), "byte");
            match write.ok {
                true => format!("{page}{bytes} written to its file from frame {}", write.frame),
                false => {
                    format!("{page}could not be written to its file ({bytes} from frame {})", write.frame)
                }
            }
        }
        Event::PageFree(free) => format!(
            "{}let go by the last who had it, in generation {}; frame {} is free",
            named(life, free.page),
            free.generation,
            free.frame
        ),
        other => life_words::words(life, other).unwrap_or_else(|| other.name().into()),
    }
}

/// Whose page it is, where that is not clear.
pub(super) fn named(life: &Life, page: PageId) -> String {
    match &life.subject {
        Subject::Pages(pages) if pages.len() == 1 => String::new(),
        _ => format!("page {page}: "),
    }
}

fn copy_words(life: &Life, copy: &PageCopy) -> String {
    let is_own = match &life.subject {
        Subject::Pages(pages) => pages.contains(&copy.page),
        Subject::Frame(_) | Subject::Slot(_) => true,
    };
    if is_own {
        format!("{}made as a copy of page {}, in frame {}", named(life, copy.page), copy.from, copy.frame)
    } else {
        format!("{}copied to page {}, in frame {}", named(life, copy.from), copy.page, copy.frame)
    }
}

/// A process by number and name.
pub(super) fn process(life: &Life, pid: Pid) -> String {
    let name = life.processes.get(pid).map_or("?".into(), |process| process.name_text());
    format!("process {pid} ({name})")
}

fn fault_words(life: &Life, fault: &Fault) -> String {
    let who = match fault.user {
        true => process(life, fault.pid),
        false => format!("the kernel for {}", process(life, fault.pid)),
    };
    let does = match names::access(fault.access) {
        "read" => "reads",
        "write" => "writes",
        _ => "executes",
    };
    let kind = names::kind(fault.kind);
    let frame = fault.frame;
    let result = match fault.outcome {
        Outcome::Mapped => format!("{kind} page shown in frame {frame}, generation {}", fault.generation),
        Outcome::AlreadyMapped => "it was there already".into(),
        Outcome::Copied => format!("it was shared: this copy of its own, in frame {frame}"),
        Outcome::Reused => format!("no copy was needed: made writable where it is, in frame {frame}"),
        Outcome::Refused => "refused".into(),
        Outcome::NoMemory => "no frame was to be had".into(),
        Outcome::IoError => "it could not be read".into(),
    };
    let took = raw::latency_text(&life.clock, fault);
    format!("{}{who} {does} {}: {result}; {took}", named(life, fault.page), fault.va)
}

/// The life as JSON.
pub fn json(life: &Life, what: &str, loss: Value) -> Value {
    let events: Vec<Value> = life
        .events
        .iter()
        .map(|(cpu, stamped)| {
            let mut value = raw::json(&life.clock, *cpu, stamped);
            value["text"] = words(life, &stamped.event).into();
            value
        })
        .collect();
    let sum = summary(life);
    let pages = match &life.subject {
        Subject::Pages(pages) => json!(pages.iter().map(|page| page.0).collect::<Vec<_>>()),
        Subject::Frame(_) | Subject::Slot(_) => Value::Null,
    };
    json!({
        "subject": what, "pages": pages, "events": events, "faults": sum.faults, "fault_ticks": sum.ticks,
        "fault_ns": life.clock.nanos(sum.ticks), "pids": sum.processes.iter().map(|pid| pid.0).collect::<Vec<_>>(),
        "copies": sum.copies, "written": sum.written, "unwritten": sum.unwritten,
        "evicted": sum.evicted, "swapped_out": sum.out, "swapped_in": sum.back, "freed": sum.freed, "loss": loss,
    })
}
