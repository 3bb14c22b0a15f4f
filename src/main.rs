//! The `sagitta` program: parse, run, exit.

fn main() {}
