//! The `sagitta` program: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    sagitta::cli::main()
}
