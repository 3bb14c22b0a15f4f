//! From the bytes of a file to a [`Radiograph`](crate::domain::radiograph::Radiograph).
