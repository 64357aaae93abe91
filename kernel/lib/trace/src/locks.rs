//! The classes of the kernel's spin locks, and how each CPU has waited for them.

use fl_addr::CpuId;
use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident $word:literal,)*) => {
        /// A class of spin locks: all locks that guard the same kind of thing.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum LockClass {
            $($(#[$doc])* $class,)*
        }

        impl LockClass {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$class),*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// In one word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$class => $word,)* }
            }
        }
    };
}

classes! {
    /// What went wrong in the threads of a test.
    Test "test",
    /// Who sleeps for one condition.
    WaitQueue "wait-queue",
    /// A page's state.
    Page "page",
    /// The table of processes.
    Processes "processes",
    /// What comes in at the console.
    ConsoleInput "console-input",
    /// Which child a process waits for.
    WaitsFor "waits-for",
    /// A disk's queue.
    Disk "disk",
    /// The entries of a space's page table.
    PageTable "page-table",
    /// Which page has which frame, and the eviction policy.
    FrameTable "frame-table",
    /// Who waits for a frame.
    FrameWait "frame-wait",
    /// Swap slots.
    SwapMap "swap-map",
    /// A frame that is zeroed in advance.
    Zeroing "zeroing",
    /// Small blocks of the heap, of one size.
    Slab "slab",
    /// The heap.
    Heap "heap",
    /// The places of kernel stacks.
    Stacks "stacks",
    /// The window in which devices' registers are mapped.
    DeviceWindow "device-window",
    /// The ports of PCI configuration.
    PciPorts "pci-ports",
    /// Which events are traced.
    TraceClasses "trace-classes",
    /// Who sleeps for a time.
    Sleepers "sleepers",
    /// A CPU's ready threads.
    RunQueue "run-queue",
    /// The console's port.
    Console "console",
    /// What a CPU's watchdog knows.
    Watchdog "watchdog",
    /// The free frames that one CPU keeps at hand.
    Magazine "magazine",
    /// The free frames of all CPUs.
    FramePool "frame-pool",
    /// The frames that are zeroed already.
    ZeroedStock "zeroed-stock",
}

/// How a CPU has waited for the locks of a class since boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockUse {
    /// Which.
    pub class: LockClass,
    /// Who.
    pub cpu: CpuId,
    /// How often one was held by another CPU when this one wanted it.
    pub contended: u64,
    /// Time-stamp counter ticks spent spinning for them.
    pub spun: u64,
}
