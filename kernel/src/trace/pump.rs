//! From the per-CPU buffers to the wire: takes records, packs them, frames them, sends them over the link.
//!
//! One [`Pump`] exists; the drain thread owns it until a panic takes it over. A record leaves its buffer only after its packet
//! has been sent, and a frame that was on its way when the panic came is sent again as it was: an interrupted pump sends a packet twice at worst (the reader
//! drops the copy) and loses none.

use super::link::{Link, Wait};
use super::{emit, logger};
use crate::arch::{MAX_CPUS, cpu};
use crate::console;
use crate::inject::{self, Point};
use crate::time::common_tsc;
use core::sync::atomic::{Ordering::SeqCst, compiler_fence};
use fl_addr::CpuId;
use fl_trace::control::Control;
use fl_trace::encode::{EventPacket, RecordPacket};
use fl_trace::packet::{self, Channel, DELIMITER, MAX_FRAME, PACKET_ROOM, StreamPosition};

/// Longest log record passed on, in bytes; a defmt frame is a few dozen.
const LOG_RECORD_MAX: usize = 512;

/// Encoder, buffers and link.
pub struct Pump {
    /// `None`: what is sent is dropped.
    link: Option<&'static mut dyn Link>,
    wait: Wait,
    packet: [u8; PACKET_ROOM],
    frame: [u8; MAX_FRAME],
    underway: Option<Underway>,
    sequence: [[u32; MAX_CPUS]; Channel::COUNT],
    control_records: u64,
}

/// The packet in `frame` while it is being sent, and until it is accounted for. Nobody can tell how far it came; made anew it would have the same number
/// and other records, and the reader, who may have the first, would drop them.
#[derive(Clone, Copy)]
struct Underway {
    /// Bytes of the frame.
    bytes: usize,
    channel: Channel,
    cpu: CpuId,
    at: StreamPosition,
    records: usize,
}

impl Pump {
    /// Without a link: what is sent is dropped until [`Pump::open`].
    pub const fn new() -> Self {
        Self {
            link: None,
            wait: Wait::Asleep,
            packet: [0; PACKET_ROOM],
            frame: [0; MAX_FRAME],
            underway: None,
            sequence: [[0; MAX_CPUS]; Channel::COUNT],
            control_records: 0,
        }
    }

    /// Sends over `link` from now on, asleep while it is busy. Ends what firmware may have written there as if it were a packet, so
    /// that it costs none of ours.
    pub fn open(&mut self, link: Option<&'static mut dyn Link>) {
        self.link = link;
        send(&mut self.link, &[DELIMITER], self.wait);
    }

    /// For the panic path: never sleeps again, cuts a half-sent packet off so that what follows is read, and sends that packet as a whole.
    pub fn cut(&mut self) {
        self.wait = Wait::Spinning;
        send(&mut self.link, &[DELIMITER], self.wait);
        if let Some(underway) = self.underway {
            self.send(underway);
            self.settle();
        }
    }

    /// Returns when all that was sent needs this kernel no more.
    pub fn flush(&mut self) {
        if let Some(link) = &mut self.link {
            link.flush(self.wait);
        }
    }

    /// Sends those of that CPU's events that there are now.
    pub fn events_so_far(&mut self, cpu: CpuId) -> bool {
        let there = emit::of(cpu).ring().len();
        let mut left = there;
        while left > 0 {
            left = left.saturating_sub(self.events(cpu).max(1)); // at least a packet's worth at a time
        }
        there > 0
    }

    /// Sends one packet of that CPU's events. How many: 0 if there was none.
    fn events(&mut self, cpu: CpuId) -> usize {
        let trace = emit::of(cpu);
        // SAFETY: the pump is the only consumer.
        let records = unsafe { trace.ring().peek() };
        if records.is_empty() {
            return 0;
        }
        let at = self.position(Channel::Events, cpu, records.first(), records.lost());
        let mut packet = EventPacket::begin(&mut self.packet, cpu, at, records.get(0).tsc);
        let mut taken = 0;
        while taken < records.len() && records.with(taken, |event| packet.push(event)) {
            taken += 1;
        }
        inject::pass(Point::Drain);
        let bytes = packet.finish_with(&mut self.frame, crc32c).len();
        self.send(Underway { bytes, channel: Channel::Events, cpu, at, records: taken });
        (0..taken).for_each(|i| records.with(i, |record| trace.delivered(&record.event)));
        self.settle();
        taken
    }

    /// Sends one packet of that CPU's log records. False: there was none.
    pub fn logs(&mut self, cpu: CpuId) -> bool {
        // SAFETY: the pump is the only consumer.
        let mut records = unsafe { logger::of(cpu).peek() };
        if records.is_empty() {
            return false;
        }
        let at = self.position(Channel::Logs, cpu, records.first(), records.lost());
        let mut packet = RecordPacket::begin(&mut self.packet, Channel::Logs, cpu, at, common_tsc());
        let mut taken = 0;
        let mut buffer = [0; LOG_RECORD_MAX];
        while let Some(record) = records.next_record() {
            let bytes = record.copy_to(&mut buffer).map(|b| &*b).unwrap_or(b"");
            if !packet.push_log(bytes) {
                break;
            }
            taken += 1;
        }
        let bytes = packet.finish(&mut self.frame).len();
        self.send(Underway { bytes, channel: Channel::Logs, cpu, at, records: taken });
        self.settle();
        true
    }

    /// Sends one packet of console text, where it shares the port. False: there was none.
    pub fn console(&mut self) -> bool {
        let Self { link, packet, frame, wait, .. } = self;
        console::send_queued(packet, frame, |bytes| send(link, bytes, *wait))
    }

    /// Sends a control record in a packet of its own.
    pub fn control(&mut self, record: &Control) {
        self.control_of(common_tsc(), record);
    }

    /// Sends a control record that was put together after `since`, by the boot processor's time-stamp counter: it knows at least of all that happened before.
    pub fn control_of(&mut self, since: u64, record: &Control) {
        let cpu = CpuId(0);
        let at = self.position(Channel::Control, cpu, self.control_records, 0);
        let mut packet = RecordPacket::begin(&mut self.packet, Channel::Control, cpu, at, since);
        let fits = packet.push_control(record);
        debug_assert!(fits, "any control record fits into an empty packet");
        if fits {
            let bytes = packet.finish(&mut self.frame).len();
            self.send(Underway { bytes, channel: Channel::Control, cpu, at, records: 1 });
            self.settle();
        }
    }

    /// Sends everything there is, at most `packets` packets: what is emitted meanwhile must not keep this going.
    pub fn everything(&mut self, mut packets: u32) {
        while packets > 0 && self.console() {
            packets -= 1;
        }
        for cpu in crate::percpu::online() {
            while packets > 0 && (self.events(cpu) > 0 || self.logs(cpu)) {
                packets -= 1;
            }
        }
    }

    fn position(&self, channel: Channel, cpu: CpuId, first_index: u64, lost: u64) -> StreamPosition {
        StreamPosition { sequence: self.sequence[channel as usize][cpu.0 as usize], first_index, lost }
    }

    /// Sends the packet in `frame`, which [`settle`](Self::settle) accounts for.
    fn send(&mut self, underway: Underway) {
        self.underway = Some(underway);
        compiler_fence(SeqCst); // a panic elsewhere stops this CPU anywhere, and looks
        send(&mut self.link, &self.frame[..underway.bytes], self.wait);
        inject::pass(Point::Sent);
    }

    /// What is underway has been sent: its records leave their buffer, and its stream goes on behind it. Stopped in here it is done again: each step says where
    /// the stream stands, not how far it goes.
    fn settle(&mut self) {
        let Some(Underway { channel, cpu, at, records, .. }) = self.underway else { return };
        self.sequence[channel as usize][cpu.0 as usize] = at.sequence.wrapping_add(1);
        match channel {
            Channel::Events => {
                // SAFETY: the pump is the only consumer, and has no other view now.
                let view = unsafe { emit::of(cpu).ring().peek() };
                if view.first() == at.first_index {
                    view.release(records);
                }
            }
            Channel::Logs => {
                // SAFETY: as above.
                let view = unsafe { logger::of(cpu).peek() };
                if view.first() == at.first_index {
                    view.release(records);
                }
            }
            Channel::Control => self.control_records = at.first_index + records as u64,
            Channel::Console => {} // its queue keeps its own account
        }
        compiler_fence(SeqCst);
        self.underway = None;
    }
}

/// The CRC of a packet, by the processor's instruction if it has it.
fn crc32c(bytes: &[u8]) -> u32 {
    cpu::crc32c(bytes).unwrap_or_else(|| packet::checksum(bytes))
}

fn send(link: &mut Option<&'static mut dyn Link>, bytes: &[u8], wait: Wait) {
    if let Some(link) = link {
        link.send(bytes, wait);
    }
}
