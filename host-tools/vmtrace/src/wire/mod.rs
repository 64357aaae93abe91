//! Bytes to packets to records: [`Intake`] resynchronises after damage, drops repeats and counts what is missing.
//!
//! Neighbours: [`source`] opens files, pipes, sockets and terminals; [`loss`] is the account, `drops` finds where dropped events
//! belong; records go to a [`crate::decode::Sink`].

mod drops;
pub mod loss;
pub mod source;

use crate::decode::{Gap, Sink};
use crate::error::Error;
use crate::model::clocks::Clocks;
use drops::{Dropped, Drops, Next};
use fl_addr::CpuId;
use fl_trace::SCHEMA_VERSION;
use fl_trace::control::{Bye, ClockOffset, Control, Hello};
use fl_trace::decode::{Deframer, Packet, PacketError, decode};
use fl_trace::loss::{Continuity, Follows};
use fl_trace::packet::Channel;
use loss::{Damage, LossReport, StreamLoss, Why};

/// Packets of events that wait for the first hello, which comes within a second: about 5 MiB.
const EARLY_MAX: usize = 1 << 12;

/// Reads one run from chunks of bytes of any size.
pub struct Intake {
    deframer: Deframer,
    /// By channel and CPU, see [`Intake::stream`]; made when the first packet comes.
    streams: Vec<Option<Box<Stream>>>,
    report: LossReport,
    hello: Option<Hello>,
    /// Packets of events that came before the first hello, which tells how to correct their times, and where they stood.
    early: Vec<(u64, Packet)>,
    /// There were too many of them: no time is corrected, and none of two CPUs can be compared.
    uncorrected: bool,
    clocks: Clocks,
    bye: Option<Bye>,
    /// Bytes that the deframer had thrown away when last asked.
    skipped_bytes: u64,
    stopped: bool,
}

/// One channel of one CPU.
#[derive(Default)]
struct Stream {
    continuity: Continuity,
    loss: StreamLoss,
    /// Time of the last event read.
    last: u64,
    drops: Drops,
}

impl Default for Intake {
    fn default() -> Self {
        Self::new()
    }
}

impl Intake {
    /// At the begin of an input.
    pub fn new() -> Self {
        Self {
            deframer: Deframer::new(),
            streams: Vec::new(),
            report: LossReport::default(),
            hello: None,
            early: Vec::new(),
            uncorrected: false,
            clocks: Clocks::default(),
            bye: None,
            skipped_bytes: 0,
            stopped: false,
        }
    }

    /// What was lost so far.
    pub fn report(&self) -> &LossReport {
        &self.report
    }
    /// The account, when all is read.
    pub fn into_report(self) -> LossReport {
        self.report
    }
    /// The run's hello, if one was received.
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }
    /// How the run ended, once it has.
    pub fn bye(&self) -> Option<Bye> {
        self.bye
    }

    /// After [`Intake::finish`]: an error if there was nothing to read. `head` is the begin of the input.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NotATrace`].
    pub fn require_packets(&self, place: &str, head: &[u8]) -> Result<(), Error> {
        match self.report {
            LossReport { packets: 1.., .. } => Ok(()),
            LossReport { bytes: 0, .. } => Err(Error::Empty(place.into())),
            LossReport { bytes, .. } => Err(Error::NotATrace {
                place: place.into(),
                bytes,
                text: std::str::from_utf8(head.get(..head.len().saturating_sub(4)).unwrap_or(head))
                    .is_ok_and(|text| {
                        text.chars().all(|c| !c.is_control() || c.is_whitespace() || c == '\u{1b}')
                    }),
            }),
        }
    }

    /// Reads a chunk.
    ///
    /// # Errors
    /// [`Error::NewerSchema`]: the rest cannot be read by this program.
    pub fn push<S: Sink>(&mut self, mut chunk: &[u8], sink: &mut S) -> Result<(), Error> {
        if self.stopped {
            return Ok(());
        }
        // The deframer is taken out so that its frames may live while the rest of `self` works on them.
        let mut deframer = std::mem::take(&mut self.deframer);
        let mut result = Ok(());
        while let Some(frame) = deframer.next(&mut chunk) {
            let (offset, len) = (frame.offset, frame.bytes.len() as u64);
            let read = decode(frame.bytes);
            // A run that was too long ended before this frame's delimiter.
            let skipped = deframer.skipped().bytes - self.skipped_bytes;
            if skipped > 0 {
                self.skipped(skipped, offset.saturating_sub(1));
            }
            match read {
                Ok(packet) => result = self.arrived(offset, packet, sink),
                Err(PacketError::UnknownChannel(_)) => self.report.unknown_channels += 1,
                Err(why) => self.report.add_damage(Damage { offset, len, why: Why::Packet(why) }),
            }
            if result.is_err() || self.stopped {
                break;
            }
        }
        self.report.bytes = deframer.offset();
        let skipped = deframer.skipped().bytes - self.skipped_bytes;
        if skipped > 0 && !self.stopped {
            self.skipped(skipped, deframer.offset());
        }
        self.deframer = deframer;
        result
    }

    /// Bytes without a delimiter for longer than a frame. One stretch may come in several chunks.
    fn skipped(&mut self, bytes: u64, end: u64) {
        self.skipped_bytes += bytes;
        match self.report.damage.last_mut() {
            Some(last) if last.why == Why::TooLong && last.offset + last.len + bytes == end => {
                last.len += bytes;
                self.report.damaged_bytes += bytes;
            }
            _ => self.report.add_damage(Damage {
                offset: end.saturating_sub(bytes),
                len: bytes,
                why: Why::TooLong,
            }),
        }
    }

    /// Ends the input: what is left of a frame is damage, and open accounts are closed.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) {
        let pending = self.deframer.pending() as u64;
        if pending > 0 && !self.stopped {
            let offset = self.deframer.offset() - pending;
            self.report.add_damage(Damage { offset, len: pending, why: Why::CutAtEnd });
        }
        // Of events only: no error.
        let _ = self.release(sink);
        for (i, stream) in self.streams.iter_mut().enumerate() {
            let Some(stream) = stream else { continue };
            if let Some(drop) = std::mem::take(&mut stream.drops).end(stream.last) {
                sink.gap(&of_dropped(CpuId((i / Channel::COUNT) as u8), drop));
            }
        }
        sink.end();
    }

    /// Reads a packet, unless it has to wait for a hello.
    fn arrived<S: Sink>(&mut self, offset: u64, packet: Packet, sink: &mut S) -> Result<(), Error> {
        if packet.channel == Channel::Events && self.hello.is_none() && !self.uncorrected {
            self.early.push((offset, packet));
            if self.early.len() <= EARLY_MAX {
                return Ok(());
            }
            self.uncorrected = true;
            return self.release(sink);
        }
        self.packet(offset, &packet, sink)?;
        if self.hello.is_some() { self.release(sink) } else { Ok(()) }
    }

    /// Reads the packets that waited for a hello.
    fn release<S: Sink>(&mut self, sink: &mut S) -> Result<(), Error> {
        std::mem::take(&mut self.early)
            .iter()
            .try_for_each(|(offset, packet)| self.packet(*offset, packet, sink))
    }

    fn packet<S: Sink>(&mut self, offset: u64, packet: &Packet, sink: &mut S) -> Result<(), Error> {
        if packet.channel == Channel::Control && self.is_another_boot(packet) {
            self.report.next_boot = Some(offset);
            self.stopped = true;
            return Ok(());
        }
        self.report.packets += 1;
        let index = usize::from(packet.cpu.0) * Channel::COUNT + packet.channel as usize;
        if index >= self.streams.len() {
            self.streams.resize_with(index + 1, || None);
        }
        let (first, clocks) = (self.streams[index].is_none(), self.clocks);
        let stream = self.streams[index].get_or_insert_default();
        let lost = match stream.continuity.follow(packet.position, packet.count) {
            Follows::Repeats => {
                stream.loss.repeats += 1;
                self.note(packet);
                return Ok(());
            }
            Follows::After(lost) => lost,
        };
        if first {
            stream.loss.before_first = lost;
        }
        stream.loss.lost = stream.continuity.total();
        stream.loss.packets += 1;
        let unreadable = match packet.channel {
            Channel::Events => {
                let ring = self.hello.as_ref().map(|hello| hello.ring_events.into());
                let gap = Gap {
                    cpu: packet.cpu,
                    after: stream.last,
                    before: clocks.corrected(packet.cpu, packet.base_tsc),
                    dropped: lost.dropped,
                    missing: lost.records,
                };
                stream.events(packet, &clocks, gap, ring, sink)
            }
            Channel::Control => self.controls(packet, sink)?,
            Channel::Logs => {
                let mut left = u64::from(packet.count);
                for frame in packet.logs().map_while(Result::ok) {
                    sink.log(packet.cpu, packet.base_tsc, frame);
                    left -= 1;
                }
                left
            }
            Channel::Console => {
                sink.console(packet.console());
                0
            }
        };
        if let Some(stream) = &mut self.streams[index] {
            stream.loss.unreadable += unreadable;
            stream.loss.records += u64::from(packet.count) - unreadable;
        }
        self.note(packet);
        Ok(())
    }

    /// Copies a stream's account into the report.
    fn note(&mut self, packet: &Packet) {
        let index = usize::from(packet.cpu.0) * Channel::COUNT + packet.channel as usize;
        if let Some(stream) = &self.streams[index] {
            self.report.streams.insert((packet.channel, packet.cpu), stream.loss);
        }
    }

    /// Whether the packet holds a hello of another boot than the one being read.
    fn is_another_boot(&self, packet: &Packet) -> bool {
        let Some(known) = &self.hello else { return false };
        packet.controls().map_while(Result::ok).any(|record| {
            matches!(record, Control::Hello(hello) if (hello.tsc_boot, hello.build_id) != (known.tsc_boot, known.build_id))
        })
    }

    /// Passes on the records of a control packet. Returns how many cannot be read.
    fn controls<S: Sink>(&mut self, packet: &Packet, sink: &mut S) -> Result<u64, Error> {
        let mut left = u64::from(packet.count);
        for mut control in packet.controls().map_while(Result::ok) {
            match &mut control {
                Control::Hello(hello) if hello.schema > SCHEMA_VERSION => {
                    return Err(Error::NewerSchema { schema: hello.schema, known: SCHEMA_VERSION });
                }
                Control::Hello(hello) => {
                    let known = fl_trace::schema_fingerprint();
                    self.report.other_fingerprint = (hello.fingerprint != known).then_some(hello.fingerprint);
                    if self.uncorrected {
                        hello.clocks[1..].fill(ClockOffset::UNKNOWN);
                    }
                    self.clocks = Clocks::of(hello);
                    self.hello = Some(*hello);
                }
                Control::Bye(bye) => self.bye = Some(*bye),
                Control::LiveProcess { .. }
                | Control::Counters(_)
                | Control::CpuCounters(_)
                | Control::Histogram(_)
                | Control::Lock(_)
                | Control::CaughtUp => {}
            }
            sink.control(packet.base_tsc, &control);
            left -= 1;
        }
        Ok(left)
    }
}

impl Stream {
    /// Passes on the events of a packet, with what is missing before and behind them. Returns how many cannot be read.
    #[inline]
    fn events<S: Sink>(
        &mut self,
        packet: &Packet,
        clocks: &Clocks,
        gap: Gap,
        ring: Option<u64>,
        sink: &mut S,
    ) -> u64 {
        let next = Next {
            first_index: packet.position.first_index,
            count: packet.count.into(),
            dropped: gap.dropped,
            last: self.last,
            base: gap.before,
        };
        self.drops.next(&next, ring, |drop| sink.gap(&of_dropped(packet.cpu, drop)));
        if gap.missing > 0 {
            sink.gap(&Gap { dropped: 0, ..gap });
        }
        let mut left = u64::from(packet.count);
        for stamped in packet.events() {
            let Ok(mut stamped) = stamped else { break };
            stamped.tsc = clocks.corrected(packet.cpu, stamped.tsc);
            sink.event(packet.cpu, &stamped);
            self.last = stamped.tsc;
            left -= 1;
        }
        if left > 0 {
            // Until the next packet nothing is known; its base time is not known here, so the gap is left open.
            sink.gap(&Gap { after: self.last, before: u64::MAX, dropped: 0, missing: left, ..gap });
        }
        left
    }
}

fn of_dropped(cpu: CpuId, Dropped { after, before, events }: Dropped) -> Gap {
    Gap { cpu, after, before, dropped: events, missing: 0 }
}
