//! Brings a virtio disk up: structures, features, interrupt, queue. What cannot be used is told in the log and left alone.

use super::VirtioDisk;
use super::ring::{DESCRIPTORS, QUEUE, Ring};
use crate::dev::block::{BlockDevice, Counters, MAX_SEGMENTS};
use crate::dev::hal::DmaHal;
use crate::dev::msix;
use crate::dev::pci::{Config, MapError};
use crate::dev::virtio::Common;
use crate::irq::{self, Vector};
use crate::mm::frames::Frame;
use crate::sched::{SleepLock, WaitQueue};
use crate::sync::SpinLock;
use alloc::boxed::Box;
use bitflags::bitflags;
use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::AtomicUsize;
use fl_pci::{Function, VirtioPlaces, command, set_command};
use fl_trace::event::FrameClass;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::pci::bus::{DeviceFunction, PciRoot};
use virtio_drivers::transport::pci::{PciTransport, VirtioPciError};
use virtio_drivers::transport::{DeviceStatus, Transport};

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
        const VERSION_1 = 1 << 32;
    }
}

/// Offsets in the device's configuration.
const CAPACITY: usize = 0;
const SEG_MAX: usize = 12;

/// Why a disk is not used.
enum Unusable {
    /// The device: a structure is missing or malformed.
    Structures,
    /// The device, the firmware, or too little memory.
    Map(MapError),
    /// The device: what the crate found.
    Transport(VirtioPciError),
    /// The device: it refuses the features, or is older than virtio 1.0.
    Features,
    /// The device or the kernel: its queue or configuration.
    Queue(virtio_drivers::Error),
    /// The kernel: no frame, or no place in the table of interrupts.
    Resources,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structures => f.write_str("it lacks a virtio structure"),
            Self::Map(e) => e.fmt(f),
            Self::Transport(e) => e.fmt(f),
            Self::Features => f.write_str("it refuses our features"),
            Self::Queue(e) => e.fmt(f),
            Self::Resources => f.write_str("no kernel memory or no interrupt vector is left"),
        }
    }
}

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
    let at = function.at;
    let places = VirtioPlaces::find(&Config, at).ok_or(Unusable::Structures)?;
    set_command(&Config, at, command::MEMORY | command::BUS_MASTER, 0);
    let common = Common::map(at, &places).map_err(Unusable::Map)?;
    let device = DeviceFunction { bus: at.bus, device: at.device, function: at.function };
    let transport = PciTransport::new::<DmaHal, _>(&mut PciRoot::new(Config), device);
    // Never dropped: that would reset the device, and wait for it without end.
    let mut transport = ManuallyDrop::new(transport.map_err(Unusable::Transport)?);
    let disk = set_up(function, &places, &common, &mut transport);
    match disk {
        Ok(parts) => Ok(start(parts, common, &mut transport)),
        Err(why) => {
            common.turn_off();
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
    doorbell: crate::dev::virtio::Doorbell,
    envelopes: Frame,
}

/// Negotiates, routes the interrupt and makes the queue, in the order that the standard asks for (3.1.1, 4.1.5.1).
fn set_up(
    function: &Function,
    places: &VirtioPlaces,
    common: &Common,
    transport: &mut PciTransport,
) -> Result<Parts, Unusable> {
    let features = transport.begin_init(Features::all());
    let accepted = transport.get_status().contains(DeviceStatus::FEATURES_OK);
    if !accepted || !features.contains(Features::VERSION_1) {
        return Err(Unusable::Features);
    }
    let vector = Vector::reserve().filter(|v| msix::route(function.at, v) && common.set_message(QUEUE));
    let config = |offset| transport.read_config_space::<u32>(offset).map_err(Unusable::Queue);
    let sectors = u64::from(config(CAPACITY)?) | u64::from(config(CAPACITY + 4)?) << 32;
    let limit = if features.contains(Features::SEG_MAX) { config(SEG_MAX)? as usize } else { MAX_SEGMENTS };
    let doorbell = common.doorbell(places, QUEUE).map_err(Unusable::Map)?.ok_or(Unusable::Structures)?;
    let envelopes = Frame::take_zeroed(FrameClass::Kernel).ok_or(Unusable::Resources)?;
    // Last: when the device knows the queue's memory, nothing that frees it can go wrong any more.
    let queue = VirtQueue::new(transport, QUEUE, false, false).map_err(Unusable::Queue)?;
    let max_segments = limit.clamp(1, MAX_SEGMENTS);
    Ok(Parts { sectors, features, max_segments, vector, queue, doorbell, envelopes })
}

fn start(parts: Parts, common: Common, transport: &mut PciTransport) -> &'static VirtioDisk {
    let disk: &'static VirtioDisk = Box::leak(Box::new(VirtioDisk {
        sectors: parts.sectors,
        read_only: parts.features.contains(Features::READ_ONLY),
        flushes: parts.features.contains(Features::FLUSH),
        max_segments: parts.max_segments,
        polled: parts.vector.is_none(),
        ring: SpinLock::new(Ring::new(parts.queue, parts.envelopes, parts.doorbell, common)),
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
    transport.finish_init();
    disk
}
