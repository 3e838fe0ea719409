//! Carries out a plan phase by phase, then hands over.

mod dirs;
mod prepare;
mod stopped;
mod termination;
