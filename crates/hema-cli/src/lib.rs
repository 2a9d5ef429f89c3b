//! The `hema` command: words in, an exit status out. The program is one call of [`run`], and so is the
//! command of the Python package.
//!
//! One file per command in `commands`, everything a person reads through `output`.

mod commands;
mod next;
mod output;
mod places;
mod size;
mod status;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use crate::commands::{Command, parted_override};
use crate::output::Printer;
use crate::size::parse_memory;
use crate::status::Status;

/// Train, judge and deploy blood-cell image classifiers that keep working when the images get worse.
#[derive(Parser)]
#[command(name = "hema", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Most memory for images, as `2G` or `512M`, in gigabytes without a letter, at least 16M: for those
    /// kept, beyond which they go to a temporary file, and as much for those being decoded; a picture that
    /// takes more to decode cannot be read
    /// [default: 4G, or a quarter of the machine's memory, and an eighth of it for decoding]
    #[arg(long, value_name = "SIZE", global = true, value_parser = parse_memory)]
    memory: Option<u64>,
    #[command(subcommand)]
    command: Command,
}

/// Runs the command that words say, the first of which is the program's name, and gives its exit status:
/// 0 done; 1 the data or model was found wanting; 2 an error; 130 interrupted by Ctrl-C, with everything
/// saved. Words that are no command end the process, with help or what is wrong with them.
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    keep_quiet_of_what_is_caught();
    let words: Vec<OsString> = words.into_iter().collect();
    let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| refuse(&words, &error));
    hema::set_command_line(words);
    let printer = Printer::new(cli.json);
    cli.memory.into_iter().for_each(hema::data::set_memory);
    let result = cli.command.run(&printer);
    match result.and_then(|status| printer.finish().map(|()| status)) {
        Ok(Status::Done) => 0,
        Ok(Status::FoundWanting) => 1,
        // as a shell reports SIGINT: `hema train ... && hema evaluate ...` must not go on with half a model
        Ok(Status::Interrupted) => 130,
        Err(error) => {
            printer.error(&error);
            2
        }
    }
}

/// Keeps a panic of the Parquet reader's from the terminal: it is caught, and told as the error that it is.
fn keep_quiet_of_what_is_caught() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().contains("parquet-")) {
            usual(panic);
        }
    }));
}

/// Ends the program with what is wrong with its arguments.
fn refuse(words: &[OsString], error: &clap::Error) -> ! {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match parted_override(&words) {
        Some(parted) if error.kind() == ErrorKind::UnknownArgument => {
            Printer::new(false).error(&parted);
            std::process::exit(2)
        }
        _ => error.exit(),
    }
}
