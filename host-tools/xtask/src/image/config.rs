//! [`BootConfig`]: the boot menu. Read from `limine.cfg` (the one place that says what is booted and from where), written as
//! `limine.cfg` for Limine 7 or as `limine.conf` for 8 and newer.
//!
//! The two differ in spelling only: `KEY=VALUE`, `:entry`, `boot:///path` became `key: value`, `/entry`, `boot():/path`.
//! Sub-menus and macros, which Limine has too, are not needed here and are refused.

use super::ImageError;

/// The menu, in this repository's top folder.
const OURS: &str = include_str!("../../../../limine.cfg");

/// Which of its two spellings a version of Limine reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// To version 7.
    Cfg,
    /// From version 8.
    Conf,
}

impl Format {
    /// The file's name; Limine looks for it in `/boot`, among other places.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Cfg => "limine.cfg",
            Self::Conf => "limine.conf",
        }
    }
}

/// One `KEY=VALUE`; keys in upper case.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Setting {
    key: String,
    value: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    title: String,
    settings: Vec<Setting>,
}

/// A boot menu.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootConfig {
    globals: Vec<Setting>,
    entries: Vec<Entry>,
}

impl BootConfig {
    /// The repository's `limine.cfg`.
    ///
    /// # Errors
    /// It is malformed, or its first entry boots no kernel from the image.
    pub fn ours() -> Result<Self, ImageError> {
        let config = Self::parse(OURS)?;
        config.kernel_path()?;
        Ok(config)
    }

    /// Reads a `limine.cfg`.
    ///
    /// # Errors
    /// [`ImageError::Config`] with the line.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let mut config = Self { globals: Vec::new(), entries: Vec::new() };
        for (at, line) in text.lines().enumerate() {
            let refuse = |why: String| Err(ImageError::Config { line: at + 1, why });
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(title) = line.strip_prefix(':') {
                match title.trim() {
                    "" => return refuse("an entry without a title".into()),
                    title if title.starts_with(':') => return refuse("sub-menus are not used here".into()),
                    title => config.entries.push(Entry { title: title.to_owned(), settings: Vec::new() }),
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return refuse(format!("'{line}' is neither KEY=VALUE nor :ENTRY nor # COMMENT"));
            };
            if key.is_empty()
                || !key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            {
                return refuse(format!("'{key}' is no key: capitals, digits and _ only"));
            }
            let settings = config.entries.last_mut().map_or(&mut config.globals, |entry| &mut entry.settings);
            settings.push(Setting { key: key.to_owned(), value: value.to_owned() });
        }
        if config.entries.is_empty() {
            return Err(ImageError::Config { line: 0, why: "there is no entry to boot".into() });
        }
        Ok(config)
    }

    /// Sets what holds for the whole menu, `TIMEOUT` for one.
    pub fn set_global(&mut self, key: &str, value: &str) {
        set(&mut self.globals, key, value);
    }

    /// Sets it in the first entry, the one that is booted if nobody chooses.
    pub fn set(&mut self, key: &str, value: &str) {
        set(&mut self.entries[0].settings, key, value);
    }

    /// Sets the kernel's command line in the first entry.
    pub fn set_command_line(&mut self, line: &str) {
        // Limine would read `${` as the start of a macro. A backslash between the two means nothing to the kernel's parser.
        self.set("KERNEL_CMDLINE", &line.replace("${", r"$\{"));
    }

    /// Where in the image the kernel lies, from `/`.
    ///
    /// # Errors
    /// [`ImageError::Config`] if the first entry names none, or not in the image.
    pub fn kernel_path(&self) -> Result<&str, ImageError> {
        let path = self.entries[0].settings.iter().find(|s| s.key == "KERNEL_PATH");
        let missing = || config_error("its first entry has no KERNEL_PATH");
        in_image(&path.ok_or_else(missing)?.value)
    }

    /// Where in the image the module lies that the kernel knows by this string.
    ///
    /// # Errors
    /// [`ImageError::Config`] if the first entry has none, or not in the image.
    pub fn module_path(&self, string: &str) -> Result<&str, ImageError> {
        let pairs = self.entries[0].settings.windows(2);
        let mut ours = pairs
            .filter(|p| p[0].key == "MODULE_PATH" && p[1].key == "MODULE_CMDLINE" && p[1].value == string);
        let missing = || {
            config_error(&format!(
                "its first entry has no MODULE_PATH with MODULE_CMDLINE={string} behind it"
            ))
        };
        in_image(&ours.next().ok_or_else(missing)?[0].value)
    }

    /// Takes the module that the kernel knows by this string out of the first entry.
    pub fn remove_module(&mut self, string: &str) {
        let settings = &mut self.entries[0].settings;
        let named =
            |p: &[Setting]| p[0].key == "MODULE_PATH" && p[1].key == "MODULE_CMDLINE" && p[1].value == string;
        if let Some(at) = settings.windows(2).position(named) {
            settings.drain(at..at + 2);
        }
    }

    /// The text for that format.
    pub fn write(&self, format: Format) -> String {
        let mark = if format == Format::Cfg { ':' } else { '/' };
        let mut text = "# Written by cargo xtask from the repository's limine.cfg.\n".to_owned();
        for setting in &self.globals {
            text += &setting.write(format);
        }
        for entry in &self.entries {
            text += &format!("\n{mark}{}\n", entry.title);
            for setting in &entry.settings {
                text += "    ";
                text += &setting.write(format);
            }
        }
        text
    }
}

impl Setting {
    fn write(&self, format: Format) -> String {
        let Self { key, value } = self;
        match format {
            Format::Cfg => format!("{key}={value}\n"),
            Format::Conf if key.ends_with("_PATH") => {
                format!("{}: {}\n", key.to_lowercase(), conf_path(value))
            }
            Format::Conf => format!("{}: {value}\n", key.to_lowercase()),
        }
    }
}

fn set(settings: &mut Vec<Setting>, key: &str, value: &str) {
    match settings.iter_mut().find(|setting| setting.key == key) {
        Some(setting) => setting.value = value.to_owned(),
        None => settings.push(Setting { key: key.to_owned(), value: value.to_owned() }),
    }
}

/// `boot://1/path` as version 8 spells it: `boot(1):/path`. What is no such path stays as it is.
fn conf_path(path: &str) -> String {
    let parts = path.split_once("://").and_then(|(resource, rest)| Some((resource, rest.split_once('/')?)));
    match parts {
        Some((resource, (argument, rest))) => format!("{resource}({argument}):/{rest}"),
        None => path.to_owned(),
    }
}

/// The part of `boot:///path` from the last slash of three; the boot drive is the image.
fn in_image(path: &str) -> Result<&str, ImageError> {
    let rest = path.strip_prefix("boot://").filter(|rest| rest.len() > 1 && rest.starts_with('/'));
    rest.ok_or_else(|| config_error(&format!("'{path}' is not in the image: give it as boot:///...")))
}

fn config_error(why: &str) -> ImageError {
    ImageError::Config { line: 0, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> BootConfig {
        let mut config = BootConfig::ours().unwrap();
        config.set_command_line(r"exec='args a b' seed=7");
        config.set_global("TIMEOUT", "0");
        config.set_global("QUIET", "yes");
        config
    }

    #[test]
    fn version_7_gets_the_menu_as_it_is_spelt_here() {
        let text = filled().write(Format::Cfg);
        assert_eq!(text, include_str!("golden/limine.cfg"));
        assert_eq!(BootConfig::parse(&text).unwrap(), filled(), "what is written can be read");
    }

    #[test]
    fn version_8_gets_the_same_menu_in_its_spelling() {
        assert_eq!(filled().write(Format::Conf), include_str!("golden/limine.conf"));
    }

    #[test]
    fn our_own_menu_names_a_kernel_and_a_disk_which_can_be_left_out() {
        let mut ours = BootConfig::ours().unwrap();
        assert_eq!(ours.kernel_path().unwrap(), "/boot/faultline");
        assert!(ours.module_path("disk").unwrap().starts_with("/boot/disk"));
        ours.remove_module("disk");
        assert!(!ours.write(Format::Cfg).contains("MODULE") && ours.module_path("disk").is_err());
    }

    #[test]
    fn paths_are_respelt_whatever_they_lead_to() {
        for (cfg, conf) in [
            ("boot:///boot/k", "boot():/boot/k"),
            ("hdd://1:2/k", "hdd(1:2):/k"),
            ("$boot://2/k.gz", "$boot(2):/k.gz"),
            ("odd", "odd"),
        ] {
            assert_eq!(conf_path(cfg), conf);
        }
    }

    #[test]
    fn a_macros_beginning_in_the_command_line_is_taken_apart_and_reads_the_same() {
        let mut config = filled();
        config.set_command_line("exec='echo ${ARCH} $x'");
        assert!(!config.write(Format::Conf).contains("${"));
        let line = config.entries[0].settings.iter().find(|s| s.key == "KERNEL_CMDLINE").unwrap();
        let word = fl_abi::cmdline::words(&line.value).next().unwrap().unwrap();
        assert_eq!((word.key(), word.value()), ("exec", "echo ${ARCH} $x"));
    }

    #[test]
    fn every_malformed_menu_says_where_and_why() {
        for (text, said) in [
            ("A=1\nnonsense\n:E", "limine.cfg:2: 'nonsense' is neither KEY=VALUE"),
            ("a=1\n:E", "limine.cfg:1: 'a' is no key"),
            ("${X}=1\n:E", "limine.cfg:1: '${X}' is no key"),
            ("=1\n:E", "limine.cfg:1: '' is no key"),
            (":E\n\n::F", "limine.cfg:3: sub-menus"),
            (": \n", "limine.cfg:1: an entry without a title"),
            ("# only\nTIMEOUT=3\n", "limine.cfg:0: there is no entry"),
        ] {
            let message = BootConfig::parse(text).unwrap_err().to_string();
            assert!(message.starts_with(said) && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn a_menu_that_boots_nothing_from_the_image_is_refused() {
        let parse = |text: &str| BootConfig::parse(text).unwrap();
        assert!(
            parse(":E\nPROTOCOL=limine").kernel_path().unwrap_err().to_string().contains("no KERNEL_PATH")
        );
        for elsewhere in ["hdd://1/k", "boot://2/k", "boot:///", "k"] {
            let config = parse(&format!(":E\nKERNEL_PATH={elsewhere}"));
            assert!(config.kernel_path().unwrap_err().to_string().contains(elsewhere));
        }
        let config = parse(
            ":E\nMODULE_PATH=boot:///a\nMODULE_CMDLINE=other\nMODULE_PATH=boot:///b\nMODULE_CMDLINE=disk",
        );
        assert_eq!(config.module_path("disk").unwrap(), "/b");
        assert!(config.module_path("tape").unwrap_err().to_string().contains("MODULE_CMDLINE=tape"));
    }
}
