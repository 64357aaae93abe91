//! Brings a virtio disk up: structures, features, interrupt, queue. What cannot be used is told in the log and left alone.

use super::VirtioDisk;
use super::ring::{DESCRIPTORS, QUEUE, Ring};
use crate::dev::block::{BlockDevice, Counters, MAX_SEGMENTS};
use crate::dev::hal::DmaHal;
use crate::dev::virtio::{Device, Doorbell, Unusable};
use crate::irq::{self, Vector};
use crate::mm::frames::Frame;
use crate::sched::{SleepLock, WaitQueue};
use crate::sync::{LockClass, SpinLock};
use alloc::boxed::Box;
use bitflags::bitflags;
use core::sync::atomic::AtomicUsize;
use fl_pci::{Function, VirtioPlaces};
use fl_trace::event::FrameClass;
use virtio_drivers::queue::VirtQueue;

/// Virtio's type number of a disk.
const BLOCK: u16 = 2;

bitflags! {
    /// The features that this driver takes if they are offered (virtio 1.1, 5.2.3 and 6). Not RING_EVENT_IDX: the crate's queue
    /// compares its indices without regard to wrap-around.
    #[derive(Clone, Copy, Debug)]
    struct Features: u64 {
        const SEG_MAX = 1 << 2;
        const READ_ONLY = 1 << 5;
        const FLUSH = 1 << 9;
    }
}

/// Offsets in the device's configuration.
const CAPACITY: usize = 0;
const SEG_MAX: usize = 12;

/// The disk that `function` is, brought up; `None` if it is something else or cannot be used, which the log tells. Once each, at boot.
pub fn probe(function: &Function) -> Option<&'static dyn BlockDevice> {
    if VirtioPlaces::device_type(function.vendor, function.device) != Some(BLOCK) {
        return None;
    }
    match bring_up(function) {
        Ok(disk) => {
            defmt::info!(
                "disk: virtio at {=u8:02x}:{=u8:02x}.{=u8}, {=u64} sectors, read-only {=bool}, queue of {=usize}, {=str}",
                function.at.bus,
                function.at.device,
                function.at.function,
                disk.sectors,
                disk.read_only,
                DESCRIPTORS,
                if disk.polled { "no MSI-X: polled at every tick" } else { "MSI-X" }
            );
            Some(disk)
        }
        Err(why) => {
            defmt::error!(
                "disk: virtio at {=u8:02x}:{=u8:02x}.{=u8} is not used: {}",
                function.at.bus,
                function.at.device,
                function.at.function,
                defmt::Display2Format(&why)
            );
            None
        }
    }
}

fn bring_up(function: &Function) -> Result<&'static VirtioDisk, Unusable> {
    let mut device = Device::open(function)?;
    match set_up(&mut device) {
        Ok(parts) => Ok(start(parts, device)),
        Err(why) => {
            device.give_up();
            Err(why)
        }
    }
}

/// What [`set_up`] found and made.
struct Parts {
    sectors: u64,
    features: Features,
    max_segments: usize,
    vector: Option<Vector>,
    queue: VirtQueue<DmaHal, DESCRIPTORS>,
    doorbell: Doorbell,
    envelopes: Frame,
}

/// Negotiates, routes the interrupt and makes the queue.
fn set_up(device: &mut Device) -> Result<Parts, Unusable> {
    let wanted = crate::dev::virtio::Features::from_bits_retain(Features::all().bits());
    let features = Features::from_bits_truncate(device.negotiate(wanted)?.bits());
    let vector = device.route(QUEUE);
    let sectors = u64::from(device.config(CAPACITY)?) | u64::from(device.config(CAPACITY + 4)?) << 32;
    let limit =
        if features.contains(Features::SEG_MAX) { device.config(SEG_MAX)? as usize } else { MAX_SEGMENTS };
    let doorbell = device.doorbell(QUEUE)?;
    let envelopes = Frame::take_zeroed(FrameClass::Kernel).ok_or(Unusable::Resources)?;
    // Last: when the device knows the queue's memory, nothing that frees it can go wrong any more.
    let queue = VirtQueue::new(device.transport(), QUEUE, false, false).map_err(Unusable::Queue)?;
    let max_segments = limit.clamp(1, MAX_SEGMENTS);
    Ok(Parts { sectors, features, max_segments, vector, queue, doorbell, envelopes })
}

fn start(parts: Parts, device: Device) -> &'static VirtioDisk {
    // Nothing is asked of the device before its handlers are there.
    let common = device.start();
    let disk: &'static VirtioDisk = Box::leak(Box::new(VirtioDisk {
        sectors: parts.sectors,
        read_only: parts.features.contains(Features::READ_ONLY),
        flushes: parts.features.contains(Features::FLUSH),
        max_segments: parts.max_segments,
        polled: parts.vector.is_none(),
        ring: SpinLock::new(LockClass::Disk, Ring::new(parts.queue, parts.envelopes, parts.doorbell, common)),
        in_flight: AtomicUsize::new(0),
        turn: SleepLock::new(()),
        room: WaitQueue::new(),
        counters: Counters::default(),
    }));
    if let Some(vector) = parts.vector {
        vector.attach(disk);
    }
    if !irq::at_tick(disk) {
        defmt::error!("disk: too many devices; this one's requests have no time limit");
    }
    disk
}
