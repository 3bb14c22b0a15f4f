//! The configuration: a raw struct from the file and the environment, checked into settings for each room.
