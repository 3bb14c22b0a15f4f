//! The service: wires the rooms together, and drains them in order.
