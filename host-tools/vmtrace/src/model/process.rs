//! The processes of a run: who, whose child, when, how it ended.
//!
//! Key types: [`Processes`], [`Process`]. Memory grows with processes, not with events.

use crate::model::names;
use fl_addr::Pid;
use fl_trace::control::Control;
use fl_trace::event::{Event, ExitCause, Name, ProcessExit, Stamped};
use fl_trace::field::Value;
use hashbrown::HashMap;

/// One process, as far as the trace tells.
#[derive(Clone, Debug)]
pub struct Process {
    /// Identity.
    pub pid: Pid,
    /// Whose child, if known.
    pub parent: Option<Pid>,
    /// Its name, if a spawn or live-process record was received.
    pub name: Option<Name>,
    /// When it was made, if its spawn or fork was received.
    pub spawned: Option<u64>,
    /// When and how it ended, if its exit was received.
    pub exit: Option<Exit>,
    /// Time of the first event that names it.
    pub first: u64,
    /// Time of the last event that names it.
    pub last: u64,
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit {
    /// When.
    pub tsc: u64,
    /// What `wait` returns.
    pub status: i32,
    /// Why.
    pub cause: ExitCause,
}

impl Process {
    fn new(pid: Pid, tsc: u64) -> Self {
        Self { pid, parent: None, name: None, spawned: None, exit: None, first: tsc, last: tsc }
    }

    /// The name, `kernel` for process 0, `?` if none was received.
    pub fn name_text(&self) -> String {
        match &self.name {
            Some(name) => names::process(name),
            None if self.pid == Pid(0) => "kernel".into(),
            None => "?".into(),
        }
    }

    /// `exit 0`, or `killed: bad access (status -1)`, or `still running` if no exit was received.
    pub fn end_text(&self) -> String {
        match self.exit {
            None => "no exit seen".into(),
            Some(Exit { cause: ExitCause::Exit, status, .. }) => format!("exit({status})"),
            Some(Exit { cause: ExitCause::Halt, .. }) => names::cause(ExitCause::Halt).into(),
            Some(Exit { cause, status, .. }) => format!("killed: {}, status {status}", names::cause(cause)),
        }
    }

    /// From the spawn (or first event) to the exit (or last event), in ticks of the counter.
    pub fn life(&self) -> (u64, u64) {
        (self.spawned.unwrap_or(self.first), self.exit.map_or(self.last, |exit| exit.tsc))
    }
}

/// The process that an event is about, if it is about one: its first field that names one.
pub fn pid_of(event: &Event) -> Option<Pid> {
    if let Event::Fault(fault) = event {
        return Some(fault.pid);
    }
    let mut pid = None;
    event.fields(|_, value| {
        if let Value::Process(p) = value {
            pid.get_or_insert(p);
        }
    });
    pid
}

/// All processes that events named, by pid.
#[derive(Clone, Debug, Default)]
pub struct Processes {
    by_pid: HashMap<Pid, usize>,
    all: Vec<Process>,
    /// The last one found: packets hold long runs of one process.
    recent: usize,
}

impl Processes {
    /// Takes note of an event. Returns the index of the process it names, if it names one: a key that stays valid.
    #[inline]
    pub fn event(&mut self, stamped: &Stamped) -> Option<usize> {
        let tsc = stamped.tsc;
        match &stamped.event {
            Event::Fault(fault) => Some(self.touch(fault.pid, tsc)),
            Event::ProcessSpawn(spawn) => Some(self.begin(tsc, spawn.pid, spawn.parent, spawn.name)),
            Event::ProcessFork(fork) => Some(self.begin(tsc, fork.pid, fork.parent, fork.name)),
            Event::ProcessExit(exit) => Some(self.exit(tsc, exit)),
            other => pid_of(other).map(|pid| self.touch(pid, tsc)),
        }
    }

    /// Takes note of a control record; a live process becomes known by name.
    pub fn control(&mut self, tsc: u64, control: &Control) {
        if let Control::LiveProcess { pid, parent, name } = control {
            let i = self.touch(*pid, tsc);
            self.all[i].parent.get_or_insert(*parent);
            self.all[i].name.get_or_insert(*name);
        }
    }

    fn begin(&mut self, tsc: u64, pid: Pid, parent: Pid, name: Name) -> usize {
        let i = self.touch(pid, tsc);
        let process = &mut self.all[i];
        process.parent = Some(parent);
        process.name = Some(name);
        process.spawned = Some(tsc);
        i
    }

    fn exit(&mut self, tsc: u64, exit: &ProcessExit) -> usize {
        let i = self.touch(exit.pid, tsc);
        self.all[i].exit = Some(Exit { tsc, status: exit.status, cause: exit.cause });
        i
    }

    #[inline]
    fn touch(&mut self, pid: Pid, tsc: u64) -> usize {
        let mut i = self.recent;
        if self.all.get(i).is_none_or(|process| process.pid != pid) {
            i = *self.by_pid.entry(pid).or_insert_with(|| {
                self.all.push(Process::new(pid, tsc));
                self.all.len() - 1
            });
            self.recent = i;
        }
        let process = &mut self.all[i];
        process.first = process.first.min(tsc);
        process.last = process.last.max(tsc);
        i
    }

    /// The process with this pid.
    pub fn get(&self, pid: Pid) -> Option<&Process> {
        self.by_pid.get(&pid).map(|&i| &self.all[i])
    }

    /// All, in the order of their first appearance; the index is the key of [`Self::event`].
    pub fn all(&self) -> &[Process] {
        &self.all
    }
}
