//! HTTP: the page, health, metrics.
