//! Puts the events of several CPUs into the order of time, in bounded memory.
//!
//! Key type: [`Merge`], a [`Sink`] in front of a sink. Packets of different CPUs arrive one behind the other, so the first
//! event of one may be older than the last of the other. Each CPU's events wait in a lane until no other CPU can still
//! send an older one: the drain tells after each visit to all rings up to when it has caught up. Until that and how the clocks stand
//! is known, a window of time decides; a limit on waiting events always holds. What comes later than that is passed on late;
//! sinks must not rely on order between CPUs to the tick, for their clocks agree only to some ticks ([`Clocks`]). Where they do not tell which of two events
//! of one page came first, the page's generation does.

use crate::decode::{Gap, Sink};
use crate::model::clocks::Clocks;
use fl_addr::{CpuId, PageId};
use fl_trace::control::Control;
use fl_trace::event::{Event, Stamped};
use std::collections::VecDeque;

/// How long an event waits for an older one of a silent CPU, in seconds of the run, while it is not known how far the drain is: it visits every ring far
/// more often. A busy host may stop the machine for longer in the middle of a visit, hence [`AFTER`].
const WINDOW_SECONDS: f64 = 0.25;
/// The window while no hello told the frequency, in ticks.
const WINDOW_TICKS: u64 = 1 << 29;
/// Events that must have come after one, for each CPU, before it counts as waited for: more than a visit of the drain mostly brings.
const AFTER: u64 = 1024;
/// Hellos, which come once a second, after which it counts as waited for however few have come.
const HELLOS: u64 = 2;
/// Events of another CPU that are looked through for an earlier one of the same page.
const NEIGHBOURS: usize = 64;
/// CPUs that a kernel may have, while none told how many it has.
const CPUS_MAX: usize = 8;
/// Items that wait at most, over all lanes: about 20 MiB.
const HELD_MAX: usize = 1 << 17;

/// What waits in a lane.
enum Item {
    Event(Stamped),
    Control(u64, Box<Control>),
    Gap(Gap),
}

impl Item {
    fn time(&self) -> u64 {
        match self {
            Self::Event(stamped) => stamped.tsc,
            Self::Control(tsc, _) => *tsc,
            // As early as it can be: events of others that follow may depend on what was lost.
            Self::Gap(gap) => gap.after,
        }
    }
}

/// How much has come.
#[derive(Clone, Copy, Default)]
struct Came {
    events: u64,
    hellos: u64,
}

/// An item, and how much had come before it.
struct Waiting {
    item: Item,
    came: Came,
}

/// See the module.
pub struct Merge<S> {
    sink: S,
    /// One lane per CPU.
    lanes: Vec<VecDeque<Waiting>>,
    controls: VecDeque<Waiting>,
    /// CPUs of the machine; a lane for each is waited for. `None`: no hello has told, so more may be heard of.
    cpus: Option<usize>,
    held: usize,
    /// Events and hellos that have come so far.
    came: Came,
    newest: u64,
    window: u64,
    clocks: Clocks,
    /// By how many ticks times of two CPUs may differ at most; `None`: not known.
    apart: Option<u64>,
    /// Up to when everything has come, if the drain tells.
    caught_up: Option<u64>,
}

impl<S: Sink> Merge<S> {
    /// Passes events on to `sink` in the order of time.
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            lanes: Vec::new(),
            controls: VecDeque::new(),
            cpus: None,
            held: 0,
            came: Came::default(),
            newest: 0,
            window: WINDOW_TICKS,
            clocks: Clocks::default(),
            apart: None,
            caught_up: None,
        }
    }

    /// The sink behind.
    pub fn into_inner(self) -> S {
        self.sink
    }

    /// The sink behind, while the stream runs.
    pub fn inner_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    fn push(&mut self, cpu: CpuId, item: Item) {
        let lane = usize::from(cpu.0);
        if lane >= self.lanes.len() {
            self.lanes.resize_with(lane + 1, VecDeque::new);
        }
        self.newest = self.newest.max(item.time());
        self.came.events += 1;
        self.lanes[lane].push_back(Waiting { item, came: self.came });
        self.held += 1;
    }

    /// Passes on what can be; everything if `all`.
    fn flush(&mut self, all: bool) {
        while self.held > 0 {
            let Some((lane, time, came)) = self.oldest() else { return };
            let known = self.cpus.is_some_and(|cpus| self.lanes.len() >= cpus);
            let settled = known && self.lanes.iter().all(|lane| !lane.is_empty());
            let passed = time.saturating_add(self.window) < self.newest
                && (self.came.events - came.events >= AFTER * self.cpus.unwrap_or(CPUS_MAX) as u64
                    || self.came.hellos - came.hellos >= HELLOS);
            let waited = match self.caught_up.zip(self.apart) {
                Some((until, apart)) => time.saturating_add(apart) < until,
                None => passed,
            };
            if !(all || settled || waited || self.held > HELD_MAX) {
                return;
            }
            let lane = lane.map(|lane| self.earlier_in_life(lane));
            let queue = match lane {
                Some(lane) => &mut self.lanes[lane],
                None => &mut self.controls,
            };
            let Some(item) = queue.pop_front() else { return };
            self.held -= 1;
            match item.item {
                Item::Event(stamped) => self.sink.event(CpuId(lane.unwrap_or(0) as u8), &stamped),
                Item::Control(tsc, control) => self.sink.control(tsc, &control),
                Item::Gap(gap) => self.sink.gap(&gap),
            }
        }
    }

    /// The lane whose head is next if the head of `lane` is the oldest by the clocks: where these do not tell which of two events of one page came first,
    /// the page's generation does.
    fn earlier_in_life(&self, lane: usize) -> usize {
        let Some(Waiting { item: Item::Event(head), .. }) = self.lanes[lane].front() else { return lane };
        let Some((page, generation)) = in_life(&head.event) else { return lane };
        let is_earlier = |other: usize| {
            let apart = self.clocks.apart(CpuId(lane as u8), CpuId(other as u8));
            self.lanes[other]
                .iter()
                .take(NEIGHBOURS)
                .map_while(|waiting| match &waiting.item {
                    Item::Event(event) if event.tsc <= head.tsc.saturating_add(apart) => Some(event),
                    _ => None,
                })
                .any(|event| in_life(&event.event).is_some_and(|(of, n)| of == page && n < generation))
        };
        (0..self.lanes.len()).find(|&other| other != lane && is_earlier(other)).unwrap_or(lane)
    }

    /// The queue with the oldest head (`None`: the controls), its time, and how much had come before it. Controls go first among equals.
    fn oldest(&self) -> Option<(Option<usize>, u64, Came)> {
        let mut oldest = self.controls.front().map(|waiting| (None, waiting.item.time(), waiting.came));
        for (i, lane) in self.lanes.iter().enumerate() {
            if let Some(Waiting { item, came }) = lane.front() {
                let time = item.time();
                if oldest.is_none_or(|(_, t, _)| time < t) {
                    oldest = Some((Some(i), time, *came));
                }
            }
        }
        oldest
    }
}

impl<S: Sink> Sink for Merge<S> {
    fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
        if self.cpus == Some(1) && self.held == 0 && cpu.0 == 0 {
            return self.sink.event(cpu, stamped);
        }
        self.push(cpu, Item::Event(*stamped));
        // Looking at every lane for each event is dear; a batch is as good.
        if self.held.is_multiple_of(64) {
            self.flush(false);
        }
    }

    fn control(&mut self, tsc: u64, control: &Control) {
        if *control == Control::CaughtUp {
            self.caught_up = self.caught_up.max(Some(tsc));
            return self.flush(false);
        }
        if let Control::Hello(hello) = control {
            self.came.hellos += 1;
            // The order of control records is kept, but what the hello says about the clock is of use at once.
            self.cpus = Some(usize::from(hello.cpus).max(1));
            self.clocks = Clocks::of(hello);
            self.apart = self.clocks.known().then(|| self.clocks.most_apart());
            if hello.tsc_hz != 0 {
                self.window = (hello.tsc_hz as f64 * WINDOW_SECONDS) as u64;
            }
        }
        if self.held == 0 {
            return self.sink.control(tsc, control);
        }
        self.newest = self.newest.max(tsc);
        let item = Item::Control(tsc, Box::new(*control));
        self.controls.push_back(Waiting { item, came: self.came });
        self.held += 1;
        self.flush(false);
    }

    fn log(&mut self, cpu: CpuId, tsc: u64, frame: &[u8]) {
        self.sink.log(cpu, tsc, frame);
    }

    fn gap(&mut self, gap: &Gap) {
        self.push(gap.cpu, Item::Gap(*gap));
        self.flush(false);
    }

    fn idle(&mut self) {
        self.flush(true);
        self.sink.idle();
    }

    fn end(&mut self) {
        self.flush(true);
        self.sink.end();
    }
}

/// Of which page an event tells, and the page's generation then.
fn in_life(event: &Event) -> Option<(PageId, u32)> {
    match event {
        Event::Fault(fault) if fault.page != PageId(0) => Some((fault.page, fault.generation)),
        Event::PageFree(free) => Some((free.page, free.generation)),
        Event::PageCopy(copy) => Some((copy.page, copy.generation)),
        Event::WriteBack(write) => Some((write.page, write.generation)),
        Event::Pinned(pin) => Some((pin.page, pin.generation)),
        Event::Unpinned(pin) => Some((pin.page, pin.generation)),
        Event::Evicted(evicted) => Some((evicted.page, evicted.generation)),
        Event::SwapOut(out) => Some((out.page, out.generation)),
        Event::SwapIn(read) => Some((read.page, read.generation)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::Run;
    use fl_addr::Pfn;
    use fl_trace::event::PageFree;

    #[derive(Default)]
    struct Order(Vec<(u8, u64)>, usize);
    impl Sink for Order {
        fn event(&mut self, cpu: CpuId, stamped: &Stamped) {
            self.0.push((cpu.0, stamped.tsc));
        }
        fn gap(&mut self, gap: &Gap) {
            self.0.push((100 + gap.cpu.0, gap.after));
        }
        fn end(&mut self) {
            self.1 += 1;
        }
    }

    /// A machine of two CPUs, as its hello tells.
    fn two_cpus() -> Merge<Order> {
        let mut merge = Merge::new(Order::default());
        merge.control(0, &Control::Hello(Run::empty(2).hello));
        merge
    }

    fn at(tsc: u64) -> Stamped {
        Stamped { tsc, event: Event::PageFree(PageFree { page: PageId(1), generation: 1, frame: Pfn(1) }) }
    }

    #[test]
    fn packets_of_two_cpus_come_out_in_the_order_of_time() {
        let mut merge = Merge::new(Order::default());
        merge.cpus = Some(2);
        for tsc in [10, 30, 50] {
            merge.event(CpuId(0), &at(tsc));
        }
        merge.gap(&Gap { cpu: CpuId(1), after: 20, before: 40, dropped: 1, missing: 0 });
        for tsc in [40, 60] {
            merge.event(CpuId(1), &at(tsc));
        }
        merge.end();
        let order = merge.into_inner();
        assert_eq!(order.0, [(0, 10), (101, 20), (0, 30), (1, 40), (0, 50), (1, 60)]);
        assert_eq!(order.1, 1);
    }

    #[test]
    fn a_silent_cpu_holds_the_others_up_for_a_bounded_time() {
        let mut merge = Merge::new(Order::default());
        merge.cpus = Some(2);
        merge.window = 1000;
        for i in 0..20_000 {
            merge.event(CpuId(0), &at(i));
        }
        assert!(merge.sink.0.len() > 17_000);
        assert!(merge.held < 2_200);
    }

    #[test]
    fn what_came_before_the_drain_had_caught_up_waits_for_no_window() {
        let mut merge = two_cpus();
        let apart = merge.clocks.most_apart();
        merge.window = 10;
        merge.control(0, &Control::CaughtUp);
        for i in 1..=10_000 {
            merge.event(CpuId(0), &at(apart + i));
        }
        assert!(merge.sink.0.is_empty(), "the other may have older ones, however long ago");
        merge.event(CpuId(1), &at(apart + 5));
        merge.control(2 * apart + 21, &Control::CaughtUp);
        let order = &merge.sink.0;
        assert_eq!(order.len(), 21);
        assert!(order.is_sorted_by_key(|(_, tsc)| *tsc));
    }

    #[test]
    fn what_the_clocks_do_not_tell_of_a_page_its_generation_does() {
        let of = |page, generation, tsc| {
            let event = Event::PageFree(PageFree { page: PageId(page), generation, frame: Pfn(1) });
            Stamped { tsc, event }
        };
        let order = |events: &[(u8, Stamped)]| {
            let mut merge = two_cpus();
            events.iter().for_each(|(cpu, event)| merge.event(CpuId(*cpu), event));
            merge.end();
            merge.into_inner().0.into_iter().map(|(cpu, _)| cpu).collect::<Vec<_>>()
        };
        let unsure = two_cpus().clocks.most_apart();
        assert_eq!(order(&[(0, of(7, 5, 1000)), (1, of(7, 4, 1000 + unsure))]), [1, 0]);
        assert_eq!(
            order(&[(0, of(7, 5, 1000)), (1, of(7, 4, 1001 + unsure))]),
            [0, 1],
            "the clocks are sure"
        );
        assert_eq!(order(&[(0, of(7, 5, 1000)), (1, of(8, 4, 1001))]), [0, 1], "another page");
        assert_eq!(order(&[(0, of(7, 5, 1000)), (1, of(7, 5, 1001))]), [0, 1], "of one generation");
        // With it comes what its CPU did before it.
        assert_eq!(order(&[(0, of(7, 5, 1000)), (1, of(8, 9, 1001)), (1, of(7, 4, 1002))]), [1, 1, 0]);
    }

    #[test]
    fn a_machine_that_was_stopped_amid_a_visit_of_the_drain_keeps_its_order() {
        let mut merge = Merge::new(Order::default());
        (merge.cpus, merge.window) = (Some(3), 100);
        merge.event(CpuId(0), &at(10));
        for tsc in 10_000..10_100 {
            merge.event(CpuId(1), &at(tsc));
        }
        merge.event(CpuId(2), &at(5));
        merge.end();
        let order = merge.into_inner().0;
        assert_eq!(order[..3], [(2, 5), (0, 10), (1, 10_000)]);
    }
}
