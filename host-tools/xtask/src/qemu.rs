//! QEMU's command line: a typed [`Machine`] and its argv.
//!
//! All files are named relative to the run's folder, which QEMU is started in: no path of the host can break the commas and
//! spaces of QEMU's syntax.

use crate::accel::Accel;

/// The loader, in the run's folder.
pub const LOADER: &str = "loader.elf";
/// The kernel, in the run's folder.
pub const KERNEL: &str = "kernel.elf";
/// The image that Limine starts from, in the run's folder.
pub const IMAGE: &str = "image.iso";
/// UEFI's code, in the run's folder.
pub const UEFI_CODE: &str = "uefi-code.fd";
/// UEFI's variables, which it writes: this run's own.
pub const UEFI_VARIABLES: &str = "uefi-variables.fd";
/// The disk image, in the run's folder: the run's own, or a link to where it really is.
pub const DISK: &str = "disk.img";
/// The swap space, in the run's folder.
pub const SWAP: &str = "swap.img";
/// What the guest writes to COM1.
pub const CONSOLE: &str = "console.txt";
/// What the guest traces: what it writes to COM2, or to the virtio console.
pub const TRACE: &str = "trace.vmt";
/// What comes from COM1 where a firmware writes there before the kernel does; the kernel's part becomes [`CONSOLE`].
pub const RAW_CONSOLE: &str = "console.raw";
/// The same for COM2 and [`TRACE`].
pub const RAW_TRACE: &str = "trace.raw";
/// What QEMU itself says.
pub const LOG: &str = "qemu.log";

/// Exit status of QEMU when the guest powered off in order (isa-debug-exit value 0x10).
pub const POWERED_OFF: i32 = 33;
/// Exit status of QEMU when the kernel panicked (isa-debug-exit value 0x11).
pub const PANICKED: i32 = 35;
/// Exit status of QEMU when the kernel was asked for something it cannot do and said what (isa-debug-exit value 0x13).
pub const REFUSED: i32 = 39;

/// The chipset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Chipset {
    /// i440FX, the classic PC.
    #[default]
    Pc,
    /// ICH9, with PCI Express.
    Q35,
}

/// What starts the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Start {
    /// Our loader, by QEMU's `-kernel`.
    #[default]
    Loader,
    /// Limine from an image, by BIOS.
    BiosImage,
    /// Limine from an image, by UEFI.
    UefiImage,
}

/// Which serial ports the machine has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ports {
    /// COM1 and COM2; COM1 only, if the trace has a link of its own.
    #[default]
    Both,
    /// COM1 only: no trace.
    OnlyConsole,
    /// COM2 only: no console.
    OnlyTrace,
    /// COM1 only, which carries both as packets.
    Shared,
}

/// What carries the trace out of the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Link {
    /// A serial port, which every machine has: well over half a megabyte a second in QEMU
    #[default]
    Uart,
    /// A virtio console, for volume: some ten times as fast
    Virtio,
}

/// How the guest gets its disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disk {
    /// A virtio disk that was made for the run: what the guest writes goes into the image, and need not survive a crash of the host.
    Virtio,
    /// A virtio disk that somebody keeps: what the guest flushes is on the host's disk.
    Kept,
    /// A copy in memory, as boot module; what the guest writes is gone afterwards.
    Ram,
}

/// The virtual machine of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// What starts the kernel.
    pub start: Start,
    /// Its serial ports.
    pub ports: Ports,
    /// What carries the trace.
    pub link: Link,
    /// Whether what QEMU gets on its standard input comes in at COM1.
    pub input: bool,
    /// The chipset.
    pub chipset: Chipset,
    /// QEMU's name of the processor, perhaps with features (`max,-smep`).
    pub cpu: String,
    /// Number of processors.
    pub smp: u32,
    /// Memory in MiB.
    pub mem_mib: u32,
    /// How the guest is executed.
    pub accel: Accel,
    /// Seed of QEMU's own random numbers.
    pub seed: Option<u64>,
    /// Wait at the first instruction for a debugger at this port of 127.0.0.1.
    pub gdb: Option<u16>,
    /// The disk, if there is one: [`DISK`].
    pub disk: Option<Disk>,
    /// The swap space, if there is one: [`SWAP`], as a virtio disk or in memory.
    pub swap: Option<Disk>,
    /// Further boot modules: files of the run's folder, and the names the kernel knows them by.
    pub modules: Vec<(String, String)>,
    /// Further words for QEMU, as they are.
    pub further: Vec<String>,
    /// The kernel's command line.
    pub kernel_line: String,
}

impl Machine {
    /// QEMU's arguments, without the program's name.
    pub fn argv(&self) -> Vec<String> {
        let mut argv: Vec<String> = self.accel.flags().iter().map(|flag| flag.to_string()).collect();
        let mut add = |words: &[&str]| argv.extend(words.iter().map(|word| word.to_string()));
        let chipset = match self.chipset {
            Chipset::Pc => "pc",
            Chipset::Q35 => "q35",
        };
        add(&["-machine", chipset, "-cpu", &self.cpu]);
        add(&["-smp", &self.smp.to_string(), "-m", &self.mem_mib.to_string()]);
        add(&["-display", "none", "-no-reboot", "-nodefaults", "-no-user-config"]);
        add(&["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]);
        let (console, trace) = self.outputs();
        let (console, trace) = (("console", console), ("trace", trace));
        let ports = match (self.ports, self.link) {
            (Ports::Both, Link::Uart) => [Some(console), Some(trace)],
            (Ports::OnlyConsole, _) | (Ports::Both, Link::Virtio) => [Some(console), None],
            (Ports::OnlyTrace, Link::Uart) => [None, Some(trace)],
            (Ports::OnlyTrace, Link::Virtio) => [None, None],
            (Ports::Shared, _) => [Some(trace), None],
        };
        let file = |(id, file): (&str, &str)| format!("file,id={id},path={file}");
        for (n, port) in ports.into_iter().enumerate() {
            match port {
                Some((id, path)) => {
                    // Only the device that is QEMU's own console has an input; what it prints is kept in the same file.
                    let device = match self.input && n == 0 {
                        true => format!("stdio,id={id},signal=off,logfile={path}"),
                        false => file((id, path)),
                    };
                    add(&["-chardev", &device, "-serial", &format!("chardev:{id}")]);
                }
                None => add(&["-serial", "none"]),
            }
        }
        if self.link == Link::Virtio {
            // Without an ioeventfd the device works while the guest waits for it: counted instructions stay repeatable.
            add(&["-chardev", &format!("file,id={},path={}", trace.0, trace.1)]);
            add(&["-device", "virtio-serial-pci,disable-legacy=on,max_ports=1,ioeventfd=off"]);
            add(&["-device", "virtconsole,chardev=trace"]);
        }
        if let Some(seed) = self.seed {
            add(&["-seed", &seed.to_string()]);
        }
        if let Some(port) = self.gdb {
            add(&["-gdb", &format!("tcp:127.0.0.1:{port}"), "-S"]);
        }
        if self.start == Start::UefiImage {
            add(&["-drive", &format!("if=pflash,format=raw,readonly=on,file={UEFI_CODE}")]);
            add(&["-drive", &format!("if=pflash,format=raw,file={UEFI_VARIABLES}")]);
        }
        let mut modules = format!("{KERNEL} kernel");
        for (disk, id, file, module) in [(self.disk, "d0", DISK, "disk"), (self.swap, "d1", SWAP, "swap")] {
            let cache = match disk {
                Some(Disk::Virtio) => "unsafe",
                Some(Disk::Kept) => "writeback",
                Some(Disk::Ram) => {
                    modules += &format!(",{file} {module}");
                    continue;
                }
                None => continue,
            };
            add(&["-drive", &format!("if=none,id={id},format=raw,cache={cache},file={file}")]);
            add(&["-device", &format!("virtio-blk-pci,disable-legacy=on,drive={id}")]);
        }
        modules.extend(self.modules.iter().map(|(file, name)| format!(",{file} {name}")));
        match self.start {
            Start::Loader => add(&["-kernel", LOADER, "-initrd", &modules, "-append", &self.kernel_line]),
            // The disk's first sector says that it boots nothing.
            Start::BiosImage | Start::UefiImage => add(&["-cdrom", IMAGE, "-boot", "order=d"]),
        }
        argv.extend_from_slice(&self.further);
        argv
    }

    /// The files that console and trace go to. UEFI uses whatever can carry text as a console of its own.
    pub fn outputs(&self) -> (&'static str, &'static str) {
        if self.start == Start::UefiImage { (RAW_CONSOLE, RAW_TRACE) } else { (CONSOLE, TRACE) }
    }
}

/// A command as a person would type it into a shell.
pub fn shell_line(program: &str, argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+,:/=@%".contains(c);
    let quote = |word: &str| match word {
        "" => "''".to_owned(),
        _ if word.chars().all(plain) => word.to_owned(),
        _ => format!("'{}'", word.replace('\'', r"'\''")),
    };
    std::iter::once(program).chain(argv.iter().map(String::as_str)).map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            start: Start::Loader,
            ports: Ports::Both,
            link: Link::Uart,
            input: false,
            chipset: Chipset::Pc,
            cpu: "max".into(),
            smp: 1,
            mem_mib: 256,
            accel: Accel::Tcg,
            seed: None,
            gdb: None,
            disk: None,
            swap: None,
            modules: Vec::new(),
            further: Vec::new(),
            kernel_line: "exec='args a b'".into(),
        }
    }

    #[test]
    fn the_plain_machine_is_the_agreed_command_line() {
        assert_eq!(
            shell_line("qemu-system-x86_64", &machine().argv()),
            "qemu-system-x86_64 -accel tcg,thread=multi -machine pc -cpu max -smp 1 -m 256 \
             -display none -no-reboot -nodefaults -no-user-config -device isa-debug-exit,iobase=0xf4,iosize=0x04 \
             -chardev file,id=console,path=console.txt -serial chardev:console \
             -chardev file,id=trace,path=trace.vmt -serial chardev:trace \
             -kernel loader.elf -initrd 'kernel.elf kernel' \
             -append 'exec='\\''args a b'\\'''"
        );
    }

    #[test]
    fn every_option_has_its_place() {
        let machine = Machine {
            start: Start::Loader,
            ports: Ports::Both,
            link: Link::Uart,
            input: false,
            chipset: Chipset::Q35,
            cpu: "qemu64,+smep".into(),
            smp: 4,
            mem_mib: 64,
            accel: Accel::TcgCounted,
            seed: Some(7),
            gdb: Some(1234),
            disk: Some(Disk::Virtio),
            swap: Some(Disk::Virtio),
            modules: vec![("m".into(), "name".into())],
            further: vec!["-device".into(), "x".into()],
            kernel_line: String::new(),
        };
        let line = shell_line("q", &machine.argv());
        for part in [
            "q -accel tcg,thread=single -icount shift=0,sleep=off -rtc base=2000-01-01T00:00:00,clock=vm ",
            " -machine q35 -cpu qemu64,+smep -smp 4 -m 64 ",
            " -seed 7 -gdb tcp:127.0.0.1:1234 -S -drive ",
            " -drive if=none,id=d0,format=raw,cache=unsafe,file=disk.img -device virtio-blk-pci,disable-legacy=on,drive=d0 ",
            " -drive if=none,id=d1,format=raw,cache=unsafe,file=swap.img -device virtio-blk-pci,disable-legacy=on,drive=d1 ",
            " -initrd 'kernel.elf kernel,m name' -append '' -device x",
        ] {
            assert!(line.contains(part), "{part:?} in {line}");
        }
    }

    #[test]
    fn an_image_is_started_from_and_uefi_keeps_its_words_apart() {
        let line = |start| shell_line("q", &Machine { start, ..machine() }.argv());
        let bios = line(Start::BiosImage);
        assert!(
            bios.ends_with(" -cdrom image.iso -boot order=d") && bios.contains("path=console.txt"),
            "{bios}"
        );
        let uefi = line(Start::UefiImage);
        for part in [
            " -chardev file,id=console,path=console.raw -serial chardev:console ",
            " -chardev file,id=trace,path=trace.raw -serial chardev:trace ",
            " -drive if=pflash,format=raw,readonly=on,file=uefi-code.fd -drive if=pflash,format=raw,file=uefi-variables.fd ",
        ] {
            assert!(uefi.contains(part), "{part:?} in {uefi}");
        }
        assert!(!uefi.contains("-kernel") && !uefi.contains("-append"), "{uefi}");
    }

    #[test]
    fn a_port_that_is_left_out_leaves_the_other_where_it_is() {
        let line = |ports| shell_line("q", &Machine { ports, ..machine() }.argv());
        let (console, trace) = (line(Ports::OnlyConsole), line(Ports::OnlyTrace));
        let shared = line(Ports::Shared);
        assert!(shared.contains("path=trace.vmt -serial chardev:trace -serial none "), "{shared}");
        assert!(console.contains("-serial chardev:console -serial none "), "{console}");
        assert!(
            trace.contains("-serial none -chardev file,id=trace,path=trace.vmt -serial chardev:trace "),
            "{trace}"
        );
    }

    #[test]
    fn a_virtio_console_stands_in_for_the_second_port() {
        let line = shell_line("q", &Machine { link: Link::Virtio, ..machine() }.argv());
        let part = "-chardev file,id=console,path=console.txt -serial chardev:console -serial none -chardev file,id=trace,path=trace.vmt \
             -device virtio-serial-pci,disable-legacy=on,max_ports=1,ioeventfd=off -device virtconsole,chardev=trace ";
        assert!(line.contains(part), "{line}");
    }

    #[test]
    fn input_comes_in_at_the_first_port() {
        let line = |ports| shell_line("q", &Machine { ports, input: true, ..machine() }.argv());
        let two = line(Ports::Both);
        assert!(
            two.contains("-chardev stdio,id=console,signal=off,logfile=console.txt -serial chardev:console"),
            "{two}"
        );
        assert_eq!(two.matches("stdio").count(), 1, "{two}");
        let one = line(Ports::Shared);
        assert!(
            one.contains(
                "-chardev stdio,id=trace,signal=off,logfile=trace.vmt -serial chardev:trace -serial none"
            ),
            "{one}"
        );
    }

    #[test]
    fn disks_in_memory_are_modules() {
        let (disk, swap) = (Some(Disk::Ram), Some(Disk::Ram));
        let line = shell_line("q", &Machine { disk, swap, ..machine() }.argv());
        assert!(line.contains(" -initrd 'kernel.elf kernel,disk.img disk,swap.img swap' "), "{line}");
        assert!(!line.contains("virtio"), "{line}");
    }

    #[test]
    fn accelerators_are_passed_on() {
        let argv = Machine { accel: Accel::Kvm, ..machine() }.argv();
        assert_eq!(argv[..2], ["-accel", "kvm"]);
    }
}
