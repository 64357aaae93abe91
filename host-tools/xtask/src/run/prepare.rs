//! From options to a [`Prepared`]: everything is checked that can be without starting, and volume, machine and command lines are put together.

use super::{Boot, Prepared, Run};
use crate::image::{self, BootConfig, Firmware};
use crate::kernel_line::KernelLine;
use crate::qemu::{Disk, Link, Machine, Ports, Start};
use crate::volume::Volume;
use crate::{Error, Result, accel};
use std::net::TcpListener;
use std::path::PathBuf;

impl Run {
    /// Checks the options and puts volume and command lines together. Starts nothing but the trial for KVM.
    ///
    /// # Errors
    /// A program that is not there, a file that is none, a value out of bounds.
    pub fn prepare(self) -> Result<Prepared> {
        let mut volume = Volume::with_programs(&self.artifacts)?;
        for put in &self.put {
            let program = |line: &String| fl_abi::cmdline::arguments(line).next() == Some(&put.name);
            volume.put(put, self.exec.iter().any(program))?;
        }
        let disk = self.disk.prepare(self.in_memory(), &mut volume)?;
        self.check_get(disk)?;
        for line in &self.exec {
            volume.check_exec(line)?;
        }
        let machine = Machine {
            start: self.boot.start(),
            ports: self.ports,
            link: self.link,
            input: self.stdin.is_some(),
            chipset: self.chipset,
            cpu: self.cpu.clone(),
            smp: self.smp,
            mem_mib: self.mem_mib,
            accel: accel::choose(&self.qemu, self.icount),
            seed: self.seed,
            gdb: self.gdb.then(free_port),
            disk,
            swap: self.swap_pages.map(|_| if self.in_memory() { Disk::Ram } else { Disk::Virtio }),
            modules: module_names(&self.modules),
            further: self.qemu_args.clone(),
            kernel_line: self.kernel_line()?,
        };
        if machine.swap == Some(Disk::Ram) && machine.start != Start::Loader {
            let why = "Limine's image has no swap space; leave --ramdisk (and --icount) out, or --swap-pages";
            return Err(Error::Usage(format!("--swap-pages with --boot limine: {why}")));
        }
        let menu = self.boot.menu(&machine)?;
        Ok(Prepared { run: self, volume, machine, menu })
    }

    fn check_get(&self, disk: Option<Disk>) -> Result<()> {
        let Some(first) = self.get.first() else { return Ok(()) };
        match disk {
            Some(Disk::Ram) => Err(Error::Usage(format!(
                "--get {}: what a guest writes to a disk in memory is gone at power-off; leave --ramdisk (and --icount) out",
                first.name
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn kernel_line(&self) -> Result<String> {
        let mut line = KernelLine::default();
        for exec in &self.exec {
            line.add("exec", exec)?;
        }
        let numbers = [
            ("user_frames", self.user_frames.map(u64::from)),
            ("kernel_frames", self.kernel_frames.map(u64::from)),
            ("seed", self.seed),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                line.add(key, &value.to_string())?;
            }
        }
        match (self.ports, self.link) {
            (Ports::Shared, Link::Virtio) => {
                let why = "the one sends the trace over the serial port, the other does not; leave one out";
                return Err(Error::Usage(format!("--serial mux with --link virtio: {why}")));
            }
            (_, Link::Virtio) => line.add("link", "virtio")?,
            // By itself the kernel would use the one port for both.
            (Ports::OnlyConsole, Link::Uart) => line.add("serial", "two")?,
            _ => {}
        }
        if self.stdin.is_some() {
            line.add("stdin", "com1")?;
        }
        for (key, value) in &self.kernel_args {
            line.add(key, value)?;
        }
        Ok(line.as_str().to_owned())
    }
}

impl Boot {
    fn start(&self) -> Start {
        match self {
            Self::Loader => Start::Loader,
            Self::Limine { firmware: Firmware::Bios, .. } => Start::BiosImage,
            Self::Limine { firmware: Firmware::Uefi(_), .. } => Start::UefiImage,
        }
    }

    /// The boot menu of a run: nobody is there to choose.
    fn menu(&self, machine: &Machine) -> Result<Option<BootConfig>> {
        let Self::Limine { settings, .. } = self else { return Ok(None) };
        let mut menu = BootConfig::ours()?;
        menu.set_global("TIMEOUT", "0");
        menu.set_global("QUIET", "yes");
        menu.set_command_line(&machine.kernel_line);
        if machine.disk != Some(Disk::Ram) {
            menu.remove_module(image::DISK);
        }
        settings.iter().for_each(|(key, value)| menu.set(key, value));
        Ok(Some(menu))
    }
}

/// Further modules as they lie in the run's folder.
fn module_names(modules: &[(PathBuf, String)]) -> Vec<(String, String)> {
    (0..).zip(modules).map(|(n, (_, name)): (u32, _)| (format!("module-{n}"), name.clone())).collect()
}

/// gdb's usual port, or any other if another run has it.
fn free_port() -> u16 {
    let port = |wanted| TcpListener::bind(("127.0.0.1", wanted)).and_then(|socket| socket.local_addr());
    port(1234).or_else(|_| port(0)).map_or(1234, |address| address.port())
}
