//! How one event travels: [`Links`] remembers the last values inside a packet, so that only differences are sent.
//!
//! A record is an append-only enum in postcard: tag, then the fields. `dt` is the time since the last record (the first:
//! since the packet's base time); ± marks a difference to the last value of that kind, zig-zag coded. All differences
//! wrap, so any value at all survives, even time that runs backwards (that costs ten bytes instead of two).
//! Everything starts from zero in each packet.
//!
//! ```text
//! 0 Context      pid                                              the process of the faults that follow; no event by itself
//! 1 Spawn        dt · pid · parent · name (length, bytes without the NULs at its end)
//! 2 Exit         dt · pid · ±status · cause u8                    status is zig-zag, but no difference
//! 3 Fault        dt · what u8 · how u8 · ±va · ±page · generation · ±frame · [±ip] · [stage]*
//! 4 CacheRefill  dt · place · moved · cached · [±number · ±pool]
//! 5 CacheDrain   likewise
//! 6 PageFree     dt · ±page · generation · ±frame
//! n any other    dt · its fields in order (plain events: tag = index + 1, see `event.rs` and `field.rs`)
//!
//! what = kind (bits 0-3) | access (4-5) | user mode (6) | ip is sent (7): otherwise it is the last one of the same mode
//! how  = outcome (bits 0-2) | bit 3+s: the time of stage s is sent: otherwise it is zero
//! place = class (bit 0) | number and pool are sent (1): otherwise they are as expected | cache (2-9)
//! number = against the number after that of the class's last transfer
//! pool = frames in the pool, against what the last transfer of the class and this one's `moved` lead to expect
//! ```
//!
//! Writing ([`Links::write`]) and reading ([`Links::read`]) stand next to each other, kind by kind.

use crate::event::*;
use crate::field::{Field, Value};
use crate::varint::{Reader, Writer};
use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};

/// Tags of the records. Never renumbered.
mod tag {
    pub const CONTEXT: u8 = 0;
    pub const FAULT: u8 = 3;
    pub const CACHE_REFILL: u8 = 4;
    pub const CACHE_DRAIN: u8 = 5;
}

/// Bits of a fault's `what` and `how`.
const ACCESS_SHIFT: u32 = 4;
const USER: u8 = 1 << 6;
const IP_SENT: u8 = 1 << 7;
const STAGE_SHIFT: u32 = 3;
/// Bits of a transfer's `place`.
const POOL_SENT: u16 = 1 << 1;
const CACHE_SHIFT: u32 = 2;
const _: () = assert!(STAGE_SHIFT as usize + Stage::COUNT <= 8);

/// Longest record in bytes: a fault after a change of process, every number at its longest.
pub(crate) const MAX_RECORD: usize = (1 + 5) + 1 + 10 + 2 + 10 + 5 + 5 + 5 + 10 + 5 * Stage::COUNT;
const _: () = assert!(1 + 10 + Event::MAX_PLAIN <= MAX_RECORD);

/// Numbers of the values of field-less enums on the wire, both ways, and their words. The match makes a forgotten value a compile error.
macro_rules! codes {
    ($($name:ident : $bits:literal = $($value:ident $word:literal)*;)*) => { $(
        impl $name {
            /// All values, in the order of their numbers.
            pub const VALUES: [Self; Self::VALUE_COUNT] = [$(Self::$value),*];
            /// How many values there are.
            pub const VALUE_COUNT: usize = [$($word),*].len();

            /// In a word or a few.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$value => $word),* }
            }
        }
        impl Field for $name {
            const MAX: usize = 1;
            #[inline(always)]
            fn put(self, _: &mut Links, w: &mut Writer<'_>) {
                w.byte(self.code());
            }
            fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
                Self::from_code(r.byte())
            }
            fn value(self) -> Value {
                Value::Word(self.word())
            }
        }
        impl Code for $name {
            #[inline(always)]
            fn code(self) -> u8 {
                match self { $($name::$value => $name::$value as u8),* }
            }
            #[inline(always)]
            fn from_code(code: u8) -> Option<Self> {
                const ALL: &[$name] = &$name::VALUES;
                const _: () = assert!(ALL.len() <= 1 << $bits);
                $(const _: () = assert!(ALL[$name::$value as usize] as u8 == $name::$value as u8);)*
                ALL.get(usize::from(code)).copied()
            }
        }
    )* };
}

trait Code: Sized {
    fn code(self) -> u8;
    fn from_code(code: u8) -> Option<Self>;
}

codes! {
    FaultKind: 4 = Zero "zero" Executable "executable" Stack "stack" Bad "bad" Mapping "mapping" Swap "swap";
    Access: 2 = Read "read" Write "write" Execute "execute";
    Outcome: 3 = Mapped "mapped" AlreadyMapped "already mapped" Refused "refused" NoMemory "no memory" IoError "i/o error"
        Copied "copied" Reused "reused";
    ExitCause: 8 = Exit "exit" BadAccess "bad access" BadPointer "bad pointer in a system call" Exception "CPU exception"
        NoMemory "no memory" BadSyscall "unknown system call" IoError "i/o error behind a page" Halt "machine halted" BadExec "exec of what is no program";
    FrameClass: 1 = User "user" Kernel "kernel";
    DiskOperation: 2 = Read "read" Write "write" Flush "flush";
    BlockedOn: 8 = Frame "frame" Page "page" Disk "disk";
    Reclaimer: 8 = Evictor "evictor" Requester "requester";
    EvictReason: 8 = Unused "unused" UnusedClean "unused, clean" UnusedDirty "unused, dirty" Oldest "oldest" UsedOnce "used once" Faded "faded";
    EvictOutcome: 8 = Dropped "dropped" ToSwap "to swap" ToFile "to file" Rescued "rescued" NoSlot "no slot" Dead "dead";
    Level: 8 = Min "min" Low "low" High "high" Enough "enough";
    SlotFreeReason: 8 = Dirtied "dirtied" Reclaimed "reclaimed" Dead "dead" WriteFailed "write failed";
}

/// Why a payload whose CRC is right cannot be read: reader and writer do not agree on the schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordError {
    /// A tag or value of a newer schema.
    Unknown,
    /// A record is longer than the payload, or a number wider than its field: the writer is at fault.
    Malformed,
    /// The payload has more or fewer records than its header says: the writer is at fault.
    Count,
}

/// The last values of a packet. Both sides step it in the same way; it never outlives the packet.
#[derive(Clone, Copy)]
pub(crate) struct Links {
    tsc: u64,
    pid: u32,
    pub(crate) va: u64,
    /// Instruction pointers, by mode: kernel, user.
    ip: [u64; 2],
    pub(crate) page: u32,
    pub(crate) frame: u32,
    pub(crate) slot: u32,
    /// Frames in the pool, by class.
    pool: [u32; 2],
    /// Number of the last transfer, by class.
    number: [u32; 2],
}

/// A field that travels as a difference: what to send for `new`, remembering it.
#[inline(always)]
pub(crate) fn differ(last: &mut u32, new: u32) -> i64 {
    let delta = new.wrapping_sub(*last) as i32;
    *last = new;
    i64::from(delta)
}

/// Undoes [`differ`].
#[inline(always)]
pub(crate) fn follow(last: &mut u32, delta: i32) -> u32 {
    *last = last.wrapping_add(delta as u32);
    *last
}

/// The time of one stage, if it was sent.
#[inline(always)]
fn read_stage(r: &mut Reader<'_>, present: u8, s: Stage) -> u32 {
    if present >> s as u8 & 1 != 0 { r.u32() } else { 0 }
}

impl Links {
    pub(crate) fn new(base_tsc: u64) -> Self {
        Self {
            tsc: base_tsc,
            pid: 0,
            va: 0,
            ip: [0; 2],
            page: 0,
            frame: 0,
            slot: 0,
            pool: [0; 2],
            number: [0; 2],
        }
    }

    /// Appends one event, after a context record if its process is another than before.
    #[inline(always)]
    pub(crate) fn write(&mut self, w: &mut Writer<'_>, e: &Stamped) {
        match &e.event {
            Event::Fault(f) => {
                if f.pid.0 != self.pid {
                    w.byte(tag::CONTEXT);
                    w.unsigned(u64::from(f.pid.0));
                    self.pid = f.pid.0;
                }
                self.write_tag(w, tag::FAULT, e.tsc);
                self.write_fault(w, f);
            }
            Event::CacheRefill(t) => {
                self.write_tag(w, tag::CACHE_REFILL, e.tsc);
                self.write_transfer(w, t, u32::from(t.moved).wrapping_neg());
            }
            Event::CacheDrain(t) => {
                self.write_tag(w, tag::CACHE_DRAIN, e.tsc);
                self.write_transfer(w, t, u32::from(t.moved));
            }
            plain => plain.put_plain(self, w, e.tsc),
        }
    }

    /// Reads one event and the context records before it. The caller knows that there is one.
    #[inline]
    pub(crate) fn read(&mut self, r: &mut Reader<'_>) -> Result<Stamped, RecordError> {
        let mut tag = r.byte();
        while tag == tag::CONTEXT && r.is_sound() {
            self.pid = r.u32();
            tag = r.byte();
        }
        self.tsc = self.tsc.wrapping_add(r.u64());
        let event = match tag {
            tag::FAULT => self.read_fault(r).map(Event::Fault),
            tag::CACHE_REFILL => self.read_transfer(r, u32::wrapping_neg).map(Event::CacheRefill),
            tag::CACHE_DRAIN => self.read_transfer(r, core::convert::identity).map(Event::CacheDrain),
            plain => Event::get_plain(plain.wrapping_sub(1), self, r),
        };
        match event {
            _ if !r.is_sound() => Err(RecordError::Malformed),
            Some(event) => Ok(Stamped { tsc: self.tsc, event }),
            None => Err(RecordError::Unknown),
        }
    }

    #[inline(always)]
    pub(crate) fn write_tag(&mut self, w: &mut Writer<'_>, tag: u8, tsc: u64) {
        w.byte(tag);
        w.unsigned(tsc.wrapping_sub(self.tsc));
        self.tsc = tsc;
    }

    #[inline(always)]
    fn write_fault(&mut self, w: &mut Writer<'_>, f: &Fault) {
        let last_ip = &mut self.ip[usize::from(f.user && !cfg!(mutant = "ip_ignores_mode"))];
        let ip_delta = f.ip.0.wrapping_sub(*last_ip) as i64;
        *last_ip = f.ip.0;
        let user = if f.user { USER } else { 0 };
        let ip_sent = if ip_delta != 0 { IP_SENT } else { 0 };
        w.byte(f.kind.code() | f.access.code() << ACCESS_SHIFT | user | ip_sent);
        let present = f.stages.iter().rev().fold(0, |bits, &ticks| bits << 1 | u8::from(ticks != 0));
        w.byte(f.outcome.code() | present << STAGE_SHIFT);
        w.signed(f.va.0.wrapping_sub(self.va) as i64);
        self.va = f.va.0;
        w.signed(differ(&mut self.page, f.page.0));
        w.unsigned(u64::from(f.generation));
        w.signed(differ(&mut self.frame, f.frame.0));
        if ip_delta != 0 {
            w.signed(ip_delta);
        }
        for &ticks in f.stages.iter().filter(|&&ticks| ticks != 0) {
            w.unsigned(u64::from(ticks));
        }
    }

    #[inline(always)]
    fn read_fault(&mut self, r: &mut Reader<'_>) -> Option<Fault> {
        let (what, how) = (r.byte(), r.byte());
        self.va = self.va.wrapping_add(r.i64() as u64);
        let page = PageId(follow(&mut self.page, r.i32()));
        let generation = r.u32();
        let frame = Pfn(follow(&mut self.frame, r.i32()));
        let user = what & USER != 0;
        let ip = &mut self.ip[usize::from(user)];
        if what & IP_SENT != 0 {
            *ip = ip.wrapping_add(r.i64() as u64);
        }
        // Written out: a loop over an array costs a quarter of the decoder's speed.
        let present = how >> STAGE_SHIFT;
        let stages = [
            read_stage(r, present, Stage::Lookup),
            read_stage(r, present, Stage::Wait),
            read_stage(r, present, Stage::Frame),
            read_stage(r, present, Stage::Fill),
            read_stage(r, present, Stage::Map),
        ];
        Some(Fault {
            pid: Pid(self.pid),
            va: VirtAddr(self.va),
            ip: VirtAddr(*ip),
            kind: FaultKind::from_code(what & 0xF)?,
            access: Access::from_code(what >> ACCESS_SHIFT & 3)?,
            user,
            outcome: Outcome::from_code(how & 7)?,
            page,
            generation,
            frame,
            stages,
        })
    }

    /// `change`: what this transfer did to the pool, wrapping.
    #[inline(always)]
    fn write_transfer(&mut self, w: &mut Writer<'_>, t: &CacheTransfer, change: u32) {
        let class = t.class.code();
        let (number, pool) = self.expect_transfer(class, change);
        let (number, pool) = (differ(number, t.number), differ(pool, t.pool_free));
        let sent = if (number, pool) == (0, 0) { 0 } else { POOL_SENT };
        w.unsigned(u64::from(u16::from(t.cache.0) << CACHE_SHIFT | sent | u16::from(class)));
        w.unsigned(u64::from(t.moved));
        w.unsigned(u64::from(t.cached));
        if sent != 0 {
            w.signed(number);
            w.signed(pool);
        }
    }

    #[inline(always)]
    fn read_transfer(&mut self, r: &mut Reader<'_>, change: fn(u32) -> u32) -> Option<CacheTransfer> {
        let place = r.u16();
        let (moved, cached) = (r.u16(), r.u16());
        let class = (place & 1) as u8;
        let (number, pool) = self.expect_transfer(class, change(u32::from(moved)));
        if place & POOL_SENT != 0 {
            follow(number, r.i32());
            follow(pool, r.i32());
        }
        Some(CacheTransfer {
            cache: CpuId(u8::try_from(place >> CACHE_SHIFT).ok()?),
            class: FrameClass::from_code(class)?,
            moved,
            cached,
            pool_free: *pool,
            number: *number,
        })
    }

    /// Steps number and fill of the class's pool to what they are if no other CPU moved frames since the last transfer of this one.
    #[inline(always)]
    fn expect_transfer(&mut self, class: u8, change: u32) -> (&mut u32, &mut u32) {
        let class = usize::from(class & 1);
        let (number, pool) = (&mut self.number[class], &mut self.pool[class]);
        *number = number.wrapping_add(1);
        *pool = pool.wrapping_add(change);
        (number, pool)
    }
}
