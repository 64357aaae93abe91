//! Virtio functions: [`Device`] brings one up, in the order that the standard asks for (virtio 1.1, 3.1.1 and 4.1.5.1).
//!
//! The crate's transport negotiates; [`registers`] are what it does not offer. Drivers make their queues in between.

mod registers;

pub use registers::{Common, Doorbell};

use super::hal::DmaHal;
use super::msix;
use super::pci::{Config, MapError};
use crate::irq::Vector;
use bitflags::bitflags;
use core::fmt;
use core::mem::ManuallyDrop;
use fl_pci::{Address, Function, VirtioPlaces, command, set_command};
use virtio_drivers::transport::pci::bus::{DeviceFunction, PciRoot};
use virtio_drivers::transport::pci::{PciTransport, VirtioPciError};
use virtio_drivers::transport::{DeviceStatus, Transport};

bitflags! {
    /// Any feature, by its bit.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Features: u64 {
        /// The device follows virtio 1.0 or newer; no other is driven.
        const VERSION_1 = 1 << 32;
        const _ = !0;
    }
}

/// Why a function is not used.
pub enum Unusable {
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

/// A function being brought up. Nobody else uses it.
pub struct Device {
    at: Address,
    places: VirtioPlaces,
    common: Common,
    /// Never dropped: that would reset the device, and wait for it without end.
    transport: ManuallyDrop<PciTransport>,
}

impl Device {
    /// Finds and maps the structures.
    pub fn open(function: &Function) -> Result<Self, Unusable> {
        let at = function.at;
        let places = VirtioPlaces::find(&Config, at).ok_or(Unusable::Structures)?;
        set_command(&Config, at, command::MEMORY | command::BUS_MASTER, 0);
        let common = Common::map(at, &places).map_err(Unusable::Map)?;
        let device = DeviceFunction { bus: at.bus, device: at.device, function: at.function };
        let transport = PciTransport::new::<DmaHal, _>(&mut PciRoot::new(Config), device);
        let transport = ManuallyDrop::new(transport.map_err(Unusable::Transport)?);
        Ok(Self { at, places, common, transport })
    }

    /// Resets it and agrees on those of `wanted` that it offers.
    pub fn negotiate(&mut self, wanted: Features) -> Result<Features, Unusable> {
        let agreed = self.transport.begin_init(wanted | Features::VERSION_1);
        let accepted = self.transport.get_status().contains(DeviceStatus::FEATURES_OK);
        (accepted && agreed.contains(Features::VERSION_1)).then_some(agreed).ok_or(Unusable::Features)
    }

    /// Lets `queue` interrupt at a vector of its own. `None`: by MSI-X it cannot, or no vector is left.
    pub fn route(&self, queue: u16) -> Option<Vector> {
        Vector::reserve().filter(|vector| msix::route(self.at, vector) && self.common.set_message(queue))
    }

    /// The doorbell of `queue`.
    pub fn doorbell(&self, queue: u16) -> Result<Doorbell, Unusable> {
        self.common.doorbell(&self.places, queue).map_err(Unusable::Map)?.ok_or(Unusable::Structures)
    }

    /// A word of its own configuration.
    pub fn config(&self, offset: usize) -> Result<u32, Unusable> {
        self.transport.read_config_space(offset).map_err(Unusable::Queue)
    }

    /// For making queues.
    pub fn transport(&mut self) -> &mut PciTransport {
        &mut self.transport
    }

    /// Lets it work: its queues are made. What is needed of it from now on.
    pub fn start(mut self) -> Common {
        self.transport.finish_init();
        self.common
    }

    /// Turns it off for good.
    pub fn give_up(self) {
        self.common.turn_off();
    }
}
