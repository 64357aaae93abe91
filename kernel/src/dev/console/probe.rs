//! Finds the virtio console and brings it up.

use super::{ConsoleLink, Frames, PLACES, QUEUE, Room};
use crate::dev::pci;
use crate::dev::virtio::{Device, Doorbell, Features, Unusable};
use crate::irq::{self, Vector};
use crate::mm::frames::Frame;
use crate::mm::layout;
use crate::sched::WaitQueue;
use crate::trace::link::Link;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::AtomicBool;
use fl_addr::{PAGE_SIZE, Pfn};
use fl_pci::{Function, VirtioPlaces};
use fl_trace::event::FrameClass;
use fl_virtq::Area;
use virtio_drivers::transport::Transport;

/// Virtio's type number of a console.
const CONSOLE: u16 = 3;
const _: () = assert!(size_of::<Area<PLACES>>() <= PAGE_SIZE);

/// Why there is no link over a virtio console.
pub enum NoConsole {
    /// The machine has none.
    Missing,
    /// It has one that cannot be used.
    Unusable(Unusable),
}

impl fmt::Display for NoConsole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "link=virtio: the machine has no virtio console (QEMU: -device virtio-serial-pci -device virtconsole,chardev=...); use link=uart",
            ),
            Self::Unusable(why) => {
                write!(f, "link=virtio: the virtio console cannot be used: {why}; use link=uart")
            }
        }
    }
}

/// The link over the machine's first virtio console. Once, from a thread.
pub fn link() -> Result<&'static mut dyn Link, NoConsole> {
    let mut found = None;
    pci::functions(|f| {
        if found.is_none() && VirtioPlaces::device_type(f.vendor, f.device) == Some(CONSOLE) {
            found = Some(bring_up(f));
        }
    });
    let link = found.ok_or(NoConsole::Missing)?.map_err(NoConsole::Unusable)?;
    defmt::info!(
        "trace: virtio console, {=str}",
        if link.room.polled { "polled at every tick" } else { "MSI-X" }
    );
    Ok(Box::leak(Box::new(link)))
}

fn bring_up(function: &Function) -> Result<ConsoleLink, Unusable> {
    let mut device = Device::open(function)?;
    match set_up(&mut device) {
        Ok(parts) => Ok(start(parts, device)),
        Err(why) => {
            device.give_up();
            Err(why)
        }
    }
}

struct Parts {
    area: Pfn,
    frames: Frames,
    doorbell: Doorbell,
    vector: Option<Vector>,
}

/// Negotiates, routes the interrupt and tells the device where the queue lies.
fn set_up(device: &mut Device) -> Result<Parts, Unusable> {
    // One port, so no MULTIPORT: port 0 then is the console, whose queues are 0 and 1. Nothing is received: queue 0 stays off.
    device.negotiate(Features::empty())?;
    let vector = device.route(QUEUE);
    let doorbell = device.doorbell(QUEUE)?;
    if device.transport().max_queue_size(QUEUE) < PLACES as u32 {
        return Err(Unusable::Structures);
    }
    let frame = || Frame::take_zeroed(FrameClass::Kernel).ok_or(Unusable::Resources);
    let area = frame()?;
    let frames: Vec<Frame> =
        (0..size_of::<Frames>() / size_of::<Frame>()).map(|_| frame()).collect::<Result<_, _>>()?;
    let frames = frames.try_into().map_err(|_| Unusable::Resources)?;
    // Last: when the device knows the queue's memory, nothing that frees it can go wrong any more.
    let area = area.into_pfn();
    let part = |offset: usize| (area.start() + offset as u64).0 as usize as virtio_drivers::PhysAddr;
    let (driver, used) =
        (core::mem::offset_of!(Area<PLACES>, available), core::mem::offset_of!(Area<PLACES>, used));
    device.transport().queue_set(QUEUE, PLACES as u32, part(0), part(driver), part(used));
    Ok(Parts { area, frames, doorbell, vector })
}

fn start(parts: Parts, device: Device) -> ConsoleLink {
    let room: &'static Room = Box::leak(Box::new(Room {
        waiters: WaitQueue::new(),
        polled: parts.vector.is_none(),
        awaited: AtomicBool::new(false),
    }));
    if let Some(vector) = parts.vector {
        vector.attach(room);
    }
    if !irq::at_tick(room) {
        defmt::error!("trace: too many devices; a lost interrupt of the console stops the trace");
    }
    // SAFETY: a frame of zeros that is the queue's for ever; driver and device share it, by atomics.
    let area = unsafe { &*layout::frame_ptr(parts.area).cast::<Area<PLACES>>() };
    ConsoleLink::new(area, parts.frames, parts.doorbell, device.start(), room)
}
