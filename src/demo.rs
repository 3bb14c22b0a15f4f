//! `sagitta demo`: the real service on synthetic patients.
