//! From the per-CPU buffers to the wire: takes records, packs them, frames them, sends them on COM2.
//!
//! One [`Pump`] exists; the drain thread owns it until a panic takes it over. A record leaves its buffer only after its packet
//! has been sent, so an interrupted pump sends a packet twice at worst (the reader drops the copy) and loses none.

use super::{emit, logger};
use crate::arch::serial::{COM2, Serial};
use crate::arch::{MAX_CPUS, cpu};
use crate::console;
use fl_addr::CpuId;
use fl_trace::control::Control;
use fl_trace::encode::{EventPacket, RecordPacket};
use fl_trace::packet::{Channel, MAX_FRAME, MAX_PACKET, StreamPosition};

/// Longest log record passed on, in bytes; a defmt frame is a few dozen.
const LOG_RECORD_MAX: usize = 512;

/// Encoder, buffers and port.
pub struct Pump {
    port: Option<Serial>,
    packet: [u8; MAX_PACKET],
    frame: [u8; MAX_FRAME],
    sequence: [[u32; MAX_CPUS]; Channel::COUNT],
    control_records: u64,
    /// What to do while the transmitter is busy: sleep, or on the panic path spin.
    busy: fn(),
}

impl Pump {
    /// Without a port: what is sent is dropped until [`Pump::open`].
    pub const fn new() -> Self {
        Self {
            port: None,
            packet: [0; MAX_PACKET],
            frame: [0; MAX_FRAME],
            sequence: [[0; MAX_CPUS]; Channel::COUNT],
            control_records: 0,
            busy: core::hint::spin_loop,
        }
    }

    /// Opens COM2, or COM1 where it carries everything, and calls `busy` whenever its transmitter is. Call once. Ends what firmware may have written there as if it were a
    /// packet, so that it costs none of ours.
    pub fn open(&mut self, busy: fn()) {
        self.busy = busy;
        self.port = if console::shared() {
            console::take_port()
        } else {
            // SAFETY: the pump is the only user of COM2 and is opened once.
            unsafe { Serial::open(COM2, console::baud()) }
        };
        self.link().send(&[0]);
    }

    /// For the panic path: never sleeps again, and cuts a half-sent packet off so that what follows is read.
    pub fn cut(&mut self) {
        self.busy = core::hint::spin_loop;
        self.link().send(&[0]);
    }

    fn link(&mut self) -> Link<'_> {
        Link { port: &mut self.port, busy: self.busy }
    }

    /// Sends one packet of that CPU's events. False: there was none.
    pub fn events(&mut self, cpu: CpuId) -> bool {
        // SAFETY: the pump is the only consumer.
        let records = unsafe { emit::of(cpu).ring().peek() };
        if records.is_empty() {
            return false;
        }
        let at = self.position(Channel::Events, cpu, records.first(), records.lost());
        let mut packet = EventPacket::begin(&mut self.packet, cpu, at, records.get(0).tsc);
        for event in records.iter() {
            if !packet.push(&event) {
                break;
            }
        }
        let taken = packet.count() as usize;
        crate::inject::point(crate::inject::Point::Drain);
        Link { port: &mut self.port, busy: self.busy }.send(packet.finish(&mut self.frame));
        self.advance(Channel::Events, cpu);
        records.release(taken);
        true
    }

    /// Sends one packet of that CPU's log records. False: there was none.
    pub fn logs(&mut self, cpu: CpuId) -> bool {
        // SAFETY: the pump is the only consumer.
        let mut records = unsafe { logger::of(cpu).peek() };
        if records.is_empty() {
            return false;
        }
        let at = self.position(Channel::Logs, cpu, records.first(), records.lost());
        let mut packet = RecordPacket::begin(&mut self.packet, Channel::Logs, cpu, at, cpu::tsc());
        let mut taken = 0;
        let mut buffer = [0; LOG_RECORD_MAX];
        while let Some(record) = records.next_record() {
            let bytes = record.copy_to(&mut buffer).map(|b| &*b).unwrap_or(b"");
            if !packet.push_log(bytes) {
                break;
            }
            taken += 1;
        }
        Link { port: &mut self.port, busy: self.busy }.send(packet.finish(&mut self.frame));
        self.advance(Channel::Logs, cpu);
        records.release(taken);
        true
    }

    /// Sends one packet of console text, where it shares the port. False: there was none.
    pub fn console(&mut self) -> bool {
        let Self { port, packet, frame, busy, .. } = self;
        console::send_queued(packet, frame, |bytes| Link { port, busy: *busy }.send(bytes))
    }

    /// Sends a control record in a packet of its own.
    pub fn control(&mut self, record: &Control) {
        let cpu = CpuId(0);
        let at = self.position(Channel::Control, cpu, self.control_records, 0);
        let mut packet = RecordPacket::begin(&mut self.packet, Channel::Control, cpu, at, cpu::tsc());
        if packet.push_control(record) {
            Link { port: &mut self.port, busy: self.busy }.send(packet.finish(&mut self.frame));
            self.advance(Channel::Control, cpu);
            self.control_records += 1;
        }
    }

    /// Sends everything there is, at most `packets` packets: what is emitted meanwhile must not keep this going.
    pub fn everything(&mut self, mut packets: u32) {
        while packets > 0 && self.console() {
            packets -= 1;
        }
        for cpu in crate::percpu::online() {
            while packets > 0 && (self.events(cpu) || self.logs(cpu)) {
                packets -= 1;
            }
        }
    }

    fn position(&self, channel: Channel, cpu: CpuId, first_index: u64, lost: u64) -> StreamPosition {
        StreamPosition { sequence: self.sequence[channel as usize][cpu.0 as usize], first_index, lost }
    }

    fn advance(&mut self, channel: Channel, cpu: CpuId) {
        let sequence = &mut self.sequence[channel as usize][cpu.0 as usize];
        *sequence = sequence.wrapping_add(1);
    }
}

/// Times a transmitter may be found busy in a row before what is being sent is given up: it is stuck, or nobody is there.
const PATIENCE: u32 = 1_000_000;

/// The port, and how to wait for it.
struct Link<'a> {
    port: &'a mut Option<Serial>,
    busy: fn(),
}

impl Link<'_> {
    fn send(self, mut bytes: &[u8]) {
        let Some(port) = self.port else { return };
        let mut patience = PATIENCE;
        while !bytes.is_empty() && patience > 0 {
            let sent = port.try_send(bytes);
            bytes = &bytes[sent..];
            if sent == 0 {
                patience -= 1;
                (self.busy)();
            } else {
                patience = PATIENCE;
            }
        }
    }
}
